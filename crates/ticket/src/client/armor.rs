//! Armor around an AS exchange (RFC 6113 5.4), made of a ticket-granting ticket that is there: the machine's.

use crypto::etype::{Etype, Key};
use trust::{Rng, Timestamp};
use wire::asn1::{Der, Extensions};
use wire::kerberos::{
    ApOptions, ApReq, AsRep, AsReq, Authenticator, Checksum, ChecksumType, EncryptedData,
    EncryptionKey, EncryptionType, FastArmorType, FastOptions, KdcReqBody, KeyUsage, KrbError,
    KrbFastArmor, KrbFastArmoredReq, KrbFastReq, KrbFastResponse, MethodData, Microseconds, PaData,
    PaDataType, PaEncTsEnc, PaFxFastReply, PaFxFastRequest, PrincipalName, Realm,
};

use super::{Credential, Failed, kerberos_time};

/// An armor key, and what the KDC makes it of.
pub(super) struct Armor {
    key: Key,
    shown: Vec<u8>,
}

/// What stood inside of a reply.
pub(super) struct Opened {
    pub(super) padata: MethodData,
    pub(super) realm: Realm,
    pub(super) client: PrincipalName,
    strengthen: Option<Key>,
}

impl Opened {
    /// The key that the reply is encrypted with, of the one that was agreed on or known.
    pub(super) fn strengthened(&self, key: Key) -> Key {
        match &self.strengthen {
            Some(strengthen) => strengthen.combine(&key, b"strengthenkey", b"replykey"),
            None => key,
        }
    }
}

fn sealed(key: &Key, usage: KeyUsage, plain: &[u8], rng: &mut dyn Rng) -> EncryptedData {
    EncryptedData {
        etype: EncryptionType(key.etype().number()),
        kvno: None,
        cipher: key.encrypt(usage, &rng.bytes(), plain),
    }
}

impl Armor {
    /// Armor of a ticket for the realm that is asked.
    pub(super) fn new(tgt: &Credential, now: Timestamp, rng: &mut dyn Rng) -> Self {
        let random = zeroize::Zeroizing::new(rng.bytes::<32>());
        let subkey = Key::random_to_key(tgt.key.etype(), &random);
        let mut authenticator = Authenticator::new(
            tgt.client_realm.clone(),
            tgt.client.clone(),
            kerberos_time(now),
            Microseconds::new(now.subsecond_micros()).unwrap_or_default(),
        );
        authenticator.subkey = Some(EncryptionKey {
            keytype: EncryptionType(subkey.etype().number()),
            keyvalue: subkey.bytes().to_vec(),
        });
        let usage = KeyUsage::AP_REQ_AUTHENTICATOR;
        let authenticator = sealed(&tgt.key, usage, &authenticator.encode(), rng);
        let shown = ApReq::new(ApOptions::NONE, tgt.ticket.clone(), authenticator);
        Self {
            key: subkey.combine(&tgt.key, b"subkeyarmor", b"ticketarmor"),
            shown: shown.encode(),
        }
    }

    /// A request in armor.
    pub(super) fn wrap(
        &self,
        padata: Vec<PaData>,
        body: &Der<KdcReqBody>,
        rng: &mut dyn Rng,
    ) -> Vec<u8> {
        let inside = KrbFastReq {
            fast_options: FastOptions::NONE,
            padata: padata.into(),
            req_body: body.clone(),
            extensions: Extensions::NONE,
        };
        let usage = KeyUsage::FAST_REQ_CHECKSUM;
        let armored = PaFxFastRequest::ArmoredData(KrbFastArmoredReq {
            armor: Some(KrbFastArmor {
                armor_type: FastArmorType::FX_FAST_ARMOR_AP_REQUEST,
                armor_value: self.shown.clone(),
                extensions: Extensions::NONE,
            }),
            req_checksum: Checksum {
                cksumtype: ChecksumType(self.key.etype().checksum_type()),
                checksum: self.key.checksum(usage, body.as_bytes()).to_vec(),
            },
            enc_fast_req: sealed(&self.key, KeyUsage::FAST_ENC, &inside.encode(), rng),
            extensions: Extensions::NONE,
        });
        let padata = PaData::new(PaDataType::FX_FAST, armored.encode());
        AsReq::with_encoded_body([padata], body.clone()).encode()
    }

    /// An encrypted challenge: a timestamp that nobody can try passwords on.
    pub(super) fn challenge(&self, key: &Key, now: Timestamp, rng: &mut dyn Rng) -> PaData {
        let key = self
            .key
            .combine(key, b"clientchallengearmor", b"challengelongterm");
        let stamp = PaEncTsEnc {
            patimestamp: kerberos_time(now),
            pausec: Microseconds::new(now.subsecond_micros()),
        };
        let sealed = sealed(&key, KeyUsage::ENC_CHALLENGE_CLIENT, &stamp.encode(), rng);
        PaData::new(PaDataType::ENCRYPTED_CHALLENGE, sealed.encode())
    }

    fn open(&self, padata: &MethodData, body: &KdcReqBody) -> Result<KrbFastResponse, Failed> {
        let padata = PaData::find(padata, PaDataType::FX_FAST)
            .ok_or(Failed::Mismatch("the armor was taken off"))?;
        let PaFxFastReply::ArmoredData(armored) =
            PaFxFastReply::decode(padata).map_err(|_| Failed::Malformed)?;
        let opened = self
            .key
            .decrypt(KeyUsage::FAST_REP, &armored.enc_fast_rep.cipher)
            .map_err(|_| Failed::BadIntegrity)?;
        let response = KrbFastResponse::decode(&opened).map_err(|_| Failed::Malformed)?;
        match response.nonce == body.nonce {
            true => Ok(response),
            false => Err(Failed::Mismatch("the nonce")),
        }
    }

    /// What stands inside of a reply, which must be of its ticket.
    pub(super) fn reply(&self, reply: &AsRep, body: &KdcReqBody) -> Result<Opened, Failed> {
        let response = self.open(&reply.padata, body)?;
        let finished = response
            .finished
            .ok_or(Failed::Mismatch("the reply is not finished"))?;
        let usage = KeyUsage::FAST_FINISHED;
        let checksum = &finished.ticket_checksum.checksum;
        self.key
            .verify_checksum(usage, &reply.ticket.encode(), checksum)
            .map_err(|_| Failed::Mismatch("the ticket was exchanged on the way"))?;
        let strengthen = response.strengthen_key.map(|key| {
            let etype = Etype::from_number(key.keytype.0).ok_or(Failed::Malformed)?;
            Key::new(etype, &key.keyvalue).map_err(|_| Failed::Malformed)
        });
        Ok(Opened {
            padata: response.padata,
            realm: finished.crealm,
            client: finished.cname,
            strengthen: strengthen.transpose()?,
        })
    }

    /// What stands inside of a refusal.
    pub(super) fn refusal(
        &self,
        error: &KrbError,
        body: &KdcReqBody,
    ) -> Result<(KrbError, MethodData), Failed> {
        let data = error.e_data.as_deref().unwrap_or_default();
        // Where the KDC could not make the armor key, it says so without.
        let Ok(padata) = MethodData::decode(data) else {
            return Err(Failed::Refused(error.error_code));
        };
        if PaData::find(&padata, PaDataType::FX_FAST).is_none() {
            return Err(Failed::Refused(error.error_code));
        }
        let response = self.open(&padata, body)?;
        let inside = PaData::find(&response.padata, PaDataType::FX_ERROR);
        let inside = inside.ok_or(Failed::Malformed)?;
        let inside = KrbError::decode(inside).map_err(|_| Failed::Malformed)?;
        Ok((inside, response.padata))
    }
}
