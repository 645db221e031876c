//! The people, devices and the application of the benchmark's tenant.

use crypto::key::{KeyKind, PrivateKey, PublicKey};
use crypto::signature::Signer as _;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::tenant::{Application, ApplicationSecret, ClientKind, Signs};
use directory::{Attribute, Change, Directory, EntryId, NewEntry, Origin, change};
use registration::testing;
use token::secret::{Digest, Purpose};
use trust::{Rng, Span, Timestamp};
use wire::Guid;
use wire::key_credential::KeyUsage;
use wire::x509::device::{DeviceExtensions, JoinType};

/// The tenant's domain.
pub const DOMAIN: &str = "bench.test";
/// An application that gets tokens for itself, signed with ES256.
pub const APPLICATION: &str = "22222222-aaaa-4bbb-8ccc-000000000002";
/// What it proves itself with.
pub const SECRET: &str = "a-secret-of-an-application-that-was-drawn-here";
/// What it asks for.
pub const SCOPE: &str = "urn:bench:wiki/.default";

/// The changes that make the application.
///
/// # Panics
/// Never.
#[must_use]
pub fn application(now: Timestamp, rng: &mut dyn Rng) -> [Change; 2] {
    let application = Application {
        id: APPLICATION.parse().expect("a GUID"),
        name: "Wiki".into(),
        kind: ClientKind::Confidential,
        identifier_uri: Some("urn:bench:wiki".into()),
        signs: Some(Signs::Es256),
        secrets: vec![ApplicationSecret {
            id: Guid::from_random([3; 16]),
            digest: *Digest::of(Purpose::ClientSecret, SECRET.as_bytes()).as_bytes(),
            hint: "a-s".into(),
            name: String::new(),
            from: now,
            until: now + Span::days(365),
        }],
        ..Application::default()
    };
    directory::tenant::put_application(&application, rng)
}

/// A device with a person's Hello key in it.
pub struct Laptop {
    /// The person's name, which is followed by [`DOMAIN`] in full.
    pub owner: String,
    /// The device's key.
    pub device: PrivateKey,
    /// The person's key in it.
    pub hello: PrivateKey,
    /// What the session key is wrapped for.
    pub transport: PublicKey,
    /// The device's certificate, DER.
    pub certificate: Vec<u8>,
    entry: EntryId,
    person: EntryId,
    id: Guid,
}

impl Laptop {
    /// A device of `tenant` whose keys are of this kind. The transport key is RSA, as the protocol has it.
    #[must_use]
    pub fn new(
        owner: String,
        kind: KeyKind,
        transport: PublicKey,
        tenant: Guid,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Self {
        let device = PrivateKey::generate(kind);
        let id = EntryId::random(rng).0;
        let says = DeviceExtensions {
            device: Some(id),
            tenant: Some(tenant),
            join_type: Some(JoinType::Joined),
            ..DeviceExtensions::default()
        };
        Self {
            owner,
            entry: EntryId::random(rng),
            person: EntryId::random(rng),
            id,
            certificate: testing::certificate(device.public_key(), &says, now),
            device,
            hello: PrivateKey::generate(kind),
            transport,
        }
    }

    /// The person's name in full.
    #[must_use]
    pub fn upn(&self) -> String {
        format!("{}@{DOMAIN}", self.owner)
    }

    /// The changes that make person, device and keys.
    ///
    /// # Panics
    /// In a store without a tenant.
    #[must_use]
    pub fn changes(&self, directory: &Directory, now: Timestamp, rng: &mut dyn Rng) -> Vec<Change> {
        let domain = directory.domain().expect("there is a tenant");
        let history = PasswordHistory::empty();
        let cost = crypto::password::Cost::LEAST;
        let material = PasswordMaterial::hash_only("unused", &history, 0, cost, rng);
        let user = NewEntry::user(self.person, domain.users, &self.owner, &self.owner)
            .with(Attribute::UserPrincipalName, self.upn())
            .with_password(material, false);
        let name = format!("{}-laptop", self.owner);
        let key = self.device.public_key();
        let device = testing::device(
            self.entry,
            domain.devices,
            self.id,
            &name,
            &self.certificate,
            key,
        );
        let stk = testing::key_value(&self.transport, KeyUsage::Stk, self.id, now);
        vec![
            user.into(),
            device.into(),
            change::add_key_credential(self.entry, stk, Origin::Registration),
            self.listing(self.hello.public_key(), now),
        ]
    }

    /// The change that lists a Hello key on the person's account.
    #[must_use]
    pub fn listing(&self, key: &PublicKey, now: Timestamp) -> Change {
        let value = testing::key_value(key, KeyUsage::Ngc, self.id, now);
        change::add_key_credential(self.person, value, Origin::Registration)
    }
}

/// A public key as long as RSA's, of which nobody has the private half: making thousands of real ones takes an hour.
///
/// # Panics
/// Never.
#[must_use]
pub fn nobodys_rsa_key(rng: &mut dyn Rng) -> PublicKey {
    loop {
        let mut modulus: [u8; 256] = rng.bytes();
        modulus[0] |= 0x80;
        modulus[255] |= 1;
        let key = PublicKey::from_rsa(&modulus, &[1, 0, 1]).expect("2,048 bits");
        if key.check_strength().is_ok() {
            return key;
        }
    }
}
