//! Whose a certificate is: what accounts list, what certificates say, and what the KDC decides by both (protocols E.5.2
//! to E.5.5).

use crypto::digest;
use crypto::signature::Signer;
use directory::testing::START;
use directory::{Attribute, Edit, change, issuers};
use kdc::StrongMapping;
use trust::revocation::{ListRow, Mapping, Settings};
use trust::{Span, Timestamp};
use wire::Sid;
use wire::x509::mapping::{CertificateMapping, MappedName};
use wire::x509::{Certificate, Extension, Extensions, GeneralName, KerberosName, oid};

use crate::Seed;
use crate::cards::{CARDS, KEY_IDENTIFIER, SERIAL, cut, with_length};

/// The first byte says how the issuer's certificates are mapped (two bits), how strongly in the realm (two bits), and
/// whether a text or an extension is looked at by itself (the highest bit). Then: what alice's account lists, the
/// alternative names of her certificate, and its SID.
pub(crate) fn mapping(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    if first & 0x80 != 0 {
        return alone(rest);
    }
    signed_in(*first, rest);
}

/// What can be read can be written, and is the same then.
fn alone(bytes: &[u8]) {
    let list = |kind, value: &[u8]| {
        Extensions::from(vec![Extension {
            oid: kind,
            critical: false,
            value: value.to_vec(),
        }])
    };
    let names = list(oid::SUBJECT_ALTERNATIVE_NAME, bytes);
    if let Ok(names) = names.subject_alternative_names() {
        let again = Extension::subject_alternative_name(&names, false);
        let again = Extensions::from(vec![again]).subject_alternative_names();
        assert_eq!(again.as_ref(), Ok(&names));
    }
    let _ = names.security_identifier_uri();
    let sid = list(oid::SECURITY_IDENTIFIER, bytes).security_identifier();
    if let Ok(Some(sid)) = sid {
        let again = Extensions::from(vec![Extension::security_identifier(&sid)]);
        assert_eq!(again.security_identifier(), Ok(Some(sid)));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(mapping) = text.parse::<CertificateMapping>() {
        let again = mapping.to_string().parse::<CertificateMapping>();
        assert_eq!(again.as_ref(), Ok(&mapping), "{mapping}");
    }
    if let Ok(name) = text.parse::<MappedName>() {
        let again = name.to_string().parse::<MappedName>();
        assert_eq!(again.as_ref(), Ok(&name), "{name}");
        assert!(name.is_same(&name));
    }
}

/// Whether alice gets a ticket, which must have a reason.
fn signed_in(rules: u8, bytes: &[u8]) -> bool {
    let cards = &*CARDS;
    let (text, rest) = cut(bytes);
    let (names, rest) = cut(rest);
    let (sid, _) = cut(rest);
    let mapping = match rules & 3 {
        0 => Mapping::Explicit,
        1 => Mapping::Name,
        _ => Mapping::Sid,
    };
    let strong = match rules >> 2 & 3 {
        0 => StrongMapping::Disabled,
        1 => StrongMapping::Compatibility {
            backdating: Span::days(1),
        },
        _ => StrongMapping::Full,
    };
    let settings = Settings {
        mapping,
        ..Settings::default()
    };
    let list = ListRow {
        this_update: START,
        next_update: START + Span::days(1),
        fetched: START,
        number: 1,
        entries: 0,
        place: String::new(),
        issuer: Vec::new(),
    };
    let key = cards.id().0.to_vec();
    let mut changes = vec![
        issuers::settings(&cards.id(), &settings),
        change::put(issuers::LISTS, key, list.to_bytes(), Timestamp::NEVER),
    ];
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    if !text.is_empty() {
        let edit = Edit::Set(Attribute::AltSecurityIdentities, vec![text.into()]);
        changes.push(change::modify(cards.alice, vec![edit]));
    }
    // The directory does not take every text.
    let Some(directory) = cards.with(&changes) else {
        return false;
    };
    let mut extensions = Vec::new();
    for (kind, value) in [
        (oid::SUBJECT_ALTERNATIVE_NAME, names),
        (oid::SECURITY_IDENTIFIER, sid),
    ] {
        if !value.is_empty() {
            extensions.push(Extension {
                oid: kind,
                critical: false,
                value: value.to_vec(),
            });
        }
    }
    let card = cards.issue(&extensions).expect("the issuer issues");
    let Some(request) = cards.request(&card) else {
        return false;
    };
    let granted = cards.signs_in(&request, &directory, strong);
    let Ok(card) = Certificate::parse(&card) else {
        assert!(!granted, "by a certificate that cannot be read");
        return false;
    };
    if granted && strong == StrongMapping::Full {
        let named = mapping == Mapping::Sid && says(&card, &cards.sid);
        assert!(named || is_listed(text, &card), "{mapping:?} {text:?}");
    }
    let read = card.extensions();
    let own = read.security_identifier() == Ok(Some(cards.sid))
        && matches!(read.security_identifier_uri(), Ok(None))
        && read.subject_alternative_names().is_ok();
    if mapping == Mapping::Sid && own {
        assert!(granted, "alice's own certificate");
    }
    granted
}

/// Whether a certificate has a SID in it anywhere, as text.
fn says(card: &Certificate, sid: &Sid) -> bool {
    let text = sid.to_string();
    let mut windows = card.der().windows(text.len());
    windows.any(|window| window == text.as_bytes())
}

/// Whether a text names this very certificate, its key, or the SID in it, written by other code than what reads it.
fn is_listed(text: &str, card: &Certificate) -> bool {
    let text = text.to_ascii_lowercase();
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let serial: Vec<u8> = SERIAL.iter().rev().copied().collect();
    let octets = wire::x509::public_key_octets(card.spki());
    let octets = octets.expect("our key can be read");
    let written = [
        ("<sr>", hex(&serial)),
        ("<ski>", hex(&KEY_IDENTIFIER)),
        ("<sha1-pukey>", hex(&digest::sha1(card.spki()))),
        ("<sha1-pukey>", hex(&digest::sha1(octets))),
    ];
    let by_value = written
        .iter()
        .any(|(tag, value)| text.contains(value) && text.replace(' ', "").contains(tag));
    let sid = card.extensions().security_identifier();
    let sid = sid.ok().flatten();
    let uri = card.extensions().security_identifier_uri();
    let sid = sid.or(uri.ok().flatten());
    let by_sid = sid.is_some_and(|sid| text.contains(&sid.to_string().to_ascii_lowercase()));
    by_value || by_sid
}

pub(crate) fn seeds() -> Vec<Seed> {
    let cards = &*CARDS;
    let upn = |name: &str| GeneralName::UserPrincipalName(name.to_owned());
    let kerberos = GeneralName::Kerberos(KerberosName {
        realm: "CORP.EXAMPLE".into(),
        name_type: 1,
        components: vec!["alice".into()],
    });
    let uri = format!("tag:microsoft.com,2022-09-14:sid:{}", cards.sid);
    let names = |names: &[GeneralName]| Extension::subject_alternative_name(names, false).value;
    let own = Extension::security_identifier(&cards.sid).value;
    let mut other = own.clone();
    if let Some(last) = other.last_mut() {
        *last ^= 1;
    }
    let key = digest::sha1(&cards.key.public_key().to_spki_der());
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let sid_listed = format!("X509:<I>CN=Cards<SID>{}", cards.sid);
    let key_listed = format!("X509:<SHA1-PUKEY>{key}");
    let mail = [GeneralName::Email("alice@corp.example".into())];
    let alice = names(&[upn("alice@corp.example"), kerberos]);
    let (explicit, by_name, by_sid) = (0, 1, 2);
    let (compatible, full) = (4, 8);
    type One<'a> = (&'a str, u8, &'a str, &'a [u8], &'a [u8]);
    let nobody: &[u8] = &[];
    let all: [One<'_>; 13] = [
        ("sid", by_sid | full, "", nobody, &own),
        ("sid-of-another", by_sid | full, "", nobody, &other),
        (
            "sid-uri",
            by_sid | full,
            "",
            &names(&[GeneralName::Uri(uri)]),
            nobody,
        ),
        ("upn", by_name | full, "", &alice, nobody),
        ("upn-weak", by_name, "", &alice, nobody),
        ("upn-compatible", by_name | compatible, "", &alice, nobody),
        ("serial", full, "X509:<I>CN=Cards<SR>563412", nobody, nobody),
        (
            "other-serial",
            full,
            "X509:<I>CN=Cards<SR>123456",
            nobody,
            nobody,
        ),
        (
            "identifier",
            full,
            &format!("X509:<SKI>{}", "a1".repeat(20)),
            nobody,
            nobody,
        ),
        ("key", full, &key_listed, nobody, nobody),
        ("issuer-sid", full, &sid_listed, nobody, &own),
        (
            "subject",
            explicit,
            "X509:<I>CN=Cards<S>CN=\"Alice\"",
            nobody,
            nobody,
        ),
        (
            "mailbox",
            explicit,
            "X509:<RFC822>alice@corp.example",
            &names(&mail),
            nobody,
        ),
    ];
    let mut seeds = Vec::new();
    for (name, rules, text, names, sid) in all {
        let parts = [text.as_bytes(), names, sid].map(with_length).concat();
        let bytes = [&[rules], parts.as_slice()].concat();
        seeds.push(("mapping", name.to_owned(), bytes));
        for (kind, part) in [("text", text.as_bytes()), ("names", names), ("of", sid)] {
            if !part.is_empty() {
                let bytes = [&[0x80], part].concat();
                seeds.push(("mapping", format!("{name}-{kind}"), bytes));
            }
        }
    }
    for (name, text) in [
        (
            "quoted",
            "X509:<I>DC=example,O=\"A <B>, \"\"C\"\"\"+OU=x<S>OID.2.5.4.4=Last",
        ),
        ("name-alone", "C=DE;O=Bank,CN=Alice"),
    ] {
        let bytes = [&[0x80], text.as_bytes()].concat();
        seeds.push(("mapping", name.to_owned(), bytes));
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_sign_in_where_they_should() {
        let mut granted = Vec::new();
        for (_, name, bytes) in seeds() {
            if bytes[0] & 0x80 == 0 && signed_in(bytes[0], &bytes[1..]) {
                granted.push(name);
            }
        }
        let right = [
            "sid",
            "sid-uri",
            "upn-weak",
            "upn-compatible",
            "serial",
            "identifier",
            "key",
            "issuer-sid",
            "subject",
            "mailbox",
        ];
        assert_eq!(granted, right);
    }
}
