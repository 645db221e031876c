//! A headless Chromium, driven through Debian's chromedriver (W3C WebDriver).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// The name under which WebDriver hands out elements (W3C WebDriver 11.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser for which every name below `corp.example` is loopback, and in which pages have no
    /// scripts.
    #[track_caller]
    pub(crate) fn start() -> Self {
        let port = keyporch_interop::free_port();
        let profile = tempfile::TempDir::new().expect("there is room for a temporary folder");
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("chromedriver does not run ({error}): package chromium-driver")
            });
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
            _profile: profile,
        };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Ok(Some(status)) = browser.driver.try_wait() {
                panic!("chromedriver ended ({status})");
            }
            std::thread::yield_now();
        }
        let folder = browser._profile.path().display().to_string();
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            // openssl judges the certificates (certificates.rs); the browser has no store of its own here.
            "acceptInsecureCerts": true,
            // An element may belong to the page that is on its way.
            "timeouts": { "implicit": 5_000 },
            "goog:chromeOptions": {
                "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
                    "--host-resolver-rules=MAP *.corp.example 127.0.0.1", format!("--user-data-dir={folder}")],
                "prefs": { "profile.managed_default_content_settings.javascript": 2 },
            },
        } } });
        let answer = browser.command("POST", "/session", &capabilities);
        browser.session = answer["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("no session: {answer}"))
            .to_owned();
        browser
    }

    #[track_caller]
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.try_command(method, path, body);
        assert!(status == 200, "{method} {path}: {status} {answer}");
        answer["value"].clone()
    }

    fn try_command(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let path = path.replace("{session}", &format!("/session/{}", self.session));
        let body = if method == "GET" {
            String::new()
        } else {
            body.to_string()
        };
        let mut stream =
            TcpStream::connect(("127.0.0.1", self.port)).expect("chromedriver listens");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream
            .write_all(head.as_bytes())
            .expect("chromedriver reads");
        stream
            .write_all(body.as_bytes())
            .expect("chromedriver reads");
        // It keeps the connection whatever is asked, so the length in the head counts.
        let mut reader = BufReader::new(stream);
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("chromedriver answers");
            if let Some(code) = line.strip_prefix("HTTP/1.1 ") {
                status = code
                    .get(..3)
                    .and_then(|code| code.parse().ok())
                    .unwrap_or(0);
            } else if let Some((name, value)) = line.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().expect("a length is a number");
                }
            } else {
                break;
            }
        }
        let mut answer = vec![0; length];
        reader
            .read_exact(&mut answer)
            .expect("chromedriver answers");
        (
            status,
            serde_json::from_slice(&answer).unwrap_or(Value::Null),
        )
    }

    #[track_caller]
    pub(crate) fn open(&self, url: &str) {
        self.command("POST", "{session}/url", &json!({ "url": url }));
    }

    #[track_caller]
    pub(crate) fn url(&self) -> String {
        self.command("GET", "{session}/url", &Value::Null)
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    #[track_caller]
    pub(crate) fn title(&self) -> String {
        self.command("GET", "{session}/title", &Value::Null)
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    #[track_caller]
    pub(crate) fn source(&self) -> String {
        self.command("GET", "{session}/source", &Value::Null)
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    #[track_caller]
    fn element(&self, css: &str) -> String {
        let query = json!({ "using": "css selector", "value": css });
        let (status, answer) = self.try_command("POST", "{session}/element", &query);
        assert!(
            status == 200,
            "no {css} at {} ({}):\n{}",
            self.url(),
            self.title(),
            self.source()
        );
        answer["value"][ELEMENT]
            .as_str()
            .expect("an element has a name")
            .to_owned()
    }

    #[track_caller]
    pub(crate) fn has(&self, css: &str) -> bool {
        let query = json!({ "using": "css selector", "value": css });
        self.try_command("POST", "{session}/element", &query).0 == 200
    }

    #[track_caller]
    pub(crate) fn text(&self, css: &str) -> String {
        let path = format!("{{session}}/element/{}/text", self.element(css));
        self.command("GET", &path, &Value::Null)
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    #[track_caller]
    pub(crate) fn fill(&self, css: &str, text: &str) {
        let element = self.element(css);
        self.command(
            "POST",
            &format!("{{session}}/element/{element}/clear"),
            &json!({}),
        );
        self.command(
            "POST",
            &format!("{{session}}/element/{element}/value"),
            &json!({ "text": text }),
        );
    }

    #[track_caller]
    pub(crate) fn click(&self, css: &str) {
        self.press(&self.element(css));
    }

    /// Clicks what leads to another page, and waits until this one is left: the driver may answer before the browser has
    /// begun to. Not for what leads to who answers only later.
    #[track_caller]
    pub(crate) fn follow(&self, css: &str) {
        let element = self.element(css);
        self.press(&element);
        let name = format!("{{session}}/element/{element}/name");
        let is_left = |_| self.try_command("GET", &name, &Value::Null).0 != 200;
        assert!(
            (0..2_000).any(is_left),
            "{css} leads nowhere:\n{}",
            self.source()
        );
    }

    #[track_caller]
    fn press(&self, element: &str) {
        self.command(
            "POST",
            &format!("{{session}}/element/{element}/click"),
            &json!({}),
        );
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.try_command("DELETE", "{session}", &json!({}));
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
