//! As much BER as LDAP's answers need.

/// A value with its tag and length.
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = vec![tag];
    if let Ok(short @ 0..0x80) = u8::try_from(length) {
        out.push(short);
    } else {
        let bytes = u32::try_from(length).expect("it is short").to_be_bytes();
        out.push(0x84);
        out.extend(bytes);
    }
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// An INTEGER or ENUMERATED that is not negative.
pub fn integer(tag: u8, value: u32) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(value.to_be_bytes());
    let zeros = bytes.windows(2).take_while(|two| two[0] == 0 && two[1] < 0x80);
    let start = zeros.count();
    tlv(tag, &[&bytes[start..]])
}

/// The tag, the content and the rest; `None` when that is not all there.
pub fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match usize::from(first) {
        short @ 0..0x80 => (short, rest),
        long => {
            let (bytes, rest) = rest.split_at_checked(long - 0x80)?;
            let length = bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            (length, rest)
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// A small number.
pub fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}
