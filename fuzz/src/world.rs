//! A small organisation in memory for the parties that answer whole requests: people, a computer, a device, an
//! application, and what each of them could show. Built once; nothing that a request changes stays.

use std::sync::{Arc, LazyLock};

use base64ct::{Base64, Encoding};
use crypto::etype::{Etype, Key};
use crypto::key::{KeyKind, PrivateKey};
use crypto::password::Cost;
use crypto::signature::{SignatureAlgorithm, Signer};
use directory::lockout::Lockout;
use directory::password::{PasswordHistory, PasswordMaterial};
use directory::storage::{Memory, Storage};
use directory::testing::{START, Seeded};
use directory::{
    Attribute, Change, CommitError, DeviceCertificate, Directory, EntryId, NewEntry, Options,
    Reads, RootKey, Secret, change, group,
};
use federation::{Application, Limits, Reply, Section, Settings, View};
use ticket::{Keys, pac};
use token::claims::AccessToken;
use token::client::{ADMINISTRATION, ADMINISTRATION_CLIENT, REGISTRATION_CLIENT};
use token::factor::SecondFactors;
use token::keys::SigningKeys;
use token::pages::reader::{self, Read};
use token::totp::TotpSecret;
use trust::limiter::Limit;
use trust::{Rng, Span};
use wire::Guid;
use wire::http::{Fields, Request, Response};
use wire::kerberos::{
    ApOptions, ApReq, Authenticator, EncTicketPart, EncryptedData, EncryptionKey, EncryptionType,
    KerberosTime, KeyUsage, Microseconds, PrincipalName, Realm, TicketFlags, TransitedEncoding,
};
use wire::pac::{BufferType, ClientInfo, PacBuilder, ValidationInfo};
use wire::spnego::{KERBEROS, KerberosToken, KerberosTokenId, NegTokenInit};
use wire::x509::{Name, TbsCertificate, assemble, csr};

use crate::overlay::{Below, Overlay, rows_of};
use crate::request::Word;

const BASE: &str = "https://sts.corp.example";
pub(crate) const DEVICE: Guid = Guid::from_bytes([0x1a; 16]);
pub(crate) const PASSWORD: &str = "correct horse battery";
const TOTP: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) static WORLD: LazyLock<World> = LazyLock::new(World::new);

pub(crate) struct World {
    /// What the store held when the world was made.
    pub(crate) rows: Below,
    pub(crate) directory: Arc<Directory>,
    pub(crate) settings: Settings,
    pub(crate) memory: federation::Memory,
    pub(crate) lockout: Lockout,
    pub(crate) signing: Arc<SigningKeys>,
    pub(crate) words: Vec<Word>,
}

/// The directory over a storage of ours, whose root key is that of `directory::testing`.
pub(crate) fn open(storage: Arc<dyn Storage>) -> Result<Directory, directory::Fault> {
    Directory::open(
        storage,
        RootKey::new([7; 32]),
        Options::default(),
        Box::new(Seeded::new(3)),
    )
}

impl World {
    fn new() -> Self {
        let storage = Arc::new(Memory::new());
        let directory = directory::testing::over(storage.clone());
        let application = Application {
            client_id: "app".into(),
            name: "Wiki".into(),
            redirect_uris: vec!["https://app.example/done".into()],
            post_logout_redirect_uris: vec!["https://app.example/bye".into()],
            resource: Some("urn:app".into()),
            second_factor: false,
            refresh_tokens: true,
        };
        let section = Section {
            base: BASE.into(),
            applications: vec![application],
            ..serde_json::from_str(r#"{"signing_algorithm":"ES256"}"#).expect("ES256 is one")
        };
        // The clock stands still, and nobody shall be asked to wait for it. Wrong passwords stay limited: a hash for
        // each of them is what takes time.
        let many = Limit {
            burst: u32::MAX,
            every: Span::micros(1),
        };
        let settings = Settings::of(&section, "corp.example")
            .expect("the section is possible")
            .with_limits(Limits {
                requests_from_address: many,
                ..Limits::default()
            });
        let mut rng = Seeded::new(7);
        let mut world = Self {
            memory: federation::Memory::new(&mut rng),
            lockout: Lockout::default(),
            signing: Arc::new(SigningKeys::first(KeyKind::P256, START)),
            rows: Below::default(),
            directory,
            settings,
            words: Vec::new(),
        };
        world.sign_tokens(&mut rng);
        world.people(&mut rng);
        world.device();
        world.tokens();
        world.browsers(&mut rng);
        world.tickets(&mut rng);
        world.rows = rows_of(storage.as_ref());
        world
    }

    pub(crate) fn view<'a, 'd>(&'a self, snapshot: &'a directory::Snapshot<'d>) -> View<'a, 'd> {
        View {
            snapshot,
            settings: &self.settings,
            memory: &self.memory,
            lockout: &self.lockout,
            password_cost: Cost::LEAST,
        }
    }

    /// Commits what was answered over the world, and where entries changed looks at every row afterwards. The directory
    /// with the changes.
    pub(crate) fn try_commit(
        &self,
        changes: &[Change],
        reads: &Reads,
    ) -> Result<Directory, CommitError> {
        let storage = Arc::new(Overlay::new(self.rows.clone()));
        let upper = open(storage).expect("the world's storage opens");
        upper.commit(changes, reads, START)?;
        let apart = |change: &Change| {
            matches!(
                change,
                Change::Put { .. }
                    | Change::Remove { .. }
                    | Change::Claim { .. }
                    | Change::Activity { .. }
                    | Change::Audit(_)
            )
        };
        if !changes.iter().all(apart) {
            let checked = upper.check().expect("a storage in memory does not fail");
            assert!(checked.problems.is_empty(), "{:?}", checked.problems);
        }
        Ok(upper)
    }

    fn commit(&self, changes: impl IntoIterator<Item = Change>) {
        let changes: Vec<Change> = changes.into_iter().collect();
        self.directory
            .commit(&changes, &Reads::none(), START)
            .expect("the world can be made");
    }

    fn account(&self, sam: &str) -> Arc<directory::Account> {
        let snapshot = self.directory.snapshot().expect("there is a domain");
        let found = snapshot.account_by_sam(sam).expect("memory does not fail");
        found.unwrap_or_else(|| panic!("{sam} was added"))
    }

    fn sign_tokens(&mut self, rng: &mut Seeded) {
        let snapshot = self.directory.snapshot().expect("there is a domain");
        let changes = federation::tick(&self.view(&snapshot), START, rng).expect("keys are made");
        drop(snapshot);
        self.commit(changes);
        let snapshot = self.directory.snapshot().expect("there is a domain");
        self.signing =
            federation::signing_keys(&snapshot, &self.memory, START).expect("there are keys");
    }

    fn people(&mut self, rng: &mut Seeded) {
        let domain = self.directory.domain().expect("there is a domain");
        let ids: Vec<EntryId> = ["alice", "bob", "admin", "keeper", "carol"]
            .into_iter()
            .map(|name| {
                let id = EntryId::random(rng);
                let material = PasswordMaterial::of_password(
                    PASSWORD,
                    "salt",
                    &PasswordHistory::empty(),
                    0,
                    Cost::LEAST,
                    rng,
                );
                let person = NewEntry::user(id, domain.users, name, name)
                    .with(Attribute::UserPrincipalName, format!("{name}@corp.example"))
                    .with(Attribute::DisplayName, "Alice <Example> & \"Co\"")
                    .with_password(material, name == "carol");
                self.commit([person.into()]);
                id
            })
            .collect();
        let factors = SecondFactors::with_totp(&TotpSecret::parse(TOTP).expect("it is base32"));
        let values = factors.write().into_iter().map(Secret::new).collect();
        let (staff, pc, service) = (
            EntryId::random(rng),
            EntryId::random(rng),
            EntryId::random(rng),
        );
        let members = {
            let snapshot = self.directory.snapshot().expect("there is a domain");
            let id = |name| {
                let group = snapshot.group_by_name(name).expect("memory does not fail");
                group.expect("bootstrap makes it").id
            };
            [
                (id("Domain Admins"), ids[2]),
                (id("Key Admins"), ids[3]),
                (staff, ids[0]),
            ]
        };
        let mut changes: Vec<Change> = vec![
            change::set_second_factors(ids[0], values),
            NewEntry::group(staff, domain.users, "staff", group::GLOBAL_SECURITY).into(),
            NewEntry::computer(pc, domain.computers, "PC-1")
                .with_password(PasswordMaterial::random(rng), false)
                .into(),
            NewEntry::service(service, domain.services, "web")
                .with(Attribute::ServicePrincipalName, "HTTP/web.corp.example")
                .with_password(PasswordMaterial::random(rng), false)
                .into(),
        ];
        changes.extend(
            members
                .into_iter()
                .map(|(group, member)| Change::AddMember { group, member }),
        );
        self.commit(changes);
        let object = policy::PolicyObject::new(Guid::from_bytes([0x2b; 16]), "Laptops");
        let snapshot = self.directory.snapshot().expect("there is a domain");
        let added = policy::stored::add(&snapshot, &object).expect("the object is in order");
        drop(snapshot);
        self.commit([added]);
        self.words.push(("password", PASSWORD.into()));
        let totp = TotpSecret::parse(TOTP).expect("it is base32").code(START);
        self.words.push(("totp", totp.into()));
    }

    fn device(&mut self) {
        let domain = self.directory.domain().expect("there is a domain");
        let key = PrivateKey::generate(KeyKind::P256);
        let certificate = certificate(&key);
        let entry = EntryId::random(&mut Seeded::new(9));
        let identity = DeviceCertificate {
            thumbprint: crypto::digest::sha1(&certificate),
            public_key_hash: registration::proven_device::public_key_hash(key.public_key()),
        };
        let link = directory::testing::key_credential(&mut Seeded::new(4), Some(DEVICE));
        let listed =
            directory::KeyCredential::new(link.clone(), directory::Origin::Registration, START);
        self.commit([NewEntry::device(entry, domain.devices, DEVICE, "LAPTOP-1").into()]);
        self.commit([
            change::set_device_certificate(entry, &identity),
            change::add_key_credential(
                self.account("alice").id,
                link.clone(),
                directory::Origin::Registration,
            ),
        ]);
        let fingerprint = listed.fingerprint.map(|print| print.to_string());
        let material = listed
            .public_key()
            .map(|key| Base64::encode_string(&key.to_key_material()));
        self.words.extend([
            ("device", Base64::encode_string(&certificate).into_bytes()),
            ("deviceid", DEVICE.to_string().into_bytes()),
            ("fingerprint", fingerprint.unwrap_or_default().into_bytes()),
            ("material", material.unwrap_or_default().into_bytes()),
            ("value", Base64::encode_string(&link).into_bytes()),
        ]);
        let fresh = directory::testing::key_credential(&mut Seeded::new(6), None);
        let fresh = directory::KeyCredential::new(fresh, directory::Origin::Registration, START);
        let transport = fresh.public_key().map(|key| key.to_key_material());
        self.words.push((
            "transport",
            Base64::encode_string(&transport.unwrap_or_default()).into_bytes(),
        ));
        // A stranger, too, has keys: these are no secrets of anybody here, but they are new with each run.
        let stranger = PrivateKey::generate(KeyKind::P256);
        let info = csr::encode_info(
            &Name::common("7E980AD9-B86D-4306-9425-9AC066FB014A"),
            &stranger.public_key().to_spki_der(),
        );
        let request = signed(&stranger, &info);
        self.words.extend([
            ("csr", Base64::encode_string(&request).into_bytes()),
            (
                "pem",
                stranger
                    .public_key()
                    .to_pem()
                    .replace('\n', "\\n")
                    .into_bytes(),
            ),
        ]);
    }

    fn tokens(&mut self) {
        let drs = self.settings.registration_resource().to_owned();
        for (word, sam, resource, client) in [
            ("access", "alice", drs.as_str(), REGISTRATION_CLIENT),
            ("nodevice", "bob", drs.as_str(), REGISTRATION_CLIENT),
            ("computer", "PC-1$", drs.as_str(), REGISTRATION_CLIENT),
            ("info", "alice", "urn:microsoft:userinfo", "app"),
            ("admin", "admin", ADMINISTRATION, ADMINISTRATION_CLIENT),
            ("keeper", "keeper", ADMINISTRATION, ADMINISTRATION_CLIENT),
            ("alice", "alice", ADMINISTRATION, ADMINISTRATION_CLIENT),
        ] {
            let account = self.account(sam);
            let computer = sam.ends_with('$');
            let now = START.unix();
            let amr: &[&str] = match computer {
                true => &["wia"],
                false => &["pwd", "otp", "mfa", "ngcmfa"],
            };
            let claims = AccessToken {
                iss: self.settings.issuer().to_owned(),
                aud: resource.to_owned(),
                iat: now,
                nbf: now,
                exp: now + 900,
                jti: Guid::from_bytes([3; 16]),
                sub: account.id.0.to_string(),
                oid: account.id.0,
                ver: "1.0".into(),
                appid: client.into(),
                apptype: "Public".into(),
                scp: "openid profile email".into(),
                auth_time: now,
                amr: amr.iter().map(|&method| method.to_owned()).collect(),
                acr: String::new(),
                second_factor_instant: (!computer).then(|| START.whole_seconds().to_rfc3339()),
                upn: account.upn.clone(),
                unique_name: account.sam.clone(),
                primarysid: account.sid,
                deviceid: (word == "access").then_some(DEVICE),
                permit_device_registration: computer.then(|| "true".into()),
                account_type: computer.then(|| "DJ".into()),
                onprem_object_guid: computer
                    .then(|| Base64::encode_string(&account.id.0.to_windows_bytes())),
                tid: None,
                appidacr: None,
                name: None,
                ipaddr: None,
            };
            let token = self.signing.access_token(&claims, START);
            self.words
                .push((word, token.expect("the key signs").into_bytes()));
        }
    }

    /// Asks as a browser would, and commits what comes of it.
    fn ask(&self, request: &Request, rng: &mut Seeded) -> Response {
        let mut request = request.clone();
        request.secure = true;
        request.host = "sts.corp.example".into();
        let snapshot = self.directory.snapshot().expect("there is a domain");
        let answer = federation::answer(&request, &self.view(&snapshot), START, rng);
        let committed = self
            .directory
            .commit(&answer.changes, &snapshot.into_reads(), START);
        committed.expect("what was answered can be committed");
        match answer.reply {
            Reply::Now(response) => response,
            Reply::When { .. } => panic!("nobody is waited for"),
        }
    }

    /// Sign-ins on their way and done: their cookies, forms, codes and tokens.
    fn browsers(&mut self, rng: &mut Seeded) {
        let app = [
            ("client_id", "app"),
            ("redirect_uri", "https://app.example/done"),
            ("response_type", "code"),
            ("resource", "urn:app"),
            ("scope", "openid offline_access"),
            ("state", "s7"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let authorize = |pairs: &[(&str, &str)]| {
            Request::get(&format!(
                "/adfs/oauth2/authorize?{}",
                wire::http::write_query(pairs.iter().copied())
            ))
        };
        let opened = self.ask(&authorize(&app), rng);
        let (browser, page) = (cookies(&opened), page(&opened));
        let done = self.ask(&filled(&page, "bob", &browser), rng);
        let session = cookies(&done);
        let again = self.ask(&authorize(&app).with_header("Cookie", &session), rng);
        let redeem = Request::post_form(
            "/adfs/oauth2/token",
            [
                ("grant_type", "authorization_code"),
                ("client_id", "app"),
                ("code", &code(&again)),
                ("redirect_uri", "https://app.example/done"),
                ("code_verifier", VERIFIER),
            ],
        );
        let tokens: serde_json::Value =
            self.ask(&redeem, rng).json_body().expect("tokens are JSON");
        let token = |name: &str| {
            tokens[name]
                .as_str()
                .unwrap_or_default()
                .as_bytes()
                .to_vec()
        };
        let form = |page: &Read| page.forms.first().cloned().unwrap_or_default();
        let hidden = |page: &Read| {
            let pairs = form(page).hidden;
            wire::http::write_query(pairs.iter().map(|(name, value)| (name, value)))
        };
        self.words.extend([
            ("browser", browser.into_bytes()),
            ("action", form(&page).action.into_bytes()),
            ("form", hidden(&page).into_bytes()),
            ("session", session.into_bytes()),
            ("code", code(&done).into_bytes()),
            ("refresh", token("refresh_token")),
            ("idtoken", token("id_token")),
        ]);

        // Alice has two factors: her second is still asked for.
        let drs = self.settings.registration_resource().to_owned();
        let registration = [
            ("client_id", REGISTRATION_CLIENT),
            ("redirect_uri", "http://127.0.0.1/keyporch"),
            ("response_type", "code"),
            ("resource", &drs),
            ("scope", "openid"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("amr_values", "ngcmfa"),
        ];
        let opened = self.ask(&authorize(&registration), rng);
        let browser = cookies(&opened);
        let second = self.ask(&filled(&self::page(&opened), "alice", &browser), rng);
        let second = self::page(&second);
        self.words.extend([
            ("browser2", browser.into_bytes()),
            ("action2", form(&second).action.into_bytes()),
            ("form2", hidden(&second).into_bytes()),
            ("verifier", VERIFIER.into()),
        ]);

        // Carol must choose another password, and anybody may on the page for it.
        let opened = self.ask(&authorize(&app), rng);
        let browser = cookies(&opened);
        let third = self.ask(&filled(&self::page(&opened), "carol", &browser), rng);
        let third = self::page(&third);
        let portal = self.ask(&Request::get("/adfs/portal/updatepassword"), rng);
        self.words.extend([
            ("browser3", browser.into_bytes()),
            ("action3", form(&third).action.into_bytes()),
            ("form3", hidden(&third).into_bytes()),
            ("browser4", cookies(&portal).into_bytes()),
            ("form4", hidden(&self::page(&portal)).into_bytes()),
        ]);
    }

    /// Kerberos tickets of a person and a computer for the federation service.
    fn tickets(&mut self, rng: &mut Seeded) {
        for (word, sam) in [("ticket", "bob"), ("machine", "PC-1$")] {
            let header = self.ticket(sam, rng).expect("a ticket can be made");
            self.words.push((word, header.into_bytes()));
        }
    }

    fn ticket(&self, sam: &str, rng: &mut dyn Rng) -> Option<String> {
        let account = self.account(sam);
        let snapshot = self.directory.snapshot().ok()?;
        let service = snapshot.account_by_spn("HTTP/sts.corp.example").ok()??;
        let krbtgt = snapshot.krbtgt().ok()?;
        let server = service.keys.newest().next()?;
        let session = Key::random_to_key(Etype::Aes256CtsHmacSha1_96, &rng.bytes::<32>());
        let number = EncryptionType(session.etype().number());
        let (now, realm) = (
            KerberosTime::from_unix(START.unix()),
            Realm::from("CORP.EXAMPLE"),
        );
        let name = PrincipalName::principal(&account.sam);
        let mut part = EncTicketPart {
            flags: TicketFlags::default(),
            key: EncryptionKey {
                keytype: number,
                keyvalue: session.bytes().to_vec(),
            },
            crealm: realm.clone(),
            cname: name.clone(),
            transited: TransitedEncoding::NONE,
            authtime: now,
            starttime: None,
            endtime: KerberosTime::from_unix(START.unix() + 36_000),
            renew_till: None,
            caddr: None,
            authorization_data: None,
        };
        let info = ValidationInfo::new(&account.sam, snapshot.domain().sid, account.sid.rid(), 513);
        let client = ClientInfo {
            authentication_time: START.filetime(),
            name: account.sam.clone(),
        };
        let content = PacBuilder::new()
            .buffer(BufferType::LOGON_INFO, info.to_bytes().ok()?)
            .buffer(BufferType::CLIENT_INFO, client.to_bytes().ok()?);
        let kdc = krbtgt.keys.newest().next()?;
        pac::attach(&mut part, content, vec![], pac::For::Service, server, kdc).ok()?;
        let sname = PrincipalName::service("HTTP", "sts.corp.example");
        let ticket = ticket::seal(&part, realm.clone(), sname, server, &[1; 16]);
        let authenticator = Authenticator::new(realm, name, now, Microseconds::default());
        let sealed = EncryptedData {
            etype: number,
            kvno: None,
            cipher: session.encrypt(
                KeyUsage::AP_REQ_AUTHENTICATOR,
                &rng.bytes(),
                &authenticator.encode(),
            ),
        };
        let token = KerberosToken {
            id: KerberosTokenId::ApReq,
            message: &ApReq::new(ApOptions::default(), ticket, sealed).encode(),
        }
        .encode();
        let offer = NegTokenInit::new(vec![KERBEROS], Some(token)).encode();
        Some(Base64::encode_string(&offer))
    }
}

fn signed(key: &PrivateKey, to_be_signed: &[u8]) -> Vec<u8> {
    let algorithm = SignatureAlgorithm::default_for(key.public_key());
    let signature = key.sign(algorithm, to_be_signed).expect("the key signs");
    assemble(to_be_signed, &algorithm.identifier_der(), &signature)
}

/// A certificate that a key signed itself.
pub(crate) fn certificate(key: &PrivateKey) -> Vec<u8> {
    let tbs = TbsCertificate {
        serial: &[7],
        signature_algorithm: &SignatureAlgorithm::default_for(key.public_key()).identifier_der(),
        issuer: &Name::common("MS-Organization-Access"),
        not_before: START.unix() - 60,
        not_after: START.unix() + 86_400,
        subject: &Name::common(&DEVICE.to_string()),
        spki: &key.public_key().to_spki_der(),
        extensions: &[],
    };
    signed(key, &tbs.encode())
}

/// What the response sets, as the next request sends it.
fn cookies(response: &Response) -> String {
    let set = response.headers.get_all("Set-Cookie");
    let pairs: Vec<&str> = set.filter_map(|cookie| cookie.split(';').next()).collect();
    pairs.join("; ")
}

fn page(response: &Response) -> Read {
    reader::read(&String::from_utf8_lossy(&response.body))
}

/// The page's form for name and password, filled in.
fn filled(page: &Read, name: &str, cookies: &str) -> Request {
    let form = page.form("password").expect("a password is asked for");
    let hidden = form
        .hidden
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let fields = hidden.chain([("UserName", name), ("Password", PASSWORD)]);
    Request::post_form(&form.action, fields.collect::<Vec<_>>())
        .with_header("Origin", BASE)
        .with_header("Cookie", cookies)
}

fn code(response: &Response) -> String {
    let location = response.headers.get("Location").unwrap_or_default();
    let (_, query) = location.split_once('?').unwrap_or_default();
    let fields = Fields::parse(query.as_bytes()).expect("what we write can be read");
    fields.get("code").expect("there is a code")
}
