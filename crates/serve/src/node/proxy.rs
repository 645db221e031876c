//! The KDC proxy (MS-KKDCP; protocols E.9): Kerberos for who reaches nothing but HTTPS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use wire::http::{Method, Request, Response};
use wire::kerberos::KdcProxyMessage;

use super::Node;
use crate::conversation::error;
use crate::door::{Kerberos as _, Path};

/// Where it answers, in lower case: paths are compared without it, as the original does.
pub(super) const PATH: &str = "/kdcproxy";

const MEDIA_TYPE: &str = "application/kerberos";

/// Bytes of the length before a message, as over TCP.
const LENGTH: usize = 4;

impl Node {
    /// Passes the message on to the KDC here, and to none elsewhere: whoever asks for another realm is refused.
    pub(super) fn kdc_proxy(&self, request: &Request) -> Response {
        if request.method != Method::Post {
            return error(
                405,
                "invalid_request",
                "the KDC proxy takes POST requests alone",
            )
            .with_header("Allow", "POST");
        }
        let Ok(asked) = KdcProxyMessage::decode(&request.body) else {
            return error(400, "invalid_request", "this is no KDC-PROXY-MESSAGE");
        };
        let elsewhere = asked.target_domain.as_ref().is_some_and(|realm| {
            !realm
                .as_str()
                .eq_ignore_ascii_case(self.realm.name.as_str())
        });
        if elsewhere {
            return error(
                403,
                "access_denied",
                "this KDC proxy does not serve that realm",
            );
        }
        let Some(message) = unframed(&asked.kerb_message) else {
            return error(
                400,
                "invalid_request",
                "the Kerberos message is not as long as it says",
            );
        };
        let peer = SocketAddr::new(request.peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), 0);
        let Some(reply) = self.answer(message, Path::Proxy, peer) else {
            return error(400, "invalid_request", "this is no Kerberos request");
        };
        let answer = KdcProxyMessage {
            kerb_message: framed(&reply),
            target_domain: None,
            dclocator_hint: None,
        };
        Response::bytes(200, MEDIA_TYPE, answer.encode())
    }
}

/// The message behind its length.
fn unframed(message: &[u8]) -> Option<&[u8]> {
    let (length, message) = message.split_first_chunk::<LENGTH>()?;
    (usize::try_from(u32::from_be_bytes(*length)) == Ok(message.len())).then_some(message)
}

/// The message with its length before it. One that is longer than the length can say does not exist.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), message].concat()
}
