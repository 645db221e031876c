//! What the server counts, and its Prometheus text.
//!
//! Counters are plain atomics, so that the KDC's thread pays nanoseconds for them.

mod kdc;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::fault::Role;
pub(crate) use kdc::{Exchanges, method};

/// How one request ended, seen from the socket. What a party refused for its own reasons is
/// `Answered`: the refusal is the answer, and the audit log has the reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// A party answered.
    Answered,
    /// The message was not one that a party could be asked about: too large, cut short, not the protocol.
    Malformed,
    /// There was no room for it, and the peer was told to try later.
    Busy,
    /// A party's code failed, and the peer got the generic answer.
    Failed,
}

impl Outcome {
    /// How a Kerberos message ended: a party failed, was silent, or answered.
    pub(crate) fn of<T>(answer: &Option<Option<T>>) -> Self {
        match answer {
            Some(Some(_)) => Self::Answered,
            Some(None) => Self::Malformed,
            None => Self::Failed,
        }
    }
}

const OUTCOMES: [(Outcome, &str); 4] = [
    (Outcome::Answered, "answered"),
    (Outcome::Malformed, "malformed"),
    (Outcome::Busy, "busy"),
    (Outcome::Failed, "failed"),
];

/// Upper bounds of the latency histogram, in microseconds: from a fraction of a ticket to a slow password.
const BUCKETS: [u64; 12] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 5_000_000,
];

#[derive(Debug, Default)]
struct PerRole {
    outcomes: [AtomicU64; OUTCOMES.len()],
    buckets: [AtomicU64; BUCKETS.len()],
    count: AtomicU64,
    micros: AtomicU64,
    open: AtomicI64,
    turned_away: AtomicU64,
    evicted: AtomicU64,
}

/// The server's counters.
#[derive(Debug, Default)]
pub struct Metrics {
    roles: [PerRole; Role::ALL.len()],
    /// What the KDC's exchanges count.
    pub(crate) exchanges: Exchanges,
    /// Changes that were committed.
    pub(crate) commits: AtomicU64,
    /// Commits that had to be computed again because what they stood on had changed.
    pub(crate) conflicts: AtomicU64,
    /// Answers given up after too many conflicts.
    pub(crate) given_up: AtomicU64,
    /// Binds over LDAP that were not looked at, for too many passwords were wrong from their address.
    pub(crate) binds_turned_away: AtomicU64,
    /// Keys that were listed past registration.
    pub(crate) shadow_keys: AtomicU64,
    /// Keys that were not listed, because who asked may not or the key cannot be.
    pub(crate) refused_keys: AtomicU64,
    /// Panics of a party that were caught.
    pub(crate) panics: AtomicU64,
    /// Lines that went to the audit log.
    pub(crate) audit_lines: AtomicU64,
    /// Lines that did not: the queue was full or the disk refused.
    pub(crate) audit_dropped: AtomicU64,
    /// When the TLS certificate ends, in seconds of Unix time.
    pub(crate) certificate_ends: AtomicI64,
}

impl Metrics {
    fn role(&self, role: Role) -> &PerRole {
        let index = Role::ALL
            .iter()
            .position(|each| *each == role)
            .unwrap_or_default();
        &self.roles[index]
    }

    /// One request of `role` ended in `outcome` after `took`.
    pub(crate) fn request(&self, role: Role, outcome: Outcome, took: Duration) {
        let counters = self.role(role);
        let index = OUTCOMES
            .iter()
            .position(|(each, _)| *each == outcome)
            .unwrap_or_default();
        counters.outcomes[index].fetch_add(1, Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BUCKETS.iter().position(|bound| micros <= *bound) {
            counters.buckets[bucket].fetch_add(1, Relaxed);
        }
        counters.count.fetch_add(1, Relaxed);
        counters.micros.fetch_add(micros, Relaxed);
    }

    /// A connection opened (`+1`) or closed (`-1`).
    pub(crate) fn connection(&self, role: Role, change: i64) {
        self.role(role).open.fetch_add(change, Relaxed);
    }

    /// A connection was turned away because too many were open.
    pub(crate) fn turned_away(&self, role: Role) {
        self.role(role).turned_away.fetch_add(1, Relaxed);
    }

    /// An idle connection was closed to make room.
    pub(crate) fn evicted(&self, role: Role) {
        self.role(role).evicted.fetch_add(1, Relaxed);
    }

    /// Requests of `role` that ended in an answer of a party.
    #[must_use]
    pub fn answered(&self, role: Role) -> u64 {
        self.role(role).outcomes[0].load(Relaxed)
    }

    /// Everything as Prometheus text, version 0.0.4.
    #[must_use]
    pub fn text(&self) -> String {
        let mut page = String::with_capacity(8 * 1024);
        self.requests(&mut page);
        self.latencies(&mut page);
        self.connections(&mut page);
        self.exchanges.text(&mut page);
        let singles: [(&str, &str, &AtomicU64); 9] = [
            (
                "keyporch_commits_total",
                "Commits to the directory.",
                &self.commits,
            ),
            (
                "keyporch_commit_conflicts_total",
                "Answers computed again because the directory had changed.",
                &self.conflicts,
            ),
            (
                "keyporch_commits_given_up_total",
                "Answers given up after too many conflicts.",
                &self.given_up,
            ),
            (
                "keyporch_ldap_binds_turned_away_total",
                "Binds by password that were not looked at: too many were wrong from their address.",
                &self.binds_turned_away,
            ),
            (
                "keyporch_shadow_keys_total",
                "Keys to sign in with that were listed past registration: by hand, over LDAP, by an import.",
                &self.shadow_keys,
            ),
            (
                "keyporch_keys_refused_total",
                "Tries to list a key to sign in with that were refused.",
                &self.refused_keys,
            ),
            (
                "keyporch_panics_total",
                "Failures of a party that were caught.",
                &self.panics,
            ),
            (
                "keyporch_audit_lines_total",
                "Lines written to the audit log.",
                &self.audit_lines,
            ),
            (
                "keyporch_audit_dropped_total",
                "Lines that the audit log could not take.",
                &self.audit_dropped,
            ),
        ];
        for (name, help, value) in singles {
            head(&mut page, name, help, "counter");
            line(&mut page, name, "", value.load(Relaxed));
        }
        let ends = self.certificate_ends.load(Relaxed);
        if ends > 0 {
            let name = "keyporch_tls_certificate_not_after_seconds";
            head(
                &mut page,
                name,
                "When the TLS certificate ends, Unix time.",
                "gauge",
            );
            line(&mut page, name, "", ends);
        }
        let name = "keyporch_build_info";
        head(&mut page, name, "The version that runs.", "gauge");
        line(
            &mut page,
            name,
            concat!("{version=\"", env!("CARGO_PKG_VERSION"), "\"}"),
            1,
        );
        page
    }

    fn requests(&self, page: &mut String) {
        let name = "keyporch_requests_total";
        head(
            page,
            name,
            "Requests, by socket and by how they ended there.",
            "counter",
        );
        for role in Role::ALL {
            for (index, (_, outcome)) in OUTCOMES.iter().enumerate() {
                let labels = format!("{{role=\"{}\",outcome=\"{outcome}\"}}", role.label());
                line(
                    page,
                    name,
                    &labels,
                    self.role(role).outcomes[index].load(Relaxed),
                );
            }
        }
    }

    fn latencies(&self, page: &mut String) {
        let name = "keyporch_request_seconds";
        head(
            page,
            name,
            "Time from a whole request to its answer.",
            "histogram",
        );
        for role in Role::ALL {
            let (counters, label) = (self.role(role), role.label());
            let mut below = 0;
            for (bound, bucket) in BUCKETS.iter().zip(&counters.buckets) {
                below += bucket.load(Relaxed);
                let bound = seconds(*bound);
                let _ = writeln!(
                    page,
                    "{name}_bucket{{role=\"{label}\",le=\"{bound}\"}} {below}"
                );
            }
            let count = counters.count.load(Relaxed).max(below);
            let _ = writeln!(
                page,
                "{name}_bucket{{role=\"{label}\",le=\"+Inf\"}} {count}"
            );
            let _ = writeln!(
                page,
                "{name}_sum{{role=\"{label}\"}} {}",
                seconds(counters.micros.load(Relaxed))
            );
            let _ = writeln!(page, "{name}_count{{role=\"{label}\"}} {count}");
        }
    }

    fn connections(&self, page: &mut String) {
        let name = "keyporch_connections";
        head(page, name, "Connections that are open.", "gauge");
        for role in Role::ALL {
            let labels = format!("{{role=\"{}\"}}", role.label());
            line(page, name, &labels, self.role(role).open.load(Relaxed));
        }
        let name = "keyporch_connections_closed_for_room_total";
        head(
            page,
            name,
            "Connections turned away, or closed while idle, because too many were open.",
            "counter",
        );
        for role in Role::ALL {
            let (counters, label) = (self.role(role), role.label());
            line(
                page,
                name,
                &format!("{{role=\"{label}\",which=\"new\"}}"),
                counters.turned_away.load(Relaxed),
            );
            line(
                page,
                name,
                &format!("{{role=\"{label}\",which=\"idle\"}}"),
                counters.evicted.load(Relaxed),
            );
        }
    }
}

fn head(page: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(page: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = writeln!(page, "{name}{labels} {value}");
}

/// Microseconds as decimal seconds, without floating point.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up_and_the_last_one_holds_everything() {
        let metrics = Metrics::default();
        metrics.request(Role::KdcUdp, Outcome::Answered, Duration::from_micros(40));
        metrics.request(Role::KdcUdp, Outcome::Answered, Duration::from_micros(70));
        metrics.request(Role::KdcUdp, Outcome::Failed, Duration::from_secs(60));
        let text = metrics.text();
        for expected in [
            "keyporch_requests_total{role=\"kdc_udp\",outcome=\"answered\"} 2",
            "keyporch_requests_total{role=\"kdc_udp\",outcome=\"failed\"} 1",
            "keyporch_request_seconds_bucket{role=\"kdc_udp\",le=\"0.000050\"} 1",
            "keyporch_request_seconds_bucket{role=\"kdc_udp\",le=\"0.000100\"} 2",
            "keyporch_request_seconds_bucket{role=\"kdc_udp\",le=\"5.000000\"} 2",
            "keyporch_request_seconds_bucket{role=\"kdc_udp\",le=\"+Inf\"} 3",
            "keyporch_request_seconds_sum{role=\"kdc_udp\"} 60.000110",
        ] {
            assert!(
                text.lines().any(|line| line == expected),
                "{expected} is missing in\n{text}"
            );
        }
    }

    #[test]
    fn every_line_is_a_comment_or_a_name_and_a_number() {
        for line in Metrics::default().text().lines() {
            if line.starts_with("# ") {
                continue;
            }
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(
                name.starts_with("keyporch_") && value.parse::<f64>().is_ok(),
                "{line}"
            );
        }
    }
}
