//! From when until when a ticket holds (RFC 4120 3.1.3, 3.3.3).

use trust::{Span, Timestamp};
use wire::kerberos::{KdcOptions, KdcReqBody, KerberosTime, TicketFlags};

use crate::refused::Refused;

/// How long tickets of a realm live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// The longest a ticket is valid. Default 10 hours.
    pub ticket: Span,
    /// The longest a ticket can be renewed. Default 7 days.
    pub renewal: Span,
    /// How far a peer's clock may be from ours. Default 5 minutes.
    pub skew: Span,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            ticket: Span::hours(10),
            renewal: Span::days(7),
            skew: Span::minutes(5),
        }
    }
}

impl Lifetimes {
    /// How long a ticket may still be shown after the key that sealed it was replaced, so how long the key must stay:
    /// what is renewed is sealed anew, so this is one life of a ticket, and what two clocks may be apart.
    #[must_use]
    pub fn key_overlap(&self) -> Span {
        self.ticket + self.skew + self.skew
    }
}

/// How long tickets of who is in Protected Users live, and how long they can be renewed: so long alone (MS-KILE 3.3.5.1).
const PROTECTED: Span = Span::hours(4);

/// What was granted of what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// Valid from.
    pub(crate) start: Timestamp,
    /// Valid until.
    pub(crate) end: Timestamp,
    /// Renewable until; then the ticket has the flag, too.
    pub(crate) renew_till: Option<Timestamp>,
}

/// What limits a grant besides the realm: the ticket-granting ticket that it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// No later than this.
    pub(crate) end: Timestamp,
    /// Renewable no later than this; `None` where it must not be renewable.
    pub(crate) renew_till: Option<Timestamp>,
}

impl Limits {
    /// An initial ticket: the realm's lifetimes alone decide.
    pub(crate) const NONE: Self = Self {
        end: Timestamp::NEVER,
        renew_till: Some(Timestamp::NEVER),
    };

    /// For who is in Protected Users and signed in then.
    pub(crate) fn protected(authenticated: Timestamp) -> Self {
        let end = authenticated.whole_seconds() + PROTECTED;
        Self {
            end,
            renew_till: Some(end),
        }
    }
}

impl Granted {
    /// The flag that goes with it.
    pub(crate) fn flags(&self) -> TicketFlags {
        match self.renew_till {
            Some(_) => TicketFlags::RENEWABLE,
            None => TicketFlags::NONE,
        }
    }
}

/// The moment that a message's time names.
pub(crate) fn moment(time: KerberosTime) -> Timestamp {
    Timestamp::from_unix(time.unix())
}

/// A moment as a message names it, in whole seconds.
pub(crate) fn kerberos_time(moment: Timestamp) -> KerberosTime {
    KerberosTime::from_unix(moment.unix())
}

/// In requests the epoch means "as long as you will".
fn asked(time: KerberosTime) -> Timestamp {
    match time {
        KerberosTime::EPOCH => Timestamp::NEVER,
        time => moment(time),
    }
}

/// Decides the times of a ticket.
///
/// # Errors
/// [`Refused::CannotPostdate`] for a start in the future: postdated tickets are not given.
/// [`Refused::NeverValid`] when it would end before it starts.
pub(crate) fn grant(
    body: &KdcReqBody,
    lifetimes: &Lifetimes,
    limits: &Limits,
    now: Timestamp,
) -> Result<Granted, Refused> {
    let options = body.kdc_options;
    if options.intersects(KdcOptions::POSTDATED | KdcOptions::ALLOW_POSTDATE) {
        return Err(Refused::CannotPostdate);
    }
    // A start within the skew is a clock that runs ahead, not a wish to postdate.
    if body
        .from
        .is_some_and(|from| moment(from) > now + lifetimes.skew)
    {
        return Err(Refused::CannotPostdate);
    }
    let start = now.whole_seconds();
    let till = asked(body.till);
    let end = till.min(start + lifetimes.ticket).min(limits.end);
    if end <= start {
        return Err(Refused::NeverValid);
    }
    let longest = limits
        .renew_till
        .map(|limit| limit.min(start + lifetimes.renewal));
    let renew_till = if options.contains(KdcOptions::RENEWABLE) {
        let wanted = asked(body.rtime.unwrap_or(KerberosTime::EPOCH));
        longest.map(|longest| longest.min(wanted))
    } else if options.contains(KdcOptions::RENEWABLE_OK) && till > end {
        longest.map(|longest| longest.min(till))
    } else {
        None
    };
    Ok(Granted {
        start,
        end,
        renew_till: renew_till.filter(|renew_till| *renew_till > end),
    })
}

#[cfg(test)]
mod tests {
    use wire::kerberos::{PrincipalName, Realm};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn body(options: KdcOptions, till: Span) -> KdcReqBody {
        KdcReqBody {
            kdc_options: options,
            cname: None,
            realm: Realm::from("CORP.EXAMPLE"),
            sname: Some(PrincipalName::krbtgt("CORP.EXAMPLE")),
            from: None,
            till: kerberos_time(NOW + till),
            rtime: None,
            nonce: 1.into(),
            etype: vec![].into(),
            addresses: None,
            enc_authorization_data: None,
            additional_tickets: None,
        }
    }

    fn granted(body: &KdcReqBody) -> Granted {
        grant(body, &Lifetimes::default(), &Limits::NONE, NOW).unwrap()
    }

    #[test]
    fn a_ticket_ends_when_it_was_asked_to_or_after_ten_hours() {
        assert_eq!(
            granted(&body(KdcOptions::NONE, Span::hours(1))).end,
            NOW + Span::hours(1)
        );
        assert_eq!(
            granted(&body(KdcOptions::NONE, Span::days(3))).end,
            NOW + Span::hours(10)
        );
        let mut endless = body(KdcOptions::NONE, Span::hours(1));
        endless.till = KerberosTime::EPOCH;
        assert_eq!(granted(&endless).end, NOW + Span::hours(10));
    }

    #[test]
    fn a_ticket_is_renewable_only_when_asked_and_for_a_week_at_most() {
        let plain = granted(&body(KdcOptions::NONE, Span::days(30)));
        assert_eq!(plain.renew_till, None);
        let mut wanted = body(KdcOptions::RENEWABLE, Span::hours(10));
        wanted.rtime = Some(kerberos_time(NOW + Span::days(30)));
        assert_eq!(granted(&wanted).renew_till, Some(NOW + Span::days(7)));
        assert_eq!(granted(&wanted).flags(), TicketFlags::RENEWABLE);
        let accepted = granted(&body(KdcOptions::RENEWABLE_OK, Span::days(2)));
        assert_eq!(accepted.renew_till, Some(NOW + Span::days(2)));
    }

    #[test]
    fn a_ticket_never_outlives_the_one_it_rests_on() {
        let limits = Limits {
            end: NOW + Span::hours(2),
            renew_till: None,
        };
        let asked = body(KdcOptions::RENEWABLE, Span::days(1));
        let granted = grant(&asked, &Lifetimes::default(), &limits, NOW).unwrap();
        assert_eq!(
            (granted.end, granted.renew_till),
            (NOW + Span::hours(2), None)
        );
    }

    #[test]
    fn refuses_a_ticket_that_would_end_before_it_starts() {
        let asked = body(KdcOptions::NONE, Span::hours(-1));
        let refused = grant(&asked, &Lifetimes::default(), &Limits::NONE, NOW);
        assert_eq!(refused, Err(Refused::NeverValid));
    }

    #[test]
    fn refuses_to_postdate_but_not_a_clock_that_runs_ahead() {
        let mut ahead = body(KdcOptions::NONE, Span::hours(1));
        ahead.from = Some(kerberos_time(NOW + Span::minutes(4)));
        assert!(grant(&ahead, &Lifetimes::default(), &Limits::NONE, NOW).is_ok());
        ahead.from = Some(kerberos_time(NOW + Span::minutes(6)));
        let refused = grant(&ahead, &Lifetimes::default(), &Limits::NONE, NOW);
        assert_eq!(refused, Err(Refused::CannotPostdate));
        let postdated = body(KdcOptions::ALLOW_POSTDATE, Span::hours(1));
        let refused = grant(&postdated, &Lifetimes::default(), &Limits::NONE, NOW);
        assert_eq!(refused, Err(Refused::CannotPostdate));
    }
}
