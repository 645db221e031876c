//! Joining a device to the domain and registering it (DREG-F5, MS-DVRJ, protocols B.8.1).
//!
//! A person signs in and has the computer account made; the computer then signs in by its own key, shows its
//! ticket to the federation service, and gets its device certificate for the token that comes of it.

use base64ct::{Base64, Encoding};
use crypto::key::KeyKind;
use crypto::signature::{SignatureAlgorithm, Signer};
use hello::Hello;
use hello::device::key_blob;
use hello::registration::{Found, Registration};
use hello::vault::{DeviceKey, DeviceKeys, VaultError, VaultKey};
use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use provisioning::doors::Account;
use serde_json::{Value, json};
use ticket::client::{KdcTrust, Secret};
use trust::story::{Event, Party};
use trust::{Clock, Rng, Story};
use wire::kerberos::PrincipalName;
use wire::registration::{
    CertificateRequest, DeviceAttributes, DiscoveryContract, JoinErrorDetails, JoinRequest,
    JoinResponse, JoinType,
};
use wire::x509::{Certificate, Name, assemble, oid};
use wire::{Guid, Sid};
use zeroize::Zeroizing;

use crate::administration::{Administration, Unwilling};
use crate::client::{Client, Roots, request};
use crate::fault::CallFault;
use crate::federation::{REDIRECT_URI, REGISTRATION_CLIENT};
use crate::hosts::Hosts;
use crate::kerberos::Kdcs;
use crate::sign_in::{Code, Endpoints, SignIn, SignInFault, Wish};
use crate::tickets::{Kerberos, TicketFault};

/// The subject of the certificate request, a literal (protocols B.3).
const REQUEST_SUBJECT: &str = "7E980AD9-B86D-4306-9425-9AC066FB014A";

static DISCOVERED: Event = Event {
    step: "DREG-F5.1",
    phase: "join",
    party: Party::Device,
    happened: "found the registration service",
};
static ACCOUNT_MADE: Event = Event {
    step: "DREG-F5.2",
    phase: "join",
    party: Party::Directory,
    happened: "made the computer account, with the machine's key on it",
};
static SIGNED_IN: Event = Event {
    step: "DREG-F5.3",
    phase: "join",
    party: Party::Kdc,
    happened: "gave the computer a ticket for its key",
};
static TOKEN: Event = Event {
    step: "DREG-F5.4",
    phase: "join",
    party: Party::Federation,
    happened: "gave the computer a token for its ticket",
};
static REGISTERED: Event = Event {
    step: "DREG-F5.5",
    phase: "join",
    party: Party::Federation,
    happened: "registered the device and gave it a certificate",
};

/// Where the organisation is.
#[derive(Clone, Debug)]
pub struct Organisation {
    /// The federation service's base address: `https://sts.corp.example`.
    pub base: String,
    /// Whom to believe.
    pub roots: Roots,
    /// Names that DNS does not know.
    pub hosts: Hosts,
    /// The KDCs, where the administration API shall not tell them.
    pub kdcs: Vec<String>,
}

/// What the device says of itself.
#[derive(Clone, Debug)]
pub struct ThisDevice {
    /// Its name: `LAPTOP-1`.
    pub name: String,
    /// `Linux`.
    pub os_type: String,
    /// The operating system's version.
    pub os_version: String,
}

/// Why a device did not join. What was begun can be begun again.
#[derive(Debug, thiserror::Error)]
pub enum NotJoined {
    /// A server could not be asked.
    #[error(transparent)]
    Call(#[from] CallFault),
    /// The registration service is not there, or is not of this kind.
    #[error("the organisation offers no device registration: {0}")]
    Discovery(String),
    /// The computer account was not made.
    #[error("the computer account was not made")]
    Account(#[source] Unwilling),
    /// The computer got no ticket.
    #[error("the computer could not sign in with its own key")]
    Ticket(#[source] TicketFault),
    /// The computer got no token.
    #[error("the federation service gave the computer no token")]
    Token(#[source] SignInFault),
    /// The registration service refused (DREG-W2).
    #[error("the registration service refused the device: {0}")]
    Refused(String),
    /// An answer that is not what it should be.
    #[error("the answer to the {0} was not understood")]
    NotUnderstood(&'static str),
    /// The vault.
    #[error("the device's vault failed")]
    Vault(#[from] VaultError),
    /// A key that does not sign.
    #[error("the device's key does not sign")]
    Key,
}

/// What discovery found (MS-DVRD, protocols B.1.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Services {
    /// Where devices join.
    pub join_endpoint: String,
    /// Where keys are registered.
    pub key_endpoint: String,
    /// The resource that tokens for both are for: `urn:ms-drs:<host>`.
    pub resource: String,
}

/// Asks the organisation where devices and keys are registered.
pub fn discover(client: &Client, base: &str) -> Result<Services, NotJoined> {
    let url = format!(
        "{}/EnrollmentServer/contract?api-version=1.2",
        base.trim_end_matches('/')
    );
    let answer = client.send(request(
        Method::GET,
        &url,
        &[(ACCEPT, "application/json")],
        Vec::new(),
    )?)?;
    if !answer.status().is_success() {
        return Err(NotJoined::Discovery(format!(
            "HTTP status {}",
            answer.status().as_u16()
        )));
    }
    let contract: DiscoveryContract =
        serde_json::from_slice(answer.body()).map_err(|_| NotJoined::NotUnderstood("discovery"))?;
    let join = contract
        .device_join_service
        .ok_or_else(|| NotJoined::Discovery("no join service".to_owned()))?;
    let key = contract
        .key_provisioning_service
        .ok_or_else(|| NotJoined::Discovery("no key service".to_owned()))?;
    Ok(Services {
        join_endpoint: join.join_endpoint,
        key_endpoint: key.key_provision_endpoint,
        resource: join.join_resource_id,
    })
}

/// What the administration API says of the new computer account and its domain.
struct Computer {
    name: String,
    sid: Option<Sid>,
    domain: String,
    netbios: Option<String>,
    realm: String,
    kdcs: Vec<String>,
    roots: Vec<Vec<u8>>,
}

impl Computer {
    fn read(answer: &Value) -> Option<Self> {
        let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
        let list = |name: &str| {
            answer
                .get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
        };
        Some(Self {
            name: text("name")?,
            sid: text("sid").and_then(|sid| sid.parse().ok()),
            domain: text("domain")?,
            netbios: text("netbios"),
            realm: text("realm")?,
            kdcs: list("kdcs").map(str::to_owned).collect(),
            roots: list("roots")
                .map(Base64::decode_vec)
                .collect::<Result<_, _>>()
                .ok()?,
        })
    }
}

/// Everything that a join needs.
pub struct Joining<'a> {
    /// The organisation.
    pub organisation: &'a Organisation,
    /// The device.
    pub device: &'a ThisDevice,
    /// The administration API, as an administrator, or as a person within the quota.
    pub administration: &'a Administration,
    /// Whether the device takes the place of one that is registered by its name: that one's certificate and keys end
    /// with it.
    pub replace: bool,
    /// Where the device's keys and registration are kept.
    pub hello: &'a mut Hello,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Chance.
    pub rng: &'a mut dyn Rng,
    /// Whoever listens.
    pub story: &'a mut dyn Story,
}

impl Joining<'_> {
    /// Joins the device. It is registered in `hello` when this returns, in the place of what it was registered as before;
    /// where this fails, it has what it had.
    pub fn run(mut self) -> Result<(), NotJoined> {
        let former = self.hello.vault().device_keys();
        match self.registered() {
            Ok((computer, certificate)) => self.keep(computer, certificate),
            Err(fault) => Err(put_back(self.hello, former, self.rng, fault)),
        }
    }

    fn registered(&mut self) -> Result<(Computer, Vec<u8>), NotJoined> {
        let client = Client::new(
            &self.organisation.roots,
            self.organisation.hosts.clone(),
            None,
        );
        let services = discover(&client, &self.organisation.base)?;
        self.story.tell(&DISCOVERED);
        let computer = self.make_account()?;
        self.story.tell(&ACCOUNT_MADE);
        let code = self.computer_code(&client, &services, &computer)?;
        let tokens = code.redeem(&client).map_err(NotJoined::Token)?;
        self.story.tell(&TOKEN);
        let certificate = self.register(&client, &services, &tokens.access_token)?;
        self.story.tell(&REGISTERED);
        Ok((computer, certificate))
    }

    /// The computer account, with the public half of the machine's key listed on it.
    fn make_account(&mut self) -> Result<Computer, NotJoined> {
        let key = self.hello.vault_mut().create_device_key(
            DeviceKey::Machine,
            KeyKind::Rsa2048,
            self.rng,
        )?;
        let body = json!({
            "name": self.device.name,
            "public_key": Base64::encode_string(&key.to_spki_der()),
            "os_type": self.device.os_type,
            "os_version": self.device.os_version,
            "replace": self.replace,
        });
        let answer = self
            .administration
            .ask(Method::POST, "/computers", &[], Some(&body))
            .map_err(NotJoined::Account)?;
        let mut computer = Computer::read(&answer)
            .ok_or(NotJoined::NotUnderstood("request for a computer account"))?;
        if !self.organisation.kdcs.is_empty() {
            computer.kdcs.clone_from(&self.organisation.kdcs);
        }
        Ok(computer)
    }

    /// A code of the federation service for the computer's ticket (protocols B.8).
    fn computer_code(
        &mut self,
        client: &Client,
        services: &Services,
        computer: &Computer,
    ) -> Result<Code, NotJoined> {
        let key = self.device_key(DeviceKey::Machine)?;
        let account = Account {
            upn: format!("{}@{}", computer.name, computer.realm),
            sid: computer.sid,
            domain: computer.domain.clone(),
        };
        let container = Guid::from_random(self.rng.bytes());
        let certificate = hello::certificate::self_signed(
            key.signer(),
            &account,
            container,
            self.clock.now(),
            self.rng,
        )
        .map_err(|_| NotJoined::Key)?;
        let trust = KdcTrust {
            anchors: computer.roots.clone(),
            domain: Some(computer.domain.clone()),
            revocation_lists: Vec::new(),
        };
        let kdcs = Kdcs::new(computer.kdcs.clone(), self.organisation.hosts.clone());
        let mut kerberos = Kerberos {
            kdcs: &kdcs,
            realm: &computer.realm,
            clock: self.clock,
            rng: self.rng,
        };
        let secret = Secret::KeyPair {
            signer: key.signer(),
            certificate: &certificate,
            trust: &trust,
        };
        let tgt = kerberos
            .initial(PrincipalName::principal(&computer.name), secret)
            .map_err(NotJoined::Ticket)?;
        let host = host_of(&self.organisation.base);
        let ticket = kerberos
            .service(&tgt, PrincipalName::service("HTTP", host))
            .map_err(NotJoined::Ticket)?;
        let shown = kerberos.negotiate(&ticket);
        self.story.tell(&SIGNED_IN);
        let wish = Wish {
            endpoints: Endpoints::of_federation(&self.organisation.base),
            client_id: REGISTRATION_CLIENT.to_owned(),
            redirect_uri: REDIRECT_URI.to_owned(),
            resource: services.resource.clone(),
            scope: "openid".to_owned(),
            login_hint: None,
            fresh_second_factor: false,
        };
        SignIn::new(client, wish, self.rng)
            .with_ticket(&shown)
            .map_err(NotJoined::Token)
    }

    fn device_key(&self, which: DeviceKey) -> Result<VaultKey, NotJoined> {
        self.hello.vault().device_key(which)?.ok_or(NotJoined::Key)
    }

    /// DREG-W1: the device's keys against a device certificate.
    fn register(
        &mut self,
        client: &Client,
        services: &Services,
        token: &Zeroizing<String>,
    ) -> Result<Vec<u8>, NotJoined> {
        make_keys(self.hello, self.rng)?;
        let asks = Asks {
            device: self.device,
            target: host_of(&self.organisation.base),
            join_type: JoinType::DOMAIN_JOINED,
            attributes: None,
        };
        let endpoint = (services.join_endpoint.as_str(), "1.0");
        register(client, endpoint, token, self.hello, &asks)
    }

    fn keep(self, computer: Computer, certificate: Vec<u8>) -> Result<(), NotJoined> {
        let device_id = device_id(&certificate).ok_or(NotJoined::NotUnderstood("join"))?;
        let found = Found {
            domain: computer.domain,
            netbios: computer.netbios,
            realm: computer.realm,
            computer: computer.name,
            computer_sid: computer.sid,
            device_id,
            federation: self.organisation.base.clone(),
            kdcs: computer.kdcs,
            certificate,
            roots: computer.roots,
        };
        let registration = Registration::new(found, self.clock.now());
        keep(self.hello, registration, self.rng)
    }
}

/// Keeps what the device is registered as, in the place of what it was before: what people had on it then is of no use now.
pub(crate) fn keep(
    hello: &mut Hello,
    registration: Registration,
    rng: &mut dyn Rng,
) -> Result<(), NotJoined> {
    hello
        .forget_people(rng)
        .and_then(|()| hello.register(registration, rng))
        .map_err(|error| NotJoined::Vault(error.into()))
}

/// The `fault` of a join, after which the device has the keys of its former registration again. A disk that does not take them
/// back is not told: whoever joins again makes others.
pub(crate) fn put_back(
    hello: &mut Hello,
    former: DeviceKeys,
    rng: &mut dyn Rng,
    fault: NotJoined,
) -> NotJoined {
    let _ = hello.vault_mut().restore_device_keys(former, rng);
    fault
}

/// The device's own keys, in the place of those of a join before.
pub(crate) fn make_keys(hello: &mut Hello, rng: &mut dyn Rng) -> Result<(), NotJoined> {
    let vault = hello.vault_mut();
    vault.create_device_key(DeviceKey::Device, KeyKind::Rsa2048, rng)?;
    vault.create_device_key(DeviceKey::Transport, KeyKind::Rsa2048, rng)?;
    Ok(())
}

/// How a device asks to be registered.
pub(crate) struct Asks<'a> {
    pub(crate) device: &'a ThisDevice,
    /// The host or domain that it means to join.
    pub(crate) target: &'a str,
    pub(crate) join_type: JoinType,
    pub(crate) attributes: Option<DeviceAttributes>,
}

/// Shows a registration service the device's keys and a token, and gives the device certificate (DREG-W1). `endpoint` is its
/// address, and the version of its API.
pub(crate) fn register(
    client: &Client,
    endpoint: (&str, &str),
    token: &Zeroizing<String>,
    hello: &Hello,
    asks: &Asks<'_>,
) -> Result<Vec<u8>, NotJoined> {
    let key = |which| hello.vault().device_key(which)?.ok_or(NotJoined::Key);
    let transport = key(DeviceKey::Transport)?;
    let body = JoinRequest {
        certificate_request: CertificateRequest::pkcs10(certificate_request(
            key(DeviceKey::Device)?.signer(),
        )?),
        transport_key: key_blob(transport.public_key()).ok_or(NotJoined::Key)?,
        target_domain: asks.target.to_owned(),
        device_type: asks.device.os_type.clone(),
        os_version: asks.device.os_version.clone(),
        device_display_name: asks.device.name.clone(),
        join_type: asks.join_type,
        aik_certificate: None,
        attestation_data: None,
        attributes: asks.attributes,
        pre_authorized_join_challenge: None,
    };
    let body = serde_json::to_vec(&body).map_err(|_| NotJoined::NotUnderstood("join"))?;
    let bearer = Zeroizing::new(format!("Bearer {}", token.as_str()));
    let headers = [
        (ACCEPT, "application/json"),
        (CONTENT_TYPE, "application/json"),
        (AUTHORIZATION, bearer.as_str()),
    ];
    let url = wire::http::with_query(endpoint.0, [("api-version", endpoint.1)]);
    let answer = client.send(request(Method::POST, &url, &headers, body)?)?;
    if !answer.status().is_success() {
        let details: Option<JoinErrorDetails> = serde_json::from_slice(answer.body()).ok();
        let said = details
            .map(|details| details.message)
            .or_else(|| crate::sign_in::json_error(answer.body()));
        return Err(NotJoined::Refused(said.unwrap_or_else(|| {
            format!("HTTP status {}", answer.status().as_u16())
        })));
    }
    let answer: JoinResponse =
        serde_json::from_slice(answer.body()).map_err(|_| NotJoined::NotUnderstood("join"))?;
    let certificate = answer.certificate.raw_body;
    let own = key(DeviceKey::Device)?.public_key().to_spki_der();
    match is_of_key(&certificate, &own) {
        true => Ok(certificate),
        false => Err(NotJoined::NotUnderstood("join")),
    }
}

/// Whether a certificate is for a key: with another's, the device could prove itself to nobody.
fn is_of_key(certificate: &[u8], spki: &[u8]) -> bool {
    Certificate::parse(certificate).is_ok_and(|certificate| certificate.spki() == spki)
}

/// A PKCS#10 request for a device key: RSA with SHA-256 (DREG-W1).
fn certificate_request(signer: &dyn Signer) -> Result<Vec<u8>, NotJoined> {
    let subject = Name::common(REQUEST_SUBJECT);
    let info = wire::x509::csr::encode_info(&subject, &signer.public_key().to_spki_der());
    let algorithm = SignatureAlgorithm::default_for(signer.public_key());
    let signature = signer.sign(algorithm, &info).map_err(|_| NotJoined::Key)?;
    Ok(assemble(&info, &algorithm.identifier_der(), &signature))
}

/// The device ID: the common name of the device certificate (protocols B.5).
pub(crate) fn device_id(certificate: &[u8]) -> Option<Guid> {
    let certificate = Certificate::parse(certificate).ok()?;
    certificate
        .subject()
        .first(oid::COMMON_NAME)
        .ok()??
        .parse()
        .ok()
}

/// The host of `https://host[:port]`.
fn host_of(base: &str) -> &str {
    let authority = base.split_once("://").map_or(base, |(_, rest)| rest);
    let authority = authority.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use crypto::key::{KeyKind, PrivateKey};
    use trust::Timestamp;
    use wire::x509::TbsCertificate;

    use super::*;

    #[test]
    fn a_device_keeps_no_certificate_of_another_key() {
        let [own, other] = [KeyKind::P256, KeyKind::P256].map(PrivateKey::generate);
        let algorithm = SignatureAlgorithm::EcdsaSha256;
        let spki = own.public_key().to_spki_der();
        let name = Name::common("d0d0d0d0-d0d0-d0d0-d0d0-d0d0d0d0d0d0");
        let from = Timestamp::from_unix(1_800_000_000).unix();
        let tbs = TbsCertificate {
            serial: &[1],
            signature_algorithm: &algorithm.identifier_der(),
            issuer: &name,
            not_before: from,
            not_after: from + 3600,
            subject: &name,
            spki: &spki,
            extensions: &[],
        };
        let tbs = tbs.encode();
        let signature = other.sign(algorithm, &tbs).unwrap();
        let certificate = assemble(&tbs, &algorithm.identifier_der(), &signature);
        assert!(is_of_key(&certificate, &spki));
        assert!(!is_of_key(&certificate, &other.public_key().to_spki_der()));
        assert!(!is_of_key(b"", &spki));
    }
}
