//! A client without a browser: it takes pages apart character by character, as the known one does.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use wire::http::{Fields, Method, Request, Response};

use crate::tests::world::{World, json as body, text};

pub(in crate::tests) const BROKER: &str = "29d9ed98-a469-4536-ade2-f981bc1d605e";
/// Where the code of an enrolment is sent.
pub(in crate::tests) const REDIRECT: &str = "ms-aadj-redir://auth/drs";
/// Words at which the client takes a page for one that goes on by itself.
const INTERSTITIAL: [&str; 4] = [
    "<input type=\"submit\"",
    "Working...",
    "Click Submit to continue",
    "Click here to finish the authorization process",
];

/// What the client reads of a page. A member of another type breaks the page, as it does there.
#[derive(Clone, Debug, Deserialize)]
#[allow(
    non_snake_case,
    dead_code,
    reason = "the names of the protocol, all of which are checked"
)]
pub(in crate::tests) struct Config {
    pub(in crate::tests) sessionId: String,
    pub(in crate::tests) canary: String,
    pub(in crate::tests) sFT: Option<String>,
    pub(in crate::tests) sCtx: Option<String>,
    pub(in crate::tests) urlPost: Option<String>,
    pub(in crate::tests) pgid: Option<String>,
    pub(in crate::tests) strServiceExceptionMessage: Option<String>,
    pub(in crate::tests) urlBeginAuth: Option<String>,
    pub(in crate::tests) urlEndAuth: Option<String>,
    pub(in crate::tests) urlGetCredentialType: Option<String>,
    pub(in crate::tests) sErrorCode: Option<String>,
    pub(in crate::tests) sErrTxt: Option<String>,
    pub(in crate::tests) iErrorCode: Option<u32>,
    pub(in crate::tests) iAllowedIdentities: Option<u32>,
    pub(in crate::tests) iMaxPollAttempts: Option<u32>,
    pub(in crate::tests) iPollingInterval: Option<u32>,
    pub(in crate::tests) arrUserProofs: Option<Vec<Proof>>,
}

#[derive(Clone, Debug, Deserialize)]
#[allow(non_snake_case, dead_code, reason = "the names of the protocol")]
pub(in crate::tests) struct Proof {
    pub(in crate::tests) authMethodId: String,
    pub(in crate::tests) isDefault: bool,
    pub(in crate::tests) display: String,
}

/// What became of a post.
#[derive(Clone, Debug)]
pub(in crate::tests) enum Became {
    /// Sent away with a code.
    Code(String),
    /// Refused with this number.
    Error(u32),
    /// Another page, without an error.
    Page(Box<Config>),
}

impl Became {
    #[track_caller]
    pub(in crate::tests) fn code(self) -> String {
        match self {
            Self::Code(code) => code,
            other => panic!("no code: {other:?}"),
        }
    }

    #[track_caller]
    pub(in crate::tests) fn error(self) -> u32 {
        match self {
            Self::Error(number) => number,
            other => panic!("no error: {other:?}"),
        }
    }

    #[track_caller]
    pub(in crate::tests) fn page(self) -> Config {
        match self {
            Self::Page(page) => *page,
            other => panic!("no page: {other:?}"),
        }
    }
}

/// Takes `$Config` out of a document: the text of its script with `&`, `<` and `>` escaped, from `$Config=` to two characters
/// before the last `//]]&gt;`.
pub(in crate::tests) fn config_of(document: &str) -> Result<Config, String> {
    let script = document.split("<script").nth(1).ok_or("no script")?;
    let script = script.split_once('>').ok_or("no script")?.1;
    let script = script.split("</script>").next().unwrap_or_default();
    let escaped = script
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let from = escaped.split_once("$Config=").ok_or("no $Config=")?.1;
    let end = from.rfind("//]]&gt;").ok_or("no end")?;
    let json = from[..end].get(..end - 2).ok_or("no room for two")?;
    serde_json::from_str(json).map_err(|error| format!("{error}: {json}"))
}

/// A client with the cookies of one run.
#[derive(Clone, Default)]
pub(in crate::tests) struct Client {
    pub(in crate::tests) cookies: BTreeMap<String, String>,
    /// The name that the person typed.
    pub(in crate::tests) login: String,
}

impl Client {
    pub(in crate::tests) fn of(login: &str) -> Self {
        Self {
            login: login.to_owned(),
            ..Self::default()
        }
    }

    pub(in crate::tests) fn send(&mut self, world: &mut World, mut request: Request) -> Response {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request.headers.set("Cookie", &cookies.join("; "));
        }
        let response = world.send(request);
        for cookie in response.headers.get_all("Set-Cookie") {
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        response
    }

    /// The path of an address that the server gave; it must be whole, and on the login host.
    #[track_caller]
    pub(in crate::tests) fn path(world: &World, url: &str) -> String {
        let login = world.tenant().deployment.login.url();
        url.strip_prefix(login)
            .filter(|path| path.starts_with('/'))
            .unwrap_or_else(|| panic!("{url} is not a whole address of ours"))
            .to_owned()
    }

    /// The address of the first request, with changes; an empty value leaves a parameter out.
    pub(in crate::tests) fn first(world: &World, changes: &[(&str, &str)]) -> String {
        let good = [
            ("client_id", BROKER),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT),
            ("client-request-id", "0b7a7a2c-4b55-4c5e-9d5f-0f6a4d9d2a11"),
            ("prompt", "login"),
            ("scope", "openid profile "),
            ("response_mode", "query"),
            ("sso_reload", "True"),
            ("resource", "https://enrollment.manage.microsoft.com/"),
            (
                "caller_app_client_id",
                "b743a22d-6705-4147-8670-d92fa515ee2b",
            ),
            (
                "caller_app_redirect_uri",
                "companyportal://com.microsoft.CompanyPortal",
            ),
            ("amr_values", "ngcmfa"),
        ];
        let kept = good
            .iter()
            .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let all = kept.chain(changes).filter(|(_, value)| !value.is_empty());
        let query = wire::http::write_query(all.copied());
        format!("{}?{query}", world.path("oauth2/authorize"))
    }

    /// The first page.
    #[track_caller]
    pub(in crate::tests) fn begin(&mut self, world: &mut World) -> Config {
        self.begin_with(world, &[])
    }

    #[track_caller]
    pub(in crate::tests) fn begin_with(
        &mut self,
        world: &mut World,
        changes: &[(&str, &str)],
    ) -> Config {
        let first = Self::first(world, changes);
        let response = self.send(world, Request::get(&first));
        assert_eq!(response.status, 200, "{:?}", world.refused);
        let page = config_of(&text(&response)).unwrap();
        assert_eq!(page.sErrorCode, None);
        page
    }

    /// What the server says of the name.
    #[track_caller]
    pub(in crate::tests) fn credential_type(&mut self, world: &mut World, page: &Config) -> Value {
        let path = Self::path(world, page.urlGetCredentialType.as_ref().unwrap());
        let request = Request::post_json(
            &path,
            &json!({
                "username": self.login, "isOtherIdpSupported": true, "checkPhones": true,
                "isRemoteNGCSupported": false, "isCookieBannerShown": false, "isFidoSupported": false,
                "isAccessPassSupported": true, "originalRequest": page.sCtx, "flowToken": page.sFT,
            }),
        );
        let response = self.send(world, request);
        assert_eq!(response.status, 200);
        body(&response)
    }

    /// Posts a form to `urlPost` of a page.
    #[track_caller]
    pub(in crate::tests) fn post(
        &mut self,
        world: &mut World,
        page: &Config,
        fields: &[(&str, &str)],
    ) -> Became {
        let path = Self::path(world, page.urlPost.as_ref().unwrap());
        let response = self.send(world, Request::post_form(&path, fields.iter().copied()));
        became(&response)
    }

    /// The fields of a password post.
    pub(in crate::tests) fn with_password<'a>(
        &'a self,
        page: &'a Config,
        password: &'a str,
    ) -> Vec<(&'a str, &'a str)> {
        vec![
            ("login", &self.login),
            ("passwd", password),
            ("ctx", page.sCtx.as_ref().unwrap()),
            ("flowToken", page.sFT.as_ref().unwrap()),
            ("canary", &page.canary),
            ("client_id", BROKER),
            ("client-request-id", "5a5df4a4-0c9d-4e4f-8f5e-2a6b7c8d9e0f"),
        ]
    }

    #[track_caller]
    pub(in crate::tests) fn password(
        &mut self,
        world: &mut World,
        page: &Config,
        password: &str,
    ) -> Became {
        let this = self.clone();
        self.post(world, page, &this.with_password(page, password))
    }

    /// Posts a Temporary Access Pass from a page.
    #[track_caller]
    pub(in crate::tests) fn access_pass(
        &mut self,
        world: &mut World,
        page: &Config,
        pass: &str,
    ) -> Became {
        let context = match page.urlPost.as_ref().unwrap().contains("ProcessAuth") {
            true => "request",
            false => "ctx",
        };
        let login = self.login.clone();
        let fields = [
            ("login", login.as_str()),
            ("loginfmt", &login),
            ("accesspass", pass),
            ("canary", &page.canary),
            ("hpgrequestid", &page.sessionId),
            ("flowToken", page.sFT.as_ref().unwrap()),
            (context, page.sCtx.as_ref().unwrap()),
        ];
        self.post(world, page, &fields)
    }

    /// Asks BeginAuth; the answer has its members whatever happened.
    #[track_caller]
    pub(in crate::tests) fn begin_auth(&mut self, world: &mut World, page: &Config) -> Value {
        let path = Self::path(world, page.urlBeginAuth.as_ref().unwrap());
        let question = json!({
            "AuthMethodId": "PhoneAppOTP",
            "ctx": page.sCtx,
            "flowToken": page.sFT,
            "Method": "BeginAuth",
        });
        self.ask(world, &path, &question, &page.canary)
    }

    /// Hands in a code with what BeginAuth answered.
    #[track_caller]
    pub(in crate::tests) fn end_auth(
        &mut self,
        world: &mut World,
        page: &Config,
        begun: &Value,
        code: &str,
    ) -> Value {
        let path = Self::path(world, page.urlEndAuth.as_ref().unwrap());
        let question = json!({
            "AdditionalAuthData": code.trim(),
            "AuthMethodId": "PhoneAppOTP",
            "SessionId": page.sessionId,
            "FlowToken": begun["FlowToken"],
            "Ctx": begun["Ctx"],
            "Method": "EndAuth",
        });
        self.ask(world, &path, &question, &page.canary)
    }

    #[track_caller]
    pub(in crate::tests) fn ask(
        &mut self,
        world: &mut World,
        path: &str,
        question: &Value,
        canary: &str,
    ) -> Value {
        let request = Request::post_json(path, question).with_header("canary", canary);
        let response = self.send(world, request);
        assert_eq!(response.status, 200, "{}", text(&response));
        let answer = body(&response);
        assert!(answer["Success"].is_boolean(), "{answer}");
        assert!(
            answer["Ctx"].is_string() && answer["FlowToken"].is_string(),
            "{answer}"
        );
        assert!(
            answer["Entropy"]
                .as_u64()
                .is_some_and(|number| number < 256),
            "{answer}"
        );
        answer
    }

    /// Collects what was proven.
    #[track_caller]
    pub(in crate::tests) fn process(
        &mut self,
        world: &mut World,
        page: &Config,
        ended: &Value,
    ) -> Became {
        let login = self.login.clone();
        let fields = [
            ("request", ended["Ctx"].as_str().unwrap()),
            ("mfaAuthMethod", "PhoneAppOTP"),
            ("login", &login),
            ("flowToken", ended["FlowToken"].as_str().unwrap()),
            ("canary", &page.canary),
        ];
        self.post(world, page, &fields)
    }

    /// Redeems a code as the client does: without resource, scope or verifier.
    pub(in crate::tests) fn redeem(&mut self, world: &mut World, code: &str) -> Value {
        let response = world.token(&[
            ("client_id", BROKER),
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
        ]);
        assert_eq!(
            response.status,
            200,
            "{} {:?}",
            text(&response),
            world.refused
        );
        body(&response)
    }
}

/// What the client makes of the answer to a post.
#[track_caller]
pub(in crate::tests) fn became(response: &Response) -> Became {
    if response.status == 302 {
        let location = response.headers.get("Location").unwrap();
        let (_, query) = location.split_once('?').unwrap();
        let query = Fields::parse(query.as_bytes()).unwrap();
        if let Some(described) = query.get("error_description") {
            let number = described.strip_prefix("AADSTS").unwrap();
            let number = number.split_once(':').unwrap().0;
            return Became::Error(number.parse().unwrap());
        }
        let code = query.get("code").expect("a code");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        assert!(code.bytes().all(plain), "{code}");
        return Became::Code(code);
    }
    assert_eq!(response.status, 200, "the client loses everything else");
    let document = text(response);
    for words in INTERSTITIAL {
        assert!(!document.contains(words), "{words}");
    }
    let page = config_of(&document).unwrap();
    let number = page.sErrorCode.as_ref().map(|text| text.parse().unwrap());
    match number.or(page.iErrorCode) {
        Some(number) => Became::Error(number),
        None => Became::Page(Box::new(page)),
    }
}

/// A request that is nobody's.
pub(in crate::tests) fn post_raw(path: &str, content: &[u8]) -> Request {
    let mut request = Request::new(Method::Post, path);
    request.body = content.to_vec();
    request
}
