//! Messages as no client of ours makes them, put together from the types of `wire` and, where those are too
//! well-behaved, from bytes. What a case does not change is as it should be, so that each refusal has one
//! cause.

use crypto::agreement::{Ephemeral, Group, LegacyModp1024};
use crypto::digest::{self, DigestAlgorithm};
use crypto::etype::{Etype, Key};
use crypto::kdf::{self, PkinitKdf};
use crypto::signature::{SignatureAlgorithm, Signer};
use ticket::client::Credential;
use trust::{Rng, Span, Timestamp};
use wire::asn1::{Der, Extensions, ObjectIdentifier, SubjectPublicKeyInfoOwned};
use wire::cms::{SignedAttributes, oid as cms_oid};
use wire::kerberos::{
    ANONYMOUS_REALM, ApOptions, ApReq, AsRep, AsReq, Authenticator, Checksum, ChecksumType,
    EncKdcRepPart, EncryptedData, EncryptionKey, EncryptionType, KdcOptions, KdcReqBody,
    KerberosTime, KeyUsage, Microseconds, PaData, PaDataType, PaEncTsEnc, PrincipalName, Realm,
    TgsRep, TgsReq, Ticket,
};
use wire::pkinit::{
    AuthPack, DhRepInfo, DomainParameters, KdcDhKeyInfo, KdfAlgorithmId, OtherInfo, PaPkAsRep,
    PaPkAsReq, PkAuthenticator, PkinitSuppPubInfo, PublicValue, TrustedCertifiers, dh_public_key,
    oid,
};

use crate::world::Pair;

/// One DER value of these contents, which may be of any length.
pub(crate) fn tlv(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let contents = contents.concat();
    let mut out = vec![tag];
    match contents.len() {
        short @ 0..=0x7f => out.push(short as u8),
        long => {
            let bytes = long.to_be_bytes();
            let bytes = &bytes[bytes.iter().take_while(|byte| **byte == 0).count()..];
            out.push(0x80 | bytes.len() as u8);
            out.extend_from_slice(bytes);
        }
    }
    out.extend(contents);
    out
}

pub(crate) fn kerberos_time(moment: Timestamp) -> KerberosTime {
    KerberosTime::from_unix(moment.unix())
}

pub(crate) fn micros(moment: Timestamp) -> Microseconds {
    Microseconds::new(moment.subsecond_micros()).unwrap()
}

pub(crate) fn etypes(numbers: &[i32]) -> Vec<EncryptionType> {
    numbers
        .iter()
        .map(|number| EncryptionType(*number))
        .collect()
}

/// What a client asks for a ticket-granting ticket with; `cname` is left out for a TGS-REQ.
pub(crate) fn body(client: Option<PrincipalName>, now: Timestamp, rng: &mut dyn Rng) -> KdcReqBody {
    KdcReqBody {
        kdc_options: KdcOptions::FORWARDABLE,
        cname: client,
        realm: Realm::from("CORP.EXAMPLE"),
        sname: Some(PrincipalName::krbtgt("CORP.EXAMPLE")),
        from: None,
        till: kerberos_time(now + Span::hours(10)),
        rtime: None,
        nonce: (u32::from_be_bytes(rng.bytes()) & 0x7fff_ffff).into(),
        etype: etypes(&[18, 17, 20, 19]).into(),
        addresses: None,
        enc_authorization_data: None,
        additional_tickets: None,
    }
}

/// An AS-REQ that is proved by an encrypted timestamp, if at all.
pub(crate) struct Password {
    pub(crate) body: KdcReqBody,
    /// The key that the timestamp is encrypted with.
    pub(crate) key: Key,
    /// What the client's clock shows.
    pub(crate) clock: Timestamp,
    pub(crate) usage: KeyUsage,
    /// The etype that the timestamp is marked with.
    pub(crate) etype: i32,
    /// What takes the timestamp's place.
    pub(crate) sealed: Option<Vec<u8>>,
    pub(crate) prove: bool,
    pub(crate) others: Vec<PaData>,
    pub(crate) confounder: [u8; 16],
}

impl Password {
    pub(crate) fn new(client: &str, key: Key, now: Timestamp, rng: &mut dyn Rng) -> Self {
        Self {
            body: body(Some(PrincipalName::principal(client)), now, rng),
            etype: key.etype().number(),
            key,
            clock: now,
            usage: KeyUsage::PA_ENC_TIMESTAMP,
            sealed: None,
            prove: true,
            others: Vec::new(),
            confounder: rng.bytes(),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let stamp = PaEncTsEnc {
            patimestamp: kerberos_time(self.clock),
            pausec: Some(micros(self.clock)),
        };
        let plain = self.sealed.clone().unwrap_or_else(|| stamp.encode());
        let sealed = EncryptedData {
            etype: EncryptionType(self.etype),
            kvno: None,
            cipher: self.key.encrypt(self.usage, &self.confounder, &plain),
        };
        let mut padata = self.others.clone();
        if self.prove {
            padata.push(PaData::new(PaDataType::ENC_TIMESTAMP, sealed.encode()));
        }
        AsReq::new(padata, self.body.clone()).encode()
    }

    pub(crate) fn open(&self, reply: &[u8]) -> EncKdcRepPart {
        let reply = AsRep::decode(reply).unwrap();
        let usage = KeyUsage::AS_REP_ENC_PART;
        let opened = self.key.decrypt(usage, &reply.enc_part.cipher).unwrap();
        EncKdcRepPart::decode_as_rep(&opened).unwrap()
    }
}

/// How a signer is named.
#[derive(Clone)]
pub(crate) enum SignerName {
    IssuerAndSerial,
    /// `[0] IMPLICIT`, as RFC 5652 has it.
    KeyIdentifier(Vec<u8>),
    /// `[0] EXPLICIT`, as one public test suite sends it.
    KeyIdentifierExplicit(Vec<u8>),
}

/// What a case makes of a content's digest.
pub(crate) type Digest = fn(&[u8]) -> Vec<u8>;

/// The signed attributes: none, or what they say of content type and digest.
#[derive(Clone)]
pub(crate) enum Attributes {
    None,
    Of(ObjectIdentifier, Digest),
}

/// A ContentInfo with SignedData, every part of which can be wrong.
pub(crate) struct Cms {
    pub(crate) kind: ObjectIdentifier,
    pub(crate) content_type: ObjectIdentifier,
    pub(crate) with_content: bool,
    pub(crate) attributes: Attributes,
    pub(crate) digest: ObjectIdentifier,
    pub(crate) algorithm: Vec<u8>,
    /// How it is really signed.
    pub(crate) signs: SignatureAlgorithm,
    /// Whether it signs by RSA over SHA-1, whatever `signs` says.
    pub(crate) over_sha1: bool,
    pub(crate) name: SignerName,
    /// DER of the certificates, the tag included.
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) signers: usize,
    pub(crate) unsigned: bool,
    pub(crate) signature: fn(Vec<u8>) -> Vec<u8>,
    /// What happens to the content after it was signed.
    pub(crate) content: fn(Vec<u8>) -> Vec<u8>,
    /// What happens to the whole.
    pub(crate) whole: fn(Vec<u8>) -> Vec<u8>,
}

pub(crate) fn identifier(oid: ObjectIdentifier) -> Vec<u8> {
    tlv(0x30, &[&tlv(6, &[oid.as_bytes()])])
}

impl Cms {
    fn new(pair: &Pair) -> Self {
        let signs = SignatureAlgorithm::default_for(pair.key.public_key());
        let digest: Digest = |content| digest::sha256(content).to_vec();
        Self {
            kind: cms_oid::SIGNED_DATA,
            content_type: oid::AUTH_DATA,
            with_content: true,
            attributes: Attributes::Of(oid::AUTH_DATA, digest),
            digest: DigestAlgorithm::Sha256.oid(),
            algorithm: signs.identifier_der(),
            signs,
            over_sha1: false,
            name: SignerName::IssuerAndSerial,
            certificates: vec![pair.certificate.clone()],
            signers: 1,
            unsigned: false,
            signature: |signature| signature,
            content: |content| content,
            whole: |whole| whole,
        }
    }

    fn encode(&self, content: &[u8], pair: &Pair) -> Vec<u8> {
        let (covered, attributes) = match &self.attributes {
            Attributes::None => (content.to_vec(), Vec::new()),
            Attributes::Of(kind, digest) => {
                let set = SignedAttributes::encode(*kind, &digest(content));
                let mut sent = set.clone();
                sent[0] = 0xa0;
                (set, sent)
            }
        };
        let signature = match self.over_sha1 {
            true => crate::sha1_signature::sign(&pair.key, &covered),
            false => pair.key.sign(self.signs, &covered).unwrap(),
        };
        let signature = (self.signature)(signature);
        let name = match &self.name {
            SignerName::IssuerAndSerial => {
                let own = wire::x509::Certificate::parse(&pair.certificate).unwrap();
                tlv(0x30, &[own.issuer().der(), &tlv(2, &[own.serial()])])
            }
            SignerName::KeyIdentifier(key) => tlv(0x80, &[key]),
            SignerName::KeyIdentifierExplicit(key) => tlv(0xa0, &[&tlv(4, &[key])]),
        };
        let mut signer = vec![
            tlv(2, &[&[1]]),
            name,
            identifier(self.digest),
            attributes,
            self.algorithm.clone(),
            tlv(4, &[&signature]),
        ];
        if self.unsigned {
            signer.push(tlv(0xa1, &[&tlv(0x30, &[&[6, 1, 42], &[0x31, 0]])]));
        }
        let signer: Vec<&[u8]> = signer.iter().map(Vec::as_slice).collect();
        let signers = tlv(0x30, &signer).repeat(self.signers);
        let content = (self.content)(content.to_vec());
        let encapsulated = match self.with_content {
            true => tlv(0xa0, &[&tlv(4, &[&content])]),
            false => Vec::new(),
        };
        let certificates = match self.certificates.len() {
            0 => Vec::new(),
            _ => tlv(0xa0, &[&self.certificates.concat()]),
        };
        let signed = tlv(
            0x30,
            &[
                &tlv(2, &[&[3]]),
                &tlv(0x31, &[&identifier(self.digest)]),
                &tlv(
                    0x30,
                    &[&tlv(6, &[self.content_type.as_bytes()]), &encapsulated],
                ),
                &certificates,
                &tlv(0x31, &[&signers]),
            ],
        );
        let kind = tlv(6, &[self.kind.as_bytes()]);
        (self.whole)(tlv(0x30, &[&kind, &tlv(0xa0, &[&signed])]))
    }
}

/// A client's key for the agreement, made anew from its seed as often as it is wanted.
pub(crate) fn ephemeral(group: Group) -> Ephemeral {
    match group {
        Group::Modp1024 => Ephemeral::in_modp_1024(LegacyModp1024, &[0x42; 64]).unwrap(),
        group => Ephemeral::new(group, &[0x42; 64]).unwrap(),
    }
}

/// The public value of a group's key, in a SubjectPublicKeyInfo.
pub(crate) fn public_value(group: Group) -> SubjectPublicKeyInfoOwned {
    let ephemeral = ephemeral(group);
    let order = group.subgroup_order();
    let value = match group.curve() {
        Some(curve) => PublicValue::Ec {
            curve: curve.oid(),
            point: ephemeral.public_value(),
        },
        None => PublicValue::Dh {
            parameters: DomainParameters {
                p: group.modulus().unwrap(),
                g: &[2],
                q: order.as_deref(),
            },
            public: ephemeral.public_value(),
        },
    };
    value.to_key().unwrap().unwrap()
}

/// A SubjectPublicKeyInfo of any algorithm, parameters (a whole DER value, or none) and bits.
pub(crate) fn any_public_value(
    algorithm: ObjectIdentifier,
    parameters: &[u8],
    bits: &[u8],
) -> SubjectPublicKeyInfoOwned {
    use der::Decode as _;
    let algorithm = tlv(0x30, &[&tlv(6, &[algorithm.as_bytes()]), parameters]);
    let key = tlv(0x30, &[&algorithm, &tlv(3, &[&[0], bits])]);
    SubjectPublicKeyInfoOwned::from_der(&key).unwrap()
}

/// X9.42 domain parameters of these numbers, big-endian with a sign byte where one is needed.
pub(crate) fn domain_parameters(numbers: &[&[u8]]) -> Vec<u8> {
    let numbers: Vec<Vec<u8>> = numbers.iter().map(|number| integer(number)).collect();
    let numbers: Vec<&[u8]> = numbers.iter().map(Vec::as_slice).collect();
    tlv(0x30, &numbers)
}

/// A non-negative INTEGER.
pub(crate) fn integer(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let number = &number[zeros..];
    match number.first() {
        Some(1..=0x7f) => tlv(2, &[number]),
        _ => tlv(2, &[&[0], number]),
    }
}

/// An AS-REQ that is proved by a signature.
pub(crate) struct Pkinit<'p> {
    pub(crate) pair: &'p Pair,
    pub(crate) body: KdcReqBody,
    pub(crate) pack: AuthPack,
    /// Whether paChecksum is computed over the body; else it is what the pack says.
    pub(crate) checksum: bool,
    pub(crate) cms: Cms,
    pub(crate) group: Group,
    pub(crate) trusted_certifiers: Option<TrustedCertifiers>,
    /// What happens to the encoded AuthPack before it is signed.
    pub(crate) content: fn(Vec<u8>) -> Vec<u8>,
    /// What happens to the encoded PA-PK-AS-REQ.
    pub(crate) padata: fn(Vec<u8>) -> Vec<u8>,
    /// What stands before it.
    pub(crate) others: Vec<PaData>,
}

impl<'p> Pkinit<'p> {
    pub(crate) fn new(client: &str, pair: &'p Pair, now: Timestamp, rng: &mut dyn Rng) -> Self {
        Self {
            pair,
            body: body(Some(PrincipalName::principal(client)), now, rng),
            pack: AuthPack {
                pk_authenticator: PkAuthenticator {
                    cusec: micros(now),
                    ctime: kerberos_time(now),
                    nonce: (u32::from_be_bytes(rng.bytes()) & 0x7fff_ffff).into(),
                    pa_checksum: None,
                    freshness_token: None,
                    pa_checksum2: None,
                    extensions: Extensions::NONE,
                },
                client_public_value: Some(public_value(Group::P256)),
                supported_cms_types: None,
                client_dh_nonce: None,
                supported_kdfs: Some([KdfAlgorithmId::new(oid::KDF_SHA256)].into()),
                extensions: Extensions::NONE,
            },
            checksum: true,
            cms: Cms::new(pair),
            group: Group::P256,
            trusted_certifiers: None,
            content: |content| content,
            padata: |padata| padata,
            others: Vec::new(),
        }
    }

    /// Agrees in another group.
    pub(crate) fn with_group(&mut self, group: Group) {
        self.group = group;
        self.pack.client_public_value = Some(public_value(group));
    }

    /// Offers these key derivation functions.
    pub(crate) fn with_kdfs(&mut self, kdfs: &[ObjectIdentifier]) {
        let kdfs: Vec<_> = kdfs.iter().map(|kdf| KdfAlgorithmId::new(*kdf)).collect();
        self.pack.supported_kdfs = Some(kdfs.into());
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let body = Der::new(self.body.clone());
        let mut pack = self.pack.clone();
        if self.checksum {
            pack.pk_authenticator.pa_checksum = Some(digest::sha1(body.as_bytes()).to_vec());
        }
        let content = (self.content)(pack.encode());
        let request = PaPkAsReq {
            signed_auth_pack: self.cms.encode(&content, self.pair),
            trusted_certifiers: self.trusted_certifiers.clone(),
            kdc_pk_id: None,
            extensions: Extensions::NONE,
        };
        let mut padata = self.others.clone();
        let request = (self.padata)(request.encode());
        padata.push(PaData::new(PaDataType::PK_AS_REQ, request));
        AsReq::with_encoded_body(padata, body).encode()
    }

    /// What a reply to `request` says, when its key is that of RFC 4556 or RFC 8636, whichever it names.
    pub(crate) fn open(&self, request: &[u8], reply: &[u8]) -> Agreed {
        let reply = AsRep::decode(reply).unwrap();
        let (key, first_secret_byte, info) = self.agreed(request, &reply, &reply.padata);
        let cipher = &reply.enc_part.cipher;
        let opened = key.decrypt(KeyUsage::AS_REP_ENC_PART, cipher).unwrap();
        let signed = wire::cms::SignedData::decode(&info.dh_signed_data).unwrap();
        let signature = signed.single_signer().unwrap().signature_algorithm.oid;
        Agreed {
            part: EncKdcRepPart::decode_as_rep(&opened).unwrap(),
            first_secret_byte,
            key,
            signature,
            info,
            ticket: reply.ticket,
        }
    }

    /// The key that a reply agrees on, whose padata may have stood inside of armor.
    pub(crate) fn agreed_key(&self, request: &[u8], reply: &AsRep, padata: &[PaData]) -> Key {
        self.agreed(request, reply, padata).0
    }

    fn agreed(&self, request: &[u8], reply: &AsRep, padata: &[PaData]) -> (Key, u8, DhRepInfo) {
        let padata = PaData::find(padata, PaDataType::PK_AS_REP).unwrap();
        let PaPkAsRep::DhInfo(info) = PaPkAsRep::decode(padata).unwrap() else {
            panic!("a reply key by agreement was asked for");
        };
        let signed = wire::cms::SignedData::decode(&info.dh_signed_data).unwrap();
        let content = signed.encap_content_info.e_content.unwrap();
        let content = KdcDhKeyInfo::decode(content).unwrap();
        assert_eq!(content.nonce, self.pack.pk_authenticator.nonce);
        let theirs = match self.group.curve() {
            Some(_) => content.subject_public_key.as_slice(),
            None => dh_public_key(&content.subject_public_key).unwrap(),
        };
        let secret = ephemeral(self.group).agree(theirs).unwrap();
        let etype = Etype::from_number(reply.enc_part.etype.0).unwrap();
        let key = match &info.kdf {
            None => {
                let client = self.pack.client_dh_nonce.as_deref();
                let nonces = client.zip(info.server_dh_nonce.as_deref());
                kdf::octetstring_to_key(etype, &secret, nonces)
            }
            Some(kdf) => {
                let (client, server) = (&self.body.cname, &self.body.sname);
                let anonymous = client.as_ref().is_some_and(PrincipalName::is_anonymous);
                let realm = match anonymous {
                    true => Realm::from(ANONYMOUS_REALM),
                    false => self.body.realm.clone(),
                };
                let other = OtherInfo {
                    kdf: kdf.kdf_id,
                    client_realm: &realm,
                    client: client.as_ref().unwrap(),
                    server_realm: &self.body.realm,
                    server: server.as_ref().unwrap(),
                    supp_pub_info: PkinitSuppPubInfo {
                        enctype: reply.enc_part.etype,
                        as_req: request,
                        pk_as_rep: padata,
                    },
                };
                let kdf = PkinitKdf::from_oid(&kdf.kdf_id).unwrap();
                kdf.derive(etype, &secret, &other.encode())
            }
        };
        let first = secret.as_bytes()[0];
        (key, first, info)
    }
}

/// A reply to a request by signature, opened.
pub(crate) struct Agreed {
    pub(crate) part: EncKdcRepPart,
    pub(crate) first_secret_byte: u8,
    pub(crate) key: Key,
    /// What the KDC signed with.
    pub(crate) signature: ObjectIdentifier,
    pub(crate) info: DhRepInfo,
    pub(crate) ticket: Ticket,
}

/// A TGS-REQ.
pub(crate) struct Granted {
    pub(crate) body: KdcReqBody,
    pub(crate) ticket: Ticket,
    pub(crate) authenticator: Authenticator,
    /// The ticket's session key.
    pub(crate) key: Key,
    pub(crate) subkey: Option<Key>,
    /// Whether the authenticator's checksum is computed over the body; else it is what was put there.
    pub(crate) checksum: bool,
    pub(crate) usage: KeyUsage,
    pub(crate) options: ApOptions,
    pub(crate) confounder: [u8; 16],
    pub(crate) others: Vec<PaData>,
    /// Whether the ticket is shown at all.
    pub(crate) show: bool,
}

impl Granted {
    pub(crate) fn new(
        tgt: &Credential,
        service: PrincipalName,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Self {
        let mut body = body(None, now, rng);
        body.sname = Some(service);
        let (realm, name) = (tgt.client_realm.clone(), tgt.client.clone());
        Self {
            body,
            ticket: tgt.ticket.clone(),
            authenticator: Authenticator::new(realm, name, kerberos_time(now), micros(now)),
            key: tgt.key.clone(),
            subkey: Some(Key::random_to_key(tgt.key.etype(), &rng.bytes())),
            checksum: true,
            usage: KeyUsage::TGS_REQ_AUTHENTICATOR,
            options: ApOptions::NONE,
            confounder: rng.bytes(),
            others: Vec::new(),
            show: true,
        }
    }

    /// The AP-REQ.
    pub(crate) fn shown(&self) -> Vec<u8> {
        let body = Der::new(self.body.clone());
        let mut authenticator = self.authenticator.clone();
        if self.checksum {
            let usage = KeyUsage::TGS_REQ_AUTHENTICATOR_CHECKSUM;
            authenticator.cksum = Some(Checksum {
                cksumtype: ChecksumType(self.key.etype().checksum_type()),
                checksum: self.key.checksum(usage, body.as_bytes()).to_vec(),
            });
        }
        if let Some(subkey) = &self.subkey {
            authenticator.subkey = Some(EncryptionKey {
                keytype: EncryptionType(subkey.etype().number()),
                keyvalue: subkey.bytes().to_vec(),
            });
        }
        let plain = authenticator.encode();
        let sealed = EncryptedData {
            etype: EncryptionType(self.key.etype().number()),
            kvno: None,
            cipher: self.key.encrypt(self.usage, &self.confounder, &plain),
        };
        ApReq::new(self.options, self.ticket.clone(), sealed).encode()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut padata = self.others.clone();
        if self.show {
            padata.insert(0, PaData::new(PaDataType::TGS_REQ, self.shown()));
        }
        TgsReq::new(padata, self.body.clone()).encode()
    }

    pub(crate) fn open(&self, reply: &[u8]) -> (EncKdcRepPart, Ticket) {
        let reply = TgsRep::decode(reply).unwrap();
        let cipher = &reply.enc_part.cipher;
        let opened = match &self.subkey {
            Some(key) => key.decrypt(KeyUsage::TGS_REP_ENC_PART_SUBKEY, cipher),
            None => self
                .key
                .decrypt(KeyUsage::TGS_REP_ENC_PART_SESSION_KEY, cipher),
        };
        let part = EncKdcRepPart::decode_tgs_rep(&opened.unwrap()).unwrap();
        (part, reply.ticket)
    }
}
