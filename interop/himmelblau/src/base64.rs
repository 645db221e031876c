//! The middle of a JWT, read without a check: what is in it is shown, nothing is decided by it.

use serde_json::Value;

/// The payload of a compact JWS; none where it is not one.
pub(crate) fn payload(token: &str) -> Option<Value> {
    serde_json::from_slice(&decode(token.split('.').nth(1)?)?).ok()
}

/// Base64url without padding (RFC 4648 section 5).
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut bits = 0_u32;
    let mut count = 0;
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.extend_from_slice(&(bits >> count).to_be_bytes()[3..]);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_payload_of_an_unsecured_jwt() {
        // RFC 7519 section 6.1.
        let token = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt\
                     cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
        let payload = payload(token).expect("it is a JWT");
        assert_eq!(payload["iss"], "joe");
        assert_eq!(payload["exp"], 1_300_819_380);
        assert_eq!(payload["http://example.com/is_root"], true);
    }

    #[test]
    fn shows_nothing_of_an_opaque_token() {
        assert_eq!(payload("opaque"), None);
        assert_eq!(payload("0.AXoA"), None);
        assert_eq!(payload("a.b c.d"), None);
    }
}
