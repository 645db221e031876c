//! Changing passwords over Kerberos (RFC 3244), the service `kadmin/changepw`.
//!
//! Its tickets come from the AS exchange alone and for five minutes, under keys that no other service has, and say
//! what got them ([`Means`]). Everybody may choose a new password for themselves. Somebody else's is set by an
//! administrator, or whoever was granted that (decision 0012), who signed in with a key or certificate: a password alone
//! does not administer here, by no protocol.

use std::net::IpAddr;
use std::sync::Arc;

use crypto::etype::Key;
use crypto::password::Cost;
use directory::access::Caller;
use directory::delegation::Delegable;
use directory::password::{self, Chooser, PasswordRefused};
use directory::{Account, Actor, AuditRecord, Change, change};
use ticket::{Accepted, Means};
use trust::{Rng, Span, Timestamp};
use wire::kerberos::{
    AddressType, ChangePasswdData, EncKrbPrivPart, HostAddress, KdcOptions, KeyUsage, KrbError,
    KrbPriv, MessageType, Microseconds, PasswordReply, PasswordRequest, PasswordResult,
    PasswordResultCode, PasswordVersion, TicketFlags,
};
use zeroize::Zeroizing;

use crate::lifetime::{kerberos_time, moment};
use crate::refused::Refused;
use crate::{Answer, Exchange, ExchangeKind, View, client, issue, means};

/// How long its tickets are valid: long enough to type a new password twice.
pub(crate) const TICKET_LIFE: Span = Span::minutes(5);

/// Where a request came in, and what it may cost.
#[derive(Clone, Copy, Debug)]
pub struct Desk {
    /// The peer's address.
    pub from: Option<IpAddr>,
    /// The address that the peer asked, which the reply names as its sender.
    pub at: IpAddr,
    /// What hashing the new password costs.
    pub cost: Cost,
}

/// What became of a request of somebody who was let in.
struct Outcome {
    code: PasswordResultCode,
    words: String,
    changes: Vec<Change>,
    refused: Option<Refused>,
}

impl Outcome {
    fn refused(code: PasswordResultCode, words: impl Into<String>, refused: Refused) -> Self {
        Self {
            code,
            words: words.into(),
            changes: Vec::new(),
            refused: Some(refused),
        }
    }
}

/// Answers one message to port 464, and says what it changes. The answer may be sent when that is committed, and
/// remembered ([`Answer::remember`]).
pub fn change_password(
    message: &[u8],
    desk: &Desk,
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> (Answer, Vec<Change>) {
    let id = crypto::digest::sha256(message);
    if let Some(reply) = view.memory.answer_to(&id, now) {
        let answer = Answer {
            reply: Some(reply),
            exchange: None,
            given: None,
        };
        return (answer, Vec::new());
    }
    let mut exchange = Exchange::new(ExchangeKind::Password, now, None);
    exchange.from = desk.from;
    let request = match PasswordRequest::decode(message) {
        Ok(request) => request,
        Err(unreadable) => {
            use wire::kerberos::InvalidPasswordMessage as Invalid;
            let (code, words) = match unreadable {
                // What does not even say its own length is none of this protocol's, and is not answered.
                Invalid::Length { .. } => (None, ""),
                // Nor is anything but a request: our own errors are framed alike, and two services that answer each
                // other's would never end (CVE-2002-2443).
                _ if !asks(message) => (None, ""),
                Invalid::Version(_) => (Some(PasswordResultCode::BAD_VERSION), "Unknown version."),
                Invalid::Truncated | Invalid::Message(_) => (
                    Some(PasswordResultCode::MALFORMED),
                    "The request cannot be read.",
                ),
            };
            exchange.refused = Some(Refused::Malformed);
            let reply = code.map(|code| failure(&Refused::Malformed, code, words, view, now));
            return (Answer::of(reply, exchange), Vec::new());
        }
    };
    let admitted = match admit(&request, id, view, now) {
        Ok(admitted) => admitted,
        Err(refused) => {
            let words = "Sign in again, then try once more.";
            let reply = failure(&refused, PasswordResultCode::AUTHERROR, words, view, now);
            exchange.refused = Some(refused);
            return (Answer::of(Some(reply), exchange), Vec::new());
        }
    };
    exchange.client = Some(admitted.account.sam.clone());
    exchange.means = Some(admitted.means);
    let outcome = decide(&request, &admitted, desk, view, now, rng).unwrap_or_else(|refused| {
        let words = "The server failed. Try again later.";
        Outcome::refused(PasswordResultCode::HARDERROR, words, refused)
    });
    let reply = admitted.reply(&outcome, desk, now, rng);
    exchange.refused = outcome.refused;
    let mut answer = Answer::of(reply, exchange);
    // A refusal is remembered, too: what was asked is answered once, and hashed once.
    answer.given = answer.reply.clone().map(|reply| (id, reply));
    (answer, outcome.changes)
}

/// Whether there is something like an AP-REQ where one belongs.
fn asks(message: &[u8]) -> bool {
    let rest = message.get(PasswordRequest::HEADER..).unwrap_or_default();
    MessageType::of(rest) == Some(MessageType::AP_REQ)
}

/// A KRB-ERROR, for who could not be let in. The reason stays with us but for its code.
fn failure(
    refused: &Refused,
    code: PasswordResultCode,
    words: &str,
    view: &View<'_>,
    now: Timestamp,
) -> Vec<u8> {
    let mut error = KrbError::new(
        refused.code(),
        kerberos_time(now),
        Microseconds::new(now.subsecond_micros()).unwrap_or_default(),
        view.realm.name.clone(),
        view.realm.password_service(),
    );
    error.e_data = Some(PasswordResult::new(code, words).encode());
    let reply = PasswordReply::Error(error);
    // It is a few hundred bytes, far from what the frame's lengths hold.
    reply.encode().unwrap_or_default()
}

/// Somebody who was let in: whose ticket is good, and whose it is.
struct Admitted {
    account: Arc<Account>,
    means: Means,
    accepted: Accepted,
    /// What protects both directions: the authenticator's subkey (RFC 3244 2).
    key: Key,
}

/// Judges the ticket, and finds out whose it is.
fn admit(
    request: &PasswordRequest,
    id: [u8; 32],
    view: &View<'_>,
    now: Timestamp,
) -> Result<Admitted, Refused> {
    let shown = &request.ap_req;
    let name = view.realm.password_service();
    if shown.ticket.realm != view.realm.name || !shown.ticket.sname.is_same(&name) {
        return Err(Refused::NotUs);
    }
    let service = crate::service::find(&name, KdcOptions::NONE, view, now)?;
    let (usage, skew) = (KeyUsage::AP_REQ_AUTHENTICATOR, view.realm.lifetimes.skew);
    let (accepted, _) = ticket::judge(shown, &service.account.keys, usage, skew, now)?;
    let authenticator = crypto::digest::sha256(&shown.authenticator.cipher);
    view.memory.take_authenticator(authenticator, id, now)?;
    if !accepted.ticket.flags.contains(TicketFlags::INITIAL) {
        return Err(Refused::InitialTicketNeeded);
    }
    let means = accepted
        .ticket
        .authorization_data
        .as_ref()
        .and_then(Means::find)
        .ok_or(Refused::PacRefused("it does not say what got it"))?;
    let account = means::still_there(&means, &accepted.ticket.cname, view, now)?;
    // What was got with a password proves no other.
    let got = moment(accepted.ticket.authtime);
    let since = account.password_last_set.map(Timestamp::whole_seconds);
    if means.key.is_none() && since.is_some_and(|since| got < since) {
        return Err(Refused::TgtRevoked("password"));
    }
    let key = issue::subkey(&accepted)?.ok_or(Refused::Malformed)?;
    Ok(Admitted {
        account,
        means,
        accepted,
        key,
    })
}

/// Opens the request and judges what it asks for.
fn decide(
    request: &PasswordRequest,
    admitted: &Admitted,
    desk: &Desk,
    view: &View<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Outcome, Refused> {
    let malformed =
        |words| Outcome::refused(PasswordResultCode::MALFORMED, words, Refused::Malformed);
    let Some(wanted) = open(request, admitted) else {
        return Ok(malformed("The request cannot be read."));
    };
    let Ok(password) = std::str::from_utf8(&wanted.newpasswd) else {
        return Ok(malformed("The new password is not UTF-8."));
    };
    let (target, chooser) = match target(&wanted, admitted, view)? {
        Some(target) => target,
        None => {
            return Ok(Outcome::refused(
                PasswordResultCode::ACCESSDENIED,
                "Only an administrator, or who was granted that, sets somebody else's password, signed in with a key.",
                Refused::PasswordOfAnother,
            ));
        }
    };
    let changed = password::change(
        &view.directory,
        target.id,
        password,
        chooser,
        desk.cost,
        now,
        rng,
    )?;
    Ok(match changed {
        Ok(changed) => Outcome {
            code: PasswordResultCode::SUCCESS,
            words: "The password was changed.".to_owned(),
            changes: vec![changed, audit(admitted, &target, desk, now)],
            refused: None,
        },
        Err(refused) => {
            let code = match refused {
                PasswordRefused::NotForThisAccount => PasswordResultCode::ACCESSDENIED,
                _ => PasswordResultCode::SOFTERROR,
            };
            let words = refused.sentence();
            Outcome::refused(code, words, Refused::PasswordRefused(refused))
        }
    })
}

/// What the KRB-PRIV holds. Its addresses are nothing to go by where addresses are translated; that it belongs to
/// this AP-REQ, the subkey and the sequence number say.
fn open(request: &PasswordRequest, admitted: &Admitted) -> Option<ChangePasswdData> {
    let sealed = &request.krb_priv.enc_part.cipher;
    let opened = admitted.key.decrypt(KeyUsage::KRB_PRIV_ENC_PART, sealed);
    let opened = Zeroizing::new(opened.ok()?);
    let mut part = EncKrbPrivPart::decode(&opened).ok()?;
    let data = Zeroizing::new(std::mem::take(&mut part.user_data));
    if part.seq_number != admitted.accepted.authenticator.seq_number {
        return None;
    }
    match request.version {
        PasswordVersion::Change => Some(ChangePasswdData {
            newpasswd: data.to_vec(),
            targname: None,
            targrealm: None,
        }),
        PasswordVersion::Set => ChangePasswdData::decode(&data).ok(),
    }
}

/// Whose password is meant, and by what right; `None` where there is none. Who may not set passwords does not learn
/// which accounts there are.
fn target(
    wanted: &ChangePasswdData,
    admitted: &Admitted,
    view: &View<'_>,
) -> Result<Option<(Arc<Account>, Chooser)>, Refused> {
    let own = (Arc::clone(&admitted.account), Chooser::Owner);
    let Some(name) = &wanted.targname else {
        return Ok(Some(own));
    };
    let here = wanted
        .targrealm
        .as_ref()
        .is_none_or(|realm| *realm == view.realm.name);
    let named = match here {
        true => client::account_of(name, view.realm, &view.directory)?,
        false => None,
    };
    if let Some(named) = &named
        && named.id == admitted.account.id
    {
        return Ok(Some(own));
    }
    let Some(named) = named else {
        return Ok(None);
    };
    let chooser = Chooser::Administrator { must_change: true };
    Ok(may_set(admitted, &named, view)?.then_some((named, chooser)))
}

/// Whether somebody may set another's password: the rule of the directory over LDAP and of the administration's API.
fn may_set(admitted: &Admitted, named: &Account, view: &View<'_>) -> Result<bool, Refused> {
    if admitted.means.key.is_none() && admitted.means.certificate.is_none() {
        return Ok(false);
    }
    let caller = Caller::of(&admitted.account, &view.directory)?;
    if caller.is_administrator(view.directory.domain()) {
        return Ok(true);
    }
    let Some(entry) = view.directory.entry(named.id)? else {
        return Ok(false);
    };
    Ok(caller.may_look_after(Delegable::Passwords, &entry, &view.directory)?)
}

fn audit(admitted: &Admitted, target: &Account, desk: &Desk, now: Timestamp) -> Change {
    let actor = Actor {
        sid: Some(admitted.account.sid),
        name: admitted.account.sam.clone(),
    };
    let action = match target.id == admitted.account.id {
        true => "password.change",
        false => "password.set",
    };
    let record = AuditRecord::done(now, actor, action)
        .on(target.id, &target.sam)
        .with("path", "kpasswd");
    change::audit(match desk.from {
        Some(from) => record.from_address(from.to_string()),
        None => record,
    })
}

impl Admitted {
    /// The service's proof, and under it what became of the request.
    fn reply(
        &self,
        outcome: &Outcome,
        desk: &Desk,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Option<Vec<u8>> {
        let part = EncKrbPrivPart {
            user_data: PasswordResult::new(outcome.code, &outcome.words).encode(),
            timestamp: Some(kerberos_time(now)),
            usec: Microseconds::new(now.subsecond_micros()),
            seq_number: self.accepted.authenticator.seq_number,
            s_address: address(desk.at),
            r_address: None,
        };
        let usage = KeyUsage::KRB_PRIV_ENC_PART;
        let krb_priv = KrbPriv::new(issue::encrypt(&self.key, usage, &part.encode(), rng));
        let ap_rep = self.accepted.reply(&rng.bytes());
        PasswordReply::Result { ap_rep, krb_priv }.encode().ok()
    }
}

fn address(address: IpAddr) -> HostAddress {
    match address {
        IpAddr::V4(address) => HostAddress {
            addr_type: AddressType::IPV4,
            address: address.octets().to_vec(),
        },
        IpAddr::V6(address) => HostAddress {
            addr_type: AddressType::IPV6,
            address: address.octets().to_vec(),
        },
    }
}
