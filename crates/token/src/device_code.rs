//! Codes for devices on which nobody can sign in (RFC 8628): the device polls with a device code, and somebody types a user
//! code into a page elsewhere and approves.
//!
//! The page is where people are misled: somebody else shows them a code and asks them to type it (RFC 8628 5.4). So it says
//! who asks, from where and since when, and what comes of it never counts as a fresh second factor
//! ([`Authentication::elsewhere`]).

use serde::{Deserialize, Serialize};
use trust::{Rng, Span, Timestamp};
use wire::Guid;

use crate::authentication::Authentication;
use crate::authorize::Wanted;
use crate::grant::{Asks, DeviceCodeRequest, Grant, Refused};
use crate::moment;
use crate::secret::{Digest, Purpose, Secret};

/// How long a code lives.
pub const LIFETIME: Span = Span::minutes(15);
/// How often a device may poll.
pub const INTERVAL: Span = Span::seconds(5);
/// How long after its end a record is kept, so that a late poll learns that its code has ended.
const KEPT_AFTER: Span = Span::minutes(10);

/// The characters of a user code: no vowels, so that no words come of it, and none that is taken for another.
const ALPHABET: &[u8; 28] = b"BCDFGHJKLMNPQRSTVWXZ23456789";
/// How many of them a user code has: 43 bits, and guesses are counted.
const LENGTH: usize = 9;
/// Where the dash stands in which it is shown.
const DASH_AFTER: usize = 4;

/// What a person types, without the dash. It has too little chance to open anything alone.
#[derive(Clone, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    /// Draws one.
    pub fn draw(rng: &mut dyn Rng) -> Self {
        let mut code = String::with_capacity(LENGTH);
        while code.len() < LENGTH {
            let [byte] = rng.bytes::<1>();
            // 252 is the largest multiple of 28 in a byte: what lies above would favour some characters.
            if byte < 252
                && let Some(&character) = ALPHABET.get(usize::from(byte) % ALPHABET.len())
            {
                code.push(char::from(character));
            }
        }
        Self(code)
    }

    /// Reads what somebody typed: dashes, spaces and case make no difference.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        if typed.len() > 64 {
            return None;
        }
        let bare: String = typed
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let known = bare.len() == LENGTH && bare.bytes().all(|byte| ALPHABET.contains(&byte));
        known.then_some(Self(bare))
    }

    /// As it is shown: `BCDF-GH2JK`.
    #[must_use]
    pub fn shown(&self) -> String {
        let (head, tail) = self.0.split_at_checked(DASH_AFTER).unwrap_or((&self.0, ""));
        format!("{head}-{tail}")
    }

    /// The digest under which the device code's is found.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(Purpose::UserCode, self.0.as_bytes())
    }
}

impl core::fmt::Debug for UserCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("UserCode(…)")
    }
}

/// What rests of a device code, under its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceCodeRecord {
    asks: Asks,
    /// The address from which the device asked.
    from: Option<String>,
    #[serde(with = "moment")]
    asked_at: Timestamp,
    state: State,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum State {
    Pending,
    Approved {
        account: Guid,
        authentication: Authentication,
    },
    Denied,
    Spent,
}

/// A new device code, and what goes with it.
pub struct Begun {
    /// What rests under [`Begun::digest`].
    pub record: DeviceCodeRecord,
    /// What the person types.
    pub user_code: UserCode,
    secret: Secret,
}

impl core::fmt::Debug for Begun {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Begun(…)")
    }
}

impl Begun {
    /// The device code, for the device. The dot shows some clients that it is one of this protocol's (protocols A.7.3).
    #[must_use]
    pub fn device_code(&self) -> String {
        format!("1.{}", self.secret.reveal())
    }

    /// The digest under which the record rests.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.secret.digest(Purpose::DeviceCode)
    }
}

impl DeviceCodeRecord {
    /// A code for what is asked `now` from the address `from`.
    pub fn begin(asks: Asks, from: Option<String>, now: Timestamp, rng: &mut dyn Rng) -> Begun {
        Begun {
            record: Self {
                asks,
                from,
                asked_at: now,
                state: State::Pending,
            },
            user_code: UserCode::draw(rng),
            secret: Secret::draw(rng),
        }
    }

    /// What is asked for.
    #[must_use]
    pub const fn asks(&self) -> &Asks {
        &self.asks
    }

    /// From where.
    #[must_use]
    pub fn from(&self) -> Option<&str> {
        self.from.as_deref()
    }

    /// Since when.
    #[must_use]
    pub const fn asked_at(&self) -> Timestamp {
        self.asked_at
    }

    /// When the code ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.asked_at + LIFETIME
    }

    /// Until when the record is kept.
    #[must_use]
    pub fn kept_until(&self) -> Timestamp {
        self.expires() + KEPT_AFTER
    }

    /// Whether somebody may still approve or deny it.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        matches!(self.state, State::Pending) && now < self.expires()
    }

    /// Somebody approves, who has proven this in their browser. `None` when the code is not open, or `wanted`, what the
    /// resource asks of people, is more than that.
    #[must_use]
    pub fn approved(
        mut self,
        account: Guid,
        authentication: &Authentication,
        wanted: Wanted,
        now: Timestamp,
    ) -> Option<Self> {
        (self.is_open(now) && authentication.suffices(wanted, now)).then(|| {
            self.state = State::Approved {
                account,
                authentication: authentication.clone().elsewhere(),
            };
            self
        })
    }

    /// Somebody says no. `None` when the code is not open.
    #[must_use]
    pub fn denied(mut self, now: Timestamp) -> Option<Self> {
        self.is_open(now).then(|| {
            self.state = State::Denied;
            self
        })
    }

    /// The device polls: what was granted, and the record as spent. `wanted` is what the resource asks of people; `device` the
    /// device that proves itself.
    ///
    /// # Errors
    /// [`Refused`], of which [`Refused::DeviceCodePending`] means to poll again.
    pub fn redeem(
        mut self,
        request: &DeviceCodeRequest,
        wanted: Wanted,
        device: Option<Guid>,
        now: Timestamp,
    ) -> Result<(Grant, Self), Refused> {
        if !self.asks.client().eq_ignore_ascii_case(&request.client) {
            return Err(Refused::DeviceCode);
        }
        if now >= self.expires() {
            return Err(Refused::DeviceCodeExpired);
        }
        match core::mem::replace(&mut self.state, State::Spent) {
            State::Pending => Err(Refused::DeviceCodePending),
            State::Denied => Err(Refused::DeviceCodeDenied),
            State::Spent => Err(Refused::DeviceCode),
            State::Approved {
                account,
                authentication,
            } => {
                let asks = self.asks.clone();
                let grant = Grant::at_once(asks, wanted, account, authentication, device, now)
                    .ok_or(Refused::SecondFactor)?;
                Ok((grant, self))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authentication::{FirstFactor, SecondFactor};
    use crate::client::{Catalogue, Client, Grants, Resource};
    use crate::grant::TokenRequest;
    use crate::parameters::Parameters;
    use crate::testing::Dice;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
    const ALICE: Guid = Guid::from_bytes([7; 16]);

    fn catalogue() -> Catalogue {
        let client = |id: &str| Client {
            id: id.into(),
            resources: vec!["urn:r".into()],
            grants: Grants {
                device_code: true,
                ..Grants::CODE
            },
            ..Client::default()
        };
        let resource = Resource {
            identifier: "urn:r".into(),
            lifetime: Span::hours(1),
            ..Resource::default()
        };
        Catalogue::new([client("tv"), client("other")], [resource])
    }

    fn begun() -> Begun {
        let catalogue = catalogue();
        let parameters = Parameters::new(vec![("scope".into(), "openid".into())]).unwrap();
        let tv = catalogue.client("tv").unwrap();
        let asks = Asks::read(&parameters, tv, &catalogue, "urn:r").unwrap();
        DeviceCodeRecord::begin(asks, Some("192.0.2.7".into()), NOW, &mut Dice::new(5))
    }

    fn poll(client: &str, code: &str) -> DeviceCodeRequest {
        let catalogue = catalogue();
        let parameters = Parameters::new(vec![
            (
                "grant_type".into(),
                "urn:ietf:params:oauth:grant-type:device_code".into(),
            ),
            ("device_code".into(), code.into()),
        ])
        .unwrap();
        let client = catalogue.client(client).unwrap();
        match TokenRequest::parse(&parameters, client, &catalogue, "urn:r").unwrap() {
            TokenRequest::DeviceCode(request) => request,
            other => panic!("{other:?}"),
        }
    }

    fn two_factors() -> Authentication {
        Authentication::of(
            FirstFactor::password(NOW),
            Some(SecondFactor::proven("otp", NOW)),
        )
    }

    #[test]
    fn a_code_is_pending_then_given_once() {
        let begun = begun();
        let request = poll("tv", &begun.device_code());
        assert_eq!(request.digest(), begun.digest());
        let redeem = |record: DeviceCodeRecord, now| {
            record.redeem(&request, Wanted::SecondFactor, None, now)
        };
        let pending = redeem(begun.record.clone(), NOW).unwrap_err();
        assert_eq!(pending, Refused::DeviceCodePending);
        let approved = begun
            .record
            .clone()
            .approved(ALICE, &two_factors(), Wanted::SecondFactor, NOW)
            .unwrap();
        let (grant, spent) = redeem(approved.clone(), NOW).unwrap();
        assert_eq!((grant.account(), grant.resource()), (ALICE, "urn:r"));
        assert!(!grant.authentication().is_fresh(NOW), "never ngcmfa");
        assert_eq!(redeem(spent, NOW).unwrap_err(), Refused::DeviceCode);
        assert_eq!(
            redeem(approved, NOW + LIFETIME).unwrap_err(),
            Refused::DeviceCodeExpired
        );
    }

    #[test]
    fn a_code_is_another_clients_to_another_client() {
        let begun = begun();
        let other = poll("other", &begun.device_code());
        assert_eq!(
            begun
                .record
                .redeem(&other, Wanted::Unasked, None, NOW)
                .unwrap_err(),
            Refused::DeviceCode
        );
    }

    #[test]
    fn nobody_approves_with_less_than_is_wanted_or_too_late() {
        let begun = begun();
        let password = Authentication::of(FirstFactor::password(NOW), None);
        let approve = |authentication: &Authentication, now| {
            begun
                .record
                .clone()
                .approved(ALICE, authentication, Wanted::SecondFactor, now)
        };
        assert!(approve(&password, NOW).is_none());
        assert!(approve(&two_factors(), NOW + LIFETIME).is_none());
        let denied = begun.record.clone().denied(NOW).unwrap();
        assert!(!denied.is_open(NOW) && denied.clone().denied(NOW).is_none());
        assert_eq!(
            denied
                .redeem(
                    &poll("tv", &begun.device_code()),
                    Wanted::Unasked,
                    None,
                    NOW
                )
                .unwrap_err(),
            Refused::DeviceCodeDenied
        );
    }

    #[test]
    fn a_user_code_is_read_however_it_is_typed() {
        let code = UserCode::draw(&mut Dice::new(9));
        let shown = code.shown();
        assert_eq!((shown.len(), shown.find('-')), (10, Some(4)));
        for typed in [
            shown.clone(),
            shown.to_lowercase(),
            shown.replace('-', " "),
            format!(" {} ", shown.replace('-', "")),
        ] {
            assert_eq!(UserCode::parse(&typed), Some(code.clone()), "{typed}");
        }
        for wrong in [
            "",
            "BCDF",
            "AEIOU-0101",
            &format!("{shown}B"),
            &"B".repeat(65),
        ] {
            assert_eq!(UserCode::parse(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{code:?}"), "UserCode(…)");
    }

    /// A generator that gives these bytes, and then zeros.
    struct Bytes(Vec<u8>);

    impl Rng for Bytes {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = match self.0.is_empty() {
                    true => 0,
                    false => self.0.remove(0),
                };
            }
        }
    }

    #[test]
    fn no_character_of_a_user_code_is_likelier_than_another() {
        let mut rng = Bytes(vec![255, 254, 253, 252, 251, 27]);
        assert_eq!(UserCode::draw(&mut rng).shown(), "99BB-BBBBB");
    }

    #[test]
    fn nothing_longer_than_somebody_types_is_looked_at() {
        let code = begun().user_code.shown();
        assert!(UserCode::parse(&format!("{code:<64}")).is_some());
        assert!(UserCode::parse(&format!("{code:<65}")).is_none());
    }
}
