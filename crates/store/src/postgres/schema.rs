//! The tables: made at the first opening, and looked at before every other.

use directory::storage::StorageError;
use tokio_postgres::Client;

use super::error::{self, Trouble};

/// The version of the tables; the rows have their own.
const TABLE_VERSION: i32 = 1;
/// How often making them is tried while another server makes them, too.
const TRIES: usize = 5;

/// `kv` is the store; pages keep room so that a row that is written often stays in its page, and no two servers'
/// rows meet in the index. `kv_version` says whose tables these are. `kv_writers` has for each process the number of
/// its last transaction, by which it learns what became of one whose answer it never heard.
const CREATE: &[&str] = &[
    "create table kv (k bytea primary key, v bytea not null) with (fillfactor = 80)",
    "create table kv_version (program text primary key, version int4 not null)",
    "create table kv_writers (writer bytea primary key, number int8 not null, at timestamptz not null default now())",
    "insert into kv_version (program, version) values ('keyporch', 1)",
];

/// Rows of processes that ended long ago.
const FORGET: &str = "delete from kv_writers where at < now() - interval '365 days'";

/// Checks that the tables are ours and not newer than we are. In an empty database they are made, if that is wanted;
/// whether they were.
pub(super) async fn prepare(client: &Client, name: &str, make: bool) -> Result<bool, Trouble> {
    let of = |cause: tokio_postgres::Error| error::of(&cause, name);
    let mut made = false;
    for _ in 0..TRIES {
        match look(client, name).await? {
            Found::Ours => {
                client.batch_execute(FORGET).await.map_err(of)?;
                return Ok(made);
            }
            Found::Nothing if !make => {
                return Err(Trouble::Failed(StorageError::Unavailable(format!(
                    "there is no store in the database {name}"
                ))));
            }
            Found::Nothing => {
                let statements = format!("begin; {}; commit", CREATE.join("; "));
                match client.batch_execute(&statements).await {
                    Ok(()) => {
                        made = true;
                        tracing::info!(database = name, "made a new store");
                    }
                    Err(cause) => {
                        // Another server may be making them at this moment: then they are there at the next look.
                        let trouble = error::of(&cause, name);
                        client.batch_execute("rollback").await.map_err(of)?;
                        if !is_a_race(&cause) {
                            return Err(trouble);
                        }
                    }
                }
            }
        }
    }
    Err(Trouble::Conflict)
}

/// Removes the tables.
pub(super) async fn remove(client: &Client, name: &str) -> Result<(), Trouble> {
    client
        .batch_execute("drop table kv, kv_version, kv_writers")
        .await
        .map_err(|cause| error::of(&cause, name))
}

enum Found {
    Ours,
    Nothing,
}

async fn look(client: &Client, name: &str) -> Result<Found, Trouble> {
    let of = |cause: tokio_postgres::Error| error::of(&cause, name);
    let refused = |error| Err(Trouble::Failed(error));
    let tables = client
        .query(
            // Those of others, too, on which this role may do nothing.
            "select relname::text from pg_catalog.pg_class join pg_catalog.pg_namespace n on n.oid = relnamespace \
             where nspname = current_schema() and relkind in ('r', 'p', 'v', 'm', 'f')",
            &[],
        )
        .await
        .map_err(of)?;
    let mut names = Vec::new();
    for row in &tables {
        names.push(row.try_get::<_, String>(0).map_err(of)?);
    }
    let has = |table: &str| names.iter().any(|name| name == table);
    if !has("kv") && !has("kv_version") && !has("kv_writers") {
        return Ok(Found::Nothing);
    }
    if !has("kv_version") {
        return refused(StorageError::Corrupt(format!(
            "the database {name} has tables of another program; give this one a database of its own"
        )));
    }
    let version = client
        .query_opt(
            "select version from kv_version where program = 'keyporch'",
            &[],
        )
        .await
        .map_err(of)?;
    let version: i32 = match version {
        Some(row) => row.try_get(0).map_err(of)?,
        None => {
            return refused(StorageError::Corrupt(format!(
                "the database {name} has tables of another program; give this one a database of its own"
            )));
        }
    };
    if version > TABLE_VERSION {
        return refused(StorageError::Newer(format!(
            "the store in the database {name} has version {version}, this program knows {TABLE_VERSION}: start the \
             version that wrote it, or a newer one"
        )));
    }
    if !has("kv") || !has("kv_writers") {
        return refused(StorageError::Corrupt(format!(
            "the store in the database {name} has lost a table; stop the servers and restore the last backup"
        )));
    }
    Ok(Found::Ours)
}

/// Unique violations in the catalogue, tables that are suddenly there, tuples that changed under us.
fn is_a_race(cause: &tokio_postgres::Error) -> bool {
    let code = cause.code().map(|code| code.code().to_owned());
    let codes = ["23505", "42P07", "42710", "40001", "40P01", "XX000"];
    code.is_some_and(|code| codes.contains(&code.as_str()))
}
