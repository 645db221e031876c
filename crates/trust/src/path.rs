//! Does a certificate's path reach a trusted issuer? (Protocols E.4 rule 0.)
//!
//! A certificate that does is judged by certificate trust alone, whatever validity or revocation say; only
//! one that does not may be judged by key trust. So this question is not "is it valid": it is asked of
//! names and signatures only, and every doubt is answered with "yes, it reaches", because that answer leads
//! to the stricter judge. What it never calls reaching is a mere claim: a name without the signature of a
//! key that bears it. What certificate trust then asks of the path is [`validate`]'s.

mod names;
mod valid;

use crypto::key::PublicKey;
use crypto::signature::{LegacySha1, SignatureAlgorithm, UnacceptableAlgorithm, Verifier};
use wire::x509::{Certificate, Name};

pub use valid::{Invalid, Valid, Why, validate};

/// CA certificates that may lie between a certificate and an anchor, and so the length of a path.
const MAX_DEPTH: usize = 8;
/// Certificates beside the one in question that are looked at.
const MAX_INTERMEDIATES: usize = 16;
/// Signatures that are checked for one question, which a stranger may ask: a path of real certificates has
/// one for each of them.
const MAX_CHECKS: usize = 16;
/// The longest RSA key of an anchor, in bits.
const LONGEST_ANCHOR: usize = 8192;
/// The longest RSA key of a certificate that came from anybody, in bits. Longer ones cost us most of all and
/// serve nobody else.
const LONGEST_KEY: usize = 4096;

/// A certificate whose key is trusted to issue: an entry of the list of smart-card issuers.
///
/// Made once and kept: the key's parsed form is a third of the cost of a check.
#[derive(Debug)]
pub struct Anchor {
    certificate: Certificate,
    key: Option<Verifier>,
    own: Option<&'static str>,
}

impl Anchor {
    /// Takes a certificate as trusted. One with a key that we cannot check signatures by still counts: what
    /// says to be issued by it reaches it.
    #[must_use]
    pub fn new(certificate: Certificate) -> Self {
        let key = verifier(&certificate, LONGEST_ANCHOR);
        Self {
            certificate,
            key,
            own: None,
        }
    }

    /// Says that it is our own authority of that name: what it issued and revoked stands in our own books.
    #[must_use]
    pub fn of_ours(mut self, authority: &'static str) -> Self {
        self.own = Some(authority);
        self
    }

    /// Which of our own authorities it is, if it is one.
    #[must_use]
    pub fn own(&self) -> Option<&'static str> {
        self.own
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

/// What a signature says about who issued a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Signature {
    /// It is by this key.
    Holds,
    /// It is not.
    Fails,
    /// It cannot be told: an algorithm or a key that we do not compute with.
    Unknown,
}

/// Whether `leaf` is an anchor, or is issued by one, directly or through `intermediates`, which may come in
/// any order and from anybody.
///
/// Validity, revocation, key usage, basic constraints and path length are not looked at: a certificate
/// that an ordinary user's certificate signed reaches the issuer of that user's certificate, and the judge
/// of certificate trust refuses it. The same holds where it cannot be told whether a signature holds, and
/// where the question costs more than the bounds of this module.
#[must_use]
pub fn reaches_trusted_issuer(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &[Anchor],
) -> bool {
    if intermediates.len() > MAX_INTERMEDIATES {
        return true;
    }
    let mut checks = 0;
    let mut waiting = vec![(leaf, 0)];
    let mut seen = vec![false; intermediates.len()];
    while let Some((certificate, depth)) = waiting.pop() {
        if anchors
            .iter()
            .any(|anchor| same_key_and_name(&anchor.certificate, certificate))
        {
            return true;
        }
        for anchor in anchors {
            if !same_name(certificate.issuer(), anchor.certificate.subject()) {
                continue;
            }
            if checks >= MAX_CHECKS {
                return true;
            }
            checks += 1;
            if check(certificate, anchor.key.as_ref()) != Signature::Fails {
                return true;
            }
        }
        for (issuer, seen) in intermediates.iter().zip(&mut seen) {
            if *seen || !same_name(certificate.issuer(), issuer.subject()) {
                continue;
            }
            if checks >= MAX_CHECKS {
                return true;
            }
            checks += 1;
            if check(certificate, verifier(issuer, LONGEST_KEY).as_ref()) != Signature::Fails {
                *seen = true;
                waiting.push((issuer, depth + 1));
            }
        }
        if depth >= MAX_DEPTH {
            return true;
        }
    }
    false
}

/// An anchor shown to us is an anchor, be it in another certificate for the same name and key.
fn same_key_and_name(anchor: &Certificate, certificate: &Certificate) -> bool {
    anchor == certificate
        || (anchor.spki() == certificate.spki()
            && same_name(anchor.subject(), certificate.subject()))
}

fn verifier(certificate: &Certificate, longest: usize) -> Option<Verifier> {
    let key = PublicKey::from_spki_der(certificate.spki()).ok()?;
    // The library refuses to check with short ones, which would look like a signature that fails.
    let usable = match &key {
        PublicKey::Rsa(_) => (2048..=longest).contains(&key.bits()),
        PublicKey::Ec(_) => true,
    };
    usable.then(|| Verifier::new(key))
}

fn check(certificate: &Certificate, issuer: Option<&Verifier>) -> Signature {
    let Some(issuer) = issuer else {
        return Signature::Unknown;
    };
    let (message, signature) = (certificate.tbs(), certificate.signature());
    let holds = match SignatureAlgorithm::from_identifier_der(certificate.signature_algorithm()) {
        Ok(algorithm) => issuer.verify(algorithm, message, signature),
        // No switch allows SHA-1 here, and none is needed: a signature that holds makes us stricter.
        Err(UnacceptableAlgorithm::Sha1) if matches!(issuer.key(), PublicKey::Rsa(_)) => {
            issuer.verify_legacy_sha1(LegacySha1, message, signature)
        }
        Err(_) => return Signature::Unknown,
    };
    match holds {
        Ok(()) => Signature::Holds,
        Err(_) => Signature::Fails,
    }
}

/// Whether two names are the same to a reader who forgives string types, case and spaces (RFC 5280 7.1): an
/// authority may write its name differently in its own certificate and in those that it issues.
pub(crate) fn same_name(one: &Name, other: &Name) -> bool {
    if one == other {
        return true;
    }
    match (folded(one), folded(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

pub(crate) fn folded(name: &Name) -> Option<Vec<Vec<(String, String)>>> {
    let parts = name.parts().ok()?;
    let fold = |part: Vec<wire::x509::Attribute>| {
        let mut part: Vec<(String, String)> = part
            .into_iter()
            .map(|attribute| {
                let words: Vec<&str> = attribute.value.split_whitespace().collect();
                (attribute.kind.to_string(), words.join(" ").to_lowercase())
            })
            .collect();
        part.sort();
        part
    };
    Some(parts.into_iter().map(fold).collect())
}

#[cfg(test)]
mod tests;
