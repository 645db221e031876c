//! The AS exchange as a client (RFC 4120 3.1).

use crypto::agreement::Group;
use crypto::constant_time;
use crypto::etype::{Etype, Key};
use crypto::signature::Signer;
use trust::{Rng, Timestamp};
use wire::asn1::Der;
use wire::kerberos::{
    AsRep, AsReq, Checksum, EncKdcRepPart, EncryptedData, EncryptionType, ErrorCode, EtypeInfo2,
    EtypeInfo2Entry, KdcOptions, KdcReqBody, KerberosTime, KeyUsage, KrbError, MessageType,
    MethodData, Microseconds, NameType, PaData, PaDataType, PaEncTsEnc, PrincipalName, Realm,
    TicketFlags, TypedData,
};

use super::armor::{Armor, Opened};
use super::kdc_certificate::KdcTrust;
use super::pkinit::{self, Offered};
use super::{Credential, Failed, Wish, kerberos_time};

/// Messages of one exchange; a KDC that always wants one more gets no further.
const MAX_ROUNDS: u8 = 4;

/// What the client proves itself by.
pub enum Secret<'a> {
    /// A password.
    Password(&'a str),
    /// A long-term key, as from a keytab.
    Key(&'a Key),
    /// A key pair with its certificate, and what a KDC is trusted by. Key trust takes a self-signed one.
    KeyPair {
        /// Holds the private key.
        signer: &'a dyn Signer,
        /// DER.
        certificate: &'a [u8],
        /// What the KDC is trusted by.
        trust: &'a KdcTrust,
    },
}

/// An AS exchange that waits for an answer.
pub struct Initial<'a> {
    client: PrincipalName,
    realm: Realm,
    wish: Wish,
    secret: Secret<'a>,
    group: Group,
    round: u8,
    armor: Option<Armor>,
    sent: Sent,
}

/// What a refusal says beside its code.
enum Told<'e> {
    /// Outside of any armor.
    Plain(&'e [u8]),
    /// Under the armor, where one list has all of it.
    Armored(MethodData),
}

/// What was sent last, and what must be known to open the answer.
struct Sent {
    message: Vec<u8>,
    body: Der<KdcReqBody>,
    key: Option<Key>,
    offered: Option<Offered>,
}

/// What comes of an answer.
pub enum Handled<'a> {
    /// Another message to send.
    Send(Box<Initial<'a>>, Vec<u8>),
    /// The ticket.
    Done(Box<Credential>),
}

impl<'a> Initial<'a> {
    /// Starts an exchange: a first request that proves nothing yet, since the KDC tells salts and freshness.
    #[must_use]
    pub fn start(
        client: PrincipalName,
        realm: Realm,
        wish: Wish,
        secret: Secret<'a>,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> (Self, Vec<u8>) {
        Self::begin(client, realm, wish, secret, None, now, rng)
    }

    /// As [`Initial::start`], under the armor of a ticket-granting ticket of this realm, the machine's as a rule: nobody on
    /// the way can try passwords on what is sent, or say in the KDC's name that it refuses (RFC 6113).
    #[must_use]
    pub fn start_armored(
        client: PrincipalName,
        realm: Realm,
        wish: Wish,
        secret: Secret<'a>,
        armor: &Credential,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> (Self, Vec<u8>) {
        let armor = Armor::new(armor, now, rng);
        Self::begin(client, realm, wish, secret, Some(armor), now, rng)
    }

    fn begin(
        client: PrincipalName,
        realm: Realm,
        wish: Wish,
        secret: Secret<'a>,
        armor: Option<Armor>,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> (Self, Vec<u8>) {
        let mut padata = vec![PaData::empty(PaDataType::REQ_ENC_PA_REP)];
        if let Secret::KeyPair { .. } = secret {
            padata.push(PaData::empty(PaDataType::AS_FRESHNESS));
        }
        let body = Der::new(body(&client, &realm, &wish, now, rng));
        let message = encode(armor.as_ref(), padata, &body, rng);
        let exchange = Self {
            client,
            realm,
            wish,
            secret,
            group: Group::P256,
            round: 1,
            armor,
            sent: Sent {
                message: message.clone(),
                body,
                key: None,
                offered: None,
            },
        };
        (exchange, message)
    }

    /// Takes the KDC's answer.
    ///
    /// # Errors
    /// [`Failed`], saying why there is no ticket.
    pub fn handle(
        self,
        answer: &[u8],
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Handled<'a>, Failed> {
        match MessageType::of(answer) {
            Some(MessageType::AS_REP) => {
                let reply = AsRep::decode(answer).map_err(|_| Failed::Malformed)?;
                self.accept(&reply, now)
                    .map(|done| Handled::Done(Box::new(done)))
            }
            Some(MessageType::KRB_ERROR) => {
                let error = KrbError::decode(answer).map_err(|_| Failed::Malformed)?;
                let (code, told) = match &self.armor {
                    None => {
                        let data = error.e_data.as_deref().unwrap_or_default();
                        (error.error_code, Told::Plain(data))
                    }
                    Some(armor) => {
                        let (inside, padata) = armor.refusal(&error, &self.sent.body)?;
                        (inside.error_code, Told::Armored(padata))
                    }
                };
                self.again(code, &told, now, rng)
            }
            _ => Err(Failed::Malformed),
        }
    }

    /// Does better what the KDC was not satisfied with.
    fn again(
        mut self,
        code: ErrorCode,
        told: &Told<'_>,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Handled<'a>, Failed> {
        let proved = self.sent.key.is_some() || self.sent.offered.is_some();
        let methods = match code {
            ErrorCode::KDC_ERR_PREAUTH_REQUIRED if !proved => told.methods()?,
            ErrorCode::KDC_ERR_PREAUTH_EXPIRED if proved => told.methods()?,
            ErrorCode::KDC_ERR_DH_KEY_PARAMETERS_NOT_ACCEPTED if proved => {
                self.group = told.other_group(self.group).ok_or(Failed::Refused(code))?;
                MethodData::from([PaData::empty(PaDataType::PK_AS_REQ)])
            }
            code => return Err(Failed::Refused(code)),
        };
        if self.round >= MAX_ROUNDS {
            return Err(Failed::Refused(code));
        }
        self.round += 1;
        self.prove(&methods, now, rng)
    }

    fn prove(
        mut self,
        methods: &MethodData,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Handled<'a>, Failed> {
        let body = Der::new(body(&self.client, &self.realm, &self.wish, now, rng));
        let (proof, key, offered) = match &self.secret {
            Secret::KeyPair {
                signer,
                certificate,
                ..
            } => {
                PaData::find(methods, PaDataType::PK_AS_REQ).ok_or(Failed::NoMethod)?;
                let token = PaData::find(methods, PaDataType::AS_FRESHNESS).map(<[u8]>::to_vec);
                let encoded = body.as_bytes();
                let (padata, offered) =
                    pkinit::request(encoded, *signer, certificate, self.group, token, now, rng)?;
                (padata, None, Some(offered))
            }
            Secret::Password(password) => {
                let key = key_of_password(password, methods)?;
                (self.stamp(&key, now, rng), Some(key), None)
            }
            Secret::Key(key) => {
                let key = (*key).clone();
                (self.stamp(&key, now, rng), Some(key), None)
            }
        };
        let mut padata = vec![proof, PaData::empty(PaDataType::REQ_ENC_PA_REP)];
        if let Some(cookie) = PaData::find(methods, PaDataType::FX_COOKIE) {
            padata.push(PaData::new(PaDataType::FX_COOKIE, cookie));
        }
        let message = encode(self.armor.as_ref(), padata, &body, rng);
        self.sent = Sent {
            message: message.clone(),
            body,
            key,
            offered,
        };
        Ok(Handled::Send(Box::new(self), message))
    }

    /// Proof that a long-term key is known.
    fn stamp(&self, key: &Key, now: Timestamp, rng: &mut dyn Rng) -> PaData {
        match &self.armor {
            Some(armor) => armor.challenge(key, now, rng),
            None => timestamp(key, now, rng),
        }
    }

    fn accept(self, reply: &AsRep, now: Timestamp) -> Result<Credential, Failed> {
        let armored = self.armor.as_ref();
        let opened = armored
            .map(|armor| armor.reply(reply, &self.sent.body))
            .transpose()?;
        let (padata, crealm, cname) = match &opened {
            Some(opened) => (&opened.padata, &opened.realm, &opened.client),
            None => (&reply.padata, &reply.crealm, &reply.cname),
        };
        let is_ours = self.takes_another_name() || cname.is_same(&self.client);
        let key = match (self.sent.key, self.sent.offered, &self.secret) {
            (Some(key), _, _) => key,
            (None, Some(offered), Secret::KeyPair { trust, .. }) => {
                let padata = PaData::find(padata, PaDataType::PK_AS_REP)
                    .ok_or(Failed::Mismatch("there is no PKINIT reply"))?;
                let exchange = pkinit::Exchange {
                    request: &self.sent.message,
                    body: &self.sent.body,
                    etype: Etype::from_number(reply.enc_part.etype.0).ok_or(Failed::Malformed)?,
                };
                pkinit::reply_key(padata, offered, &exchange, trust, now)?
            }
            // A KDC that asks for no proof: the key is needed to open the answer all the same.
            (None, _, Secret::Password(password)) => key_of_password(password, padata)?,
            (None, _, Secret::Key(key)) => (*key).clone(),
            (None, None, Secret::KeyPair { .. }) => return Err(Failed::NoMethod),
        };
        let key = match &opened {
            Some(opened) => Opened::strengthened(opened, key),
            None => key,
        };
        let part = key
            .decrypt(KeyUsage::AS_REP_ENC_PART, &reply.enc_part.cipher)
            .map_err(|_| Failed::BadIntegrity)?;
        let part = EncKdcRepPart::decode_as_rep(&part).map_err(|_| Failed::Malformed)?;
        let body = &*self.sent.body;
        if part.nonce != body.nonce {
            return Err(Failed::Mismatch("the nonce"));
        }
        if part.srealm != body.realm
            || body
                .sname
                .as_ref()
                .is_none_or(|name| !part.sname.is_same(name))
        {
            return Err(Failed::Mismatch("the service"));
        }
        if *crealm != self.realm {
            return Err(Failed::Mismatch("the client's realm"));
        }
        if !is_ours {
            return Err(Failed::Mismatch("the client"));
        }
        unaltered(&part, &key, &self.sent.message)?;
        let (realm, client) = (crealm.clone(), cname.clone());
        Credential::new(realm, client, reply.ticket.clone(), &part).ok_or(Failed::Malformed)
    }
}

impl Initial<'_> {
    /// Whether the KDC may answer with another form of the client's name (RFC 4120 3.1.5, RFC 6806 6).
    fn takes_another_name(&self) -> bool {
        self.wish.options.contains(KdcOptions::CANONICALIZE)
            || self.client.name_type == NameType::NT_ENTERPRISE
    }
}

/// The checksum over our request, where the KDC says that it sent one (RFC 6806 11).
fn unaltered(part: &EncKdcRepPart, key: &Key, request: &[u8]) -> Result<(), Failed> {
    if !part.flags.contains(TicketFlags::ENC_PA_REP) {
        return Ok(());
    }
    let altered = Failed::Mismatch("the request was altered on the way");
    let padata = part.encrypted_pa_data.as_ref();
    let checksum = padata
        .and_then(|padata| PaData::find(padata, PaDataType::REQ_ENC_PA_REP))
        .ok_or(altered.clone())?;
    let checksum = Checksum::decode(checksum).map_err(|_| Failed::Malformed)?;
    let ours = key.checksum(KeyUsage::AS_REQ_CHECKSUM, request);
    match constant_time::equal(&ours, &checksum.checksum) {
        true => Ok(()),
        false => Err(altered),
    }
}

fn body(
    client: &PrincipalName,
    realm: &Realm,
    wish: &Wish,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> KdcReqBody {
    let mut options = wish.options;
    if wish.renewable.is_some() {
        options |= KdcOptions::RENEWABLE;
    }
    KdcReqBody {
        kdc_options: options,
        cname: Some(client.clone()),
        realm: realm.clone(),
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
    }
}

fn timestamp(key: &Key, now: Timestamp, rng: &mut dyn Rng) -> PaData {
    let stamp = PaEncTsEnc {
        patimestamp: KerberosTime::from_unix(now.unix()),
        pausec: Microseconds::new(now.subsecond_micros()),
    };
    let sealed = EncryptedData {
        etype: EncryptionType(key.etype().number()),
        kvno: None,
        cipher: key.encrypt(KeyUsage::PA_ENC_TIMESTAMP, &rng.bytes(), &stamp.encode()),
    };
    PaData::new(PaDataType::ENC_TIMESTAMP, sealed.encode())
}

/// The key of a password, as the KDC says to make it: the first etype that it lists and we speak.
fn key_of_password(password: &str, methods: &MethodData) -> Result<Key, Failed> {
    let info = PaData::find(methods, PaDataType::ETYPE_INFO2).ok_or(Failed::NoMethod)?;
    let info = EtypeInfo2::decode(info).map_err(|_| Failed::Malformed)?;
    let speak = |entry: &&EtypeInfo2Entry| Etype::from_number(entry.etype.0).is_some();
    let entry = info.iter().find(speak).ok_or(Failed::NoMethod)?;
    let etype = Etype::from_number(entry.etype.0).ok_or(Failed::NoMethod)?;
    let salt = entry.salt.as_deref().unwrap_or_default();
    let parameters = entry.s2kparams.as_deref();
    Key::from_password(etype, password.as_bytes(), salt.as_bytes(), parameters)
        .map_err(|_| Failed::NoMethod)
}

/// A request, in armor where there is some.
fn encode(
    armor: Option<&Armor>,
    padata: Vec<PaData>,
    body: &Der<KdcReqBody>,
    rng: &mut dyn Rng,
) -> Vec<u8> {
    match armor {
        Some(armor) => armor.wrap(padata, body, rng),
        None => AsReq::with_encoded_body(padata, body.clone()).encode(),
    }
}

impl Told<'_> {
    /// What the KDC would accept.
    fn methods(&self) -> Result<MethodData, Failed> {
        match self {
            Self::Plain(data) => MethodData::decode(data).map_err(|_| Failed::Malformed),
            Self::Armored(padata) => Ok(padata.clone()),
        }
    }

    /// Another group than the one that was refused.
    fn other_group(&self, refused: Group) -> Option<Group> {
        let typed;
        let parameters = match self {
            Self::Plain(data) => {
                typed = TypedData::decode(data).ok()?;
                let mut elements = typed.iter();
                let element =
                    elements.find(|element| element.data_type == PaDataType::TD_DH_PARAMETERS)?;
                element.data_value.as_deref()?
            }
            Self::Armored(padata) => PaData::find(padata, PaDataType::TD_DH_PARAMETERS)?,
        };
        pkinit::group_offered(parameters, refused)
    }
}
