use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use super::{PATIENCE, impatient, serve};
use crate::settings::Listen;

#[test]
fn the_service_itself_may_administer_over_the_unix_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run").join("admin.sock");
    let (mut serving, _) = serve(
        &Listen {
            admin_socket: Some(path.clone()),
            ..Listen::nowhere()
        },
        &impatient(),
    );
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(
            b"GET /administration/v1/users HTTP/1.1\r\nHost: local\r\nConnection: close\r\n\r\n",
        )
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("role=admin_socket"), "{answer}");
    serving.close(PATIENCE);
    assert!(!path.exists(), "the file goes with the server");
}
