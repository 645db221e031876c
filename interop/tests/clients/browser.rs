//! A headless browser walks the sign-in and second-factor pages, without scripts.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crypto::totp::TotpSecret;
use keyporch_interop::Lab;

use crate::webdriver::Browser;

/// The client of the administration, which any account may begin a sign-in for.
const CLIENT: &str = "3f6f9f0a-8c39-4d5e-9c0f-6b2d7a1e5c44";
const RESOURCE: &str = "urn:keyporch:administration";
/// RFC 7636 appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The loopback address at which a program waits for its code. It answers at once, for the browser's driver
/// waits for the page before it says that a form was sent.
struct Callback {
    port: u16,
    targets: Receiver<String>,
}

impl Callback {
    fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (sender, targets) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let target = answer(stream).unwrap_or_default();
                if target.starts_with("/keyporch") && sender.send(target).is_err() {
                    break;
                }
            }
        });
        Self { port, targets }
    }

    fn uri(&self) -> String {
        format!("http://127.0.0.1:{}/keyporch", self.port)
    }

    /// The target of the first request for the redirect URI.
    #[track_caller]
    fn received(&self, browser: &Browser) -> String {
        let waited = self.targets.recv_timeout(Duration::from_secs(20));
        waited.unwrap_or_else(|_| {
            panic!(
                "no code came; the browser shows {}:\n{}",
                browser.url(),
                browser.source()
            )
        })
    }
}

fn answer(mut stream: TcpStream) -> std::io::Result<String> {
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone")?;
    Ok(line.split(' ').nth(1).unwrap_or_default().to_owned())
}

fn authorize(lab: &Lab, callback: &Callback) -> String {
    let redirect = callback.uri().replace(':', "%3A").replace('/', "%2F");
    format!(
        "{}/adfs/oauth2/authorize?response_type=code&client_id={CLIENT}&resource={RESOURCE}&redirect_uri={redirect}\
         &code_challenge={CHALLENGE}&code_challenge_method=S256&state=opaque",
        lab.text("/federation/base")
    )
}

pub(crate) fn code(secret: &str, steps: u64) -> String {
    let secret = crypto::base32::decode(secret).expect("the secret is base 32");
    let secret = TotpSecret::new(&secret).expect("the secret is long enough");
    #[allow(clippy::disallowed_methods, reason = "an authenticator has a clock")]
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is later than 1970")
        .as_secs();
    secret.code(now / 30 + steps).to_string()
}

#[test]
fn a_person_signs_in_with_password_and_second_factor_and_mistakes_are_told() {
    let lab = Lab::start();
    let (browser, callback) = (Browser::start(), Callback::bind());
    browser.open(&authorize(&lab, &callback));
    assert!(browser.title().contains("Sign in"), "{}", browser.title());
    browser.fill("#i0116", lab.text("/admin/upn"));
    browser.fill("#i0118", "wrong");
    browser.follow("#password button");
    assert!(browser.has("[role=alert]"), "{}", browser.source());
    browser.fill("#i0116", lab.text("/admin/upn"));
    browser.fill("#i0118", lab.text("/admin/password"));
    browser.follow("#password button");

    let field = "input[autocomplete=one-time-code]";
    browser.fill(field, "000000");
    browser.follow("form button");
    assert!(browser.has("[role=alert]"), "{}", browser.source());
    browser.fill(field, &code(lab.text("/admin/totp_secret"), 1));
    browser.click("form button");
    let target = callback.received(&browser);
    assert!(
        target.contains("code=") && target.contains("state=opaque"),
        "{target}"
    );
}

#[test]
fn a_new_person_sets_up_an_authenticator_from_the_page() {
    let lab = Lab::start();
    let password = "a long first password 1";
    lab.add_person("carol", password);
    let (browser, callback) = (Browser::start(), Callback::bind());
    browser.open(&authorize(&lab, &callback));
    browser.fill("#i0116", "carol@corp.example");
    browser.fill("#i0118", password);
    browser.follow("#password button");
    assert!(browser.has("svg"), "no QR code:\n{}", browser.source());
    let secret = browser.text("#secret").replace(' ', "");
    browser.fill("input[autocomplete=one-time-code]", &code(&secret, 0));
    browser.follow("form button");
    assert!(browser.has("#recovery-codes"), "{}", browser.source());
}

#[test]
fn an_added_person_chooses_a_password_of_their_own_before_anything_else() {
    let lab = Lab::start();
    let (first, own) = ("a long first password 1", "another of her own choice");
    let file = lab.scratch().join("erin.password");
    std::fs::write(&file, first).expect("there is room for a file");
    let file = file.to_str().expect("a temporary path is text");
    lab.keyporch(&["admin", "user", "add", "erin", "--password-file", file])
        .succeeded();
    let (browser, callback) = (Browser::start(), Callback::bind());
    browser.open(&authorize(&lab, &callback));
    browser.fill("#i0116", "erin@corp.example");
    browser.fill("#i0118", first);
    browser.follow("#password button");
    assert!(
        browser.title().contains("Choose a new password"),
        "{}",
        browser.source()
    );
    for (new, again) in [(own, "not the same"), (first, first)] {
        browser.fill("#new-password-field", new);
        browser.fill("#confirm-new-password", again);
        browser.follow("#new-password button");
        assert!(browser.has("[role=alert]"), "{}", browser.source());
    }
    browser.fill("#new-password-field", own);
    browser.fill("#confirm-new-password", own);
    browser.follow("#new-password button");
    assert!(browser.has("svg"), "no QR code:\n{}", browser.source());
    let secret = browser.text("#secret").replace(' ', "");
    browser.fill("input[autocomplete=one-time-code]", &code(&secret, 0));
    browser.follow("form button");
    assert!(browser.has("#recovery-codes"), "{}", browser.source());
    browser.click("#acknowledgement button");
    let target = callback.received(&browser);
    assert!(target.contains("code="), "{target}");
}

#[test]
fn a_redirect_to_a_stranger_is_refused_on_the_page() {
    let lab = Lab::start();
    let (browser, callback) = (Browser::start(), Callback::bind());
    let url = authorize(&lab, &callback).replace("127.0.0.1%3A", "stranger.example%3A");
    browser.open(&url);
    assert!(
        browser.url().starts_with(lab.text("/federation/base")),
        "{}",
        browser.url()
    );
    assert!(!browser.has("#i0118"), "{}", browser.source());
}
