//! Is a primary refresh token still good, and does whoever shows it have its session key? (protocols A.10.1)
//!
//! Each use judges account, device and key anew: what ends a token ends it at once, whether or not anybody had the time to
//! mark its row. Why it is good no more is told only to who has the session key; who has not, or shows a token that is none,
//! learns the same in the same time.

use std::sync::Arc;

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use crypto::jose::{SymmetricKey, Unverified, Verified};
use crypto::kdf::{conversation_key, conversation_key_2};
use directory::{
    Account, AccountKind, AuditRecord, Device, EntryId, Fault, KeyCredential, Snapshot, tenant,
};
use registration::{proven_device, second_factor};
use trust::{Span, Timestamp};

use super::record::{self, PrtRecord, SessionKey};
use super::refused::{Dead, Refused};
use super::text::PrtText;
use crate::asked::Asked;
use crate::refused::Trouble;

/// How many bytes of context a key is derived with (protocols A.9).
const CONTEXT: core::ops::RangeInclusive<usize> = 16..=64;

/// A primary refresh token that is good, shown by who has its session key. Only [`prove`] makes one.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) account: Arc<Account>,
    pub(crate) device: Arc<Device>,
    pub(crate) record: PrtRecord,
}

/// A token signed with a session key, and the primary refresh token that it carries.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) live: Live,
    pub(crate) verified: Verified,
    /// Which version of keys it was signed with, where that is the old one.
    pub(crate) first_kdf: bool,
}

impl Shown {
    /// The record of what was done, which names the switch that was used for it (protocols K).
    pub(crate) fn noting_the_switch(&self, told: AuditRecord) -> AuditRecord {
        noting_the_switch(told, self.first_kdf)
    }
}

/// The record, which names the switch for keys of the first version where one was used.
pub(crate) fn noting_the_switch(told: AuditRecord, first_kdf: bool) -> AuditRecord {
    match first_kdf {
        true => told.with("switch", "oauth.kdf_v1_allowed"),
        false => told,
    }
}

/// Proves a token that a session key signed: which one, says the `refresh_token` in it.
pub(crate) fn prove(asked: &Asked<'_, '_>, token: &str) -> Result<Shown, Trouble> {
    let token = Unverified::parse(token).map_err(Refused::Form)?;
    let payload = token.payload_unverified().map_err(Refused::Form)?;
    let claims = token.members_unverified().map_err(Refused::Form)?;
    let context = token.header().text("ctx").and_then(context);
    let context = context.ok_or(Refused::Claims)?;
    let first_kdf = match version(&token) {
        Some(1) if asked.known.settings.kdf_v1 => true,
        Some(1) => return Err(Refused::KdfVersion.into()),
        Some(2) => false,
        _ => return Err(Refused::Claims.into()),
    };
    let text = claims.get("refresh_token").and_then(|text| text.as_str());
    let text = text.and_then(PrtText::parse);
    let record = text.map(|text| find(asked, &text)).transpose()?.flatten();
    // A key that nobody has stands for the one that is not there.
    let nobodys = SessionKey([0; 32]);
    let key = record
        .as_ref()
        .map_or(&nobodys, |record| &record.session_key);
    let key = match first_kdf {
        true => conversation_key(&key.0, &context),
        false => conversation_key_2(&key.0, &context, &payload),
    };
    let verified = token.verify_symmetric(&SymmetricKey::new(&key));
    let (Some(record), Ok(verified)) = (record, verified) else {
        return Err(Refused::Unknown.into());
    };
    let live = judge(asked, record)?.map_err(Refused::Dead)?;
    Ok(Shown {
        live,
        verified,
        first_kdf,
    })
}

/// The row of a token of this tenant, whose secret is right.
fn find(asked: &Asked<'_, '_>, text: &PrtText) -> Result<Option<PrtRecord>, Fault> {
    if text.tenant != asked.known.id {
        return Ok(None);
    }
    let record = record::find(asked.view.snapshot, text.account, text.id, asked.now)?;
    Ok(record.filter(|record| record.secret.same(&text.digest())))
}

/// The version of keys that a header names: the first, where it names none.
fn version(token: &Unverified<'_>) -> Option<u64> {
    match token.header().member("kdf_ver") {
        None => Some(1),
        Some(serde_json::Value::String(text)) => text.parse().ok(),
        Some(other) => other.as_u64(),
    }
}

/// The context, in either alphabet of base64, padded or not.
fn context(text: &str) -> Option<Vec<u8>> {
    if text.len() > 128 {
        return None;
    }
    let plain = text.trim_end_matches('=');
    let bytes = match plain.contains(['+', '/']) {
        true => base64ct::Base64Unpadded::decode_vec(plain).ok(),
        false => Base64UrlUnpadded::decode_vec(plain).ok(),
    };
    bytes
        .or_else(|| Base64::decode_vec(text).ok())
        .filter(|bytes| CONTEXT.contains(&bytes.len()))
}

/// Whether a token's row, account, device and key let it be used now.
fn judge(asked: &Asked<'_, '_>, record: PrtRecord) -> Result<Result<Live, Dead>, Fault> {
    let (snapshot, now) = (asked.view.snapshot, asked.now);
    if let Some(why) = record.ended() {
        return Ok(Err(why));
    }
    if now >= record.expires() {
        return Ok(Err(Dead::Expired));
    }
    let Some(device) = snapshot.device_by_entry(record.device_entry())? else {
        return Ok(Err(Dead::DeviceGone));
    };
    if !device.enabled {
        return Ok(Err(Dead::DeviceDisabled));
    }
    if proven_device::is_revoked(snapshot, &device, now)? {
        return Ok(Err(Dead::DeviceRevoked));
    }
    let account = snapshot.account_by_id(EntryId(record.account))?;
    let account = account.filter(|account| account.kind == AccountKind::User);
    let Some(account) = account else {
        return Ok(Err(Dead::UserGone));
    };
    if !account.is_enabled() || account.has_expired(now) {
        return Ok(Err(Dead::UserGone));
    }
    let epoch = tenant::revoked_before(snapshot, account.id, now)?;
    if let Some(why) = lost(&record, &account, epoch) {
        return Ok(Err(why));
    }
    if let Some(key) = key_of(&record, &account)
        && !home_is_usable(snapshot, key)?
    {
        return Ok(Err(Dead::KeyGone));
    }
    Ok(Ok(Live {
        account,
        device,
        record,
    }))
}

/// What of the proofs behind a token counts no more.
fn lost(record: &PrtRecord, account: &Account, epoch: Option<Timestamp>) -> Option<Dead> {
    let first = record.authentication.first();
    if epoch.is_some_and(|epoch| first.since() < epoch) {
        return Some(Dead::Revoked);
    }
    // PRT-6: another password ends what a password got, and nothing else.
    if first.is_by_password() {
        if account.must_change_password() {
            return Some(Dead::MustChange);
        }
        if account
            .password_last_set
            .is_some_and(|set| set > first.since())
        {
            return Some(Dead::PasswordChanged);
        }
    }
    if is_without_its_key(record, account) {
        return Some(Dead::KeyGone);
    }
    let replaced = record
        .authentication
        .second_factor_at()
        .is_some_and(|at| !second_factor::of(account).prove(at));
    replaced.then_some(Dead::SecondFactorReplaced)
}

/// Whether the Hello key that got a token is listed no more.
fn is_without_its_key(record: &PrtRecord, account: &Account) -> bool {
    let by_key = record.authentication.first().hello_key().is_some();
    by_key && key_of(record, account).is_none()
}

/// The Hello key that got a token, where it is listed.
fn key_of<'a>(record: &PrtRecord, account: &'a Account) -> Option<&'a KeyCredential> {
    let key = record.authentication.first().hello_key()?;
    account.sign_in_key(&crypto::key::Fingerprint(*key))
}

/// Whether the device that a key was registered from may be used, as the KDC asks it. Where keys roam it may be another than
/// the one that signs.
pub(crate) fn home_is_usable(snapshot: &Snapshot<'_>, key: &KeyCredential) -> Result<bool, Fault> {
    match key.device() {
        Some(device) => snapshot.device_is_usable(device, key.origin),
        None => Ok(true),
    }
}

/// Whether a session key is still young enough for a token to follow its own (CONF-18).
pub(crate) fn may_be_renewed(asked: &Asked<'_, '_>, record: &PrtRecord) -> Result<(), Dead> {
    let longest = Span::days(i64::from(asked.known.settings.session_key_days));
    match record.session_key_age(asked.now) > longest {
        true => Err(Dead::SessionKey),
        false => Ok(()),
    }
}
