//! What whoever types a name and a password is told, by the same cases at each door: the pages, the protocol for programs
//! without a browser, password grants, and primary refresh tokens by password.

use crypto::key::KeyKind;
use directory::tenant::{Federated, VerifiedDomain};
use directory::{Attribute, change};
use serde_json::{Map, Value, json};
use trust::Span;
use wire::http::Response;

use super::headless::client::{Became, Client};
use super::oauth::{Browser, of_broker, token_v2};
use super::prt::client::{BROKER, Laptop, SIGN_IN, header_of, signed};
use super::world::*;

/// A place at which a password may be handed in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Door {
    Page,
    WithoutBrowser,
    PasswordGrant,
    Prt,
}

const DOORS: [Door; 4] = [
    Door::Page,
    Door::WithoutBrowser,
    Door::PasswordGrant,
    Door::Prt,
];

/// A world in which somebody is whatever keeps people from signing in, and a device of somebody else.
fn world() -> (World, Laptop) {
    let mut world = World::new();
    world.set(|settings| settings.ropc_clients = vec![BROKER.parse().unwrap()]);
    for sam in [
        "disabled", "expired", "aged", "locked", "partner", "erin", "frank",
    ] {
        world.person(sam);
    }
    let disabled = world.account("disabled");
    let expired = world.account("expired").id;
    let over = world.now - Span::days(1);
    let aged = world.account("aged").id;
    let locked = world.account("locked").id;
    let partner = world.account("partner").id;
    let federation = Federated {
        issuer: "urn:partner".into(),
        passive_url: "https://sts.partner.example/adfs/ls/".into(),
        active_url: None,
        mex_url: None,
        brand: None,
        certificates: vec![],
        second_factor: Default::default(),
    };
    let domain = VerifiedDomain {
        verified: world.known().domains["corp.example"].verified.clone(),
        federation: Some(federation),
        ..VerifiedDomain::new("partner.example".into(), &mut world.rng)
    };
    world.put_domain(&domain);
    world.commit([
        change::disable(disabled.id, disabled.control),
        change::set(expired, Attribute::AccountExpires, over),
        change::expire_password(aged),
        change::lock_out(locked, world.now),
        change::set(
            partner,
            Attribute::UserPrincipalName,
            "partner@partner.example",
        ),
    ]);
    let laptop = world.laptop_of("alice", KeyKind::P256);
    (world, laptop)
}

/// The number of what the page says went wrong.
fn said_on_page(browser: &Browser) -> Option<u64> {
    let said = browser.page.error.as_deref()?;
    Some(match said {
        "User name or password is not right, or the account cannot sign in now." => 50126,
        "This account cannot be used at the moment." => 50057,
        "This name is in no domain of this organisation." => 50034,
        said if said.starts_with("People of this domain do not sign in here") => 51004,
        said if said.starts_with("Too many attempts.") => 50053,
        other => panic!("{other}"),
    })
}

/// Hands in a name and a password; the number that comes of it, and nothing for somebody who is let in.
fn hand_in(
    world: &mut World,
    laptop: &Laptop,
    door: Door,
    name: &str,
    password: &str,
) -> Option<u64> {
    let number = |answer: &Response| (answer.status != 200).then(|| code(answer));
    match door {
        Door::Page => {
            let mut browser = Browser::default();
            let target = of_broker(world, &[]);
            browser.get(world, &target);
            let fields = [("UserName", name), ("Password", password)];
            browser.fill(world, "password", &fields);
            browser.not_now(world);
            if browser.page.form("new-password").is_some() {
                // A person is told by the page on which they choose another.
                return Some(50055);
            }
            let let_in = browser.sent("code").is_some();
            assert_eq!(let_in, browser.page.error.is_none(), "{}", browser.html);
            said_on_page(&browser)
        }
        Door::WithoutBrowser => {
            let mut client = Client::of(name);
            let first = client.begin_with(world, &[("amr_values", "")]);
            match client.password(world, &first, password) {
                Became::Code(_) => None,
                Became::Error(number) => Some(number.into()),
                Became::Page(page) => panic!("{page:?}"),
            }
        }
        Door::PasswordGrant => number(&token_v2(
            world,
            &[
                ("grant_type", "password"),
                ("client_id", BROKER),
                ("username", name),
                ("password", password),
                ("scope", "openid"),
            ],
        )),
        Door::Prt => {
            let nonce = world.nonce();
            let claims = json!({
                "client_id": SIGN_IN, "scope": "openid aza", "win_ver": Value::Null, "request_nonce": nonce,
                "grant_type": "password", "username": name, "password": password,
            });
            let header: Map<String, Value> = header_of(&laptop.device);
            let token = signed(&laptop.device.key, &header, &claims);
            number(&world.post(&token))
        }
    }
}

#[test]
fn every_door_tells_the_same() {
    let (mut world, laptop) = world();
    for (name, password, told) in [
        ("bob@corp.example", PASSWORD, None),
        ("BOB@Corp.Example", PASSWORD, None),
        ("bob", PASSWORD, None),
        // Nothing was proven.
        ("bob@corp.example", "wrong", Some(50126)),
        ("nobody@corp.example", PASSWORD, Some(50126)),
        ("disabled@corp.example", "wrong", Some(50126)),
        ("expired@corp.example", "wrong", Some(50126)),
        ("aged@corp.example", "wrong", Some(50126)),
        ("partner", "wrong", Some(50126)),
        // A lock is not told, and what is typed is not looked at.
        ("locked@corp.example", PASSWORD, Some(50126)),
        ("locked@corp.example", "wrong", Some(50126)),
        // The right password was.
        ("disabled@corp.example", PASSWORD, Some(50057)),
        ("expired@corp.example", PASSWORD, Some(50057)),
        ("aged@corp.example", PASSWORD, Some(50055)),
        // What is no secret.
        ("bob@elsewhere.example", PASSWORD, Some(50034)),
        ("partner@partner.example", PASSWORD, Some(51004)),
        ("partner@partner.example", "wrong", Some(51004)),
        ("nobody@partner.example", PASSWORD, Some(51004)),
        // Nor does another name of theirs lead people around their identity provider.
        ("partner", PASSWORD, Some(51004)),
        ("partner@corp.example", PASSWORD, Some(51004)),
    ] {
        for door in DOORS {
            let said = hand_in(&mut world, &laptop, door, name, password);
            assert_eq!(said, told, "{name} {password} at {door:?}");
        }
    }
}

#[test]
fn a_name_that_was_tried_too_often_waits_at_every_door_whether_or_not_somebody_has_it() {
    for name in ["erin", "nobody"] {
        let (mut world, laptop) = world();
        // However it is written: by turns, at each door.
        let written = [
            format!("{name}@corp.example"),
            name.to_owned(),
            name.to_uppercase(),
            format!("{}@CORP.example", name.to_uppercase()),
            format!("corp.example\\{name}"),
        ];
        for number in 0..20usize {
            let door = DOORS[number % 4];
            let said = hand_in(&mut world, &laptop, door, &written[number % 5], "wrong");
            assert_eq!(said, Some(50126), "{number}");
        }
        for door in DOORS {
            for name in &written {
                let said = hand_in(&mut world, &laptop, door, name, PASSWORD);
                assert_eq!(said, Some(50053), "{name} at {door:?}");
            }
        }
        assert_eq!(
            hand_in(&mut world, &laptop, Door::Page, "frank", PASSWORD),
            None
        );
    }
}

#[test]
fn failures_at_one_door_lock_the_account_at_all() {
    for failing in DOORS {
        let (mut world, laptop) = world();
        let policy = world.read(|snapshot| snapshot.lockout_policy().unwrap());
        for _ in 0..policy.threshold {
            hand_in(&mut world, &laptop, failing, "erin@corp.example", "wrong");
        }
        for door in DOORS {
            let said = hand_in(&mut world, &laptop, door, "erin@corp.example", PASSWORD);
            assert_eq!(said, Some(50126), "{failing:?} {door:?}");
            let record = world.last_refusal.as_ref().unwrap();
            let reason = record.reason.as_deref().unwrap_or_default();
            assert!(reason.contains("locked out"), "the log knows: {reason}");
        }
    }
}

/// Gives somebody a pass for an hour; its text.
fn access_pass(world: &mut World, sam: &str) -> String {
    let account = world.account(sam);
    let terms = token::access_pass::Terms {
        begins: world.now,
        ends: world.now + Span::hours(1),
        once: false,
    };
    let (pass, kept) = token::access_pass::draw(account.id.0, terms, &mut world.rng);
    let mut factors = token::factor::SecondFactors::default();
    let id = token::access_pass::ID.to_owned();
    factors.enrolled.insert(id, kept);
    world.set_second_factors(account.id, &factors);
    pass.to_string()
}

#[test]
fn a_pass_tells_no_more_than_a_password() {
    let (mut world, _) = world();
    let passes = ["disabled", "locked", "partner", "frank"].map(|sam| {
        let pass = access_pass(&mut world, sam);
        (sam, pass)
    });
    let of = |sam: &str| &passes.iter().find(|(own, _)| *own == sam).unwrap().1;
    let wrong = "0000-0000-0000-0000".to_owned();
    for (name, pass, page, without_browser) in [
        ("frank@corp.example", of("frank"), None, None),
        ("frank@corp.example", &wrong, Some(50126), Some(130_503)),
        ("nobody@corp.example", &wrong, Some(50126), Some(130_503)),
        (
            "disabled@corp.example",
            of("disabled"),
            Some(50057),
            Some(50057),
        ),
        ("disabled@corp.example", &wrong, Some(50126), Some(130_503)),
        (
            "locked@corp.example",
            of("locked"),
            Some(50126),
            Some(130_503),
        ),
        ("bob@elsewhere.example", &wrong, Some(50034), Some(50034)),
        // A pass is the tenant's own, whoever judges passwords.
        ("partner@partner.example", of("partner"), None, None),
        (
            "partner@partner.example",
            &wrong,
            Some(51004),
            Some(130_503),
        ),
    ] {
        let mut browser = Browser::default();
        let target = of_broker(&world, &[]);
        browser.get(&mut world, &target);
        let fields = [("UserName", name), ("Password", pass.as_str())];
        browser.fill(&mut world, "password", &fields);
        assert_eq!(said_on_page(&browser), page, "{name}");
        assert_eq!(browser.page.form("password").is_none(), page.is_none());

        // One that works several times works once at each moment.
        world.advance(Span::seconds(1));
        let mut client = Client::of(name);
        let first = client.begin_with(&mut world, &[("amr_values", "")]);
        let said = match client.access_pass(&mut world, &first, pass) {
            Became::Code(_) => None,
            Became::Error(number) => Some(number),
            Became::Page(page) => panic!("{page:?}"),
        };
        assert_eq!(said, without_browser, "{name}");
        world.advance(Span::seconds(1));
    }
}

/// What opens nothing is a failure, however right it was: nobody finds out by it which guesses are.
#[test]
fn what_is_right_and_opens_nothing_is_counted() {
    let (mut world, laptop) = world();
    let pass = access_pass(&mut world, "disabled");
    for number in 0..20 {
        world.advance(Span::seconds(1));
        let said = hand_in(
            &mut world,
            &laptop,
            Door::Page,
            "disabled@corp.example",
            &pass,
        );
        assert_eq!(said, Some(50057), "{number}");
        let said = hand_in(&mut world, &laptop, Door::Page, "partner", PASSWORD);
        assert_eq!(said, Some(51004), "{number}");
        // The right password, where a pass is taken.
        let mut client = Client::of("frank@corp.example");
        let first = client.begin_with(&mut world, &[("amr_values", "")]);
        let became = client.access_pass(&mut world, &first, PASSWORD);
        assert!(matches!(became, Became::Error(130_503)), "{became:?}");
    }
    for name in ["disabled@corp.example", "partner", "frank@corp.example"] {
        let said = hand_in(&mut world, &laptop, Door::Page, name, PASSWORD);
        assert_eq!(said, Some(50053), "{name}");
    }
}

/// A name is one however it is written, and one of another domain is another.
#[test]
fn failures_of_a_name_elsewhere_are_not_held_against_a_name_here() {
    let (mut world, laptop) = world();
    let short = world.read(|snapshot| snapshot.domain().netbios_name.clone());
    for (written, waits) in [
        ("elsewhere\\erin".to_owned(), false),
        (format!("{short}\\erin"), true),
    ] {
        for _ in 0..20 {
            hand_in(&mut world, &laptop, Door::Page, &written, "wrong");
        }
        let said = hand_in(
            &mut world,
            &laptop,
            Door::Page,
            "erin@corp.example",
            "wrong",
        );
        let expected = if waits { 50053 } else { 50126 };
        assert_eq!(said, Some(expected), "{written}");
        world.advance(Span::hours(2));
    }
}
