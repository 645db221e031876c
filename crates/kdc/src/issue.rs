//! A ticket is made, and the reply around it. It takes a [`Proof`](crate::preauth::Proof) or an accepted
//! ticket-granting ticket to come here.

use crypto::etype::{Etype, Key};
use ticket::{Accepted, VersionedKey};
use trust::{Rng, Timestamp};
use wire::kerberos::{
    EncKdcRepPart, EncTicketPart, EncryptedData, EncryptionKey, EncryptionType, HostAddresses,
    KeyUsage, LastReq, LastReqEntry, LastReqType, MethodData, PrincipalName, Realm, Ticket,
    TicketFlags, TransitedEncoding,
};

use crate::lifetime::{Granted, kerberos_time};
use crate::refused::Refused;

/// What both the ticket and the reply's encrypted part say.
pub(crate) struct Issued {
    pub(crate) flags: TicketFlags,
    pub(crate) session_key: Key,
    pub(crate) client_realm: Realm,
    pub(crate) client: PrincipalName,
    pub(crate) realm: Realm,
    pub(crate) service: PrincipalName,
    pub(crate) authenticated: Timestamp,
    pub(crate) granted: Granted,
    pub(crate) addresses: Option<HostAddresses>,
}

impl Issued {
    fn key(&self) -> EncryptionKey {
        key_of(&self.session_key)
    }

    /// The ticket's content, without authorization data.
    pub(crate) fn ticket_part(&self) -> EncTicketPart {
        EncTicketPart {
            flags: self.flags,
            key: self.key(),
            crealm: self.client_realm.clone(),
            cname: self.client.clone(),
            transited: TransitedEncoding::NONE,
            authtime: kerberos_time(self.authenticated),
            starttime: Some(kerberos_time(self.granted.start)),
            endtime: kerberos_time(self.granted.end),
            renew_till: self.granted.renew_till.map(kerberos_time),
            caddr: self.addresses.clone(),
            authorization_data: None,
        }
    }

    /// What the client alone is told.
    pub(crate) fn reply_part(
        &self,
        nonce: u32,
        key_expiration: Option<Timestamp>,
        encrypted_pa_data: Option<MethodData>,
    ) -> EncKdcRepPart {
        EncKdcRepPart {
            key: self.key(),
            last_req: LastReq::from([LastReqEntry {
                lr_type: LastReqType::NONE,
                lr_value: kerberos_time(self.granted.start),
            }]),
            nonce: nonce.into(),
            key_expiration: key_expiration.map(kerberos_time),
            flags: self.flags,
            authtime: kerberos_time(self.authenticated),
            starttime: Some(kerberos_time(self.granted.start)),
            endtime: kerberos_time(self.granted.end),
            renew_till: self.granted.renew_till.map(kerberos_time),
            srealm: self.realm.clone(),
            sname: self.service.clone(),
            caddr: self.addresses.clone(),
            encrypted_pa_data,
        }
    }

    /// Seals the ticket's content.
    pub(crate) fn seal(
        &self,
        part: &EncTicketPart,
        key: VersionedKey<'_>,
        rng: &mut dyn Rng,
    ) -> Ticket {
        let service = self.service.clone();
        ticket::seal(part, self.realm.clone(), service, key, &rng.bytes())
    }
}

/// A key as messages carry it.
pub(crate) fn key_of(key: &Key) -> EncryptionKey {
    EncryptionKey {
        keytype: EncryptionType(key.etype().number()),
        keyvalue: key.bytes().to_vec(),
    }
}

/// A new session key.
pub(crate) fn session_key(etype: Etype, rng: &mut dyn Rng) -> Key {
    let random = zeroize::Zeroizing::new(rng.bytes::<32>());
    Key::random_to_key(etype, &random)
}

/// Encrypts a reply's part under a key that has no version.
pub(crate) fn encrypt(
    key: &Key,
    usage: KeyUsage,
    plain: &[u8],
    rng: &mut dyn Rng,
) -> EncryptedData {
    EncryptedData {
        etype: EncryptionType(key.etype().number()),
        kvno: None,
        cipher: key.encrypt(usage, &rng.bytes(), plain),
    }
}

/// The key that the client chose for this exchange.
///
/// # Errors
/// [`Refused::NoCommonEtype`], [`Refused::Malformed`].
pub(crate) fn subkey(accepted: &Accepted) -> Result<Option<Key>, Refused> {
    let Some(subkey) = &accepted.authenticator.subkey else {
        return Ok(None);
    };
    let etype = crypto::etype::Etype::from_number(subkey.keytype.0);
    let etype = etype.ok_or(Refused::NoCommonEtype)?;
    let key = Key::new(etype, &subkey.keyvalue).map_err(|_| Refused::Malformed)?;
    Ok(Some(key))
}
