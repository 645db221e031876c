//! A password that must be changed is changed at sign-in, and any on the page for it.

use std::sync::Arc;

use directory::{AccountControl, Attribute, Change, EntryId, Reads, change};
use trust::Span;
use trust::limiter::Limit;
use wire::http::Request;

use super::world::*;
use crate::section::Section;
use signin::Limits;

const NEW: &str = "a better battery staple";
const PORTAL: &str = "/adfs/portal/updatepassword";
/// What is said to whoever does not know the password, whatever is wrong.
const WRONG: &str = "User name or password is not right, or the account cannot sign in now.";
const GONE: &str = "This page is out of date, or cookies are blocked. Go back to the application and sign in again.";

impl Browser {
    fn choose(&mut self, world: &mut World, new: &str, again: &str) {
        self.fill(
            world,
            "new-password",
            &[("NewPassword", new), ("ConfirmNewPassword", again)],
        );
    }

    /// Fills the page for a change: present password, new password, code.
    fn update(&mut self, world: &mut World, name: &str, old: &str, new: &str, code: &str) {
        self.get(world, PORTAL);
        let fields = [
            ("UserName", name),
            ("OldPassword", old),
            ("NewPassword", new),
            ("ConfirmNewPassword", new),
            ("VerificationCode", code),
        ];
        self.fill(world, "update-password", &fields);
    }

    fn error(&self) -> &str {
        self.page.error.as_deref().unwrap_or_default()
    }
}

/// Alice with a password that must be changed, and her browser at the page for another.
fn must_change(world: &mut World) -> (EntryId, Browser) {
    let alice = world.person("alice");
    world.commit([change::expire_password(alice)]);
    (alice, at_new_password(world))
}

fn at_new_password(world: &mut World) -> Browser {
    let mut browser = Browser::default();
    browser.open(world, &[]);
    browser.password(world, "alice", PASSWORD);
    let form = browser.page.form("new-password").expect("the page for it");
    assert_eq!(form.fields, ["NewPassword", "ConfirmNewPassword"]);
    browser
}

fn knows(world: &World, id: EntryId, password: &str) -> bool {
    directory::password::verify(
        Some(&world.account(id)),
        password,
        crypto::password::Cost::LEAST,
    )
}

/// A day later, so that a password that is not expired may be changed.
fn next_day(world: &mut World) {
    world.advance(Span::days(1));
}

#[test]
fn an_added_person_chooses_a_password_enrols_a_second_factor_and_is_sent_back() {
    let mut world = World::new();
    let (alice, mut browser) = must_change(&mut world);
    let before = world.account(alice).keys.kvno();
    browser.choose(&mut world, NEW, NEW);
    assert!(browser.page.form("enrolment").is_some());
    let account = world.account(alice);
    assert!(!account.must_change_password());
    assert_eq!(account.password_last_set, Some(world.now));
    assert_eq!(account.keys.kvno(), before + 1);
    assert!(knows(&world, alice, NEW) && !knows(&world, alice, PASSWORD));
    let record = world.audit("password.change").unwrap();
    assert_eq!(
        (
            record.actor.name.as_str(),
            record.target,
            record.from.as_deref()
        ),
        ("alice@corp.example", Some(alice), Some("192.0.2.7"))
    );

    // The sign-in has all of its time again.
    world.advance(Span::minutes(9));
    let secret = browser.page.secret.clone().unwrap().replace(' ', "");
    let code = token::totp::TotpSecret::parse(&secret)
        .unwrap()
        .code(world.now);
    browser.fill(&mut world, "enrolment", &[("VerificationCode", &code)]);
    browser.fill(&mut world, "acknowledgement", &[]);
    assert!(browser.sent("code").is_some(), "{:?}", world.refused);
    let code = browser.sent("code").unwrap();
    assert_eq!(browser.redeem(&mut world, &code, &[]).status, 200);
    assert!(world.refused.is_empty());
}

#[test]
fn a_password_that_has_expired_is_changed_the_same_way() {
    let mut world = World::new();
    let alice = world.person("alice");
    let head = world.directory.domain().unwrap().head;
    let hour = -i64::from(3600) * 10_000_000;
    world.commit([change::set(head, Attribute::MaxPwdAge, hour)]);
    world.advance(Span::hours(1));
    at_new_password(&mut world).choose(&mut world, NEW, NEW);
    assert!(knows(&world, alice, NEW));
}

#[test]
fn whoever_has_a_second_factor_is_asked_for_it_after_the_change() {
    let mut world = World::new();
    let alice = world.person_with_totp("alice");
    world.commit([change::expire_password(alice)]);
    let mut browser = at_new_password(&mut world);
    browser.choose(&mut world, NEW, NEW);
    assert!(browser.page.form("totp").is_some() && browser.sent("code").is_none());
    assert!(!browser.cookies.contains_key("__Host-keyporch-session"));
    browser.code(&mut world, "000000");
    assert!(browser.sent("code").is_none());
    let totp = world.totp();
    browser.code(&mut world, &totp);
    assert!(browser.sent("code").is_some());
    // No other page of the sign-in leads past it.
    let mut other = Browser::default();
    other.open(&mut world, &[]);
    other.password(&mut world, "alice", NEW);
    assert!(other.page.form("totp").is_some());
}

#[test]
fn an_application_that_asks_for_no_second_factor_gets_its_code_at_once_and_it_is_good() {
    let mut world = World::with_app();
    let alice = world.person("alice");
    world.commit([change::expire_password(alice)]);
    let mut browser = Browser::default();
    let app = [
        ("client_id", "app"),
        ("resource", "urn:app"),
        ("redirect_uri", "https://app.example/done"),
        ("amr_values", ""),
    ];
    browser.open(&mut world, &app);
    browser.password(&mut world, "alice", PASSWORD);
    browser.choose(&mut world, NEW, NEW);
    let code = browser.sent("code").expect("the code");
    let redeemed = browser.redeem(
        &mut world,
        &code,
        &[
            ("client_id", "app"),
            ("redirect_uri", "https://app.example/done"),
        ],
    );
    assert_eq!(redeemed.status, 200, "{:?}", world.refused);
    // The session is good too: it began with the new password.
    browser.open(&mut world, &app);
    assert!(browser.sent("code").is_some_and(|another| another != code));
}

#[test]
fn a_password_that_is_not_taken_is_refused_in_words_and_asked_for_again() {
    let mut world = World::new();
    let (alice, mut browser) = must_change(&mut world);
    for (new, again, said) in [
        ("", "", "Enter your new password, and the same once more."),
        (NEW, "", "Enter your new password, and the same once more."),
        (
            NEW,
            "another one",
            "The two new passwords are not the same. Type the same twice.",
        ),
        (
            "short77",
            "short77",
            "The new password is too short. Choose one of at least 8 characters.",
        ),
        (
            "I am alice, really",
            "I am alice, really",
            "The new password contains your user name. Choose one without it.",
        ),
    ] {
        browser.choose(&mut world, new, again);
        assert_eq!(browser.error(), said);
        assert!(browser.page.form("new-password").is_some());
    }
    assert!(world.account(alice).must_change_password());
    assert_eq!(
        world.refused.last().unwrap(),
        "the new password is not taken: the password contains the name of the account"
    );
    let record = world.last_refusal.clone().unwrap();
    assert_eq!(
        (record.action.as_str(), record.target),
        ("password.change", Some(alice))
    );
    browser.choose(&mut world, NEW, NEW);
    assert!(browser.page.form("enrolment").is_some());

    // The next time, the ones before are remembered.
    world.commit([change::expire_password(alice)]);
    let mut browser = Browser::default();
    browser.open(&mut world, &[]);
    browser.password(&mut world, "alice", NEW);
    browser.choose(&mut world, NEW, NEW);
    assert_eq!(
        browser.error(),
        "The new password is one of your last 24. Choose one that you have not used before."
    );
}

#[test]
fn a_form_is_good_once_for_ten_minutes_in_its_own_browser() {
    let mut world = World::new();
    let (alice, browser) = must_change(&mut world);
    let fields = [("NewPassword", NEW), ("ConfirmNewPassword", NEW)];

    let mut stranger = Browser::default();
    stranger.open(&mut world, &[]);
    let taken = browser.filled("new-password", &fields);
    assert_eq!(stranger.send(&mut world, taken.clone()).status, 400);
    let foreign = taken.clone().with_header("Origin", "https://evil.example");
    assert_eq!(browser.clone().send(&mut world, foreign).status, 400);
    // The stranger's own token does not open another's context.
    let context = &browser.page.form("new-password").unwrap().hidden[0].1;
    let forged = Request::post_form(
        "/adfs/oauth2/authorize",
        [
            ("Context", context.as_str()),
            ("FormToken", "x"),
            ("NewPassword", NEW),
            ("ConfirmNewPassword", NEW),
        ],
    );
    assert_eq!(stranger.send(&mut world, forged).status, 400);
    assert!(world.account(alice).must_change_password());

    let mut late = browser.clone();
    world.advance(Span::minutes(10));
    late.send(&mut world, taken);
    assert_eq!((late.status, late.error()), (400, GONE));
    assert!(world.account(alice).must_change_password());

    let mut browser = at_new_password(&mut world);
    let once = browser.filled("new-password", &fields);
    browser.send(&mut world, once.clone());
    assert!(browser.page.form("enrolment").is_some());
    let kvno = world.account(alice).keys.kvno();
    browser.send(&mut world, once);
    assert_eq!((browser.status, browser.error()), (400, GONE));
    assert_eq!(world.account(alice).keys.kvno(), kvno);
}

#[test]
fn a_page_dies_with_the_password_that_opened_it() {
    let mut world = World::new();
    let (alice, mut browser) = must_change(&mut world);
    let snapshot = world.directory.snapshot().unwrap();
    let set = directory::password::change(
        &snapshot,
        alice,
        "set by an administrator",
        directory::password::Chooser::Administrator { must_change: true },
        crypto::password::Cost::LEAST,
        world.now,
        &mut directory::testing::Seeded::new(3),
    );
    drop(snapshot);
    world.commit([set.unwrap().unwrap()]);
    browser.choose(&mut world, NEW, NEW);
    assert_eq!((browser.status, browser.error()), (400, GONE));

    let (bob, now) = (world.person("bob"), world.now);
    world.commit([change::expire_password(bob)]);
    for end in [
        change::disable(bob, AccountControl::NORMAL_ACCOUNT),
        change::lock_out(bob, now),
    ] {
        world.commit([
            change::set_control(bob, AccountControl::NORMAL_ACCOUNT),
            change::unlock(bob),
        ]);
        let mut browser = Browser::default();
        browser.open(&mut world, &[]);
        browser.password(&mut world, "bob", PASSWORD);
        world.commit([end]);
        browser.choose(&mut world, NEW, NEW);
        assert_eq!(browser.status, 400);
    }
    assert!(knows(&world, bob, PASSWORD));
}

#[test]
fn of_two_browsers_that_choose_at_once_one_wins() {
    let mut world = World::new();
    let alice = world.person("alice");
    world.commit([change::expire_password(alice)]);
    let (one, other) = (at_new_password(&mut world), at_new_password(&mut world));
    let request = |browser: &Browser, new| {
        let fields = [("NewPassword", new), ("ConfirmNewPassword", new)];
        browser.request(browser.filled("new-password", &fields))
    };
    let requests = [
        request(&one, "the first of two"),
        request(&other, "the second of two"),
    ];
    // Both are answered before either is committed.
    let answered = requests.map(|request| {
        let snapshot = world.directory.snapshot().unwrap();
        let view = crate::View {
            snapshot: &snapshot,
            settings: &world.settings,
            memory: &world.memory,
            lockout: &world.lockout,
            password_cost: crypto::password::Cost::LEAST,
        };
        let answer = crate::answer(&request, &view, world.now, &mut world.rng);
        assert!(!answer.changes.is_empty());
        (answer.changes, snapshot.into_reads())
    });
    let committed = answered.map(|(changes, reads): (Vec<Change>, Reads)| {
        let committed = world.directory.commit(&changes, &reads, world.now);
        committed.is_ok()
    });
    assert_eq!(committed, [true, false]);
    assert!(knows(&world, alice, "the first of two"));
}

#[test]
fn what_rests_between_the_pages_holds_no_password() {
    let mut world = World::new();
    let (_, browser) = must_change(&mut world);
    let context = &browser.page.form("new-password").unwrap().hidden[0].1;
    let key = token::secret::Secret::parse(context)
        .unwrap()
        .digest(token::secret::Purpose::SignIn);
    let snapshot = world.directory.snapshot().unwrap();
    let table = crate::records::SIGN_INS;
    let record = snapshot.record(table, key.as_bytes(), world.now).unwrap();
    let rests = String::from_utf8_lossy(record.unwrap().value.bytes()).into_owned();
    assert!(rests.contains("AwaitsNewPassword") && !rests.contains(PASSWORD));
}

#[test]
fn a_wrong_password_leads_to_no_other_page_than_anybody_elses() {
    let mut world = World::new();
    let (_, _) = must_change(&mut world);
    let mut browser = Browser::default();
    browser.open(&mut world, &[]);
    browser.password(&mut world, "alice", "wrong");
    assert_eq!(browser.error(), WRONG);
    assert!(browser.page.form("password").is_some());
}

#[test]
fn where_enrolment_is_forbidden_the_password_is_changed_all_the_same() {
    let mut world = World::with(Section {
        base: BASE.into(),
        enrol_second_factor_at_sign_in: false,
        ..Section::default()
    });
    let (alice, mut browser) = must_change(&mut world);
    browser.choose(&mut world, NEW, NEW);
    assert!(browser.error().contains("second factor"));
    assert!(knows(&world, alice, NEW));
}

#[test]
fn trying_out_former_passwords_is_slowed_down_as_wrong_ones_are() {
    let mut world = World::new();
    world.settings = world.settings.with_limits(Limits {
        failures_of_name: Limit {
            burst: 3,
            every: Span::minutes(1),
        },
        ..Limits::default()
    });
    let (alice, mut browser) = must_change(&mut world);
    browser.choose(&mut world, NEW, NEW);
    world.commit([change::expire_password(alice)]);
    let mut browser = Browser::default();
    browser.open(&mut world, &[]);
    browser.password(&mut world, "alice@corp.example", NEW);
    for _ in 0..3 {
        browser.choose(&mut world, NEW, NEW);
    }
    browser.choose(&mut world, "a good one at last", "a good one at last");
    assert_eq!(
        browser.error(),
        "Too many attempts. Wait a minute, then try again."
    );
    world.advance(Span::minutes(1));
    browser.choose(&mut world, "a good one at last", "a good one at last");
    assert!(browser.page.form("enrolment").is_some());
}

#[test]
fn a_person_changes_their_password_on_the_page_for_it_and_other_sessions_end() {
    let mut world = World::with_app();
    let alice = world.person_with_totp("alice");
    next_day(&mut world);
    let mut elsewhere = Browser::default();
    elsewhere.sign_in(&mut world, &[]);
    world.advance(Span::minutes(1));
    let totp = world.totp();
    let mut browser = Browser::default();
    browser.update(&mut world, "alice@corp.example", PASSWORD, NEW, &totp);
    assert_eq!(
        browser.page.done.as_deref(),
        Some("Your password has been changed."),
        "{:?}",
        browser.page.error
    );
    assert!(knows(&world, alice, NEW));
    assert!(world.audit("password.change").is_some());
    elsewhere.open(&mut world, &[]);
    assert!(elsewhere.page.form("password").is_some());
    // The code worked, and so works no more.
    browser.open(&mut world, &[]);
    browser.password(&mut world, "alice", NEW);
    browser.code(&mut world, &totp);
    assert!(browser.sent("code").is_none());
}

#[test]
fn on_that_page_a_second_factor_that_is_enrolled_is_asked_for() {
    let mut world = World::new();
    let alice = world.person_with_totp("alice");
    next_day(&mut world);
    let mut browser = Browser::default();
    browser.update(&mut world, "alice", PASSWORD, NEW, "");
    assert_eq!(
        browser.error(),
        "Enter the verification code of your authenticator too."
    );
    for _ in 0..5 {
        browser.update(&mut world, "alice", PASSWORD, NEW, "000000");
    }
    let totp = world.totp();
    browser.update(&mut world, "alice", PASSWORD, NEW, &totp);
    assert!(browser.error().starts_with("Too many attempts."));
    assert!(knows(&world, alice, PASSWORD));

    world.advance(Span::minutes(1));
    let totp = world.totp();
    // A code is not used up by a new password that anybody can see to be none.
    browser.update(&mut world, "alice", PASSWORD, "short77", &totp);
    assert!(
        browser
            .error()
            .starts_with("The new password is too short.")
    );
    browser.update(&mut world, "alice", PASSWORD, NEW, &totp);
    assert!(browser.page.done.is_some(), "{}", browser.error());
    browser.update(&mut world, "alice", NEW, "yet another password", &totp);
    assert_eq!(
        browser.error(),
        "That code was used already. Wait for the next one."
    );
}

#[test]
fn on_that_page_a_code_is_used_up_by_a_new_password_that_is_compared_with_former_ones() {
    let mut world = World::new();
    let alice = world.person_with_totp("alice");
    next_day(&mut world);
    let mut browser = Browser::default();
    let totp = world.totp();
    browser.update(&mut world, "alice", PASSWORD, NEW, &totp);
    assert!(browser.page.done.is_some(), "{}", browser.error());
    next_day(&mut world);
    let totp = world.totp();
    browser.update(&mut world, "alice", NEW, NEW, &totp);
    assert!(
        browser
            .error()
            .starts_with("The new password is one of your last"),
        "{}",
        browser.error()
    );
    // Neither here nor at sign-in does somebody else get in by having seen it.
    browser.update(&mut world, "alice", NEW, "yet another password", &totp);
    assert_eq!(
        browser.error(),
        "That code was used already. Wait for the next one."
    );
    assert!(knows(&world, alice, NEW));
    let mut thief = Browser::default();
    thief.open(&mut world, &[]);
    thief.password(&mut world, "alice", NEW);
    assert_eq!(thief.code(&mut world, &totp).status, 200);
}

#[test]
fn that_page_answers_alike_whoever_asks_without_knowing_the_password() {
    let mut world = World::new();
    world.person("alice");
    world.person_with_totp("erin");
    let must = world.person("frank");
    let disabled = world.person("bob");
    let locked = world.person("carol");
    next_day(&mut world);
    let now = world.now;
    world.commit([
        change::expire_password(must),
        change::disable(disabled, AccountControl::NORMAL_ACCOUNT),
        change::lock_out(locked, now),
    ]);
    let mut pages = Vec::new();
    for (name, old) in [
        ("alice", "wrong"),
        ("erin", "wrong"),
        ("frank", "wrong"),
        ("nobody", PASSWORD),
        ("bob", PASSWORD),
        ("carol", PASSWORD),
    ] {
        for new in [NEW, "short77"] {
            let mut browser = Browser::default();
            browser.get(&mut world, PORTAL);
            let fields = [
                ("UserName", name),
                ("OldPassword", old),
                ("NewPassword", new),
                ("ConfirmNewPassword", new),
            ];
            let request = browser.filled("update-password", &fields);
            let response = browser.send(&mut world, request);
            assert_eq!(browser.error(), WRONG);
            let page = String::from_utf8(response.body)
                .unwrap()
                .replace(&format!("value=\"{name}\""), "");
            let token = &browser.page.form("update-password").unwrap().hidden[0].1;
            pages.push(page.replace(token, "TOKEN"));
        }
    }
    assert!(pages.iter().all(|page| *page == pages[0]));
}

#[test]
fn wrong_present_passwords_on_that_page_lock_the_account_and_are_slowed_down() {
    let mut world = World::new();
    let alice = world.person("alice");
    next_day(&mut world);
    let mut browser = Browser::default();
    for _ in 0..10 {
        browser.update(&mut world, "alice", "wrong", NEW, "");
    }
    browser.update(&mut world, "alice", PASSWORD, NEW, "");
    assert_eq!(
        world.refused.last().unwrap(),
        "sign-in refused: the account is locked out"
    );
    assert!(knows(&world, alice, PASSWORD));
    world.settings = world.settings.with_limits(Limits {
        failures_of_name: Limit {
            burst: 3,
            every: Span::minutes(1),
        },
        ..Limits::default()
    });
    for _ in 0..4 {
        browser.update(&mut world, "nobody", "wrong", NEW, "");
    }
    assert_eq!(
        browser.error(),
        "Too many attempts. Wait a minute, then try again."
    );
}

#[test]
fn that_page_tells_the_owner_what_is_wrong_with_the_new_password() {
    let mut world = World::new();
    let alice = world.person("alice");
    let mut browser = Browser::default();
    browser.update(&mut world, "alice", PASSWORD, NEW, "");
    assert!(
        browser
            .error()
            .starts_with("Your password was changed a short while ago"),
        "{}",
        browser.error()
    );
    next_day(&mut world);
    browser.update(&mut world, "alice", PASSWORD, "short77", "");
    assert_eq!(
        browser.error(),
        "The new password is too short. Choose one of at least 8 characters."
    );
    let fields = [
        ("UserName", "alice"),
        ("OldPassword", PASSWORD),
        ("NewPassword", NEW),
        ("ConfirmNewPassword", "another one"),
    ];
    browser.fill(&mut world, "update-password", &fields);
    assert_eq!(
        browser.error(),
        "The two new passwords are not the same. Type the same twice."
    );
    assert!(knows(&world, alice, PASSWORD));
    // One that must be changed can be changed here too.
    world.commit([change::expire_password(alice)]);
    browser.update(&mut world, "alice", PASSWORD, NEW, "");
    assert!(browser.page.done.is_some(), "{}", browser.error());
    assert!(!world.account(alice).must_change_password());
}

#[test]
fn that_page_takes_its_own_forms_alone() {
    let mut world = World::new();
    let alice = world.person("alice");
    next_day(&mut world);
    let fields = [
        ("UserName", "alice"),
        ("OldPassword", PASSWORD),
        ("NewPassword", NEW),
        ("ConfirmNewPassword", NEW),
    ];
    let bare = Request::post_form(PORTAL, fields);
    assert_eq!(Browser::default().send(&mut world, bare).status, 400);
    let mut browser = Browser::default();
    browser.get(
        &mut world,
        "/adfs/portal/updatepassword/?username=alice%40corp.example",
    );
    let foreign = browser
        .filled("update-password", &fields)
        .with_header("Origin", "https://evil.example");
    assert_eq!(browser.clone().send(&mut world, foreign).status, 400);
    // The token of another form.
    let mut other = browser.clone();
    other.open(&mut world, &[]);
    let token = other.page.form("password").unwrap().hidden[0].1.clone();
    let mixed = Request::post_form(
        PORTAL,
        [("FormToken", token.as_str())].into_iter().chain(fields),
    );
    assert_eq!(other.send(&mut world, mixed).status, 400);
    assert!(knows(&world, alice, PASSWORD));
    browser.fill(&mut world, "update-password", &fields);
    assert!(browser.page.done.is_some());
}

#[test]
fn neither_password_is_in_the_audit_log() {
    let mut world = World::new();
    world.person("alice");
    next_day(&mut world);
    let mut browser = Browser::default();
    browser.update(&mut world, "alice", "typed secret", NEW, "");
    browser.update(&mut world, "alice", PASSWORD, "alice alice", "");
    let refused = serde_json::to_string(&world.last_refusal).unwrap();
    browser.update(&mut world, "alice", PASSWORD, NEW, "");
    let record = Arc::new(world.audit("password.change").unwrap());
    let told = format!("{refused}{}", serde_json::to_string(&*record).unwrap());
    for secret in ["typed secret", PASSWORD, NEW, "alice alice"] {
        assert!(!told.contains(secret), "{told}");
    }
}
