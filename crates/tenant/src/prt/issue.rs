//! A primary refresh token is issued (protocols A.7.4, A.12.2 steps 6 and 7), or follows another.

use crypto::jose::jwe;
use directory::{Account, Actor, AuditRecord, Change, Device, change};
use serde::Serialize;
use trust::{Rng, Span, Timestamp};
use wire::Guid;

use super::judge::Shown;
use super::record::{self, Listed, New, PrtRecord, SessionKey};
use super::refused::Refused;
use super::request::{Signed, SignedIn};
use super::response::{self, PrtResponse};
use super::text::PrtText;
use crate::asked::Asked;
use crate::refused::Trouble;

/// How many tokens of one kind that were there before an account keeps on one device, besides the one that is being renewed: an
/// answer that was lost locks nobody out, however often.
const KEPT: usize = 1;

/// A token that is issued once `changes` are committed.
pub(crate) struct Issued {
    pub(crate) response: PrtResponse,
    pub(crate) changes: Vec<Change>,
}

/// Issues a token, with a new session key for the device, to somebody who signed in.
pub(crate) fn issue(
    asked: &Asked<'_, '_>,
    signed: &Signed,
    signed_in: SignedIn,
    client: &str,
    rng: &mut dyn Rng,
) -> Result<Issued, Trouble> {
    let (now, settings) = (asked.now, &asked.known.settings);
    let (device, account) = (signed.device(), &signed_in.account);
    let session_key = SessionKey(rng.bytes());
    let wrapped = device
        .transport_key()
        .and_then(|key| key.public_key())
        .ok_or(Refused::NoTransportKey)?;
    // One byte that says nothing: the message is the content key (protocols A.8).
    let session_key_jwe = jwe::to_rsa(wrapped, &session_key.0, &rng.bytes(), &[0])
        .map_err(|_| Refused::NoTransportKey)?;
    let text = PrtText::draw(asked.known.id, account.id.0, rng);
    let record = PrtRecord::new(
        New {
            account: account.id.0,
            id: text.id,
            secret: text.digest(),
            device,
            session_key,
            authentication: signed_in.authentication,
            kind: signed_in.kind,
            client,
            expires: now + days(settings.prt_days),
            absolute: now + days(settings.prt_absolute_days),
        },
        now,
    );
    let scope = scope_of(&signed.claims);
    let mut response = response::of(asked, account, &record, &text, &scope)?;
    response.session_key_jwe = Some(session_key_jwe);
    let mut changes = signed_in.changes;
    changes.extend(in_place(asked, &record, None)?);
    let told = told(asked, account, device, "prt.issue", &record)
        .with("nonce_age_seconds", signed.nonce.age(now).as_seconds());
    changes.push(change::audit(match signed_in.key {
        Some(key) => told.about_key(key),
        None => told,
    }));
    Ok(Issued { response, changes })
}

/// Issues the token that follows one that is still good: same session key, same proofs (protocols A.10.2).
pub(crate) fn follow(
    asked: &Asked<'_, '_>,
    shown: &Shown,
    scope: &str,
    rng: &mut dyn Rng,
) -> Result<Issued, Trouble> {
    let now = asked.now;
    let (account, device) = (&shown.live.account, &shown.live.device);
    let text = PrtText::draw(asked.known.id, account.id.0, rng);
    let until = now + days(asked.known.settings.prt_days);
    let record = shown
        .live
        .record
        .renewed(text.id, text.digest(), until, now);
    let response = response::of(asked, account, &record, &text, scope)?;
    let mut changes = in_place(asked, &record, Some(shown.live.record.id))?;
    let told = told(asked, account, device, "prt.renew", &record);
    changes.push(change::audit(shown.noting_the_switch(told)));
    Ok(Issued { response, changes })
}

/// The changes that write a row, and remove what it takes the place of: of each kind, an account keeps few on one device.
/// `renewed` is the row that it follows, which its device holds until the answer has come there.
fn in_place(
    asked: &Asked<'_, '_>,
    record: &PrtRecord,
    renewed: Option<Guid>,
) -> Result<Vec<Change>, Trouble> {
    let (snapshot, device) = (asked.view.snapshot, record.device_entry());
    let rows = record::of_account_on(snapshot, record.account, device, asked.now)?;
    let mut former: Vec<Listed> = rows
        .into_iter()
        .filter(|row| row.kind == record.kind)
        .filter(|row| !renewed.is_some_and(|id| row.is(id)))
        .collect();
    former.sort_unstable_by_key(|row| core::cmp::Reverse(row.issued()));
    let over = former.iter().skip(KEPT).flat_map(Listed::remove);
    Ok(record.put().into_iter().chain(over).collect())
}

fn told(
    asked: &Asked<'_, '_>,
    account: &Account,
    device: &Device,
    action: &str,
    record: &PrtRecord,
) -> AuditRecord {
    let name = account.upn.as_deref().unwrap_or(&account.sam);
    let actor = Actor {
        sid: Some(account.sid),
        name: name.to_owned(),
    };
    let told = AuditRecord::done(asked.now, actor, action)
        .on(account.id, name)
        .about_device(device.device_id)
        .with("by", record.kind.word())
        .with("client", &record.client);
    match asked.from() {
        Some(from) => told.from_address(from),
        None => told,
    }
}

/// Of the words of a scope, those that mean something in an answer (protocols A.7.3).
fn scope_of(claims: &super::request::Claims) -> String {
    let words = ["openid", "aza", "ugs"].into_iter();
    let asked: Vec<&str> = words.filter(|word| claims.asks_for(word)).collect();
    asked.join(" ")
}

fn days(days: u32) -> Span {
    Span::days(i64::from(days))
}

/// The seconds that are left until then, never less than none.
pub(crate) fn seconds_until(then: Timestamp, now: Timestamp) -> i64 {
    then.since(now).as_seconds().max(0)
}

/// As JSON. Text keys and numbers alone, so there always is a form.
pub(crate) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}
