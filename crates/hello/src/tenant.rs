//! Signing in to the tenant with a PIN (AUTH-F1, phases A to E), and what the primary refresh token that comes of it is good
//! for: access tokens, its own renewal (PRT-3), and a sign-in while the tenant cannot be reached (AUTH-2).

use policy::PinPolicy;
use provisioning::Code;
use serde_json::Value;
use trust::{Event, Party, Rng, Story, Timestamp};
use zeroize::Zeroizing;

use crate::file::StateError;
use crate::gesture::{Attempt, Refused};
use crate::hello::Hello;
use crate::prt::{
    AccessToken, Credentials, DeviceSigner, Kind, New, NotSigned, NotUnderstood, Prt, PrtAnswer,
    assertion, by_assertion, by_refresh_token, for_token, form, opened, read, renewal,
};
use crate::registration::{Registration, Tenant};
use crate::vault::{DeviceKey, Unlocked, VaultError, VaultKey};

mod said;

pub use said::Said;

/// AUTH-F1.A: the gesture.
pub static GESTURE: Event = Event {
    step: "AUTH-F1.A",
    phase: "gesture",
    party: Party::Person,
    happened: "unlocked the user key with the PIN",
};

/// AUTH-F1.B: the proof.
pub static PROOF: Event = Event {
    step: "AUTH-F1.B",
    phase: "proof",
    party: Party::Device,
    happened: "signed the tenant's nonce with the user key, and the request around it with the device's own",
};

/// AUTH-F1.C: the tenant's answer.
pub static ANSWER: Event = Event {
    step: "AUTH-F1.C",
    phase: "proof",
    party: Party::Tenant,
    happened: "answered with a primary refresh token and a session key for the transport key",
};

/// AUTH-F1.D: the session key.
pub static SESSION_KEY: Event = Event {
    step: "AUTH-F1.D",
    phase: "session",
    party: Party::Device,
    happened: "unwrapped the session key with the transport key, and sealed both",
};

/// AUTH-F1.E: the sign-in.
pub static SIGNED_IN: Event = Event {
    step: "AUTH-F1.E",
    phase: "session",
    party: Party::Device,
    happened: "signed the person in",
};

/// The door to the tenant's token endpoint. It blocks until there is an answer, and keeps its own time limits.
pub trait TokenEndpoint {
    /// A nonce to sign (protocols A.6).
    ///
    /// # Errors
    /// [`TenantFault`].
    fn nonce(&mut self) -> Result<String, TenantFault>;

    /// Posts a form and gives the body of an answer that is none of an error (protocols A.7.1).
    ///
    /// # Errors
    /// [`TenantFault`].
    fn ask(&mut self, form: &[(&str, &str)]) -> Result<Zeroizing<Vec<u8>>, TenantFault>;
}

/// Why the tenant gave nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TenantFault {
    /// It did not answer, or not as itself, or only that it cannot answer now.
    #[error("the tenant cannot be reached: {0}")]
    Unreachable(String),
    /// It refused (protocols A.3.2): its number, where it gave one, and its words.
    #[error("the tenant refused: {said}")]
    Refused {
        /// `invalid_grant`, `interaction_required` …
        error: String,
        /// The first of `error_codes`.
        number: Option<u32>,
        /// Its words.
        said: Said,
    },
    /// Its answer is not what it should be.
    #[error(transparent)]
    NotUnderstood(#[from] NotUnderstood),
}

impl TenantFault {
    /// Reads an error of the token endpoint; `status` is the HTTP status that it came with. A server that is in
    /// trouble, or has too much to do, is as good as not reached.
    #[must_use]
    pub fn of(status: u16, body: &[u8]) -> Self {
        if status == 429 || status >= 500 {
            return Self::Unreachable(format!("HTTP status {status}"));
        }
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
        let numbers = json.get("error_codes").and_then(Value::as_array);
        let number = numbers
            .and_then(|numbers| numbers.first()?.as_u64())
            .and_then(|number| u32::try_from(number).ok());
        let error = text("error").unwrap_or_default();
        let said = text("error_description").filter(|said| !said.is_empty());
        let said = said.unwrap_or_else(|| match error.as_str() {
            "" => format!("HTTP status {status}"),
            error => error.to_owned(),
        });
        let said = Said::read(&said);
        Self::Refused {
            error,
            number,
            said,
        }
    }

    /// Whether what this device keeps of the person is over by what the tenant said (PRT-6): the person, the device, the
    /// key or the sign-in has ended.
    #[must_use]
    pub fn ends_what_is_kept(&self) -> bool {
        let Self::Refused { number, .. } = self else {
            return false;
        };
        number.is_some_and(|number| ENDED.contains(&number))
    }

    /// Whether the person has to do something at the tenant's own pages first: a second factor, a new password.
    #[must_use]
    pub fn wants_interaction(&self) -> bool {
        let Self::Refused { error, number, .. } = self else {
            return false;
        };
        error == "interaction_required"
            || number.is_some_and(|number| INTERACTION.contains(&number))
    }
}

/// Protocols A.7.2, A.12: device gone or disabled, key gone, person gone or disabled, sign-in revoked or over.
const ENDED: [u32; 7] = [50155, 135_011, 135_010, 50057, 50173, 700_082, 70043];

/// Protocols A.3.2: a second factor is wanted or has to be set up, the password is to be changed.
const INTERACTION: [u32; 5] = [50076, 50074, 50072, 50079, 50055];

/// Why nobody was signed in, or nothing was got.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotSignedIn {
    /// The gesture unlocked nothing.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The PIN was right and is too old; it must be changed first (POL-PIN-5, POL-PIN-13).
    #[error("the PIN expired at {}; change it", .at.to_rfc3339())]
    PinExpired {
        /// When that was.
        at: Timestamp,
    },
    /// The device is not joined to a tenant.
    #[error("this device is not joined to a tenant")]
    NotJoined,
    /// There is no valid primary refresh token of this person.
    #[error("nobody of that name is signed in on this device")]
    NotHeld,
    /// A key does not sign.
    #[error(transparent)]
    Sign(#[from] NotSigned),
    /// The tenant.
    #[error(transparent)]
    Tenant(#[from] TenantFault),
    /// The token that came is for somebody else.
    #[error("the tenant answered for {upn}, who is not whom it was asked for")]
    AnotherPerson {
        /// For whom it is.
        upn: String,
    },
    /// The device's files.
    #[error(transparent)]
    State(#[from] StateError),
}

impl From<VaultError> for NotSignedIn {
    fn from(error: VaultError) -> Self {
        Self::Refused(error.into())
    }
}

impl From<NotUnderstood> for NotSignedIn {
    fn from(what: NotUnderstood) -> Self {
        Self::Tenant(what.into())
    }
}

impl NotSignedIn {
    /// The code of 11.1, where there is one.
    #[must_use]
    pub const fn code(&self) -> Option<Code> {
        match self {
            Self::Refused(Refused::NotEnrolled) => Some(Code::NOT_FOUND),
            Self::Refused(Refused::Vault(VaultError::Damaged)) => Some(Code::BAD_DATA),
            Self::NotJoined => Some(Code::NOT_JOINED),
            _ => None,
        }
    }
}

/// How somebody was signed in.
#[derive(Clone, Debug)]
pub enum SignedIn {
    /// By the tenant, which gave a new primary refresh token.
    Online(Prt),
    /// By what this device keeps, for the tenant cannot be reached (AUTH-2).
    Offline {
        /// The token that is kept; until it ends, the PIN alone signs in.
        prt: Prt,
        /// Why the tenant was not reached.
        why: String,
    },
}

impl SignedIn {
    /// The primary refresh token.
    #[must_use]
    pub const fn prt(&self) -> &Prt {
        match self {
            Self::Online(prt) | Self::Offline { prt, .. } => prt,
        }
    }
}

/// What an access token is wanted for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The client that it is for.
    pub client: &'a str,
    /// The resource that it is for.
    pub resource: &'a str,
    /// The scopes, separated by spaces.
    pub scope: &'a str,
}

impl Hello {
    /// Signs a person in to the tenant with their PIN (AUTH-F1). Where the tenant cannot be reached, what is kept of a sign-in
    /// with the PIN before signs them in as long as it is valid (AUTH-2).
    ///
    /// A PIN that has expired under `rules` is judged and then has to be changed first.
    ///
    /// # Errors
    /// [`NotSignedIn`]. What the tenant refused for good is forgotten, so that it signs nobody in offline.
    pub fn sign_in_to_tenant(
        &mut self,
        upn: &str,
        attempt: &Attempt<'_>,
        rules: &PinPolicy,
        tenant: &mut dyn TokenEndpoint,
        story: &mut dyn Story,
        rng: &mut dyn Rng,
    ) -> Result<SignedIn, NotSignedIn> {
        let unlocked = self.unlock(upn, attempt, rng)?; // A
        let container = self.containers().of(upn).ok_or(Refused::NotEnrolled)?;
        if let Some(at) = container.pin_expires(rules).filter(|at| *at <= attempt.now) {
            return Err(NotSignedIn::PinExpired { at });
        }
        self.prove_to_tenant(upn, &unlocked, tenant, attempt.now, story, rng)
    }

    /// As [`sign_in_to_tenant`](Self::sign_in_to_tenant), once the gesture was judged.
    ///
    /// # Errors
    /// As there.
    pub fn prove_to_tenant(
        &mut self,
        upn: &str,
        unlocked: &Unlocked,
        tenant: &mut dyn TokenEndpoint,
        now: Timestamp,
        story: &mut dyn Story,
        rng: &mut dyn Rng,
    ) -> Result<SignedIn, NotSignedIn> {
        story.tell(&GESTURE);
        let container = self.containers().of(upn).ok_or(Refused::NotEnrolled)?;
        let upn = container.account().upn.clone();
        // The proof is of the very person whose container was unlocked.
        if container.public_key()? != *unlocked.key().public_key() {
            return Err(VaultError::Damaged.into());
        }
        match self.by_user_key(&upn, unlocked, tenant, now, story, rng) {
            Ok(prt) => {
                story.tell(&SIGNED_IN);
                Ok(SignedIn::Online(prt))
            }
            Err(NotSignedIn::Tenant(TenantFault::Unreachable(why))) => {
                let kept = self.prts()?.into_iter();
                // A token that a password got says nothing of the PIN (PRT-5).
                let prt = kept
                    .filter(|prt| prt.upn().eq_ignore_ascii_case(&upn) && prt.is_valid(now))
                    .find(|prt| prt.kind() == Kind::Hello);
                // Where there is no room to write it down, the PIN was right all the same.
                let _ = self.note_use(&upn, now, rng);
                match prt {
                    Some(prt) => {
                        story.tell(&SIGNED_IN);
                        Ok(SignedIn::Offline { prt, why })
                    }
                    None => Err(TenantFault::Unreachable(why).into()),
                }
            }
            Err(error) => Err(self.learned(&upn, error, rng)),
        }
    }

    /// AUTH-F1.B to D.
    fn by_user_key(
        &self,
        upn: &str,
        unlocked: &Unlocked,
        tenant: &mut dyn TokenEndpoint,
        now: Timestamp,
        story: &mut dyn Story,
        rng: &mut dyn Rng,
    ) -> Result<Prt, NotSignedIn> {
        let (registration, of) = self.joined()?;
        let nonce = tenant.nonce()?;
        let signer = unlocked.key().signer();
        let assertion = assertion(signer, upn, of.id, &nonce, now)?;
        let payload = by_assertion(&tenant.nonce()?, upn, &assertion);
        story.tell(&PROOF);
        let answer = self.device_request(registration, &payload, tenant)?;
        story.tell(&ANSWER);
        let prt = self.unwrapped(&answer, Some(upn), Kind::Hello, now)?;
        self.keep_prt(&prt, rng)?;
        story.tell(&SESSION_KEY);
        Ok(prt)
    }

    /// Gets a primary refresh token by the refresh token of a sign-in at the tenant's own pages (protocols A.7.3), and keeps it.
    /// `upn` is who should have signed in, where that is known.
    ///
    /// # Errors
    /// [`NotSignedIn`].
    pub fn sign_in_with_refresh_token(
        &self,
        refresh_token: &str,
        upn: Option<&str>,
        tenant: &mut dyn TokenEndpoint,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Prt, NotSignedIn> {
        let (registration, _) = self.joined()?;
        let payload = by_refresh_token(&tenant.nonce()?, refresh_token);
        let answer = self.device_request(registration, &payload, tenant)?;
        let prt = self.unwrapped(&answer, upn, Kind::SignIn, now)?;
        self.keep_prt(&prt, rng)?;
        Ok(prt)
    }

    /// The person's primary refresh token, renewed where it is time to (PRT-3). One that cannot be renewed for want of a
    /// tenant is as good as it was.
    ///
    /// # Errors
    /// [`NotSignedIn`]; [`NotSignedIn::NotHeld`] where there is none.
    pub fn current_prt(
        &self,
        upn: &str,
        tenant: &mut dyn TokenEndpoint,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Prt, NotSignedIn> {
        let prt = self.prt(upn, now)?.ok_or(NotSignedIn::NotHeld)?;
        if !prt.is_due(now) {
            return Ok(prt);
        }
        match self.renew_prt(&prt, tenant, now, rng) {
            Err(NotSignedIn::Tenant(TenantFault::Unreachable(_))) => Ok(prt),
            renewed => renewed,
        }
    }

    /// Renews a primary refresh token with its session key, which stays as it is (protocols A.10).
    ///
    /// # Errors
    /// [`NotSignedIn`].
    pub fn renew_prt(
        &self,
        prt: &Prt,
        tenant: &mut dyn TokenEndpoint,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Prt, NotSignedIn> {
        let renewed = (|| {
            let request = renewal(prt, &tenant.nonce()?, now, rng)?;
            let body = tenant.ask(&form(&request))?;
            let body = opened(body, &*prt.session_key()?)?;
            let answer: PrtAnswer = read(&body, "the renewed token")?;
            let renewed = prt.renewed(&answer, now);
            self.keep_prt(&renewed, rng)?;
            Ok(renewed)
        })();
        renewed.map_err(|error| self.learned(prt.upn(), error, rng))
    }

    /// Gets an access token with a primary refresh token (protocols A.10.1).
    ///
    /// # Errors
    /// [`NotSignedIn`]; [`TenantFault::wants_interaction`] says whether the person has to do something first.
    pub fn access_token(
        &self,
        prt: &Prt,
        wanted: &Wanted<'_>,
        tenant: &mut dyn TokenEndpoint,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<AccessToken, NotSignedIn> {
        let Wanted {
            client,
            resource,
            scope,
        } = *wanted;
        let got = (|| {
            let nonce = tenant.nonce()?;
            let request = for_token(prt, client, resource, scope, &nonce, now, rng)?;
            let body = tenant.ask(&form(&request))?;
            let body = opened(body, &*prt.session_key()?)?;
            Ok(read(&body, "the access token")?)
        })();
        got.map_err(|error| self.learned(prt.upn(), error, rng))
    }

    /// Who shows the tenant's authorization endpoint that this person asks from this device, while the rest of the device is
    /// busy otherwise.
    ///
    /// # Errors
    /// [`NotSignedIn`].
    pub fn broker(&self, prt: Prt) -> Result<Broker, NotSignedIn> {
        let (registration, _) = self.joined()?;
        Ok(Broker {
            prt,
            key: self.device_key()?,
            certificate: registration.certificate().to_vec(),
        })
    }

    fn joined(&self) -> Result<(&Registration, &Tenant), NotSignedIn> {
        let registration = self.registration().ok_or(NotSignedIn::NotJoined)?;
        let tenant = registration.tenant().ok_or(NotSignedIn::NotJoined)?;
        Ok((registration, tenant))
    }

    fn device_key(&self) -> Result<VaultKey, NotSignedIn> {
        let key = self.vault().device_key(DeviceKey::Device)?;
        key.ok_or(NotSignedIn::NotJoined)
    }

    /// Asks for a primary refresh token with a request that the device's own key signs.
    fn device_request(
        &self,
        registration: &Registration,
        payload: &Value,
        tenant: &mut dyn TokenEndpoint,
    ) -> Result<PrtAnswer, NotSignedIn> {
        let key = self.device_key()?;
        let request = signer(&key, registration).request(payload)?;
        let body = tenant.ask(&form(&request))?;
        Ok(read(&body, "the primary refresh token")?)
    }

    /// The token with its session key, when it is by this tenant and for who was meant.
    fn unwrapped(
        &self,
        answer: &PrtAnswer,
        upn: Option<&str>,
        kind: Kind,
        now: Timestamp,
    ) -> Result<Prt, NotSignedIn> {
        let (registration, tenant) = self.joined()?;
        let named = answer.named()?;
        if named.tenant.is_some_and(|by| by != tenant.id) {
            return Err(NotUnderstood("the token is of another tenant").into());
        }
        if upn.is_some_and(|upn| !upn.eq_ignore_ascii_case(&named.upn)) {
            return Err(NotSignedIn::AnotherPerson { upn: named.upn });
        }
        let of = New {
            upn: &named.upn,
            kind,
            tenant: tenant.id,
            device: registration.device_id,
        };
        let session_key = answer.session_key(self.vault())?;
        Ok(Prt::new(&of, answer, session_key, now))
    }

    /// Forgets what the tenant said has ended. Where that cannot be written down, it stays until it ends by itself; the
    /// refusal is told all the same.
    fn learned(&self, upn: &str, error: NotSignedIn, rng: &mut dyn Rng) -> NotSignedIn {
        if let NotSignedIn::Tenant(fault) = &error
            && fault.ends_what_is_kept()
        {
            let _ = self.forget_prt(upn, rng);
        }
        error
    }
}

/// A person's primary refresh token with the device that it is bound to (PRT-9).
#[derive(Debug)]
pub struct Broker {
    prt: Prt,
    key: VaultKey,
    certificate: Vec<u8>,
}

impl Broker {
    /// Whose token it is.
    #[must_use]
    pub fn upn(&self) -> &str {
        self.prt.upn()
    }

    /// What shows the authorization endpoint who asks, from which device: both over one nonce (protocols A.11).
    ///
    /// # Errors
    /// [`NotSignedIn`].
    pub fn credentials(
        &self,
        tenant: &mut dyn TokenEndpoint,
        rng: &mut dyn Rng,
    ) -> Result<Credentials, NotSignedIn> {
        let nonce = tenant.nonce()?;
        let device = DeviceSigner {
            signer: self.key.signer(),
            certificate: &self.certificate,
        };
        Ok(Credentials {
            refresh_token: self.prt.credential(&nonce, rng)?,
            device: device.credential(&nonce)?,
        })
    }
}

fn signer<'a>(key: &'a VaultKey, registration: &'a Registration) -> DeviceSigner<'a> {
    DeviceSigner {
        signer: key.signer(),
        certificate: registration.certificate(),
    }
}

#[cfg(test)]
mod tests;
