//! Signing in to the domain with a PIN (AUTH-F8, phases A to D): the gesture unlocks the user key, the
//! Kerberos client signs with it, and a ticket-granting ticket comes back.

use crypto::signature::SignError;
use policy::PinPolicy;
use provisioning::Code;
use ticket::client::{Credential, Failed, Handled, Initial, KdcTrust, Secret, Wish};
use trust::{Event, Party, Rng, Story, Timestamp};
use wire::kerberos::{ErrorCode, PrincipalName, Realm};

use crate::certificate::self_signed;
use crate::gesture::{Attempt, Refused};
use crate::hello::Hello;
use crate::vault::{DeviceKey, Unlocked, VaultError, VaultKey};

/// AUTH-F8.A: the gesture.
pub static GESTURE: Event = Event {
    step: "AUTH-F8.A",
    phase: "gesture",
    party: Party::Person,
    happened: "unlocked the user key with the PIN",
};

/// AUTH-F8.B: the proof.
pub static PROOF: Event = Event {
    step: "AUTH-F8.B",
    phase: "key trust",
    party: Party::Device,
    happened: "asked the KDC for a ticket, signing with the user key",
};

/// AUTH-F8.C: the KDC's answer.
pub static ANSWER: Event = Event {
    step: "AUTH-F8.C",
    phase: "key trust",
    party: Party::Kdc,
    happened: "answered with a ticket and with its own certificate, which the device trusts",
};

/// AUTH-F8.D: the ticket.
pub static TICKET: Event = Event {
    step: "AUTH-F8.D",
    phase: "ticket",
    party: Party::Device,
    happened: "holds a ticket-granting ticket",
};

/// The door to the KDC. It blocks until there is an answer, and keeps its own time limits.
pub trait Kdc {
    /// Sends a Kerberos message, without framing, and gives the answer.
    ///
    /// # Errors
    /// [`Unreachable`] when no KDC answered.
    fn ask(&mut self, message: &[u8]) -> Result<Vec<u8>, Unreachable>;
}

/// No KDC answered: what stopped the last that was asked.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no KDC can be reached: {0}")]
pub struct Unreachable(pub String);

/// The domain to sign in to.
pub struct Domain<'a> {
    /// The realm.
    pub realm: &'a str,
    /// What its KDCs are trusted by.
    pub trust: &'a KdcTrust,
    /// The door to them.
    pub kdc: &'a mut dyn Kdc,
}

/// Why nobody was signed in.
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
    /// The device has no machine key; it is not joined.
    #[error("this device has no machine key; join it first")]
    NoMachineKey,
    /// The key does not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// No KDC answered.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The KDC refused, or is not to be believed.
    #[error(transparent)]
    Failed(#[from] Failed),
}

impl From<VaultError> for NotSignedIn {
    fn from(error: VaultError) -> Self {
        Self::Refused(error.into())
    }
}

impl NotSignedIn {
    /// The code of 11.1, where there is one.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        match self {
            // E-29: the key is not on the account (yet), or the KDC cannot do key trust.
            Self::Failed(Failed::Refused(
                ErrorCode::KDC_ERR_CLIENT_NOT_TRUSTED
                | ErrorCode::KDC_ERR_PADATA_TYPE_NOSUPP
                | ErrorCode::KDC_ERR_PREAUTH_FAILED,
            )) => Some(TEMPORARILY_UNAVAILABLE),
            Self::Refused(Refused::NotEnrolled) => Some(Code::NOT_FOUND),
            Self::Refused(Refused::Vault(VaultError::Damaged)) => Some(Code::BAD_DATA),
            _ => None,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Refused(Refused::NotEnrolled) => "enrol on this device first",
            Self::Refused(Refused::WrongPin { .. } | Refused::NotYet(_)) => {
                "if the PIN is forgotten, sign in with the password and enrol anew"
            }
            Self::Refused(Refused::Locked { .. }) => {
                "wait; one wrong PIN is forgotten every ten minutes"
            }
            Self::Refused(Refused::Vault(_)) | Self::Sign(_) => {
                "the device's files are in trouble; see the sentence above, then enrol anew"
            }
            Self::PinExpired { .. } => "choose another PIN",
            Self::NoMachineKey => "join the device to the domain",
            Self::Unreachable(_) => "check the network and the KDC's address",
            Self::Failed(Failed::Kdc(_)) => {
                "an administrator should check the KDC's certificate and this device's trusted roots"
            }
            Self::Failed(_) => match self.code().and_then(Code::entry) {
                Some(entry) => entry.advice,
                None => "an administrator should look at the KDC's audit log, which has the reason",
            },
        }
    }
}

/// E-29.
const TEMPORARILY_UNAVAILABLE: Code = Code(0xC000_00BB);

impl Hello {
    /// Signs a person in to the domain with their PIN, by key trust (AUTH-F8): a ticket-granting
    /// ticket, forwardable and renewable.
    ///
    /// A PIN that has expired under `rules` is judged and then has to be changed first.
    ///
    /// # Errors
    /// [`NotSignedIn`].
    #[allow(
        clippy::too_many_arguments,
        reason = "each is another party's or another seam's"
    )]
    pub fn sign_in(
        &mut self,
        upn: &str,
        attempt: &Attempt<'_>,
        rules: &PinPolicy,
        domain: Domain<'_>,
        story: &mut dyn Story,
        rng: &mut dyn Rng,
    ) -> Result<Credential, NotSignedIn> {
        let unlocked = self.unlock(upn, attempt, rng)?; // A
        story.tell(&GESTURE);
        let container = self.containers().of(upn).ok_or(Refused::NotEnrolled)?;
        if let Some(at) = container.pin_expires(rules).filter(|at| *at <= attempt.now) {
            return Err(NotSignedIn::PinExpired { at });
        }
        let account = container.account();
        let certificate = self.person_certificate(upn, &unlocked, attempt.now, rng)?;
        let client = PrincipalName::enterprise(&account.upn);
        story.tell(&PROOF);
        let key = unlocked.key();
        let credential = exchange(client, key, &certificate, domain, attempt.now, rng)?; // B, C
        story.tell(&ANSWER);
        story.tell(&TICKET); // D
        Ok(credential)
    }

    /// The self-signed certificate around a person's user key, DER, for clients that want one
    /// (protocols J.5).
    ///
    /// # Errors
    /// [`NotSignedIn::Refused`] when the person has not enrolled; [`NotSignedIn::Sign`].
    pub fn person_certificate(
        &self,
        upn: &str,
        unlocked: &Unlocked,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Vec<u8>, NotSignedIn> {
        let container = self.containers().of(upn).ok_or(Refused::NotEnrolled)?;
        let signer = unlocked.key().signer();
        Ok(self_signed(
            signer,
            container.account(),
            container.id(),
            now,
            rng,
        )?)
    }

    /// Signs the device itself in to the domain, as the account `computer` (`LAPTOP-1$`), with its
    /// machine key: key trust of the computer account (protocols E.4), without a gesture (KEY-7).
    /// `certificate` is the machine key's, DER, if it has one; else a self-signed one is made.
    ///
    /// # Errors
    /// [`NotSignedIn`].
    pub fn sign_in_device(
        &self,
        computer: &str,
        certificate: Option<&[u8]>,
        domain: Domain<'_>,
        now: Timestamp,
        rng: &mut dyn Rng,
    ) -> Result<Credential, NotSignedIn> {
        let key = self
            .vault()
            .device_key(DeviceKey::Machine)?
            .ok_or(NotSignedIn::NoMachineKey)?;
        let made;
        let certificate = match certificate {
            Some(certificate) => certificate,
            None => {
                let account = provisioning::Account {
                    upn: computer.to_owned(),
                    sid: None,
                    domain: domain.realm.to_lowercase(),
                };
                let id = wire::Guid::from_random(rng.bytes());
                made = self_signed(key.signer(), &account, id, now, rng)?;
                &made
            }
        };
        let client = PrincipalName::principal(computer);
        exchange(client, &key, certificate, domain, now, rng)
    }
}

/// The AS exchange with PKINIT, message by message.
fn exchange(
    client: PrincipalName,
    key: &VaultKey,
    certificate: &[u8],
    domain: Domain<'_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Credential, NotSignedIn> {
    let secret = Secret::KeyPair {
        signer: key.signer(),
        certificate,
        trust: domain.trust,
    };
    let wish = Wish::ticket_granting(domain.realm);
    let realm = Realm::from(domain.realm);
    let (mut exchange, mut message) = Initial::start(client, realm, wish, secret, now, rng);
    loop {
        let answer = domain.kdc.ask(&message)?;
        match exchange.handle(&answer, now, rng)? {
            Handled::Send(next, again) => (exchange, message) = (*next, again),
            Handled::Done(credential) => return Ok(*credential),
        }
    }
}

#[cfg(test)]
mod tests {
    use crypto::key::{KeyKind, PublicKey};
    use crypto::password::Cost;
    use crypto::signature::{SignatureAlgorithm, Verifier};
    use policy::PinPolicy;
    use provisioning::Secret as Text;
    use provisioning::doors::{Device as _, Registered};
    use trust::Span;
    use wire::Guid;
    use wire::cms::SignedData;
    use wire::kerberos::{
        AsReq, KerberosTime, KrbError, MethodData, Microseconds, PaData, PaDataType,
    };
    use wire::pkinit::PaPkAsReq;
    use wire::x509::Certificate;

    use super::*;
    use crate::file::MemoryFile;
    use crate::testing::{Dice, START, alice};

    /// A KDC that asks for PKINIT, keeps what it gets, and then refuses with this code.
    struct Refusing {
        code: ErrorCode,
        asked: Vec<AsReq>,
    }

    impl Refusing {
        const fn with(code: ErrorCode) -> Self {
            Self {
                code,
                asked: Vec::new(),
            }
        }
    }

    impl Kdc for Refusing {
        fn ask(&mut self, message: &[u8]) -> Result<Vec<u8>, Unreachable> {
            let request = AsReq::decode(message).unwrap();
            let first = self.asked.is_empty();
            self.asked.push(request);
            let code = if first {
                ErrorCode::KDC_ERR_PREAUTH_REQUIRED
            } else {
                self.code
            };
            let mut error = KrbError::new(
                code,
                KerberosTime::from_unix(START.unix()),
                Microseconds::new(0).unwrap(),
                Realm::from("CORP.EXAMPLE"),
                PrincipalName::krbtgt("CORP.EXAMPLE"),
            );
            if first {
                let methods = MethodData::from([
                    PaData::empty(PaDataType::PK_AS_REQ),
                    PaData::new(PaDataType::AS_FRESHNESS, b"fresh".to_vec()),
                ]);
                error.e_data = Some(methods.encode());
            }
            Ok(error.encode())
        }
    }

    struct World {
        hello: Hello,
        rng: Dice,
        trust: KdcTrust,
        story: Vec<&'static Event>,
    }

    fn enrolled() -> World {
        let mut rng = Dice::new(11);
        let mut hello = Hello::open(Box::new(MemoryFile::new()), Cost::LEAST, &mut rng).unwrap();
        let registered = Registered {
            kid: Guid::from_bytes([0x1d; 16]),
            upn: alice().upn,
            pctx: None,
        };
        let mut device = hello.enrolling(KeyKind::P256, &mut rng);
        device
            .create_user_key(&alice(), &Text::from("271828"), START)
            .unwrap();
        device.keep(&alice(), &registered, START).unwrap();
        World {
            hello,
            rng,
            trust: KdcTrust::default(),
            story: Vec::new(),
        }
    }

    impl World {
        fn sign_in(
            &mut self,
            pin: &str,
            now: Timestamp,
            rules: &PinPolicy,
            kdc: &mut dyn Kdc,
        ) -> NotSignedIn {
            let pin = Text::from(pin);
            let attempt = Attempt {
                pin: &pin,
                challenge: None,
                session: "boot 1",
                now,
            };
            let domain = Domain {
                realm: "CORP.EXAMPLE",
                trust: &self.trust,
                kdc,
            };
            self.hello
                .sign_in(
                    "ALICE@corp.example",
                    &attempt,
                    rules,
                    domain,
                    &mut self.story,
                    &mut self.rng,
                )
                .unwrap_err()
        }

        fn steps(&self) -> Vec<&'static str> {
            self.story.iter().map(|event| event.step).collect()
        }
    }

    /// The certificate in a request, and whether its key made the signature.
    fn signer_of(request: &AsReq) -> Certificate {
        let padata = PaData::find(&request.padata, PaDataType::PK_AS_REQ).unwrap();
        let padata = PaPkAsReq::decode(padata).unwrap();
        let signed = SignedData::decode(&padata.signed_auth_pack).unwrap();
        let certificate = Certificate::parse(signed.certificates().next().unwrap()).unwrap();
        let signer = signed.single_signer().unwrap();
        let key = PublicKey::from_spki_der(certificate.spki()).unwrap();
        let digest = signer.digest_algorithm.oid;
        let algorithm = SignatureAlgorithm::from_cms(&signer.signature_algorithm, &digest).unwrap();
        let covered = signer.signed_attrs.as_ref().unwrap().signed_bytes();
        assert!(
            Verifier::new(key)
                .verify(algorithm, &covered, signer.signature)
                .is_ok()
        );
        certificate
    }

    #[test]
    fn the_kdc_is_asked_by_upn_with_a_signature_of_the_enrolled_key() {
        let mut world = enrolled();
        let mut kdc = Refusing::with(ErrorCode::KDC_ERR_CLIENT_NOT_TRUSTED);
        let refused = world.sign_in("271828", START, &PinPolicy::default(), &mut kdc);
        assert_eq!(
            refused,
            NotSignedIn::Failed(Failed::Refused(ErrorCode::KDC_ERR_CLIENT_NOT_TRUSTED))
        );
        // E-29.
        assert_eq!(refused.code().unwrap().to_string(), "0xC00000BB");
        assert!(refused.advice().contains("KDC certificate"));
        assert_eq!(world.steps(), ["AUTH-F8.A", "AUTH-F8.B"]);

        let request = kdc.asked.last().unwrap();
        let client = request.req_body.cname.as_ref().unwrap();
        assert!(client.is_same(&PrincipalName::enterprise("alice@corp.example")));
        let enrolled = world.hello.containers().of(&alice().upn).unwrap();
        let certificate = signer_of(request);
        assert_eq!(
            certificate.spki(),
            enrolled.public_key().unwrap().to_spki_der()
        );
    }

    #[test]
    fn a_wrong_pin_reaches_no_kdc() {
        let mut world = enrolled();
        let mut kdc = Refusing::with(ErrorCode::KDC_ERR_CLIENT_NOT_TRUSTED);
        let refused = world.sign_in("0", START, &PinPolicy::default(), &mut kdc);
        assert_eq!(
            refused,
            NotSignedIn::Refused(Refused::WrongPin { next: None })
        );
        assert!(kdc.asked.is_empty() && world.steps().is_empty());
    }

    #[test]
    fn an_expired_pin_has_to_be_changed_before_the_kdc_is_asked() {
        // POL-PIN-5, POL-PIN-13.
        let mut rules = serde_json::to_value(PinPolicy::default()).unwrap();
        rules["expiration_days"] = 30.into();
        let rules: PinPolicy = serde_json::from_value(rules).unwrap();
        let mut world = enrolled();
        let mut kdc = Refusing::with(ErrorCode::KDC_ERR_CLIENT_NOT_TRUSTED);
        let day = START + Span::days(30);
        let refused = world.sign_in("271828", day - Span::micros(1), &rules, &mut kdc);
        assert!(matches!(refused, NotSignedIn::Failed(_)));
        let asked = kdc.asked.len();
        let refused = world.sign_in("271828", day, &rules, &mut kdc);
        assert_eq!(refused, NotSignedIn::PinExpired { at: day });
        assert_eq!(kdc.asked.len(), asked);
    }

    #[test]
    fn an_unreachable_kdc_is_said_to_be() {
        struct Nowhere;
        impl Kdc for Nowhere {
            fn ask(&mut self, _: &[u8]) -> Result<Vec<u8>, Unreachable> {
                Err(Unreachable("connection refused".to_owned()))
            }
        }
        let mut world = enrolled();
        let refused = world.sign_in("271828", START, &PinPolicy::default(), &mut Nowhere);
        assert_eq!(
            refused.to_string(),
            "no KDC can be reached: connection refused"
        );
        assert!(refused.advice().contains("network"));
    }

    #[test]
    fn the_device_signs_in_with_its_machine_key_and_no_gesture() {
        let mut world = enrolled();
        let trust = KdcTrust::default();
        let mut kdc = Refusing::with(ErrorCode::KDC_ERR_CLIENT_REVOKED);
        let mut ask = |hello: &Hello, rng: &mut Dice| {
            let domain = Domain {
                realm: "CORP.EXAMPLE",
                trust: &trust,
                kdc: &mut kdc,
            };
            hello
                .sign_in_device("LAPTOP-1$", None, domain, START, rng)
                .unwrap_err()
        };
        assert_eq!(ask(&world.hello, &mut world.rng), NotSignedIn::NoMachineKey);
        let made = world
            .hello
            .vault_mut()
            .create_device_key(DeviceKey::Machine, KeyKind::P256, &mut world.rng)
            .unwrap();
        assert_eq!(
            ask(&world.hello, &mut world.rng),
            NotSignedIn::Failed(Failed::Refused(ErrorCode::KDC_ERR_CLIENT_REVOKED))
        );
        let request = kdc.asked.last().unwrap();
        let client = request.req_body.cname.as_ref().unwrap();
        assert!(client.is_same(&PrincipalName::principal("LAPTOP-1$")));
        assert_eq!(signer_of(request).spki(), made.to_spki_der());
    }
}
