//! OCSP (RFC 6960).

use wire::x509::ocsp::{
    BasicResponse, CertId, CertificateStatus, OcspRequest, OcspResponse, SingleResponse,
};
use wire::x509::{Certificate, Malformed, oid};

use super::{SKEW, Unusable, signed};
use crate::path::same_name;
use crate::{Span, Timestamp};

/// How long an answer is used that does not say until when it holds: newer knowledge is always there.
const WITHOUT_END: Span = Span::minutes(5);

/// The longest that an answer is used, whatever it says.
const LONGEST: Span = Span::days(10);

/// What a responder says of one certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Status {
    /// The answer.
    pub status: CertificateStatus,
    /// When it was right.
    pub this_update: Timestamp,
    /// Until when it may be used.
    pub until: Timestamp,
}

/// The request about a certificate, to be posted to a responder.
///
/// # Errors
/// When the issuer's key does not decode.
pub fn request_about(
    serial: &[u8],
    issuer: &Certificate,
    nonce: Option<&[u8]>,
) -> Result<Vec<u8>, Malformed> {
    Ok(OcspRequest::about(CertId::sha1(issuer, serial)?, nonce).encode())
}

/// Judges a response about the certificate of `serial` that `issuer` issued. Where the response repeats a nonce, it must
/// be `nonce`; one that repeats none was made ahead, and is judged by its dates (RFC 9654 3.2).
///
/// # Errors
/// [`Unusable`].
pub fn judge_answer(
    der: &[u8],
    serial: &[u8],
    issuer: &Certificate,
    nonce: Option<&[u8]>,
    now: Timestamp,
) -> Result<Status, Unusable> {
    let basic = match OcspResponse::parse(der)? {
        OcspResponse::Successful(basic) => basic,
        OcspResponse::Failed(why) => return Err(Unusable::Failed(why)),
    };
    let speaker = speaker(&basic, issuer, now)?;
    let (algorithm, message) = (basic.signature_algorithm(), basic.tbs());
    if !signed(speaker, algorithm, message, basic.signature()) {
        return Err(Unusable::Signature);
    }
    let repeated = basic.data().extensions.ocsp_nonce()?;
    if let (Some(repeated), Some(sent)) = (&repeated, nonce)
        && repeated != sent
    {
        return Err(Unusable::Silent);
    }
    if basic
        .data()
        .extensions
        .unknown_critical(&[oid::OCSP_NONCE])
        .is_some()
    {
        return Err(Unusable::Critical);
    }
    let ids = [
        CertId::sha1(issuer, serial)?,
        CertId::sha256(issuer, serial)?,
    ];
    let single = ids.iter().find_map(|id| basic.find(id));
    dated(single.ok_or(Unusable::Silent)?, now)
}

fn dated(single: &SingleResponse, now: Timestamp) -> Result<Status, Unusable> {
    if single.extensions.unknown_critical(&[]).is_some() {
        return Err(Unusable::Critical);
    }
    let this_update = Timestamp::from_unix(single.this_update);
    if this_update > now + SKEW {
        return Err(Unusable::Future);
    }
    let until = match single.next_update.map(Timestamp::from_unix) {
        Some(until) => until.min(now + LONGEST),
        // Made for us just now; an old one may have been kept by whoever does not like the new one.
        None => this_update + SKEW + WITHOUT_END,
    };
    if until <= now {
        return Err(Unusable::Over);
    }
    Ok(Status {
        status: single.status,
        this_update,
        until,
    })
}

/// Whose key the answer is signed with: the issuer itself, or one that it appointed by a certificate for just that
/// (RFC 6960 4.2.2.2).
fn speaker<'a>(
    basic: &'a BasicResponse,
    issuer: &'a Certificate,
    now: Timestamp,
) -> Result<&'a Certificate, Unusable> {
    let responder = &basic.data().responder;
    if responder.names(issuer)? {
        return Ok(issuer);
    }
    for certificate in basic.certificates() {
        if responder.names(certificate)? && is_appointed(certificate, issuer, now)? {
            return Ok(certificate);
        }
    }
    Err(Unusable::Signature)
}

fn is_appointed(
    certificate: &Certificate,
    issuer: &Certificate,
    now: Timestamp,
) -> Result<bool, Malformed> {
    let extensions = certificate.extensions();
    let purposes = extensions.extended_key_usage()?.unwrap_or_default();
    let known = [
        oid::BASIC_CONSTRAINTS,
        oid::KEY_USAGE,
        oid::EXTENDED_KEY_USAGE,
    ];
    let dates = certificate.not_before()..=certificate.not_after();
    Ok(purposes.contains(&oid::OCSP_SIGNING)
        && dates.contains(&now.unix())
        && extensions.unknown_critical(&known).is_none()
        && same_name(certificate.issuer(), issuer.subject())
        && signed(
            issuer,
            certificate.signature_algorithm(),
            certificate.tbs(),
            certificate.signature(),
        ))
}
