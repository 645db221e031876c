//! What the KDC's exchanges count, by how they ended.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use kdc::{Exchange, ExchangeKind, OldCrypto, Refused};

use super::{head, line};

/// Error codes of Kerberos; none that we send is larger.
const CODES: usize = 128;

const KINDS: [(ExchangeKind, &str); 4] = [
    (ExchangeKind::As, "as"),
    (ExchangeKind::Tgs, "tgs"),
    (ExchangeKind::Password, "password"),
    (ExchangeKind::Unreadable, "unreadable"),
];

/// By what somebody signed in.
const METHODS: [&str; 3] = ["password", "key", "certificate"];

/// The counters.
#[derive(Debug)]
pub(crate) struct Exchanges {
    given: [AtomicU64; KINDS.len()],
    refused: [AtomicU64; KINDS.len()],
    codes: [AtomicU64; CODES],
    methods: [AtomicU64; METHODS.len()],
    old: [AtomicU64; OldCrypto::ALL.len()],
    /// Requests that were refused by their address.
    source_limited: AtomicU64,
    /// Requests for accounts that are locked out.
    locked_out: AtomicU64,
    /// Requests that may cost a signature, turned away because too many were worked at.
    pub(crate) turned_away: AtomicU64,
}

impl Default for Exchanges {
    fn default() -> Self {
        Self {
            given: Default::default(),
            refused: Default::default(),
            codes: [const { AtomicU64::new(0) }; CODES],
            methods: Default::default(),
            old: Default::default(),
            source_limited: AtomicU64::default(),
            locked_out: AtomicU64::default(),
            turned_away: AtomicU64::default(),
        }
    }
}

/// By what a ticket was got.
pub(crate) fn method(exchange: &Exchange) -> Option<&'static str> {
    let means = exchange.means.as_ref()?;
    Some(match (&means.key, &means.certificate) {
        (_, Some(_)) => METHODS[2],
        (Some(_), None) => METHODS[1],
        (None, None) => METHODS[0],
    })
}

impl Exchanges {
    /// Counts an exchange.
    pub(crate) fn count(&self, exchange: &Exchange) {
        let one = |counter: &AtomicU64| {
            counter.fetch_add(1, Relaxed);
        };
        let kind = KINDS.iter().position(|(kind, _)| *kind == exchange.kind);
        let counters = match exchange.refused {
            None => &self.given,
            Some(_) => &self.refused,
        };
        if let Some(counter) = kind.and_then(|kind| counters.get(kind)) {
            one(counter);
        }
        if let Some(refused) = &exchange.refused {
            let code = usize::try_from(refused.code().0).ok();
            if let Some(counter) = code.and_then(|code| self.codes.get(code)) {
                one(counter);
            }
            match refused.reason() {
                Refused::SourceLimited | Refused::SourceUnproven => one(&self.source_limited),
                Refused::ClientLockedOut => one(&self.locked_out),
                _ => {}
            }
            return;
        }
        if exchange.kind == ExchangeKind::As {
            let method = method(exchange);
            let method = METHODS.iter().position(|each| Some(*each) == method);
            if let Some(counter) = method.and_then(|method| self.methods.get(method)) {
                one(counter);
            }
        }
        for (counter, old) in self.old.iter().zip(OldCrypto::ALL) {
            if exchange.old.contains(&old) {
                one(counter);
            }
        }
    }

    /// Everything as Prometheus text.
    pub(crate) fn text(&self, page: &mut String) {
        let name = "keyporch_kdc_exchanges_total";
        let help = "Kerberos exchanges, by kind and result; what was only asked to prove itself counts as refused.";
        head(page, name, help, "counter");
        for ((_, kind), (given, refused)) in KINDS.iter().zip(self.given.iter().zip(&self.refused))
        {
            for (result, counter) in [("done", given), ("refused", refused)] {
                let labels = format!("{{kind=\"{kind}\",result=\"{result}\"}}");
                line(page, name, &labels, counter.load(Relaxed));
            }
        }
        let name = "keyporch_kdc_refusals_total";
        head(
            page,
            name,
            "Refusals, by the code that the peer saw.",
            "counter",
        );
        for (code, counter) in self.codes.iter().enumerate() {
            let count = counter.load(Relaxed);
            if count > 0 {
                let _ = writeln!(page, "{name}{{code=\"{code}\"}} {count}");
            }
        }
        let name = "keyporch_kdc_sign_ins_total";
        head(page, name, "Initial tickets, by what got them.", "counter");
        for (method, counter) in METHODS.iter().zip(&self.methods) {
            let labels = format!("{{method=\"{method}\"}}");
            line(page, name, &labels, counter.load(Relaxed));
        }
        let name = "keyporch_kdc_old_crypto_total";
        let help = "Tickets that were got with old cryptography, by the switch that allows it.";
        head(page, name, help, "counter");
        for (old, counter) in OldCrypto::ALL.iter().zip(&self.old) {
            let labels = format!("{{switch=\"{}\"}}", old.switch());
            line(page, name, &labels, counter.load(Relaxed));
        }
        let singles = [
            (
                "keyporch_kdc_source_limited_total",
                "Requests refused because too many failures came from their address.",
                &self.source_limited,
            ),
            (
                "keyporch_kdc_locked_out_total",
                "Requests refused because the account is locked out.",
                &self.locked_out,
            ),
            (
                "keyporch_kdc_signatures_turned_away_total",
                "Requests for sign-in with a key that were told to come again: too many were worked at.",
                &self.turned_away,
            ),
        ];
        for (name, help, counter) in singles {
            head(page, name, help, "counter");
            line(page, name, "", counter.load(Relaxed));
        }
    }
}
