//! What a client is told where no operation has an answer of its own: each kind of request has its response.

use wire::ldap::{
    BindResponse, ExtendedResponse, LdapResult, Message, Operation, ResultCode, extension_oid,
};

use super::session::Answer;

/// Nobody unknown is shown anything but the root of the server. Active Directory's code and words.
pub(super) fn not_signed_in() -> LdapResult {
    LdapResult::told(
        ResultCode::OperationsError,
        "000004DC: sign in first: this operation needs a bind that succeeded",
    )
}

/// The end of a connection that nobody asked for (RFC 4511 4.4.1).
#[must_use]
pub fn disconnection(code: ResultCode, why: &str) -> Vec<u8> {
    let response = ExtendedResponse {
        result: LdapResult::told(code, why),
        name: Some(extension_oid::NOTICE_OF_DISCONNECTION),
        value: None,
    };
    Message::new(0, Operation::ExtendedResponse(response)).encode()
}

/// What is said when the server itself failed: the operation's own response.
#[must_use]
pub fn failed(message: &[u8]) -> Vec<u8> {
    said(
        message,
        LdapResult::told(ResultCode::Other, "the server failed; its log says why"),
    )
}

/// What is said when the server has too much to do at this moment: the operation's own response.
#[must_use]
pub fn busy(message: &[u8]) -> Vec<u8> {
    said(
        message,
        LdapResult::told(
            ResultCode::Busy,
            "the server is busy; try again in a moment",
        ),
    )
}

/// A message's own response with a result.
fn said(message: &[u8], result: LdapResult) -> Vec<u8> {
    match Message::decode(message) {
        Ok(message) => match refused(message.id, &message.operation, result) {
            Answer::Now(mut messages) => messages.pop().unwrap_or_default(),
            _ => Vec::new(),
        },
        Err(_) => disconnection(ResultCode::ProtocolError, "that is no message of LDAP"),
    }
}

/// An operation's own response with a result.
pub(super) fn refused(id: i32, operation: &Operation<'_>, result: LdapResult) -> Answer {
    let response = match operation {
        Operation::BindRequest(_) => Operation::BindResponse(BindResponse {
            result,
            credentials: None,
        }),
        Operation::SearchRequest(_) => Operation::SearchResultDone(result),
        Operation::ModifyRequest(_) => Operation::ModifyResponse(result),
        Operation::AddRequest(_) => Operation::AddResponse(result),
        Operation::DelRequest(_) => Operation::DelResponse(result),
        Operation::ModifyDnRequest(_) => Operation::ModifyDnResponse(result),
        Operation::CompareRequest(_) => Operation::CompareResponse(result),
        Operation::ExtendedRequest(_) => Operation::ExtendedResponse(ExtendedResponse {
            result,
            name: None,
            value: None,
        }),
        _ => return Answer::Now(Vec::new()),
    };
    Answer::Now(vec![Message::new(id, response).encode()])
}
