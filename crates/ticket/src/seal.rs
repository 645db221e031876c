//! Tickets closed and opened (RFC 4120 5.3).

use wire::kerberos::{
    EncTicketPart, EncryptedData, EncryptionType, KeyUsage, PrincipalName, Realm, Ticket,
};

use crate::keys::{Keys, VersionedKey};

/// Why a ticket does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    /// The service has no key of that version and etype.
    #[error("no key of the ticket's version and etype")]
    NoKey,
    /// No key of the service made this ticket, or it was altered.
    #[error("the ticket is not sealed under any of the service's keys")]
    Integrity,
    /// The service's key made it, and yet it is no ticket.
    #[error("the ticket's content is malformed")]
    Malformed,
}

/// Closes a ticket for `sname` of `realm` under the service's key (usage 2). `confounder` must be
/// fresh random bytes.
#[must_use]
pub fn seal(
    part: &EncTicketPart,
    realm: Realm,
    sname: PrincipalName,
    key: VersionedKey<'_>,
    confounder: &[u8; 16],
) -> Ticket {
    let cipher = key
        .key
        .encrypt(KeyUsage::TICKET, confounder, &part.encode());
    Ticket {
        realm,
        sname,
        enc_part: EncryptedData {
            etype: EncryptionType(key.key.etype().number()),
            kvno: Some(key.kvno.into()),
            cipher,
        },
    }
}

/// Opens a ticket with one of the service's keys, and says with which.
///
/// # Errors
/// [`Unopened`], saying why.
pub fn open<'k>(
    ticket: &Ticket,
    keys: &'k impl Keys,
) -> Result<(EncTicketPart, VersionedKey<'k>), Unopened> {
    let sealed = &ticket.enc_part;
    let mut failure = Unopened::NoKey;
    for key in keys.candidates(sealed.kvno.map(u32::from), sealed.etype) {
        let Ok(plain) = key.key.decrypt(KeyUsage::TICKET, &sealed.cipher) else {
            failure = Unopened::Integrity;
            continue;
        };
        let part = EncTicketPart::decode(&plain).map_err(|_| Unopened::Malformed)?;
        return Ok((part, key));
    }
    Err(failure)
}
