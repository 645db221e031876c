//! A domain with a person, her laptop and a KDC, and a client to ask it.

use std::sync::Arc;

use crypto::etype::{Etype, Key};
use crypto::key::{KeyKind, PrivateKey};
use crypto::password::Cost;
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::lockout::Lockout;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::testing::{START, Seeded, fresh};
use directory::{
    Account, Attribute, Change, Directory, EntryId, NewEntry, Origin, account, change,
};
use kdc::{Answer, Exchange, Identity, Memory, Realm, Refused, Transport, View};
use ticket::client::{Credential, Failed, Granting, Handled, Initial, KdcTrust, Secret, Wish};
use trust::path::Anchor;
use trust::{Rng, Span, Timestamp};
use wire::Guid;
use wire::kerberos::{ErrorCode, KrbError, MessageType, PrincipalName};
use wire::key_credential::{CustomKeyInformation, KeySource, KeyTime, KeyUsage, NewKeyCredential};
use wire::x509::{
    BasicConstraints, Certificate, Extension, GeneralName, KerberosName, Name, TbsCertificate, oid,
};

pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) struct World {
    pub(crate) directory: Arc<Directory>,
    pub(crate) realm: Realm,
    pub(crate) identities: Vec<Identity>,
    pub(crate) issuers: Vec<Anchor>,
    pub(crate) lockout: Lockout,
    pub(crate) memory: Memory,
    pub(crate) now: Timestamp,
    pub(crate) rng: Seeded,
    pub(crate) trust: KdcTrust,
    /// Where requests come from.
    pub(crate) from: Option<std::net::IpAddr>,
    pub(crate) alice: EntryId,
    pub(crate) bob: EntryId,
    pub(crate) laptop: EntryId,
    /// The authority above the KDC's certificate.
    pub(crate) root: Pair,
    /// What the KDC last said to itself about a refusal.
    pub(crate) refused: Option<Refused>,
    /// What it last told the audit log.
    pub(crate) exchange: Option<Exchange>,
}

/// A key pair with a certificate that it signed itself.
pub(crate) struct Pair {
    pub(crate) key: PrivateKey,
    pub(crate) certificate: Vec<u8>,
}

pub(crate) fn pair(kind: KeyKind) -> Pair {
    pair_with(kind, &[])
}

pub(crate) fn pair_with(kind: KeyKind, extensions: &[Extension]) -> Pair {
    let key = PrivateKey::generate(kind);
    let name = "S-1-5-21/user";
    let certificate = certificate(name, name, &key, &key, extensions);
    Pair { key, certificate }
}

/// A certificate for any key, signed by another.
pub(crate) fn certificate_of(spki: &[u8], signer: &PrivateKey) -> Vec<u8> {
    let name = Name::common("S-1-5-21/user");
    signed(&name, &name, spki, signer, &[])
}

pub(crate) fn certificate(
    subject: &str,
    issuer: &str,
    key: &PrivateKey,
    signer: &PrivateKey,
    extensions: &[Extension],
) -> Vec<u8> {
    let (subject, issuer) = (Name::common(subject), Name::common(issuer));
    let spki = key.public_key().to_spki_der();
    signed(&subject, &issuer, &spki, signer, extensions)
}

fn signed(
    subject: &Name,
    issuer: &Name,
    spki: &[u8],
    signer: &PrivateKey,
    extensions: &[Extension],
) -> Vec<u8> {
    let algorithm = SignatureAlgorithm::default_for(signer.public_key());
    let identifier = algorithm.identifier_der();
    let tbs = TbsCertificate {
        serial: &[7],
        signature_algorithm: &identifier,
        issuer,
        not_before: START.unix() - 86_400,
        not_after: START.unix() + 86_400 * 365,
        subject,
        spki,
        extensions,
    }
    .encode();
    let signature = signer.sign(algorithm, &tbs).unwrap();
    wire::x509::assemble(&tbs, &identifier, &signature)
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_kdc_key(KeyKind::P256)
    }

    pub(crate) fn with_kdc_key(kind: KeyKind) -> Self {
        let root = PrivateKey::generate(KeyKind::P256);
        let ca = [
            Extension::basic_constraints(BasicConstraints {
                ca: true,
                path_length: None,
            }),
            Extension::subject_key_identifier(b"the root's key"),
        ];
        let root_certificate = certificate("Root", "Root", &root, &root, &ca);
        let key = PrivateKey::generate(kind);
        let extensions = [
            Extension::extended_key_usage(&[oid::PKINIT_KDC], false),
            Extension::subject_alternative_name(
                &[GeneralName::Kerberos(KerberosName::kdc("CORP.EXAMPLE"))],
                false,
            ),
        ];
        let leaf = certificate("dc1", "Root", &key, &root, &extensions);
        let parse = |der: &[u8]| Certificate::parse(der).unwrap();
        let identity = Identity::new(
            parse(&leaf),
            vec![parse(&root_certificate)],
            Arc::new(key) as Arc<dyn Signer>,
        );
        let directory = fresh();
        let mut rng = Seeded::new(4711);
        let [alice, bob, laptop] = add_people(&directory, &mut rng);
        Self {
            directory,
            realm: Realm {
                // So that each cause is seen by a code of its own; what is said where names are hidden, as they are by
                // default, `hidden_names` judges.
                hide_unknown_names: false,
                ..Realm::new("CORP.EXAMPLE", "DC1")
            },
            identities: vec![identity.unwrap()],
            issuers: vec![Anchor::new(parse(&root_certificate))],
            lockout: Lockout::default(),
            memory: Memory::new(Span::minutes(5), &mut rng),
            now: START,
            rng,
            trust: KdcTrust {
                anchors: vec![root_certificate.clone()],
                domain: None,
                revocation_lists: Vec::new(),
            },
            from: None,
            alice,
            bob,
            laptop,
            root: Pair {
                key: root,
                certificate: root_certificate,
            },
            refused: None,
            exchange: None,
        }
    }

    pub(crate) fn advance(&mut self, span: Span) {
        self.now = self.now + span;
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let rng: &mut dyn Rng = &mut self.rng;
        rng.bytes()
    }

    pub(crate) fn commit(&self, changes: &[Change]) {
        let reads = directory::Reads::none();
        self.directory.commit(changes, &reads, self.now).unwrap();
    }

    /// Lists a key on an account, as its registration on `device` would.
    pub(crate) fn list(&self, holder: EntryId, key: &PrivateKey, device: Option<Guid>) {
        let now = KeyTime::from_filetime(self.now.filetime(), KeySource::Ad);
        let blob = NewKeyCredential {
            key_material: &key.public_key().to_spki_der(),
            key_usage: KeyUsage::Ngc,
            key_source: KeySource::Ad,
            device_id: device,
            custom_key_information: Some(CustomKeyInformation::new(0)),
            last_logon: Some(now),
            creation_time: Some(now),
        }
        .write()
        .unwrap();
        let blob = blob.as_bytes().to_vec();
        self.commit(&[change::add_key_credential(
            holder,
            blob,
            Origin::Registration,
        )]);
    }

    /// Lists a value of any bytes, or one that the rules for writers refuse.
    pub(crate) fn import(&self, holder: EntryId, blob: Vec<u8>) {
        self.commit(&[change::add_key_credential(holder, blob, Origin::Import)]);
    }

    /// Takes every key off an account's list.
    pub(crate) fn unlist(&self, holder: EntryId) {
        let listed = self.account(holder);
        let removals: Vec<Change> = listed
            .key_credentials
            .iter()
            .map(|listed| change::remove_key_credential(holder, listed.id))
            .collect();
        self.commit(&removals);
    }

    pub(crate) fn account(&self, id: EntryId) -> Arc<Account> {
        let snapshot = self.directory.snapshot().unwrap();
        snapshot.account_by_id(id).unwrap().unwrap()
    }

    /// An account's newest key of an etype.
    pub(crate) fn key_of(&self, id: EntryId, etype: Etype) -> Key {
        let account = self.account(id);
        let key = account.keys.current().unwrap().of(etype).unwrap();
        key.schedule().key().clone()
    }

    pub(crate) fn krbtgt(&self) -> Arc<Account> {
        self.account(self.directory.domain().unwrap().krbtgt)
    }

    /// The answer to a message that must be a ticket.
    pub(crate) fn given(&mut self, message: &[u8]) -> Result<Arc<[u8]>, String> {
        let answer = self.send(message, Transport::Stream);
        match answer.as_deref().and_then(MessageType::of) {
            Some(MessageType::AS_REP | MessageType::TGS_REP) => Ok(answer.unwrap()),
            _ => Err(format!("refused: {:?}", self.refused)),
        }
    }

    /// The answer to a message that must be a refusal with this code.
    pub(crate) fn refusal(&mut self, message: &[u8], code: i32) -> Result<KrbError, String> {
        let answer = self.send(message, Transport::Stream).ok_or("no answer")?;
        let error = KrbError::decode(&answer).map_err(|_| "it is given")?;
        match error.error_code.0 == code {
            true => Ok(error),
            false => Err(format!("{:?}: {:?}", error.error_code, self.refused)),
        }
    }

    pub(crate) fn device(&mut self, id: Guid) -> EntryId {
        let entry = EntryId::random(&mut self.rng);
        let parent = self.directory.domain().unwrap().devices;
        self.commit(&[Change::Add(Box::new(NewEntry::device(
            entry, parent, id, "LAPTOP-1",
        )))]);
        entry
    }

    /// One message in, one message out.
    pub(crate) fn send(&mut self, message: &[u8], transport: Transport) -> Option<Arc<[u8]>> {
        let answer = self.compute(message, transport);
        answer.remember(&self.memory, self.now);
        let Answer {
            reply, exchange, ..
        } = answer;
        self.refused = exchange.as_ref().and_then(|it| it.refused.clone());
        self.exchange = exchange;
        reply
    }

    /// An answer that is not sent.
    pub(crate) fn compute(&mut self, message: &[u8], transport: Transport) -> Answer {
        let view = View {
            directory: self.directory.snapshot().unwrap(),
            realm: &self.realm,
            identities: &self.identities,
            issuers: &self.issuers,
            lockout: &self.lockout,
            memory: &self.memory,
        };
        kdc::answer(
            message,
            self.from,
            transport,
            &view,
            self.now,
            &mut self.rng,
        )
    }

    pub(crate) fn sign_in(
        &mut self,
        name: PrincipalName,
        secret: Secret<'_>,
    ) -> Result<Credential, Failed> {
        self.ask(name, Wish::ticket_granting("CORP.EXAMPLE"), secret)
    }

    pub(crate) fn ask(
        &mut self,
        name: PrincipalName,
        wish: Wish,
        secret: Secret<'_>,
    ) -> Result<Credential, Failed> {
        let realm = self.realm.name.clone();
        let (mut exchange, mut message) =
            Initial::start(name, realm, wish, secret, self.now, &mut self.rng);
        loop {
            let answer = self.send(&message, Transport::Stream).unwrap();
            match exchange.handle(&answer, self.now, &mut self.rng)? {
                Handled::Send(next, again) => (exchange, message) = (*next, again),
                Handled::Done(credential) => return Ok(*credential),
            }
        }
    }

    pub(crate) fn password(&mut self, name: &str, password: &str) -> Result<Credential, Failed> {
        self.sign_in(PrincipalName::principal(name), Secret::Password(password))
    }

    pub(crate) fn with_pair(&mut self, name: &str, pair: &Pair) -> Result<Credential, Failed> {
        let trust = self.trust.clone();
        let secret = Secret::KeyPair {
            signer: &pair.key,
            certificate: &pair.certificate,
            trust: &trust,
        };
        self.sign_in(PrincipalName::principal(name), secret)
    }

    pub(crate) fn service(&mut self, tgt: &Credential, wish: &Wish) -> Result<Credential, Failed> {
        let (exchange, message) = Granting::start(tgt, wish, self.now, &mut self.rng);
        let answer = self.send(&message, Transport::Stream).unwrap();
        exchange.handle(&answer)
    }

    pub(crate) fn host(&mut self, tgt: &Credential) -> Result<Credential, Failed> {
        let host = PrincipalName::service("host", "laptop-1.corp.example");
        self.service(tgt, &Wish::service(host))
    }
}

pub(crate) fn refused(code: ErrorCode) -> Failed {
    Failed::Refused(code)
}

pub(crate) fn add_people(directory: &Directory, rng: &mut Seeded) -> [EntryId; 3] {
    let domain = directory.domain().unwrap();
    let (alice, bob, laptop) = (
        EntryId::random(rng),
        EntryId::random(rng),
        EntryId::random(rng),
    );
    let mut material = |sam: &str| {
        let salt = account::user_salt(&domain.realm, sam);
        let history = PasswordHistory::empty();
        PasswordMaterial::of_password(PASSWORD, &salt, &history, 0, Cost::LEAST, rng)
    };
    let mut people = Vec::new();
    for (id, sam) in [(alice, "alice"), (bob, "bob")] {
        let mut entry = NewEntry::user(id, domain.users, sam, sam)
            .with(Attribute::UserPrincipalName, format!("{sam}@corp.example"));
        entry.password = Some(Box::new(material(sam)));
        people.push(Change::Add(Box::new(entry)));
    }
    let mut computer = NewEntry::computer(laptop, domain.computers, "LAPTOP-1").with(
        Attribute::ServicePrincipalName,
        "host/laptop-1.corp.example",
    );
    computer.password = Some(Box::new(PasswordMaterial::random(rng)));
    people.push(Change::Add(Box::new(computer)));
    let reads = directory::Reads::none();
    directory.commit(&people, &reads, START).unwrap();
    [alice, bob, laptop]
}
