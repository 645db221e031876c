//! In which words an endpoint refuses: a page, or one of the forms of error that its protocol has.

use token::pages;
use token::refusal::{Code, Message};
use wire::http::Response;
use wire::registration::{
    JoinErrorDetails, KeyErrorDetails, client_request_id, returns_client_request_id,
};

use crate::asked::Asked;
use crate::refused::{OWN_FAULT, Refused, sentence};
use crate::reply::{Answer, Reply};

/// In which words an endpoint refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Words {
    /// A page for a person.
    Page,
    /// JSON of OAuth (RFC 6749 5.2).
    OAuth,
    /// A challenge to a client with a bearer token (RFC 6750 3).
    Bearer,
    /// ErrorDetails of MS-DVRJ (protocols B.8.1).
    Device,
    /// ErrorDetails of MS-KPP (protocols C.1).
    Key,
}

/// The reply to a refused request in the words of its endpoint.
pub(crate) fn reply(asked: &Asked<'_, '_>, words: Words, refused: &Refused) -> Answer {
    let mut answer = in_words(
        asked,
        words,
        refused.code(),
        refused.status(),
        sentence(refused),
    )
    .because(asked, refused);
    if let Reply::Now(response) = &mut answer.reply {
        if let Refused::SignIn(refused) = refused
            && let Some(wait) = refused.wait()
        {
            response
                .headers
                .set("Retry-After", &(wait.as_seconds() + 1).to_string());
        }
        if matches!(refused, Refused::Negotiate(_)) {
            response.headers.set("WWW-Authenticate", "Negotiate");
        }
    }
    answer
}

/// A refusal in the words of an endpoint.
pub(crate) fn in_words(
    asked: &Asked<'_, '_>,
    words: Words,
    code: Code,
    status: u16,
    sentence: &str,
) -> Answer {
    let organisation = &asked.view.settings.organisation;
    let trace = asked.trace;
    Answer::now(match words {
        Words::Page => pages::refused(organisation, status, sentence, trace).into_response(),
        Words::OAuth => {
            let response = Response::json(status, &Message::new(code, trace));
            if status == 401 {
                response.with_header("WWW-Authenticate", "Basic realm=\"token endpoint\"")
            } else {
                response
            }
        }
        Words::Bearer => Response::json(status, &Message::new(code, trace)).with_header(
            "WWW-Authenticate",
            &format!("Bearer error=\"{}\"", code.as_str()),
        ),
        Words::Device => Response::json(
            status,
            &JoinErrorDetails::new(
                device_error_type(code, status),
                sentence,
                trace,
                seconds(asked),
            ),
        ),
        Words::Key => key_error(asked, status, sentence),
    })
}

/// Now, in seconds since 1970.
fn seconds(asked: &Asked<'_, '_>) -> u64 {
    u64::try_from(asked.now.unix()).unwrap_or(0)
}

/// `ErrorType` of MS-DVRJ (protocols B.8.1).
fn device_error_type(code: Code, status: u16) -> &'static str {
    match (code, status) {
        (Code::InvalidToken, _) | (_, 401) => JoinErrorDetails::AUTHENTICATION_ERROR,
        (_, 403) => JoinErrorDetails::AUTHORIZATION_ERROR,
        (Code::ServerError, _) | (_, 500..) => JoinErrorDetails::DIRECTORY_ERROR,
        _ => JoinErrorDetails::INVALID_PARAMETER,
    }
}

/// ErrorDetails of MS-KPP (PROV-W5).
fn key_error(asked: &Asked<'_, '_>, status: u16, sentence: &str) -> Response {
    let code = match status {
        401 => "authentication_error",
        403 => "authorization_error",
        500.. => "server_error",
        _ => "invalid_request",
    };
    let request = client_request_id(asked.request);
    let details = KeyErrorDetails::new(code, sentence, "KeyProvisioning", request, seconds(asked));
    with_request_ids(asked, Response::json(status, &details))
}

/// The reply to a request that we could not answer by our own fault.
pub(crate) fn failed(asked: &Asked<'_, '_>, words: Words) -> Answer {
    let mut answer = in_words(asked, words, Code::ServerError, 503, OWN_FAULT);
    if let Reply::Now(response) = &mut answer.reply {
        response.headers.set("Retry-After", "5");
    }
    answer
}

/// The headers by which both sides find a request in their logs (PROV-W1).
pub(crate) fn with_request_ids(asked: &Asked<'_, '_>, response: Response) -> Response {
    let response = response.with_header("request-id", &asked.trace.to_string());
    match client_request_id(asked.request).filter(|_| returns_client_request_id(asked.request)) {
        Some(id) => response.with_header("client-request-id", &id.to_string()),
        None => response,
    }
}
