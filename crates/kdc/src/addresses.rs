//! From where a ticket may be shown (RFC 4120 3.2.3): clients may have theirs made for their own addresses alone.

use std::net::IpAddr;

use directory::sources::Source;
use wire::kerberos::{AddressType, EncTicketPart, HostAddress};

use crate::refused::Refused;

/// Judges from where a ticket-granting ticket is shown. Names of machines, which Windows' clients have put into theirs, say
/// nothing of that.
///
/// # Errors
/// [`Refused::WrongAddress`].
pub(crate) fn check(part: &EncTicketPart, from: Option<Source>) -> Result<(), Refused> {
    let (Some(list), Some(from)) = (&part.caddr, from) else {
        return Ok(());
    };
    let own = from.address.to_canonical();
    let mut addresses = list.iter().filter_map(ip).peekable();
    match addresses.peek().is_none() || addresses.any(|address| address == own) {
        true => Ok(()),
        false => Err(Refused::WrongAddress),
    }
}

/// The address of the internet protocols, if it is one; an IPv4 address in whichever form.
fn ip(address: &HostAddress) -> Option<IpAddr> {
    let octets = address.address.as_slice();
    let ip = match address.addr_type {
        AddressType::IPV4 => IpAddr::from(<[u8; 4]>::try_from(octets).ok()?),
        AddressType::IPV6 => IpAddr::from(<[u8; 16]>::try_from(octets).ok()?),
        _ => return None,
    };
    Some(ip.to_canonical())
}
