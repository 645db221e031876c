//! The other side of the KDC: asking for tickets (RFC 4120 3.1, 3.3).
//!
//! An exchange is a value that says what it waits for. [`Initial::start`] and [`Granting::start`] give it with
//! the first message; [`Initial::handle`] takes what came back and gives the next message or the
//! [`Credential`]. Sending is somebody else's work.

mod armor;
mod granting;
mod initial;
mod kdc_certificate;
mod pkinit;

use crypto::etype::Key;
use trust::{Span, Timestamp};
use wire::kerberos::{
    EncKdcRepPart, ErrorCode, KdcOptions, KerberosTime, PrincipalName, Realm, Ticket, TicketFlags,
};

pub use granting::Granting;
pub use initial::{Handled, Initial, Secret};
pub use kdc_certificate::{KdcRefused, KdcTrust};

/// A ticket with its session key: what a credential cache keeps.
#[derive(Clone, Debug)]
pub struct Credential {
    /// The client's realm.
    pub client_realm: Realm,
    /// The client, as the KDC names it.
    pub client: PrincipalName,
    /// The service's realm.
    pub realm: Realm,
    /// The service.
    pub service: PrincipalName,
    /// The session key.
    pub key: Key,
    /// The ticket.
    pub ticket: Ticket,
    /// What it may be used for.
    pub flags: TicketFlags,
    /// When the client authenticated.
    pub authenticated: KerberosTime,
    /// Valid from.
    pub start: KerberosTime,
    /// Valid until.
    pub end: KerberosTime,
    /// Renewable until.
    pub renew_till: Option<KerberosTime>,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The service.
    pub service: PrincipalName,
    /// Flags of the request.
    pub options: KdcOptions,
    /// How long the ticket shall be valid.
    pub lifetime: Span,
    /// How long it shall be renewable.
    pub renewable: Option<Span>,
}

impl Wish {
    /// A forwardable, renewable ticket-granting ticket for a working day.
    #[must_use]
    pub fn ticket_granting(realm: &str) -> Self {
        Self {
            service: PrincipalName::krbtgt(realm),
            options: KdcOptions::FORWARDABLE | KdcOptions::CANONICALIZE,
            lifetime: Span::hours(10),
            renewable: Some(Span::days(7)),
        }
    }

    /// A ticket for a service, as long as the ticket-granting ticket.
    #[must_use]
    pub fn service(service: PrincipalName) -> Self {
        Self {
            service,
            options: KdcOptions::FORWARDABLE,
            lifetime: Span::days(1),
            renewable: None,
        }
    }
}

/// Why there is no ticket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The KDC refused.
    #[error("the KDC refused: {0}")]
    Refused(ErrorCode),
    /// The KDC's answer is not one that we can read.
    #[error("the KDC's answer is malformed")]
    Malformed,
    /// The answer is not one to our request.
    #[error("the KDC's answer is not one to this request: {0}")]
    Mismatch(&'static str),
    /// The KDC wants a way of pre-authentication that we have nothing for.
    #[error("the KDC offers no way of pre-authentication that this secret can take")]
    NoMethod,
    /// The answer does not open with our key: somebody else made it, or the password is wrong.
    #[error("the KDC's answer does not open with our key")]
    BadIntegrity,
    /// The KDC's certificate or signature is not to be trusted.
    #[error("the KDC is not to be trusted")]
    Kdc(#[from] KdcRefused),
    /// Our own key does not sign.
    #[error("the key does not sign")]
    Sign,
    /// The cryptographic library failed.
    #[error("key agreement failed")]
    Agreement,
}

impl Credential {
    /// From a reply whose encrypted part was opened and found to be ours.
    fn new(
        client_realm: Realm,
        client: PrincipalName,
        ticket: Ticket,
        part: &EncKdcRepPart,
    ) -> Option<Self> {
        let etype = crypto::etype::Etype::from_number(part.key.keytype.0)?;
        Some(Self {
            client_realm,
            client,
            realm: part.srealm.clone(),
            service: part.sname.clone(),
            key: Key::new(etype, &part.key.keyvalue).ok()?,
            ticket,
            flags: part.flags,
            authenticated: part.authtime,
            start: part.starttime.unwrap_or(part.authtime),
            end: part.endtime,
            renew_till: part.renew_till,
        })
    }
}

pub(crate) fn kerberos_time(moment: Timestamp) -> KerberosTime {
    KerberosTime::from_unix(moment.unix())
}
