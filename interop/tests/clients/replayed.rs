//! What a client that nobody here wrote has sent once, sent once more, byte for byte: nothing comes of it, and nothing of what
//! was used up is good again after a kill (security.md rows 11 and 18; protocols A.6).

use std::ops::Range;

use keyporch_interop::{Himmelblau, Place, Recorder, Server};
use serde_json::Value;

use crate::browser::code;

const GRAPH: &str = "https://graph.microsoft.com";
const PIN: [&str; 2] = ["--pin", "271828"];
const BOB: &str = "bob@corp.example";

/// A tenant on a server of its own, and the relay before it.
struct Recorded {
    server: Server,
    relay: Recorder,
    place: Place,
}

impl Recorded {
    #[track_caller]
    fn start() -> Self {
        let server = Server::start_tenant();
        let port = server.port(443);
        let relay = Recorder::before(port, &server.path("."));
        let id = server.admin_json(&["tenant", "show"])["id"].clone();
        let id = id.as_str().expect("a tenant has an ID");
        let base = format!("https://login.corp.example:{port}");
        let place = Place {
            authority: format!("{base}/{id}"),
            drs: base,
            hosts: relay.hosts(),
            roots: relay.root(),
        };
        Self {
            server,
            relay,
            place,
        }
    }

    fn device(&self, name: &str) -> Himmelblau {
        Himmelblau::at(self.place.clone(), &self.server.path(name))
    }

    fn administrator(&self) -> &str {
        self.server.shown("/administrator/upn")
    }

    /// How many devices there are, and the names of the administrator's keys.
    #[track_caller]
    fn kept(&self) -> (usize, Vec<String>) {
        let devices = self.server.admin_json(&["device", "list"]);
        let keys = self.server.admin_json(&["key", "list", "admin"]);
        let rows = keys.as_array().expect("a list").iter();
        let named = rows.filter_map(|row| row["fingerprint"].as_str());
        (
            devices.as_array().map_or(0, Vec::len),
            named.map(str::to_owned).collect(),
        )
    }
}

/// The life of a device: a sign-in with both factors, the join, primary refresh tokens by refresh token and by Hello key, a key,
/// tokens, a renewal; and a primary refresh token by password, whose requests are those of the range that is given.
#[track_caller]
fn live(recorded: &Recorded, otp: &str) -> Range<usize> {
    let (device, upn) = (recorded.device("linux"), recorded.administrator());
    let password = recorded.server.shown("/administrator/password");
    let sign_in = ["--password", password, "--otp", otp, "--force-mfa"];
    device.step("headless", upn, &sign_in).done();
    let join = ["--domain", "corp.example", "--name", "linux-1"];
    device.step("enroll", upn, &join).done();
    device.step("prt-refresh", upn, &[]).done();
    device.step("hello-provision", upn, &PIN).done();
    device.step("prt-hello", upn, &PIN).done();
    device.step("exchange", upn, &["--resource", GRAPH]).done();
    device.step("prt-renew", upn, &[]).done();
    device.step("token-hello", upn, &PIN).done();
    let before = recorded.relay.count();
    let by_password = ["--password", password];
    device.step("prt-password", upn, &by_password).done();
    before..recorded.relay.count()
}

/// What a request asked for, in a word.
fn kind(row: &Value) -> String {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    let path = text("target").split('?').next().unwrap_or_default();
    let last = path.trim_end_matches('/').rsplit('/').next();
    let last = last.unwrap_or_default().to_owned();
    let fields = text("body")
        .split('&')
        .filter_map(|one| one.split_once('='));
    let grant = fields.clone().find(|(name, _)| *name == "grant_type");
    match grant {
        Some((_, grant)) => format!("{last} {}", grant.rsplit("%3A").next().unwrap_or(grant)),
        None => format!("{} {last}", text("method")),
    }
}

/// Whether an answer has something by which somebody gets further: a token, a code, a session key, a certificate.
fn gives(answer: &Value) -> Vec<&'static str> {
    const GIFTS: [&str; 7] = [
        "access_token",
        "refresh_token\"",
        "id_token\"",
        "session_key_jwe",
        "?code=",
        "&code=",
        "RawBody",
    ];
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    let whole = text("head") + &text("body");
    // An encrypted answer has no words.
    let sealed = text("body").starts_with("eyJ").then_some("encrypted");
    let found = GIFTS.into_iter().filter(|gift| whole.contains(gift));
    found.chain(sealed).collect()
}

/// Sends all of it once more, and looks at what comes of it. `by_password` are the requests of the sign-in by password.
#[track_caller]
fn gives_nothing_again(recorded: &Recorded, by_password: Range<usize>) {
    // Brokers may use a refresh token twice, for as long as this says: that is over now.
    let over = ["tenant", "set", "broker_reuse_minutes=0"];
    recorded.server.admin(&over).succeeded();
    let rows = recorded.relay.again();
    assert_eq!(rows.len(), recorded.relay.count());
    let mut gave = Vec::new();
    for row in &rows {
        let (kind, first, again) = (kind(row), gives(&row["first"]), gives(&row["again"]));
        let said = row["again"]["body"].as_str().unwrap_or_default();
        let number = said.split("AADSTS").nth(1).unwrap_or_default();
        let number: String = number.chars().take_while(char::is_ascii_digit).collect();
        println!(
            "{kind}: {} {first:?}, and again {} {again:?} {number}",
            row["first"]["status"], row["again"]["status"]
        );
        gave.extend(first.iter().map(|_| kind.clone()));
        match kind.as_str() {
            // The same certificate for the same request, and no second device: an answer that was lost can be had again.
            "POST device" => {
                let certificate = |answer: &Value| -> Value {
                    let body = answer["body"].as_str().unwrap_or_default();
                    let json: Value = serde_json::from_str(body).unwrap_or_default();
                    json["Certificate"]["RawBody"].clone()
                };
                assert!(certificate(&row["first"]).is_string());
                assert_eq!(certificate(&row["first"]), certificate(&row["again"]));
            }
            // A code that was right is right no more.
            "POST EndAuth" => assert!(!said.contains("\"Success\":true"), "{said}"),
            _ => assert_eq!(again, [""; 0], "{kind} gave something again: {row:#}"),
        }
        // Limits would say nothing of what is behind them.
        assert_ne!(row["again"]["status"], 429, "{kind}");
    }
    for kind in [
        "token authorization_code",
        "token refresh_token",
        "token jwt-bearer",
        "POST device",
    ] {
        assert!(gave.iter().any(|gave| gave == kind), "{kind} in {gave:#?}");
    }
    // The password was right, and its answer had a session key: the nonce beside it was good for once.
    let of_password = &rows[by_password];
    let had_key = |row: &Value| gives(&row["first"]).contains(&"session_key_jwe");
    assert!(of_password.iter().any(had_key), "{of_password:#?}");
    // A code of a broker's sign-in by its primary refresh token, and one of the pages.
    let codes = rows.iter().filter(|row| {
        let gifts = gives(&row["first"]);
        gifts.contains(&"?code=") || gifts.contains(&"&code=")
    });
    assert!(codes.count() >= 2, "{rows:#?}");
}

#[test]
fn what_libhimmelblau_has_sent_gives_nothing_when_it_is_sent_again() {
    let recorded = Recorded::start();
    let otp = code(recorded.server.shown("/administrator/totp_secret"), 0);
    let by_password = live(&recorded, &otp);
    let before = recorded.kept();
    gives_nothing_again(&recorded, by_password);
    assert_eq!(recorded.kept(), before);
    assert_eq!((before.0, before.1.len()), (1, 1));
}

#[test]
fn what_was_used_stays_used_after_a_kill() {
    let mut recorded = Recorded::start();
    let password = "a long first password 1";
    recorded.server.add_person("bob", password);
    let given = recorded.server.admin_json(&["user", "access-pass", "bob"]);
    let pass = given["access_pass"].as_str().expect("a pass").to_owned();
    let with_pass = ["--tap", pass.as_str(), "--force-mfa"];
    let by_pass = recorded.device("by-pass");
    by_pass.step("headless", BOB, &with_pass).done();

    let otp = code(recorded.server.shown("/administrator/totp_secret"), 1);
    let by_password = live(&recorded, &otp);
    let (before, count) = (recorded.kept(), recorded.relay.count());
    let (status, _) = recorded.server.end_by("-KILL");
    assert!(!status.success());
    recorded.server.serve();
    // The code first, while its half minute lasts: in a sign-in of its own.
    let stranger = recorded.device("stranger");
    let upn = recorded.administrator();
    let secret = recorded.server.shown("/administrator/password");
    let typed = ["--password", secret, "--otp", &otp, "--force-mfa"];
    let refused = stranger.step("headless", upn, &typed);
    assert!(refused.says("invalid-code"), "{refused:#?}");
    let again = recorded.device("again");
    let refused = again.step("headless", BOB, &with_pass);
    assert!(!refused.done, "a pass was used twice: {refused:#?}");

    assert!(recorded.relay.count() > count, "they reached the tenant");
    gives_nothing_again(&recorded, by_password);
    assert_eq!(recorded.kept(), before);
}
