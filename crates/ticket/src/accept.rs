//! A service accepts a client by its ticket (RFC 4120 3.2.3).

use crypto::etype::{Etype, Key};
use trust::{Span, Timestamp};
use wire::kerberos::{
    ApRep, ApReq, Authenticator, EncApRepPart, EncTicketPart, EncryptedData, EncryptionType,
    KerberosTime, KeyUsage,
};

use crate::keys::{Keys, VersionedKey};
use crate::replay::Recent;
use crate::seal::{self, Unopened};

/// Why a client is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unaccepted {
    /// The ticket does not open.
    #[error(transparent)]
    Ticket(#[from] Unopened),
    /// The authenticator does not open with the ticket's session key.
    #[error("the authenticator was not made with the ticket's session key")]
    Authenticator,
    /// Ticket and authenticator name different clients.
    #[error("ticket and authenticator name different clients")]
    BadMatch,
    /// The ticket is over.
    #[error("the ticket has expired")]
    Expired,
    /// The ticket has not begun, or was marked invalid.
    #[error("the ticket is not valid yet")]
    NotYetValid,
    /// The clocks are too far apart.
    #[error("the clocks are too far apart")]
    Skew,
    /// The authenticator was seen before.
    #[error("the authenticator was seen before")]
    Repeated,
    /// The session key is of an etype that we do not speak.
    #[error("the session key is of an etype that is not supported")]
    Etype,
}

/// A client that proved to know its ticket's session key, now. Only [`accept`] and [`judge`] make one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Accepted {
    /// What the ticket says.
    pub ticket: EncTicketPart,
    /// What the client says.
    pub authenticator: Authenticator,
    /// The ticket's session key.
    pub session_key: Key,
}

/// How strictly a service judges.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// How far the client's clock may be from ours.
    pub skew: Span,
    /// What was accepted lately. It must remember for at least twice the skew.
    pub seen: &'a Recent<()>,
    /// The usage of the authenticator: [`KeyUsage::AP_REQ_AUTHENTICATOR`], or the KDC's own.
    pub usage: KeyUsage,
}

/// Opens the ticket with the service's keys and judges the authenticator.
///
/// # Errors
/// [`Unaccepted`], saying why.
pub fn accept(
    request: &ApReq,
    keys: &impl Keys,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Accepted, Unaccepted> {
    let (accepted, _) = judge(request, keys, rules.usage, rules.skew, now)?;
    let digest = crypto::digest::sha256(&request.authenticator.cipher);
    match rules.seen.remember(digest, (), now) {
        Some(()) => Err(Unaccepted::Repeated),
        None => Ok(accepted),
    }
}

/// As [`accept`] without the memory of what was seen, for who keeps such a memory in another way: it must
/// be asked, or anybody could send the message again. Says with which key the ticket opened, too.
///
/// # Errors
/// [`Unaccepted`], saying why.
pub fn judge<'k>(
    request: &ApReq,
    keys: &'k impl Keys,
    usage: KeyUsage,
    skew: Span,
    now: Timestamp,
) -> Result<(Accepted, VersionedKey<'k>), Unaccepted> {
    let (ticket, key) = seal::open(&request.ticket, keys)?;
    let session_key = session_key(&ticket).ok_or(Unaccepted::Etype)?;
    let authenticator = session_key
        .decrypt(usage, &request.authenticator.cipher)
        .map_err(|_| Unaccepted::Authenticator)?;
    let authenticator =
        Authenticator::decode(&authenticator).map_err(|_| Unaccepted::Authenticator)?;
    if authenticator.crealm != ticket.crealm || !authenticator.cname.is_same(&ticket.cname) {
        return Err(Unaccepted::BadMatch);
    }
    let sent = Timestamp::from_unix(authenticator.ctime.unix())
        + Span::micros(i64::from(authenticator.cusec.get()));
    if sent.distance(now) > skew {
        return Err(Unaccepted::Skew);
    }
    let starts = ticket.starttime.unwrap_or(ticket.authtime);
    if at(starts) > now + skew || ticket.flags.contains(wire::kerberos::TicketFlags::INVALID) {
        return Err(Unaccepted::NotYetValid);
    }
    if at(ticket.endtime) <= now {
        return Err(Unaccepted::Expired);
    }
    let accepted = Accepted {
        ticket,
        authenticator,
        session_key,
    };
    Ok((accepted, key))
}

fn at(time: KerberosTime) -> Timestamp {
    Timestamp::from_unix(time.unix())
}

/// The session key of an opened ticket; `None` where its etype is not ours or its length is wrong.
#[must_use]
pub fn session_key(ticket: &EncTicketPart) -> Option<Key> {
    let etype = Etype::from_number(ticket.key.keytype.0)?;
    Key::new(etype, &ticket.key.keyvalue).ok()
}

impl Accepted {
    /// The service's proof that it knows the session key, too (RFC 4120 3.2.4). `confounder` must be
    /// fresh random bytes.
    #[must_use]
    pub fn reply(&self, confounder: &[u8; 16]) -> ApRep {
        let part = EncApRepPart {
            ctime: self.authenticator.ctime,
            cusec: self.authenticator.cusec,
            subkey: None,
            seq_number: self.authenticator.seq_number,
        };
        let cipher =
            self.session_key
                .encrypt(KeyUsage::AP_REP_ENC_PART, confounder, &part.encode());
        ApRep::new(EncryptedData {
            etype: EncryptionType(self.session_key.etype().number()),
            kvno: None,
            cipher,
        })
    }
}
