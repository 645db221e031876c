//! The second pair of eyes: what is about to be signed, judged by its bytes alone.
//!
//! Promises: nothing is signed that breaks one of the [`Rule`]s, and a refusal names all that are broken.
//! The linter decodes with another library than the one that encoded, walks every byte for DER, and holds
//! its own table of what each [`Kind`] must say, so that one mistake does not hide itself.
//!
//! Knows nothing about: where the bytes come from, keys, the log. What passes is a [`Passed`], which only
//! this module can make and which the issuance log asks for.
//!
//! To add a rule: a variant of [`Rule`] with its name, the check in `certificate.rs` or `list.rs`, and a
//! test with an encoding that breaks it and nothing else.

mod certificate;
mod list;
mod names;
mod strict;
#[cfg(test)]
mod tests;

use std::fmt;

use trust::Timestamp;

pub(crate) use names::{is_dns_name, is_http};

/// What the bytes claim to be.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A self-signed certification authority.
    Root,
    /// A KDC certificate (protocols E.3.5, PKI-T1).
    Kdc,
    /// A TLS server certificate (PKI-T2).
    TlsServer,
    /// A device certificate (protocols B.5).
    Device,
    /// A person's certificate to sign in with (protocols E.5, PKI-T4).
    Logon,
}

/// The rules, each named as its refusal names it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Rule {
    /// All bytes are DER, and decode to what encodes to the same bytes.
    Encoding,
    /// Certificates are version 3, lists version 2.
    Version,
    /// A serial number is positive, of 8 to 20 octets (RFC 5280 4.1.2.2, protocols G.3).
    SerialNumber,
    /// RSA PKCS#1 v1.5 with SHA-256, ECDSA with SHA-256 or SHA-384, of the issuer's own key type.
    SignatureAlgorithm,
    /// The issuer is the issuer's subject, byte for byte, and not empty.
    IssuerName,
    /// notBefore comes before notAfter, thisUpdate before nextUpdate.
    ValidityOrder,
    /// The validity begins about now, lies within the issuer's and is no longer than its kind allows.
    ValidityBounds,
    /// UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 4.1.2.5).
    TimeForm,
    /// The subject is not empty, or there is a critical subjectAltName; strings are UTF8String,
    /// PrintableString or, in their place, IA5String, within the bounds of RFC 5280 appendix A.
    SubjectName,
    /// RSA of 2048 to 4096 bits with an odd exponent from 65537, or P-256 or P-384.
    PublicKey,
    /// All extensions that the kind needs are there, each once, and no other.
    ExtensionSet,
    /// Exactly those extensions are critical that should be.
    Criticality,
    /// basicConstraints say CA and path length 0 for a root, no CA for all else.
    BasicConstraints,
    /// keyUsage is what the kind and the key's type need, and no more.
    KeyUsage,
    /// extKeyUsage is what the kind needs, and no more.
    ExtendedKeyUsage,
    /// subjectKeyIdentifier is the key's (RFC 7093 2, method 1).
    SubjectKeyIdentifier,
    /// authorityKeyIdentifier is the issuer's subjectKeyIdentifier.
    AuthorityKeyIdentifier,
    /// Every alternative name has its syntax, and the kind's names are there.
    AlternativeNames,
    /// Places of lists and of issuers' certificates are plain HTTP (PKI-CDP-1).
    DistributionPoints,
    /// The template name is that of PKI-T1-REQ.
    TemplateName,
    /// The device extensions agree with the subject (protocols B.5).
    DeviceExtensions,
    /// The SID of a certificate to sign in with is one SID of a domain, in the form of protocols E.5.4.
    SecurityIdentifier,
    /// cRLNumber is there and higher than the one before.
    ListNumber,
    /// Every entry has a serial number of its own, a date that is past and a reason.
    ListEntries,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoding => "encoding",
            Self::Version => "version",
            Self::SerialNumber => "serial-number",
            Self::SignatureAlgorithm => "signature-algorithm",
            Self::IssuerName => "issuer-name",
            Self::ValidityOrder => "validity-order",
            Self::ValidityBounds => "validity-bounds",
            Self::TimeForm => "time-form",
            Self::SubjectName => "subject-name",
            Self::PublicKey => "public-key",
            Self::ExtensionSet => "extension-set",
            Self::Criticality => "criticality",
            Self::BasicConstraints => "basic-constraints",
            Self::KeyUsage => "key-usage",
            Self::ExtendedKeyUsage => "extended-key-usage",
            Self::SubjectKeyIdentifier => "subject-key-identifier",
            Self::AuthorityKeyIdentifier => "authority-key-identifier",
            Self::AlternativeNames => "alternative-names",
            Self::DistributionPoints => "distribution-points",
            Self::TemplateName => "template-name",
            Self::DeviceExtensions => "device-extensions",
            Self::SecurityIdentifier => "security-identifier",
            Self::ListNumber => "list-number",
            Self::ListEntries => "list-entries",
        })
    }
}

/// One rule that is broken, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which.
    pub rule: Rule,
    /// How, in a few words.
    pub detail: String,
}

/// Why nothing was signed: the rules that the bytes break, at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// The violations in the order in which they were found.
    pub fn iter(&self) -> std::slice::Iter<'_, Violation> {
        self.0.iter()
    }

    /// The rules that are broken, each once, in the order in which they were found.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        for violation in &self.0 {
            if !rules.contains(&violation.rule) {
                rules.push(violation.rule);
            }
        }
        rules
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused to sign: ")?;
        for (position, violation) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{} ({})", violation.rule, violation.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

/// Collects what is found.
#[derive(Default)]
struct Findings(Vec<Violation>);

impl Findings {
    /// Notes a violation unless `holds`.
    fn require(&mut self, rule: Rule, holds: bool, detail: impl Into<String>) {
        if !holds {
            self.0.push(Violation {
                rule,
                detail: detail.into(),
            });
        }
    }

    fn report(&mut self, rule: Rule, detail: impl Into<String>) {
        self.require(rule, false, detail);
    }

    fn finish(self) -> Result<(), Violations> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Violations(self.0))
        }
    }
}

/// Bytes to be signed that broke no rule: a TBSCertificate or a TBSCertList. Only the linter makes one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passed(Vec<u8>);

impl Passed {
    /// The bytes to be signed.
    #[must_use]
    pub fn to_be_signed(&self) -> &[u8] {
        &self.0
    }
}

/// Judges a TBSCertificate of `kind`. `issuer` is the whole certificate of the authority that shall sign
/// it, `None` where it shall sign itself.
///
/// # Errors
/// The rules that it breaks.
pub fn certificate(
    tbs: &[u8],
    kind: Kind,
    issuer: Option<&[u8]>,
    now: Timestamp,
) -> Result<Passed, Violations> {
    let mut findings = Findings::default();
    certificate::judge(tbs, kind, issuer, now, &mut findings);
    findings.finish().map(|()| Passed(tbs.to_vec()))
}

/// Judges a TBSCertList of the authority whose whole certificate is `issuer`. `previous` is the number of
/// the list that it shall replace.
///
/// # Errors
/// The rules that it breaks.
pub fn list(
    tbs: &[u8],
    issuer: &[u8],
    previous: Option<u64>,
    now: Timestamp,
) -> Result<Passed, Violations> {
    let mut findings = Findings::default();
    list::judge(tbs, issuer, previous, now, &mut findings);
    findings.finish().map(|()| Passed(tbs.to_vec()))
}
