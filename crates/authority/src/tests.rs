//! The authority over a directory in memory, with a clock that is moved.

mod books;
mod issuance;
mod logon;
mod renewal;
mod revocation;

use std::collections::VecDeque;
use std::sync::Arc;

use crypto::key::{KeyKind, PrivateKey, PublicKey};
use crypto::signature::{SignatureAlgorithm, Signer, Verifier};
use directory::storage::{Memory, Storage};
use directory::testing::{START, Seeded, over};
use directory::{Change, Commit, Directory, EntryId, NewEntry, Reads, Snapshot, change};
use trust::enrolment::{DeviceEnrolment, Outcome, PossessedKey};
use trust::{Span, Timestamp};
use wire::Guid;
use wire::x509::device::{DeviceExtensions, JoinType};
use wire::x509::{Certificate, CertificateList, CertificationRequest, Name, assemble, csr};

use crate::log::{Event, LogEntry};
use crate::*;

/// P-256 everywhere, so that tests do not wait for primes.
fn quick() -> Settings {
    Settings {
        root_key: KeyName::P256,
        kdc_keys: vec![KeyName::P256],
        ..Settings::default()
    }
}

fn sts() -> TlsServer {
    TlsServer {
        name: "federation".to_owned(),
        names: TlsNames {
            hosts: vec!["sts.corp.example".to_owned()],
            addresses: vec!["127.0.0.1".parse().unwrap()],
        },
    }
}

fn configured(settings: &Settings) -> Configuration {
    let kdcs = vec!["dc1.corp.example".to_owned()];
    Configuration::new(settings, "corp.example", kdcs, vec![sts()]).unwrap()
}

/// An authority that runs as a server would run it.
struct House {
    storage: Arc<Memory>,
    directory: Arc<Directory>,
    configuration: Configuration,
    keys: Keys,
    now: Timestamp,
    rng: Seeded,
    /// Commits that nobody has reacted to.
    unseen: VecDeque<Commit>,
}

impl House {
    fn empty() -> Self {
        let storage = Arc::new(Memory::new());
        Self {
            directory: over(storage.clone()),
            storage,
            configuration: configured(&quick()),
            keys: Keys::in_directory(),
            now: START,
            rng: Seeded::new(42),
            unseen: VecDeque::new(),
        }
    }

    /// Over the store of a tenant, which has no KDCs.
    fn of_a_tenant() -> Self {
        let storage = Arc::new(Memory::new());
        let mut rng = Seeded::new(42);
        let directory = Arc::new(directory::testing::open(storage.clone()));
        let names = directory::tenant::TenantNames {
            domain: "corp.example".to_owned(),
            display_name: "Example".to_owned(),
        };
        directory::tenant::found(&directory, &names, START, &mut rng).unwrap();
        let configuration =
            Configuration::new(&quick(), "corp.example", Vec::new(), vec![sts()]).unwrap();
        Self {
            storage,
            directory,
            configuration,
            rng,
            ..Self::empty()
        }
    }

    /// With its authorities, its servers' certificates and its lists.
    fn founded() -> Self {
        let mut house = Self::empty();
        house.found();
        house.settle();
        house
    }

    fn snapshot(&self) -> Snapshot<'_> {
        self.directory.snapshot().unwrap()
    }

    /// Calls the authority and commits what it wants; whether it wanted anything.
    fn call(
        &mut self,
        call: impl FnOnce(&View<'_, '_>, Timestamp, &mut Seeded) -> Vec<Change>,
    ) -> bool {
        let snapshot = self.directory.snapshot().unwrap();
        let view = View {
            snapshot: &snapshot,
            configuration: &self.configuration,
            keys: &self.keys,
        };
        let changes = call(&view, self.now, &mut self.rng);
        let reads = snapshot.into_reads();
        if changes.is_empty() {
            return false;
        }
        let commit = self.directory.commit(&changes, &reads, self.now).unwrap();
        self.unseen.push_back(commit);
        true
    }

    fn found(&mut self) -> bool {
        self.call(|view, now, rng| found(view, now, rng).unwrap())
    }

    fn tick(&mut self) -> bool {
        self.call(|view, now, rng| tick(view, now, rng).unwrap())
    }

    /// Reacts to the oldest commit that nobody has reacted to; `false` when there is none.
    fn react(&mut self) -> bool {
        let Some(commit) = self.unseen.pop_front() else {
            return false;
        };
        self.call(|view, now, rng| react(&commit, view, now, rng).unwrap());
        true
    }

    /// Reacts until nothing is left to react to.
    fn settle(&mut self) {
        for _ in 0..200 {
            if !self.react() {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// A commit of somebody else's.
    fn commit(&mut self, changes: Vec<Change>) {
        let commit = self.directory.commit(&changes, &Reads::none(), self.now);
        self.unseen.push_back(commit.unwrap());
    }

    fn log(&self, ca: Ca) -> Vec<LogEntry> {
        log::entries(&self.snapshot(), ca, 1, 10_000, self.now).unwrap()
    }

    fn root(&self, ca: Ca) -> Certificate {
        authority(&self.snapshot(), ca, self.now)
            .unwrap()
            .expect("it is founded")
    }

    fn list(&self, ca: Ca) -> CertificateList {
        let current = current_list(&self.snapshot(), ca, self.now).unwrap();
        CertificateList::parse(&current.expect("a list").list).unwrap()
    }

    fn kdc(&self) -> Credential {
        let host = "dc1.corp.example";
        let mut all = kdc_credentials(&self.snapshot(), host, self.now).unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn tls(&self) -> Credential {
        let found = tls_credential(&self.snapshot(), "federation", self.now).unwrap();
        found.expect("a certificate")
    }

    /// A registered device.
    fn device(&mut self) -> (EntryId, Guid) {
        let id = EntryId::random(&mut self.rng);
        let device = Guid::from_random(trust::Rng::array(&mut self.rng));
        let container = self.snapshot().domain().devices;
        let entry = NewEntry::device(id, container, device, "LAPTOP-1");
        self.commit(vec![entry.into()]);
        (id, device)
    }

    /// Asks for the certificate of a device, as a registration does.
    fn ask(&mut self, (id, device): (EntryId, Guid), key: &PrivateKey) -> Vec<u8> {
        let request = trust::Rng::array::<16>(&mut self.rng).to_vec();
        let enrolment = DeviceEnrolment::new(id.0, says(device), possessed(key));
        let put = change::put(
            records::REQUESTS,
            request.clone(),
            enrolment.to_bytes(),
            self.now + Span::hours(1),
        );
        self.commit(vec![put]);
        request
    }

    fn outcome(&self, request: &[u8]) -> Option<Outcome> {
        let record = self.snapshot().record(records::OUTCOMES, request, self.now);
        let record = record.unwrap()?;
        Some(Outcome::from_bytes(record.value.bytes()).expect("an outcome"))
    }

    /// A device with its certificate.
    fn enrolled(&mut self) -> (EntryId, Certificate) {
        let device = self.device();
        let request = self.ask(device, &PrivateKey::generate(KeyKind::P256));
        self.settle();
        match self.outcome(&request) {
            Some(Outcome::Issued(certificate)) => (device.0, certificate),
            other => panic!("{other:?}"),
        }
    }

    fn refused(&mut self, request: &[u8]) -> String {
        self.settle();
        match self.outcome(request) {
            Some(Outcome::Refused(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    /// The newest audit records of an action, newest first.
    fn audit(&self, action: &str) -> Vec<directory::AuditRecord> {
        let until = self.now + Span::seconds(1);
        let all = self.snapshot().audit_log(START, until, 10_000).unwrap();
        all.into_iter()
            .filter(|record| record.action == action)
            .collect()
    }

    fn books(&self) -> Books {
        let read = self.storage.snapshot().unwrap();
        books(read.as_ref()).unwrap()
    }

    #[track_caller]
    fn assert_whole_logs(&self) {
        for ca in Ca::ALL {
            let checked = log::check(&self.snapshot(), ca, self.now).unwrap();
            assert!(checked.is_ok(), "{checked:?}");
        }
        assert_eq!(self.books().problems, [""; 0]);
    }
}

fn says(device: Guid) -> DeviceExtensions {
    DeviceExtensions {
        device: Some(device),
        instance: Some("11111111-2222-3333-4444-555555555555".parse().unwrap()),
        join_type: Some(JoinType::Joined),
        ..DeviceExtensions::default()
    }
}

/// Goes the way of a real request: signed, encoded, decoded, checked.
fn possessed(key: &PrivateKey) -> PossessedKey {
    let info = csr::encode_info(&Name::common("x"), &key.public_key().to_spki_der());
    let algorithm = SignatureAlgorithm::default_for(key.public_key());
    let signature = key.sign(algorithm, &info).unwrap();
    let der = assemble(&info, &algorithm.identifier_der(), &signature);
    PossessedKey::of(&CertificationRequest::parse(&der).unwrap()).unwrap()
}

#[track_caller]
fn assert_issued_by(certificate: &Certificate, issuer: &Certificate) {
    assert_eq!(certificate.issuer(), issuer.subject());
    assert_signed(
        (
            certificate.tbs(),
            certificate.signature_algorithm(),
            certificate.signature(),
        ),
        issuer,
    );
}

#[track_caller]
fn assert_signed((message, algorithm, signature): (&[u8], &[u8], &[u8]), issuer: &Certificate) {
    let key = PublicKey::from_spki_der(issuer.spki()).unwrap();
    let algorithm = SignatureAlgorithm::from_identifier_der(algorithm).unwrap();
    assert_eq!(
        Verifier::new(key).verify(algorithm, message, signature),
        Ok(())
    );
}

fn events(log: &[LogEntry]) -> Vec<Event> {
    log.iter().map(|entry| entry.event).collect()
}
