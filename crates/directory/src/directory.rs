//! A directory over a storage.

mod node;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock, Weak};

use trust::{Rng, Timestamp};

use crate::cache::Cache;
use crate::change::Change;
use crate::codec::Reader;
use crate::commit::{self, Privilege};
use crate::domain::Domain;
use crate::error::{CommitError, Fault};
use crate::feed::{Commit, Cursor, FeedError, FeedPage};
use crate::followed::Followed;
use crate::id::Stamp;
use crate::layout;
use crate::reads::Reads;
use crate::root_key::{Belonging, RootKey};
use crate::snapshot::Snapshot;
use crate::storage::{Order, Read, Storage, StorageError, after_prefix};

pub use node::Node;
pub(crate) use node::{Entering, NodeRow, recognise};
use node::{Identity, enter, node_row};

/// How a directory is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// About how many bytes of parsed entries are kept in memory; 0 keeps none.
    pub cache_bytes: usize,
    /// What this node is called within a store that several nodes share: who comes again under the same name goes on
    /// with its own row. A store of one node needs none.
    pub node: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 16 << 20,
            node: None,
        }
    }
}

/// A directory: snapshots to read, commits to write. One per storage and process.
pub struct Directory {
    storage: Arc<dyn Storage>,
    root_key: RootKey,
    rng: Arc<Mutex<Box<dyn Rng + Send>>>,
    cache: Cache,
    /// How far the cache has come, where others write to the storage, too.
    followed: Option<Followed>,
    /// The row of an account that is read in place of one that nobody has ([`Snapshot::as_if_found`]). Its secrets are
    /// wrapped, as it rests.
    stand_in: OnceLock<Vec<u8>>,
    /// What this node is called in the store, if it has a name there.
    name: Option<String>,
    identity: RwLock<Identity>,
    /// The number of the identity's node.
    node_number: AtomicU32,
    /// The commits of this process that are in the feed, over a storage that others write to: by them it is known which
    /// of the feed's were told already.
    made: Mutex<BTreeSet<Stamp>>,
    domain: RwLock<Option<Arc<Domain>>>,
    /// The newest commit of this node that has returned or is about to.
    committed: AtomicU64,
    listeners: Mutex<Listeners>,
    woken: (Mutex<u64>, Condvar),
}

/// How many own commits are remembered until they come by in the feed.
const MADE: usize = 65_536;

type Listener = Box<dyn Fn(&Commit) + Send + Sync>;

#[derive(Default)]
struct Listeners {
    next: u64,
    all: BTreeMap<u64, Arc<Listener>>,
}

/// Ends a subscription when it goes.
pub struct Subscription {
    directory: Weak<Directory>,
    number: u64,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Subscription").field(&self.number).finish()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(directory) = self.directory.upgrade() {
            directory.listeners().all.remove(&self.number);
        }
    }
}

impl Directory {
    /// Opens the directory in a storage, an empty one included: then it has no domain until
    /// [`crate::bootstrap()`] makes one. `rng` gives nonces and is kept.
    ///
    /// # Errors
    /// [`Fault::RootKey`] when the storage was written under another root key, [`StorageError::Newer`] when
    /// a newer version of the program wrote it, [`Fault`] when it cannot be read.
    pub fn open(
        storage: Arc<dyn Storage>,
        root_key: RootKey,
        options: Options,
        rng: Box<dyn Rng + Send>,
    ) -> Result<Self, Fault> {
        Self::open_as(storage, root_key, options, rng, Entering::ToServe)
    }

    /// As [`Directory::open`], for whoever restores too.
    pub(crate) fn open_as(
        storage: Arc<dyn Storage>,
        root_key: RootKey,
        options: Options,
        mut rng: Box<dyn Rng + Send>,
        entering: Entering,
    ) -> Result<Self, Fault> {
        let cache = Cache::new(options.cache_bytes);
        let followed = storage.shared().then(Followed::default);
        let name = options.node.as_deref();
        let (node, committed) = enter(storage.as_ref(), &root_key, rng.as_mut(), entering, name)?;
        let directory = Self {
            storage,
            root_key,
            rng: Arc::new(Mutex::new(rng)),
            cache,
            followed,
            stand_in: OnceLock::new(),
            name: options.node,
            identity: RwLock::new(Identity {
                node,
                newest: committed,
            }),
            node_number: AtomicU32::new(node.number),
            made: Mutex::default(),
            domain: RwLock::new(None),
            committed: AtomicU64::new(committed),
            listeners: Mutex::default(),
            woken: (Mutex::new(committed), Condvar::new()),
        };
        directory.load_domain()?;
        Ok(directory)
    }

    /// The same directory over another storage, on which changes are tried: it remembers nothing of its own and tells
    /// nobody.
    pub(crate) fn on_trial(&self, storage: Arc<dyn Storage>) -> Result<Self, Fault> {
        let domain = self.domain()?;
        let node = self.node();
        let value = storage.snapshot()?.get(&layout::node(node.number))?;
        let committed = match value {
            Some(value) => NodeRow::read(&value)?.number,
            None => 0,
        };
        Ok(Self {
            storage,
            root_key: RootKey::new(*self.root_key.expose()),
            rng: Arc::clone(&self.rng),
            cache: Cache::new(0),
            followed: None,
            stand_in: OnceLock::new(),
            name: self.name.clone(),
            identity: RwLock::new(Identity {
                node,
                newest: committed,
            }),
            node_number: AtomicU32::new(node.number),
            made: Mutex::default(),
            domain: RwLock::new(Some(domain)),
            committed: AtomicU64::new(committed),
            listeners: Mutex::default(),
            woken: (Mutex::new(committed), Condvar::new()),
        })
    }

    /// Gives a restored copy of a store a node of its own, and whoever had one in the original another, so that what is
    /// committed from now on is never taken for what the original committed. To be called before [`Directory::open`].
    ///
    /// # Errors
    /// As [`Directory::open`].
    pub fn renew_node(
        storage: &dyn Storage,
        root_key: &RootKey,
        rng: &mut dyn Rng,
    ) -> Result<(), Fault> {
        enter(storage, root_key, rng, Entering::AsNewNode, None).map(|_| ())
    }

    /// This node. It becomes another one when the database forgets what this one committed: when a copy that had not
    /// everything took its place.
    #[must_use]
    pub fn node(&self) -> Node {
        self.identity().node
    }

    /// The domain that the store holds.
    ///
    /// # Errors
    /// [`Fault::NoDomain`] before [`crate::bootstrap()`].
    pub fn domain(&self) -> Result<Arc<Domain>, Fault> {
        self.domain
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(Fault::NoDomain)
    }

    /// A state of the directory to read from, containing every commit that has returned.
    ///
    /// # Errors
    /// [`Fault::NoDomain`] before [`crate::bootstrap()`].
    pub fn snapshot(&self) -> Result<Snapshot<'_>, Fault> {
        let domain = self.domain()?;
        Ok(Snapshot::new(
            self,
            domain,
            self.committed.load(Ordering::Acquire),
        ))
    }

    /// Makes all of `changes` or none, if everything in `reads` still stands. When this returns, the
    /// changes are durable, the next snapshot has them, and listeners have been told.
    ///
    /// Without changes it only says whether what was read belongs together.
    ///
    /// # Errors
    /// [`CommitError`]; nothing happened.
    pub fn commit(
        &self,
        changes: &[Change],
        reads: &Reads,
        now: Timestamp,
    ) -> Result<Commit, CommitError> {
        self.commit_as(changes, reads, now, &Privilege::None)
    }

    pub(crate) fn commit_as(
        &self,
        changes: &[Change],
        reads: &Reads,
        now: Timestamp,
        privilege: &Privilege,
    ) -> Result<Commit, CommitError> {
        if reads.torn {
            return Err(CommitError::Conflict);
        }
        if changes.is_empty() {
            return Ok(Commit {
                stamp: Stamp {
                    node: self.node_number(),
                    number: self.committed.load(Ordering::Acquire),
                },
                time: now,
                changed: Vec::new(),
                records: Vec::new(),
                scheduled: false,
                withdrawn: Vec::new(),
                given: Vec::new(),
            });
        }
        let mut outcome = Err(CommitError::Conflict);
        let result = self.storage.transact(&mut |transaction| {
            outcome = commit::apply(self, transaction, changes, reads, now, privilege);
            match &outcome {
                Ok(_) => Ok(()),
                Err(CommitError::Fault(Fault::Storage(error))) => Err(error.clone()),
                Err(_) => Err(StorageError::Abandoned),
            }
        });
        match result {
            Ok(()) => {}
            Err(StorageError::Abandoned) => return outcome,
            Err(error) => return Err(error.into()),
        }
        let commit = outcome?;
        self.note(&commit)?;
        if let Privilege::Bootstrap(_) = privilege {
            self.load_domain()?;
        }
        self.tell(&commit);
        Ok(commit)
    }

    /// Calls `listener` after every commit that this process makes, on the thread that made it, and after every one of
    /// another node that it hears of ([`Directory::heard`]). It must not block, and what it does with the directory must
    /// not wait for this commit.
    pub fn subscribe(
        self: &Arc<Self>,
        listener: impl Fn(&Commit) + Send + Sync + 'static,
    ) -> Subscription {
        let mut listeners = self.listeners();
        let number = listeners.next;
        listeners.next += 1;
        listeners.all.insert(number, Arc::new(Box::new(listener)));
        Subscription {
            directory: Arc::downgrade(self),
            number,
        }
    }

    /// Waits until this node has committed something after its commit `number` that somebody may react to, a job or what
    /// the feed tells of; at most for `timeout`. Returns the newest such commit's number.
    pub fn wait_after(&self, number: u64, timeout: std::time::Duration) -> u64 {
        let newest = self.woken.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .woken
            .1
            .wait_timeout_while(newest, timeout, |newest| *newest <= number);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// The commits after a cursor, about `limit` at most. Commits that changed neither an entry nor a
    /// record are not in the feed.
    ///
    /// # Errors
    /// [`FeedError::StartAgain`] when some of them are not kept any more.
    pub fn feed(&self, cursor: &Cursor, limit: usize) -> Result<FeedPage, FeedError> {
        let read = self.storage.snapshot().map_err(Fault::from)?;
        feed_in(read.as_ref(), cursor, limit)
    }

    /// The cursor after everything that is committed, for a reader that starts by reading everything
    /// else: take this first.
    ///
    /// # Errors
    /// [`Fault`] when the storage fails.
    pub fn cursor(&self) -> Result<Cursor, Fault> {
        cursor_in(self.storage.snapshot()?.as_ref())
    }

    /// Whether others may write to the same store.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.storage.shared()
    }

    /// Tells whoever subscribed of a commit that another process made, as [`Directory::commit`] tells of one's own. For
    /// who follows the feed.
    pub fn heard(&self, commit: &Commit) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let own = made.remove(&commit.stamp);
        drop(made);
        if !own {
            self.tell_listeners(commit);
        }
    }

    fn tell(&self, commit: &Commit) {
        self.tell_listeners(commit);
        if commit.is_empty() && !commit.scheduled {
            return;
        }
        let mut newest = self.woken.0.lock().unwrap_or_else(PoisonError::into_inner);
        *newest = (*newest).max(commit.stamp.number);
        self.woken.1.notify_all();
    }

    fn tell_listeners(&self, commit: &Commit) {
        let listeners: Vec<Arc<Listener>> = self.listeners().all.values().cloned().collect();
        for listener in listeners {
            listener(commit);
        }
    }

    fn listeners(&self) -> std::sync::MutexGuard<'_, Listeners> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn load_domain(&self) -> Result<(), Fault> {
        let read = self.storage.snapshot()?;
        let domain = match read.get(&layout::meta("domain"))? {
            Some(value) => {
                let (_, payload) = layout::open_row(&value)?;
                Some(Arc::new(Domain::read(payload)?))
            }
            None => None,
        };
        *self.domain.write().unwrap_or_else(PoisonError::into_inner) = domain;
        Ok(())
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        self.storage.as_ref()
    }

    pub(crate) fn shared_storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage)
    }

    /// A key for a purpose of a party's, the same wherever this directory is open. It is no secret's: what is told to strangers
    /// to be brought back is known again by it.
    #[must_use]
    pub fn derived_key(&self, purpose: &str) -> zeroize::Zeroizing<[u8; 32]> {
        self.root_key.derived(&format!("party: {purpose}"))
    }

    pub(crate) const fn root_key(&self) -> &RootKey {
        &self.root_key
    }

    pub(crate) const fn stand_in(&self) -> &OnceLock<Vec<u8>> {
        &self.stand_in
    }

    pub(crate) const fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The cache, where it hears of changes from the commits of this process, for it is the only one that makes any.
    pub(crate) const fn cache_of_commits(&self) -> Option<&Cache> {
        match self.followed {
            None => Some(&self.cache),
            Some(_) => None,
        }
    }

    /// What memory knows of others' commits, where there are any.
    pub(crate) const fn followed(&self) -> Option<&Followed> {
        self.followed.as_ref()
    }

    pub(crate) fn node_number(&self) -> u32 {
        self.node_number.load(Ordering::Acquire)
    }

    /// The number of this node's newest commit in a state of the storage.
    pub(crate) fn number_in(&self, read: &dyn Read) -> Result<u64, Fault> {
        match node_row(read, self.node_number())? {
            Some(row) => Ok(row.number),
            None => Err(Fault::Corrupt("node")),
        }
    }

    /// A secret as it rests.
    pub(crate) fn wrap(&self, belonging: Belonging<'_>, secret: &[u8]) -> Vec<u8> {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        self.root_key.wrap(belonging, secret, rng.as_mut())
    }
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Directory")
            .field("node", &self.node())
            .finish_non_exhaustive()
    }
}

/// The feed after a cursor in one state of the storage, at most `limit` commits of it.
pub(crate) fn feed_in(
    read: &dyn Read,
    cursor: &Cursor,
    limit: usize,
) -> Result<FeedPage, FeedError> {
    let mut page = FeedPage {
        commits: Vec::new(),
        cursor: cursor.clone(),
        more: false,
    };
    let nodes = read
        .scan(
            layout::NODES,
            &after_prefix(layout::NODES),
            usize::MAX,
            Order::Ascending,
        )
        .map_err(Fault::from)?;
    // A cursor that knows of a node or a commit that is not there is of a store that was replaced by a backup.
    let mut strange: BTreeSet<u32> = cursor.0.keys().copied().collect();
    for (key, value) in nodes {
        let node = Reader::new(key.get(1..).unwrap_or_default())
            .u32()
            .map_err(Fault::from)?;
        strange.remove(&node);
        let seen = cursor.seen(node);
        if seen < floor(read, node)? || seen > NodeRow::read(&value)?.number {
            return Err(FeedError::StartAgain);
        }
        let room = limit.saturating_sub(page.commits.len());
        let rows = read
            .scan(
                &layout::feed(node, seen.saturating_add(1)),
                &layout::feed(node, u64::MAX),
                room.saturating_add(1),
                Order::Ascending,
            )
            .map_err(Fault::from)?;
        page.more |= rows.len() > room;
        for (_, value) in rows.iter().take(room) {
            let (stamp, payload) = layout::open_row(value).map_err(Fault::from)?;
            page.cursor.advance(stamp);
            page.commits
                .push(Commit::read(stamp, payload).map_err(Fault::from)?);
        }
    }
    if !strange.is_empty() {
        return Err(FeedError::StartAgain);
    }
    Ok(page)
}

/// The cursor after everything that is committed in one state of the storage.
pub(crate) fn cursor_in(read: &dyn Read) -> Result<Cursor, Fault> {
    let mut cursor = Cursor::start();
    for (key, value) in read.scan(
        layout::NODES,
        &after_prefix(layout::NODES),
        usize::MAX,
        Order::Ascending,
    )? {
        let node = Reader::new(key.get(1..).unwrap_or_default()).u32()?;
        let number = NodeRow::read(&value)?.number;
        cursor.advance(Stamp { node, number });
    }
    Ok(cursor)
}

/// Commits of a node up to and with this number are not kept in the feed any more.
pub(crate) fn floor(read: &dyn Read, node: u32) -> Result<u64, Fault> {
    match read.get(&layout::feed(node, 0))? {
        Some(value) => Ok(layout::open_row(&value)?.1.u64()?),
        None => Ok(0),
    }
}
