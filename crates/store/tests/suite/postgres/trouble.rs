//! Trouble with the database is told as a sentence.

use std::path::{Path, PathBuf};
use std::process::Command;

use directory::storage::StorageError;
use keyporch_store::Address;

use super::*;

fn refused(url: &str) -> StorageError {
    let address = Address::parse(url).unwrap();
    let clock = Arc::new(SystemClock);
    let options = PostgresOptions::default();
    Postgres::open(&address, clock, &mut SystemRng, &options).unwrap_err()
}

#[test]
fn a_database_that_is_not_there_is_named() {
    let database = database();
    let error = refused(&database.url.replace("test_", "missing_"));
    let said = error.to_string();
    assert!(
        said.contains("lets nobody in") && said.contains("missing_"),
        "{said}"
    );
    let error = refused("postgresql:///keyporch?host=/nowhere");
    let said = error.to_string();
    assert!(
        said.contains("is away") && said.contains("/nowhere"),
        "{said}"
    );
}

#[test]
fn a_password_is_in_no_error() {
    let database = database();
    let url = database
        .url
        .replace("keyporch@", "keyporch:s3cr3t@")
        .replace("test_", "missing_");
    let error = refused(&url);
    assert!(
        !format!("{error} {error:?}").contains("s3cr3t"),
        "{error:?}"
    );
}

#[test]
fn tables_of_something_else_are_left_alone() {
    let database = database();
    let cluster = Cluster::shared();
    cluster.sql(name(&database.url), "create table kv (id int)");
    let error = refused(&database.url);
    assert!(
        matches!(&error, StorageError::Corrupt(text) if text.contains("another program")),
        "{error}"
    );
}

/// They may be somebody else's, so that this role does not see them where it looks for what it may use.
#[test]
fn tables_that_the_role_may_not_use_are_left_alone() {
    let database = database();
    let cluster = Cluster::shared();
    cluster.sql(
        name(&database.url),
        "create table kv (id int); do $$ begin create role somebody login; exception when duplicate_object then null; end $$; \
         grant all on schema public to somebody",
    );
    let said = refused(&database.url.replace("keyporch@", "somebody@")).to_string();
    assert!(said.contains("another program"), "{said}");
}

#[test]
fn a_store_of_a_newer_version_is_refused() {
    let database = database();
    let cluster = Cluster::shared();
    drop(live(&database));
    cluster.sql(name(&database.url), "update kv_version set version = 2");
    let error = refused(&database.url);
    assert!(
        matches!(&error, StorageError::Newer(text) if text.contains("version 2")),
        "{error}"
    );
}

#[test]
fn servers_that_open_an_empty_database_at_once_make_one_store() {
    let database = database();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| increment(&*live(&database), b"n").unwrap());
        }
    });
    assert_eq!(held(&*live(&database), b"n"), 4);
}

#[test]
fn a_server_that_wants_a_store_does_not_make_one_and_a_failed_set_up_removes_its_own() {
    let database = database();
    let open = |make| {
        let options = PostgresOptions {
            make,
            ..PostgresOptions::default()
        };
        let clock = Arc::new(SystemClock);
        Postgres::open(&database.address(), clock, &mut SystemRng, &options)
    };
    let said = open(false).unwrap_err().to_string();
    assert!(said.contains("there is no store"), "{said}");
    let made = open(true).unwrap();
    assert!(made.was_made());
    increment(&made, b"n").unwrap();
    assert!(!open(true).unwrap().was_made() && open(false).is_ok());
    made.remove().unwrap();
    assert!(open(false).is_err(), "it is gone");
}

/// A self-signed certificate for a name: file, key.
fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) = (folder.join("tls.pem"), folder.join("tls.key"));
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args([
            "-subj",
            "/CN=db",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .args(["-addext", &format!("subjectAltName=DNS:{name}")])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("openssl runs");
    assert!(made.status.success(), "{made:?}");
    (certificate, key)
}

#[test]
fn a_database_that_cannot_prove_its_name_is_not_spoken_to() {
    let cluster = Cluster::own();
    let database = cluster.database();
    let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (root, key) = certificate(own.path(), "localhost");
    let (stranger, _) = certificate(other.path(), "localhost");
    let port = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        free.local_addr().unwrap().port()
    };
    cluster.restart_with_tls(&root, &key, port);
    let url = |host: &str, root: &Path| {
        format!(
            "postgresql://keyporch@{host}:{port}/{}?sslmode=verify-full&sslrootcert={}",
            name(&database.url),
            root.display()
        )
    };
    let right = Database {
        url: url("localhost", &root),
    };
    let store = live(&right);
    increment(&*store, b"n").unwrap();
    let encrypted = "select count(*) > 0 and bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) \
                     where application_name = 'keyporchd'";
    assert_eq!(cluster.sql_at(port, name(&database.url), encrypted), "t");
    for (wrong, why) in [
        (url("127.0.0.1", &root), "another name"),
        (url("localhost", &stranger), "another authority"),
    ] {
        let said = refused(&wrong).to_string();
        assert!(said.contains("certificate"), "{why}: {said}");
    }
    // The server would take it without TLS, too; that is what was not asked for.
    let bare = url("localhost", &root).replace("verify-full", "disable");
    assert_eq!(held(&*live(&Database { url: bare }), b"n"), 1);
}

/// A table that is read as a whole in one plan would conflict with every write to it.
#[test]
fn rows_are_read_by_key_alone() {
    let database = database();
    let store = live(&database);
    let written = store
        .transact(&mut |transaction| (0..50u8).try_for_each(|key| transaction.put(&[key], b"1")));
    written.unwrap();
    for _ in 0..5 {
        let snapshot = store.snapshot().unwrap();
        snapshot.get(b"a").unwrap();
        let order = directory::storage::Order::Descending;
        snapshot.scan(b"\0", b"\xff", 10, order).unwrap();
    }
    drop(store);
    // What connections did is counted when they end.
    wait_until_nobody_is_in(&database.url);
    let cluster = Cluster::shared();
    let scans = "select seq_scan, idx_scan >= 10 from pg_stat_user_tables where relname = 'kv'";
    // The one is the making of the index.
    assert_eq!(cluster.sql(name(&database.url), scans), "1|t");
}
