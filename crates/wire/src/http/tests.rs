use proptest::prelude::*;

use super::*;

#[test]
fn header_names_match_whatever_their_case() {
    let request = Request::get("/")
        .with_header("X-Ms-Token", "1")
        .with_header("x-ms-token", "2");
    assert_eq!(request.headers.get("X-MS-TOKEN"), Some("2"));
    assert_eq!(request.headers.iter().count(), 1);
    let mut headers = Headers::new();
    headers.append("Cookie", "a=1");
    headers.append("cookie", "b=2");
    assert_eq!(
        headers.get_all("COOKIE").collect::<Vec<_>>(),
        ["a=1", "b=2"]
    );
    assert_eq!(headers.get_only("Cookie"), None);
    assert_eq!(headers.get_only("Accept"), None);
}

#[test]
fn a_peer_cannot_send_headers_without_end() {
    let mut headers = Headers::new();
    for _ in 0..Headers::MAX {
        headers.receive("a", "b").unwrap();
    }
    assert_eq!(headers.receive("a", "b"), Err(TooManyHeaders));
}

#[test]
fn a_header_value_cannot_begin_another_header() {
    let response = Response::redirect("https://app/\r\nSet-Cookie: a=b\0");
    assert_eq!(
        response.headers.get("Location"),
        Some("https://app/Set-Cookie: a=b")
    );
    assert_eq!(response.headers.get("Set-Cookie"), None);
}

#[test]
fn paths_match_whatever_their_case_and_slash_at_the_end() {
    for target in [
        "/oauth2/token",
        "/oAuth2/Token",
        "/OAUTH2/TOKEN/",
        "/oauth2/%74oken?a=b",
    ] {
        assert!(Request::get(target).path_is("/oauth2/token"), "{target}");
    }
    for target in [
        "/oauth2//token",
        "/oauth2",
        "/oauth2/token/x",
        "oauth2/token",
        "/oauth2/token//",
        "",
    ] {
        assert!(!Request::get(target).path_is("/oauth2/token"), "{target}");
    }
    assert!(Request::get("/").path_is("/"));
}

#[test]
fn a_segment_of_a_path_can_be_captured() {
    let pattern = "/EnrollmentServer/device/{deviceid}";
    let request = Request::get("/enrollmentserver/Device/47F5%2F77e3?api-version=1.0");
    assert_eq!(
        request.path_matches(pattern),
        Some(vec!["47F5/77e3".to_owned()])
    );
    assert!(!request.path_is(pattern));
    assert_eq!(
        Request::get("/EnrollmentServer/device/").path_matches(pattern),
        None
    );
    assert_eq!(
        Request::get("/EnrollmentServer/device//").path_matches(pattern),
        None
    );
}

#[test]
fn a_form_is_read_as_known_clients_post_it() {
    // Token posts are concatenated and not percent-encoded: values hold : / = and + (protocols 0.2).
    let mut request = Request::new(Method::Post, "/common/oauth2/token");
    request.body = b"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&request=eyJ.e30.c2ln&scope=openid%20aza+ugs&redirect_uri=ms-appx-web://x/y?a=b&ctx=ab+/c=&password=100%&empty=&flag\r\n".to_vec();
    let form = request.form().unwrap();
    assert_eq!(
        form.get("grant_type").unwrap(),
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    assert_eq!(form.get("scope").unwrap(), "openid aza ugs");
    assert_eq!(form.get("redirect_uri").unwrap(), "ms-appx-web://x/y?a=b");
    assert_eq!(form.get_verbatim("ctx").unwrap(), "ab+/c=");
    assert_eq!(form.get("ctx").unwrap(), "ab /c=");
    assert_eq!(form.get("password").unwrap(), "100%");
    assert_eq!(form.get("empty").unwrap(), "");
    assert_eq!(form.get("flag").unwrap(), "");
    assert_eq!(form.get("absent"), None);
    assert_eq!(form.get("Scope"), None);
    assert_eq!(form.repeated(), None);
    assert!(form.has("flag") && !form.has("absent"));
}

#[test]
fn a_repeated_field_can_be_refused() {
    let fields = Fields::parse(b"a=1&b=2&%61=3").unwrap();
    assert_eq!(fields.repeated(), Some("a"));
    assert_eq!(fields.get("a").unwrap(), "1");
}

#[test]
fn a_peer_cannot_send_fields_without_end_nor_other_bytes_than_text() {
    let many = vec!["a=b"; Fields::MAX + 1].join("&");
    assert_eq!(Fields::parse(many.as_bytes()), Err(InvalidFields::TooMany));
    assert!(Fields::parse(&many.as_bytes()[4..]).is_ok());
    assert_eq!(Fields::parse(b"a=\xff"), Err(InvalidFields::NotText));
    assert_eq!(
        Fields::parse(b"a=%ff").unwrap().get("a").unwrap(),
        "\u{fffd}"
    );
}

#[test]
fn what_a_percent_sign_means_where_no_digits_follow() {
    for (text, decoded) in [
        ("%", "%"),
        ("%4", "%4"),
        ("%zz", "%zz"),
        ("%%41", "%A"),
        ("%e2%82%ac", "€"),
        ("+", "+"),
    ] {
        assert_eq!(percent_decode(text), decoded);
    }
    assert_eq!(percent_encode("a b&c=d/ü~"), "a%20b%26c%3Dd%2F%C3%BC~");
}

#[test]
fn parameters_join_a_url_where_they_belong() {
    let pairs = [("code", "a+b"), ("state", "x y")];
    assert_eq!(
        with_query("https://app/cb", pairs),
        "https://app/cb?code=a%2Bb&state=x%20y"
    );
    assert_eq!(
        with_query("https://app/cb?t=1#x", pairs),
        "https://app/cb?t=1&code=a%2Bb&state=x%20y"
    );
    assert_eq!(
        with_query("https://app/cb?", pairs),
        "https://app/cb?code=a%2Bb&state=x%20y"
    );
    assert_eq!(
        with_query("https://app/cb", [] as [(&str, &str); 0]),
        "https://app/cb"
    );
    assert_eq!(
        with_fragment("https://app/cb?t=1#x", pairs),
        "https://app/cb?t=1#code=a%2Bb&state=x%20y"
    );
}

#[test]
fn cookies_are_found_among_others() {
    let mut request = Request::get("/").with_header("Cookie", "a=1; session=\"x=y\" ;b=2;novalue");
    request.headers.append("Cookie", "later=3");
    assert_eq!(request.cookie("a"), Some("1"));
    assert_eq!(request.cookie("session"), Some("x=y"));
    assert_eq!(request.cookie("later"), Some("3"));
    assert_eq!(request.cookie("novalue"), None);
    assert_eq!(request.cookie("A"), None);
}

#[test]
fn a_cookie_is_set_for_tls_and_out_of_reach_of_scripts() {
    let cookie = SetCookie {
        max_age: Some(60),
        ..SetCookie::session("s", "a;b\"c,d e")
    };
    assert_eq!(
        cookie.to_string(),
        "s=abcde; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60"
    );
    let response = Response::empty(200)
        .with_cookie(&cookie)
        .with_cookie(&SetCookie::removal("t"));
    assert_eq!(response.headers.get_all("Set-Cookie").count(), 2);
    assert!(!format!("{cookie:?}{response:?}").contains("abcde"));
}

#[test]
fn the_scheme_of_authorization_matches_whatever_its_case() {
    let with = |value: &str| Request::get("/").with_header("Authorization", value);
    assert_eq!(with("bearer  ey.J.x").bearer(), Some("ey.J.x"));
    assert_eq!(with("Bearer ").bearer(), None);
    assert_eq!(with("Basic YTpiOmM=").bearer(), None);
    assert_eq!(
        with("BASIC YTpiOmM=").basic(),
        Some(("a".to_owned(), "b:c".to_owned()))
    );
    assert_eq!(with("Basic YQ==").basic(), None);
    assert_eq!(with("Basic ?").basic(), None);
    assert_eq!(
        with("Negotiate YII=").authorization(),
        Some(("Negotiate", "YII="))
    );
    assert_eq!(with("Negotiate").authorization(), Some(("Negotiate", "")));
    let mut twice = with("Bearer a");
    twice.headers.append("authorization", "Bearer b");
    assert_eq!(twice.authorization(), None);
}

#[test]
fn a_peer_says_what_it_accepts() {
    let accepts = |value: &str| {
        Request::get("/")
            .with_header("Accept", value)
            .accepts("application/json")
    };
    assert!(Request::get("/").accepts("application/json"));
    for value in [
        "application/json",
        "text/html, Application/JSON;q=0.5",
        "*/*",
        "application/*",
    ] {
        assert!(accepts(value), "{value}");
    }
    for value in [
        "text/html",
        "application/xml",
        "application/json;q=0",
        "text/*",
    ] {
        assert!(!accepts(value), "{value}");
    }
}

#[test]
fn the_host_name_has_neither_case_nor_port() {
    for (host, name) in [
        ("STS.corp.example:18443", "sts.corp.example"),
        ("sts.corp.example", "sts.corp.example"),
        ("[::1]:443", "[::1]"),
        ("[::1]", "[::1]"),
        ("", ""),
    ] {
        assert_eq!(Request::get("/").with_host(host).host_name(), name);
    }
}

#[test]
fn json_is_never_stored_by_caches() {
    let response = Response::json(400, &serde_json::json!({"error": "invalid_grant"}));
    assert_eq!(response.status, 400);
    assert_eq!(
        response.headers.get("Content-Type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(response.headers.get("Cache-Control"), Some("no-store"));
    assert_eq!(response.body, br#"{"error":"invalid_grant"}"#);
    assert_eq!(
        Response::redirect("/x").headers.get("Cache-Control"),
        Some("no-store")
    );
}

#[test]
fn nothing_secret_is_in_the_debug_form() {
    let mut request = Request::post_form("/token?code=hidden", [("password", "hidden")])
        .with_header("Authorization", "Bearer hidden");
    request.client_certificate = Some(b"hidden".to_vec());
    let form = request.form().unwrap();
    let text = format!("{request:?} {form:?} {:?}", Response::text(200, "hidden"));
    assert!(!text.contains("hidden"), "{text}");
    assert!(
        text.contains("/token") && text.contains("password"),
        "{text}"
    );
}

#[test]
fn the_media_type_is_told_without_its_parameters() {
    let request = Request::post_json("/x", &serde_json::json!({"kngc": "AA=="}));
    assert_eq!(request.content_type().as_deref(), Some("application/json"));
    assert_eq!(request.json::<serde_json::Value>().unwrap()["kngc"], "AA==");
    assert_eq!(Request::get("/").content_type(), None);
    assert_eq!(Method::parse("POST"), Method::Post);
    assert_eq!(Method::parse("post"), Method::Other);
    assert_eq!(Request::get("/a?b=c#d").target(), "/a?b=c");
}

proptest! {
    #[test]
    fn what_is_written_as_fields_reads_back(
        pairs in proptest::collection::vec((".{1,8}", ".{0,12}"), 0..8),
    ) {
        let fields = Fields::parse(write_query(pairs.iter().map(|(n, v)| (n, v))).as_bytes()).unwrap();
        let read: Vec<(String, String)> =
            fields.iter().map(|(name, value)| (name.to_owned(), value)).collect();
        for (name, _) in &pairs {
            prop_assert_eq!(fields.get(name), fields.get_verbatim(name));
        }
        prop_assert_eq!(read, pairs);
    }

    #[test]
    fn no_request_panics(target in ".*", header in ".*", body: Vec<u8>, pattern in "(/[a-z{}]{0,4}){0,4}") {
        let mut request = Request::new(Method::Post, &target).with_host(&header);
        for name in ["Cookie", "Authorization", "Accept", "Content-Type"] {
            request.headers.set(name, &header);
        }
        request.body = body;
        let _ = (request.query_fields(), request.form(), request.cookie("a"), request.basic());
        let _ = (request.accepts("a/b"), request.content_type(), request.host_name(), request.path_matches(&pattern));
    }

    #[test]
    fn every_text_survives_percent_encoding(text in ".*") {
        prop_assert_eq!(percent_decode(&percent_encode(&text)), text);
    }
}
