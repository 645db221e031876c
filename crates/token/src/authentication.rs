//! What somebody has proven about themselves, when, and how tokens say so.

use serde::{Deserialize, Serialize};
use trust::{Span, Timestamp};

use crate::authorize::{MULTIPLE_AUTHN, Wanted};
use crate::moment;

/// How long a second factor counts as fresh, for `ngcmfa` and for key registration (PROV-5.6, ACC-9).
pub const FRESH: Span = Span::minutes(10);

/// The first proof: a password, a Kerberos ticket, a Hello key or a Temporary Access Pass.
///
/// Made by the party that checked it, at the place where it did; token code never makes one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FirstFactor {
    method: FirstMethod,
    /// When it was shown to us.
    #[serde(with = "moment")]
    at: Timestamp,
    /// When its owner proved who they are: for a ticket, some time before it was shown.
    #[serde(with = "moment")]
    since: Timestamp,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum FirstMethod {
    Password,
    Kerberos,
    /// A ticket that says that its owner signed in by a key registered with a second factor (S-1-18-5).
    KerberosByKey,
    /// A key in a device, opened by a PIN or a gesture (protocols A.12): two factors by itself, where it was registered with
    /// a second factor.
    HelloKey {
        /// SHA-256 of the key.
        #[serde(with = "crate::bytes")]
        key: [u8; 32],
        /// Whether it counts as a fresh second factor.
        fresh: bool,
        /// Whether a second factor was proven when it was registered. Rows of earlier releases say nothing of it: they
        /// took every key for such a one.
        #[serde(default = "vouched_for")]
        vouched_for: bool,
    },
    /// A Temporary Access Pass: two factors by itself.
    AccessPass,
}

const fn vouched_for() -> bool {
    true
}

impl FirstFactor {
    /// The password was right at this moment.
    #[must_use]
    pub const fn password(at: Timestamp) -> Self {
        Self {
            method: FirstMethod::Password,
            at,
            since: at,
        }
    }

    /// A Kerberos ticket was shown and proven at this moment, which its owner got by a sign-in at `since` (the ticket's
    /// `authtime`), or now where a clock says that this is yet to come. `by_key`: the ticket's PAC carries `S-1-18-5`,
    /// so its owner signed in with a device's key and a PIN.
    #[must_use]
    pub fn kerberos(at: Timestamp, since: Timestamp, by_key: bool) -> Self {
        Self {
            since: since.min(at),
            method: if by_key {
                FirstMethod::KerberosByKey
            } else {
                FirstMethod::Kerberos
            },
            at,
        }
    }

    /// An assertion by a Hello key was verified at this moment (protocols A.12.2). `key` is the SHA-256 of the key that
    /// stands with the account. `fresh`: whether the organisation lets it count as a second factor of that moment, so that
    /// it gives `ngcmfa`.
    #[must_use]
    pub const fn hello(at: Timestamp, key: [u8; 32], fresh: bool) -> Self {
        Self {
            method: FirstMethod::HelloKey {
                key,
                fresh,
                vouched_for: true,
            },
            at,
            since: at,
        }
    }

    /// As [`Self::hello`], by a key for which nobody proved a second factor when it was listed (protocols D.4): one that was
    /// added by hand. It is one factor, however it is opened.
    #[must_use]
    pub const fn hello_of_one_factor(at: Timestamp, key: [u8; 32]) -> Self {
        Self {
            method: FirstMethod::HelloKey {
                key,
                fresh: false,
                vouched_for: false,
            },
            at,
            since: at,
        }
    }

    /// A Temporary Access Pass was right at this moment.
    #[must_use]
    pub const fn access_pass(at: Timestamp) -> Self {
        Self {
            method: FirstMethod::AccessPass,
            at,
            since: at,
        }
    }

    /// When it was shown to us: what follows from it lives from then on.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// When its owner proved who they are. What has happened to the account since, as another password, counts.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// Whether it is a password or a pass that was typed at this very moment, for what a session or a ticket is not
    /// enough for.
    #[must_use]
    pub fn is_typed_at(&self, now: Timestamp) -> bool {
        matches!(self.method, FirstMethod::Password | FirstMethod::AccessPass) && self.at == now
    }

    /// Whether a password stands behind it, so that it dies with another password: its own, or the one that got the
    /// ticket.
    #[must_use]
    pub const fn is_by_password(&self) -> bool {
        matches!(
            self.method,
            FirstMethod::Password | FirstMethod::Kerberos | FirstMethod::KerberosByKey
        )
    }

    /// SHA-256 of the Hello key that it was proven by, if one was.
    #[must_use]
    pub const fn hello_key(&self) -> Option<&[u8; 32]> {
        match &self.method {
            FirstMethod::HelloKey { key, .. } => Some(key),
            _ => None,
        }
    }

    /// Whether it is two factors by itself.
    const fn is_multi_factor(&self) -> bool {
        match self.method {
            FirstMethod::Password | FirstMethod::Kerberos => false,
            FirstMethod::HelloKey { vouched_for, .. } => vouched_for,
            FirstMethod::KerberosByKey | FirstMethod::AccessPass => true,
        }
    }
}

/// A second factor that an adapter has seen proven; only adapters make one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SecondFactor {
    /// Its authentication method reference (RFC 8176).
    amr: String,
    #[serde(with = "moment")]
    at: Timestamp,
}

impl SecondFactor {
    pub(crate) fn proven(amr: &str, at: Timestamp) -> Self {
        Self {
            amr: amr.to_owned(),
            at,
        }
    }

    /// When it was proven.
    #[must_use]
    pub const fn at(&self) -> Timestamp {
        self.at
    }
}

/// All that somebody has proven: what a session keeps and a token tells.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Authentication {
    first: FirstFactor,
    second: Option<SecondFactor>,
    /// Whether it was shown in another place than where its tokens go ([`Self::elsewhere`]).
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    elsewhere: bool,
}

impl Authentication {
    /// What two proofs amount to.
    #[must_use]
    pub const fn of(first: FirstFactor, second: Option<SecondFactor>) -> Self {
        Self {
            first,
            second,
            elsewhere: false,
        }
    }

    /// The same for tokens that go to another place than the browser in which it was proven: to the device that shows a
    /// code (RFC 8628). It never counts as fresh, there or in what comes of it, so that whoever has people type a code
    /// of theirs gets no lasting key by it (RFC 8628 5.4).
    #[must_use]
    pub fn elsewhere(mut self) -> Self {
        self.elsewhere = true;
        self
    }

    /// The first proof.
    #[must_use]
    pub const fn first(&self) -> &FirstFactor {
        &self.first
    }

    /// When a second factor of the account was proven in our sight; `None` when none was. It dies with a reset of the
    /// account's second factors.
    #[must_use]
    pub fn second_factor_at(&self) -> Option<Timestamp> {
        self.second.as_ref().map(SecondFactor::at)
    }

    /// When the person last proved anything: the `auth_time` of OpenID Connect Core 2. Whoever shows a ticket did so at
    /// the sign-in that it came of, however young the ticket is.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.second_factor_at()
            .map_or(self.first.since, |second| second.max(self.first.since))
    }

    /// When several factors were proven in our sight: the second factor's moment, else that of a pass, or of a Hello key
    /// where the organisation lets it count. What tokens tell as the moment of the second factor.
    #[must_use]
    pub fn multi_factor_at(&self) -> Option<Timestamp> {
        if self.elsewhere {
            return None;
        }
        self.second_factor_at().or(match self.first.method {
            FirstMethod::AccessPass | FirstMethod::HelloKey { fresh: true, .. } => {
                Some(self.first.at)
            }
            _ => None,
        })
    }

    /// Whether there were two factors, seen by us or vouched for by the KDC.
    #[must_use]
    pub fn is_multi_factor(&self) -> bool {
        self.second.is_some() || self.first.is_multi_factor()
    }

    /// Whether it is by what cannot be phished: a Hello key.
    #[must_use]
    pub const fn is_phishing_resistant(&self) -> bool {
        self.first.hello_key().is_some()
    }

    /// Whether several factors were proven in our sight within the last ten minutes ([`Self::multi_factor_at`]).
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.multi_factor_at()
            .is_some_and(|at| at <= now && now.since(at) <= FRESH)
    }

    /// Whether this is enough for what is `wanted`.
    #[must_use]
    pub fn suffices(&self, wanted: Wanted, now: Timestamp) -> bool {
        match wanted {
            Wanted::Unasked => true,
            Wanted::SecondFactor => self.is_multi_factor(),
            Wanted::FreshSecondFactor => self.is_fresh(now),
        }
    }

    /// The `amr` of a token issued now (RFC 8176, protocols A.3.1): `ngcmfa` only when it was `wanted` and holds.
    #[must_use]
    pub fn amr(&self, wanted: Wanted, now: Timestamp) -> Vec<String> {
        let mut amr = vec![match self.first.method {
            FirstMethod::Password => "pwd".to_owned(),
            FirstMethod::Kerberos | FirstMethod::KerberosByKey => "wia".to_owned(),
            // Whatever the key's algorithm: what clients of the protocol know (protocols A.3.1).
            FirstMethod::HelloKey { .. } => "rsa".to_owned(),
            FirstMethod::AccessPass => "otp".to_owned(),
        }];
        if let Some(second) = &self.second
            && !amr.contains(&second.amr)
        {
            amr.push(second.amr.clone());
        }
        if self.is_multi_factor() {
            amr.push("mfa".to_owned());
            amr.push(MULTIPLE_AUTHN.to_owned());
        }
        if wanted == Wanted::FreshSecondFactor && self.is_fresh(now) {
            amr.push("ngcmfa".to_owned());
        }
        amr
    }

    /// The `acr` of a token: the authentication context as AD FS names it.
    #[must_use]
    pub fn acr(&self) -> &'static str {
        match self.first.method {
            _ if self.is_multi_factor() => MULTIPLE_AUTHN,
            FirstMethod::Password => {
                "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
            }
            FirstMethod::Kerberos
            | FirstMethod::KerberosByKey
            | FirstMethod::HelloKey { .. }
            | FirstMethod::AccessPass => {
                "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/windows"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn two_factors() -> Authentication {
        Authentication::of(
            FirstFactor::password(T),
            Some(SecondFactor::proven("otp", T)),
        )
    }

    #[test]
    fn a_second_factor_is_fresh_for_ten_minutes_and_no_longer() {
        // ACC-9.
        assert!(two_factors().is_fresh(T + Span::seconds(9 * 60 + 59)));
        assert!(two_factors().is_fresh(T + Span::minutes(10)));
        assert!(!two_factors().is_fresh(T + Span::seconds(10 * 60 + 1)));
    }

    #[test]
    fn a_second_factor_of_the_future_is_not_fresh() {
        assert!(!two_factors().is_fresh(T - Span::seconds(1)));
    }

    #[test]
    fn ngcmfa_is_said_only_when_wanted_and_fresh() {
        let says = |wanted, now| {
            two_factors()
                .amr(wanted, now)
                .iter()
                .any(|amr| amr == "ngcmfa")
        };
        assert!(says(Wanted::FreshSecondFactor, T));
        assert!(!says(Wanted::SecondFactor, T));
        assert!(!says(Wanted::FreshSecondFactor, T + Span::minutes(11)));
        assert_eq!(
            two_factors().amr(Wanted::Unasked, T),
            ["pwd", "otp", "mfa", MULTIPLE_AUTHN]
        );
    }

    #[test]
    fn what_was_proven_elsewhere_is_never_fresh() {
        let code = two_factors().elsewhere();
        assert!(code.suffices(Wanted::SecondFactor, T));
        assert!(!code.suffices(Wanted::FreshSecondFactor, T));
        assert_eq!(code.multi_factor_at(), None);
        assert_eq!(code.second_factor_at(), Some(T));
        let resting = serde_json::to_vec(&code).unwrap();
        assert_eq!(
            serde_json::from_slice::<Authentication>(&resting).unwrap(),
            code
        );
    }

    #[test]
    fn a_password_alone_says_nothing_of_several_factors() {
        let password = Authentication::of(FirstFactor::password(T), None);
        assert_eq!(password.amr(Wanted::FreshSecondFactor, T), ["pwd"]);
        assert!(!password.suffices(Wanted::SecondFactor, T));
        assert!(password.suffices(Wanted::Unasked, T));
    }

    #[test]
    fn a_ticket_is_as_old_as_the_sign_in_that_it_came_of() {
        let morning = T - Span::hours(9);
        let ticket = Authentication::of(FirstFactor::kerberos(T, morning, false), None);
        assert_eq!((ticket.at(), ticket.first().at()), (morning, T));
        let code = Some(SecondFactor::proven("otp", T));
        let both = Authentication::of(FirstFactor::kerberos(T, morning, false), code);
        assert_eq!((both.at(), both.first().since()), (T, morning));
        let ahead = FirstFactor::kerberos(T, T + Span::seconds(1), false);
        assert_eq!(ahead.since(), T);
    }

    #[test]
    fn a_ticket_by_key_is_multi_factor_but_never_fresh() {
        let by_key = Authentication::of(FirstFactor::kerberos(T, T, true), None);
        assert!(by_key.suffices(Wanted::SecondFactor, T));
        assert!(!by_key.suffices(Wanted::FreshSecondFactor, T));
        let by_password = Authentication::of(FirstFactor::kerberos(T, T, false), None);
        assert!(!by_password.suffices(Wanted::SecondFactor, T));
    }

    #[test]
    fn a_pass_is_two_factors_and_fresh_for_ten_minutes() {
        let pass = Authentication::of(FirstFactor::access_pass(T), None);
        assert_eq!(
            pass.amr(Wanted::FreshSecondFactor, T),
            ["otp", "mfa", MULTIPLE_AUTHN, "ngcmfa"]
        );
        assert!(!pass.suffices(Wanted::FreshSecondFactor, T + Span::minutes(11)));
        assert!(pass.suffices(Wanted::SecondFactor, T + Span::minutes(11)));
        // It is no second factor of the account's, with which it would die.
        assert_eq!(
            (pass.second_factor_at(), pass.multi_factor_at()),
            (None, Some(T))
        );
        assert!(!pass.first().is_by_password() && pass.first().is_typed_at(T));
        assert!(!pass.first().is_typed_at(T + Span::seconds(1)));
    }

    #[test]
    fn a_hello_key_is_two_factors_and_fresh_only_where_that_is_allowed() {
        let by_key = |fresh| Authentication::of(FirstFactor::hello(T, [5; 32], fresh), None);
        for fresh in [false, true] {
            assert!(by_key(fresh).suffices(Wanted::SecondFactor, T));
            assert!(by_key(fresh).is_phishing_resistant());
            assert_eq!(by_key(fresh).first().hello_key(), Some(&[5; 32]));
            assert_eq!(
                by_key(fresh).suffices(Wanted::FreshSecondFactor, T + Span::minutes(10)),
                fresh
            );
            assert!(!by_key(fresh).suffices(Wanted::FreshSecondFactor, T + Span::minutes(11)));
        }
        assert_eq!(
            by_key(false).amr(Wanted::FreshSecondFactor, T),
            ["rsa", "mfa", MULTIPLE_AUTHN]
        );
        assert_eq!(by_key(false).multi_factor_at(), None);
        let resting = serde_json::to_vec(&by_key(true)).unwrap();
        assert_eq!(
            serde_json::from_slice::<Authentication>(&resting).unwrap(),
            by_key(true)
        );
    }

    #[test]
    fn a_key_that_nobody_vouched_for_is_one_factor_and_of_earlier_releases_all_were() {
        let by_hand = FirstFactor::hello_of_one_factor(T, [5; 32]);
        let by_hand = Authentication::of(by_hand, None);
        assert!(!by_hand.suffices(Wanted::SecondFactor, T) && !by_hand.is_fresh(T));
        assert_eq!(by_hand.amr(Wanted::FreshSecondFactor, T), ["rsa"]);
        assert!(by_hand.is_phishing_resistant());
        let resting = serde_json::to_string(&by_hand).unwrap();
        let read = |text: &str| serde_json::from_str::<Authentication>(text).unwrap();
        assert_eq!(read(&resting), by_hand);
        let former = resting.replace(",\"vouched_for\":false", "");
        assert_ne!(former, resting);
        assert!(read(&former).is_multi_factor());
        // With a second factor of its owner beside it there are two.
        let first = FirstFactor::hello_of_one_factor(T, [5; 32]);
        let both = Authentication::of(first, Some(SecondFactor::proven("otp", T)));
        assert!(both.is_multi_factor() && both.is_fresh(T));
    }
}
