//! DER written and walked: just enough for Kerberos and CMS messages.

/// Tag, length, body.
pub fn tlv(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut out = Vec::with_capacity(length + 6);
    out.push(tag);
    match length {
        0..0x80 => out.push(length as u8),
        0x80..0x100 => out.extend([0x81, length as u8]),
        0x100..0x1_0000 => out.extend([0x82, (length >> 8) as u8, length as u8]),
        _ => out.extend([
            0x83,
            (length >> 16) as u8,
            (length >> 8) as u8,
            length as u8,
        ]),
    }
    out.extend_from_slice(body);
    out
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub fn set(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x31, &parts.concat())
}

/// An explicit context tag.
pub fn context(number: u8, body: &[u8]) -> Vec<u8> {
    tlv(0xa0 | number, body)
}

/// An explicit application tag.
pub fn application(number: u8, body: &[u8]) -> Vec<u8> {
    tlv(0x60 | number, body)
}

pub fn integer(value: u64) -> Vec<u8> {
    unsigned(&value.to_be_bytes())
}

/// Unsigned big-endian bytes as INTEGER.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros.min(bytes.len() - 1)..];
    let mut body = Vec::with_capacity(bytes.len() + 1);
    if bytes[0] & 0x80 != 0 {
        body.push(0);
    }
    body.extend_from_slice(bytes);
    tlv(2, &body)
}

pub fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(4, bytes)
}

/// A BIT STRING of whole bytes.
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0], bytes].concat())
}

pub fn general_string(text: &str) -> Vec<u8> {
    tlv(0x1b, text.as_bytes())
}

pub fn generalized_time(text: &str) -> Vec<u8> {
    tlv(0x18, text.as_bytes())
}

pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted
        .split('.')
        .map(|arc| arc.parse().expect("an arc"))
        .collect();
    let mut body = vec![(arcs[0] * 40 + arcs[1]) as u8];
    for arc in &arcs[2..] {
        let mut digits = vec![(arc & 0x7f) as u8];
        let mut rest = arc >> 7;
        while rest > 0 {
            digits.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        body.extend(digits.iter().rev());
    }
    tlv(6, &body)
}

/// One parsed element; `whole` covers tag, length and body.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a> {
    pub tag: u8,
    pub body: &'a [u8],
    pub whole: &'a [u8],
}

/// The first element, and what follows it.
pub fn parse(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let tag = *bytes.first()?;
    let first = usize::from(*bytes.get(1)?);
    let (head, length) = if first < 0x80 {
        (2, first)
    } else {
        // Four bytes of length are more than any message has; none is BER's indefinite form.
        let digits = bytes
            .get(2..2 + (first & 0x7f))
            .filter(|digits| (1..=4).contains(&digits.len()))?;
        (
            2 + digits.len(),
            digits
                .iter()
                .fold(0, |all, byte| all << 8 | usize::from(*byte)),
        )
    };
    let end = head.checked_add(length)?;
    let (whole, rest) = bytes.split_at_checked(end)?;
    Some((
        Element {
            tag,
            body: &whole[head..],
            whole,
        },
        rest,
    ))
}

pub fn first(bytes: &[u8]) -> Option<Element<'_>> {
    parse(bytes).map(|(element, _)| element)
}

impl<'a> Element<'a> {
    pub fn children(&self) -> Vec<Element<'a>> {
        let (mut all, mut rest) = (Vec::new(), self.body);
        while let Some((element, next)) = parse(rest) {
            all.push(element);
            rest = next;
        }
        all
    }

    /// What an explicit tag is around.
    pub fn inner(&self) -> Option<Element<'a>> {
        first(self.body)
    }

    /// The child with this tag.
    pub fn child(&self, tag: u8) -> Option<Element<'a>> {
        self.children().into_iter().find(|child| child.tag == tag)
    }

    /// What the explicit tag `tag` among the children is around.
    pub fn within(&self, tag: u8) -> Option<Element<'a>> {
        self.child(tag)?.inner()
    }

    pub fn number(&self) -> u64 {
        self.body
            .iter()
            .fold(0, |all, byte| all << 8 | u64::from(*byte))
    }
}
