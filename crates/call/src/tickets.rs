//! Getting tickets from a KDC, keeping them in a credential cache, and showing one to a web service.

use ticket::client::{Credential, Failed, Granting, Handled, Initial, Secret, Wish};
use trust::{Clock, Rng};
use wire::ccache::{self, CredentialCache};
use wire::kerberos::{
    ApOptions, ApReq, Authenticator, Checksum, ChecksumType, EncryptedData, EncryptionKey,
    EncryptionType, KerberosTime, KeyUsage, Microseconds, PrincipalName, Realm,
};
use wire::principal::Principal;
use wire::spnego::{GssChecksum, GssFlag, KERBEROS, KerberosToken, KerberosTokenId, NegTokenInit};

use crate::fault::CallFault;
use crate::kerberos::Kdcs;

/// Why there is no ticket.
#[derive(Debug, thiserror::Error)]
pub enum TicketFault {
    /// No KDC answered.
    #[error(transparent)]
    Call(#[from] CallFault),
    /// The KDC refused, or is not to be believed.
    #[error(transparent)]
    Failed(#[from] Failed),
}

/// A realm's KDCs with the clock and the chance that its clients need.
pub struct Kerberos<'a> {
    /// The KDCs.
    pub kdcs: &'a Kdcs,
    /// The realm.
    pub realm: &'a str,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Chance.
    pub rng: &'a mut dyn Rng,
}

impl Kerberos<'_> {
    /// A ticket-granting ticket for `client`, who proves itself by `secret` (RFC 4120 3.1).
    pub fn initial(
        &mut self,
        client: PrincipalName,
        secret: Secret<'_>,
    ) -> Result<Credential, TicketFault> {
        let (wish, realm) = (Wish::ticket_granting(self.realm), Realm::from(self.realm));
        let now = self.clock.now();
        let started = Initial::start(client, realm, wish, secret, now, self.rng);
        self.carry(started)
    }

    /// The same under the armor of another ticket-granting ticket, the machine's (RFC 6113).
    pub fn initial_armored(
        &mut self,
        client: PrincipalName,
        secret: Secret<'_>,
        armor: &Credential,
    ) -> Result<Credential, TicketFault> {
        let (wish, realm) = (Wish::ticket_granting(self.realm), Realm::from(self.realm));
        let now = self.clock.now();
        let started = Initial::start_armored(client, realm, wish, secret, armor, now, self.rng);
        self.carry(started)
    }

    /// Carries an AS exchange on to its end.
    fn carry(&mut self, started: (Initial<'_>, Vec<u8>)) -> Result<Credential, TicketFault> {
        let (mut exchange, mut message) = started;
        loop {
            let answer = self.kdcs.ask(&message)?;
            match exchange.handle(&answer, self.clock.now(), self.rng)? {
                Handled::Send(next, again) => (exchange, message) = (*next, again),
                Handled::Done(credential) => return Ok(*credential),
            }
        }
    }

    /// A ticket for `service` on the strength of `tgt` (RFC 4120 3.3).
    pub fn service(
        &mut self,
        tgt: &Credential,
        service: PrincipalName,
    ) -> Result<Credential, TicketFault> {
        let (exchange, message) =
            Granting::start(tgt, &Wish::service(service), self.clock.now(), self.rng);
        Ok(exchange.handle(&self.kdcs.ask(&message)?)?)
    }

    /// The first token of SPNEGO for a web service, with `credential` as its proof (RFC 4178 4.2.1,
    /// RFC 4559 4.1): what follows `Negotiate` in `Authorization`.
    pub fn negotiate(&mut self, credential: &Credential) -> Vec<u8> {
        let request = self.show(credential);
        let token = KerberosToken {
            id: KerberosTokenId::ApReq,
            message: &request.encode(),
        }
        .encode();
        NegTokenInit::new(vec![KERBEROS], Some(token)).encode()
    }

    /// An AP-REQ as GSS-API has it (RFC 4121 4.1), without mutual authentication: TLS has proved the server.
    fn show(&mut self, credential: &Credential) -> ApReq {
        let now = self.clock.now();
        let mut authenticator = Authenticator::new(
            credential.client_realm.clone(),
            credential.client.clone(),
            KerberosTime::from_unix(now.unix()),
            Microseconds::new(now.subsecond_micros()).unwrap_or_default(),
        );
        let context = GssChecksum {
            bindings: [0; 16],
            flags: GssFlag::INTEG.0 | GssFlag::CONF.0,
            delegation: None,
        };
        authenticator.cksum = context.encode().map(|checksum| Checksum {
            cksumtype: ChecksumType::GSSAPI,
            checksum,
        });
        let sealed = EncryptedData {
            etype: EncryptionType(credential.key.etype().number()),
            kvno: None,
            cipher: credential.key.encrypt(
                KeyUsage::AP_REQ_AUTHENTICATOR,
                &self.rng.bytes(),
                &authenticator.encode(),
            ),
        };
        ApReq::new(ApOptions::NONE, credential.ticket.clone(), sealed)
    }
}

/// A credential cache with these tickets, as MIT's and Heimdal's tools read it; the first one's client is
/// whose cache it is. `None` without a ticket.
#[must_use]
pub fn cache(credentials: &[&Credential]) -> Option<zeroize::Zeroizing<Vec<u8>>> {
    let first = credentials.first()?;
    let mut cache = CredentialCache::new(Principal {
        name: first.client.clone(),
        realm: first.client_realm.clone(),
    });
    for credential in credentials {
        cache.push(kept(credential));
    }
    Some(cache.to_bytes())
}

fn kept(credential: &Credential) -> ccache::Credential {
    ccache::Credential {
        client: Principal {
            name: credential.client.clone(),
            realm: credential.client_realm.clone(),
        },
        server: Principal {
            name: credential.service.clone(),
            realm: credential.realm.clone(),
        },
        session_key: EncryptionKey {
            keytype: EncryptionType(credential.key.etype().number()),
            keyvalue: credential.key.bytes().to_vec(),
        },
        auth_time: credential.authenticated,
        start_time: credential.start,
        end_time: credential.end,
        renew_till: credential.renew_till.unwrap_or(KerberosTime::EPOCH),
        is_user_to_user: false,
        flags: credential.flags,
        addresses: Vec::new(),
        authorization_data: Vec::new(),
        ticket: credential.ticket.encode(),
        second_ticket: Vec::new(),
    }
}
