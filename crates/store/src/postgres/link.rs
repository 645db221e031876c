//! Connections, and the threads that carry them: every caller waits on its own thread for what these do.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use directory::storage::{Order, Row, StorageError};
use futures_util::TryStreamExt as _;
use futures_util::future::{join, join3};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls, Statement};
use trust::{Clock, Span, Timestamp};

use super::address::Address;
use super::error::{self, Trouble};
use super::schema;
use super::tls::Connector;

/// How long the database may take for one answer before the connection counts as lost. Its own limit, below, is
/// shorter, so that it is the one that usually speaks.
const ANSWER: Duration = Duration::from_secs(8);
/// How long a connection may take to be made, with everything that is said at its beginning.
const CONNECT: Duration = Duration::from_secs(8);
/// For so long after a failure to connect nobody else tries: they are told the same at once.
const DOWN: Span = Span::seconds(1);

/// What a session is told at its beginning. The tables are read by key alone: a plan that reads a whole table, which
/// the planner likes for a small one, would conflict with every write. Databases that speak the same language may not
/// know some of it.
const SESSION: &[&str] = &[
    "set statement_timeout = '5s'",
    "set idle_in_transaction_session_timeout = '10s'",
    "set enable_seqscan = off",
    "set enable_bitmapscan = off",
    "set plan_cache_mode = force_generic_plan",
    "set jit = off",
    // What was acknowledged survives a power cut, whatever the server's own default is.
    "select set_config('synchronous_commit', 'on', false) \
     where current_setting('synchronous_commit') in ('off', 'local')",
];

const GET: &str = "select v from kv where k = $1";
const UP: &str = "select k, v from kv where k >= $1 and k < $2 order by k limit $3";
const DOWN_: &str = "select k, v from kv where k >= $1 and k < $2 order by k desc limit $3";
const WRITE: &str = "insert into kv (k, v) select * from unnest($1::bytea[], $2::bytea[]) \
                     on conflict (k) do update set v = excluded.v";
const ERASE: &str = "delete from kv where k = any($1::bytea[])";
const MARK: &str = "insert into kv_writers (writer, number) values ($1, $2) \
                    on conflict (writer) do update set number = excluded.number, at = now()";

/// The first mark of a writer, so that every later one meets a row to lock.
const FIRST_MARK: &str =
    "insert into kv_writers (writer, number) values ($1, 0) on conflict (writer) do nothing";
/// Waits for the transaction that marked last, wherever it stands, and tells what it left.
const LOOK: &str = "select number from kv_writers where writer = $1 for update";

/// How a transaction that reads begins.
const READ: &str = "begin isolation level repeatable read read only";
/// How a transaction that writes begins.
const WRITES: &str = "begin isolation level serializable";

/// What can be asked of the rows.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// The value of a key.
    Get(Vec<u8>),
    /// A range, from one of its ends.
    Scan {
        start: Vec<u8>,
        end: Vec<u8>,
        limit: i64,
        order: Order,
    },
}

/// How the transaction begins that a question is the first of.
#[derive(Clone, Debug)]
pub(super) enum Begin {
    /// It has begun.
    Not,
    /// For reading one state.
    Read,
    /// For reading one state for as long as it takes.
    ReadLong,
    /// For writing: a writer's transaction with this number.
    Write(Arc<[u8]>, i64),
}

/// A connection with what is prepared on it.
pub(super) struct Link {
    client: Client,
    name: Arc<str>,
    get: Statement,
    up: Statement,
    down: Statement,
    write: Statement,
    erase: Statement,
    mark: Statement,
}

impl Link {
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    fn of(&self, cause: &tokio_postgres::Error) -> Trouble {
        error::of(cause, &self.name)
    }

    /// Asks, after beginning a transaction where none is open: all of it is sent at once.
    pub(super) async fn ask(&self, begin: Begin, question: Question) -> Result<Vec<Row>, Trouble> {
        let (begun, asked) = join(self.begin(begin), self.answer(question)).await;
        begun?;
        asked.map_err(|cause| self.of(&cause))
    }

    /// Begins a transaction. The mark comes first in a transaction that writes, so that whoever asks for it later
    /// finds its row locked until this one has ended, however it ended.
    pub(super) async fn begin(&self, begin: Begin) -> Result<(), Trouble> {
        let begun = match begin {
            Begin::Not => Ok(()),
            Begin::Read => self.client.batch_execute(READ).await,
            Begin::ReadLong => {
                let patient = format!("{READ}; set local idle_in_transaction_session_timeout = 0");
                self.client.batch_execute(&patient).await
            }
            Begin::Write(writer, number) => {
                let writer: &[u8] = &writer;
                let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
                    [&writer, &number];
                let (begun, marked) = join(
                    self.client.batch_execute(WRITES),
                    self.client.execute(&self.mark, &parameters),
                )
                .await;
                begun.and(marked.map(|_| ()))
            }
        };
        begun.map_err(|cause| self.of(&cause))
    }

    async fn answer(&self, question: Question) -> Result<Vec<Row>, tokio_postgres::Error> {
        match question {
            Question::Get(key) => {
                let row = self.client.query_opt(&self.get, &[&key]).await?;
                match row {
                    Some(row) => Ok(vec![(key, row.try_get(0)?)]),
                    None => Ok(Vec::new()),
                }
            }
            Question::Scan {
                start,
                end,
                limit,
                order,
            } => {
                let statement = match order {
                    Order::Ascending => &self.up,
                    Order::Descending => &self.down,
                };
                let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
                    [&start, &end, &limit];
                let rows = self.client.query_raw(statement, parameters).await?;
                let mut rows = std::pin::pin!(rows);
                let mut found = Vec::new();
                while let Some(row) = rows.try_next().await? {
                    found.push((row.try_get(0)?, row.try_get(1)?));
                }
                Ok(found)
            }
        }
    }

    /// Writes and commits what was written, all of it sent at once: when the write fails, the database makes a
    /// rollback of the commit.
    pub(super) async fn commit(
        &self,
        keys: Vec<Vec<u8>>,
        values: Vec<Vec<u8>>,
        erased: Vec<Vec<u8>>,
    ) -> Result<(), Trouble> {
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 2] = [&keys, &values];
        let write = async {
            if keys.is_empty() {
                return Ok(0);
            }
            self.client.execute(&self.write, &parameters).await
        };
        let erase = async {
            if erased.is_empty() {
                return Ok(0);
            }
            self.client.execute(&self.erase, &[&erased]).await
        };
        let (written, erased, committed) =
            join3(write, erase, self.client.batch_execute("commit")).await;
        written
            .and(erased)
            .and(committed)
            .map_err(|cause| self.of(&cause))
    }

    pub(super) async fn rollback(&self) -> Result<(), Trouble> {
        let ended = self.client.batch_execute("rollback").await;
        ended.map_err(|cause| self.of(&cause))
    }

    /// Makes the row that a writer marks.
    pub(super) async fn introduce(&self, writer: &[u8]) -> Result<(), Trouble> {
        let made = self.client.execute(FIRST_MARK, &[&writer]).await;
        made.map(|_| ()).map_err(|cause| self.of(&cause))
    }

    /// The number of a writer's last transaction that was committed, once none of it is under way. A row that is not
    /// there, for a copy that never had it took the database's place, is made before: where an earlier transaction makes it
    /// at the same time, this waits for that one's end as it does for one that changes it.
    pub(super) async fn last_mark(&self, writer: &[u8]) -> Result<i64, Trouble> {
        self.introduce(writer).await?;
        let found = self.client.query_opt(LOOK, &[&writer]).await;
        let number = found.and_then(|row| row.map_or(Ok(0), |row| row.try_get(0)));
        number.map_err(|cause| self.of(&cause))
    }
}

/// The database as this process knows it: its address, and the threads that carry the connections.
pub(super) struct Server {
    address: Address,
    tls: Option<Connector>,
    runtime: Option<Runtime>,
    clock: Arc<dyn Clock>,
    /// How many connections were made. Where one breaks, what answers the next may be a copy.
    connections: AtomicU64,
    /// When a connection could last not be made, and why.
    down: Mutex<Option<(Timestamp, Trouble)>>,
}

impl Server {
    pub(super) fn new(address: &Address, clock: Arc<dyn Clock>) -> Result<Self, StorageError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("postgresql")
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| {
                StorageError::Unavailable(format!(
                    "the threads that speak to the database cannot be started: {error}"
                ))
            })?;
        Ok(Self {
            tls: address.tls.as_ref().map(Connector::new).transpose()?,
            address: address.clone(),
            runtime: Some(runtime),
            clock,
            connections: AtomicU64::new(0),
            down: Mutex::default(),
        })
    }

    pub(super) fn name(&self) -> &str {
        self.address.name()
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// Waits for something that is done beside, not longer than an answer may take.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        what: impl Future<Output = Result<T, Trouble>> + Send + 'static,
    ) -> Result<T, Trouble> {
        self.wait_for(ANSWER, what)
    }

    fn wait_for<T: Send + 'static>(
        &self,
        limit: Duration,
        what: impl Future<Output = Result<T, Trouble>> + Send + 'static,
    ) -> Result<T, Trouble> {
        let silent = || Trouble::Lost(error::lost(self.name(), "it does not answer"));
        let Some(runtime) = &self.runtime else {
            return Err(silent());
        };
        let (told, answer) = mpsc::sync_channel(1);
        runtime.spawn(async move {
            // Nobody who waits goes away before the answer.
            let _ = told.send(timeout(limit, what).await);
        });
        match answer.recv() {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) | Err(_) => Err(silent()),
        }
    }

    /// Does something beside, for which nobody waits.
    pub(super) fn beside(&self, what: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(what);
        }
    }

    /// Lets time pass before something is tried again.
    pub(super) fn pause(&self, time: Duration) {
        let _ = self.wait(async move {
            tokio::time::sleep(time).await;
            Ok(())
        });
    }

    /// A new connection; at once the same failure again where one could not be made a moment ago.
    pub(super) fn connect(&self) -> Result<Arc<Link>, Trouble> {
        let now = self.clock.now();
        if let Some((when, trouble)) = &*self.down.lock().unwrap_or_else(PoisonError::into_inner)
            && now.since(*when) <= DOWN
            && now >= *when
        {
            return Err(trouble.clone());
        }
        self.connect_now()
    }

    /// A new connection, however lately one could not be made.
    pub(super) fn connect_now(&self) -> Result<Arc<Link>, Trouble> {
        let made = self.wait_for(CONNECT, connect(self.address.clone(), self.tls.clone()));
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        *down = made
            .as_ref()
            .err()
            .map(|trouble| (self.clock.now(), trouble.clone()));
        let link = made?;
        self.connections.fetch_add(1, Ordering::AcqRel);
        Ok(Arc::new(link))
    }

    /// How many connections were made so far.
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Acquire)
    }

    /// Makes the tables, where they may be made, or checks them. Whether they were made.
    pub(super) fn prepare(&self, make: bool) -> Result<bool, Trouble> {
        let (address, tls) = (self.address.clone(), self.tls.clone());
        let clock = Arc::clone(&self.clock);
        self.wait_for(CONNECT, async move {
            let client = reach(&address, tls).await?;
            let made = schema::prepare(&client, address.name(), make).await?;
            warn_of_carelessness(&client, address.name()).await;
            warn_of_another_time(&client, address.name(), clock.now()).await;
            Ok(made)
        })
    }

    /// Removes the tables.
    pub(super) fn unmake(&self) -> Result<(), Trouble> {
        let (address, tls) = (self.address.clone(), self.tls.clone());
        self.wait_for(CONNECT, async move {
            let client = reach(&address, tls).await?;
            schema::remove(&client, address.name()).await
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Not waited for: this may be a thread of another runtime, which must not block.
            runtime.shutdown_background();
        }
    }
}

/// Reaches the database. The task that carries the connection ends with the client.
async fn reach(address: &Address, tls: Option<Connector>) -> Result<Client, Trouble> {
    let of = |cause: tokio_postgres::Error| error::of(&cause, address.name());
    let client = match tls {
        Some(tls) => {
            let (client, connection) = address.config.connect(tls).await.map_err(of)?;
            tokio::spawn(async move { drop(connection.await) });
            client
        }
        None => {
            let (client, connection) = address.config.connect(NoTls).await.map_err(of)?;
            tokio::spawn(async move { drop(connection.await) });
            client
        }
    };
    let said = SESSION.iter().map(|setting| client.batch_execute(setting));
    for said in futures_util::future::join_all(said).await {
        match said {
            Err(cause) if !is_unknown(&cause) => return Err(of(cause)),
            _ => {}
        }
    }
    Ok(client)
}

/// Whether a database that speaks the same language does not know a setting.
fn is_unknown(cause: &tokio_postgres::Error) -> bool {
    cause
        .code()
        .is_some_and(|code| ["42704", "22023", "0A000", "42601"].contains(&code.code()))
}

async fn connect(address: Address, tls: Option<Connector>) -> Result<Link, Trouble> {
    let client = reach(&address, tls).await?;
    let prepared = [GET, UP, DOWN_, WRITE, ERASE, MARK].map(|text| client.prepare(text));
    let prepared = futures_util::future::try_join_all(prepared).await;
    let prepared = prepared.map_err(|cause| error::of(&cause, address.name()))?;
    let Ok([get, up, down, write, erase, mark]) = <[Statement; 6]>::try_from(prepared) else {
        return Err(Trouble::Lost(error::lost(
            address.name(),
            "it answers too little",
        )));
    };
    Ok(Link {
        name: address.name().into(),
        client,
        get,
        up,
        down,
        write,
        erase,
        mark,
    })
}

/// Says so when the server itself does not keep what it acknowledges.
async fn warn_of_carelessness(client: &Client, name: &str) {
    let asked = client
        .query_opt("select current_setting('fsync') = 'off'", &[])
        .await;
    if let Ok(Some(row)) = asked
        && row.try_get::<_, bool>(0).unwrap_or(false)
    {
        tracing::warn!(
            database = name,
            "the database runs with fsync = off: a power cut loses what was acknowledged, or everything"
        );
    }
}

/// By how much the clocks of the database and of a server may differ.
const DIFFERENCE: Span = Span::seconds(30);

/// Says so when the database's clock is not this machine's. Nothing is decided by the database's; but all servers look at
/// it, and theirs have to agree.
async fn warn_of_another_time(client: &Client, name: &str, now: Timestamp) {
    let asked = client
        .query_opt("select (extract(epoch from now()) * 1000000)::int8", &[])
        .await;
    if let Ok(Some(row)) = asked
        && let Ok(micros) = row.try_get::<_, i64>(0)
    {
        let difference = Timestamp::from_micros(micros).since(now).as_micros();
        if difference.unsigned_abs() > DIFFERENCE.as_micros().unsigned_abs() {
            tracing::warn!(
                database = name,
                seconds = difference / 1_000_000,
                "the database's clock is ahead of this machine's by so many seconds; servers of one domain need clocks \
                 that agree"
            );
        }
    }
}
