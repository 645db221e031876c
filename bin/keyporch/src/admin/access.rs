//! The way to the administration API: the server's own socket, or HTTPS with a sign-in.

use std::path::{Path, PathBuf};

use call::Client;
use call::administration::Administration;
use call::files::Folder;
use call::sign_in::{Endpoints, SignIn, claims};
use serde::{Deserialize, Serialize};
use trust::{Clock as _, Span, SystemClock, SystemRng, Timestamp};
use zeroize::Zeroizing;

use crate::arguments::Common;
use crate::failure::Failure;
use crate::output::Output;
use crate::people::AtTerminal;
use crate::site::Site;
use crate::{environment, site};

/// Where the server's socket usually is: where systemd puts it, and where `keyporchd init` puts it by itself.
const SOCKETS: [&str; 2] = ["/run/keyporch/admin.sock", "/var/lib/keyporch/admin.sock"];

/// A token is asked for anew when it ends within this.
const SOON: Span = Span::seconds(30);

/// The file with the token of the last sign-in.
const KEPT: &str = "administration.json";

/// The way that the options, the lab or this machine give.
pub(crate) fn open(common: &Common, output: Output) -> Result<Administration, Failure> {
    if let Some(socket) = socket(common)? {
        return Ok(Administration::over_socket(&socket));
    }
    if !site::is_known(common)? {
        return Err(nowhere());
    }
    let site = site::of(common)?;
    signed_in(&site, output)
}

/// On the server's own machine its socket is what is missing, elsewhere its address.
fn nowhere() -> Failure {
    Failure::refused(
        format!(
            "it is not known where the server is: there is no {}",
            SOCKETS.join(", and no ")
        ),
        "On the server's own machine give the admin_socket of its configuration with --socket, and see that the server runs; \
         elsewhere give its address with --server https://sts.corp.example (a tenant's is https://login.corp.example).",
    )
}

/// The socket of the lab or of the server that runs on this machine, where it can be used.
fn socket(common: &Common) -> Result<Option<PathBuf>, Failure> {
    if let Some(socket) = &common.socket {
        return Ok(Some(socket.clone()));
    }
    if let Some(lab) = site::lab(common)? {
        return Ok(Some(lab.admin.socket));
    }
    if common.server.is_some() {
        return Ok(None);
    }
    Ok(first_of(&SOCKETS.map(Path::new)))
}

/// The first of these files that is there. One in a folder that is closed to this user is not.
fn first_of(sockets: &[&Path]) -> Option<PathBuf> {
    let found = sockets.iter().find(|socket| socket.exists());
    found.map(|socket| socket.to_path_buf())
}

/// A token that is kept until it ends, so that not every command needs a sign-in.
#[derive(Serialize, Deserialize)]
struct Kept {
    server: String,
    token: String,
    /// Seconds since 1970.
    expires: i64,
}

fn signed_in(site: &Site, output: Output) -> Result<Administration, Failure> {
    let client = Client::new(&site.roots, site.hosts.clone(), None);
    let folder = environment::cache_folder().and_then(|path| Folder::open(path).ok());
    if let Some(token) = folder.as_ref().and_then(|folder| kept(folder, &site.base)) {
        return Ok(Administration::over_https(client, &site.base, token));
    }
    output.note(&format!("Signing in at {}", site.base));
    let mut person = AtTerminal::new(output, None, None);
    // A federation service, or a tenant: what answers there says which.
    let endpoints = call::tenant::endpoints(&client, &site.base)?;
    let endpoints = endpoints.unwrap_or_else(|| Endpoints::of_federation(&site.base));
    let wish = Administration::wish_at(endpoints, None);
    let token = loop {
        let mut sign_in = SignIn::new(&client, wish.clone(), &mut SystemRng);
        match sign_in
            .run(&mut person)
            .and_then(|code| code.redeem(&client))
        {
            Ok(tokens) => break tokens.access_token,
            Err(fault) if crate::people::may_try_again(&fault) => {
                output.note(&crate::failure::words(&fault))
            }
            Err(fault) => return Err(crate::people::sign_in_failed(&fault)),
        }
    };
    if let Some(folder) = folder {
        keep(&folder, &site.base, &token);
    }
    Ok(Administration::over_https(client, &site.base, token))
}

fn kept(folder: &Folder, server: &str) -> Option<Zeroizing<String>> {
    let kept: Kept = serde_json::from_slice(&folder.read(KEPT).ok()??).ok()?;
    let fresh = Timestamp::from_unix(kept.expires) > SystemClock.now() + SOON;
    (kept.server == server && fresh).then(|| Zeroizing::new(kept.token))
}

/// Keeps the token for this person alone. That it cannot be kept is no failure: there will be a sign-in then.
fn keep(folder: &Folder, server: &str, token: &str) {
    let expires = claims(token).and_then(|claims| claims.get("exp")?.as_i64());
    let kept = expires.map(|expires| Kept {
        server: server.to_owned(),
        token: token.to_owned(),
        expires,
    });
    if let Some(Ok(content)) = kept.map(|kept| serde_json::to_vec(&kept)) {
        let _ = folder.write(KEPT, &content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_administers_from_nowhere_is_told_of_the_socket_and_of_the_address() {
        let told = format!("{:?}", nowhere());
        assert!(told.contains("--socket"), "{told}");
        assert!(told.contains("--server"), "{told}");
    }

    #[test]
    fn the_first_socket_that_is_there_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let [run, data] = ["run.sock", "data.sock"].map(|name| folder.path().join(name));
        let sockets = [run.as_path(), data.as_path()];
        assert_eq!(first_of(&sockets), None);
        std::fs::write(&data, []).unwrap();
        assert_eq!(first_of(&sockets), Some(data.clone()));
        std::fs::write(&run, []).unwrap();
        assert_eq!(first_of(&sockets), Some(run.clone()));
    }
}
