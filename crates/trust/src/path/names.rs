//! Does a name lie where an authority's constraints allow it? (RFC 5280 4.2.1.10.)

use std::net::IpAddr;

use wire::x509::{Certificate, GeneralName, Malformed, Name, NameConstraints, NameSubtree, oid};

use super::folded;

/// Every name by which a certificate speaks of its subject, the subject itself and a mailbox in it among them.
pub(super) fn names_of(certificate: &Certificate) -> Result<Vec<GeneralName>, Malformed> {
    let mut names = certificate.extensions().subject_alternative_names()?;
    let subject = certificate.subject();
    if !subject.is_empty() {
        let parts = subject.parts()?;
        let mailboxes = parts.into_iter().flatten();
        names.extend(
            mailboxes
                .filter(|attribute| attribute.kind == oid::EMAIL_ADDRESS)
                .map(|attribute| GeneralName::Email(attribute.value)),
        );
        names.push(GeneralName::Directory(subject.clone()));
    }
    Ok(names)
}

/// Whether the constraints let a name be. Where that cannot be told they do not.
pub(super) fn allow(constraints: &NameConstraints, name: &GeneralName) -> bool {
    let concerned = |subtree: &&NameSubtree| same_form(subtree, name);
    let mut permitted = constraints
        .permitted
        .iter()
        .filter(concerned)
        .map(|subtree| lies_below(name, subtree))
        .peekable();
    let permitted = permitted.peek().is_none() || permitted.any(|below| below == Some(true));
    let excluded = constraints
        .excluded
        .iter()
        .filter(concerned)
        .any(|subtree| lies_below(name, subtree) != Some(false));
    permitted && !excluded
}

fn same_form(subtree: &NameSubtree, name: &GeneralName) -> bool {
    match (subtree, name) {
        (NameSubtree::Network { .. }, GeneralName::Ip(_)) => true,
        (NameSubtree::Network { .. }, _) => false,
        (NameSubtree::Name(GeneralName::Other(base, _)), GeneralName::Other(kind, _)) => {
            base == kind
        }
        (NameSubtree::Name(GeneralName::Unused(base, _)), GeneralName::Unused(kind, _)) => {
            base == kind
        }
        (NameSubtree::Name(base), name) => {
            core::mem::discriminant(base) == core::mem::discriminant(name)
        }
    }
}

/// Whether a name lies below one of the same form; `None` where nobody can say.
fn lies_below(name: &GeneralName, subtree: &NameSubtree) -> Option<bool> {
    match (subtree, name) {
        (NameSubtree::Network { address, mask }, GeneralName::Ip(name)) => {
            within(name, address, mask)
        }
        (NameSubtree::Name(base), name) => match (base, name) {
            (GeneralName::Dns(base), GeneralName::Dns(name)) => Some(is_of_domain(name, base)),
            (GeneralName::Email(base), GeneralName::Email(name)) => is_mailbox_of(name, base),
            (GeneralName::UserPrincipalName(base), GeneralName::UserPrincipalName(name)) => {
                // As Windows reads them: a suffix, with or without the sign in front.
                is_mailbox_of(name, base.strip_prefix('@').unwrap_or(base))
            }
            (GeneralName::Uri(base), GeneralName::Uri(name)) => {
                Some(is_host_of(host_of(name)?, base))
            }
            (GeneralName::Directory(base), GeneralName::Directory(name)) => begins_with(name, base),
            _ => None,
        },
        _ => None,
    }
}

fn within(name: &IpAddr, address: &IpAddr, mask: &IpAddr) -> Option<bool> {
    let octets = |address: &IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let (name, address, mask) = (octets(name), octets(address), octets(mask));
    if name.len() != address.len() || address.len() != mask.len() {
        return Some(false);
    }
    let bits = name.iter().zip(&address).zip(&mask);
    Some(
        bits.into_iter()
            .all(|((name, address), mask)| name & mask == address & mask),
    )
}

/// A host is of its own domain and of those above it; of one written with a dot in front, only what lies below.
fn is_of_domain(host: &str, base: &str) -> bool {
    let (host, base) = (host.to_ascii_lowercase(), base.to_ascii_lowercase());
    let bare = base.strip_prefix('.').unwrap_or(&base);
    bare.is_empty()
        || (host == bare && bare.len() == base.len())
        || host
            .strip_suffix(bare)
            .is_some_and(|rest| rest.ends_with('.'))
}

/// As a mailbox's host or a URI's is constrained: by itself, or by a domain with a dot in front.
fn is_host_of(host: &str, base: &str) -> bool {
    if base.starts_with('.') {
        is_of_domain(host, base)
    } else {
        host.eq_ignore_ascii_case(base)
    }
}

fn is_mailbox_of(mailbox: &str, base: &str) -> Option<bool> {
    let (local, host) = mailbox.rsplit_once('@')?;
    Some(match base.rsplit_once('@') {
        Some((base, of)) => local == base && host.eq_ignore_ascii_case(of),
        None => is_host_of(host, base),
    })
}

/// The host of a URI that has one.
fn host_of(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = host.split(':').next()?;
    (!host.is_empty() && !host.starts_with('[')).then_some(host)
}

fn begins_with(name: &Name, base: &Name) -> Option<bool> {
    Some(folded(name)?.starts_with(&folded(base)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraints(permitted: &[GeneralName], excluded: &[GeneralName]) -> NameConstraints {
        let subtrees =
            |names: &[GeneralName]| names.iter().cloned().map(NameSubtree::Name).collect();
        NameConstraints {
            permitted: subtrees(permitted),
            excluded: subtrees(excluded),
        }
    }

    fn upn(text: &str) -> GeneralName {
        GeneralName::UserPrincipalName(text.to_owned())
    }

    fn dns(text: &str) -> GeneralName {
        GeneralName::Dns(text.to_owned())
    }

    fn email(text: &str) -> GeneralName {
        GeneralName::Email(text.to_owned())
    }

    fn uri(text: &str) -> GeneralName {
        GeneralName::Uri(text.to_owned())
    }

    #[test]
    fn names_of_each_form_lie_where_rfc_5280_says() {
        let subject = |parts: &[(const_oid::ObjectIdentifier, &str)]| {
            GeneralName::Directory(Name::new(parts.iter().copied()))
        };
        let staff = subject(&[(oid::ORGANIZATION, "Corp")]);
        let alice = subject(&[(oid::ORGANIZATION, "corp"), (oid::COMMON_NAME, "Alice")]);
        let other = subject(&[(oid::ORGANIZATION, "Other"), (oid::COMMON_NAME, "Alice")]);
        let cases = [
            (dns("corp.example"), dns("corp.example"), true),
            (dns("corp.example"), dns("PC.corp.example"), true),
            (dns("corp.example"), dns("evilcorp.example"), false),
            (dns(".corp.example"), dns("corp.example"), false),
            (dns(""), dns("anything"), true),
            (email("corp.example"), email("a@corp.example"), true),
            (email("corp.example"), email("a@pc.corp.example"), false),
            (email(".corp.example"), email("a@pc.corp.example"), true),
            (email("a@corp.example"), email("a@CORP.example"), true),
            (email("a@corp.example"), email("A@corp.example"), false),
            (upn("corp.example"), upn("alice@corp.example"), true),
            (upn("@corp.example"), upn("alice@corp.example"), true),
            (upn("corp.example"), upn("alice@other.example"), false),
            (uri("corp.example"), uri("https://corp.example/x"), true),
            (uri("corp.example"), uri("https://u@corp.example:1/x"), true),
            (
                uri("corp.example"),
                uri("https://corp.example.evil/"),
                false,
            ),
            (staff.clone(), alice, true),
            (staff, other, false),
        ];
        for (base, name, inside) in cases {
            let permitted = constraints(std::slice::from_ref(&base), &[]);
            assert_eq!(allow(&permitted, &name), inside, "{base:?} {name:?}");
            let excluded = constraints(&[], std::slice::from_ref(&base));
            assert_eq!(allow(&excluded, &name), !inside, "{base:?} {name:?}");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_neither_permitted_nor_spared() {
        let odd = |value: &[u8]| GeneralName::Other(oid::PKINIT_SAN, value.to_vec());
        let cases = [
            (odd(&[5, 0]), odd(&[5, 0])),
            (uri("a.example"), uri("tag:x")),
        ];
        for (base, name) in cases {
            let permitted = constraints(std::slice::from_ref(&base), &[]);
            assert!(!allow(&permitted, &name));
            assert!(!allow(&constraints(&[], &[base]), &name));
        }
        // Another form is not concerned.
        assert!(allow(&constraints(&[dns("a")], &[]), &upn("alice@b")));
    }

    #[test]
    fn addresses_lie_in_networks_of_their_own_family() {
        let network = |address: &str, mask: &str| NameConstraints {
            permitted: vec![NameSubtree::Network {
                address: address.parse().unwrap(),
                mask: mask.parse().unwrap(),
            }],
            excluded: Vec::new(),
        };
        let ip = |text: &str| GeneralName::Ip(text.parse().unwrap());
        let four = network("10.1.0.0", "255.255.0.0");
        assert!(allow(&four, &ip("10.1.2.3")));
        assert!(!allow(&four, &ip("10.2.2.3")));
        assert!(!allow(&four, &ip("::1")));
    }
}
