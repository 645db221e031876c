//! The configuration file of a new server.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::{Names, Places};
use crate::report::{Failure, REFUSED};

/// The text of the configuration file: what differs from the defaults, and where the rest is explained.
pub(super) fn text(names: &Names, places: &Places) -> Result<String, Failure> {
    let everywhere: Vec<IpAddr> = match names.address {
        Some(address) => vec![address],
        None => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
    };
    let list = |standard| -> Result<String, Failure> {
        let port = port(standard, names.offset)?;
        let addresses = everywhere
            .iter()
            .map(|address| quoted(&SocketAddr::new(*address, port).to_string()));
        Ok(addresses.collect::<Vec<_>>().join(", "))
    };
    let addresses = names
        .address
        .map(|address| quoted(&address.to_string()))
        .unwrap_or_default();
    let [kdc, password, ldap, ldaps] = match names.kind.ports() {
        Some([kdc, password, ldap, ldaps]) => {
            [list(kdc)?, list(password)?, list(ldap)?, list(ldaps)?]
        }
        None => Default::default(),
    };
    let mut text = String::new();
    let _ = writeln!(
        text,
        "# Keyporch for {domain}. keyporch.example.toml explains every setting; `keyporchd check` checks this file.\n\n\
         {held}\n\n\
         [store]\n{store}\n# Keep a copy of this file elsewhere: without it the store is of no use.\nroot_key = {root_key}\n\n\
         [listen]\nkdc = [{kdc}]\npassword = [{password}]\nldap = [{ldap}]\nldaps = [{ldaps}]\nhttps = [{https}]\nhttp = [{http}]\noperations = \"127.0.0.1:{operations}\"\nadmin_socket = {socket}\n\n\
         [tls]\naddresses = [{addresses}]\n\n\
         {parties}[authority]\n{publication}\n\
         [audit]\nfile = {audit}",
        domain = names.domain,
        held = names.kind.held(&names.domain),
        parties = names.kind.parties(),
        store = places.store_setting,
        root_key = quoted_path(&places.root_key),
        https = list(443)?,
        http = list(80)?,
        operations = port(9464, names.offset)?,
        socket = quoted_path(&places.socket),
        publication = publication(names)?,
        audit = quoted_path(&places.audit),
    );
    Ok(text)
}

/// Where lists are published, when that is not the usual place.
fn publication(names: &Names) -> Result<String, Failure> {
    let port = port(80, names.offset)?;
    let host = match names.address {
        Some(IpAddr::V6(address)) => format!("[{address}]"),
        Some(IpAddr::V4(address)) => address.to_string(),
        None => format!("pki.{}", names.domain),
    };
    Ok(match (names.address, port) {
        (None, 80) => String::new(),
        (_, 80) => format!("publication = {}\n", quoted(&format!("http://{host}"))),
        (_, port) => format!(
            "publication = {}\n",
            quoted(&format!("http://{host}:{port}"))
        ),
    })
}

/// A path as a TOML string, from the root on.
pub(super) fn quoted_path(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    quoted(&absolute.to_string_lossy())
}

/// A TOML basic string.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A port that is moved by an offset.
pub(super) fn port(standard: u16, offset: u16) -> Result<u16, Failure> {
    standard.checked_add(offset).ok_or_else(|| {
        Failure::said(
            format!("port {standard} and {offset} are more than 65535"),
            "Give a smaller --port-offset.",
            REFUSED,
        )
    })
}
