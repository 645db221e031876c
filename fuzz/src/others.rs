//! Everything that is not ASN.1.

use wire::ccache::CredentialCache;
use wire::dn_binary::DnBinary;
use wire::dns::{Answer, Name, TxtQuestion};
use wire::http::Fields;
use wire::key_credential::KeyCredentialLink;
use wire::key_material::PublicKeyMaterial;
use wire::keytab::Keytab;
use wire::registration::{JoinRequest, KeyRequest, TenantDiscovery};
use wire::security_descriptor::SecurityDescriptor;
use wire::{Guid, Sid};

pub(crate) fn key_credential(bytes: &[u8]) {
    if let Ok(link) = KeyCredentialLink::parse(bytes) {
        assert_eq!(link.as_bytes(), bytes);
        let _ = (
            link.key_hash_matches(),
            link.key_id_matches(),
            link.key_usage(),
            link.key_source(),
        );
        let _ = (
            link.device_id(),
            link.custom_key_information(),
            link.last_logon(),
            link.creation_time(),
        );
        let _ = link.public_key().map(|key| key.to_spki_der());
    }
    let strict = KeyCredentialLink::parse_strict(bytes);
    assert!(strict.is_err() || KeyCredentialLink::parse(bytes).is_ok());
}

pub(crate) fn key_material(bytes: &[u8]) {
    if let Ok(material) = PublicKeyMaterial::parse(bytes)
        && let Some(spki) = material.to_spki_der()
    {
        let _ = crypto::key::PublicKey::from_spki_der(&spki);
    }
}

/// What allows somebody something does so when it was written again, too.
pub(crate) fn security_descriptor(bytes: &[u8]) {
    let Ok(read) = SecurityDescriptor::parse(bytes) else {
        return;
    };
    let again = SecurityDescriptor::parse(&read.to_bytes()).expect("what was written can be read");
    assert_eq!(again.allowed(), read.allowed());
    for right in [SecurityDescriptor::CONTROL_ACCESS, u32::MAX] {
        assert_eq!(again.allows(right, |_| true), read.allows(right, |_| true));
    }
}

pub(crate) fn dn_binary(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(value) = text.parse::<DnBinary>() {
        let again: DnBinary = value
            .to_string()
            .parse()
            .expect("what was written can be read");
        assert_eq!(again.to_string(), value.to_string());
    }
}

/// What a nameserver answers to the question that the seeds answer. No text is in it twice.
pub(crate) fn dns(bytes: &[u8]) {
    let name = Name::parse("corp.example").expect("it is a name");
    let question = TxtQuestion { id: 0x1234, name };
    if let Ok(Answer::Texts(texts)) = question.answer(bytes) {
        assert!(texts.iter().map(Vec::len).sum::<usize>() <= bytes.len());
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(name) = Name::parse(text) {
        assert!(text.len() <= 254);
        let question = TxtQuestion { id: 1, name };
        let length = text.strip_suffix('.').unwrap_or(text).len();
        assert_eq!(question.encode(None).len(), 12 + length + 2 + 4);
    }
}

pub(crate) fn ccache(bytes: &[u8]) {
    if let Ok(cache) = CredentialCache::parse(bytes) {
        let again = cache.to_bytes();
        CredentialCache::parse(&again).expect("what was written can be read");
    }
}

pub(crate) fn keytab(bytes: &[u8]) {
    if let Ok(table) = Keytab::parse(bytes) {
        let again = table.to_bytes().expect("what was read can be written");
        Keytab::parse(&again).expect("what was written can be read");
    }
}

pub(crate) fn registration(bytes: &[u8]) {
    let _ = JoinRequest::parse(bytes);
    let _ = KeyRequest::parse(bytes);
    // A transport key, which may be a JWK.
    let _ = registration::strength::StrongKey::of_transport_key(bytes);
    // What a tenant says of itself is written as it was read.
    if let Ok(read) = serde_json::from_slice::<TenantDiscovery>(bytes) {
        let written = serde_json::to_vec(&read).expect("it has a JSON form");
        let again = serde_json::from_slice::<TenantDiscovery>(&written);
        assert_eq!(again.ok(), Some(read));
    }
}

pub(crate) fn http(bytes: &[u8]) {
    if let Ok(fields) = Fields::parse(bytes) {
        let _ = (fields.get("code"), fields.get_verbatim("code"));
    }
}

pub(crate) fn identifiers(bytes: &[u8]) {
    if let Ok(sid) = Sid::from_bytes(bytes) {
        assert_eq!(sid.to_bytes(), bytes);
        assert_eq!(sid.to_string().parse(), Ok(sid));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(sid) = text.parse::<Sid>() {
        assert_eq!(sid.to_string().parse(), Ok(sid));
    }
    if let Ok(guid) = text.parse::<Guid>() {
        assert_eq!(guid.to_string().parse(), Ok(guid));
    }
    let _ = trust::Timestamp::from_rfc3339(text);
}

pub(crate) fn jws(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let _ = crypto::jose::Unverified::parse(text);
    let _ = crypto::base32::decode(text);
}
