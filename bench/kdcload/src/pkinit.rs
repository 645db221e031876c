//! PKINIT (RFC 4556, RFC 5349): requests signed, replies checked.

use std::fs;

use openssl::bn::{BigNum, BigNumContext};
use openssl::derive::Deriver;
use openssl::ec::{EcGroup, EcKey, EcPoint, PointConversionForm};
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private, Public};
use openssl::sign::{Signer, Verifier};
use openssl::x509::X509;

use crate::der::{
    Element, bits, context, first, generalized_time, integer, octets, oid, sequence, set, tlv,
    unsigned,
};
use crate::messages::random;

const AUTH_DATA: &str = "1.3.6.1.5.2.3.1";
const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SHA1: &str = "1.3.14.3.2.26";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";
const SHA512: &str = "2.16.840.1.101.3.4.2.3";
const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
const RSA_SHA256: &str = "1.2.840.113549.1.1.11";
const DIFFIE_HELLMAN: &str = "1.2.840.10046.2.1";
const EC_PUBLIC_KEY: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";

/// A client's key with its certificate.
pub struct Signing {
    key: PKey<Private>,
    certificate: Vec<u8>,
    issuer_and_serial: Vec<u8>,
    /// Whether the certificate goes along.
    pub shows_certificate: bool,
}

impl Signing {
    /// # Panics
    /// When one of the files is not what it should be.
    pub fn load(certificate: &str, key: &str) -> Self {
        let read = |file: &str| fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let certificate = X509::from_pem(&read(certificate)).expect("a certificate, PEM");
        let certificate = certificate.to_der().expect("DER");
        let key = PKey::private_key_from_pem(&read(key)).expect("a private key, PEM");
        let fields = first(&certificate)
            .and_then(|whole| whole.inner())
            .expect("a certificate")
            .children();
        let serial = usize::from(fields[0].tag == 0xa0);
        let issuer_and_serial = sequence(&[fields[serial + 2].whole, fields[serial].whole]);
        Self {
            key,
            certificate,
            issuer_and_serial,
            shows_certificate: true,
        }
    }

    /// PA-PK-AS-REQ for a request's body. `time` comes with its microseconds.
    pub fn pa_pk_as_req(
        &self,
        agreement: &Agreement,
        body: &[u8],
        nonce: u32,
        (time, micros): (&str, u64),
        dh_nonce: Option<&[u8]>,
    ) -> Vec<u8> {
        let sum = hash(MessageDigest::sha1(), body).expect("SHA-1");
        let authenticator = sequence(&[
            &context(0, &integer(micros)),
            &context(1, &generalized_time(time)),
            &context(2, &integer(nonce.into())),
            &context(3, &octets(&sum)),
        ]);
        let dh_nonce = dh_nonce
            .map(|nonce| context(3, &octets(nonce)))
            .unwrap_or_default();
        let public = context(1, agreement.public());
        let pack = sequence(&[&context(0, &authenticator), &public, &dh_nonce]);
        sequence(&[&tlv(0x80, &self.sign(AUTH_DATA, &pack))])
    }

    /// A ContentInfo with SignedData over `content`.
    fn sign(&self, kind: &str, content: &[u8]) -> Vec<u8> {
        let digest_algorithm = sequence(&[&oid(SHA256)]);
        let digest = hash(MessageDigest::sha256(), content).expect("SHA-256");
        let attributes = [
            sequence(&[&oid(CONTENT_TYPE), &set(&[&oid(kind)])]),
            sequence(&[&oid(MESSAGE_DIGEST), &set(&[&octets(&digest)])]),
        ]
        .concat();
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).expect("a signer");
        signer.update(&tlv(0x31, &attributes)).expect("a signature");
        let signature = signer.sign_to_vec().expect("a signature");
        let algorithm = match self.key.id() {
            Id::EC => sequence(&[&oid(ECDSA_SHA256)]),
            _ => sequence(&[&oid(RSA_SHA256), &[5, 0]]),
        };
        let signer = sequence(&[
            &integer(1),
            &self.issuer_and_serial,
            &digest_algorithm,
            &context(0, &attributes),
            &algorithm,
            &octets(&signature),
        ]);
        let certificates = match self.shows_certificate {
            true => context(0, &self.certificate),
            false => Vec::new(),
        };
        let data = sequence(&[
            &integer(3),
            &set(&[&digest_algorithm]),
            &sequence(&[&oid(kind), &context(0, &octets(content))]),
            &certificates,
            &set(&[&signer]),
        ]);
        sequence(&[&oid(SIGNED_DATA), &context(0, &data)])
    }
}

/// By what the KDC's certificate is known.
pub enum KdcCertificate {
    /// It is this one.
    Is(PKey<Public>),
    /// This key issued it.
    IssuedBy(PKey<Public>),
}

impl KdcCertificate {
    /// # Panics
    /// When the file holds no certificate.
    pub fn load(file: &str, issuer: bool) -> Self {
        let pem = fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let key = X509::from_pem(&pem).and_then(|certificate| certificate.public_key());
        let key = key.expect("a certificate, PEM");
        if issuer {
            Self::IssuedBy(key)
        } else {
            Self::Is(key)
        }
    }

    /// The key that a SignedData must verify with.
    fn key(&self, data: &[Element<'_>]) -> Result<PKey<Public>, String> {
        match self {
            Self::Is(key) => Ok(key.clone()),
            Self::IssuedBy(issuer) => {
                let all = data
                    .iter()
                    .find(|part| part.tag == 0xa0)
                    .ok_or("the KDC sent no certificate")?;
                let sent = all
                    .children()
                    .into_iter()
                    .filter_map(|one| X509::from_der(one.whole).ok());
                let mut issued =
                    sent.filter(|certificate| certificate.verify(issuer).unwrap_or(false));
                let certificate = issued
                    .next()
                    .ok_or("the KDC's certificate is of another issuer")?;
                certificate.public_key().map_err(|error| error.to_string())
            }
        }
    }
}

/// The client's half of an agreement; one serves the whole run.
pub enum Agreement {
    Modp {
        prime: BigNum,
        exponent: BigNum,
        public: Vec<u8>,
    },
    P256 {
        key: EcKey<Private>,
        public: Vec<u8>,
    },
}

/// What was agreed in one exchange.
pub struct Agreed {
    pub key: Vec<u8>,
    /// The key that a KDC arrives at which drops leading zero bytes.
    pub cut_short: Vec<u8>,
    pub zero_led: bool,
}

impl Agreement {
    /// In group 14 of RFC 3526, with a short exponent, which keeps checking cheap.
    pub fn modp_2048() -> Self {
        let prime = BigNum::get_rfc3526_prime_2048().expect("a prime");
        let two = BigNum::from_u32(2).expect("a number");
        let mut order = BigNum::new().expect("a number");
        order.rshift1(&prime).expect("a number");
        let mut exponent: [u8; 32] = random();
        exponent[0] |= 0x80;
        let exponent = BigNum::from_slice(&exponent).expect("a number");
        let mut value = BigNum::new().expect("a number");
        value
            .mod_exp(&two, &exponent, &prime, &mut context_of_numbers())
            .expect("a power");
        let parameters = sequence(&[
            &unsigned(&prime.to_vec()),
            &unsigned(&two.to_vec()),
            &unsigned(&order.to_vec()),
        ]);
        let algorithm = sequence(&[&oid(DIFFIE_HELLMAN), &parameters]);
        let public = sequence(&[&algorithm, &bits(&unsigned(&value.to_vec()))]);
        Self::Modp {
            prime,
            exponent,
            public,
        }
    }

    pub fn p256() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).expect("P-256");
        let key = EcKey::generate(&group).expect("a key");
        let form = PointConversionForm::UNCOMPRESSED;
        let point = key
            .public_key()
            .to_bytes(&group, form, &mut context_of_numbers())
            .expect("a point");
        let public = sequence(&[&sequence(&[&oid(EC_PUBLIC_KEY), &oid(P256)]), &bits(&point)]);
        Self::P256 { key, public }
    }

    /// SubjectPublicKeyInfo.
    fn public(&self) -> &[u8] {
        match self {
            Self::Modp { public, .. } | Self::P256 { public, .. } => public,
        }
    }

    /// Checks PA-PK-AS-REP, the KDC's signature included where `kdc` is given, and agrees.
    pub fn with_reply(
        &self,
        answer: &[u8],
        nonce: u32,
        dh_nonce: Option<&[u8]>,
        kdc: Option<&KdcCertificate>,
    ) -> Result<Agreed, String> {
        let chosen = first(answer)
            .filter(|chosen| chosen.tag == 0xa0)
            .ok_or("the answer is not dhInfo")?;
        let info = chosen.inner().ok_or("there is no DHRepInfo")?;
        let signed = info
            .child(0x80)
            .and_then(|signed| first(signed.body))
            .ok_or("there is no dhSignedData")?;
        let data = signed
            .within(0xa0)
            .ok_or("there is no SignedData")?
            .children();
        let content = data
            .iter()
            .find(|part| part.tag == 0x30)
            .and_then(|part| part.within(0xa0));
        let content = content.ok_or("there is no signed content")?.body;
        if let Some(kdc) = kdc {
            check_signature(&data, content, &kdc.key(&data)?)?;
        }
        let key_info = first(content).ok_or("there is no KDCDHKeyInfo")?;
        if key_info.within(0xa1).map(|nonce| nonce.number()) != Some(nonce.into()) {
            return Err("the nonce of the KDCDHKeyInfo is another".to_owned());
        }
        let theirs = key_info
            .within(0xa0)
            .and_then(|value| value.body.get(1..))
            .ok_or("there is no public value")?;
        let secret = self.secret(theirs).ok_or("the public value is none")?;
        let server_nonce = info.within(0xa1).map(|nonce| nonce.body);
        let nonces = dh_nonce
            .zip(server_nonce)
            .map(|(ours, theirs)| [ours, theirs].concat())
            .unwrap_or_default();
        let zeros = secret.iter().take_while(|byte| **byte == 0).count();
        Ok(Agreed {
            key: octetstring_to_key(&[&secret, &nonces[..]].concat()),
            cut_short: octetstring_to_key(&[&secret[zeros..], &nonces[..]].concat()),
            zero_led: zeros > 0,
        })
    }

    /// The shared secret, as long as the modulus or the field.
    fn secret(&self, theirs: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Modp {
                prime, exponent, ..
            } => {
                let theirs = BigNum::from_slice(first(theirs)?.body).ok()?;
                let mut secret = BigNum::new().ok()?;
                secret
                    .mod_exp(&theirs, exponent, prime, &mut context_of_numbers())
                    .ok()?;
                secret.to_vec_padded(prime.num_bytes()).ok()
            }
            Self::P256 { key, .. } => {
                let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).ok()?;
                let point = EcPoint::from_bytes(&group, theirs, &mut context_of_numbers()).ok()?;
                let theirs =
                    PKey::from_ec_key(EcKey::from_public_key(&group, &point).ok()?).ok()?;
                let ours = PKey::from_ec_key(key.clone()).ok()?;
                let mut deriver = Deriver::new(&ours).ok()?;
                deriver.set_peer(&theirs).ok()?;
                deriver.derive_to_vec().ok()
            }
        }
    }
}

fn check_signature(data: &[Element<'_>], content: &[u8], key: &PKey<Public>) -> Result<(), String> {
    let wrong = |error: openssl::error::ErrorStack| error.to_string();
    let signers = data
        .iter()
        .rfind(|part| part.tag == 0x31)
        .ok_or("there are no signers")?;
    let signer = signers.inner().ok_or("there is no signer")?.children();
    let algorithm = signer
        .get(2)
        .and_then(|algorithm| algorithm.inner())
        .ok_or("there is no digest algorithm")?;
    let known = [
        (SHA1, MessageDigest::sha1()),
        (SHA256, MessageDigest::sha256()),
        (SHA512, MessageDigest::sha512()),
    ];
    let digest = known
        .into_iter()
        .find(|(name, _)| oid(name) == algorithm.whole);
    let (_, digest) = digest.ok_or("the digest algorithm is not known")?;
    let signature = signer
        .iter()
        .rfind(|part| part.tag == 4)
        .ok_or("there is no signature")?
        .body;
    // A signer identifier may have the tag of the attributes, too: they come after the digest algorithm.
    let covered = match signer.iter().skip(3).find(|part| part.tag == 0xa0) {
        Some(attributes) => {
            let digest = octets(&hash(digest, content).map_err(wrong)?);
            let wanted = sequence(&[&oid(MESSAGE_DIGEST), &set(&[&digest])]);
            if !attributes
                .children()
                .iter()
                .any(|attribute| attribute.whole == wanted)
            {
                return Err("the message digest is another".to_owned());
            }
            tlv(0x31, attributes.body)
        }
        None => content.to_vec(),
    };
    let mut verifier = Verifier::new(digest, key).map_err(wrong)?;
    verifier.update(&covered).map_err(wrong)?;
    match verifier.verify(signature) {
        Ok(true) => Ok(()),
        _ => Err("the KDC's signature does not verify".to_owned()),
    }
}

/// RFC 4556 3.2.3.1, for a key of 32 bytes.
fn octetstring_to_key(secret: &[u8]) -> Vec<u8> {
    let block =
        |number: u8| hash(MessageDigest::sha1(), &[&[number], secret].concat()).expect("SHA-1");
    let mut key = [&block(0)[..], &block(1)[..]].concat();
    key.truncate(32);
    key
}

fn context_of_numbers() -> BigNumContext {
    BigNumContext::new().expect("memory")
}
