//! The syntax of names and places.

use der::{Tag, Tagged};
use x509_cert::name::Name;

use super::{Findings, Rule};

/// A host or domain name: labels of letters, digits and hyphens, up to 63 octets each and 253 in all
/// (RFC 1034 3.5, RFC 1123 2.1). A leftmost `*` where `wildcard` allows it and a domain of two labels or
/// more follows.
pub(crate) fn is_dns_name(name: &str, wildcard: bool) -> bool {
    let rest = match name.strip_prefix("*.") {
        Some(rest) if wildcard && rest.contains('.') => rest,
        _ => name,
    };
    name.len() <= 253 && rest.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let edges = !label.starts_with('-') && !label.ends_with('-');
    let characters = label
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (1..=63).contains(&label.len()) && edges && characters
}

/// `http://host[:port]/path` without user, query tricks, spaces or control characters. Plain HTTP, for a
/// list that is fetched over TLS would need a list to be fetched first (PKI-CDP-1).
pub(crate) fn is_http(uri: &str) -> bool {
    let Some(rest) = uri.strip_prefix("http://") else {
        return false;
    };
    let Some((authority, _path)) = rest.split_once('/') else {
        return false;
    };
    let host = match authority.split_once(':') {
        Some((host, port)) => match port.parse::<u16>() {
            Ok(1..) => host,
            _ => return false,
        },
        None => authority,
    };
    let characters = uri
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
    is_dns_name(host, false) && characters
}

/// String types and lengths of a distinguished name. Returns whether it is empty.
pub(super) fn judge(name: &Name, findings: &mut Findings) -> bool {
    let rdns = name.iter_rdn();
    let mut empty = true;
    for rdn in rdns {
        for attribute in rdn.iter() {
            empty = false;
            let oid = attribute.oid.to_string();
            let tag = attribute.value.tag();
            let length = core::str::from_utf8(attribute.value.value())
                .map_or(usize::MAX, |text| text.chars().count());
            // RFC 5280 4.1.2.4 and appendix A: types and upper bounds.
            let (types, bound): (&[Tag], usize) = match oid.as_str() {
                "0.9.2342.19200300.100.1.25" => (&[Tag::Ia5String], 63),
                "2.5.4.6" => (&[Tag::PrintableString], 2),
                "2.5.4.3" | "2.5.4.10" | "2.5.4.11" => {
                    (&[Tag::Utf8String, Tag::PrintableString], 64)
                }
                _ => {
                    findings.report(Rule::SubjectName, format!("an attribute {oid}"));
                    continue;
                }
            };
            findings.require(
                Rule::SubjectName,
                types.contains(&tag),
                format!("attribute {oid} is a {tag}"),
            );
            findings.require(
                Rule::SubjectName,
                (1..=bound).contains(&length),
                format!("attribute {oid} has {length} characters, 1 to {bound} are allowed"),
            );
        }
    }
    empty
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_letters_digits_and_hyphens() {
        for good in [
            "a",
            "dc1.corp.example",
            "xn--bcher-kva.example",
            "1.2",
            "CORP",
        ] {
            assert!(is_dns_name(good, false), "{good}");
        }
        let long = format!("{}.example", "a".repeat(64));
        let longer = format!("{}a", "a.".repeat(127));
        for bad in [
            "", ".", "a.", ".a", "a..b", "-a", "a-", "a_b", "a b", "é", "*.a.b", &long, &longer,
        ] {
            assert!(!is_dns_name(bad, false), "{bad}");
        }
        assert!(is_dns_name("*.corp.example", true));
        for bad in [
            "*",
            "*.example",
            "a.*.example",
            "**.corp.example",
            "*a.corp.example",
        ] {
            assert!(!is_dns_name(bad, true), "{bad}");
        }
    }

    #[test]
    fn places_are_plain_http() {
        for good in [
            "http://pki.corp.example/root.crl",
            "http://127.0.0.1:18080/root.crl",
        ] {
            assert!(is_http(good), "{good}");
        }
        for bad in [
            "https://pki.corp.example/root.crl",
            "HTTP://pki.corp.example/root.crl",
            "ldap:///CN=x",
            "http://",
            "http://pki.corp.example",
            "http:///root.crl",
            "http://user@pki.corp.example/root.crl",
            "http://pki.corp.example:0/root.crl",
            "http://pki.corp.example:port/root.crl",
            "http://pki.corp.example/root .crl",
            "http://pki.corp.example/\nroot.crl",
        ] {
            assert!(!is_http(bad), "{bad}");
        }
    }
}
