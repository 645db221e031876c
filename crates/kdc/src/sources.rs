//! Where requests come from, so that one address can neither lock everybody out nor keep the KDC busy with garbage.
//!
//! - An address from which many wrong passwords and unknown names came is refused by its address, before another password
//!   is looked at and before another account is locked. An IPv6 address counts as its network of 64 bits.
//! - An address from which garbage came in place of signatures is refused before another signature is checked.
//! - From where a person signed in lately is *familiar* for that person. Neither of the first applies there, and neither
//!   does a lockout that others brought about: as many wrong passwords from familiar addresses as lock an account end that.
//!
//! The address of a datagram is what its sender wrote there, be it a victim's. So datagrams are counted by themselves, and
//! whoever is over the limit by them is asked to come over a connection, which nobody opens under another's address: what
//! is refused for good, and what ends being familiar, is by connections alone.
//!
//! All of it is in memory of fixed size, whoever asks: sketches of counters, and a bounded number of familiar addresses.

use std::net::IpAddr;

use directory::EntryId;
use directory::lockout::LockoutPolicy;
use ticket::Recent;
use token::limiter::{Counted, Limit, Limiter};
use trust::{Rng, Span, Timestamp};

use crate::Transport;
use crate::refused::Refused;

/// Where a request comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Source {
    /// The peer's address.
    pub(crate) address: IpAddr,
    /// Which says whether the address is the peer's own.
    pub(crate) transport: Transport,
}

/// How long an address stays familiar after a sign-in.
const FAMILIAR_FOR: Span = Span::days(30);

/// Familiar pairs of person and address at once: 60 bytes each.
const FAMILIAR: usize = 100_000;

/// How much may come from one address: `[limits]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceLimits {
    /// Wrong passwords and unknown names. Default: 60 at once, then one each 10 seconds.
    pub failures: Limit,
    /// Requests for sign-in with a key whose signature is none. Default: 100 at once, then 20 a second.
    pub garbage: Limit,
}

impl Default for SourceLimits {
    fn default() -> Self {
        Self {
            failures: Limit {
                burst: 60,
                every: Span::seconds(10),
            },
            garbage: Limit {
                burst: 100,
                every: Span::micros(50_000),
            },
        }
    }
}

/// What a KDC remembers of addresses.
pub(crate) struct Sources {
    /// Of those who came over a connection.
    streams: Limiter,
    /// Of those whose address nobody has proven.
    datagrams: Limiter,
    familiar: Recent<()>,
}

/// An address as it counts: whoever has an IPv6 network of 64 bits has all addresses in it.
fn network(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().iter().take(8).copied().collect(),
    }
}

fn pair(account: EntryId, network: &[u8]) -> [u8; 32] {
    crypto::digest::sha256(&[&account.0.to_windows_bytes(), network].concat())
}

const FAILURES: &str = "kdc.failures";
const GARBAGE: &str = "kdc.garbage";
const FAMILIAR_FAILURES: &str = "kdc.familiar";

impl Sources {
    /// An empty memory. Where a counter lies in it, chance decides, and nobody outside knows.
    pub(crate) fn new(rng: &mut dyn Rng) -> Self {
        Self {
            streams: Limiter::new(rng),
            datagrams: Limiter::new(rng),
            familiar: Recent::new(FAMILIAR_FOR, FAMILIAR),
        }
    }

    fn counters(&self, source: Source) -> &Limiter {
        match source.transport {
            Transport::Stream => &self.streams,
            Transport::Datagram => &self.datagrams,
        }
    }

    /// Judges a source by what was counted of it.
    fn check(
        &self,
        source: Source,
        what: &'static str,
        limit: Limit,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let network = network(source.address);
        let counted = Counted::Named(what, &network);
        match (
            self.counters(source).wait(counted, limit, now),
            source.transport,
        ) {
            (None, _) => Ok(()),
            (Some(_), Transport::Stream) => Err(Refused::SourceLimited),
            (Some(_), Transport::Datagram) => Err(Refused::SourceUnproven),
        }
    }

    fn count(&self, from: Option<Source>, what: &'static str, limit: Limit, now: Timestamp) {
        if let Some(source) = from {
            let network = network(source.address);
            let counted = Counted::Named(what, &network);
            self.counters(source).count(counted, limit, now);
        }
    }

    /// Whether `account` signed in from there lately.
    fn is_familiar(&self, account: EntryId, from: Option<Source>, now: Timestamp) -> bool {
        from.is_some_and(|from| {
            let pair = pair(account, &network(from.address));
            self.familiar.find(&pair, now).is_some()
        })
    }

    /// Judges where a password, or a request without any proof, comes from. `account` is who it is for, if anybody.
    ///
    /// # Errors
    /// [`Refused::SourceLimited`], [`Refused::SourceUnproven`].
    pub(crate) fn check_failures(
        &self,
        account: Option<EntryId>,
        from: Option<Source>,
        limit: Limit,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let Some(source) = from else { return Ok(()) };
        let familiar = || account.is_some_and(|account| self.is_familiar(account, from, now));
        match self.check(source, FAILURES, limit, now) {
            Err(_) if familiar() => Ok(()),
            judged => judged,
        }
    }

    /// Counts a wrong password or an unknown name.
    pub(crate) fn failed(&self, from: Option<Source>, limit: Limit, now: Timestamp) {
        self.count(from, FAILURES, limit, now);
    }

    /// Judges where a signature comes from.
    ///
    /// # Errors
    /// [`Refused::SourceLimited`], [`Refused::SourceUnproven`].
    pub(crate) fn check_garbage(
        &self,
        from: Option<Source>,
        limit: Limit,
        now: Timestamp,
    ) -> Result<(), Refused> {
        from.map_or(Ok(()), |source| self.check(source, GARBAGE, limit, now))
    }

    /// Counts a signature that was none.
    pub(crate) fn garbage(&self, from: Option<Source>, limit: Limit, now: Timestamp) {
        self.count(from, GARBAGE, limit, now);
    }

    /// A right password, or a key: from there the account signs in. To be called for what was never seen before: a
    /// message that somebody else caught and sent again says nothing about where the account is.
    pub(crate) fn succeeded(&self, account: EntryId, from: Option<Source>, now: Timestamp) {
        if let Some(from) = from {
            let pair = pair(account, &network(from.address));
            self.familiar.remember(pair, (), now);
        }
    }

    /// As many failures as lock an account, within the time in which they are forgotten.
    fn familiar_limit(policy: &LockoutPolicy) -> Limit {
        let burst = policy.threshold.max(1);
        Limit {
            burst,
            every: Span::micros((policy.window.as_micros() / i64::from(burst)).max(1)),
        }
    }

    /// Judges whether a locked account may try from there all the same.
    ///
    /// # Errors
    /// `locked` where it may not, [`Refused::SourceUnproven`] where it may over a connection.
    pub(crate) fn check_though_locked(
        &self,
        locked: Refused,
        account: EntryId,
        from: Option<Source>,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let counted = account.0.to_windows_bytes();
        let counted = Counted::Named(FAMILIAR_FAILURES, &counted);
        let limit = Self::familiar_limit(policy);
        let exhausted = self.streams.wait(counted, limit, now).is_some();
        if exhausted || !self.is_familiar(account, from, now) {
            return Err(locked);
        }
        match from.map(|source| source.transport) {
            Some(Transport::Stream) => Ok(()),
            Some(Transport::Datagram) => Err(Refused::SourceUnproven),
            None => Err(locked),
        }
    }

    /// Counts a wrong password where the account is familiar.
    pub(crate) fn failed_where_familiar(
        &self,
        account: EntryId,
        from: Option<Source>,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) {
        let proven = from.is_some_and(|source| source.transport == Transport::Stream);
        if proven && self.is_familiar(account, from, now) {
            let counted = account.0.to_windows_bytes();
            let counted = Counted::Named(FAMILIAR_FAILURES, &counted);
            self.streams
                .count(counted, Self::familiar_limit(policy), now);
        }
    }
}
