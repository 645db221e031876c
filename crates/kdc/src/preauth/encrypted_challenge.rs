//! A timestamp under the armor key and the key of the client's password together (RFC 6113 5.4.6): nobody who reads the
//! request can try passwords on it.

use crypto::etype::Key;
use directory::Account;
use directory::sources::Source;
use trust::{Rng, Timestamp};
use wire::kerberos::{KeyUsage, Microseconds, PaData, PaDataType, PaEncTsEnc};

use super::encrypted_timestamp::{self, Proven};
use crate::View;
use crate::fast::Armor;
use crate::issue;
use crate::lifetime::kerberos_time;
use crate::refused::Refused;

/// Judges an encrypted challenge as [`encrypted_timestamp::verify`] judges a timestamp, its errors and counting included.
///
/// # Errors
/// As [`encrypted_timestamp::verify`].
pub(crate) fn verify<'a>(
    padata: &[u8],
    armor: &Armor,
    account: &'a Account,
    from: Option<Source>,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Proven<'a>, Refused> {
    let armor = armor.key();
    let mut proven =
        encrypted_timestamp::judge(padata, account, from, view, now, |key, sealed| {
            let key = armor.combine(key.key.key(), b"clientchallengearmor", b"challengelongterm");
            Some(key.decrypt(KeyUsage::ENC_CHALLENGE_CLIENT, &sealed.cipher))
        })?;
    let long_term = proven.key.key.key();
    let ours = armor.combine(long_term, b"kdcchallengearmor", b"challengelongterm");
    proven.answered_with = Some(ours);
    Ok(proven)
}

/// Our proof that we know the password's key, too.
pub(crate) fn answer(key: &Key, now: Timestamp, rng: &mut dyn Rng) -> PaData {
    let stamp = PaEncTsEnc {
        patimestamp: kerberos_time(now),
        pausec: Microseconds::new(now.subsecond_micros()),
    };
    let sealed = issue::encrypt(key, KeyUsage::ENC_CHALLENGE_KDC, &stamp.encode(), rng);
    PaData::new(PaDataType::ENCRYPTED_CHALLENGE, sealed.encode())
}
