//! Where requests come from, so that one address can neither lock everybody out nor keep the KDC busy with garbage.
//!
//! - An address from which many wrong passwords and unknown names came is refused by its address, before another password
//!   is looked at and before another account is locked. An IPv6 address counts as its network of 64 bits.
//! - An address from which garbage came in place of signatures is refused before another signature is checked.
//! - From where a person signed in lately is *familiar* for that person. Neither of the first applies there, and neither
//!   does a lockout that others brought about: as many wrong passwords from familiar addresses as lock an account end that.
//!
//! All of it is in memory of fixed size, whoever asks: a sketch of counters, and a bounded number of familiar addresses.

use std::net::IpAddr;

use directory::EntryId;
use directory::lockout::LockoutPolicy;
use ticket::Recent;
use token::limiter::{Counted, Limit, Limiter};
use trust::{Rng, Span, Timestamp};

use crate::refused::Refused;

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
    limiter: Limiter,
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
            limiter: Limiter::new(rng),
            familiar: Recent::new(FAMILIAR_FOR, FAMILIAR),
        }
    }

    /// Whether `account` signed in from there lately.
    pub(crate) fn is_familiar(
        &self,
        account: EntryId,
        from: Option<IpAddr>,
        now: Timestamp,
    ) -> bool {
        from.is_some_and(|from| {
            let pair = pair(account, &network(from));
            self.familiar.find(&pair, now).is_some()
        })
    }

    /// Judges where a password, or a request without any proof, comes from. `account` is who it is for, if anybody.
    ///
    /// # Errors
    /// [`Refused::SourceLimited`].
    pub(crate) fn check_failures(
        &self,
        account: Option<EntryId>,
        from: Option<IpAddr>,
        limit: Limit,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let Some(address) = from else { return Ok(()) };
        let counted = network(address);
        let wait = self
            .limiter
            .wait(Counted::Named(FAILURES, &counted), limit, now);
        let familiar = || account.is_some_and(|account| self.is_familiar(account, from, now));
        match wait {
            Some(_) if !familiar() => Err(Refused::SourceLimited),
            _ => Ok(()),
        }
    }

    /// Counts a wrong password or an unknown name.
    pub(crate) fn failed(&self, from: Option<IpAddr>, limit: Limit, now: Timestamp) {
        if let Some(from) = from {
            let counted = network(from);
            self.limiter
                .count(Counted::Named(FAILURES, &counted), limit, now);
        }
    }

    /// Judges where a signature comes from.
    ///
    /// # Errors
    /// [`Refused::SourceLimited`].
    pub(crate) fn check_garbage(
        &self,
        from: Option<IpAddr>,
        limit: Limit,
        now: Timestamp,
    ) -> Result<(), Refused> {
        let Some(from) = from else { return Ok(()) };
        let counted = network(from);
        match self
            .limiter
            .wait(Counted::Named(GARBAGE, &counted), limit, now)
        {
            Some(_) => Err(Refused::SourceLimited),
            None => Ok(()),
        }
    }

    /// Counts a signature that was none.
    pub(crate) fn garbage(&self, from: Option<IpAddr>, limit: Limit, now: Timestamp) {
        if let Some(from) = from {
            let counted = network(from);
            self.limiter
                .count(Counted::Named(GARBAGE, &counted), limit, now);
        }
    }

    /// A right password, or a key: from there the account signs in.
    pub(crate) fn succeeded(&self, account: EntryId, from: Option<IpAddr>, now: Timestamp) {
        if let Some(from) = from {
            let pair = pair(account, &network(from));
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

    /// Whether a locked account may try from there all the same.
    pub(crate) fn may_try_though_locked(
        &self,
        account: EntryId,
        from: Option<IpAddr>,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> bool {
        let counted = account.0.to_windows_bytes();
        let counted = Counted::Named(FAMILIAR_FAILURES, &counted);
        let limit = Self::familiar_limit(policy);
        self.is_familiar(account, from, now) && self.limiter.wait(counted, limit, now).is_none()
    }

    /// Counts a wrong password where the account is familiar.
    pub(crate) fn failed_where_familiar(
        &self,
        account: EntryId,
        from: Option<IpAddr>,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) {
        if self.is_familiar(account, from, now) {
            let counted = account.0.to_windows_bytes();
            let counted = Counted::Named(FAMILIAR_FAILURES, &counted);
            self.limiter
                .count(counted, Self::familiar_limit(policy), now);
        }
    }
}
