//! Percent-encoding (RFC 3986 2.1) and the building of URLs.

/// Encodes everything but RFC 3986's unreserved characters, so that the result can stand anywhere in a URL.
#[must_use]
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            crate::text::push_hex_upper(&mut out, &[byte]);
        }
    }
    out
}

/// Decodes percent-encoding. A `%` without two hexadecimal digits after it stays as it is, as do plus signs;
/// bytes that are not UTF-8 become U+FFFD, which matches nothing that anybody registered.
#[must_use]
pub fn percent_decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let encoded = match (first, after) {
            (b'%', [high, low, after @ ..]) => hex_digit(*high)
                .zip(hex_digit(*low))
                .map(|(high, low)| ((high << 4) | low, after)),
            _ => None,
        };
        let (byte, after) = encoded.unwrap_or((first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|value| value as u8)
}

/// Writes `name=value` pairs joined by `&`, percent-encoded: a query, a form body, or a fragment of parameters.
#[must_use]
pub fn write_query<N: AsRef<str>, V: AsRef<str>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(&percent_encode(name.as_ref()));
        out.push('=');
        out.push_str(&percent_encode(value.as_ref()));
    }
    out
}

/// Adds parameters to a URL's query, keeping the query that it has and dropping its fragment.
#[must_use]
pub fn with_query<N: AsRef<str>, V: AsRef<str>>(
    url: &str,
    pairs: impl IntoIterator<Item = (N, V)>,
) -> String {
    let base = url.split('#').next().unwrap_or_default();
    let added = write_query(pairs);
    if added.is_empty() {
        return base.to_owned();
    }
    let joint = match base.split_once('?') {
        None => "?",
        Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    format!("{base}{joint}{added}")
}

/// Replaces a URL's fragment by parameters (OAuth's `response_mode=fragment`).
#[must_use]
pub fn with_fragment<N: AsRef<str>, V: AsRef<str>>(
    url: &str,
    pairs: impl IntoIterator<Item = (N, V)>,
) -> String {
    let base = url.split('#').next().unwrap_or_default();
    format!("{base}#{}", write_query(pairs))
}
