//! Is the signature for this request, and for now? (RFC 4556 3.2.2, MS-PKCA 3.1.5.1; protocols E.3.1 steps
//! 4 and 5.)

use crypto::constant_time;
use crypto::digest::{self, DigestAlgorithm};
use trust::{Span, Timestamp};
use wire::kerberos::AsReq;
use wire::pkinit::PkAuthenticator;

use super::Signed;
use crate::View;
use crate::lifetime::moment;
use crate::memory::Received;
use crate::refused::Refused;

/// Judges what the PKAuthenticator binds the signature to.
///
/// # Errors
/// [`Refused::ChecksumMissing`], [`Refused::ChecksumWrong`], [`Refused::Skew`], [`Refused::Repeated`].
pub(crate) fn check(
    authenticator: &PkAuthenticator,
    received: &Received<'_, AsReq>,
    signed: &Signed,
    view: &View<'_>,
    now: Timestamp,
) -> Result<(), Refused> {
    check_by(authenticator, received, &signed.fingerprint().0, view, now)
}

/// As [`check`], for what somebody made whom a digest stands for: no two of them may be taken for a repetition.
pub(crate) fn check_by(
    authenticator: &PkAuthenticator,
    received: &Received<'_, AsReq>,
    maker: &[u8; 32],
    view: &View<'_>,
    now: Timestamp,
) -> Result<(), Refused> {
    let body = received.request.req_body.as_bytes();
    let checksum = authenticator
        .pa_checksum
        .as_ref()
        .ok_or(Refused::ChecksumMissing)?;
    // SHA-1 by the standard; where the newer checksum is there, too, both must hold.
    if !constant_time::equal(checksum, &digest::sha1(body)) {
        return Err(Refused::ChecksumWrong);
    }
    if let Some(newer) = &authenticator.pa_checksum2 {
        let algorithm = DigestAlgorithm::from_oid(&newer.algorithm_identifier.oid)
            .ok_or(Refused::ChecksumWrong)?;
        if !constant_time::equal(&newer.checksum, &algorithm.digest(body)) {
            return Err(Refused::ChecksumWrong);
        }
    }
    let cusec = authenticator.cusec.get();
    let sent = moment(authenticator.ctime) + Span::micros(i64::from(cusec));
    if sent.distance(now) > view.realm.lifetimes.skew {
        return Err(Refused::Skew);
    }
    let mut seen = Vec::with_capacity(48);
    seen.extend_from_slice(maker);
    seen.extend_from_slice(&sent.micros().to_be_bytes());
    seen.extend_from_slice(&u32::from(authenticator.nonce).to_be_bytes());
    view.memory
        .take_authenticator(digest::sha256(&seen), received.id, now)
}
