//! In which words an endpoint refuses: a page, or one of the forms of error that its protocol has.

use serde::Serialize;
use token::pages;
use trust::Timestamp;
use wire::Guid;
use wire::http::Response;
use wire::registration::{KeyErrorDetails, client_request_id, returns_client_request_id};

use crate::aadsts::Number;
use crate::asked::Asked;
use crate::config;
use crate::refused::Reason;
use crate::reply::{Answer, Reply};

/// In which words an endpoint refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Words {
    /// A page for a person.
    Page,
    /// JSON of OAuth (protocols A.3.2).
    OAuth,
    /// A challenge to a client with a bearer token (RFC 6750 3).
    Bearer,
    /// A page of the protocol for programs without a browser (protocols A.5).
    Config,
    /// The device registration service (protocols B.4).
    Drs,
    /// The registration of keys (protocols C.1, PROV-W5).
    Key,
    /// Graph.
    Graph,
}

/// What a refusal looks like, whatever it was for.
pub(crate) struct Refusal {
    pub(crate) number: Number,
    pub(crate) status: u16,
    pub(crate) sentence: &'static str,
    pub(crate) subcode: Option<&'static str>,
}

impl Refusal {
    fn of(reason: &dyn Reason) -> Self {
        Self {
            number: reason.number(),
            status: reason.status(),
            sentence: reason.sentence(),
            subcode: reason.subcode(),
        }
    }

    const fn of_number(number: Number) -> Self {
        Self {
            number,
            status: number.status(),
            sentence: number.sentence(),
            subcode: None,
        }
    }
}

/// The reply to a refused request in the words of its endpoint.
pub(crate) fn reply(asked: &Asked<'_, '_>, words: Words, reason: &dyn Reason) -> Answer {
    let mut answer =
        Answer::now(in_words(asked, words, &Refusal::of(reason))).because(asked, reason);
    if let (Reply::Now(response), Some(wait)) = (&mut answer.reply, reason.wait()) {
        let seconds = (wait.as_seconds() + 1).to_string();
        response.headers.set("Retry-After", &seconds);
    }
    answer
}

/// The reply to a request that we could not answer by our own fault.
pub(crate) fn failed(asked: &Asked<'_, '_>, words: Words) -> Answer {
    let response = in_words(asked, words, &Refusal::of_number(Number::Trouble));
    Answer::now(response.with_header("Retry-After", "5"))
}

fn in_words(asked: &Asked<'_, '_>, words: Words, refusal: &Refusal) -> Response {
    let status = refusal.status;
    match words {
        Words::Page => {
            let organisation = asked.known.organisation();
            pages::refused(organisation, status, refusal.sentence, asked.trace).into_response()
        }
        Words::OAuth => {
            let response = Response::json(status, &error(asked, refusal));
            match status {
                401 => response.with_header("WWW-Authenticate", "Basic realm=\"token endpoint\""),
                _ => response,
            }
        }
        Words::Bearer => Response::json(status, &error(asked, refusal))
            .with_header("WWW-Authenticate", &challenge(refusal)),
        Words::Config => config::page::refused(asked, refusal),
        Words::Drs => with_request_ids(asked, Response::json(status, &drs_error(asked, refusal))),
        Words::Key => with_request_ids(asked, key_error(asked, refusal)),
        Words::Graph => with_request_ids(asked, graph_error(asked, refusal)),
    }
}

fn challenge(refusal: &Refusal) -> String {
    format!("Bearer error=\"{}\"", refusal.number.error())
}

/// The body of an error answer (protocols A.3.2). Every member that is here is always here, and none is null.
#[derive(Serialize)]
pub(crate) struct Error {
    error: &'static str,
    error_description: String,
    error_codes: [u32; 1],
    timestamp: String,
    trace_id: String,
    correlation_id: String,
}

fn error(asked: &Asked<'_, '_>, refusal: &Refusal) -> Error {
    Error {
        error: refusal.number.error(),
        error_description: description(asked, refusal.number, refusal.sentence),
        error_codes: [refusal.number.code()],
        timestamp: timestamp(asked.now),
        trace_id: asked.trace.to_string(),
        correlation_id: asked.correlation.to_string(),
    }
}

/// `error_description`: known clients look for the number in it.
pub(crate) fn description(asked: &Asked<'_, '_>, number: Number, sentence: &str) -> String {
    format!(
        "AADSTS{}: {sentence} Trace ID: {} Correlation ID: {} Timestamp: {}",
        number.code(),
        asked.trace,
        asked.correlation,
        timestamp(asked.now)
    )
}

/// A moment as error answers write it: `2026-11-22 01:02:03Z`.
fn timestamp(now: Timestamp) -> String {
    now.whole_seconds().to_rfc3339().replacen('T', " ", 1)
}

/// The error of the device registration service (protocols B.4).
#[derive(Serialize)]
struct DrsError {
    code: &'static str,
    subcode: &'static str,
    message: &'static str,
    operation: &'static str,
    requestid: String,
    time: String,
}

fn drs_error(asked: &Asked<'_, '_>, refusal: &Refusal) -> DrsError {
    let by_status = match refusal.status {
        401 => "AuthenticationError",
        403 => "AuthorizationError",
        500.. => "DirectoryError",
        _ => "InvalidParameter",
    };
    DrsError {
        code: match refusal.status {
            401 => "unauthorized",
            403 => "access_denied",
            500.. => "server_error",
            _ => "invalid_request",
        },
        subcode: refusal.subcode.unwrap_or(by_status),
        message: refusal.sentence,
        operation: match asked.request.method {
            wire::http::Method::Delete => "DeviceDelete",
            wire::http::Method::Get => "Discover",
            _ => "DeviceJoin",
        },
        requestid: asked.trace.to_string(),
        time: asked.now.whole_seconds().to_rfc3339(),
    }
}

/// ErrorDetails of key registration (PROV-W5).
fn key_error(asked: &Asked<'_, '_>, refusal: &Refusal) -> Response {
    let code = match refusal.status {
        401 => "authentication_error",
        403 => refusal.number.error(),
        500.. => "server_error",
        _ => "invalid_request",
    };
    let request = client_request_id(asked.request);
    let seconds = u64::try_from(asked.now.unix()).unwrap_or(0);
    let operation = "KeyProvisioning";
    let details = KeyErrorDetails::new(code, refusal.sentence, operation, request, seconds);
    Response::json(refusal.status, &details)
}

fn graph_error(asked: &Asked<'_, '_>, refusal: &Refusal) -> Response {
    let code = match refusal.status {
        401 => "InvalidAuthenticationToken",
        403 => "Authorization_RequestDenied",
        404 => "Request_ResourceNotFound",
        429 => "TooManyRequests",
        500.. => "ServiceUnavailable",
        _ => "Request_BadRequest",
    };
    let body = serde_json::json!({"error": {
        "code": code,
        "message": refusal.sentence,
        "innerError": {
            "date": asked.now.whole_seconds().to_rfc3339().trim_end_matches('Z'),
            "request-id": asked.trace.to_string(),
            (CLIENT_REQUEST_ID): asked.correlation.to_string(),
        },
    }});
    let response = Response::json(refusal.status, &body);
    match refusal.status {
        401 => response.with_header("WWW-Authenticate", &challenge(refusal)),
        _ => response,
    }
}

/// The headers by which both sides find a request in their logs (PROV-W1).
pub(crate) fn with_request_ids(asked: &Asked<'_, '_>, response: Response) -> Response {
    let response = response.with_header("request-id", &asked.trace.to_string());
    match client_request_id(asked.request).filter(|_| returns_client_request_id(asked.request)) {
        Some(id) => response.with_header(CLIENT_REQUEST_ID, &id.to_string()),
        None => response,
    }
}

/// What known clients call their name for a request, in a header or a form.
const CLIENT_REQUEST_ID: &str = "client-request-id";

/// Under which GUID the peer's log has a request: the header `client-request-id` (PROV-W1), or the form's field of that
/// name.
pub(crate) fn correlation(request: &wire::http::Request) -> Option<Guid> {
    client_request_id(request).or_else(|| {
        let in_query = request.query_fields().ok()?.get(CLIENT_REQUEST_ID);
        // Few send it there, and whoever answers reads the form again.
        let body = || core::str::from_utf8(&request.body).ok();
        let in_form = || match body()?.contains(CLIENT_REQUEST_ID) {
            true => request.form().ok()?.get(CLIENT_REQUEST_ID),
            false => None,
        };
        in_query.or_else(in_form)?.trim().parse().ok()
    })
}
