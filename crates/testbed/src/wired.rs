//! Requests and answers between the doors of `call` and the parties, which have types of their own for them.

use std::net::{IpAddr, Ipv4Addr};

use wire::http::{Headers, Method, Request, Response};

/// A request as `serve` would read it from a connection, with the certificate that the client showed.
pub(crate) fn request(request: http::Request<Vec<u8>>, certificate: Option<&[u8]>) -> Request {
    let (head, body) = request.into_parts();
    let mut headers = Headers::new();
    for (name, value) in &head.headers {
        headers.append(
            name.as_str(),
            value.to_str().expect("our own header fields are text"),
        );
    }
    Request {
        method: Method::parse(head.method.as_str()),
        host: head
            .uri
            .authority()
            .map(ToString::to_string)
            .unwrap_or_default(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers,
        body,
        peer: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
        client_certificate: certificate.map(<[u8]>::to_vec),
        secure: head.uri.scheme_str() == Some("https"),
    }
}

/// An answer as it would come over a connection.
pub(crate) fn response(answer: Response) -> http::Response<Vec<u8>> {
    let mut response = http::Response::builder().status(answer.status);
    for (name, value) in answer.headers.iter() {
        response = response.header(name, value);
    }
    response
        .body(answer.body)
        .expect("our own header fields are possible")
}
