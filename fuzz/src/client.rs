//! The other direction: what a server, or somebody in its place, answers our clients.

use std::sync::LazyLock;

use crypto::key::{KeyKind, PrivateKey};
use directory::testing::{START, Seeded};
use ticket::client::{Credential, Granting, Handled, Initial, KdcTrust, Secret, Wish};
use wire::kerberos::{KerberosTime, PrincipalName, TicketFlags};
use wire::registration::{
    DiscoveryContract, JoinErrorDetails, JoinResponse, KeyErrorDetails, KeyResponse,
};

static PAIR: LazyLock<(PrivateKey, Vec<u8>)> = LazyLock::new(|| {
    let key = PrivateKey::generate(KeyKind::P256);
    let certificate = crate::world::certificate(&key);
    (key, certificate)
});

/// An answer to each message of an AS exchange, by password and by key pair, and to a TGS exchange. Whoever makes it
/// has none of our keys, so no exchange may end with a ticket.
pub(crate) fn kdc_answer(bytes: &[u8]) {
    let trust = KdcTrust::default();
    let (signer, certificate) = &*PAIR;
    let pair = Secret::KeyPair {
        signer,
        certificate,
        trust: &trust,
    };
    let key =
        crypto::etype::Key::random_to_key(crypto::etype::Etype::Aes256CtsHmacSha1_96, &[7; 32]);
    for secret in [Secret::Key(&key), pair] {
        let rng = &mut Seeded::new(1);
        let (first, _) = Initial::start(
            PrincipalName::principal("alice"),
            "CORP.EXAMPLE".into(),
            Wish::ticket_granting("CORP.EXAMPLE"),
            secret,
            START,
            rng,
        );
        let mut waiting = first;
        let mut rounds = 0;
        while let Ok(handled) = waiting.handle(bytes, START, rng) {
            match handled {
                Handled::Send(next, message) => {
                    wire::kerberos::AsReq::decode(&message).expect("what we send can be read");
                    waiting = *next;
                }
                Handled::Done(_) => panic!("a ticket from nobody"),
            }
            rounds += 1;
            assert!(rounds <= 4, "a KDC keeps us busy for ever");
        }
    }
    if let Ok(ticket) = wire::kerberos::AsRep::decode(bytes).map(|reply| reply.ticket) {
        let tgt = Credential {
            client_realm: "CORP.EXAMPLE".into(),
            client: PrincipalName::principal("alice"),
            realm: "CORP.EXAMPLE".into(),
            service: PrincipalName::krbtgt("CORP.EXAMPLE"),
            key,
            ticket,
            flags: TicketFlags::default(),
            authenticated: KerberosTime::from_unix(START.unix()),
            start: KerberosTime::from_unix(START.unix()),
            end: KerberosTime::from_unix(START.unix() + 60),
            renew_till: None,
        };
        let wish = Wish::service(PrincipalName::service("HTTP", "web.corp.example"));
        let (granting, _) = Granting::start(&tgt, &wish, START, &mut Seeded::new(1));
        assert!(granting.handle(bytes).is_err());
    }
}

/// Pages and JSON of a token service, as the command line reads them.
pub(crate) fn service_answer(bytes: &[u8]) {
    macro_rules! json {
        ($($type:ty),*) => {$(
            if let Ok(value) = serde_json::from_slice::<$type>(bytes) {
                let again = serde_json::to_vec(&value).expect("what was read can be written");
                let second: $type = serde_json::from_slice(&again).expect("what was written can be read");
                assert_eq!(serde_json::to_vec(&second).ok(), Some(again));
            }
        )*};
    }
    json!(
        DiscoveryContract,
        JoinResponse,
        KeyResponse,
        JoinErrorDetails,
        KeyErrorDetails
    );
    if let Ok(set) = crypto::jose::JwkSet::from_json(bytes) {
        let again = crypto::jose::JwkSet::from_json(set.to_json().as_bytes());
        assert_eq!(again.as_ref(), Ok(&set));
        let _ = set.to_key_set();
    }
    let text = String::from_utf8_lossy(bytes);
    let page = token::pages::reader::read(&text);
    let fields = page
        .forms
        .iter()
        .map(|form| form.fields.len() + form.hidden.len());
    assert!(fields.sum::<usize>() <= bytes.len());
}

/// Texts that people or their files give: password hashes, secrets of authenticators, PEM, policy settings, lists of
/// hosts, names.
pub(crate) fn texts(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(hash) = text.parse::<crypto::password::PasswordHash>() {
        let again = hash.to_string().parse::<crypto::password::PasswordHash>();
        assert_eq!(again.map(|hash| hash.to_string()), Ok(hash.to_string()));
    }
    if let Some(secret) = token::totp::TotpSecret::parse(text) {
        let shown = secret.reveal();
        let again = token::totp::TotpSecret::parse(&shown).expect("what was shown can be typed");
        assert_eq!(*again.reveal(), *shown);
        assert_eq!(secret.code(START).len(), 6);
    }
    if let Some(decoded) = crypto::base32::decode(text) {
        let again = crypto::base32::encode(&decoded);
        assert_eq!(crypto::base32::decode(&again), Some(decoded));
    }
    for label in ["CERTIFICATE", "PUBLIC KEY"] {
        for block in wire::x509::pem::decode(label, text).unwrap_or_default() {
            let again = wire::x509::pem::decode(label, &wire::x509::pem::encode(label, &block));
            assert_eq!(again.ok(), Some(vec![block]));
        }
    }
    if let Ok(name) = text.parse::<directory::Dn>() {
        let again = name.to_string().parse::<directory::Dn>();
        assert_eq!(again.map(|name| name.to_string()), Ok(name.to_string()));
    }
    for setting in policy::settings::SETTINGS {
        if let Ok(value) = setting.parse(text) {
            assert!(setting.takes(&value));
        }
    }
    if let Some(secret) = token::secret::Secret::parse(text) {
        assert_eq!(secret.reveal(), text);
    }
    let _ = text.parse::<crypto::key::Fingerprint>();
    let _ = directory::folded(text);
    let _ = hello::pin::is_simple(text);
    let _ = serde_json::from_slice::<federation::Section>(bytes)
        .map(|section| federation::Settings::of(&section, "corp.example"));
}
