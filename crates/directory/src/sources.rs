//! Where requests come from, so that one address can neither lock everybody out nor keep the server busy
//! with garbage. The KDC and the directory over LDAP share one count.
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
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ticket::Recent;
use trust::limiter::{Counted, Limit, Limiter};
use trust::{Rng, Span, Timestamp};

use crate::id::EntryId;
use crate::lockout::LockoutPolicy;

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// As a datagram: an answer that is too long for one is asked for again over TCP.
    Datagram,
    /// Over a connection.
    Stream,
}

/// Where a request comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Source {
    /// The peer's address.
    pub address: IpAddr,
    /// Which says whether the address is the peer's own.
    pub transport: Transport,
}

/// Too much came from there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limited {
    /// The address is refused until there is room again.
    Refused,
    /// Nobody has proven the address: the same may be asked over a connection.
    Unproven,
}

/// Whether a locked account may be tried all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ThoughLocked {
    /// It may: it signed in from there lately.
    May,
    /// It may not.
    MayNot,
    /// It may over a connection, by which the address is proven.
    OverConnection,
}

/// Addresses with the same first bits: `192.0.2.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

/// That is no network.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("that is no network: write 192.0.2.0/24, 2001:db8::/32 or one address")]
pub struct NoNetwork;

impl Network {
    /// Whether an address is one of it; an IPv4 address in whichever form.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let apart = u32::from(first) ^ u32::from(address);
                apart.checked_shr(32 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let apart = u128::from(first) ^ u128::from(address);
                apart.checked_shr(128 - u32::from(self.bits)).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (first, bits) = match text.split_once('/') {
            Some((first, bits)) => (first, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = first.parse().map_err(|_| NoNetwork)?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most),
            None => Some(most),
        };
        let bits = bits.ok_or(NoNetwork)?;
        // Bits behind the first ones would be looked at by nobody: whoever wrote them meant something else.
        let network = Self { first, bits };
        let clean = match first {
            IpAddr::V4(first) => u32::from(first).checked_shl(bits.into()).unwrap_or(0) == 0,
            IpAddr::V6(first) => u128::from(first).checked_shl(bits.into()).unwrap_or(0) == 0,
        };
        match clean {
            true => Ok(network),
            false => Err(NoNetwork),
        }
    }
}

impl TryFrom<String> for Network {
    type Error = NoNetwork;

    fn try_from(text: String) -> Result<Self, NoNetwork> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        format!("{}/{}", network.first, network.bits)
    }
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

/// What is remembered of addresses.
pub struct Sources {
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

const FAILURES: &str = "failures";
const GARBAGE: &str = "garbage";
const FAMILIAR_FAILURES: &str = "familiar";

impl Sources {
    /// An empty memory. Where a counter lies in it, chance decides, and nobody outside knows.
    pub fn new(rng: &mut dyn Rng) -> Self {
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
    ) -> Result<(), Limited> {
        let network = network(source.address);
        let counted = Counted::Named(what, &network);
        match (
            self.counters(source).wait(counted, limit, now),
            source.transport,
        ) {
            (None, _) => Ok(()),
            (Some(_), Transport::Stream) => Err(Limited::Refused),
            (Some(_), Transport::Datagram) => Err(Limited::Unproven),
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
    /// [`Limited`].
    pub fn check_failures(
        &self,
        account: Option<EntryId>,
        from: Option<Source>,
        limit: Limit,
        now: Timestamp,
    ) -> Result<(), Limited> {
        let Some(source) = from else { return Ok(()) };
        let familiar = || account.is_some_and(|account| self.is_familiar(account, from, now));
        match self.check(source, FAILURES, limit, now) {
            Err(_) if familiar() => Ok(()),
            judged => judged,
        }
    }

    /// Counts a wrong password or an unknown name.
    pub fn failed(&self, from: Option<Source>, limit: Limit, now: Timestamp) {
        self.count(from, FAILURES, limit, now);
    }

    /// Judges where a signature comes from.
    ///
    /// # Errors
    /// [`Limited`].
    pub fn check_garbage(
        &self,
        from: Option<Source>,
        limit: Limit,
        now: Timestamp,
    ) -> Result<(), Limited> {
        from.map_or(Ok(()), |source| self.check(source, GARBAGE, limit, now))
    }

    /// Counts a signature that was none.
    pub fn garbage(&self, from: Option<Source>, limit: Limit, now: Timestamp) {
        self.count(from, GARBAGE, limit, now);
    }

    /// A right password, or a key: from there the account signs in. To be called for what was never seen before: a
    /// message that somebody else caught and sent again says nothing about where the account is.
    pub fn succeeded(&self, account: EntryId, from: Option<Source>, now: Timestamp) {
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
    #[must_use]
    pub fn check_though_locked(
        &self,
        account: EntryId,
        from: Option<Source>,
        policy: &LockoutPolicy,
        now: Timestamp,
    ) -> ThoughLocked {
        let counted = account.0.to_windows_bytes();
        let counted = Counted::Named(FAMILIAR_FAILURES, &counted);
        let limit = Self::familiar_limit(policy);
        let exhausted = self.streams.wait(counted, limit, now).is_some();
        if exhausted || !self.is_familiar(account, from, now) {
            return ThoughLocked::MayNot;
        }
        match from.map(|source| source.transport) {
            Some(Transport::Stream) => ThoughLocked::May,
            Some(Transport::Datagram) => ThoughLocked::OverConnection,
            None => ThoughLocked::MayNot,
        }
    }

    /// Counts a wrong password where the account is familiar.
    pub fn failed_where_familiar(
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

/// Without what it remembers.
impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_the_addresses_with_its_first_bits() {
        let contains = |own: &str, address: &str| network(own).contains(address.parse().unwrap());
        for (own, address) in [
            ("192.0.2.0/24", "192.0.2.255"),
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7", "::ffff:192.0.2.7"),
            ("0.0.0.0/0", "203.0.113.1"),
            ("2001:db8::/32", "2001:db8:ffff::1"),
            ("::/0", "2001:db8::1"),
        ] {
            assert!(contains(own, address), "{own} {address}");
        }
        for (own, address) in [
            ("192.0.2.0/24", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.6"),
            ("0.0.0.0/0", "2001:db8::1"),
            ("2001:db8::/32", "2001:db9::1"),
            ("::/0", "192.0.2.7"),
        ] {
            assert!(!contains(own, address), "{own} {address}");
        }
    }

    #[test]
    fn a_network_is_written_without_bits_that_do_not_count() {
        for wrong in [
            "192.0.2.7/24",
            "192.0.2.0/33",
            "2001:db8::1/64",
            "2001:db8::/129",
            "192.0.2.0/",
            "192.0.2.0/-1",
            "localhost",
            "",
        ] {
            assert_eq!(wrong.parse::<Network>(), Err(NoNetwork), "{wrong}");
        }
        assert_eq!(String::from(network("192.0.2.7")), "192.0.2.7/32");
    }
}
