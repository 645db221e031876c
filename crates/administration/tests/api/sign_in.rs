//! What is made here serves at the KDC: a computer signs in by its password and by its key, a service opens tickets with
//! its keytab, and a revoked key opens nothing.

use std::sync::Arc;

use crypto::etype::{Etype, Key};
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::testing::START;
use serde_json::{Value, json};
use ticket::client::{Credential, Failed, Granting, Handled, Initial, KdcTrust, Secret, Wish};
use trust::path::Anchor;
use trust::{Span, SystemRng};
use wire::kerberos::{ErrorCode, KeyUsage, PrincipalName, Realm};
use wire::x509::{
    BasicConstraints, Certificate, Extension, GeneralName, KerberosName, Name, TbsCertificate, oid,
};

use crate::world::{World, empty, self_signed};

/// A KDC over the directory of a world.
struct Kdc {
    realm: kdc::Realm,
    identities: Vec<kdc::Identity>,
    issuers: Vec<Anchor>,
    memory: kdc::Memory,
    trust: KdcTrust,
}

fn signed(
    subject: &str,
    key: &PrivateKey,
    signer: &PrivateKey,
    extensions: &[Extension],
) -> Vec<u8> {
    let algorithm = SignatureAlgorithm::default_for(signer.public_key());
    let identifier = algorithm.identifier_der();
    let tbs = TbsCertificate {
        serial: &[7],
        signature_algorithm: &identifier,
        issuer: &Name::common("Root"),
        not_before: START.unix() - 86_400,
        not_after: START.unix() + 86_400 * 365,
        subject: &Name::common(subject),
        spki: &key.public_key().to_spki_der(),
        extensions,
    }
    .encode();
    let signature = signer.sign(algorithm, &tbs).unwrap();
    wire::x509::assemble(&tbs, &identifier, &signature)
}

impl Kdc {
    fn new() -> Self {
        let root = PrivateKey::generate(KeyKind::P256);
        let ca = [Extension::basic_constraints(BasicConstraints {
            ca: true,
            path_length: None,
        })];
        let root_certificate = signed("Root", &root, &root, &ca);
        let key = PrivateKey::generate(KeyKind::P256);
        let extensions = [
            Extension::extended_key_usage(&[oid::PKINIT_KDC], false),
            Extension::subject_alternative_name(
                &[GeneralName::Kerberos(KerberosName::kdc("CORP.EXAMPLE"))],
                false,
            ),
        ];
        let parse = |der: &[u8]| Certificate::parse(der).unwrap();
        let leaf = parse(&signed("dc1", &key, &root, &extensions));
        let issuers = vec![parse(&root_certificate)];
        let identity = kdc::Identity::new(leaf, issuers.clone(), Arc::new(key) as Arc<dyn Signer>);
        Self {
            realm: kdc::Realm::new("CORP.EXAMPLE", "DC1"),
            identities: vec![identity.unwrap()],
            issuers: issuers.into_iter().map(Anchor::new).collect(),
            memory: kdc::Memory::new(Span::minutes(5), &mut SystemRng),
            trust: KdcTrust {
                anchors: vec![root_certificate],
                domain: None,
                revocation_lists: Vec::new(),
            },
        }
    }

    fn send(&self, world: &World, message: &[u8]) -> Vec<u8> {
        let snapshot = world.directory.snapshot().unwrap();
        let view = kdc::View {
            directory: snapshot,
            realm: &self.realm,
            identities: &self.identities,
            issuers: &self.issuers,
            lockout: &world.lockout,
            memory: &self.memory,
        };
        let rng = &mut *world.rng.borrow_mut();
        let answer = kdc::answer(message, None, kdc::Transport::Stream, &view, world.now, rng);
        answer.reply.unwrap().to_vec()
    }

    fn sign_in(&self, world: &World, name: &str, secret: Secret<'_>) -> Result<Credential, Failed> {
        let wish = Wish::ticket_granting("CORP.EXAMPLE");
        let realm = Realm::from("CORP.EXAMPLE");
        let name = PrincipalName::principal(name);
        let (mut exchange, mut message) = Initial::start(
            name,
            realm,
            wish,
            secret,
            world.now,
            &mut *world.rng.borrow_mut(),
        );
        loop {
            let reply = self.send(world, &message);
            match exchange.handle(&reply, world.now, &mut *world.rng.borrow_mut())? {
                Handled::Done(credential) => return Ok(*credential),
                Handled::Send(next, bytes) => (exchange, message) = (*next, bytes),
            }
        }
    }

    fn service(
        &self,
        world: &World,
        tgt: &Credential,
        service: &str,
        host: &str,
    ) -> Result<Credential, Failed> {
        let name = PrincipalName::service(service, host);
        let wish = Wish::service(name);
        let (exchange, message) =
            Granting::start(tgt, &wish, world.now, &mut *world.rng.borrow_mut());
        exchange.handle(&self.send(world, &message))
    }
}

#[test]
fn a_computer_signs_in_with_the_key_of_its_password_and_salt() {
    let world = World::new();
    let kdc = Kdc::new();
    let password = "q7X!zW2#rT9@kL4$mN6%";
    let body = json!({"name": "LAPTOP-1", "password": password});
    let joined = world.ask("alice", "POST /computers", body).ok();
    let name = joined["name"].as_str().unwrap();

    // As a client that asks the KDC for the salt.
    kdc.sign_in(&world, name, Secret::Password(password))
        .unwrap();
    // As a machine that makes its keytab of what the answer said.
    let salt = joined["salt"].as_str().unwrap();
    for etype in Etype::ALL {
        let key = Key::from_password(etype, password.as_bytes(), salt.as_bytes(), None).unwrap();
        kdc.sign_in(&world, name, Secret::Key(&key)).unwrap();
    }
    let wrong = kdc
        .sign_in(&world, name, Secret::Password("another"))
        .unwrap_err();
    assert!(
        matches!(wrong, Failed::Refused(ErrorCode::KDC_ERR_PREAUTH_FAILED)),
        "{wrong:?}"
    );
    // security.md row 2: without its $ there is no such account.
    assert!(
        kdc.sign_in(&world, "LAPTOP-1", Secret::Password(password))
            .is_err()
    );

    world
        .ask(
            "admin",
            "POST /computers/laptop-1/password",
            json!({"password": "z".repeat(40)}),
        )
        .ok();
    assert!(
        kdc.sign_in(&world, name, Secret::Password(password))
            .is_err()
    );
    kdc.sign_in(&world, name, Secret::Password(&"z".repeat(40)))
        .unwrap();
    world
        .ask("admin", "POST /computers/laptop-1/disable", empty())
        .ok();
    assert!(
        kdc.sign_in(&world, name, Secret::Password(&"z".repeat(40)))
            .is_err()
    );
}

#[test]
fn a_computer_signs_in_with_the_key_that_it_joined_with_until_that_is_revoked() {
    for kind in [KeyKind::P256, KeyKind::Rsa2048] {
        let world = World::new();
        let kdc = Kdc::new();
        let key = PrivateKey::generate(kind);
        let body = json!({"name": "LAPTOP-1", "public_key": key.public_key().to_pem()});
        let joined = world.ask("alice", "POST /computers", body).ok();
        let name = joined["name"].as_str().unwrap();
        let certificate = self_signed(&key, &[]);
        let secret = || Secret::KeyPair {
            signer: &key,
            certificate: &certificate,
            trust: &kdc.trust,
        };
        let tgt = kdc.sign_in(&world, name, secret()).unwrap();
        // The ticket that a join shows to the federation service (protocols B.8).
        kdc.service(&world, &tgt, "HTTP", "sts.corp.example")
            .unwrap();

        let fingerprint = key.public_key().fingerprint().to_string();
        let line = format!("DELETE /computers/laptop-1/keys/{}", &fingerprint[..16]);
        world.ask("admin", &line, Value::Null).ok();
        let refused = kdc.sign_in(&world, name, secret()).unwrap_err();
        assert!(
            matches!(
                refused,
                Failed::Refused(ErrorCode::KDC_ERR_CLIENT_NOT_TRUSTED)
            ),
            "{refused:?}"
        );
        let refused = kdc.service(&world, &tgt, "HTTP", "sts.corp.example");
        assert!(refused.is_err(), "tickets die with the key that got them");
    }
}

#[test]
fn a_key_that_was_added_by_hand_signs_a_person_in_until_the_command_has_returned() {
    let world = World::new();
    let kdc = Kdc::new();
    let key = PrivateKey::generate(KeyKind::Rsa2048);
    let certificate = self_signed(&key, &[]);
    let pem = wire::x509::pem::encode("CERTIFICATE", &certificate);
    world
        .ask("admin", "POST /users/alice/keys", json!({"key": pem}))
        .ok();
    let secret = || Secret::KeyPair {
        signer: &key,
        certificate: &certificate,
        trust: &kdc.trust,
    };
    let tgt = kdc.sign_in(&world, "alice", secret()).unwrap();
    kdc.service(&world, &tgt, "HTTP", "sts.corp.example")
        .unwrap();
    assert!(kdc.sign_in(&world, "bob", secret()).is_err());
    let fingerprint = key.public_key().fingerprint().to_string();
    world
        .ask(
            "alice",
            &format!("DELETE /own/keys/{fingerprint}"),
            Value::Null,
        )
        .ok();
    assert!(kdc.sign_in(&world, "alice", secret()).is_err());
    assert!(
        kdc.service(&world, &tgt, "HTTP", "sts.corp.example")
            .is_err()
    );
}

#[test]
fn a_service_s_keytab_opens_the_tickets_that_the_kdc_gives_to_it() {
    use base64ct::{Base64, Encoding};
    let world = World::new();
    let kdc = Kdc::new();
    world
        .ask(
            "admin",
            "POST /users/alice/password",
            json!({"password": "correct horse battery", "must_change": false}),
        )
        .ok();
    world
        .ask(
            "admin",
            "POST /services",
            json!({"service_principals": ["HTTP/web.corp.example"]}),
        )
        .ok();
    let tgt = kdc
        .sign_in(&world, "alice", Secret::Password("correct horse battery"))
        .unwrap();
    for rotate in [false, true] {
        let line = "POST /services/HTTP%2Fweb.corp.example/keytab";
        let answer = world.ask("admin", line, json!({"rotate": rotate})).ok();
        let bytes = Base64::decode_vec(answer["keytab"].as_str().unwrap()).unwrap();
        let table = wire::keytab::Keytab::parse(&bytes).unwrap();
        let credential = kdc
            .service(&world, &tgt, "HTTP", "web.corp.example")
            .unwrap();
        let sealed = &credential.ticket.enc_part;
        let kept = table.entries.iter().find(|entry| {
            entry.principal.name.to_string() == "HTTP/web.corp.example"
                && entry.key.keytype == sealed.etype
                && Some(entry.key_version) == sealed.kvno.map(u32::from)
        });
        let kept = kept.unwrap();
        let etype = Etype::from_number(kept.key.keytype.0).unwrap();
        let key = Key::new(etype, &kept.key.keyvalue).unwrap();
        key.decrypt(KeyUsage::TICKET, &sealed.cipher).unwrap();
    }
}
