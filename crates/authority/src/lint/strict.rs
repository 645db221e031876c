//! Is every byte of an encoding DER (X.690 8, 10 and 11)?
//!
//! This walker shares no code with the writers in `wire` and none with the decoder beside it: what one of
//! them gets wrong, another has to get wrong in the same way to go unseen.

/// Levels that are followed. A certificate nests about ten deep.
const MAX_DEPTH: usize = 24;

/// What is not DER, in a few words; `Ok` when all of `bytes` is one DER element.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    match element(bytes, 0)? {
        [] => Ok(()),
        _ => Err("data after the end".into()),
    }
}

/// Checks the first element and gives what follows it.
fn element(bytes: &[u8], depth: usize) -> Result<&[u8], String> {
    if depth > MAX_DEPTH {
        return Err("nested too deep".into());
    }
    let (tag, content, rest) = split(bytes)?;
    let constructed = tag & 0x20 != 0;
    if tag & 0xc0 == 0 {
        universal(tag, content)?;
    }
    if constructed {
        inside(tag, content, depth)?;
    }
    Ok(rest)
}

/// Tag, content and what follows.
pub(super) fn split(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), String> {
    let (&tag, rest) = bytes.split_first().ok_or("an element without a tag")?;
    if tag & 0x1f == 0x1f {
        return Err("a tag number over 30".into());
    }
    let (&first, rest) = rest.split_first().ok_or("an element without a length")?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x80 => return Err("an indefinite length".into()),
        long => {
            let octets = usize::from(long & 0x7f);
            let (length, rest) = rest.split_at_checked(octets).ok_or("a length cut short")?;
            if octets > 4
                || length.first() == Some(&0)
                || (octets == 1 && length < [0x80].as_slice())
            {
                return Err("a length that is not minimal".into());
            }
            let value = length
                .iter()
                .fold(0u64, |value, octet| (value << 8) | u64::from(*octet));
            (
                usize::try_from(value).map_err(|_| "a length too large")?,
                rest,
            )
        }
    };
    let (content, rest) = rest
        .split_at_checked(length)
        .ok_or("an element longer than what holds it")?;
    Ok((tag, content, rest))
}

fn inside(tag: u8, mut content: &[u8], depth: usize) -> Result<(), String> {
    let mut previous: Option<&[u8]> = None;
    while !content.is_empty() {
        let rest = element(content, depth + 1)?;
        let length = content.len() - rest.len();
        let this = content.get(..length).unwrap_or_default();
        // X.690 11.6: the members of a SET OF stand in ascending order of their encodings.
        if tag == 0x31 && previous.is_some_and(|previous| previous > this) {
            return Err("a SET OF out of order".into());
        }
        previous = Some(this);
        content = rest;
    }
    Ok(())
}

fn universal(tag: u8, content: &[u8]) -> Result<(), String> {
    let fault = match tag {
        0x01 => (!matches!(content, [0x00] | [0xff])).then_some("a BOOLEAN that is not 00 or FF"),
        0x02 | 0x0a => (!minimal(content)).then_some("an INTEGER that is not minimal"),
        0x03 => (!bits(content)).then_some("a BIT STRING with wrong unused bits"),
        0x04 => None,
        0x05 => (!content.is_empty()).then_some("a NULL with content"),
        0x06 => (!arcs(content)).then_some("an OBJECT IDENTIFIER that is not minimal"),
        0x0c => core::str::from_utf8(content)
            .is_err()
            .then_some("a UTF8String that is not UTF-8"),
        0x13 => (!content.iter().all(|octet| printable(*octet)))
            .then_some("a PrintableString with other characters"),
        0x16 | 0x1b => (!content.is_ascii()).then_some("an IA5String that is not ASCII"),
        0x17 | 0x18 => (!time(tag, content)).then_some("a time in another form than RFC 5280's"),
        0x1e => (!content.len().is_multiple_of(2)).then_some("a BMPString of odd length"),
        0x30 | 0x31 => None,
        _ => Some("a type that certificates do not use"),
    };
    match fault {
        Some(fault) => Err(fault.into()),
        None => Ok(()),
    }
}

fn minimal(integer: &[u8]) -> bool {
    match integer {
        [] => false,
        [0x00, next, ..] => next & 0x80 != 0,
        [0xff, next, ..] => next & 0x80 == 0,
        _ => true,
    }
}

fn bits(content: &[u8]) -> bool {
    match content {
        [0] => true,
        [unused @ 0..=7, .., last] => last & !(0xff << unused) == 0,
        _ => false,
    }
}

fn arcs(content: &[u8]) -> bool {
    let mut start = true;
    for octet in content {
        if start && *octet == 0x80 {
            return false;
        }
        start = octet & 0x80 == 0;
    }
    start && !content.is_empty()
}

fn printable(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&octet)
}

fn time(tag: u8, content: &[u8]) -> bool {
    let digits = if tag == 0x17 { 12 } else { 14 };
    match content.split_last() {
        Some((b'Z', rest)) => rest.len() == digits && rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> String {
        check(bytes).expect_err("not DER")
    }

    #[test]
    fn accepts_der() {
        for bytes in [
            &b"\x30\x00"[..],
            b"\x30\x06\x02\x01\x7f\x01\x01\xff",
            b"\x31\x06\x02\x01\x01\x02\x01\x02",
            b"\x03\x02\x07\x80",
            b"\x03\x01\x00",
            b"\x06\x03\x55\x04\x03",
            b"\x17\x0d230101000000Z",
            b"\x18\x0f20500101000000Z",
            b"\x02\x02\x00\x80",
            b"\xa0\x03\x02\x01\x02",
            b"\x82\x01a",
        ] {
            assert_eq!(check(bytes), Ok(()), "{bytes:02x?}");
        }
        let long = [&b"\x04\x81\x80"[..], &[0; 0x80]].concat();
        assert_eq!(check(&long), Ok(()));
    }

    #[test]
    fn refuses_each_departure_from_der() {
        for (bytes, why) in [
            (&b""[..], "without a tag"),
            (b"\x30", "without a length"),
            (b"\x30\x80\x00\x00", "indefinite"),
            (b"\x04\x81\x01a", "not minimal"),
            (b"\x04\x82\x00\x80", "not minimal"),
            (b"\x04\x85\x00\x00\x00\x00\x01", "not minimal"),
            (b"\x04\x82\x01", "cut short"),
            (b"\x04\x05a", "longer than"),
            (b"\x30\x00\x00", "after the end"),
            (b"\x1f\x81\x00", "tag number"),
            (b"\x01\x01\x01", "BOOLEAN"),
            (b"\x02\x02\x00\x01", "INTEGER"),
            (b"\x02\x02\xff\xff", "INTEGER"),
            (b"\x02\x00", "INTEGER"),
            (b"\x03\x02\x07\x81", "BIT STRING"),
            (b"\x03\x02\x08\x00", "BIT STRING"),
            (b"\x03\x01\x01", "BIT STRING"),
            (b"\x03\x00", "BIT STRING"),
            (b"\x05\x01\x00", "NULL"),
            (b"\x06\x02\x80\x01", "OBJECT IDENTIFIER"),
            (b"\x06\x01\x81", "OBJECT IDENTIFIER"),
            (b"\x06\x00", "OBJECT IDENTIFIER"),
            (b"\x0c\x01\xff", "UTF-8"),
            (b"\x13\x01*", "PrintableString"),
            (b"\x16\x01\xe9", "ASCII"),
            (b"\x17\x0b2301010000Z", "time"),
            (b"\x18\x1120230101000000.5Z", "time"),
            (b"\x1e\x01a", "BMPString"),
            (b"\x09\x00", "do not use"),
            (b"\x24\x00", "do not use"),
            (b"\x10\x00", "do not use"),
            (b"\x31\x06\x02\x01\x02\x02\x01\x01", "out of order"),
        ] {
            let found = refused(bytes);
            assert!(found.contains(why), "{bytes:02x?}: {found}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut bytes = Vec::new();
        for _ in 0..40 {
            let mut outer = vec![0x30, bytes.len() as u8];
            outer.append(&mut bytes);
            bytes = outer;
        }
        assert!(refused(&bytes).contains("deep"));
    }
}
