//! Is the path of a certificate to a trusted issuer valid, now and for this purpose? (RFC 5280 6.1, protocols
//! E.5.1.)
//!
//! Nobody asks this before [`reaches_trusted_issuer`](super::reaches_trusted_issuer) was answered with yes.
//! Revocation is not asked here: it needs what others know ([`crate::revocation`]).

use std::fmt;

use const_oid::ObjectIdentifier;
use crypto::key::PublicKey;
use crypto::signature::{SignatureAlgorithm, UnacceptableAlgorithm, Verifier};
use wire::x509::{Certificate, KeyUsage, Malformed, oid};

use super::{
    Anchor, LONGEST_KEY, MAX_CHECKS, MAX_DEPTH, MAX_INTERMEDIATES, Signature, check, names,
    same_name, verifier,
};
use crate::Timestamp;

/// Critical extensions that are obeyed, or without effect here.
const KNOWN: &[ObjectIdentifier] = &[
    oid::BASIC_CONSTRAINTS,
    oid::KEY_USAGE,
    oid::EXTENDED_KEY_USAGE,
    oid::SUBJECT_ALTERNATIVE_NAME,
    oid::NAME_CONSTRAINTS,
    oid::CRL_DISTRIBUTION_POINTS,
    // No policy is asked for, so none is missed; that an authority asks for one is looked at.
    oid::CERTIFICATE_POLICIES,
    oid::POLICY_MAPPINGS,
    oid::POLICY_CONSTRAINTS,
    oid::INHIBIT_ANY_POLICY,
];

/// Why a path is not valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Why {
    /// No path of signatures that hold reaches a trusted issuer.
    #[error("no path of signatures reaches a trusted issuer")]
    Untrusted,
    /// The validity begins later.
    #[error("it is not valid yet")]
    NotYetValid,
    /// The validity is over.
    #[error("it has expired")]
    Expired,
    /// It is signed over SHA-1, MD5 or the like.
    #[error("it is signed over a digest that is not accepted")]
    Digest,
    /// It is signed by an algorithm that we do not compute.
    #[error("it is signed by an algorithm that is not accepted")]
    Algorithm,
    /// Its key is too short, or otherwise weak, or of no kind that we compute with.
    #[error("its key is not accepted")]
    Key,
    /// Something in it does not decode.
    #[error("{0} does not decode")]
    Malformed(&'static str),
    /// It has a critical extension that we do not know.
    #[error("its critical extension {0} is not known")]
    Critical(ObjectIdentifier),
    /// It is an authority's own certificate, and signs in.
    #[error("it is an authority's, and those do not sign in")]
    Authority,
    /// It issued, and is no authority's.
    #[error("it issued a certificate and is no authority's")]
    NotAuthority,
    /// More authorities stand below it than it allows.
    #[error("more authorities stand below it than it allows")]
    PathLength,
    /// Its key may not be used for this.
    #[error("its key usage does not allow this use")]
    KeyUsage,
    /// Its extended key usages are not for this.
    #[error("its extended key usages do not allow this use")]
    Purpose,
    /// A name in it is outside of what an authority above it may name.
    #[error("a name in it is outside of its authority's constraints")]
    Names,
    /// An authority asks for policies, of which we know none.
    #[error("an authority asks for certificate policies")]
    Policy,
    /// It is an authority below one trusted issuer, and bears the name of another.
    #[error("it is an authority with the name of another trusted issuer")]
    NameOfAnother,
}

/// A path that is not valid: why, and because of which certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Why.
    pub why: Why,
    /// Which certificate is at fault; the one in question where no path was found.
    pub certificate: Box<Certificate>,
}

impl fmt::Debug for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {}", self.why, self.certificate.subject())
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.certificate.subject(), self.why)
    }
}

impl std::error::Error for Invalid {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.why)
    }
}

/// A valid path. Only [`validate`] makes one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Valid<'a> {
    /// The certificate in question, and the authorities between it and the anchor, in the order of issuing.
    pub path: Vec<&'a Certificate>,
    /// The trusted issuer.
    pub anchor: &'a Anchor,
}

impl<'a> Valid<'a> {
    /// Each certificate of the path with the one that issued it, the one in question first.
    pub fn links(&self) -> impl Iterator<Item = (&'a Certificate, &'a Certificate)> + '_ {
        let issuers = self.path.iter().copied().skip(1);
        let issuers = issuers.chain([self.anchor.certificate()]);
        self.path.iter().copied().zip(issuers)
    }
}

/// Finds a valid path from `leaf` to an anchor, through `intermediates`, which may come in any order and from
/// anybody. The leaf must be good for one of `purposes` and sign.
///
/// # Errors
/// [`Invalid`], of the first path that reaches an anchor, or [`Why::Untrusted`] where none does.
pub fn validate<'a>(
    leaf: &'a Certificate,
    intermediates: &'a [Certificate],
    anchors: &'a [Anchor],
    purposes: &[ObjectIdentifier],
    now: Timestamp,
) -> Result<Valid<'a>, Invalid> {
    let mut search = Search {
        intermediates,
        anchors,
        purposes,
        now,
        checks: 0,
        failed: None,
    };
    if intermediates.len() <= MAX_INTERMEDIATES
        && let Some(valid) = search.run(leaf)
    {
        return Ok(valid);
    }
    // An anchor itself is judged as what it is: an authority's certificate.
    let anchor = anchors.iter().any(|anchor| anchor.certificate() == leaf);
    let own = if anchor {
        Why::Authority
    } else {
        Why::Untrusted
    };
    Err(search.failed.unwrap_or_else(|| invalid(own, leaf)))
}

fn invalid(why: Why, certificate: &Certificate) -> Invalid {
    Invalid {
        why,
        certificate: Box::new(certificate.clone()),
    }
}

struct Search<'a, 'p> {
    intermediates: &'a [Certificate],
    anchors: &'a [Anchor],
    purposes: &'p [ObjectIdentifier],
    now: Timestamp,
    checks: usize,
    /// Why the first path that reached an anchor is not valid.
    failed: Option<Invalid>,
}

impl<'a> Search<'a, '_> {
    fn run(&mut self, leaf: &'a Certificate) -> Option<Valid<'a>> {
        let mut waiting = vec![vec![leaf]];
        while let Some(path) = waiting.pop() {
            let last = *path.last()?;
            for anchor in self.anchors {
                if same_name(last.issuer(), anchor.certificate().subject())
                    && self.signed(last, anchor.key.as_ref(), anchor.certificate())?
                {
                    let valid = Valid {
                        path: path.clone(),
                        anchor,
                    };
                    let judged = judge(&valid, self.purposes, self.now)
                        .and_then(|()| bears_no_others_name(&valid, self.anchors));
                    match judged {
                        Ok(()) => return Some(valid),
                        Err(why) => self.failed = self.failed.take().or(Some(why)),
                    }
                }
            }
            if path.len() > MAX_DEPTH {
                continue;
            }
            for issuer in self.intermediates {
                if path.contains(&issuer) || !same_name(last.issuer(), issuer.subject()) {
                    continue;
                }
                if self.signed(last, verifier(issuer, LONGEST_KEY).as_ref(), issuer)? {
                    let mut longer = path.clone();
                    longer.push(issuer);
                    waiting.push(longer);
                }
            }
        }
        None
    }

    /// Whether the signature counts; `None` when enough was computed.
    fn signed(
        &mut self,
        certificate: &Certificate,
        issuer: Option<&Verifier>,
        issuing: &Certificate,
    ) -> Option<bool> {
        if self.checks >= MAX_CHECKS {
            return None;
        }
        self.checks += 1;
        let holds = check(certificate, issuer);
        let why = match accepted(certificate) {
            Err(why) if holds != Signature::Fails => Some(invalid(why, certificate)),
            Ok(()) if holds == Signature::Unknown => Some(invalid(Why::Key, issuing)),
            _ => None,
        };
        let counts = holds == Signature::Holds && why.is_none();
        self.failed = self.failed.take().or(why);
        Some(counts)
    }
}

/// Whether the algorithm that a certificate is signed by is one that counts. No switch lets in an old one: whoever makes two
/// certificates of one digest is whoever they like, for as long as they say (docs/old-clients.md).
fn accepted(certificate: &Certificate) -> Result<(), Why> {
    match SignatureAlgorithm::from_identifier_der(certificate.signature_algorithm()) {
        Ok(_) => Ok(()),
        Err(UnacceptableAlgorithm::Sha1 | UnacceptableAlgorithm::Disagree) => Err(Why::Digest),
        Err(UnacceptableAlgorithm::Unsupported(algorithm)) if OLD_DIGESTS.contains(&algorithm) => {
            Err(Why::Digest)
        }
        Err(_) => Err(Why::Algorithm),
    }
}

/// md2, md4, md5 and sha224 with RSA, and the two of DSA over SHA-1.
const OLD_DIGESTS: [ObjectIdentifier; 6] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.2"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.3"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"),
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.14"),
    ObjectIdentifier::new_unwrap("1.2.840.10040.4.3"),
    ObjectIdentifier::new_unwrap("1.3.14.3.2.27"),
];

/// All that is asked of a path whose signatures hold.
fn judge(valid: &Valid<'_>, purposes: &[ObjectIdentifier], now: Timestamp) -> Result<(), Invalid> {
    let anchor = valid.anchor.certificate();
    for (position, certificate) in valid.path.iter().chain([&anchor]).enumerate() {
        let at = |why| invalid(why, certificate);
        dates(certificate, now).map_err(at)?;
        let extensions = certificate.extensions();
        if let Some(unknown) = extensions.unknown_critical(KNOWN) {
            return Err(at(Why::Critical(unknown.oid)));
        }
        let judged = match position {
            0 => end_entity(certificate, purposes),
            _ => authority(valid, position, certificate, purposes),
        };
        judged.map_err(at)?;
    }
    constraints(valid)
}

fn dates(certificate: &Certificate, now: Timestamp) -> Result<(), Why> {
    if now.unix() < certificate.not_before() {
        return Err(Why::NotYetValid);
    }
    if now.unix() > certificate.not_after() {
        return Err(Why::Expired);
    }
    Ok(())
}

fn malformed(_: Malformed) -> Why {
    Why::Malformed("an extension")
}

fn end_entity(certificate: &Certificate, purposes: &[ObjectIdentifier]) -> Result<(), Why> {
    let extensions = certificate.extensions();
    let constraints = extensions.basic_constraints().map_err(malformed)?;
    if constraints.is_some_and(|constraints| constraints.ca) {
        return Err(Why::Authority);
    }
    let usage = extensions.key_usage().map_err(malformed)?;
    if usage.is_some_and(|usage| !usage.allows(KeyUsage::DIGITAL_SIGNATURE)) {
        return Err(Why::KeyUsage);
    }
    // "Any" is not enough: nobody marked this certificate as one to sign in with.
    let own = extensions.extended_key_usage().map_err(malformed)?;
    let own = own.unwrap_or_default();
    if !purposes.iter().any(|purpose| own.contains(purpose)) {
        return Err(Why::Purpose);
    }
    let key = PublicKey::from_spki_der(certificate.spki()).map_err(|_| Why::Key)?;
    key.check_strength().map_err(|_| Why::Key)
}

/// An authority at `position` of the path, counted from the certificate in question.
fn authority(
    valid: &Valid<'_>,
    position: usize,
    certificate: &Certificate,
    purposes: &[ObjectIdentifier],
) -> Result<(), Why> {
    let extensions = certificate.extensions();
    match extensions.basic_constraints().map_err(malformed)? {
        Some(constraints) if constraints.ca => {
            let below = valid.path.iter().take(position).skip(1);
            let below = below.filter(|authority| !is_self_issued(authority)).count();
            let allowed = constraints.path_length.map(usize::try_from);
            if let Some(allowed) = allowed
                && below > allowed.unwrap_or(usize::MAX)
            {
                return Err(Why::PathLength);
            }
        }
        // A root of the time before extensions is an authority because it was made an anchor.
        None if position == valid.path.len() && certificate.version() < 3 => {}
        _ => return Err(Why::NotAuthority),
    }
    let usage = extensions.key_usage().map_err(malformed)?;
    if usage.is_some_and(|usage| !usage.allows(KeyUsage::KEY_CERT_SIGN)) {
        return Err(Why::KeyUsage);
    }
    let own = extensions.extended_key_usage().map_err(malformed)?;
    let allows = |own: Vec<ObjectIdentifier>| {
        own.contains(&oid::ANY_EXTENDED_KEY_USAGE)
            || purposes.iter().any(|purpose| own.contains(purpose))
    };
    if !own.is_none_or(allows) {
        return Err(Why::Purpose);
    }
    let policies = extensions.policy_constraints().map_err(malformed)?;
    if policies.is_some_and(|policies| policies.require_explicit_policy.is_some()) {
        return Err(Why::Policy);
    }
    let key = PublicKey::from_spki_der(certificate.spki()).map_err(|_| Why::Key)?;
    key.check_strength().map_err(|_| Why::Key)
}

/// Each trusted issuer speaks for itself: what an administrator says of one by its name, a person's certificate for instance,
/// nobody below another may claim by giving an authority that name.
fn bears_no_others_name(valid: &Valid<'_>, anchors: &[Anchor]) -> Result<(), Invalid> {
    let own = valid.anchor.certificate().subject();
    for authority in valid.path.iter().skip(1) {
        let name = authority.subject();
        let mut same = anchors
            .iter()
            .map(Anchor::certificate)
            .filter(|anchor| same_name(anchor.subject(), name))
            .peekable();
        let is_one = |anchor: &Certificate| anchor.spki() == authority.spki();
        if same.peek().is_some() && !same_name(own, name) && !same.any(is_one) {
            return Err(invalid(Why::NameOfAnother, authority));
        }
    }
    Ok(())
}

fn is_self_issued(certificate: &Certificate) -> bool {
    certificate.issuer() == certificate.subject()
}

/// Each authority's constraints hold for everything below it.
fn constraints(valid: &Valid<'_>) -> Result<(), Invalid> {
    let anchor = valid.anchor.certificate();
    for (position, authority) in valid.path.iter().chain([&anchor]).enumerate().skip(1) {
        let constraints = authority.extensions().name_constraints();
        let Some(constraints) =
            constraints.map_err(|fault| invalid(malformed(fault), authority))?
        else {
            continue;
        };
        for (below, certificate) in valid.path.iter().take(position).enumerate() {
            // RFC 5280 6.1.3 (b): an authority's new certificate for itself is spared.
            if below > 0 && is_self_issued(certificate) {
                continue;
            }
            let at = |why| invalid(why, certificate);
            let names = names::names_of(certificate).map_err(|fault| at(malformed(fault)))?;
            if !names.iter().all(|name| names::allow(&constraints, name)) {
                return Err(at(Why::Names));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
