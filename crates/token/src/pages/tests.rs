//! The pages, as a browser and a terminal see them.

use wire::Guid;
use zeroize::Zeroizing;

use super::*;
use crate::client::FrontChannel;
use crate::factor::Form;
use crate::totp::TotpSecret;

const FORMS: [Form; 2] = [
    Form {
        adapter: "totp",
        field: "VerificationCode",
        label: "Verification code",
        hint: "Six digits.",
        digits: true,
    },
    Form {
        adapter: "recovery-code",
        field: "RecoveryCode",
        label: "Recovery code",
        hint: "Once.",
        digits: false,
    },
];

fn password_page(user_name: &str, error: Option<&str>) -> Page {
    password(&Password {
        organisation: "corp.example",
        going_to: "device registration",
        action: "/adfs/oauth2/authorize?client_id=a&state=b%26c",
        form_token: "token",
        domain: "corp.example",
        user_name,
        error,
    })
}

fn factor_page(forms: &[Form]) -> Page {
    second_factor(&SecondFactor {
        organisation: "corp.example",
        action: "/adfs/oauth2/authorize",
        context: "context",
        form_token: "token",
        forms,
        error: Some("That code is not right."),
    })
}

#[test]
fn the_first_page_asks_for_name_and_password() {
    let read = reader::read(&password_page("", None).html);
    let form = read.form("password").unwrap();
    assert_eq!(
        form.action,
        "/adfs/oauth2/authorize?client_id=a&state=b%26c"
    );
    assert_eq!(form.hidden, [("FormToken".to_owned(), "token".to_owned())]);
    assert_eq!(form.fields, ["UserName", "Password"]);
    assert_eq!(read.error, None);
}

#[test]
fn what_a_peer_sent_cannot_become_markup() {
    let hostile = "\"><script>alert(1)</script>&amp;";
    let page = password_page(hostile, Some(hostile));
    assert!(!page.html.contains("<script"));
    assert_eq!(reader::read(&page.html).error.as_deref(), Some(hostile));
    let refused = refused(hostile, 400, hostile, Guid::NIL);
    assert!(!refused.html.contains("<script"));
}

#[test]
fn the_second_page_has_a_form_for_each_adapter() {
    let read = reader::read(&factor_page(&FORMS).html);
    assert_eq!(read.error.as_deref(), Some("That code is not right."));
    let fields: Vec<_> = read
        .forms
        .iter()
        .map(|form| (form.id.as_str(), form.fields.clone()))
        .collect();
    assert_eq!(
        fields,
        [
            ("totp", vec!["VerificationCode".to_owned()]),
            (
                "recovery-code",
                vec!["RecoveryCode".to_owned(), "LostAuthenticator".to_owned()]
            )
        ]
    );
    let hidden = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        read.forms[1].hidden,
        [
            hidden("Context", "context"),
            hidden("FormToken", "token"),
            hidden("AuthMethod", "recovery-code")
        ]
    );
}

#[test]
fn the_enrolment_page_has_the_secret_as_picture_text_and_link() {
    let secret = TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    let page = enrolment(&Enrolment {
        organisation: "corp.example",
        action: "/adfs/oauth2/authorize",
        context: "context",
        form_token: "token",
        account: "alice@corp.example",
        secret: &secret,
        offered: false,
        error: None,
    });
    let read = reader::read(&page.html);
    assert_eq!(
        read.secret.as_deref(),
        Some("GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ")
    );
    assert_eq!(
        read.secret_uri.as_deref(),
        Some(secret.uri("corp.example", "alice@corp.example").as_str())
    );
    assert_eq!(read.form("enrolment").unwrap().fields, ["VerificationCode"]);
    assert!(page.html.contains("<svg ") && read.form("not-now").is_none());
}

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn whoever_is_offered_an_authenticator_may_go_on_without() {
    let secret = TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    let page = enrolment(&Enrolment {
        organisation: "corp.example",
        action: "/authorize",
        context: "context",
        form_token: "token",
        account: "dora@corp.example",
        secret: &secret,
        offered: true,
        error: None,
    });
    let read = reader::read(&page.html);
    let not_now = read.form("not-now").unwrap();
    assert_eq!(
        not_now.hidden,
        [
            field("Context", "context"),
            field("FormToken", "token"),
            field("NotNow", "true")
        ]
    );
    assert!(not_now.fields.is_empty() && read.form("enrolment").is_some());
}

fn front_channel(uri: &str) -> FrontChannel {
    FrontChannel {
        uri: uri.into(),
        session: true,
    }
}

#[test]
fn the_page_after_signing_out_frames_the_pages_of_the_applications_and_no_other() {
    let (wiki, notes) = (
        front_channel("https://wiki.example/bye"),
        front_channel("https://notes.example/out?a=1"),
    );
    let ended = |page, sid| Ended {
        page,
        issuer: "https://login.example/1/v2.0",
        sid,
    };
    let page = signing_out(
        "o",
        &[ended(&wiki, "s-1"), ended(&notes, "s-2")],
        Some("https://wiki.example/home?state=x&y=1"),
    );
    let issuer = "iss=https%3A%2F%2Flogin.example%2F1%2Fv2.0";
    assert_eq!(page.html.matches("<iframe ").count(), 2);
    for address in [
        format!("https://wiki.example/bye?{issuer}&amp;sid=s-1"),
        format!("https://notes.example/out?a=1&amp;{issuer}&amp;sid=s-2"),
    ] {
        assert!(
            page.html.contains(&format!("src=\"{address}\"")),
            "{address}"
        );
    }
    let to = "https://wiki.example/home?state=x&amp;y=1";
    let refresh = format!("<meta http-equiv=\"refresh\" content=\"2;url={to}\">");
    assert!(page.html.contains(&refresh) && page.html.contains(&format!("href=\"{to}\"")));
    let response = page.into_response();
    let policy = response
        .headers
        .get_only("content-security-policy")
        .unwrap();
    assert!(
        policy.contains(
            "; frame-src https://wiki.example/bye https://notes.example/out; form-action"
        )
    );
    let nowhere = signing_out("o", &[ended(&wiki, "s-1")], None);
    assert!(!nowhere.html.contains("refresh") && !nowhere.html.contains("href="));
    let response = signed_out("o").into_response();
    let policy = response
        .headers
        .get_only("content-security-policy")
        .unwrap();
    assert!(!policy.contains("frame-src"));
}

#[test]
fn the_page_that_asks_for_an_organisation_carries_the_request_on() {
    let request = [
        ("client_id", "wiki"),
        ("redirect_uri", "https://wiki.example/done?x"),
        ("state", "a\"><b"),
        ("login_hint", "alice@nowhere.example"),
    ];
    let page = |request| {
        realm(&Realm {
            host: "login.example",
            action: "/common/oauth2/authorize",
            request,
        })
    };
    let shown = page(&request);
    let read = reader::read(&shown.html);
    let form = read.form("realm").unwrap();
    assert_eq!(form.action, "/common/oauth2/authorize");
    assert_eq!(
        form.hidden,
        [
            field("client_id", "wiki"),
            field("redirect_uri", "https://wiki.example/done?x"),
            field("state", "a\"><b"),
        ]
    );
    assert_eq!(form.fields, ["login_hint"]);
    assert!(read.error.is_some() && shown.html.contains("value=\"alice@nowhere.example\""));
    let response = shown.into_response();
    let policy = response
        .headers
        .get_only("content-security-policy")
        .unwrap();
    assert!(policy.contains("form-action 'self' https://wiki.example;"));
    assert!(reader::read(&page(&request[..3]).html).error.is_none());
}

#[test]
fn no_address_that_a_peer_sends_says_anything_else_in_a_policy() {
    for uri in [
        "https://evil.example; script-src *",
        "https://*.example/",
        "https://'self'/",
        "https://",
        "java script:x",
        "; script-src *:x",
    ] {
        let request = [("redirect_uri", uri)];
        let page = realm(&Realm {
            host: "login.example",
            action: "/common/oauth2/authorize",
            request: &request,
        });
        let response = page.into_response();
        let policy = response
            .headers
            .get_only("content-security-policy")
            .unwrap();
        assert!(policy.contains("form-action 'self'; base-uri"), "{policy}");
    }
}

fn new_password_page(error: Option<&str>) -> Page {
    new_password(&NewPassword {
        organisation: "corp.example",
        action: "/adfs/oauth2/authorize",
        context: "context",
        form_token: "token",
        account: "alice@corp.example",
        rules: "At least 8 characters.",
        error,
    })
}

fn update_password_page(user_name: &str, error: Option<&str>) -> Page {
    update_password(&UpdatePassword {
        organisation: "corp.example",
        action: "/adfs/portal/updatepassword",
        form_token: "token",
        domain: "corp.example",
        user_name,
        rules: "At least 8 characters.",
        code_needed: error == Some("Enter the code."),
        error,
    })
}

#[test]
fn the_pages_for_a_new_password_ask_for_it_twice() {
    let read = reader::read(&new_password_page(Some("too short")).html);
    let form = read.form("new-password").unwrap();
    assert_eq!(form.fields, ["NewPassword", "ConfirmNewPassword"]);
    assert_eq!(form.hidden.len(), 2);
    assert_eq!(read.error.as_deref(), Some("too short"));
    let hostile = "\"><script>alert(1)</script>";
    let page = update_password_page(hostile, Some(hostile));
    assert!(!page.html.contains("<script"));
    let read = reader::read(&page.html);
    assert_eq!(
        read.form("update-password").unwrap().fields,
        [
            "UserName",
            "OldPassword",
            "NewPassword",
            "ConfirmNewPassword",
            "VerificationCode"
        ]
    );
    let required = |page: &Page| reader::read(&page.html).forms.remove(0).required;
    assert!(!required(&page).contains(&"VerificationCode".to_owned()));
    let page = update_password_page("alice", Some("Enter the code."));
    assert!(required(&page).contains(&"VerificationCode".to_owned()));
    let done = reader::read(&password_updated("corp.example").html);
    assert_eq!(
        done.done.as_deref(),
        Some("Your password has been changed.")
    );
    assert!(done.forms.is_empty() && done.error.is_none());
}

#[test]
fn recovery_codes_are_on_the_page_that_gives_them_and_on_no_other() {
    let codes = [
        Zeroizing::new("AAAA-BBBB".to_owned()),
        Zeroizing::new("CCCC-DDDD".to_owned()),
    ];
    let shown = reader::read(&acknowledgement("corp.example", "/a", "c", "t", &codes).html);
    assert_eq!(shown.recovery_codes, ["AAAA-BBBB", "CCCC-DDDD"]);
    assert!(shown.form("acknowledgement").is_some());
    let again = reader::read(&acknowledgement("corp.example", "/a", "c", "t", &[]).html);
    assert!(again.recovery_codes.is_empty() && again.form("acknowledgement").is_some());
}

#[test]
fn every_page_is_accessible_and_scriptless() {
    let secret = TotpSecret::parse("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
    let enrolment = enrolment(&Enrolment {
        organisation: "o",
        action: "/",
        context: "c",
        form_token: "t",
        account: "a",
        secret: &secret,
        offered: false,
        error: None,
    });
    let pages = [
        password_page("", Some("wrong")),
        new_password_page(Some("wrong")),
        update_password_page("", None),
        password_updated("o"),
        factor_page(&FORMS),
        factor_page(&[]),
        enrolment,
        acknowledgement("o", "/", "c", "t", &[]),
        refused("o", 400, "No.", Guid::NIL),
        signed_out("o"),
        signing_out(
            "o",
            &[Ended {
                page: &front_channel("https://app.example/bye"),
                issuer: "https://login.example/",
                sid: "s",
            }],
            Some("https://app.example/"),
        ),
        realm(&Realm {
            host: "login.example",
            action: "/common/oauth2/authorize",
            request: &[("client_id", "wiki")],
        }),
        sign_out("o", "/", "t"),
        form_post(
            "o",
            "https://app.example/",
            "https://app.example".into(),
            &[("code", "c")],
        ),
    ];
    for page in pages {
        let html = &page.html;
        assert!(html.starts_with("<!DOCTYPE html><html lang=\"en\">"));
        assert_eq!(html.matches("<h1>").count(), 1);
        assert_eq!(html.matches("<main>").count(), 1);
        assert!(!html.contains("<script") && !html.contains(" style="));
        let handler = |tag: &str| {
            tag.split(' ')
                .any(|part| part.starts_with("on") && part.contains('='))
        };
        assert!(
            !html
                .split('<')
                .any(|tag| handler(tag.split('>').next().unwrap()))
        );
        for input in html.split("<input").skip(1) {
            let tag = input.split('>').next().unwrap();
            if tag.contains("type=\"hidden\"") || tag.contains("type=\"checkbox\"") {
                continue;
            }
            let id = tag
                .split(" id=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            assert!(
                html.contains(&format!("<label for=\"{id}\">")),
                "a label for {id}"
            );
        }
        assert_eq!(html.matches("<input").count() > 0, html.contains("<form"));
    }
}

#[test]
fn headers_forbid_frames_scripts_and_keeping() {
    let response = password_page("", None)
        .leading_to("https://app.example".into())
        .into_response();
    let value = |name: &str| response.headers.get_only(name).unwrap();
    let policy = value("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(policy.contains("form-action 'self' https://app.example;"));
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
    assert_eq!(value("x-frame-options"), "DENY");
    assert_eq!(value("cache-control"), "no-store");
}

#[test]
fn the_reader_survives_any_text() {
    for html in [
        "",
        "<",
        "<form",
        "<form id=",
        "<form id=\"",
        "<form id=\"a\" <",
        "<a b c",
        "</",
        "<input name=\"x\"",
        "é<é é=\"é\">é",
    ] {
        let _ = reader::read(html);
    }
}

#[test]
fn a_log_has_neither_the_token_of_a_form_nor_what_a_page_shows_once() {
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let word = "form-token";
    let inputs = [
        format!(
            "{:?}",
            Password {
                organisation: "corp.example",
                going_to: "device registration",
                action: "/",
                form_token: word,
                domain: "corp.example",
                user_name: "alice",
                error: None,
            }
        ),
        format!(
            "{:?}",
            SecondFactor {
                organisation: "corp.example",
                action: "/",
                context: word,
                form_token: word,
                forms: &FORMS,
                error: None,
            }
        ),
        format!(
            "{:?}",
            Enrolment {
                organisation: "corp.example",
                action: "/",
                context: word,
                form_token: word,
                account: "alice",
                secret: &TotpSecret::parse(SECRET).unwrap(),
                offered: true,
                error: None,
            }
        ),
        format!(
            "{:?}",
            NewPassword {
                organisation: "corp.example",
                action: "/",
                context: word,
                form_token: word,
                account: "alice",
                rules: "",
                error: None,
            }
        ),
        format!(
            "{:?}",
            UpdatePassword {
                organisation: "corp.example",
                action: "/",
                form_token: word,
                domain: "corp.example",
                user_name: "alice",
                rules: "",
                code_needed: false,
                error: None,
            }
        ),
        format!(
            "{:?}",
            reader::Read {
                forms: vec![reader::Form {
                    hidden: vec![("FormToken".to_owned(), word.to_owned())],
                    ..reader::Form::default()
                }],
                secret_uri: Some(format!("otpauth://totp/a?secret={SECRET}")),
                secret: Some(SECRET.to_owned()),
                recovery_codes: vec!["form-token".to_owned()],
                ..reader::Read::default()
            }
        ),
        format!("{:?}", factor_page(&FORMS)),
    ];
    for shown in inputs {
        assert!(!shown.contains(word) && !shown.contains("GEZD"), "{shown}");
        assert!(!shown.contains("<html"), "{shown}");
    }
}

#[test]
fn a_page_has_the_headers_that_browsers_go_by() {
    let response = signed_out("o").into_response();
    for (name, value) in [
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
    ] {
        assert_eq!(response.headers.get_only(name), Some(value));
    }
}
