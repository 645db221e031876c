//! Freshness tokens (RFC 8070, protocols E.3.4): proof that a request was signed after we last spoke,
//! so that requests signed ahead on a borrowed device are of no use.
//!
//! A token is the key version of the ticket-granting service (4 bytes), our time in microseconds
//! (8 bytes), both big-endian, and a keyed checksum over the two: any KDC of the realm can judge it, and
//! nothing need be remembered.

use ticket::{Keys, VersionedKey};
use trust::{Span, Timestamp};
use wire::kerberos::KeyUsage;

use crate::refused::Refused;

/// How long a token holds.
const LIFETIME: Span = Span::minutes(5);

/// The key usage that RFC 8070's implementations agree on; no RFC assigns it.
const USAGE: KeyUsage = KeyUsage(514);

/// Proof that a request was made on a token that we gave out a moment ago. Only [`verify`] makes one;
/// the SID S-1-18-3 asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fresh(());

/// A token for now, under the newest key of the ticket-granting service.
pub(crate) fn token(key: VersionedKey<'_>, now: Timestamp) -> Vec<u8> {
    let mut token = Vec::with_capacity(40);
    token.extend_from_slice(&key.kvno.to_be_bytes());
    token.extend_from_slice(&now.micros().to_be_bytes());
    let checksum = key.key.checksum(USAGE, &token);
    token.extend_from_slice(&checksum);
    token
}

/// Judges a token that came back.
///
/// # Errors
/// [`Refused::FreshnessStale`] for one that is too old, of the future, or not ours: the client then
/// gets a new one.
pub(crate) fn verify(token: &[u8], krbtgt: &impl Keys, now: Timestamp) -> Result<Fresh, Refused> {
    check(token, krbtgt, now)
        .map(Fresh)
        .ok_or(Refused::FreshnessStale)
}

fn check(token: &[u8], krbtgt: &impl Keys, now: Timestamp) -> Option<()> {
    let (signed, checksum) = token.split_at_checked(12)?;
    let (kvno, made) = signed.split_at_checked(4)?;
    let kvno = u32::from_be_bytes(kvno.try_into().ok()?);
    let made = Timestamp::from_micros(i64::from_be_bytes(made.try_into().ok()?));
    let known = krbtgt
        .keys()
        .filter(|key| key.kvno == kvno)
        .any(|key| key.key.verify_checksum(USAGE, signed, checksum).is_ok());
    // Our own time, so no skew is allowed for; another KDC's clock may run a little ahead.
    let age = now.since(made);
    (known && age <= LIFETIME && age >= Span::seconds(-30)).then_some(())
}

#[cfg(test)]
mod tests {
    use crypto::etype::{Etype, Key, KeySchedule};
    use ticket::KeySet;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn key(kvno: u32, byte: u8) -> (u32, KeySchedule) {
        let key = Key::random_to_key(Etype::Aes256CtsHmacSha1_96, &[byte; 32]);
        (kvno, key.into())
    }

    fn token_of(kvno: u32, byte: u8) -> Vec<u8> {
        let (kvno, key) = key(kvno, byte);
        token(VersionedKey { kvno, key: &key }, NOW)
    }

    #[test]
    fn accepts_its_own_token_for_five_minutes() {
        let keys = KeySet::new(vec![key(1, 7), key(2, 8)]);
        let token = token_of(2, 8);
        assert!(verify(&token, &keys, NOW).is_ok());
        assert!(verify(&token, &keys, NOW + Span::minutes(5)).is_ok());
        let later = verify(&token, &keys, NOW + Span::seconds(301));
        assert_eq!(later, Err(Refused::FreshnessStale));
    }

    #[test]
    fn accepts_a_token_of_the_key_before_a_rotation() {
        let keys = KeySet::new(vec![key(1, 7), key(2, 8)]);
        assert!(verify(&token_of(1, 7), &keys, NOW).is_ok());
    }

    #[test]
    fn refuses_a_token_that_is_altered_foreign_or_garbage() {
        let keys = KeySet::new(vec![key(1, 7)]);
        let good = token_of(1, 7);
        for at in 0..good.len() {
            let mut altered = good.clone();
            altered[at] ^= 1;
            assert!(verify(&altered, &keys, NOW).is_err(), "byte {at}");
        }
        assert!(verify(&token_of(1, 9), &keys, NOW).is_err());
        assert!(verify(&[], &keys, NOW).is_err());
        assert!(verify(&good[..20], &keys, NOW).is_err());
    }
}
