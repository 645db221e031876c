//! Parties that follow a script, and write down what was asked of them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};

use policy::{Effective, PinPolicy, Violation};
use provisioning::dialogue::{
    Cancelled, Choice, ChosenPin, Dialogue, Done, Offer, PinProblem, Prompt, SecondFactorProblem,
    SecondFactorProgress, Work,
};
use provisioning::doors::{
    Account, Device, DeviceError, Doors, DrsToken, Federation, KeyRegistration, NewKey, Registered,
    RegistrationError, Tenant, TokenError, TokenService,
};
use provisioning::phases::second_factor::FreshSecondFactor;
use provisioning::prerequisites::{
    CertificateFacts, Facts, Joined, Realm, SecurityDevice, Started,
};
use provisioning::{Secret, Stopped, Usable, enrol};
use trust::{Clock, Event, Span, Timestamp};
use wire::Guid;

pub(crate) const DEVICE: Guid = Guid::from_bytes([0xd0; 16]);
pub(crate) const KID: Guid = Guid::from_bytes([0x1d; 16]);
pub(crate) const START: Timestamp = Timestamp::from_unix(1_800_000_000);

/// Facts under which the on-premises key trust flow starts.
pub(crate) fn facts() -> Facts {
    Facts {
        joined: Joined::Enterprise,
        realm: Realm::Federated,
        signed_in: true,
        security_device: SecurityDevice::None,
        remote_session: false,
        security_key_sign_in: false,
        started: Started::AfterSignIn,
        certificate: CertificateFacts::default(),
        cloud_tgt: None,
    }
}

/// Facts under which the flow of a managed tenant starts.
pub(crate) fn tenant_facts() -> Facts {
    Facts {
        joined: Joined::Tenant,
        realm: Realm::Managed,
        ..facts()
    }
}

/// A policy that enables enrolment.
pub(crate) fn enabled() -> Effective {
    Effective {
        use_hello: Some(true),
        ..Effective::default()
    }
}

pub(crate) fn token() -> DrsToken {
    DrsToken {
        bearer: Secret::from("eyJ"),
        upn: "ALICE@corp.example".to_owned(),
        device: Some(DEVICE),
        second_factor_at: Some(START),
        asked: true,
        expires: START + Span::hours(1),
    }
}

/// Everything in one place: what each party will answer, and what it was asked.
pub(crate) struct World {
    pub(crate) now: Watch,
    pub(crate) account: Account,
    pub(crate) policy: Effective,
    pub(crate) replace: bool,
    pub(crate) confirm: Choice,
    /// What `retry` answers, in order; `Stop` when there is no more.
    pub(crate) retries: VecDeque<Choice>,
    /// The PINs that are typed, with their confirmations.
    pub(crate) pins: VecDeque<(&'static str, &'static str)>,
    /// How long choosing a PIN takes.
    pub(crate) thinking: Span,
    pub(crate) ready: Result<(), DeviceError>,
    pub(crate) create: Result<(), DeviceError>,
    pub(crate) keep: Result<(), DeviceError>,
    pub(crate) held: Option<DrsToken>,
    /// What the federation service answers, in order.
    pub(crate) tokens: VecDeque<Result<DrsToken, TokenError>>,
    pub(crate) register: Result<Registered, RegistrationError>,
    pub(crate) log: RefCell<Vec<String>>,
    pub(crate) story: Vec<&'static Event>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            now: Watch::at(START),
            account: Account {
                upn: "alice@corp.example".to_owned(),
                sid: None,
                domain: "corp.example".to_owned(),
            },
            policy: enabled(),
            replace: false,
            confirm: Choice::GoOn,
            retries: VecDeque::new(),
            pins: VecDeque::from([("271828", "271828")]),
            thinking: Span::ZERO,
            ready: Ok(()),
            create: Ok(()),
            keep: Ok(()),
            held: None,
            tokens: VecDeque::from([Ok(token())]),
            register: Ok(Registered {
                kid: KID,
                upn: "Alice@corp.example".to_owned(),
                pctx: None,
            }),
            log: RefCell::default(),
            story: Vec::new(),
        }
    }

    pub(crate) fn enrol(&mut self) -> Result<Usable, Stopped> {
        self.enrol_with(&facts())
    }

    pub(crate) fn enrol_with(&mut self, facts: &Facts) -> Result<Usable, Stopped> {
        let mut person = Person {
            confirm: self.confirm,
            retries: &mut self.retries,
            pins: &mut self.pins,
            thinking: self.thinking,
            now: &self.now,
            log: &self.log,
        };
        let mut device = Laptop {
            ready: &self.ready,
            create: &self.create,
            keep: &self.keep,
            log: &self.log,
        };
        let mut service = Sts {
            held: &self.held,
            tokens: &mut self.tokens,
            register: &self.register,
            log: &self.log,
        };
        // A device has the services of what it is joined to, and no others.
        let (federation, tenant): (Option<&mut dyn Federation>, Option<&mut dyn Tenant>) =
            match facts.joined {
                Joined::Tenant => (None, Some(&mut service)),
                _ => (Some(&mut service), None),
            };
        enrol(
            facts,
            &mut Doors {
                account: &self.account,
                policy: &self.policy,
                replace: self.replace,
                person: &mut person,
                device: &mut device,
                federation,
                tenant,
                story: &mut self.story,
                clock: &self.now,
            },
        )
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.log.borrow().clone()
    }

    pub(crate) fn was_asked(&self, what: &str) -> bool {
        self.log.borrow().iter().any(|line| line.starts_with(what))
    }

    pub(crate) fn steps(&self) -> Vec<&'static str> {
        self.story.iter().map(|event| event.step).collect()
    }
}

/// A clock that a test moves.
pub(crate) struct Watch(AtomicI64);

impl Watch {
    fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.micros()))
    }

    pub(crate) fn advance(&self, span: Span) {
        self.0.fetch_add(span.as_micros(), Ordering::Relaxed);
    }
}

impl Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

struct Person<'a> {
    confirm: Choice,
    retries: &'a mut VecDeque<Choice>,
    pins: &'a mut VecDeque<(&'static str, &'static str)>,
    thinking: Span,
    now: &'a Watch,
    log: &'a RefCell<Vec<String>>,
}

impl Person<'_> {
    fn note(&self, line: String) {
        self.log.borrow_mut().push(line);
    }
}

impl Dialogue for Person<'_> {
    fn confirm(&mut self, offer: &Offer<'_>) -> Choice {
        self.note(format!(
            "offer {} replaces={}",
            offer.account.upn, offer.replaces
        ));
        self.confirm
    }

    fn answer(&mut self, prompt: &Prompt<'_>) -> Result<Secret, Cancelled> {
        self.note(format!("prompt {}", prompt.label));
        Ok(Secret::from("123456"))
    }

    fn second_factor(&mut self, progress: SecondFactorProgress<'_>) {
        self.note(format!("second factor {progress:?}"));
    }

    fn retry(&mut self, problem: &SecondFactorProblem) -> Choice {
        self.note(format!("retry? {problem}"));
        self.retries.pop_front().unwrap_or(Choice::Stop)
    }

    fn choose_pin(
        &mut self,
        rules: &PinPolicy,
        problems: &[PinProblem],
    ) -> Result<ChosenPin, Cancelled> {
        self.now.advance(self.thinking);
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        self.note(format!(
            "pin of {} or more {problems:?}",
            rules.minimum_length()
        ));
        let (pin, confirmation) = self.pins.pop_front().ok_or(Cancelled)?;
        Ok(ChosenPin {
            pin: Secret::from(pin),
            confirmation: Secret::from(confirmation),
        })
    }

    fn working(&mut self, work: Work) {
        self.note(format!("working {work:?}"));
    }

    fn done(&mut self, done: &Done<'_>) {
        self.note(format!("done {} {:?}", done.account.upn, done.usable));
    }
}

struct Laptop<'a> {
    ready: &'a Result<(), DeviceError>,
    create: &'a Result<(), DeviceError>,
    keep: &'a Result<(), DeviceError>,
    log: &'a RefCell<Vec<String>>,
}

impl Device for Laptop<'_> {
    fn id(&self) -> Option<Guid> {
        Some(DEVICE)
    }

    fn ready(&mut self, _: &Account, replace: bool) -> Result<(), DeviceError> {
        match self.ready {
            Err(DeviceError::AlreadyEnrolled) if replace => Ok(()),
            other => other.clone(),
        }
    }

    fn judge_pin(&self, pin: &Secret, rules: &PinPolicy) -> Vec<Violation> {
        let length = pin.expose().len();
        let mut broken = Vec::new();
        if length < 6 {
            broken.push(Violation::TooShort {
                minimum: rules.minimum_length(),
            });
        }
        if pin.expose().bytes().all(|digit| digit == b'1') {
            broken.push(Violation::Simple);
        }
        broken
    }

    fn create_user_key(
        &mut self,
        _: &Account,
        pin: &Secret,
        _: Timestamp,
    ) -> Result<NewKey, DeviceError> {
        self.log
            .borrow_mut()
            .push(format!("create {}", pin.expose()));
        self.create.clone().map(|()| NewKey {
            material: b"RSA1".to_vec(),
            attestation_level: "ATT_SOFT",
        })
    }

    fn keep(
        &mut self,
        _: &Account,
        registered: &Registered,
        _: Timestamp,
    ) -> Result<(), DeviceError> {
        self.log
            .borrow_mut()
            .push(format!("keep {}", registered.kid));
        self.keep.clone()
    }

    fn discard(&mut self, _: &Account) {
        self.log.borrow_mut().push("discard".to_owned());
    }
}

struct Sts<'a> {
    held: &'a Option<DrsToken>,
    tokens: &'a mut VecDeque<Result<DrsToken, TokenError>>,
    register: &'a Result<Registered, RegistrationError>,
    log: &'a RefCell<Vec<String>>,
}

impl Federation for Sts<'_> {}

impl Tenant for Sts<'_> {}

impl TokenService for Sts<'_> {
    fn held_token(&mut self, _: &Account) -> Option<DrsToken> {
        self.held.clone()
    }

    fn drs_token(
        &mut self,
        account: &Account,
        _: &mut dyn Dialogue,
    ) -> Result<DrsToken, TokenError> {
        self.log
            .borrow_mut()
            .push(format!("token for {}", account.upn));
        self.tokens
            .pop_front()
            .unwrap_or_else(|| Err(TokenError::Unreachable("nobody listens".to_owned())))
    }
}

impl KeyRegistration for Sts<'_> {
    fn register_key(
        &mut self,
        token: &FreshSecondFactor,
        key: &NewKey,
    ) -> Result<Registered, RegistrationError> {
        self.log.borrow_mut().push(format!(
            "register {} with {}",
            String::from_utf8_lossy(&key.material),
            token.bearer().expose()
        ));
        self.register.clone()
    }
}
