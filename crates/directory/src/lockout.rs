//! Failed attempts: counted in memory at once, persisted in batches.
//!
//! A guesser must not make the disk the bottleneck, and must not get more attempts by making us forget. So
//! every failure counts in memory the moment it happens and locks there; whoever owns the [`Lockout`]
//! persists what is [`Lockout::pending`] each second. After a restart the counters come back from what was
//! persisted, at the first failure. Attempts by key never count: PKINIT does not lock passwords.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use trust::{Span, Timestamp};

use crate::account::Account;
use crate::change::{self, Change};
use crate::entry::Entry;
use crate::error::Fault;
use crate::id::EntryId;
use crate::password::from_interval;
use crate::record::{AccountActivity, Activity};
use crate::schema::Attribute;
use crate::snapshot::Snapshot;

/// When accounts are locked out (attributes of the domain's head).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockoutPolicy {
    /// lockoutThreshold: after how many failures; 0 is never.
    pub threshold: u32,
    /// lockOutObservationWindow: a failure is forgotten when none followed it for so long.
    pub window: Span,
    /// lockoutDuration: for how long; [`Span::ZERO`] is until an administrator unlocks it.
    pub duration: Span,
}

impl Default for LockoutPolicy {
    /// 10 failures in 15 minutes, for 15 minutes.
    fn default() -> Self {
        Self {
            threshold: 10,
            window: Span::minutes(15),
            duration: Span::minutes(15),
        }
    }
}

impl LockoutPolicy {
    /// The policy that a domain's head has in its attributes; what it does not say is the default.
    #[must_use]
    pub fn of(head: &Entry) -> Self {
        let default = Self::default();
        let span = |attribute, otherwise| head.integer(attribute).map_or(otherwise, from_interval);
        Self {
            threshold: head
                .integer(Attribute::LockoutThreshold)
                .and_then(|number| u32::try_from(number).ok())
                .unwrap_or(default.threshold),
            window: span(Attribute::LockoutObservationWindow, default.window),
            duration: span(Attribute::LockoutDuration, default.duration),
        }
    }
}

/// The counters of one node.
pub struct Lockout {
    counters: Mutex<HashMap<EntryId, Counter>>,
    capacity: usize,
}

#[derive(Clone, Copy, Debug)]
struct Counter {
    count: u32,
    last: Timestamp,
    /// Since when the account is locked here.
    locked: Option<Timestamp>,
    /// Whether the account's entry says so too. From then on the entry decides, so that an administrator
    /// who unlocks it is heard.
    lock_persisted: bool,
    /// Whether the count is not persisted yet.
    dirty: bool,
    /// How many failures of the count the store does not know of.
    more: u32,
    /// Whether the store's count is no part of it: failures were forgotten here since.
    afresh: bool,
}

impl Counter {
    fn forget_failures(&mut self) {
        self.count = 0;
        self.more = 0;
        self.afresh = true;
        self.locked = None;
        self.lock_persisted = false;
    }
}

/// What a failure did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failed {
    /// It was counted; so many there are.
    Counted(u32),
    /// It was the one that locked the account.
    LockedOut,
}

/// What was persisted of an account's failures.
#[derive(Clone, Debug)]
pub struct Recalled(Option<Activity>);

/// Changes to persist, and which counters they are about.
#[derive(Debug, Default)]
pub struct Pending {
    /// To be committed, with [`crate::Reads::none`].
    pub changes: Vec<Change>,
    counters: Vec<(EntryId, Counter)>,
}

impl Pending {
    /// Whether there is nothing to persist.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl Default for Lockout {
    fn default() -> Self {
        Self::new(100_000)
    }
}

impl Lockout {
    /// Counters for at most about `capacity` accounts. Beyond it those go first that lost nothing by
    /// going: persisted and not locked.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            counters: Mutex::default(),
            capacity,
        }
    }

    fn counters(&self) -> MutexGuard<'_, HashMap<EntryId, Counter>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the account is locked out. Asked before a password is looked at.
    #[must_use]
    pub fn is_locked_out(&self, account: &Account, policy: &LockoutPolicy, now: Timestamp) -> bool {
        let mut counters = self.counters();
        let Some(counter) = counters.get_mut(&account.id) else {
            return account.is_locked_out(policy.duration, now);
        };
        match counter.locked {
            None => account.is_locked_out(policy.duration, now),
            Some(since) if !counter.lock_persisted => still(since, policy, now),
            Some(_) if account.locked_since.is_none() => {
                // An administrator unlocked it.
                counters.remove(&account.id);
                false
            }
            Some(_) => account.is_locked_out(policy.duration, now),
        }
    }

    /// What was persisted of an account's failures, where memory does not know, or other nodes count too. Read it before the password is hashed: a
    /// state may be too old to be read behind that.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be read.
    pub fn recall(&self, account: EntryId, snapshot: &Snapshot<'_>) -> Result<Recalled, Fault> {
        let known = self.counters().contains_key(&account) && !snapshot.is_shared();
        Ok(Recalled(match known {
            true => None,
            false => Some(snapshot.activity(account)?),
        }))
    }

    /// Counts a wrong password.
    ///
    /// # Errors
    /// [`Fault`] when the persisted count cannot be read. The failure is counted all the same.
    pub fn fail(
        &self,
        account: &Account,
        snapshot: &Snapshot<'_>,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<Failed, Fault> {
        let recalled = self.recall(account.id, snapshot);
        let known = recalled.as_ref().map_or(Recalled(None), Clone::clone);
        let failed = self.fail_after(account, known, policy, now);
        recalled?;
        Ok(failed)
    }

    /// Counts a wrong password, of an account whose failures were recalled before.
    pub fn fail_after(
        &self,
        account: &Account,
        recalled: Recalled,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Failed {
        let mut counters = self.counters();
        if counters.len() >= self.capacity {
            make_room(&mut counters, policy, now);
        }
        let counter = counters.entry(account.id).or_insert_with(|| {
            let kept = recalled.0.unwrap_or_default();
            // A lockout that is over took its failures along.
            let afresh = account.locked_since.is_some() && !follow_a_lockout(&kept, account);
            Counter {
                count: if afresh { 0 } else { kept.bad_password_count },
                last: kept.bad_password_time.unwrap_or(now),
                locked: None,
                lock_persisted: false,
                dirty: false,
                more: 0,
                afresh,
            }
        });
        let elsewhere = account
            .locked_since
            .is_some_and(|since| counter.locked.is_none() && counter.last <= since);
        if elsewhere || ended(counter, account, policy, now) {
            counter.forget_failures();
            // What others have counted since then stands.
            let kept = recalled.0.as_ref();
            counter.afresh = !kept.is_some_and(|kept| follow_a_lockout(kept, account));
        }
        if let Some(kept) = &recalled.0
            && !counter.afresh
            && counter.locked.is_none()
            && (account.locked_since.is_none() || follow_a_lockout(kept, account))
        {
            counter.count = kept.bad_password_count.saturating_add(counter.more);
            let last = kept.bad_password_time;
            counter.last = last.map_or(counter.last, |last| last.max(counter.last));
        }
        if now.since(counter.last) > policy.window {
            counter.forget_failures();
        }
        counter.count = counter.count.saturating_add(1);
        counter.more = counter.more.saturating_add(1);
        counter.last = now;
        counter.dirty = true;
        let count = counter.count;
        let locks = policy.threshold > 0 && count >= policy.threshold && counter.locked.is_none();
        if locks {
            counter.locked = Some(now);
            counter.lock_persisted = false;
        }
        if locks {
            Failed::LockedOut
        } else {
            Failed::Counted(count)
        }
    }

    /// Forgets the failures of an account whose password was right.
    pub fn succeed(&self, account: &Account, now: Timestamp) {
        if let Some(counter) = self.counters().get_mut(&account.id)
            && counter.count > 0
        {
            counter.forget_failures();
            counter.last = now;
            counter.dirty = true;
        }
    }

    /// What is not persisted yet, at most `limit` accounts of it. Commit the changes, then
    /// [`Lockout::persisted`]; when the commit fails, ask again.
    #[must_use]
    pub fn pending(&self, limit: usize) -> Pending {
        let mut pending = Pending::default();
        let counters = self.counters();
        let dirty = counters.iter().filter(|(_, counter)| counter.dirty);
        for (id, counter) in dirty.take(limit) {
            pending.changes.push(Change::Activity {
                id: *id,
                activity: match counter.afresh {
                    true => AccountActivity::BadPassword {
                        count: counter.count,
                        last: counter.last,
                    },
                    false => AccountActivity::MoreBadPasswords {
                        more: counter.more,
                        last: counter.last,
                    },
                },
            });
            if let (Some(since), false) = (counter.locked, counter.lock_persisted) {
                pending.changes.push(change::lock_out(*id, since));
            }
            pending.counters.push((*id, *counter));
        }
        pending
    }

    /// Notes that changes were committed.
    pub fn persisted(&self, pending: &Pending) {
        let mut counters = self.counters();
        for (id, then) in &pending.counters {
            let Some(counter) = counters.get_mut(id) else {
                continue;
            };
            if counter.locked == then.locked {
                counter.lock_persisted = counter.locked.is_some();
            }
            // What was forgotten since then is still to be written, over what was written then.
            if counter.afresh == then.afresh {
                counter.more = counter.more.saturating_sub(then.more);
                counter.afresh &= counter.count < then.count;
            }
            // Failures since then are still to be persisted.
            if counter.count == then.count && counter.last == then.last {
                counter.dirty = false;
            }
        }
    }

    /// Forgets an account that is gone, whose lockout can no longer be written.
    pub fn forget(&self, id: EntryId) {
        self.counters().remove(&id);
    }
}

/// Whether the failures that are persisted came after the account's lockout.
fn follow_a_lockout(kept: &Activity, account: &Account) -> bool {
    let (last, since) = (kept.bad_password_time, account.locked_since);
    since.is_some_and(|since| last.is_some_and(|last| last > since))
}

fn still(since: Timestamp, policy: &LockoutPolicy, now: Timestamp) -> bool {
    policy.duration == Span::ZERO || now < since + policy.duration
}

/// Whether a lockout is over: its time is, or an administrator ended it.
fn ended(counter: &Counter, account: &Account, policy: &LockoutPolicy, now: Timestamp) -> bool {
    counter.locked.is_some_and(|since| {
        !still(since, policy, now) || (counter.lock_persisted && account.locked_since.is_none())
    })
}

/// Removes half of the counters that lose nothing by going, the idle ones first.
fn make_room(counters: &mut HashMap<EntryId, Counter>, policy: &LockoutPolicy, now: Timestamp) {
    let before = counters.len();
    counters.retain(|_, counter| counter.dirty || now.since(counter.last) <= policy.window);
    if counters.len() == before {
        let mut excess = before / 2;
        counters.retain(|_, counter| {
            let goes = excess > 0 && !counter.dirty;
            excess -= usize::from(goes);
            !goes
        });
    }
}

impl std::fmt::Debug for Lockout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lockout({} counters)", self.counters().len())
    }
}

#[cfg(test)]
mod tests;
