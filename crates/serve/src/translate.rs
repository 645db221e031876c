//! Between hyper's requests and responses and those that parties know (`wire::http`).

use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use wire::http::{Headers, Method, Request, Response, TooManyHeaders};

use crate::door::Caller;
use crate::fault::Role;

/// The request as a party sees it. The path stands as it was sent.
pub(crate) fn request(
    head: &Parts,
    body: Bytes,
    caller: &Caller,
) -> Result<Request, TooManyHeaders> {
    let mut headers = Headers::new();
    for (name, value) in &head.headers {
        headers.receive(name.as_str(), &String::from_utf8_lossy(value.as_bytes()))?;
    }
    let authority = head.uri.authority().map(http::uri::Authority::as_str);
    let host = authority
        .or_else(|| head.headers.get(HOST)?.to_str().ok())
        .unwrap_or_default();
    Ok(Request {
        method: Method::parse(head.method.as_str()),
        host: host.to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: body.into(),
        peer: caller.peer.map(|peer| peer.ip()),
        client_certificate: caller.certificate.as_deref().map(<[u8]>::to_vec),
        secure: caller.role == Role::Https,
    })
}

/// The response as hyper sends it. A header field that HTTP cannot carry is left out, and said in the log.
pub(crate) fn response(response: Response) -> http::Response<Bytes> {
    let mut sent = http::Response::new(Bytes::from(response.body));
    *sent.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in response.headers.iter() {
        match (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_bytes(value.as_bytes()),
        ) {
            (Ok(name), Ok(value)) => {
                sent.headers_mut().append(name, value);
            }
            _ => tracing::warn!(name, "a header field of an answer cannot be sent"),
        }
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_and_the_query_stand_as_they_were_sent() {
        let sent = http::Request::builder()
            .method("POST")
            .uri("/EnrollmentServer/device/?api-version=1.0&x=%2F")
            .header("Host", "enterpriseregistration.corp.example:8443")
            .header("X-Thing", "a")
            .body(())
            .unwrap();
        let (head, ()) = sent.into_parts();
        let caller = Caller {
            role: Role::Https,
            peer: "192.0.2.7:1".parse().ok(),
            certificate: Some(vec![48].into()),
        };
        let request = request(&head, Bytes::from_static(b"{}"), &caller).unwrap();
        assert_eq!(request.path, "/EnrollmentServer/device/");
        assert_eq!(request.query, "api-version=1.0&x=%2F");
        assert_eq!(request.host_name(), "enterpriseregistration.corp.example");
        assert_eq!(request.headers.get("x-thing"), Some("a"));
        assert_eq!(
            (request.client_certificate, request.secure),
            (Some(vec![48]), true)
        );
    }

    #[test]
    fn two_cookies_are_two_header_fields() {
        let mut answer = Response::empty(204);
        answer.headers.append("Set-Cookie", "a=1");
        answer.headers.append("Set-Cookie", "b=2");
        let sent = response(answer);
        assert_eq!(sent.status(), StatusCode::NO_CONTENT);
        assert_eq!(sent.headers().get_all("set-cookie").iter().count(), 2);
    }
}
