//! The KDC proxy (MS-KKDCP; protocols E.9): Kerberos for who reaches nothing but HTTPS.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use wire::http::{Method, Request, Response};
use wire::kerberos::{KdcProxyMessage, PasswordRequest};

use super::Node;
use crate::conversation::error;
use crate::door::{Ends, Kerberos as _, Path};

/// Where it answers, in lower case: paths are compared without it, as the original does.
pub(super) const PATH: &str = "/kdcproxy";

const MEDIA_TYPE: &str = "application/kerberos";

impl Node {
    /// Passes the message on to the KDC here, or to where passwords are changed, and to none elsewhere: whoever asks for another realm is refused.
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
        let (Ok(message), Ok(realm)) = (asked.message(), asked.target()) else {
            return error(
                400,
                "invalid_request",
                "the Kerberos message is not as long as it says, or the realm is none",
            );
        };
        if realm.is_some_and(|realm| !realm.eq_ignore_ascii_case(&self.realm.name)) {
            return error(
                403,
                "access_denied",
                "this KDC proxy does not serve that realm",
            );
        }
        let peer = SocketAddr::new(request.peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), 0);
        // The socket's own address is not told along with the request.
        let own = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let ends = Ends { peer, own };
        let reply = match PasswordRequest::is_one(message) {
            true => self.change_password(message, Path::Proxy, ends),
            false => self.answer(message, Path::Proxy, ends),
        };
        let Some(reply) = reply else {
            return error(400, "invalid_request", "this is no Kerberos request");
        };
        let answer = KdcProxyMessage::new(&reply, None);
        Response::bytes(200, MEDIA_TYPE, answer.encode())
    }
}
