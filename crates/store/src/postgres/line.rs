//! Group commit: those who write stand in line for the one connection that writes, and the last of a group commits
//! for all of them.
//!
//! Who comes first after a commit opens a transaction, in which all who stand in line by then have their turn. What
//! they write is kept in memory, where those behind them see it, and one that fails takes nothing of the others
//! along; the last one sends it all with the commit. Whoever comes later waits for the next transaction: its state
//! must contain everything that was committed anywhere before they came.
//!
//! The database may find that a transaction of another server was in the way. Then nothing of the group happened, and
//! each of it stands in line again. When the connection breaks while a commit is under way, nobody knows what became
//! of it; so every transaction first marks a row of this process with a number, and a new connection asks for that row:
//! it is locked until the transaction has ended, and then has the number or not.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use directory::storage::{Order, Overlay, Read, Row, StorageError, TRANSACTION_BYTES, Transaction};
use trust::Span;

use super::error::Trouble;
use super::link::{Begin, Link, Question, Server};
use super::question;

/// How many transactions share one commit at most.
const GROUP_LIMIT: usize = 128;
/// How many bytes they write together, at most but for the last of them.
const GROUP_BYTES: usize = 4_000_000;
/// How often a transaction is tried that others are in the way of.
const TRIES: u32 = 40;
/// How often one is tried whose connection breaks.
const BREAKS: u32 = 4;
/// How often it is asked what became of a commit, and how long is waited between.
const LOOKS: u32 = 12;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// For how long it is asked, to the end of the question that is under way.
const LOOKING: Span = Span::seconds(15);

/// What a transaction does.
pub(super) type Work<'a> = dyn FnMut(&mut Open<'_>) -> Result<(), StorageError> + 'a;

pub(super) struct Line {
    state: Mutex<State>,
    /// Woken when the connection is free.
    free: Condvar,
}

struct State {
    /// `None` while somebody works with it.
    writer: Option<Writer>,
    /// Who wants it, by ticket; in this order they get it.
    waiting: BTreeSet<u64>,
    tickets: u64,
    /// Those that are committed together, if a transaction is open.
    group: Option<Arc<Group>>,
}

/// The connection that writes, and what is written on it but not sent.
struct Writer {
    id: Arc<[u8]>,
    link: Option<Arc<Link>>,
    begun: bool,
    /// Of the last transaction.
    number: i64,
    written: Overlay,
}

/// What became of something.
#[derive(Clone)]
enum Outcome {
    Done,
    /// Nothing happened, and it may work now.
    Again(Trouble),
    Failed(StorageError),
}

struct Group {
    /// Tickets below it may join.
    admits: u64,
    /// How many succeeded so far.
    members: Mutex<usize>,
    outcome: Mutex<Option<Outcome>>,
    done: Condvar,
}

impl Group {
    fn finish(&self, outcome: Outcome) {
        *lock(&self.outcome) = Some(outcome);
        self.done.notify_all();
    }

    fn wait(&self) -> Outcome {
        let mut outcome = lock(&self.outcome);
        loop {
            if let Some(outcome) = outcome.as_ref() {
                return outcome.clone();
            }
            outcome = self
                .done
                .wait(outcome)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Line {
    /// A line for the writer that is called `id` in the database.
    pub(super) fn new(id: [u8; 16]) -> Self {
        Self {
            state: Mutex::new(State {
                writer: Some(Writer {
                    id: id.as_slice().into(),
                    link: None,
                    begun: false,
                    number: 0,
                    written: Overlay::default(),
                }),
                waiting: BTreeSet::new(),
                tickets: 0,
                group: None,
            }),
            free: Condvar::new(),
        }
    }

    /// Does `work` in a transaction; returns when it is durable, or when nothing of it happened.
    pub(super) fn transact(
        &self,
        server: &Server,
        work: &mut Work<'_>,
    ) -> Result<(), StorageError> {
        let (mut tries, mut breaks) = (0, 0);
        loop {
            let again = match self.attempt(server, work) {
                Outcome::Done => return Ok(()),
                Outcome::Failed(error) => return Err(error),
                Outcome::Again(trouble) => trouble,
            };
            match again {
                Trouble::Conflict if tries < TRIES => {
                    tries += 1;
                    if tries > 3 {
                        server.pause(Duration::from_millis(u64::from(tries)));
                    }
                }
                Trouble::Lost(_) if breaks < BREAKS => {
                    breaks += 1;
                    server.pause(Duration::from_millis(50 << breaks));
                }
                other => return Err(other.into_error()),
            }
        }
    }

    /// Once: in the order of the line, in a group's transaction.
    fn attempt(&self, server: &Server, work: &mut Work<'_>) -> Outcome {
        let mut turn = self.enter(server);
        let (worked, joined) = turn.work(work);
        let group = turn.leave(&worked);
        match worked {
            Worked::Done => group.wait(),
            // What it failed by may be what others of the group wrote, and that may not have happened.
            Worked::GaveUp(error) if joined => match group.wait() {
                Outcome::Done => Outcome::Failed(error),
                otherwise => otherwise,
            },
            Worked::GaveUp(error) => Outcome::Failed(error),
            Worked::Broke(Trouble::Failed(error)) => Outcome::Failed(error),
            Worked::Broke(trouble) => Outcome::Again(trouble),
        }
    }

    /// Waits for the connection, in line.
    fn enter<'a>(&'a self, server: &'a Server) -> Turn<'a> {
        let mut state = lock(&self.state);
        let ticket = state.tickets;
        state.tickets += 1;
        state.waiting.insert(ticket);
        let writer = loop {
            if state.waiting.first() == Some(&ticket)
                && let Some(writer) = state.writer.take()
            {
                break writer;
            }
            state = self
                .free
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        };
        state.waiting.remove(&ticket);
        let group = match &state.group {
            Some(group) => Arc::clone(group),
            None => {
                // The transaction begins after this moment: its state has what those saw who are here by now.
                let group = Arc::new(Group {
                    admits: state.tickets,
                    members: Mutex::new(0),
                    outcome: Mutex::new(None),
                    done: Condvar::new(),
                });
                state.group = Some(Arc::clone(&group));
                group
            }
        };
        drop(state);
        Turn {
            line: self,
            server,
            writer: Some(writer),
            group,
        }
    }

    fn give_back(&self, writer: Writer) {
        lock(&self.state).writer = Some(writer);
        self.free.notify_all();
    }
}

/// What one's work came to.
enum Worked {
    Done,
    /// It gave up by itself.
    GaveUp(StorageError),
    /// The database did not go along, and the transaction is no more.
    Broke(Trouble),
}

/// One who has the connection. Dropped before [`Turn::leave`] (the work panicked), it undoes the whole group.
struct Turn<'a> {
    line: &'a Line,
    server: &'a Server,
    writer: Option<Writer>,
    group: Arc<Group>,
}

impl Turn<'_> {
    /// Does the work. Also says whether others of the group came before.
    fn work(&mut self, work: &mut Work<'_>) -> (Worked, bool) {
        let joined = *lock(&self.group.members) > 0;
        let Some(writer) = self.writer.as_mut() else {
            return (Worked::Broke(Trouble::Conflict), joined);
        };
        let mut open = Open {
            server: self.server,
            writer: RefCell::new(writer),
            own: Overlay::default(),
            trouble: RefCell::new(None),
        };
        let worked = work(&mut open);
        let Open { own, trouble, .. } = open;
        let worked = match (trouble.into_inner(), worked) {
            (Some(trouble), _) => Worked::Broke(trouble),
            (None, Err(error)) => Worked::GaveUp(error),
            (None, Ok(())) => {
                writer.written.extend(own);
                Worked::Done
            }
        };
        (worked, joined)
    }

    /// Hands the connection on, or commits for all. The group has, or will have, the outcome.
    fn leave(mut self, worked: &Worked) -> Arc<Group> {
        let group = Arc::clone(&self.group);
        let members = {
            let mut members = lock(&group.members);
            *members += usize::from(matches!(worked, Worked::Done));
            *members
        };
        let Some(mut writer) = self.writer.take() else {
            return group;
        };
        let broke = match worked {
            Worked::Broke(trouble) => Some(trouble),
            Worked::Done | Worked::GaveUp(_) => None,
        };
        {
            let mut state = lock(&self.line.state);
            let others = state
                .waiting
                .first()
                .is_some_and(|ticket| *ticket < group.admits);
            let room = members < GROUP_LIMIT && writer.written.bytes() < GROUP_BYTES;
            if broke.is_none() && others && room {
                state.writer = Some(writer);
                drop(state);
                self.line.free.notify_all();
                return group;
            }
            state.group = None;
        }
        let outcome = match broke {
            Some(trouble) => {
                writer.undo(self.server, trouble);
                // The others did nothing wrong, whatever this one met.
                Outcome::Again(Trouble::Conflict)
            }
            None if members == 0 => {
                writer.undo(self.server, &Trouble::Conflict);
                Outcome::Done
            }
            None => writer.commit(self.server),
        };
        self.line.give_back(writer);
        group.finish(outcome);
        group
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(mut writer) = self.writer.take() {
            writer.undo(self.server, &Trouble::Conflict);
            lock(&self.line.state).group = None;
            self.line.give_back(writer);
            self.group.finish(Outcome::Again(Trouble::Conflict));
        }
    }
}

impl Writer {
    /// The connection, made where there is none.
    fn link(&mut self, server: &Server) -> Result<Arc<Link>, Trouble> {
        if let Some(link) = self.link.as_ref().filter(|link| !link.is_closed()) {
            return Ok(Arc::clone(link));
        }
        if self.begun {
            return Err(Trouble::Conflict);
        }
        let link = server.connect()?;
        let (introduced, id) = (Arc::clone(&link), Arc::clone(&self.id));
        server.wait(async move { introduced.introduce(&id).await })?;
        self.link = Some(Arc::clone(&link));
        Ok(link)
    }

    /// How the next thing that is sent begins.
    fn begin(&self) -> Begin {
        match self.begun {
            true => Begin::Not,
            false => Begin::Write(Arc::clone(&self.id), self.number + 1),
        }
    }

    fn ask(&mut self, server: &Server, question: Question) -> Result<Vec<Row>, Trouble> {
        let link = self.link(server)?;
        let begin = self.begin();
        self.begun = true;
        server.wait(async move { link.ask(begin, question).await })
    }

    /// Leaves no transaction open, after `trouble`.
    fn undo(&mut self, server: &Server, trouble: &Trouble) {
        self.written = Overlay::default();
        let begun = std::mem::take(&mut self.begun);
        let Some(link) = self.link.clone() else {
            return;
        };
        let rolled_back = begun && !matches!(trouble, Trouble::Lost(_)) && {
            server.wait(async move { link.rollback().await }).is_ok()
        };
        if begun && !rolled_back {
            self.link = None;
        }
    }

    /// Commits what was written.
    fn commit(&mut self, server: &Server) -> Outcome {
        let (mut keys, mut values, mut erased) = (Vec::new(), Vec::new(), Vec::new());
        for (key, value) in std::mem::take(&mut self.written) {
            match value {
                Some(value) => {
                    keys.push(key);
                    values.push(value);
                }
                None => erased.push(key),
            }
        }
        if !self.begun {
            if keys.is_empty() && erased.is_empty() {
                return Outcome::Done;
            }
            if let Err(trouble) = self.open(server) {
                self.undo(server, &trouble);
                return Outcome::of(trouble);
            }
        }
        self.number += 1;
        let Some(link) = self.link.clone() else {
            self.undo(server, &Trouble::Conflict);
            return Outcome::Again(Trouble::Conflict);
        };
        match server.wait(async move { link.commit(keys, values, erased).await }) {
            Ok(()) => {
                self.begun = false;
                Outcome::Done
            }
            Err(trouble @ Trouble::Lost(_)) => {
                self.undo(server, &trouble);
                self.find_out(server, trouble)
            }
            Err(trouble) => {
                self.undo(server, &trouble);
                Outcome::of(trouble)
            }
        }
    }

    /// Begins the transaction of those who only write. Waited for before anything else is sent, for nobody could find
    /// out about a commit whose mark may come after the question.
    fn open(&mut self, server: &Server) -> Result<(), Trouble> {
        let link = self.link(server)?;
        let begin = self.begin();
        self.begun = true;
        server.wait(async move { link.begin(begin).await })
    }

    /// What became of the commit whose answer was lost.
    fn find_out(&mut self, server: &Server, trouble: Trouble) -> Outcome {
        let since = server.clock().now();
        for _ in 0..LOOKS {
            if server.clock().now().since(since) > LOOKING {
                break;
            }
            server.pause(BETWEEN_LOOKS);
            let Ok(link) = server.connect_now() else {
                continue;
            };
            let (asked, id) = (Arc::clone(&link), Arc::clone(&self.id));
            match server.wait(async move { asked.last_mark(&id).await }) {
                Ok(number) => {
                    self.link = Some(link);
                    tracing::warn!(
                        database = server.name(),
                        made = number == self.number,
                        "the connection broke while a change was committed; it is known now what became of it"
                    );
                    return match number == self.number {
                        true => Outcome::Done,
                        false => Outcome::Again(trouble),
                    };
                }
                Err(_) => continue,
            }
        }
        Outcome::Failed(StorageError::Unavailable(format!(
            "the connection to the database {} broke while a change was committed, and it cannot be found out whether \
             the change was made; look before you make it again",
            server.name()
        )))
    }
}

impl Outcome {
    fn of(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Failed(error) => Self::Failed(error),
            again => Self::Again(again),
        }
    }
}

/// One's transaction within the group's.
pub(super) struct Open<'a> {
    server: &'a Server,
    writer: RefCell<&'a mut Writer>,
    own: Overlay,
    /// What the database met; then the whole transaction is no more.
    trouble: RefCell<Option<Trouble>>,
}

impl Open<'_> {
    fn ask(&self, question: Question) -> Result<Vec<Row>, StorageError> {
        if let Some(trouble) = &*self.trouble.borrow() {
            return Err(trouble.clone().into_error());
        }
        let asked = self.writer.borrow_mut().ask(self.server, question);
        asked.map_err(|trouble| {
            *self.trouble.borrow_mut() = Some(trouble.clone());
            trouble.into_error()
        })
    }
}

impl Read for Open<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        if let Some(own) = self.own.get(key) {
            return Ok(own.clone());
        }
        if let Some(written) = self.writer.borrow().written.get(key) {
            return Ok(written.clone());
        }
        let rows = self.ask(Question::Get(key.to_vec()))?;
        Ok(rows.into_iter().next().map(|(_, value)| value))
    }

    fn scan(
        &self,
        start: &[u8],
        end: &[u8],
        limit: usize,
        order: Order,
    ) -> Result<Vec<Row>, StorageError> {
        if start >= end || limit == 0 {
            return Ok(Vec::new());
        }
        // A question to the database takes the writer, so what was written of the range is taken out.
        let written = self.writer.borrow().written.within(start, end);
        self.own.scan(start, end, limit, order, |limit| {
            written.scan(start, end, limit, order, |limit| {
                self.ask(question(start, end, limit, order))
            })
        })
    }
}

impl Transaction for Open<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        self.own.record(key, Some(value), TRANSACTION_BYTES)
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), StorageError> {
        self.own.record(key, None, TRANSACTION_BYTES)
    }
}
