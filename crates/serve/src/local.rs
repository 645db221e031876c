//! The Unix socket for administration: root and the service's own user may speak, the kernel says who they are.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener as StdUnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

use crate::accept::{self, Closing};
use crate::conversation::Conversations;
use crate::door::Caller;
use crate::fault::{Fault, Role};

const ROOT: u32 = 0;

/// What somebody else gets.
const REFUSAL: &[u8] = b"HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 100\r\n\r\n\
    {\"error\":\"access_denied\",\"error_description\":\"only root and the service's user may use this socket\"}";

/// The file of a socket; one that we made is removed when the server is done with it.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
    owner: u32,
    ours: bool,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The file of a socket that a supervisor opened for us and will remove.
pub(crate) fn inherited(path: &Path) -> Result<Socket, Fault> {
    let metadata = fs::metadata(path).map_err(|source| Fault::Listen {
        role: Role::AdminSocket,
        address: path.display().to_string(),
        source,
    })?;
    Ok(Socket {
        path: path.to_owned(),
        owner: metadata.uid(),
        ours: false,
    })
}

/// Opens the socket at `path`, mode 0600. One that a crashed server left behind is replaced; one that
/// somebody serves is not.
pub(crate) fn bind(path: &Path) -> Result<(StdUnixListener, Socket), Fault> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Fault::ReadOnly {
            path: path.to_owned(),
            source,
        },
        _ => Fault::Listen {
            role: Role::AdminSocket,
            address: path.display().to_string(),
            source,
        },
    };
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(Fault::SocketTaken {
            path: path.to_owned(),
        });
    }
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    // Under its own name the socket appears with its final mode, so that there is no moment at which others may connect.
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let _ = fs::remove_file(&beside);
    let listener = StdUnixListener::bind(&beside).map_err(failed)?;
    let opened = fs::set_permissions(&beside, fs::Permissions::from_mode(0o600))
        .and_then(|()| listener.set_nonblocking(true))
        .and_then(|()| fs::rename(&beside, path))
        .and_then(|()| fs::metadata(path));
    match opened {
        // The file belongs to whoever this process runs as.
        Ok(metadata) => Ok((
            listener,
            Socket {
                path: path.to_owned(),
                owner: metadata.uid(),
                ours: true,
            },
        )),
        Err(error) => {
            let _ = fs::remove_file(&beside);
            Err(failed(error))
        }
    }
}

/// Whether a process of user `user` may use a socket of `owner`.
fn may_speak(user: u32, owner: u32) -> bool {
    user == ROOT || user == owner
}

/// Serves `listener` until `closing`.
pub(crate) async fn serve(
    web: Arc<Conversations>,
    listener: UnixListener,
    socket: Socket,
    mut closing: Closing,
) {
    let mut conversations = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = closing.closed() => break,
            Some(_) = conversations.join_next(), if !conversations.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                conversations.spawn(converse(
                    Arc::clone(&web),
                    stream,
                    socket.owner,
                    closing.clone(),
                ));
            }
            Err(error) => accept::rest(&error).await,
        }
    }
    drop(listener);
    while conversations.join_next().await.is_some() {}
}

async fn converse(web: Arc<Conversations>, mut stream: UnixStream, owner: u32, closing: Closing) {
    let user = stream.peer_cred().map(|credentials| credentials.uid());
    if !user.is_ok_and(|user| may_speak(user, owner)) {
        let _ = stream.write_all(REFUSAL).await;
        return;
    }
    let Some(seat) = web.room.admit(None) else {
        return;
    };
    let caller = Caller {
        role: Role::AdminSocket,
        peer: None,
        certificate: None,
    };
    web.converse(stream, false, caller, seat, closing).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_and_the_owner_may_speak() {
        assert!(may_speak(0, 980) && may_speak(980, 980));
        assert!(!may_speak(1000, 980));
    }

    #[test]
    fn the_refusal_is_as_long_as_it_says() {
        let text = std::str::from_utf8(REFUSAL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(
            head.ends_with(&format!("content-length: {}", body.len())),
            "{}",
            body.len()
        );
    }

    #[test]
    fn the_socket_is_for_its_owner_replaces_a_dead_one_and_leaves_a_living_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admin.sock");
        drop(StdUnixListener::bind(&path).unwrap());
        let (living, socket) = bind(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(matches!(bind(&path), Err(Fault::SocketTaken { .. })));
        drop((living, socket));
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_said() {
        let fault = bind(Path::new("/proc/nowhere/admin.sock")).unwrap_err();
        assert!(
            fault.to_string().contains("/proc/nowhere/admin.sock"),
            "{fault}"
        );
    }
}
