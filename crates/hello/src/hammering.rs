//! Anti-hammering (HAMR-1, HAMR-3): how often a PIN may be tried.
//!
//! Two counters, for two reasons. [`Failures`] is the vault's: it holds for all keys in it together,
//! as in a TPM, and makes guessing hopeless whoever asks. [`Ladder`] is the sign-in dialogue's, one
//! per person: it stops a child or a cat after a few tries, long before the vault locks.

use serde::{Deserialize, Serialize};
use trust::{Span, Timestamp};

/// How many failures lock the vault (HAMR-1).
pub const LOCKS_AT: u32 = 32;
/// After how long one failure is forgotten (HAMR-1).
pub const FORGETS_EVERY: Span = Span::minutes(10);
/// How many wrong PINs lead to the challenge phrase (HAMR-3).
pub const WRONG_UNTIL_CHALLENGE: u32 = 3;
/// What is to be typed then, to show that somebody is looking at what they type (HAMR-3).
pub const CHALLENGE_PHRASE: &str = "A1B2C3";

/// The failures that the vault remembers (HAMR-1). A success does not reset them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Failures {
    count: u32,
    /// From when the time to the next forgetting runs, in microseconds since 1970.
    since: i64,
}

impl Failures {
    /// What is left of them at `now`. A clock that was set back forgets nothing, and starts the wait
    /// for the next forgetting anew.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        let every = FORGETS_EVERY.as_micros();
        let passed = now.micros().saturating_sub(self.since);
        if self.count == 0 || passed < 0 {
            return Self {
                count: self.count,
                since: now.micros(),
            };
        }
        let forgotten = u32::try_from(passed / every).unwrap_or(u32::MAX);
        if forgotten >= self.count {
            return Self {
                count: 0,
                since: now.micros(),
            };
        }
        Self {
            count: self.count - forgotten,
            since: self.since.saturating_add(i64::from(forgotten) * every),
        }
    }

    /// One more, at `now`.
    #[must_use]
    pub fn and_one(self, now: Timestamp) -> Self {
        let left = self.at(now);
        Self {
            count: left.count.saturating_add(1),
            ..left
        }
    }

    /// How many there are.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.count
    }

    /// Until when the vault is locked; `None` when it is not. Locked, it refuses the right PIN too.
    #[must_use]
    pub fn locked_until(self, now: Timestamp) -> Option<Timestamp> {
        let left = self.at(now);
        let excess = left.count.checked_sub(LOCKS_AT)?;
        let wait = FORGETS_EVERY
            .as_micros()
            .saturating_mul(i64::from(excess) + 1);
        Some(Timestamp::from_micros(left.since.saturating_add(wait)))
    }
}

/// Where the dialogue stands with one person's PIN (HAMR-3).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ladder {
    /// The session of the operating system, from one start to the next, in which the last try was.
    session: String,
    /// Wrong PINs in this round: 3 lead to the challenge, 4 disable the PIN until a restart.
    wrong: u32,
    /// How many rounds ended with a restart.
    restarts: u32,
    /// When the wait after a restart began, and how long it is, in microseconds; none when 0.
    waiting_from: i64,
    waiting_for: i64,
}

/// What the dialogue wants before it takes a PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotYet {
    /// The challenge phrase, typed as it is shown.
    #[error("type {CHALLENGE_PHRASE} first, to show that the keyboard does what you think")]
    Challenge,
    /// A restart of the device.
    #[error("the PIN is disabled after too many wrong ones; restart the device")]
    DisabledUntilRestart,
    /// Some time.
    #[error("the PIN is locked; wait {} seconds", .0.as_seconds())]
    Wait(Span),
}

impl Ladder {
    /// Whether a PIN is taken now, in `session`, with what was typed as the challenge phrase.
    ///
    /// A restart after the fourth wrong PIN begins the next round, with a wait that grows. A restart
    /// before that forgets nothing (IMPL): it was not asked for.
    ///
    /// # Errors
    /// [`NotYet`]: what is wanted first. No try is counted then.
    pub fn admit(
        &mut self,
        session: &str,
        challenge: Option<&str>,
        now: Timestamp,
    ) -> Result<(), NotYet> {
        if self.session != session {
            session.clone_into(&mut self.session);
            if self.wrong > WRONG_UNTIL_CHALLENGE {
                self.wrong = 0;
                self.restarts = self.restarts.saturating_add(1);
                self.waiting_from = now.micros();
                self.waiting_for = wait_after(self.restarts).as_micros();
            }
        }
        if let Some(left) = self.waits(now) {
            return Err(NotYet::Wait(left));
        }
        match self.asks() {
            Some(NotYet::Challenge) if challenge == Some(CHALLENGE_PHRASE) => Ok(()),
            Some(not_yet) => Err(not_yet),
            None => Ok(()),
        }
    }

    /// What is wanted before the next try, as far as it does not depend on the time.
    #[must_use]
    pub const fn asks(&self) -> Option<NotYet> {
        match self.wrong {
            0..WRONG_UNTIL_CHALLENGE => None,
            WRONG_UNTIL_CHALLENGE => Some(NotYet::Challenge),
            _ => Some(NotYet::DisabledUntilRestart),
        }
    }

    /// Counts a wrong PIN.
    pub const fn count(&mut self) {
        self.wrong = self.wrong.saturating_add(1);
    }

    /// Forgets everything but the session: the PIN was right.
    pub fn clear(&mut self) {
        *self = Self {
            session: std::mem::take(&mut self.session),
            ..Self::default()
        };
    }

    /// How much of the wait after a restart is left. A clock that was set back starts it anew.
    fn waits(&mut self, now: Timestamp) -> Option<Span> {
        if self.waiting_for == 0 {
            return None;
        }
        let passed = now.micros().saturating_sub(self.waiting_from);
        if passed < 0 {
            self.waiting_from = now.micros();
        }
        let left = self.waiting_for - passed.max(0);
        if left > 0 {
            return Some(Span::micros(left));
        }
        self.waiting_for = 0;
        None
    }
}

/// How long the PIN stays locked after the restart that ends a round (HAMR-3): one minute after the
/// first, two after the fourth, ten after the fifth, and growing: doubling, up to a day (IMPL).
#[must_use]
pub fn wait_after(restarts: u32) -> Span {
    match restarts {
        0 => Span::ZERO,
        1..=3 => Span::minutes(1),
        4 => Span::minutes(2),
        more => {
            let doublings = (more - 5).min(8);
            Span::minutes((10_i64 << doublings).min(24 * 60))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn after(count: u32) -> Failures {
        (0..count).fold(Failures::default(), |failures, _| failures.and_one(START))
    }

    #[test]
    fn the_thirty_second_failure_locks_and_ten_minutes_forget_one() {
        // HAMR-1, ACC-15.
        assert_eq!(after(31).locked_until(START), None);
        let locked = after(32);
        let until = START + Span::minutes(10);
        assert_eq!(locked.locked_until(START), Some(until));
        assert_eq!(locked.locked_until(until - Span::micros(1)), Some(until));
        assert_eq!(locked.locked_until(until), None);
        assert_eq!(locked.at(until).count(), 31);
        // The next failure locks again, for ten minutes more.
        assert_eq!(
            locked.and_one(until).locked_until(until),
            Some(until + Span::minutes(10))
        );
    }

    #[test]
    fn all_are_forgotten_after_320_minutes_and_not_before() {
        assert_eq!(after(32).at(START + Span::minutes(319)).count(), 1);
        assert_eq!(after(32).at(START + Span::minutes(320)).count(), 0);
        assert_eq!(after(1).at(Timestamp::NEVER).count(), 0);
    }

    #[test]
    fn failures_while_forgetting_do_not_postpone_it() {
        let later = START + Span::minutes(9);
        let failures = after(2).and_one(later);
        assert_eq!(failures.at(START + Span::minutes(10)).count(), 2);
    }

    #[test]
    fn a_clock_that_was_set_back_forgets_nothing() {
        let past = START - Span::days(400);
        let failures = after(32).at(past);
        assert_eq!(failures.count(), 32);
        assert_eq!(failures.locked_until(past), Some(past + Span::minutes(10)));
    }

    fn fail(ladder: &mut Ladder, session: &str, challenge: Option<&str>, now: Timestamp) {
        ladder.admit(session, challenge, now).unwrap();
        ladder.count();
    }

    #[test]
    fn three_wrong_pins_ask_for_the_phrase_and_a_fourth_disables_until_a_restart() {
        // HAMR-3.
        let mut ladder = Ladder::default();
        for _ in 0..3 {
            fail(&mut ladder, "boot 1", None, START);
        }
        assert_eq!(ladder.admit("boot 1", None, START), Err(NotYet::Challenge));
        assert_eq!(
            ladder.admit("boot 1", Some("a1b2c3"), START),
            Err(NotYet::Challenge)
        );
        fail(&mut ladder, "boot 1", Some(CHALLENGE_PHRASE), START);
        for challenge in [None, Some(CHALLENGE_PHRASE)] {
            assert_eq!(
                ladder.admit("boot 1", challenge, START + Span::days(9)),
                Err(NotYet::DisabledUntilRestart)
            );
        }
    }

    #[test]
    fn the_pattern_repeats_with_each_restart_and_the_wait_grows() {
        // HAMR-3: 1 minute after the first restart, 2 after the fourth, 10 after the fifth, growing.
        let mut ladder = Ladder::default();
        let mut now = START;
        for (restart, minutes) in [0, 1, 1, 1, 2, 10, 20, 40, 80].into_iter().enumerate() {
            let session = format!("boot {restart}");
            if minutes > 0 {
                assert_eq!(
                    ladder.admit(&session, None, now),
                    Err(NotYet::Wait(Span::minutes(minutes)))
                );
                now = now + Span::minutes(minutes);
            }
            for challenge in [None, None, None, Some(CHALLENGE_PHRASE)] {
                fail(&mut ladder, &session, challenge, now);
            }
        }
        assert_eq!(wait_after(100), Span::hours(24));
    }

    #[test]
    fn a_restart_before_the_fourth_wrong_pin_forgets_nothing() {
        let mut ladder = Ladder::default();
        for _ in 0..3 {
            fail(&mut ladder, "boot 1", None, START);
        }
        assert_eq!(ladder.admit("boot 2", None, START), Err(NotYet::Challenge));
    }

    #[test]
    fn the_right_pin_forgets_the_wrong_ones() {
        let mut ladder = Ladder::default();
        for _ in 0..3 {
            fail(&mut ladder, "boot 1", None, START);
        }
        ladder.clear();
        assert_eq!(ladder.admit("boot 1", None, START), Ok(()));
        assert_eq!(ladder.asks(), None);
    }

    #[test]
    fn a_clock_that_was_set_back_starts_the_wait_anew() {
        let mut ladder = Ladder::default();
        for challenge in [None, None, None, Some(CHALLENGE_PHRASE)] {
            fail(&mut ladder, "boot 1", challenge, START);
        }
        let past = START - Span::days(1);
        assert!(ladder.admit("boot 2", None, START).is_err());
        assert_eq!(
            ladder.admit("boot 2", None, past),
            Err(NotYet::Wait(Span::minutes(1)))
        );
        assert_eq!(
            ladder.admit("boot 2", None, past + Span::minutes(1)),
            Ok(())
        );
    }
}
