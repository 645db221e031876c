//! Founds an authority in memory and writes what it issues as files, for other programs to judge.
//!
//! ```text
//! cargo run -p keyporch-authority --example issue -- DIR [rsa|ec]
//! ```
//!
//! DIR gets `root.pem`, `devices.pem`, `tls.pem` (the authorities) and their lists (`.crl.pem`), `kdc-*.pem`,
//! `federation.pem`, a device's `device.csr.pem` and `device.pem`, and `revoked.pem`, a device's certificate
//! that is on the list. No private key is written.

use std::error::Error;
use std::path::Path;

use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::testing::fresh;
use directory::{Change, Commit, Directory, EntryId, NewEntry, Reads, Table, change};
use keyporch_authority as authority;
use keyporch_authority::{Ca, Configuration, KeyName, Keys, Settings, TlsNames, TlsServer, View};
use trust::enrolment::{DeviceEnrolment, OUTCOMES, Outcome, PossessedKey, REQUESTS};
use trust::{Clock, Span, SystemClock, SystemRng, Timestamp};
use wire::Guid;
use wire::x509::device::{DeviceExtensions, JoinType};
use wire::x509::{Certificate, CertificationRequest, Name, assemble, csr, pem};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let to = arguments.next().ok_or("usage: issue DIR [rsa|ec]")?;
    let ec = arguments.next().as_deref() == Some("ec");
    let house = House::new(ec)?;
    house.write(Path::new(&to))
}

struct House {
    directory: std::sync::Arc<Directory>,
    configuration: Configuration,
    keys: Keys,
    now: Timestamp,
}

impl House {
    fn new(ec: bool) -> Result<Self, Box<dyn Error>> {
        let settings = Settings {
            root_key: if ec { KeyName::P256 } else { KeyName::Rsa2048 },
            tls_key: if ec { KeyName::P384 } else { KeyName::P256 },
            ..Settings::default()
        };
        let federation = TlsServer {
            name: "federation".to_owned(),
            names: TlsNames {
                hosts: vec!["sts.corp.example".to_owned()],
                addresses: vec!["127.0.0.1".parse()?, "::1".parse()?],
            },
        };
        let kdcs = vec!["dc1.corp.example".to_owned()];
        let configuration = Configuration::new(&settings, "corp.example", kdcs, vec![federation])?;
        let house = Self {
            directory: fresh(),
            configuration,
            keys: Keys::in_directory(),
            now: SystemClock.now(),
        };
        let commit = house.call(|view, now| authority::found(view, now, &mut SystemRng))?;
        house.settle(commit)?;
        Ok(house)
    }

    /// Calls the authority and commits what it wants.
    fn call(
        &self,
        call: impl Fn(&View<'_, '_>, Timestamp) -> Result<Vec<Change>, authority::Fault>,
    ) -> Result<Option<Commit>, Box<dyn Error>> {
        let snapshot = self.directory.snapshot()?;
        let view = View {
            snapshot: &snapshot,
            configuration: &self.configuration,
            keys: &self.keys,
        };
        let changes = call(&view, self.now)?;
        if changes.is_empty() {
            return Ok(None);
        }
        let reads = snapshot.into_reads();
        Ok(Some(self.directory.commit(&changes, &reads, self.now)?))
    }

    /// Lets the authority react to a commit, to its own reaction, and so on.
    fn settle(&self, mut commit: Option<Commit>) -> Result<(), Box<dyn Error>> {
        while let Some(last) = commit {
            commit = self.call(|view, now| authority::react(&last, view, now, &mut SystemRng))?;
        }
        Ok(())
    }

    fn commit(&self, changes: &[Change]) -> Result<(), Box<dyn Error>> {
        let commit = self.directory.commit(changes, &Reads::none(), self.now)?;
        self.settle(Some(commit))
    }

    /// Registers a device; gives its entry, its request and its certificate.
    fn device(&self, kind: KeyKind) -> Result<(EntryId, Vec<u8>, Certificate), Box<dyn Error>> {
        let rng = &mut SystemRng as &mut dyn trust::Rng;
        let (entry, device) = (EntryId::random(rng), Guid::from_random(rng.bytes()));
        let name = rng.bytes::<16>().to_vec();
        let key = PrivateKey::generate(kind);
        let subject = Name::common("7E980AD9-B86D-4306-9425-9AC066FB014A");
        let info = csr::encode_info(&subject, &key.public_key().to_spki_der());
        let algorithm = SignatureAlgorithm::default_for(key.public_key());
        let signature = key.sign(algorithm, &info)?;
        let request = assemble(&info, &algorithm.identifier_der(), &signature);
        let possessed = PossessedKey::of(&CertificationRequest::parse(&request)?)?;
        let extensions = DeviceExtensions {
            device: Some(device),
            join_type: Some(JoinType::Joined),
            region: Some("EU".to_owned()),
            ..DeviceExtensions::default()
        };
        let enrolment = DeviceEnrolment::new(entry.0, extensions, possessed);
        let container = self.directory.domain()?.devices;
        let put = change::put(
            Table::new(REQUESTS),
            name.clone(),
            enrolment.to_bytes(),
            self.now + Span::hours(1),
        );
        let new = NewEntry::device(entry, container, device, "LAPTOP-1");
        self.commit(&[new.into(), put])?;
        let snapshot = self.directory.snapshot()?;
        let outcome = snapshot.record(Table::new(OUTCOMES), &name, self.now)?;
        let outcome = outcome.and_then(|outcome| Outcome::from_bytes(outcome.value.bytes()));
        match outcome {
            Some(Outcome::Issued(certificate)) => Ok((entry, request, certificate)),
            Some(Outcome::Refused(reason)) => Err(reason.into()),
            None => Err("the authority did not answer".into()),
        }
    }

    fn write(&self, to: &Path) -> Result<(), Box<dyn Error>> {
        std::fs::create_dir_all(to)?;
        let write = |name: &str, label: &str, der: &[u8]| {
            std::fs::write(to.join(name), pem::encode(label, der))
        };
        let (_, request, certificate) = self.device(KeyKind::Rsa2048)?;
        write("device.csr.pem", pem::REQUEST, &request)?;
        write("device.pem", pem::CERTIFICATE, certificate.der())?;
        let (entry, _, certificate) = self.device(KeyKind::P256)?;
        write("revoked.pem", pem::CERTIFICATE, certificate.der())?;
        self.commit(&[Change::Delete { id: entry }])?;

        let snapshot = self.directory.snapshot()?;
        for ca in Ca::ALL {
            let root = authority::authority(&snapshot, ca, self.now)?.ok_or("no authority")?;
            write(&format!("{ca}.pem"), pem::CERTIFICATE, root.der())?;
            let list = authority::current_list(&snapshot, ca, self.now)?.ok_or("no list")?;
            write(&format!("{ca}.crl.pem"), pem::LIST, &list.list)?;
            authority::log::check(&snapshot, ca, self.now)??;
        }
        for kdc in authority::kdc_credentials(&snapshot, "dc1.corp.example", self.now)? {
            let kind = kdc.name.rsplit('/').next().unwrap_or_default();
            write(
                &format!("kdc-{kind}.pem"),
                pem::CERTIFICATE,
                kdc.certificate.der(),
            )?;
        }
        let tls = authority::tls_credential(&snapshot, "federation", self.now)?;
        let tls = tls.ok_or("no TLS certificate")?;
        write("federation.pem", pem::CERTIFICATE, tls.certificate.der())?;
        Ok(())
    }
}
