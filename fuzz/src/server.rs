//! The KDC as a whole: whatever comes, there is an answer and no panic.

use std::sync::{Arc, LazyLock};

use crypto::etype::Key;
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::lockout::Lockout;
use directory::password::PasswordMaterial;
use directory::testing::{START, Seeded, fresh};
use directory::{Directory, EntryId, NewEntry, Reads};
use kdc::{Identity, Memory, Realm, Transport, View};
use ticket::Keys as _;
use trust::Span;
use wire::kerberos::{
    AsReq, EncryptionType, KdcOptions, KdcReqBody, KerberosTime, PaData, PaDataType, PrincipalName,
};
use wire::pkinit::PaPkAsReq;
use wire::x509::{Certificate, Name, TbsCertificate, assemble};

struct World {
    directory: Arc<Directory>,
    realm: Realm,
    identities: Vec<Identity>,
    lockout: Lockout,
    memory: Memory,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let directory = fresh();
    let domain = directory.domain().expect("a fresh directory has a domain");
    let mut alice = NewEntry::user(
        EntryId::random(&mut Seeded::new(1)),
        domain.users,
        "alice",
        "alice",
    );
    let material = PasswordMaterial::random(&mut Seeded::new(3));
    alice.password = Some(Box::new(material));
    let mut rng = Seeded::new(2);
    let mut machine = NewEntry::computer(EntryId::random(&mut rng), domain.computers, "PC-1");
    machine.password = Some(Box::new(PasswordMaterial::random(&mut rng)));
    let added = directory.commit(&[alice.into(), machine.into()], &Reads::none(), START);
    added.expect("a person and a machine can be added");
    World {
        directory,
        realm: Realm::new("CORP.EXAMPLE", "DC1"),
        identities: vec![identity().expect("a certificate and its own key belong together")],
        lockout: Lockout::default(),
        memory: Memory::new(Span::minutes(5), &mut rng),
    }
});

/// Of the KDC, made anew.
pub(crate) fn identity() -> Option<Identity> {
    let key = PrivateKey::generate(KeyKind::P256);
    let algorithm = SignatureAlgorithm::default_for(key.public_key()).identifier_der();
    let tbs = TbsCertificate {
        serial: &[1],
        signature_algorithm: &algorithm,
        issuer: &Name::common("dc1"),
        not_before: START.unix() - 60,
        not_after: START.unix() + 86_400,
        subject: &Name::common("dc1"),
        spki: &key.public_key().to_spki_der(),
        extensions: &[],
    }
    .encode();
    let signature = key.sign(SignatureAlgorithm::EcdsaSha256, &tbs).ok()?;
    let certificate = Certificate::parse(&assemble(&tbs, &algorithm, &signature)).ok()?;
    Identity::new(certificate, Vec::new(), Arc::new(key)).ok()
}

/// The key of the machine `PC-1$`.
pub(crate) fn machine_key() -> Key {
    let world = &*WORLD;
    let snapshot = world.directory.snapshot().expect("there is a domain");
    let machine = snapshot.account_by_sam("PC-1$").ok().flatten();
    let machine = machine.expect("the machine was added");
    let key = machine.keys.newest().next().expect("it has keys");
    key.key.key().clone()
}

pub(crate) fn kdc(message: &[u8]) {
    answer(message, Transport::Datagram, &WORLD.lockout);
}

/// The answer to a message, which can be read and is not too long.
pub(crate) fn answer(message: &[u8], transport: Transport, lockout: &Lockout) -> Option<Arc<[u8]>> {
    let world = &*WORLD;
    let view = View {
        directory: world
            .directory
            .snapshot()
            .expect("a directory in memory does not fail"),
        realm: &world.realm,
        identities: &world.identities,
        issuers: &[],
        lockout,
        memory: &world.memory,
    };
    let mut rng = Seeded::new(7);
    let answer = kdc::answer(message, None, transport, &view, START, &mut rng);
    answer.remember(&world.memory, START);
    if let Some(reply) = &answer.reply {
        let limit = world.realm.datagram_limit;
        assert!(transport == Transport::Stream || reply.len() <= limit);
        assert!(matches!(
            wire::kerberos::Message::decode(reply),
            Ok(Some(_))
        ));
    }
    answer.reply
}

/// The bytes as what a client signed, inside a request that is otherwise in order.
pub(crate) fn pkinit(signed: &[u8]) {
    let padata = PaPkAsReq {
        signed_auth_pack: signed.to_vec(),
        trusted_certifiers: None,
        kdc_pk_id: None,
        extensions: wire::asn1::Extensions::NONE,
    };
    let body = KdcReqBody {
        kdc_options: KdcOptions::FORWARDABLE,
        cname: Some(PrincipalName::principal("alice")),
        realm: "CORP.EXAMPLE".into(),
        sname: Some(PrincipalName::krbtgt("CORP.EXAMPLE")),
        from: None,
        till: KerberosTime::EPOCH,
        rtime: None,
        nonce: 1.into(),
        etype: [EncryptionType::AES256_CTS_HMAC_SHA1_96].into(),
        addresses: None,
        enc_authorization_data: None,
        additional_tickets: None,
    };
    kdc(&AsReq::new([PaData::new(PaDataType::PK_AS_REQ, padata.encode())], body).encode());
}
