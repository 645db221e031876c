use std::io::Read as _;
use std::net::TcpListener;
use std::thread;

use trust::SystemRng;
use zeroize::Zeroizing;

use super::{client, one_exchange};
use crate::sign_in::{Endpoints, Person, Question, SignIn, SignInFault, Wish};

/// A server that gives one answer to each request after another, and then the requests that it got. `{port}` in
/// an answer is its port, `{state}` the state of the first request.
fn server(answers: Vec<&'static str>) -> (u16, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = thread::spawn(move || {
        let mut requests: Vec<String> = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            // The state is in the first request, and the answer is made when a request has come.
            let state = requests
                .first()
                .map(|first| between(first, "state=", '&'))
                .unwrap_or_default();
            let answer = answer
                .replace("{port}", &port.to_string())
                .replace("{state}", &state);
            requests.extend(one_exchange(&mut stream, &answer));
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
        requests
    });
    (port, serving)
}

fn between(text: &str, before: &str, after: char) -> String {
    let rest = text
        .split_once(before)
        .map(|(_, rest)| rest)
        .unwrap_or_default();
    rest.split([after, ' '])
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn wish(port: u16) -> Wish {
    Wish {
        endpoints: Endpoints::of_federation(&format!("http://localhost:{port}")),
        client_id: "dd762716-544d-4aeb-a526-687b73838a22".into(),
        redirect_uri: "http://127.0.0.1/".into(),
        resource: "urn:ms-drs:enterpriseregistration.corp.example".into(),
        scope: "openid".into(),
        login_hint: None,
        fresh_second_factor: true,
    }
}

/// Answers by a list, and notes what it was asked.
#[derive(Default)]
struct Script {
    answers: Vec<&'static str>,
    asked: Vec<(Question, Option<String>)>,
    shown: Vec<String>,
}

impl Person for Script {
    fn answer(&mut self, question: Question, problem: Option<&str>) -> Option<Zeroizing<String>> {
        self.asked.push((question, problem.map(str::to_owned)));
        (!self.answers.is_empty()).then(|| Zeroizing::new(self.answers.remove(0).to_owned()))
    }

    fn enrol_authenticator(&mut self, uri: &str, secret: &str) {
        self.shown.push(format!("{uri} {secret}"));
    }

    fn keep_recovery_codes(&mut self, codes: &[String]) -> bool {
        self.shown.extend_from_slice(codes);
        true
    }
}

const PASSWORD: &str = "HTTP/1.1 200 OK\r\nSet-Cookie: browser=b1; Path=/\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n\
    <form id=\"password\" method=\"post\" action=\"/adfs/oauth2/authorize?x=1&amp;y=2\"><input type=\"hidden\" name=\"FormToken\" value=\"t1\">\
    <input type=\"text\" name=\"UserName\"><input type=\"password\" name=\"Password\"></form>";
const WRONG: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<p id=\"error\">wrong name or password</p>\
    <form id=\"password\" method=\"post\" action=\"/adfs/oauth2/authorize\"><input type=\"text\" name=\"UserName\"><input type=\"password\" name=\"Password\"></form>";
const TOTP: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<form id=\"totp\" method=\"post\" action=\"/adfs/oauth2/authorize\">\
    <input type=\"hidden\" name=\"Context\" value=\"c1\"><input type=\"text\" name=\"VerificationCode\"></form>";
const TOTP_WRONG: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<p id=\"error\">that code is not right</p><form id=\"totp\" method=\"post\" action=\"/adfs/oauth2/authorize\">\
    <input type=\"hidden\" name=\"Context\" value=\"c2\"><input type=\"text\" name=\"VerificationCode\"></form>";
const CODE: &str = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/?code=abc%2B&state={state}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const TOKENS: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"access_token\":\"a.b.c\",\"expires_in\":\"3600\"}";

#[test]
fn forms_are_filled_until_there_is_a_code_and_the_code_becomes_a_token() {
    let (port, serving) = server(vec![PASSWORD, TOTP, CODE, TOKENS]);
    let client = client("first.pem", None);
    let mut person = Script {
        answers: vec!["alice@corp.example", "p&w", "123456"],
        ..Script::default()
    };
    let code = SignIn::new(&client, wish(port), &mut SystemRng)
        .run(&mut person)
        .unwrap();
    let tokens = code.redeem(&client).unwrap();
    assert_eq!(
        (tokens.access_token.as_str(), tokens.expires_in),
        ("a.b.c", 3600)
    );
    let requests = serving.join().unwrap();
    assert!(
        requests[0].contains("code_challenge_method=S256")
            && requests[0].contains("amr_values=ngcmfa")
    );
    assert!(
        requests[1].starts_with("POST /adfs/oauth2/authorize?x=1&y=2 HTTP/1.1"),
        "{}",
        requests[1]
    );
    assert!(
        requests[1].ends_with("FormToken=t1&UserName=alice%40corp.example&Password=p%26w"),
        "{}",
        requests[1]
    );
    assert!(
        requests[1].contains("cookie: browser=b1\r\n"),
        "{}",
        requests[1]
    );
    assert!(
        requests[2].ends_with("Context=c1&VerificationCode=123456"),
        "{}",
        requests[2]
    );
    assert!(requests[3].contains("code=abc%2B&"), "{}", requests[3]);
    // RFC 7636 4.6: the verifier is the one whose digest was sent.
    let challenge = between(&requests[0], "code_challenge=", '&');
    assert_eq!(
        token::pkce::challenge_of(&between(&requests[3], "code_verifier=", '&')),
        challenge
    );
}

#[test]
fn a_wrong_password_is_asked_for_again_with_the_reason() {
    let (port, _serving) = server(vec![PASSWORD, WRONG, CODE]);
    let client = client("first.pem", None);
    let mut person = Script {
        answers: vec!["alice", "wrong", "alice", "right"],
        ..Script::default()
    };
    SignIn::new(&client, wish(port), &mut SystemRng)
        .run(&mut person)
        .unwrap();
    assert_eq!(
        person.asked[2],
        (Question::Name, Some("wrong name or password".into()))
    );
}

#[test]
fn a_wrong_code_ends_the_try_and_the_sign_in_goes_on_where_it_stood() {
    let (port, serving) = server(vec![PASSWORD, TOTP, TOTP_WRONG, CODE]);
    let client = client("first.pem", None);
    let mut sign_in = SignIn::new(&client, wish(port), &mut SystemRng);
    let mut person = Script {
        answers: vec!["alice", "right", "000000", "123456"],
        ..Script::default()
    };
    let Err(SignInFault::SecondFactor(said)) = sign_in.run(&mut person) else {
        panic!()
    };
    assert_eq!(said, "that code is not right");
    sign_in.run(&mut person).unwrap();
    assert!(serving.join().unwrap()[3].ends_with("Context=c2&VerificationCode=123456"));
}

#[test]
fn an_authenticator_is_set_up_in_the_terminal() {
    let enrolment = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<a id=\"secret-uri\" href=\"otpauth://totp/x?secret=AB&amp;issuer=Corp\">here</a><code id=\"secret\">ABCD EFGH</code>\
        <form id=\"enrolment\" method=\"post\" action=\"/e\"><input type=\"text\" name=\"VerificationCode\"></form>";
    let acknowledgement = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<ol id=\"recovery-codes\"><li><code>r1</code></li><li><code>r2</code></li></ol>\
        <form id=\"acknowledgement\" method=\"post\" action=\"/a\"></form>";
    let (port, _serving) = server(vec![PASSWORD, enrolment, acknowledgement, CODE]);
    let client = client("first.pem", None);
    let mut person = Script {
        answers: vec!["alice", "right", "123456"],
        ..Script::default()
    };
    SignIn::new(&client, wish(port), &mut SystemRng)
        .run(&mut person)
        .unwrap();
    assert_eq!(
        person.shown,
        [
            "otpauth://totp/x?secret=AB&issuer=Corp ABCD EFGH",
            "r1",
            "r2"
        ]
    );
}

#[test]
fn nothing_is_sent_to_another_server_and_no_foreign_answer_is_taken() {
    let elsewhere = "HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let form_elsewhere = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<form id=\"password\" method=\"post\" action=\"https://evil.example/\"><input type=\"password\" name=\"Password\"></form>";
    let other_state = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/?code=abc&state=other\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for answer in [elsewhere, form_elsewhere, other_state] {
        let (port, _serving) = server(vec![answer]);
        let client = client("first.pem", None);
        let mut person = Script {
            answers: vec!["secret"],
            ..Script::default()
        };
        let outcome = SignIn::new(&client, wish(port), &mut SystemRng).run(&mut person);
        assert!(
            matches!(outcome, Err(SignInFault::NotUnderstood(_))),
            "{answer}"
        );
    }
}

#[test]
fn a_refusal_is_told_in_the_service_s_own_words() {
    let page = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<p id=\"error\">This application is not known.</p><p id=\"trace\">4711</p>";
    let redirected = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/?error=access_denied&error_description=No+way&state={state}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for (answers, said) in [
        (
            vec![page],
            "the sign-in was refused: This application is not known. (for the administrator: 4711)",
        ),
        (
            vec![PASSWORD, redirected],
            "the sign-in was refused: No way",
        ),
    ] {
        let (port, _serving) = server(answers);
        let client = client("first.pem", None);
        let mut person = Script {
            answers: vec!["alice", "secret"],
            ..Script::default()
        };
        let fault = SignIn::new(&client, wish(port), &mut SystemRng)
            .run(&mut person)
            .err()
            .unwrap();
        assert_eq!(fault.to_string(), said);
    }
}

#[test]
fn whoever_does_not_answer_cancels() {
    let (port, _serving) = server(vec![PASSWORD]);
    let client = client("first.pem", None);
    let outcome = SignIn::new(&client, wish(port), &mut SystemRng).run(&mut Script::default());
    assert!(matches!(outcome, Err(SignInFault::Cancelled)));
}

const NEW_PASSWORD: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<form id=\"new-password\" method=\"post\" action=\"/adfs/oauth2/authorize\">\
    <input type=\"hidden\" name=\"Context\" value=\"c1\"><input type=\"password\" name=\"NewPassword\"><input type=\"password\" name=\"ConfirmNewPassword\"></form>";
const NEW_PASSWORD_REFUSED: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<p id=\"error\">The new password is too short.</p><form id=\"new-password\" method=\"post\" action=\"/adfs/oauth2/authorize\">\
    <input type=\"hidden\" name=\"Context\" value=\"c1\"><input type=\"password\" name=\"NewPassword\"><input type=\"password\" name=\"ConfirmNewPassword\"></form>";

#[test]
fn a_new_password_is_asked_for_once_sent_twice_and_asked_for_again_in_the_services_words() {
    let (port, serving) = server(vec![
        PASSWORD,
        NEW_PASSWORD,
        NEW_PASSWORD_REFUSED,
        TOTP,
        CODE,
    ]);
    let client = client("first.pem", None);
    let mut person = Script {
        answers: vec!["alice", "right", "short", "long enough", "123456"],
        ..Script::default()
    };
    SignIn::new(&client, wish(port), &mut SystemRng)
        .run(&mut person)
        .unwrap();
    assert_eq!(
        person.asked[2..4],
        [
            (Question::NewPassword, None),
            (
                Question::NewPassword,
                Some("The new password is too short.".into())
            )
        ]
    );
    let requests = serving.join().unwrap();
    assert!(
        requests[3]
            .ends_with("Context=c1&NewPassword=long%20enough&ConfirmNewPassword=long%20enough"),
        "{}",
        requests[3]
    );
}

#[test]
fn whoever_has_no_other_new_password_is_told_why_the_one_was_refused() {
    let (port, _serving) = server(vec![PASSWORD, NEW_PASSWORD, NEW_PASSWORD_REFUSED]);
    let client = client("first.pem", None);
    let mut person = Script {
        answers: vec!["alice", "right", "short"],
        ..Script::default()
    };
    let outcome = SignIn::new(&client, wish(port), &mut SystemRng).run(&mut person);
    assert!(
        matches!(&outcome, Err(SignInFault::Refused(said)) if said == "The new password is too short.")
    );
}

const UPDATE: &str = "HTTP/1.1 200 OK\r\nSet-Cookie: browser=b1; Path=/\r\nConnection: close\r\n\r\n<form id=\"update-password\" method=\"post\" action=\"/adfs/portal/updatepassword\">\
    <input type=\"hidden\" name=\"FormToken\" value=\"t1\"><input name=\"UserName\" required id=\"u\"><input name=\"OldPassword\"><input name=\"NewPassword\">\
    <input name=\"ConfirmNewPassword\"><input name=\"VerificationCode\"></form>";
const UPDATE_REFUSED: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<p id=\"error\">wrong name or password</p><form id=\"update-password\" method=\"post\" action=\"/adfs/portal/updatepassword\">\
    <input type=\"hidden\" name=\"FormToken\" value=\"t1\"><input name=\"UserName\"><input name=\"OldPassword\"><input name=\"NewPassword\">\
    <input name=\"ConfirmNewPassword\"><input name=\"VerificationCode\"></form>";
const UPDATE_CODE: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<p id=\"error\">the code too</p><form id=\"update-password\" method=\"post\" action=\"/adfs/portal/updatepassword\">\
    <input type=\"hidden\" name=\"FormToken\" value=\"t1\"><input name=\"UserName\"><input name=\"OldPassword\"><input name=\"NewPassword\">\
    <input name=\"ConfirmNewPassword\"><input name=\"VerificationCode\" required id=\"c\"></form>";
const UPDATED: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<p id=\"done\">Your password has been changed.</p>";

fn change(port: u16, name: Option<&str>, person: &mut Script) -> Result<String, SignInFault> {
    let base = format!("http://localhost:{port}");
    crate::password::change_password(&client("first.pem", None), &base, name, person)
}

#[test]
fn a_password_is_changed_on_its_page_and_the_code_is_asked_for_alone_where_it_is_wanted() {
    let (port, serving) = server(vec![
        UPDATE,
        UPDATE_REFUSED,
        UPDATE_CODE,
        UPDATE_CODE,
        UPDATED,
    ]);
    let mut person = Script {
        answers: vec![
            "alice", "wrong", "new one", "alice", "right", "new one", "000000", "123456",
        ],
        ..Script::default()
    };
    assert_eq!(change(port, None, &mut person).unwrap(), "alice");
    let problem = |said: &str| Some(said.to_owned());
    assert_eq!(
        person.asked,
        [
            (Question::Name, None),
            (Question::Password, None),
            (Question::NewPassword, None),
            (Question::Name, problem("wrong name or password")),
            (Question::Password, None),
            (Question::NewPassword, None),
            (Question::Code, None),
            (Question::Code, problem("the code too")),
        ]
    );
    let requests = serving.join().unwrap();
    assert!(requests[0].starts_with("GET /adfs/portal/updatepassword HTTP/1.1"));
    assert!(
        requests[1].ends_with(
            "FormToken=t1&UserName=alice&OldPassword=wrong&NewPassword=new%20one&ConfirmNewPassword=new%20one&VerificationCode="
        ),
        "{}",
        requests[1]
    );
    assert!(requests[4].contains("cookie: browser=b1\r\n"));
    assert!(requests[4].ends_with(
        "OldPassword=right&NewPassword=new%20one&ConfirmNewPassword=new%20one&VerificationCode=123456"
    ));
}

#[test]
fn a_change_that_is_refused_says_why_and_sends_nothing_elsewhere() {
    let (port, _serving) = server(vec![UPDATE, UPDATE_REFUSED]);
    let mut person = Script {
        answers: vec!["wrong", "new one"],
        ..Script::default()
    };
    let outcome = change(port, Some("alice"), &mut person);
    assert!(
        matches!(&outcome, Err(SignInFault::Refused(said)) if said == "wrong name or password")
    );
    let elsewhere = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<form id=\"update-password\" method=\"post\" action=\"https://evil.example/\"><input name=\"OldPassword\"></form>";
    let refused =
        "HTTP/1.1 429 Too Many\r\nConnection: close\r\n\r\n<p id=\"error\">Too many attempts.</p>";
    let (port, _serving) = server(vec![elsewhere]);
    let mut person = Script {
        answers: vec!["right"],
        ..Script::default()
    };
    assert!(matches!(
        change(port, None, &mut person),
        Err(SignInFault::NotUnderstood(_))
    ));
    let (port, _serving) = server(vec![refused]);
    assert!(matches!(
        change(port, None, &mut Script::default()),
        Err(SignInFault::Refused(said)) if said == "Too many attempts."
    ));
}

/// What a device shows of who is signed in on it.
fn credentials() -> hello::prt::Credentials {
    hello::prt::Credentials {
        refresh_token: Zeroizing::new("person".to_owned()),
        device: Zeroizing::new("device".to_owned()),
    }
}

#[test]
fn a_page_for_brokers_says_whether_the_person_is_needed_or_refused() {
    // Protocols A.5.1, A.11.2: the page comes with status 200, whatever it says.
    const PAGE: &str =
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}";
    let page = |config: &str| {
        let body = format!(
            "<html><script>//<![CDATA[\n$Config={{\"sessionId\":\"s\",{config}}};\n//]]></script></html>"
        );
        let answer = PAGE
            .replace("{length}", &body.len().to_string())
            .replace("{body}", &body);
        &*Box::leak(answer.into_boxed_str())
    };
    let asked = |config: &str| {
        let (port, serving) = server(vec![page(config)]);
        let client = client("first.pem", None);
        let sign_in = SignIn::new(&client, wish(port), &mut SystemRng);
        let said = sign_in.silently(credentials()).err().expect("no code came");
        (said, serving.join().unwrap().remove(0))
    };
    let (said, request) = asked(r#""sErrorCode":"50076","sErrTxt":"A second factor is required.""#);
    assert!(matches!(said, SignInFault::Interaction(_)), "{said}");
    let request = request.to_ascii_lowercase();
    assert!(request.contains("prompt=none"));
    assert!(request.contains("x-ms-refreshtokencredential: person"));
    assert!(request.contains("x-ms-devicecredential: device"));
    let (said, _) = asked(r#""pgid":"ConvergedTFA""#);
    assert!(matches!(said, SignInFault::Interaction(_)), "{said}");
    let (said, _) = asked(r#""sErrorCode":"50155","sErrTxt":"No device.""#);
    assert_eq!(
        said.to_string(),
        "the sign-in was refused: No device. (AADSTS50155)"
    );
}
