//! The TGS exchange as a client (RFC 4120 3.3).

use crypto::etype::{Etype, Key};
use trust::{Rng, Timestamp};
use wire::asn1::Der;
use wire::kerberos::{
    ApOptions, ApReq, Authenticator, Checksum, ChecksumType, EncKdcRepPart, EncryptedData,
    EncryptionKey, EncryptionType, KdcReqBody, KeyUsage, KrbError, MessageType, Microseconds,
    PaData, PaDataType, TgsRep, TgsReq,
};

use super::{Credential, Failed, Wish, kerberos_time};

/// A TGS exchange that waits for its answer.
pub struct Granting {
    subkey: Key,
    body: KdcReqBody,
    client_realm: wire::kerberos::Realm,
    client: wire::kerberos::PrincipalName,
}

impl Granting {
    /// Asks for a ticket on the strength of `tgt`.
    #[must_use]
    pub fn start(
        tgt: &Credential,
        wish: &Wish,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> (Self, Vec<u8>) {
        let random = zeroize::Zeroizing::new(rng.bytes::<32>());
        let subkey = Key::random_to_key(tgt.key.etype(), &random);
        let mut options = wish.options;
        if wish.renewable.is_some() {
            options |= wire::kerberos::KdcOptions::RENEWABLE;
        }
        let body = KdcReqBody {
            kdc_options: options,
            cname: None,
            realm: tgt.realm.clone(),
            sname: Some(wish.service.clone()),
            from: None,
            till: kerberos_time(now + wish.lifetime),
            rtime: wish.renewable.map(|span| kerberos_time(now + span)),
            nonce: (u32::from_be_bytes(rng.bytes()) & 0x7fff_ffff).into(),
            etype: Etype::ALL
                .map(|etype| EncryptionType(etype.number()))
                .into(),
            addresses: None,
            enc_authorization_data: None,
            additional_tickets: None,
        };
        let encoded = Der::new(body.clone());
        let shown = show(tgt, encoded.as_bytes(), &subkey, now, rng);
        let padata = vec![PaData::new(PaDataType::TGS_REQ, shown.encode())];
        let message = TgsReq::with_encoded_body(padata, encoded).encode();
        let exchange = Self {
            subkey,
            body,
            client_realm: tgt.client_realm.clone(),
            client: tgt.client.clone(),
        };
        (exchange, message)
    }

    /// Takes the KDC's answer.
    ///
    /// # Errors
    /// [`Failed`], saying why there is no ticket.
    pub fn handle(self, answer: &[u8]) -> Result<Credential, Failed> {
        match MessageType::of(answer) {
            Some(MessageType::TGS_REP) => {}
            Some(MessageType::KRB_ERROR) => {
                let error = KrbError::decode(answer).map_err(|_| Failed::Malformed)?;
                return Err(Failed::Refused(error.error_code));
            }
            _ => return Err(Failed::Malformed),
        }
        let reply = TgsRep::decode(answer).map_err(|_| Failed::Malformed)?;
        let opened = self
            .subkey
            .decrypt(KeyUsage::TGS_REP_ENC_PART_SUBKEY, &reply.enc_part.cipher)
            .map_err(|_| Failed::BadIntegrity)?;
        let part = EncKdcRepPart::decode_tgs_rep(&opened).map_err(|_| Failed::Malformed)?;
        if part.nonce != self.body.nonce {
            return Err(Failed::Mismatch("the nonce"));
        }
        let wanted = self.body.sname.as_ref();
        if part.srealm != self.body.realm || wanted.is_none_or(|name| !part.sname.is_same(name)) {
            return Err(Failed::Mismatch("the service"));
        }
        if reply.crealm != self.client_realm || !reply.cname.is_same(&self.client) {
            return Err(Failed::Mismatch("the client"));
        }
        Credential::new(reply.crealm, reply.cname, reply.ticket, &part).ok_or(Failed::Malformed)
    }
}

/// The ticket-granting ticket, with an authenticator that is bound to the request's body.
fn show(tgt: &Credential, body: &[u8], subkey: &Key, now: Timestamp, rng: &mut dyn Rng) -> ApReq {
    let mut authenticator = Authenticator::new(
        tgt.client_realm.clone(),
        tgt.client.clone(),
        kerberos_time(now),
        Microseconds::new(now.subsecond_micros()).unwrap_or_default(),
    );
    let usage = KeyUsage::TGS_REQ_AUTHENTICATOR_CHECKSUM;
    authenticator.cksum = Some(Checksum {
        cksumtype: ChecksumType(tgt.key.etype().checksum_type()),
        checksum: tgt.key.checksum(usage, body).to_vec(),
    });
    authenticator.subkey = Some(EncryptionKey {
        keytype: EncryptionType(subkey.etype().number()),
        keyvalue: subkey.bytes().to_vec(),
    });
    let usage = KeyUsage::TGS_REQ_AUTHENTICATOR;
    let sealed = EncryptedData {
        etype: EncryptionType(tgt.key.etype().number()),
        kvno: None,
        cipher: tgt
            .key
            .encrypt(usage, &rng.bytes(), &authenticator.encode()),
    };
    ApReq::new(ApOptions::NONE, tgt.ticket.clone(), sealed)
}
