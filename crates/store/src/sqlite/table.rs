//! The one table, and the five statements on it.

use directory::storage::{Order, Row};
use rusqlite::{Connection, OptionalExtension, params};

pub(super) const CREATE: &str =
    "create table kv (k blob not null primary key, v blob not null) without rowid, strict";

pub(super) fn get(connection: &Connection, key: &[u8]) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("select v from kv where k = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

pub(super) fn scan(
    connection: &Connection,
    start: &[u8],
    end: &[u8],
    limit: usize,
    order: Order,
) -> rusqlite::Result<Vec<Row>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(match order {
        Order::Ascending => "select k, v from kv where k >= ?1 and k < ?2 order by k limit ?3",
        Order::Descending => {
            "select k, v from kv where k >= ?1 and k < ?2 order by k desc limit ?3"
        }
    })?;
    let rows = statement.query_map(params![start, end, limit], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    rows.collect()
}

pub(super) fn put(connection: &Connection, key: &[u8], value: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "insert into kv (k, v) values (?1, ?2) on conflict (k) do update set v = ?2",
        )?
        .execute([key, value])
        .map(|_| ())
}

pub(super) fn delete(connection: &Connection, key: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("delete from kv where k = ?1")?
        .execute([key])
        .map(|_| ())
}
