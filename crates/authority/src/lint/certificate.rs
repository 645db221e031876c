//! The rules for certificates.

use der::asn1::{ObjectIdentifier, OctetString};
use der::{Decode, Encode};
use trust::{Span, Timestamp};
use x509_cert::certificate::{Certificate, TbsCertificate, Version};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
    SubjectKeyIdentifier,
};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::Time;

use super::{Findings, Kind, Rule, names, strict};

mod alternative;

const fn oid(text: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = oid("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = oid("2.5.29.15");
const SUBJECT_ALT_NAME: ObjectIdentifier = oid("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = oid("2.5.29.19");
const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = oid("2.5.29.31");
const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = oid("2.5.29.35");
const EXT_KEY_USAGE: ObjectIdentifier = oid("2.5.29.37");
const AUTHORITY_INFO_ACCESS: ObjectIdentifier = oid("1.3.6.1.5.5.7.1.1");
const TEMPLATE_NAME: ObjectIdentifier = oid("1.3.6.1.4.1.311.20.2");
const DEVICE_ARC: ObjectIdentifier = oid("1.2.840.113556.1.5.284");

const SECURITY_IDENTIFIER: ObjectIdentifier = oid("1.3.6.1.4.1.311.25.2");

const SERVER_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.1");
const CLIENT_AUTH: ObjectIdentifier = oid("1.3.6.1.5.5.7.3.2");
const PKINIT_KDC: ObjectIdentifier = oid("1.3.6.1.5.2.3.5");
const PKINIT_CLIENT: ObjectIdentifier = oid("1.3.6.1.5.2.3.4");
const SMART_CARD_LOGON: ObjectIdentifier = oid("1.3.6.1.4.1.311.20.2.2");

const RSA: ObjectIdentifier = oid("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = oid("1.2.840.10045.2.1");

/// A certificate may begin this long ago, for clocks that are behind.
const BACKDATED: Span = Span::days(2);

/// What a kind must say; written apart from the profiles that say it.
struct Table {
    longest: Span,
    purposes: &'static [ObjectIdentifier],
    purposes_critical: bool,
    required: &'static [ObjectIdentifier],
    optional: &'static [ObjectIdentifier],
}

const fn table(kind: Kind) -> Table {
    match kind {
        Kind::Root => Table {
            longest: Span::days(25 * 366),
            purposes: &[],
            purposes_critical: false,
            required: &[BASIC_CONSTRAINTS, KEY_USAGE, SUBJECT_KEY_IDENTIFIER],
            optional: &[AUTHORITY_KEY_IDENTIFIER],
        },
        Kind::Kdc => Table {
            longest: Span::days(2 * 366),
            purposes: &[PKINIT_KDC, SERVER_AUTH, CLIENT_AUTH, SMART_CARD_LOGON],
            purposes_critical: false,
            required: &[
                BASIC_CONSTRAINTS,
                KEY_USAGE,
                EXT_KEY_USAGE,
                SUBJECT_KEY_IDENTIFIER,
                AUTHORITY_KEY_IDENTIFIER,
                SUBJECT_ALT_NAME,
                CRL_DISTRIBUTION_POINTS,
                TEMPLATE_NAME,
            ],
            optional: &[AUTHORITY_INFO_ACCESS],
        },
        Kind::TlsServer => Table {
            longest: Span::days(398),
            purposes: &[SERVER_AUTH],
            purposes_critical: false,
            required: &[
                BASIC_CONSTRAINTS,
                KEY_USAGE,
                EXT_KEY_USAGE,
                SUBJECT_KEY_IDENTIFIER,
                AUTHORITY_KEY_IDENTIFIER,
                SUBJECT_ALT_NAME,
            ],
            optional: &[CRL_DISTRIBUTION_POINTS, AUTHORITY_INFO_ACCESS],
        },
        Kind::Logon => Table {
            longest: Span::days(2 * 366),
            purposes: &[SMART_CARD_LOGON, CLIENT_AUTH, PKINIT_CLIENT],
            purposes_critical: false,
            required: &[
                BASIC_CONSTRAINTS,
                KEY_USAGE,
                EXT_KEY_USAGE,
                SUBJECT_KEY_IDENTIFIER,
                AUTHORITY_KEY_IDENTIFIER,
                SUBJECT_ALT_NAME,
                SECURITY_IDENTIFIER,
                CRL_DISTRIBUTION_POINTS,
            ],
            optional: &[AUTHORITY_INFO_ACCESS],
        },
        Kind::Device => Table {
            longest: Span::days(10 * 366),
            purposes: &[CLIENT_AUTH],
            purposes_critical: true,
            required: &[
                BASIC_CONSTRAINTS,
                KEY_USAGE,
                EXT_KEY_USAGE,
                SUBJECT_KEY_IDENTIFIER,
                AUTHORITY_KEY_IDENTIFIER,
            ],
            optional: &[CRL_DISTRIBUTION_POINTS, AUTHORITY_INFO_ACCESS],
        },
    }
}

/// The authority that shall sign.
pub(super) struct Issuer {
    pub(super) subject: Vec<u8>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) algorithm: ObjectIdentifier,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Issuer {
    pub(super) fn read(der: &[u8], findings: &mut Findings) -> Option<Self> {
        let read = || -> der::Result<Self> {
            let certificate = Certificate::from_der(der)?;
            Self::of(certificate.tbs_certificate())
        };
        read()
            .inspect_err(|error| {
                findings.report(
                    Rule::IssuerName,
                    format!("the issuer's certificate: {error}"),
                );
            })
            .ok()
    }

    fn of(tbs: &TbsCertificate) -> der::Result<Self> {
        let identifier = tbs.get_extension::<SubjectKeyIdentifier>()?;
        Ok(Self {
            subject: tbs.subject().to_der()?,
            key: identifier.map(|(_, key)| key.0.into_bytes().into_vec()),
            algorithm: tbs.subject_public_key_info().algorithm.oid,
            not_before: moment(tbs.validity().not_before),
            not_after: moment(tbs.validity().not_after),
        })
    }
}

fn moment(time: Time) -> Timestamp {
    let seconds = time.to_unix_duration().as_secs();
    Timestamp::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}

pub(super) fn judge(
    bytes: &[u8],
    kind: Kind,
    issuer: Option<&[u8]>,
    now: Timestamp,
    findings: &mut Findings,
) {
    if let Err(fault) = strict::check(bytes) {
        return findings.report(Rule::Encoding, fault);
    }
    let tbs = match TbsCertificate::from_der(bytes) {
        Ok(tbs) => tbs,
        Err(error) => return findings.report(Rule::Encoding, error.to_string()),
    };
    let issuer = match issuer {
        Some(der) => Issuer::read(der, findings),
        None => Issuer::of(&tbs).ok(),
    };
    let Some(issuer) = issuer else {
        return findings.report(Rule::IssuerName, "no issuer to compare with");
    };

    let form = validity(&tbs, kind, &issuer, now, findings);
    findings.require(
        Rule::Encoding,
        !form || tbs.to_der().is_ok_and(|again| again == bytes),
        "not what its content encodes to",
    );
    findings.require(
        Rule::Version,
        tbs.version() == Version::V3,
        format!("{:?}", tbs.version()),
    );
    serial_number(tbs.serial_number().as_bytes(), findings);
    signature_algorithm(tbs.signature(), issuer.algorithm, findings);
    findings.require(
        Rule::IssuerName,
        !tbs.issuer().is_empty()
            && tbs
                .issuer()
                .to_der()
                .is_ok_and(|name| name == issuer.subject),
        "differs from the issuer's subject, or is empty",
    );
    let rsa = public_key(tbs.subject_public_key_info(), findings);
    let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
    let known = extension_set(extensions, kind, findings);
    let empty = names::judge(tbs.subject(), findings);
    subject(empty, kind, extensions, findings);
    criticality(extensions, kind, empty, findings);
    if !known {
        return;
    }
    constraints(&tbs, kind, rsa, findings);
    identifiers(&tbs, &issuer, findings);
    alternative::judge(&tbs, kind, findings);
}

/// Whether both times have the form that RFC 5280 prescribes.
fn validity(
    tbs: &TbsCertificate,
    kind: Kind,
    issuer: &Issuer,
    now: Timestamp,
    findings: &mut Findings,
) -> bool {
    let (from, until) = (tbs.validity().not_before, tbs.validity().not_after);
    let form = time_form(from, "notBefore", findings) & time_form(until, "notAfter", findings);
    let (from, until) = (moment(from), moment(until));
    if from >= until {
        findings.report(Rule::ValidityOrder, "notBefore is not before notAfter");
        return form;
    }
    let bounds = [
        (from <= now, "begins in the future"),
        (from >= now - BACKDATED, "begins more than two days ago"),
        (until > now, "has ended"),
        (
            until.since(from) <= table(kind).longest,
            "lasts too long for its kind",
        ),
        (from >= issuer.not_before, "begins before its issuer"),
        (until <= issuer.not_after, "ends after its issuer"),
    ];
    for (holds, detail) in bounds {
        findings.require(Rule::ValidityBounds, holds, detail);
    }
    form
}

/// Whether the form is right for the year.
pub(super) fn time_form(time: Time, what: &str, findings: &mut Findings) -> bool {
    let year = time.to_date_time().year();
    let right = matches!(
        (time, year),
        (Time::UtcTime(_), ..=2049) | (Time::GeneralTime(_), 2050..)
    );
    findings.require(Rule::TimeForm, right, format!("{what} of the year {year}"));
    right
}

pub(super) fn serial_number(octets: &[u8], findings: &mut Findings) {
    let positive = octets.first().is_some_and(|first| first & 0x80 == 0);
    findings.require(
        Rule::SerialNumber,
        positive && (8..=20).contains(&octets.len()),
        format!("{} octets, positive: {positive}", octets.len()),
    );
}

/// The allow-list, by whole encodings so that parameters are judged too.
pub(super) fn signature_algorithm(
    algorithm: &AlgorithmIdentifierOwned,
    issuer: ObjectIdentifier,
    findings: &mut Findings,
) {
    let null = || {
        algorithm
            .parameters
            .as_ref()
            .is_some_and(|parameters| parameters.is_null())
    };
    let right = match algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.11" => null() && issuer == RSA,
        "1.2.840.10045.4.3.2" | "1.2.840.10045.4.3.3" => {
            algorithm.parameters.is_none() && issuer == EC
        }
        _ => false,
    };
    findings.require(
        Rule::SignatureAlgorithm,
        right,
        format!("{} with an issuer's key of {issuer}", algorithm.oid),
    );
}

/// Judges the key; whether it is RSA.
fn public_key(spki: &SubjectPublicKeyInfoOwned, findings: &mut Findings) -> bool {
    let bits = spki.subject_public_key.as_bytes().unwrap_or_default();
    let parameters = spki.algorithm.parameters.as_ref();
    match spki.algorithm.oid {
        RSA => {
            let null = parameters.is_some_and(|parameters| parameters.is_null());
            findings.require(Rule::PublicKey, null, "RSA parameters that are not NULL");
            rsa_key(bits, findings);
            true
        }
        EC => {
            let curve = parameters.and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok());
            let length = match curve.map(|curve| curve.to_string()).as_deref() {
                Some("1.2.840.10045.3.1.7") => 65,
                Some("1.3.132.0.34") => 97,
                _ => 0,
            };
            let point = bits.len() == length && bits.first() == Some(&4);
            findings.require(
                Rule::PublicKey,
                point,
                "not an uncompressed point of P-256 or P-384",
            );
            false
        }
        other => {
            findings.report(Rule::PublicKey, format!("a key of type {other}"));
            false
        }
    }
}

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }`
fn rsa_key(bits: &[u8], findings: &mut Findings) {
    #[derive(der::Sequence)]
    struct RsaPublicKey<'a> {
        modulus: der::asn1::UintRef<'a>,
        exponent: der::asn1::UintRef<'a>,
    }
    let Ok(key) = RsaPublicKey::from_der(bits) else {
        return findings.report(Rule::PublicKey, "not an RSAPublicKey");
    };
    let modulus = key.modulus.as_bytes();
    let leading = modulus.first().map_or(0, |first| first.leading_zeros());
    let length = (modulus.len() * 8).saturating_sub(leading as usize);
    findings.require(
        Rule::PublicKey,
        (2048..=4096).contains(&length),
        format!("an RSA modulus of {length} bits"),
    );
    let exponent = key.exponent.as_bytes();
    let value = exponent
        .iter()
        .fold(0u64, |value, octet| (value << 8) | u64::from(*octet));
    findings.require(
        Rule::PublicKey,
        exponent.len() <= 4 && value >= 65_537 && value % 2 == 1,
        "an RSA exponent that is even, below 65537 or over 32 bits",
    );
    let odd = modulus.last().is_some_and(|last| last % 2 == 1);
    findings.require(Rule::PublicKey, odd, "an even RSA modulus");
}

/// Whether the set is such that the rules about single extensions make sense.
fn extension_set(extensions: &[Extension], kind: Kind, findings: &mut Findings) -> bool {
    let expected = table(kind);
    let mut right = true;
    for (position, extension) in extensions.iter().enumerate() {
        let id = extension.extn_id;
        let of_device = kind == Kind::Device && id.parent() == Some(DEVICE_ARC);
        let allowed = expected.required.contains(&id) || expected.optional.contains(&id);
        let before = extensions.get(..position).unwrap_or_default();
        let twice = before.iter().any(|other| other.extn_id == id);
        right &= (allowed || of_device) && !twice;
        findings.require(
            Rule::ExtensionSet,
            allowed || of_device,
            format!("{id} has no place here"),
        );
        findings.require(Rule::ExtensionSet, !twice, format!("{id} occurs twice"));
        // A device extension's value is BER on purpose (protocols B.5).
        if !of_device && let Err(fault) = strict::check(extension.extn_value.as_bytes()) {
            right = false;
            findings.report(Rule::Encoding, format!("{id}: {fault}"));
        }
    }
    for id in expected.required {
        let there = extensions.iter().any(|extension| extension.extn_id == *id);
        right &= there;
        findings.require(Rule::ExtensionSet, there, format!("{id} is missing"));
    }
    right
}

fn subject(empty: bool, kind: Kind, extensions: &[Extension], findings: &mut Findings) {
    if !empty {
        return;
    }
    let named = extensions
        .iter()
        .any(|extension| extension.extn_id == SUBJECT_ALT_NAME && extension.critical);
    let may_be_empty = matches!(kind, Kind::Kdc | Kind::TlsServer | Kind::Logon);
    findings.require(
        Rule::SubjectName,
        named && may_be_empty,
        "empty without a critical subjectAltName",
    );
}

fn criticality(extensions: &[Extension], kind: Kind, empty: bool, findings: &mut Findings) {
    for extension in extensions {
        let expected = match extension.extn_id {
            BASIC_CONSTRAINTS | KEY_USAGE => true,
            EXT_KEY_USAGE => table(kind).purposes_critical,
            // That an empty subject needs it critical is the subject's rule.
            SUBJECT_ALT_NAME if empty => continue,
            _ => false,
        };
        findings.require(
            Rule::Criticality,
            extension.critical == expected,
            format!("{} critical: {}", extension.extn_id, extension.critical),
        );
    }
}

fn constraints(tbs: &TbsCertificate, kind: Kind, rsa: bool, findings: &mut Findings) {
    let root = kind == Kind::Root;
    let (ca, length) = match tbs.get_extension::<BasicConstraints>() {
        Ok(Some((_, constraints))) => (constraints.ca, constraints.path_len_constraint),
        _ => (!root, None),
    };
    findings.require(
        Rule::BasicConstraints,
        if root {
            ca && length == Some(0)
        } else {
            !ca && length.is_none()
        },
        format!("CA: {ca}, path length: {length:?}"),
    );

    // RFC 5480 3 and RFC 8017: only RSA encrypts keys; an EC key of a server signs.
    let expected = match kind {
        Kind::Root => KeyUsages::KeyCertSign | KeyUsages::CRLSign,
        Kind::Kdc | Kind::TlsServer if rsa => {
            KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment
        }
        Kind::Kdc | Kind::TlsServer | Kind::Device | Kind::Logon => {
            KeyUsages::DigitalSignature.into()
        }
    };
    let usage = tbs.get_extension::<KeyUsage>().ok().flatten();
    findings.require(
        Rule::KeyUsage,
        usage.is_some_and(|(_, usage)| usage.0 == expected),
        format!("{:?}", usage.map(|(_, usage)| usage.0)),
    );

    let mut expected = table(kind).purposes.to_vec();
    let mut purposes = match tbs.get_extension::<ExtendedKeyUsage>() {
        Ok(Some((_, purposes))) => purposes.0,
        _ => Vec::new(),
    };
    expected.sort();
    purposes.sort();
    findings.require(
        Rule::ExtendedKeyUsage,
        purposes == expected,
        format!("{} purposes, {} expected", purposes.len(), expected.len()),
    );
}

fn identifiers(tbs: &TbsCertificate, issuer: &Issuer, findings: &mut Findings) {
    let bits = tbs.subject_public_key_info().subject_public_key.raw_bytes();
    let digest = crypto::digest::sha256(bits);
    let own = match tbs.get_extension::<SubjectKeyIdentifier>() {
        Ok(Some((_, identifier))) => identifier.0.into_bytes().into_vec(),
        _ => Vec::new(),
    };
    findings.require(
        Rule::SubjectKeyIdentifier,
        digest.get(..20) == Some(own.as_slice()),
        "not the first 160 bits of SHA-256 over the key",
    );
    let theirs = match tbs.get_extension::<AuthorityKeyIdentifier>() {
        Ok(None) => return,
        Ok(Some((_, identifier)))
            if identifier.authority_cert_issuer.is_none()
                && identifier.authority_cert_serial_number.is_none() =>
        {
            identifier.key_identifier.map(OctetString::into_bytes)
        }
        _ => None,
    };
    findings.require(
        Rule::AuthorityKeyIdentifier,
        theirs.is_some_and(|key| Some(key.as_ref()) == issuer.key.as_deref()),
        "not the issuer's subjectKeyIdentifier, or more than it",
    );
}
