//! Armored requests (RFC 6113), put together by hand as `forge` does.

use crypto::etype::{Etype, Key};
use ticket::client::{Credential, Secret};
use trust::{Rng, Timestamp};
use wire::asn1::{Der, Extensions};
use wire::kerberos::{
    ApOptions, ApReq, AsRep, AsReq, Authenticator, Checksum, ChecksumType, EncKdcRepPart,
    EncryptedData, EncryptionKey, EncryptionType, FastArmorType, FastOptions, KdcReqBody, KeyUsage,
    KrbError, KrbFastArmor, KrbFastArmoredReq, KrbFastReq, KrbFastResponse, MethodData, PaData,
    PaDataType, PaEncTsEnc, PaFxFastReply, PaFxFastRequest, PrincipalName,
};

use crate::forge::{body, kerberos_time, micros};
use crate::world::World;

/// A ticket that is shown as armor, every part of which can be wrong.
pub(crate) struct Shown {
    pub(crate) ticket: wire::kerberos::Ticket,
    pub(crate) authenticator: Authenticator,
    /// The ticket's session key.
    pub(crate) session: Key,
    pub(crate) subkey: Option<Key>,
    pub(crate) usage: KeyUsage,
    pub(crate) confounder: [u8; 16],
}

impl Shown {
    pub(crate) fn new(tgt: &Credential, now: Timestamp, rng: &mut dyn Rng) -> Self {
        let (realm, name) = (tgt.client_realm.clone(), tgt.client.clone());
        Self {
            ticket: tgt.ticket.clone(),
            authenticator: Authenticator::new(realm, name, kerberos_time(now), micros(now)),
            session: tgt.key.clone(),
            subkey: Some(Key::random_to_key(tgt.key.etype(), &rng.bytes())),
            usage: KeyUsage::AP_REQ_AUTHENTICATOR,
            confounder: rng.bytes(),
        }
    }

    /// The armor key; with a subkey of zeros where the authenticator has none.
    pub(crate) fn key(&self) -> Key {
        let none = Key::random_to_key(self.session.etype(), &[0; 32]);
        let subkey = self.subkey.as_ref().unwrap_or(&none);
        subkey.combine(&self.session, b"subkeyarmor", b"ticketarmor")
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut authenticator = self.authenticator.clone();
        authenticator.subkey = self.subkey.as_ref().map(|key| EncryptionKey {
            keytype: EncryptionType(key.etype().number()),
            keyvalue: key.bytes().to_vec(),
        });
        let plain = authenticator.encode();
        let cipher = self.session.encrypt(self.usage, &self.confounder, &plain);
        let sealed = sealed(&self.session, cipher);
        ApReq::new(ApOptions::NONE, self.ticket.clone(), sealed).encode()
    }
}

pub(crate) fn sealed(key: &Key, cipher: Vec<u8>) -> EncryptedData {
    EncryptedData {
        etype: EncryptionType(key.etype().number()),
        kvno: None,
        cipher,
    }
}

/// What is inside, and how it is wrapped.
pub(crate) struct Wrapped {
    pub(crate) options: FastOptions,
    pub(crate) padata: Vec<PaData>,
    pub(crate) body: KdcReqBody,
    /// The armor key that it is wrapped with.
    pub(crate) key: Key,
    /// What comes along as armor.
    pub(crate) armor: Option<KrbFastArmor>,
    /// What the checksum says, where it is not the right one.
    pub(crate) checksum: Option<Checksum>,
    /// What takes the place of the request inside.
    pub(crate) inside: Option<Vec<u8>>,
    pub(crate) confounder: [u8; 16],
}

impl Wrapped {
    pub(crate) fn new(body: KdcReqBody, key: Key, rng: &mut dyn Rng) -> Self {
        Self {
            options: FastOptions::NONE,
            padata: Vec::new(),
            body,
            key,
            armor: None,
            checksum: None,
            inside: None,
            confounder: rng.bytes(),
        }
    }

    /// The PA-FX-FAST, bound to `covered`.
    pub(crate) fn padata(&self, covered: &[u8]) -> PaData {
        let inside = KrbFastReq {
            fast_options: self.options,
            padata: self.padata.clone().into(),
            req_body: Der::new(self.body.clone()),
            extensions: Extensions::NONE,
        };
        let inside = self
            .inside
            .clone()
            .unwrap_or_else(|| inside.encode().to_vec());
        let key = &self.key;
        let checksum = self.checksum.clone().unwrap_or_else(|| Checksum {
            cksumtype: ChecksumType(key.etype().checksum_type()),
            checksum: key.checksum(KeyUsage::FAST_REQ_CHECKSUM, covered).to_vec(),
        });
        let cipher = key.encrypt(KeyUsage::FAST_ENC, &self.confounder, &inside);
        let armored = PaFxFastRequest::ArmoredData(KrbFastArmoredReq {
            armor: self.armor.clone(),
            req_checksum: checksum,
            enc_fast_req: sealed(key, cipher),
            extensions: Extensions::NONE,
        });
        PaData::new(PaDataType::FX_FAST, armored.encode())
    }
}

pub(crate) fn armor_of(shown: &Shown) -> KrbFastArmor {
    KrbFastArmor {
        armor_type: FastArmorType::FX_FAST_ARMOR_AP_REQUEST,
        armor_value: shown.encode(),
        extensions: Extensions::NONE,
    }
}

/// An armored AS-REQ.
pub(crate) struct Armored {
    pub(crate) shown: Shown,
    pub(crate) inside: Wrapped,
    /// The body outside; what is inside where there is none of its own.
    pub(crate) outside: Option<KdcReqBody>,
    /// What else stands outside.
    pub(crate) others: Vec<PaData>,
}

impl Armored {
    /// A request of `client` that proves nothing yet.
    pub(crate) fn new(client: &str, tgt: &Credential, world: &mut World) -> Self {
        let (now, rng) = (world.now, &mut world.rng);
        let body = body(Some(PrincipalName::principal(client)), now, rng);
        let shown = Shown::new(tgt, now, rng);
        let mut inside = Wrapped::new(body, shown.key(), rng);
        inside.armor = Some(armor_of(&shown));
        Self {
            shown,
            inside,
            outside: None,
            others: Vec::new(),
        }
    }

    /// Shows the armor as it is now, and wraps with its key.
    pub(crate) fn again(&mut self) {
        self.inside.key = self.shown.key();
        self.inside.armor = Some(armor_of(&self.shown));
    }

    /// Proves a password by an encrypted challenge.
    pub(crate) fn challenge(&mut self, key: &Key, now: Timestamp, rng: &mut dyn Rng) {
        let armor = &self.inside.key;
        let key = armor.combine(key, b"clientchallengearmor", b"challengelongterm");
        let stamp = PaEncTsEnc {
            patimestamp: kerberos_time(now),
            pausec: Some(micros(now)),
        };
        let usage = KeyUsage::ENC_CHALLENGE_CLIENT;
        let cipher = key.encrypt(usage, &rng.bytes(), &stamp.encode());
        let sealed = sealed(&key, cipher).encode();
        let padata = PaData::new(PaDataType::ENCRYPTED_CHALLENGE, sealed);
        self.inside.padata.push(padata);
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let outside = self.outside.as_ref().unwrap_or(&self.inside.body);
        let outside = Der::new(outside.clone());
        let mut padata = self.others.clone();
        padata.push(self.inside.padata(outside.as_bytes()));
        AsReq::with_encoded_body(padata, outside).encode()
    }

    /// A reply under the armor, and what a client with this long-term key reads in it.
    pub(crate) fn open(&self, reply: &[u8], reply_key: &Key) -> Reply {
        let reply = AsRep::decode(reply).unwrap();
        let response = response(&self.inside.key, &reply.padata);
        assert_eq!(response.nonce, self.inside.body.nonce);
        let strengthen = response.strengthen_key.clone().unwrap();
        let etype = Etype::from_number(strengthen.keytype.0).unwrap();
        let strengthen = Key::new(etype, &strengthen.keyvalue).unwrap();
        let key = strengthen.combine(reply_key, b"strengthenkey", b"replykey");
        let usage = KeyUsage::AS_REP_ENC_PART;
        let opened = key.decrypt(usage, &reply.enc_part.cipher).unwrap();
        Reply {
            part: EncKdcRepPart::decode_as_rep(&opened).unwrap(),
            unstrengthened: reply_key.decrypt(usage, &reply.enc_part.cipher).is_ok(),
            response,
            key,
            reply,
        }
    }
}

/// A reply, opened.
pub(crate) struct Reply {
    pub(crate) reply: AsRep,
    pub(crate) response: KrbFastResponse,
    pub(crate) part: EncKdcRepPart,
    /// The strengthened reply key.
    pub(crate) key: Key,
    /// Whether it opens without the strengthening, too.
    pub(crate) unstrengthened: bool,
}

/// What is inside of an answer's padata.
pub(crate) fn response(armor: &Key, padata: &MethodData) -> KrbFastResponse {
    assert_eq!(padata.len(), 1, "all else is inside");
    let padata = PaData::find(padata, PaDataType::FX_FAST).unwrap();
    let PaFxFastReply::ArmoredData(armored) = PaFxFastReply::decode(padata).unwrap();
    let cipher = &armored.enc_fast_rep.cipher;
    let opened = armor.decrypt(KeyUsage::FAST_REP, cipher).unwrap();
    KrbFastResponse::decode(&opened).unwrap()
}

/// The refusal inside of a refusal, with what stands beside it.
pub(crate) fn refusal(armor: &Key, answer: &[u8]) -> (KrbError, KrbFastResponse) {
    let outer = KrbError::decode(answer).unwrap();
    assert_eq!((outer.cname, outer.crealm), (None, None));
    let data = MethodData::decode(&outer.e_data.unwrap()).unwrap();
    let response = response(armor, &data);
    assert!(response.finished.is_none() && response.strengthen_key.is_none());
    let error = PaData::find(&response.padata, PaDataType::FX_ERROR).unwrap();
    let error = KrbError::decode(error).unwrap();
    assert_eq!(error.e_data, None, "RFC 6113 5.4.4");
    let outside = match error.error_code.0 {
        25 => 25,
        _ => 60,
    };
    assert_eq!(outer.error_code.0, outside);
    (error, response)
}

impl World {
    /// A ticket-granting ticket of the laptop.
    pub(crate) fn machine(&mut self) -> Credential {
        let key = self.key_of(self.laptop, Etype::Aes256CtsHmacSha1_96);
        let name = PrincipalName::principal("LAPTOP-1$");
        self.sign_in(name, Secret::Key(&key)).unwrap()
    }

    /// The answer to an armored request, which must be refused inside with this code.
    pub(crate) fn armored_refusal(
        &mut self,
        request: &Armored,
        code: i32,
    ) -> Result<KrbFastResponse, String> {
        let answer = self.send(&request.encode(), kdc::Transport::Stream);
        let answer = answer.ok_or("no answer")?;
        if KrbError::decode(&answer).is_err() {
            return Err("it is given".to_owned());
        }
        let (error, response) = refusal(&request.inside.key, &answer);
        match error.error_code.0 == code {
            true => Ok(response),
            false => Err(format!("{:?}: {:?}", error.error_code, self.refused)),
        }
    }
}
