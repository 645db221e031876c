//! A smart-card issuer of somebody else's that a realm trusts, and what the KDC makes of its certificates.

use std::sync::{Arc, LazyLock};

use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::lockout::Lockout;
use directory::storage::Memory as Rows;
use directory::testing::{START, Seeded};
use directory::{Change, Directory, EntryId, NewEntry, Reads, issuers};
use kdc::{Identity, Memory, Realm, StrongMapping, Transport, View};
use ticket::client::{Handled, Initial, KdcTrust, Secret, Wish};
use trust::Span;
use trust::path::Anchor;
use trust::revocation::IssuerId;
use wire::Sid;
use wire::kerberos::{
    ErrorCode, KerberosTime, KrbError, MethodData, Microseconds, PaData, PaDataType, PrincipalName,
};
use wire::x509::{BasicConstraints, Certificate, Extension, Name, TbsCertificate, assemble, oid};

use crate::overlay::{Below, Overlay, rows_of};
use crate::world;

const REALM: &str = "CORP.EXAMPLE";

/// The serial number of alice's certificate.
pub(crate) const SERIAL: &[u8] = &[0x12, 0x34, 0x56];

/// The key identifier in it.
pub(crate) const KEY_IDENTIFIER: [u8; 20] = [0xa1; 20];

/// What does not change from input to input.
pub(crate) struct Cards {
    /// The issuer's key, and alice's: the same in every run, so that seeds stay what they are.
    pub(crate) key: PrivateKey,
    /// Another's key.
    stranger: PrivateKey,
    /// The issuer.
    pub(crate) issuer: Certificate,
    /// Alice's SID.
    pub(crate) sid: Sid,
    /// Her account.
    pub(crate) alice: EntryId,
    rows: Below,
    anchors: Vec<Anchor>,
    identities: Vec<Identity>,
    lockout: Lockout,
    hints: Vec<u8>,
}

pub(crate) static CARDS: LazyLock<Cards> =
    LazyLock::new(|| Cards::new().expect("a small world can be made"));

impl Cards {
    fn new() -> Option<Self> {
        let key = include_bytes!("../corpus/public_key/p256-pkcs8");
        let key = PrivateKey::from_pkcs8_der(key).ok()?;
        let name = Name::common("Cards");
        let constraints = Extension::basic_constraints(BasicConstraints {
            ca: true,
            path_length: None,
        });
        let issuer = certificate(&key, &name, &name, &[1], &[constraints])?;
        let issuer = Certificate::parse(&issuer).ok()?;
        let storage = Arc::new(Rows::new());
        let directory = directory::testing::over(storage.clone());
        let mut rng = Seeded::new(1);
        let alice = EntryId::random(&mut rng);
        let users = directory.domain().ok()?.users;
        let mut changes: Vec<Change> = vec![NewEntry::user(alice, users, "alice", "alice").into()];
        changes.extend(issuers::trust(&directory.snapshot().ok()?, &issuer, &mut rng).ok()?);
        directory.commit(&changes, &Reads::none(), START).ok()?;
        let account = directory.snapshot().ok()?.account_by_sam("alice").ok()??;
        Some(Self {
            stranger: PrivateKey::generate(KeyKind::P256),
            anchors: vec![Anchor::new(issuer.clone())],
            sid: account.sid,
            rows: rows_of(&*storage),
            identities: vec![crate::server::identity()?],
            lockout: Lockout::default(),
            hints: hints(),
            issuer,
            alice,
            key,
        })
    }

    /// The issuer's name for itself.
    pub(crate) fn id(&self) -> IssuerId {
        IssuerId::of(&self.issuer)
    }

    /// A certificate of alice's.
    pub(crate) fn issue(&self, more: &[Extension]) -> Option<Vec<u8>> {
        let mut extensions = vec![
            Extension::extended_key_usage(&[oid::SMART_CARD_LOGON], false),
            Extension::subject_key_identifier(&KEY_IDENTIFIER),
        ];
        extensions.extend_from_slice(more);
        let issuer = self.issuer.subject();
        certificate(
            &self.key,
            issuer,
            &Name::common("Alice"),
            SERIAL,
            &extensions,
        )
    }

    /// The signature of the issuer, and the AlgorithmIdentifier that names it.
    pub(crate) fn signed(&self, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
        sign(&self.key, message)
    }

    /// A stranger's signature.
    pub(crate) fn forged(&self, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
        sign(&self.stranger, message)
    }

    /// The world with some changes; `None` where the directory does not take them.
    pub(crate) fn with(&self, changes: &[Change]) -> Option<Directory> {
        let directory = world::open(Arc::new(Overlay::new(self.rows.clone()))).ok()?;
        directory.commit(changes, &Reads::none(), START).ok()?;
        Some(directory)
    }

    /// What alice sends to sign in with a certificate.
    pub(crate) fn request(&self, certificate: &[u8]) -> Option<Vec<u8>> {
        let trust = KdcTrust::default();
        let secret = Secret::KeyPair {
            signer: &self.key,
            certificate,
            trust: &trust,
        };
        let (name, wish) = (
            PrincipalName::principal("alice"),
            Wish::ticket_granting(REALM),
        );
        let mut rng = Seeded::new(2);
        let (exchange, _) = Initial::start(name, REALM.into(), wish, secret, START, &mut rng);
        match exchange.handle(&self.hints, START, &mut rng).ok()? {
            Handled::Send(_, message) => Some(message),
            Handled::Done(_) => None,
        }
    }

    /// Whether the KDC gives alice a ticket.
    pub(crate) fn signs_in(
        &self,
        request: &[u8],
        directory: &Directory,
        strong_mapping: StrongMapping,
    ) -> bool {
        let memory = Memory::new(Span::minutes(5), &mut Seeded::new(3));
        let mut realm = Realm::new(REALM, "DC1");
        realm.strong_mapping = strong_mapping;
        let view = View {
            directory: directory.snapshot().expect("memory does not fail"),
            realm: &realm,
            identities: &self.identities,
            issuers: &self.anchors,
            lockout: &self.lockout,
            memory: &memory,
        };
        let mut rng = Seeded::new(4);
        let answer = kdc::answer(request, None, Transport::Stream, &view, START, &mut rng);
        let exchange = answer.exchange.expect("nothing was remembered");
        exchange.refused.is_none()
    }
}

fn sign(key: &PrivateKey, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let algorithm = SignatureAlgorithm::default_for(key.public_key());
    let signature = key.sign(algorithm, message);
    (signature.expect("a key signs"), algorithm.identifier_der())
}

/// A certificate that speaks of `key`, and is signed with it.
pub(crate) fn certificate(
    key: &PrivateKey,
    issuer: &Name,
    subject: &Name,
    serial: &[u8],
    extensions: &[Extension],
) -> Option<Vec<u8>> {
    let algorithm = SignatureAlgorithm::default_for(key.public_key());
    let identifier = algorithm.identifier_der();
    let tbs = TbsCertificate {
        serial,
        signature_algorithm: &identifier,
        issuer,
        not_before: START.unix() - 60,
        not_after: START.unix() + 86_400,
        subject,
        spki: &key.public_key().to_spki_der(),
        extensions,
    }
    .encode();
    let signature = key.sign(algorithm, &tbs).ok()?;
    Some(assemble(&tbs, &identifier, &signature))
}

/// KDC_ERR_PREAUTH_REQUIRED, as the KDC says it to one who asks how to sign in.
fn hints() -> Vec<u8> {
    let mut error = KrbError::new(
        ErrorCode::KDC_ERR_PREAUTH_REQUIRED,
        KerberosTime::from_unix(START.unix()),
        Microseconds::default(),
        REALM.into(),
        PrincipalName::krbtgt(REALM),
    );
    let methods = MethodData::from([PaData::empty(PaDataType::PK_AS_REQ)]);
    error.e_data = Some(methods.encode());
    error.encode()
}

/// The first of two texts, whose length is the first byte, and what follows.
pub(crate) fn cut(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = bytes.split_first() else {
        return (&[], &[]);
    };
    rest.split_at_checked(usize::from(*length))
        .unwrap_or((rest, &[]))
}

/// With its length in front, as [`cut`] reads it.
pub(crate) fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).expect("a seed is short");
    [&[length], bytes].concat()
}
