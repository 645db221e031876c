//! Public keys as they are given by hand: a certificate, a public key in one of its forms, or a whole value.

use base64ct::{Base64, Encoding};
use crypto::key::PublicKey;
use trust::Timestamp;
use wire::Guid;
use wire::key_credential::{
    CustomKeyInformation, KeyCredentialLink, KeySource, KeyTime, KeyUsage, NewKeyCredential,
};
use wire::x509::{Certificate, pem};

use crate::body::Members;
use crate::refused::{Refused, Trouble};

/// Labels of public keys in PEM (RFC 7468 13, and PKCS#1's as OpenSSL writes it).
const PUBLIC_KEY: &str = "PUBLIC KEY";
const RSA_PUBLIC_KEY: &str = "RSA PUBLIC KEY";

/// A public key that may be listed.
pub(crate) struct Given {
    pub(crate) key: PublicKey,
    /// What it was given as, for the record.
    pub(crate) form: &'static str,
    /// The whole value, where that was given.
    pub(crate) blob: Option<KeyCredentialLink>,
}

/// Reads `key` or `blob`, exactly one of them.
pub(crate) fn given(members: &mut Members) -> Result<Given, Trouble> {
    let (text, blob) = (members.encoded("key")?, members.bytes("blob")?);
    let given = match (text, blob) {
        (Some(text), None) => of_text("key", &text)?,
        (None, Some(blob)) => of_blob(&blob)?,
        (None, None) => return Err(Refused::MissingMember("key").into()),
        (Some(_), Some(_)) => {
            return Err(Refused::member("blob", "give either key or blob").into());
        }
    };
    Ok(given)
}

/// A public key from the text of a member.
pub(crate) fn of_text(member: &'static str, text: &str) -> Result<Given, Refused> {
    let (der, form) = decode(member, text)?;
    // KeyMaterial may be any of these forms (protocols D.5), certificates among them.
    let key = PublicKey::from_key_material(&der).map_err(|_| {
        Refused::Key("it is no certificate and no RSA, P-256 or P-384 public key".to_owned())
    })?;
    strong(&key)?;
    let form = match form {
        Some(form) => form,
        None if Certificate::parse(&der).is_ok() => "certificate",
        None => "public key",
    };
    Ok(Given {
        key,
        form,
        blob: None,
    })
}

/// The bytes of PEM, or of Base64.
fn decode(member: &'static str, text: &str) -> Result<(Vec<u8>, Option<&'static str>), Refused> {
    if text.contains("PRIVATE KEY-----") {
        // It is not repeated, and not kept.
        return Err(Refused::member(
            member,
            "it is a private key, which nobody but its owner may have: replace that key, and send the public one",
        ));
    }
    if !text.contains("-----BEGIN") {
        let bare: String = text.split_ascii_whitespace().collect();
        let bytes = Base64::decode_vec(&bare)
            .map_err(|_| Refused::member(member, "it must be PEM or Base64"))?;
        return Ok((bytes, None));
    }
    for (label, form) in [
        (pem::CERTIFICATE, "certificate"),
        (PUBLIC_KEY, "public key"),
        (RSA_PUBLIC_KEY, "public key"),
    ] {
        let blocks = pem::decode(label, text)
            .map_err(|_| Refused::member(member, "its PEM cannot be read"))?;
        let mut blocks = blocks.into_iter();
        if let Some(first) = blocks.next() {
            if blocks.next().is_some() {
                return Err(Refused::member(member, "it holds more than one"));
            }
            return Ok((first, Some(form)));
        }
    }
    Err(Refused::member(
        member,
        "its PEM holds no certificate and no public key",
    ))
}

fn strong(key: &PublicKey) -> Result<(), Refused> {
    key.check_strength()
        .map_err(|weak| Refused::Key(weak.to_string()))
}

fn of_blob(blob: &[u8]) -> Result<Given, Refused> {
    let link =
        KeyCredentialLink::parse_strict(blob).map_err(|why| Refused::Key(why.to_string()))?;
    if link.key_usage() != KeyUsage::Ngc {
        return Err(Refused::Key(
            "its usage is not NGC, and no other opens a door".to_owned(),
        ));
    }
    let key = PublicKey::from_key_material(link.key_material())
        .map_err(|_| Refused::Key("its key material is no RSA, P-256 or P-384 key".to_owned()))?;
    strong(&key)?;
    Ok(Given {
        key,
        form: "value",
        blob: Some(link),
    })
}

/// Refuses a whole value that says of itself that a second factor was proven for it, or that its key was attested: the
/// KDC tells services so, and nobody has seen it. Administrators may move such values from another directory.
pub(crate) fn vouches_for_nothing(given: &Given) -> Result<(), Refused> {
    let said = given
        .blob
        .as_ref()
        .and_then(KeyCredentialLink::custom_key_information);
    match said {
        Some(said) if !said.is_mfa_not_used() || said.is_attested() => Err(Refused::Key(
            "it says that a second factor was proven for it, or that it was attested, and only an administrator may \
             list such a value"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

/// The value that lists a key by hand on a person's account: usage NGC, source AD, and marked *MFA not used*, for
/// nobody proved a second factor (protocols D.4, E.4).
pub(crate) fn by_hand(
    key: &PublicKey,
    device: Option<Guid>,
    now: Timestamp,
) -> Result<Vec<u8>, Refused> {
    let flags = CustomKeyInformation::new(CustomKeyInformation::MFA_NOT_USED);
    value(&key.to_key_material(), device, Some(flags), now)
}

/// The value that lists a computer's key: as DIR-KCL-4 has it, without CustomKeyInformation and last logon, its RSA
/// material PKCS#1 (protocols D.5.2).
pub(crate) fn of_computer(key: &PublicKey, now: Timestamp) -> Result<Vec<u8>, Refused> {
    let material = match key {
        PublicKey::Rsa(key) => key.to_pkcs1_der(),
        PublicKey::Ec(_) => key.to_spki_der(),
    };
    value(&material, None, None, now)
}

fn value(
    material: &[u8],
    device: Option<Guid>,
    information: Option<CustomKeyInformation>,
    now: Timestamp,
) -> Result<Vec<u8>, Refused> {
    let new = NewKeyCredential {
        key_material: material,
        key_usage: KeyUsage::Ngc,
        key_source: KeySource::Ad,
        device_id: device,
        custom_key_information: information,
        last_logon: None,
        creation_time: Some(KeyTime::from_filetime(now.filetime(), KeySource::Ad)),
    };
    match new.write() {
        Ok(link) => Ok(link.as_bytes().to_vec()),
        Err(why) => Err(Refused::Key(why.to_string())),
    }
}
