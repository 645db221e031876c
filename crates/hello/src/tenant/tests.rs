//! Signing in to a tenant that looks at what it is asked, and answers as the protocol says.

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use crypto::jose::jwe::{self, Sealing};
use crypto::jose::{Algorithm, SymmetricKey, Unverified, VerifyingKey};
use crypto::kdf::{conversation_key, conversation_key_2};
use crypto::key::{KeyKind, PublicKey};
use crypto::password::Cost;
use provisioning::Secret;
use provisioning::doors::{Device as _, Registered};
use serde_json::{Value, json};
use trust::{Rng, Span};
use wire::Guid;

use super::*;
use crate::file::{MemoryFile, Slot};
use crate::registration::{FoundTenant, Service};
use crate::testing::{Dice, START, alice};

const TENANT: Guid = Guid::from_bytes([0x7e; 16]);
const DEVICE: Guid = Guid::from_bytes([0xd0; 16]);
const SESSION: [u8; 32] = [0x5e; 32];
const DAYS: i64 = 14;

/// A tenant with one device and one person.
struct Entra {
    device: PublicKey,
    transport: PublicKey,
    user: Option<PublicKey>,
    rng: Dice,
    nonces: Vec<String>,
    /// What it refuses with, or that nobody reaches it.
    trouble: Option<TenantFault>,
    /// Whom its tokens are for.
    names: String,
    /// Which tenant they say that they are of.
    says: Guid,
    /// For how many seconds they say that they are good.
    life: i64,
    given: u32,
    asked: Vec<Value>,
}

impl Entra {
    fn prt(&mut self, with_session_key: bool) -> Value {
        self.given += 1;
        let claims =
            json!({"upn": self.names, "tid": self.says.to_string(), "oid": "o", "name": "Alice"});
        let claims = Base64UrlUnpadded::encode_string(claims.to_string().as_bytes());
        let mut answer = json!({
            "token_type": "Bearer",
            "expires_in": "1209599",
            "refresh_token": format!("1.prt-{}", self.given),
            "refresh_token_expires_in": self.life,
            "id_token": format!("e30.{claims}.c2ln"),
        });
        if with_session_key {
            let key =
                jwe::to_rsa(&self.transport, &SESSION, &Rng::array(&mut self.rng), &[0]).unwrap();
            answer["session_key_jwe"] = key.into();
        }
        answer
    }

    fn is_fresh(&mut self, payload: &Value) {
        let nonce = payload["request_nonce"].as_str().unwrap().to_owned();
        let place = self.nonces.iter().position(|known| *known == nonce);
        self.nonces
            .remove(place.expect("each nonce is ours and taken once"));
    }

    /// By the device's own key.
    fn device_request(&mut self, token: &Unverified<'_>, text: &str) -> Value {
        let header = token.header();
        assert_eq!(header.certificates().unwrap(), [b"certificate".to_vec()]);
        assert_eq!(header.key_id().unwrap().len(), 64);
        let payload = verified(text, &self.device);
        self.is_fresh(&payload);
        payload
    }

    fn by_assertion(&mut self, payload: &Value) {
        let text = payload["assertion"].as_str().unwrap();
        let key = self.user.clone().expect("somebody has enrolled");
        let header = Unverified::parse(text).unwrap();
        let header = header.header();
        assert_eq!(header.text("use"), Some("ngc"));
        let blob = crate::device::key_blob(&key).unwrap();
        let kid = Base64::encode_string(&crypto::digest::sha256(&blob));
        assert_eq!(header.key_id(), Some(kid.as_str()));
        let assertion = verified(text, &key);
        assert_eq!(assertion["iss"], payload["username"]);
        assert_eq!(assertion["aud"], TENANT.to_string());
        self.is_fresh(&assertion);
    }
}

fn verified(text: &str, key: &PublicKey) -> Value {
    let key = VerifyingKey::new(key.clone(), Algorithm::default_for(key), None).unwrap();
    Unverified::parse(text)
        .unwrap()
        .verify(&key)
        .unwrap()
        .claims()
        .unwrap()
}

impl TokenEndpoint for Entra {
    fn nonce(&mut self) -> Result<String, TenantFault> {
        if let Some(TenantFault::Unreachable(why)) = &self.trouble {
            return Err(TenantFault::Unreachable(why.clone()));
        }
        let nonce = format!(
            "nonce-{}",
            Rng::array::<4>(&mut self.rng)
                .map(|byte| byte.to_string())
                .join("-")
        );
        self.nonces.push(nonce.clone());
        Ok(nonce)
    }

    fn ask(&mut self, form: &[(&str, &str)]) -> Result<Zeroizing<Vec<u8>>, TenantFault> {
        let request = form.iter().find(|(name, _)| *name == "request").unwrap().1;
        let token = Unverified::parse(request).unwrap();
        if let Some(trouble) = &self.trouble {
            return Err(trouble.clone());
        }
        let answer = if let Some(context) = token.header().text("ctx") {
            let context = Base64::decode_vec(context).unwrap();
            assert_eq!(token.header().member("kdf_ver"), Some(&json!(2)));
            let key = conversation_key_2(&SESSION, &context, &token.payload_unverified().unwrap());
            let payload: Value = token
                .verify_symmetric(&SymmetricKey::new(&key))
                .unwrap()
                .claims()
                .unwrap();
            self.is_fresh(&payload);
            assert_eq!(payload["iss"], "aad:brokerplugin");
            let answer = match payload.get("resource") {
                Some(resource) => {
                    json!({"access_token": format!("for {}", resource.as_str().unwrap()), "expires_in": "3599"})
                }
                None => self.prt(false),
            };
            self.asked.push(payload);
            let (context, vector) = (Rng::array::<24>(&mut self.rng), Rng::array(&mut self.rng));
            let key = conversation_key(&SESSION, &context);
            jwe::direct(
                &key,
                &context,
                Sealing::Cbc(vector),
                answer.to_string().as_bytes(),
            )
            .unwrap()
        } else {
            let payload = self.device_request(&token, request);
            if payload.get("assertion").is_some() {
                self.by_assertion(&payload);
            }
            self.asked.push(payload);
            self.prt(true).to_string()
        };
        Ok(Zeroizing::new(answer.into_bytes()))
    }
}

/// A laptop that is joined, and its tenant.
struct World {
    files: MemoryFile,
    hello: Hello,
    tenant: Entra,
    rng: Dice,
    story: Vec<&'static Event>,
    rules: PinPolicy,
}

fn joined() -> World {
    let (files, mut rng) = (MemoryFile::new(), Dice::new(7));
    let mut hello = Hello::open(Box::new(files.clone()), Cost::LEAST, &mut rng).unwrap();
    let vault = hello.vault_mut();
    let device = vault
        .create_device_key(DeviceKey::Device, KeyKind::Rsa2048, &mut rng)
        .unwrap();
    let transport = vault
        .create_device_key(DeviceKey::Transport, KeyKind::Rsa2048, &mut rng)
        .unwrap();
    let service = || Service {
        endpoint: "https://login.corp.example/EnrollmentServer".to_owned(),
        resource: "urn:ms-drs:login.corp.example".to_owned(),
        version: "1.0".to_owned(),
    };
    let found = FoundTenant {
        domain: "corp.example".to_owned(),
        name: "LAPTOP-1".to_owned(),
        device_id: DEVICE,
        tenant: Tenant {
            id: TENANT,
            name: "Corp".to_owned(),
            login: "https://login.corp.example".to_owned(),
            authorize: "https://login.corp.example/authorize".to_owned(),
            token: "https://login.corp.example/token".to_owned(),
            join: service(),
            keys: service(),
        },
        certificate: b"certificate".to_vec(),
    };
    hello
        .register(Registration::in_tenant(found, START), &mut rng)
        .unwrap();
    let tenant = Entra {
        device,
        transport,
        user: None,
        rng: Dice::new(8),
        nonces: Vec::new(),
        trouble: None,
        names: alice().upn,
        says: TENANT,
        life: DAYS * 86_400,
        given: 0,
        asked: Vec::new(),
    };
    World {
        files,
        hello,
        tenant,
        rng,
        story: Vec::new(),
        rules: PinPolicy::default(),
    }
}

fn enrolled() -> World {
    let mut world = joined();
    let mut chance = Dice::new(9);
    let mut device = world.hello.enrolling(KeyKind::Rsa2048, &mut chance);
    device
        .create_user_key(&alice(), &Secret::from("271828"), START)
        .unwrap();
    let registered = Registered {
        kid: Guid::from_bytes([1; 16]),
        upn: alice().upn,
        pctx: None,
    };
    device.keep(&alice(), &registered, START).unwrap();
    let container = world.hello.containers().of(&alice().upn).unwrap();
    world.tenant.user = Some(container.public_key().unwrap());
    world
}

fn unreachable() -> Option<TenantFault> {
    Some(TenantFault::Unreachable("no route".to_owned()))
}

fn refused(number: u32) -> Option<TenantFault> {
    let body = json!({"error": "invalid_grant", "error_description": format!("AADSTS{number}: no."), "error_codes": [number]});
    Some(TenantFault::of(400, body.to_string().as_bytes()))
}

impl World {
    fn sign_in(&mut self, pin: &str, now: Timestamp) -> Result<SignedIn, NotSignedIn> {
        let pin = Secret::from(pin);
        let attempt = Attempt {
            pin: &pin,
            challenge: None,
            session: "boot",
            now,
        };
        self.hello.sign_in_to_tenant(
            &alice().upn.to_uppercase(),
            &attempt,
            &self.rules,
            &mut self.tenant,
            &mut self.story,
            &mut self.rng,
        )
    }

    fn prt(&self, now: Timestamp) -> Option<Prt> {
        self.hello.prt(&alice().upn, now).unwrap()
    }
}

#[test]
fn a_pin_becomes_a_primary_refresh_token_step_by_step() {
    let mut world = enrolled();
    let signed_in = world.sign_in("271828", START).unwrap();
    assert!(matches!(&signed_in, SignedIn::Online(prt) if prt.token() == "1.prt-1"));
    let steps: Vec<_> = world.story.iter().map(|event| event.step).collect();
    assert_eq!(
        steps,
        [
            "AUTH-F1.A",
            "AUTH-F1.B",
            "AUTH-F1.C",
            "AUTH-F1.D",
            "AUTH-F1.E"
        ]
    );
    let prt = world.prt(START).unwrap();
    assert_eq!(prt.kind(), Kind::Hello);
    assert_eq!(prt.expires(), START + Span::days(DAYS));
    assert_eq!(*prt.session_key().unwrap(), SESSION);
    assert!(
        world.tenant.nonces.is_empty(),
        "two nonces, and both were signed"
    );
}

#[test]
fn nobody_is_signed_in_by_the_key_of_another_persons_container() {
    let mut world = enrolled();
    let bob = crate::testing::named("bob");
    let mut chance = Dice::new(10);
    let mut device = world.hello.enrolling(KeyKind::P256, &mut chance);
    device
        .create_user_key(&bob, &Secret::from("161803"), START)
        .unwrap();
    let registered = Registered {
        kid: Guid::from_bytes([2; 16]),
        upn: bob.upn.clone(),
        pctx: None,
    };
    device.keep(&bob, &registered, START).unwrap();
    let attempt = Attempt {
        pin: &Secret::from("161803"),
        challenge: None,
        session: "boot",
        now: START,
    };
    let unlocked = world
        .hello
        .unlock(&bob.upn, &attempt, &mut world.rng)
        .unwrap();
    // Offline, too: what is kept of alice's sign-in is not for who knows bob's PIN.
    world.sign_in("271828", START).unwrap();
    world.tenant.asked.clear();
    for trouble in [None, unreachable()] {
        world.tenant.trouble = trouble;
        let proved = world.hello.prove_to_tenant(
            &alice().upn,
            &unlocked,
            &mut world.tenant,
            START,
            &mut world.story,
            &mut world.rng,
        );
        assert!(matches!(
            proved,
            Err(NotSignedIn::Refused(Refused::Vault(VaultError::Damaged)))
        ));
        assert!(world.tenant.asked.is_empty());
    }
}

#[test]
fn with_a_wrong_pin_nobody_is_asked() {
    let mut world = enrolled();
    let error = world.sign_in("271829", START).unwrap_err();
    assert!(matches!(
        error,
        NotSignedIn::Refused(Refused::WrongPin { .. })
    ));
    assert!(world.tenant.asked.is_empty() && world.story.is_empty());
    world.tenant.trouble = unreachable();
    world.sign_in("271829", START).unwrap_err();
    assert!(world.story.is_empty());
}

#[test]
fn offline_the_pin_signs_in_within_the_cached_lifetime_and_not_after() {
    // AUTH-2: after a first success online.
    let mut world = enrolled();
    world.tenant.trouble = unreachable();
    let error = world.sign_in("271828", START).unwrap_err();
    assert_eq!(error.to_string(), "the tenant cannot be reached: no route");
    world.tenant.trouble = None;
    world.sign_in("271828", START).unwrap();
    world.tenant.trouble = unreachable();
    let last = START + Span::days(DAYS) - Span::seconds(1);
    for now in [START, START + Span::days(1), last] {
        let signed_in = world.sign_in("271828", now).unwrap();
        assert!(matches!(signed_in, SignedIn::Offline { .. }));
    }
    for now in [last + Span::seconds(1), START - Span::days(1)] {
        assert!(
            world.sign_in("271828", now).is_err(),
            "{}",
            now.to_rfc3339()
        );
    }
}

#[test]
fn a_clock_that_is_set_back_revives_no_token_that_was_over() {
    let mut world = enrolled();
    world.sign_in("271828", START).unwrap();
    world.tenant.trouble = unreachable();
    let offline = |world: &mut World, now| world.sign_in("271828", now).is_ok();
    let day = |number: i64| START + Span::days(number);
    assert!(offline(&mut world, day(3)));
    // Not before the last time that it was used, but for what clocks are off.
    assert!(!offline(&mut world, day(2)));
    assert!(offline(&mut world, day(3) - Span::minutes(5)));
    assert!(!offline(&mut world, day(DAYS)));
    assert!(!offline(&mut world, day(4)), "it was over before");
    // The tenant knows the time, and whoever reaches it begins anew.
    world.tenant.trouble = None;
    assert!(offline(&mut world, day(1)));
    world.tenant.trouble = unreachable();
    assert!(offline(&mut world, day(2)));
}

#[test]
fn what_a_password_got_signs_nobody_in_by_pin_offline() {
    // PRT-5.
    let mut world = enrolled();
    world
        .hello
        .sign_in_with_refresh_token("1.rt", None, &mut world.tenant, START, &mut world.rng)
        .unwrap();
    assert_eq!(world.tenant.asked[0]["refresh_token"], "1.rt");
    assert_eq!(world.prt(START).unwrap().kind(), Kind::SignIn);
    world.tenant.trouble = unreachable();
    assert!(world.sign_in("271828", START).is_err());
}

#[test]
fn what_the_tenant_refused_for_good_is_forgotten_and_signs_nobody_in_offline() {
    for number in [50155, 135_011, 135_010, 50057, 50173] {
        let mut world = enrolled();
        world.sign_in("271828", START).unwrap();
        world.tenant.trouble = refused(number);
        let error = world.sign_in("271828", START).unwrap_err();
        assert!(error.to_string().contains(&number.to_string()), "{error}");
        assert!(world.prt(START).is_none());
        world.tenant.trouble = unreachable();
        assert!(world.sign_in("271828", START).is_err());
    }
    // What is over in a moment is not.
    let mut world = enrolled();
    world.sign_in("271828", START).unwrap();
    world.tenant.trouble = refused(50089);
    world.sign_in("271828", START).unwrap_err();
    assert!(world.prt(START).is_some());
}

#[test]
fn a_server_in_trouble_is_one_that_is_not_reached() {
    for status in [429, 500, 503] {
        assert!(matches!(
            TenantFault::of(status, b"{}"),
            TenantFault::Unreachable(_)
        ));
    }
    let plain = TenantFault::of(400, b"<html>");
    assert_eq!(plain.to_string(), "the tenant refused: HTTP status 400");
    assert!(!plain.ends_what_is_kept() && !plain.wants_interaction());
    assert!(refused(50076).unwrap().wants_interaction());
}

#[test]
fn a_token_for_somebody_else_is_not_kept() {
    let mut world = enrolled();
    world.tenant.names = "bob@corp.example".to_owned();
    let error = world.sign_in("271828", START).unwrap_err();
    assert!(matches!(error, NotSignedIn::AnotherPerson { .. }));
    assert!(world.hello.prts().unwrap().is_empty());
}

#[test]
fn a_token_of_another_tenant_is_not_kept_and_none_lives_longer_than_a_year() {
    let mut world = enrolled();
    world.tenant.says = Guid::from_bytes([0x8e; 16]);
    let error = world.sign_in("271828", START).unwrap_err();
    assert!(error.to_string().contains("of another tenant"), "{error}");
    assert!(world.hello.prts().unwrap().is_empty());
    world.tenant.says = TENANT;
    for (life, days) in [(i64::MAX, 366), (400 * 86_400, 366), (-1, 0)] {
        world.tenant.life = life;
        let signed_in = world.sign_in("271828", START).unwrap();
        assert_eq!(signed_in.prt().expires(), START + Span::days(days));
    }
}

#[test]
fn an_expired_pin_signs_nobody_in() {
    // POL-PIN-5.
    let mut world = enrolled();
    let mut rules = serde_json::to_value(PinPolicy::default()).unwrap();
    rules["expiration_days"] = 30.into();
    world.rules = serde_json::from_value(rules).unwrap();
    let last = START + Span::days(30);
    world.sign_in("271828", last - Span::seconds(1)).unwrap();
    world.tenant.asked.clear();
    let error = world.sign_in("271828", last).unwrap_err();
    assert!(matches!(error, NotSignedIn::PinExpired { at } if at == last));
    assert!(world.tenant.asked.is_empty());
}

#[test]
fn a_token_is_renewed_after_four_hours_and_keeps_its_session_key() {
    // PRT-3, CONF-18.
    let mut world = enrolled();
    world.sign_in("271828", START).unwrap();
    let upn = alice().upn;
    let mut current = |now: Timestamp, tenant: &mut Entra| {
        world.hello.current_prt(&upn, tenant, now, &mut world.rng)
    };
    let young = START + Span::hours(4);
    assert_eq!(
        current(young, &mut world.tenant).unwrap().token(),
        "1.prt-1"
    );
    let old = young + Span::seconds(1);
    world.tenant.trouble = unreachable();
    assert_eq!(current(old, &mut world.tenant).unwrap().token(), "1.prt-1");
    world.tenant.trouble = None;
    let renewed = current(old, &mut world.tenant).unwrap();
    assert_eq!(renewed.token(), "1.prt-2");
    assert_eq!(*renewed.session_key().unwrap(), SESSION);
    assert_eq!(renewed.expires(), old + Span::days(DAYS));
    assert_eq!(renewed.got(), START);
    assert_eq!(current(old, &mut world.tenant).unwrap().token(), "1.prt-2");
    let after = old + Span::days(DAYS);
    assert_eq!(
        current(after, &mut world.tenant).unwrap_err(),
        NotSignedIn::NotHeld
    );
}

#[test]
fn an_access_token_comes_under_the_session_key() {
    let mut world = enrolled();
    world.sign_in("271828", START).unwrap();
    let prt = world.prt(START).unwrap();
    let wanted = Wanted {
        client: "c",
        resource: "https://graph.corp.example",
        scope: "openid",
    };
    let token = world
        .hello
        .access_token(&prt, &wanted, &mut world.tenant, START, &mut world.rng)
        .unwrap();
    assert_eq!(
        token.access_token.as_str(),
        "for https://graph.corp.example"
    );
    assert_eq!(token.expires_in, 3599);
    assert_eq!(world.tenant.asked.last().unwrap()["client_id"], "c");
}

#[test]
fn the_two_credentials_share_one_nonce_and_have_a_key_each() {
    let mut world = enrolled();
    world.sign_in("271828", START).unwrap();
    let prt = world.prt(START).unwrap();
    let broker = world.hello.broker(prt).unwrap();
    let credentials = broker
        .credentials(&mut world.tenant, &mut world.rng)
        .unwrap();
    let device = verified(&credentials.device, &world.tenant.device);
    let person = Unverified::parse(&credentials.refresh_token).unwrap();
    assert_eq!(
        person.members_unverified().unwrap()["request_nonce"],
        device["request_nonce"]
    );
    assert_eq!(world.tenant.nonces.len(), 1);
}

#[test]
fn the_prt_cache_of_another_device_opens_nothing() {
    let mut world = enrolled();
    world.sign_in("271828", START).unwrap();
    let copied = world.files.content(Slot::Prt).unwrap();
    let (thief, mut rng) = (MemoryFile::new(), Dice::new(99));
    let hello = Hello::open(Box::new(thief.clone()), Cost::LEAST, &mut rng).unwrap();
    thief.replace(Slot::Prt, Some(copied));
    assert!(hello.prts().unwrap().is_empty(), "it is not joined");
    let registration = world.hello.registration().unwrap().clone();
    let mut hello = hello;
    hello.register(registration, &mut rng).unwrap();
    assert_eq!(hello.prts().unwrap_err(), StateError::Damaged(Slot::Prt));
}

#[test]
fn tokens_of_a_registration_before_are_not_used_and_leaving_removes_them() {
    let mut world = enrolled();
    world.sign_in("271828", START).unwrap();
    let mut registration = world.hello.registration().unwrap().clone();
    registration.device_id = Guid::from_bytes([0xd1; 16]);
    world.hello.register(registration, &mut world.rng).unwrap();
    assert!(world.prt(START).is_none());
    // Nor of another tenant under the same name of the device.
    let mut world = enrolled();
    world.sign_in("271828", START).unwrap();
    let registration = world.hello.registration().unwrap().clone();
    let another = Tenant {
        id: Guid::from_bytes([0x8e; 16]),
        ..registration.tenant().unwrap().clone()
    };
    let registration = registration.found_at(another);
    world.hello.register(registration, &mut world.rng).unwrap();
    assert!(world.prt(START).is_none());
    let mut world = enrolled();
    world.sign_in("271828", START).unwrap();
    let before = world.files.content(Slot::Prt).unwrap();
    world.hello.leave(&mut world.rng).unwrap();
    assert_ne!(world.files.content(Slot::Prt).unwrap(), before);
    assert!(world.hello.prts().unwrap().is_empty());
}

#[test]
fn neither_token_nor_session_key_is_readable_in_file_or_debug_line() {
    let mut world = enrolled();
    let signed_in = world.sign_in("271828", START).unwrap();
    let file = world.files.content(Slot::Prt).unwrap();
    assert!(!file.windows(5).any(|part| part == b"1.prt"));
    assert!(!format!("{signed_in:?}").contains("1.prt"));
}

#[test]
fn the_status_shows_the_tenant_and_who_is_signed_in_on_a_device_of_one() {
    // DSR-1, DSR-3, DSR-5.
    use crate::Status;

    let mut world = enrolled();
    world.sign_in("271828", START).unwrap();
    let registration = world.hello.registration().unwrap();
    let joined = registration.joined_to();
    let status = Status::of(joined, Some(registration), None, world.hello.vault());
    let shown = |prt: Option<&Prt>| serde_json::to_value(status.clone().with_prt(prt)).unwrap();
    let prt = world.prt(START).unwrap();
    let signed_in = shown(Some(&prt));
    let device = &signed_in["Device State"];
    assert_eq!(
        (&device["AzureAdJoined"], &device["DomainJoined"]),
        (&json!("YES"), &json!("NO"))
    );
    assert_eq!(signed_in["Tenant Details"]["TenantId"], TENANT.to_string());
    let sso = &signed_in["SSO State"];
    assert_eq!(sso["AzureAdPrt"], "YES");
    assert_eq!(sso["AzureAdPrtExpiryTime"], "2027-01-29 08:00:00.000 UTC");
    let authority = format!("https://login.corp.example/{TENANT}");
    assert_eq!(sso["AzureAdPrtAuthority"], authority);
    let nobody = shown(None);
    assert_eq!(nobody["SSO State"], json!({"AzureAdPrt": "NO"}));
}
