//! The textual form of certificates, lists and requests (RFC 7468).

use base64ct::{Base64, Encoding};

use super::{Malformed, Result};

/// The label of a certificate.
pub const CERTIFICATE: &str = "CERTIFICATE";
/// The label of a revocation list.
pub const LIST: &str = "X509 CRL";
/// The label of a certification request.
pub const REQUEST: &str = "CERTIFICATE REQUEST";

/// Characters on a line (RFC 7468 2).
const LINE: usize = 64;
/// Blocks that are read from one text.
const MAX_BLOCKS: usize = 1_000;

/// One block of text around `der`, with a line feed at its end.
#[must_use]
pub fn encode(label: &str, der: &[u8]) -> String {
    let base64 = Base64::encode_string(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for (position, character) in base64.chars().enumerate() {
        if position > 0 && position.is_multiple_of(LINE) {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

/// The contents of all blocks of `label` in a text, in their order. Other blocks, and words between blocks,
/// are passed over; line ends and spaces inside a block do not matter.
///
/// # Errors
/// When a block of `label` has no end or is not Base64, or there are more than 1000.
pub fn decode(label: &str, text: &str) -> Result<Vec<Vec<u8>>> {
    const BROKEN: Malformed = Malformed::Unexpected("a PEM block");
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(&begin) {
        let (body, after) = after.split_once(&end).ok_or(BROKEN)?;
        rest = after;
        if blocks.len() == MAX_BLOCKS {
            return Err(BROKEN);
        }
        let base64: String = body.split_ascii_whitespace().collect();
        blocks.push(Base64::decode_vec(&base64).map_err(|_| BROKEN)?);
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_have_64_characters() {
        let text = encode(CERTIFICATE, &[0xff; 49]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "-----BEGIN CERTIFICATE-----");
        assert_eq!((lines[1].len(), lines[2].len()), (64, 4));
        assert_eq!(lines[3], "-----END CERTIFICATE-----");
        assert!(text.ends_with('\n'));
        assert_eq!(encode(LIST, &[0; 48]).lines().count(), 3, "no empty line");
    }

    #[test]
    fn blocks_are_found_among_others_and_words() {
        let text = format!(
            "Issued by the lab.\r\n{}{}words\r\n{}",
            encode(CERTIFICATE, &[1]),
            encode(REQUEST, &[2]),
            encode(CERTIFICATE, &[3]).replace('\n', "\r\n  "),
        );
        assert_eq!(decode(CERTIFICATE, &text), Ok(vec![vec![1], vec![3]]));
        assert_eq!(decode(REQUEST, &text), Ok(vec![vec![2]]));
        assert_eq!(decode(LIST, &text), Ok(vec![]));
    }

    #[test]
    fn refuses_blocks_that_are_broken() {
        for text in [
            "-----BEGIN CERTIFICATE-----\nAQ==\n",
            "-----BEGIN CERTIFICATE-----\nAQ=\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nA*==\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAQ==\n-----END CERTIFICATE-----",
        ] {
            assert!(decode(CERTIFICATE, text).is_err(), "{text}");
        }
        let many = encode(CERTIFICATE, &[1]).repeat(MAX_BLOCKS + 1);
        assert!(decode(CERTIFICATE, &many).is_err());
    }

    proptest! {
        #[test]
        fn every_content_comes_back(der in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(decode(LIST, &encode(LIST, &der)), Ok(vec![der]));
        }
    }
}
