//! A timestamp under the key of the client's password (RFC 4120 5.2.7.2).

use crypto::etype::{IntegrityError, Key};
use directory::sources::{Source, ThoughLocked};
use directory::{Account, AccountControl};
use ticket::{Keys, VersionedKey};
use trust::{Span, Timestamp};
use wire::kerberos::{EncryptedData, KeyUsage, PaEncTsEnc};
use zeroize::Zeroizing;

use crate::View;
use crate::client;
use crate::crypto_policy;
use crate::lifetime::moment;
use crate::refused::Refused;

/// Proof that the client knew a current key of the account's password, now. Only [`judge`] makes one.
pub(crate) struct Proven<'a> {
    /// The key that it knew; the reply is encrypted with it.
    pub(crate) key: VersionedKey<'a>,
    /// What we prove with that we know it, too, where it was an encrypted challenge.
    pub(super) answered_with: Option<Key>,
}

/// Judges an encrypted timestamp. A wrong password counts towards lockout, once however often the network
/// delivers it; a wrong clock does not.
///
/// Where unknown names are hidden, whoever proves nothing is told that the password is wrong, whatever hinders the account,
/// and it takes as long.
///
/// # Errors
/// [`Refused::NoCommonEtype`], [`Refused::WrongPassword`], [`Refused::Skew`],
/// [`Refused::ClientLockedOut`] after too many wrong ones, right or not, but where the account is familiar, and [`Refused::KeyRequired`] where
/// no password is taken, right or not.
pub(crate) fn verify<'a>(
    padata: &[u8],
    account: &'a Account,
    from: Option<Source>,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Proven<'a>, Refused> {
    judge(padata, account, from, view, now, |key, sealed| {
        let fits = key.key.etype().number() == sealed.etype.0;
        fits.then(|| key.key.decrypt(KeyUsage::PA_ENC_TIMESTAMP, &sealed.cipher))
    })
}

/// A message that was opened, or was not made with the key.
type Tried = Result<Zeroizing<Vec<u8>>, IntegrityError>;

/// The judgement of [`verify`] for whatever protects the timestamp: `open` tries a key of the account, and gives nothing
/// for one that cannot be meant.
pub(super) fn judge<'a>(
    padata: &[u8],
    account: &'a Account,
    from: Option<Source>,
    view: &View<'_>,
    now: Timestamp,
    open: impl Fn(&VersionedKey<'_>, &EncryptedData) -> Option<Tried>,
) -> Result<Proven<'a>, Refused> {
    let hides = view.realm.hide_unknown_names;
    let (sources, lockout) = (&view.memory.sources, view.directory.lockout_policy()?);
    let locked = client::check_not_locked_out(account, view, now).err();
    let barred = if account.control.contains(AccountControl::SMARTCARD_REQUIRED) {
        Some(Refused::KeyRequired)
    } else {
        locked.clone().and_then(|locked| {
            match sources.check_though_locked(account.id, from, &lockout, now) {
                ThoughLocked::May => None,
                ThoughLocked::MayNot => Some(locked),
                ThoughLocked::OverConnection => Some(Refused::SourceUnproven),
            }
        })
    };
    if let Some(why) = &barred
        && (!hides || *why == Refused::SourceUnproven)
    {
        return Err(why.clone());
    }
    let sealed = EncryptedData::decode(padata).map_err(|_| Refused::Malformed)?;
    // The current version alone: the one before is for tickets, not for signing in.
    let mut meant = false;
    let opened = account
        .keys
        .newest()
        .filter(|_| barred.is_none())
        .filter(|key| view.realm.etypes.contains(&key.key.etype()))
        .filter(|key| crypto_policy::account_takes(account, key.key.etype()))
        .find_map(|key| {
            let tried = open(&key, &sealed)?;
            meant = true;
            Some((key, tried.ok()?))
        });
    if !meant && !hides {
        return Err(Refused::NoCommonEtype);
    }
    let Some((key, opened)) = opened else {
        let first = view
            .memory
            .is_first_attempt(account.id, &sealed.cipher, now);
        if first {
            sources.failed(from, view.realm.sources.failures, now);
        }
        if !meant {
            // Whoever it was for, it took as long.
            try_in_vain(&sealed, view, open);
            let why = barred.unwrap_or(Refused::NoCommonEtype);
            return Err(Refused::AsWrongPassword(Box::new(why)));
        }
        if first {
            sources.failed_where_familiar(account.id, from, &lockout, now);
            view.lockout.fail(account, &view.directory, &lockout, now)?;
        }
        return Err(Refused::WrongPassword);
    };
    let stamp = PaEncTsEnc::decode(&opened).map_err(|_| Refused::Malformed)?;
    let micros = stamp.pausec.map_or(0, |micros| micros.get());
    let sent = moment(stamp.patimestamp) + Span::micros(i64::from(micros));
    if sent.distance(now) > view.realm.lifetimes.skew {
        return Err(Refused::Skew);
    }
    // Whoever catches a right one on the way and sends it again gets no answer that they can read; nor do they get their
    // own address made familiar by it, or the count of their wrong ones ended.
    if view
        .memory
        .is_first_attempt(account.id, &sealed.cipher, now)
    {
        sources.succeeded(account.id, from, now);
        // Where it is locked elsewhere it stays so: who guesses there gets no new start by this.
        if locked.is_none() {
            view.lockout.succeed(account, now);
        }
    }
    Ok(Proven {
        key,
        answered_with: None,
    })
}

/// Tries nobody's keys, as those of an account would be.
fn try_in_vain(
    sealed: &EncryptedData,
    view: &View<'_>,
    open: impl Fn(&VersionedKey<'_>, &EncryptedData) -> Option<Tried>,
) {
    let keys = view.memory.nobodys_keys.newest();
    let keys = keys.filter(|key| view.realm.etypes.contains(&key.key.etype()));
    // It is nobody's, whatever came out.
    keys.for_each(|key| drop(open(&key, sealed)));
}
