//! KDC and TLS certificates with their keys: kept valid, for whoever serves with them.

use crypto::key::{Curve, KeyKind, PrivateKey, PublicKey};
use crypto::signature::Signer;
use directory::{Record, Secret, Snapshot};
use trust::{Span, Timestamp};
use wire::x509::{Certificate, oid};

use crate::ca::Ca;
use crate::fault::Fault;
use crate::issue::{self, Binding, Founded, Purpose, Wanted};
use crate::profile::{KdcNames, Profile};
use crate::records::{self, CREDENTIALS, PENDING_KEYS, VERSION};
use crate::settings::KeyName;
use crate::work::Work;

/// The names of KDC credentials begin so.
pub(crate) const KDC: &str = "kdc/";
/// The names of TLS credentials begin so.
const TLS: &str = "tls/";
/// Credentials that are read at once.
const LIMIT: usize = 1_000;

/// A certificate with its private key and its issuer's certificate.
#[derive(Clone, Debug)]
pub struct Credential {
    /// Its name: `kdc/<host>/<kind of key>` or `tls/<server>`.
    pub name: String,
    /// The certificate.
    pub certificate: Certificate,
    key: Secret,
}

impl Credential {
    /// The private key, PKCS#8 DER.
    #[must_use]
    pub fn key(&self) -> &Secret {
        &self.key
    }

    /// The private key, ready to sign.
    ///
    /// # Errors
    /// [`Fault::Key`] when it does not decode.
    pub fn private_key(&self) -> Result<PrivateKey, Fault> {
        Ok(PrivateKey::from_pkcs8_der(self.key.expose())?)
    }

    /// When it will be replaced: after two thirds of its life.
    #[must_use]
    pub fn renewed_at(&self) -> Timestamp {
        renewed_at(&self.certificate)
    }

    fn read(record: &Record) -> Result<Self, Fault> {
        let corrupt = Fault::Corrupt("credential");
        let read = || {
            let rest = record.value.bytes().strip_prefix(&[VERSION])?;
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let (certificate, key) = rest.split_at_checked(length)?;
            Some(Self {
                name: core::str::from_utf8(&record.key).ok()?.to_owned(),
                certificate: Certificate::parse(certificate).ok()?,
                key: Secret::new(key.to_vec()),
            })
        };
        read().ok_or(corrupt)
    }
}

/// The value of a credential's record. Written by hand, so that no copy of the key is left unwiped.
pub(crate) fn encode(certificate: &[u8], key: &[u8]) -> Secret {
    let mut value = Vec::with_capacity(5 + certificate.len() + key.len());
    value.push(VERSION);
    value.extend(u32::try_from(certificate.len()).unwrap_or(0).to_be_bytes());
    value.extend_from_slice(certificate);
    value.extend_from_slice(key);
    Secret::new(value)
}

/// The credentials of a KDC, one for each kind of key, in the order of their names.
///
/// # Errors
/// [`Fault`] when the directory fails or a credential does not decode.
pub fn kdc_credentials(
    snapshot: &Snapshot<'_>,
    host: &str,
    now: Timestamp,
) -> Result<Vec<Credential>, Fault> {
    let start = format!("{KDC}{host}/");
    let end = format!("{KDC}{host}0");
    snapshot
        .records(CREDENTIALS, start.as_bytes(), end.as_bytes(), LIMIT, now)?
        .iter()
        .map(Credential::read)
        .collect()
}

/// The credential of a TLS server.
///
/// # Errors
/// [`Fault`] when the directory fails or the credential does not decode.
pub fn tls_credential(
    snapshot: &Snapshot<'_>,
    server: &str,
    now: Timestamp,
) -> Result<Option<Credential>, Fault> {
    let name = format!("{TLS}{server}");
    snapshot
        .record(CREDENTIALS, name.as_bytes(), now)?
        .map(|record| Credential::read(&record))
        .transpose()
}

/// What a server of this node shall have.
struct Server {
    name: String,
    ca: Ca,
    profile: Profile,
    key: KeyName,
    life: Span,
}

fn servers(work: &Work<'_, '_>) -> Vec<Server> {
    let configuration = work.view.configuration;
    let domain = work.snapshot().domain();
    let mut servers = Vec::new();
    for host in &configuration.kdc_hosts {
        for key in &configuration.kdc_keys {
            servers.push(Server {
                name: format!("{KDC}{host}/{}", key.name()),
                ca: Ca::Enterprise,
                profile: Profile::Kdc(KdcNames {
                    host: host.clone(),
                    domain: domain.dns_name.clone(),
                    netbios: Some(domain.netbios_name.clone()),
                    realm: domain.realm.clone(),
                }),
                key: *key,
                life: configuration.kdc_life,
            });
        }
    }
    for server in &configuration.tls_servers {
        servers.push(Server {
            name: format!("{TLS}{}", server.name),
            ca: Ca::Tls,
            profile: Profile::TlsServer(server.names.clone()),
            key: configuration.tls_key,
            life: configuration.tls_life,
        });
    }
    servers
}

/// Asks for the certificates that are missing, end before long, or do not say any more what they should.
pub(crate) fn keep(work: &mut Work<'_, '_>, ordered: &[(Ca, Purpose)]) -> Result<(), Fault> {
    for server in servers(work) {
        let purpose = Purpose::Credential(server.name.clone());
        if ordered.contains(&(server.ca, purpose.clone())) {
            continue;
        }
        let Some(founded) = Founded::read(work, server.ca)? else {
            continue;
        };
        let record = work
            .snapshot()
            .record(CREDENTIALS, server.name.as_bytes(), work.now)?;
        let current = record.and_then(|record| Credential::read(&record).ok());
        let Some(cause) = cause(work, &server, &founded, current.as_ref())? else {
            continue;
        };
        work.attempt(&server.name.clone(), "certificate.renew", |work| {
            order(work, &server, &founded, purpose, cause)
        })?;
    }
    Ok(())
}

/// Why a certificate is due; `None` when it is not.
fn cause(
    work: &Work<'_, '_>,
    server: &Server,
    founded: &Founded,
    current: Option<&Credential>,
) -> Result<Option<&'static str>, Fault> {
    let Some(current) = current else {
        return Ok(Some("there was none"));
    };
    if work.now >= current.renewed_at() {
        return Ok(Some("two thirds of its life are over"));
    }
    let Ok(key) = PublicKey::from_spki_der(current.certificate.spki()) else {
        return Ok(Some("its key cannot be used"));
    };
    if kind(&key) != Some(server.key.kind()) {
        return Ok(Some("another kind of key is wanted"));
    }
    // Whatever changed - a name, the place of the list, the authority's key, a profile - shows here.
    let issuer = founded.issuer(issue::places(work, server.ca));
    let says = current.certificate.extensions().iter();
    let same = says.eq(server.profile.extensions(&key, &issuer).iter())
        && current.certificate.issuer() == &issuer.name;
    if !same {
        return Ok(Some("it does not say any more what it should"));
    }
    let serial = current.certificate.serial();
    if crate::revocation::is_revoked(work, server.ca, serial)? {
        return Ok(Some("it was revoked"));
    }
    Ok(None)
}

fn kind(key: &PublicKey) -> Option<KeyKind> {
    match key {
        PublicKey::Rsa(_) => match key.bits() {
            2048 => Some(KeyKind::Rsa2048),
            3072 => Some(KeyKind::Rsa3072),
            4096 => Some(KeyKind::Rsa4096),
            _ => None,
        },
        PublicKey::Ec(key) => Some(match key.curve() {
            Curve::P256 => KeyKind::P256,
            Curve::P384 => KeyKind::P384,
        }),
    }
}

fn order(
    work: &mut Work<'_, '_>,
    server: &Server,
    founded: &Founded,
    purpose: Purpose,
    cause: &str,
) -> Result<(), Fault> {
    let key = PrivateKey::generate(server.key.kind());
    let wanted = Wanted {
        ca: server.ca,
        profile: &server.profile,
        key: key.public_key(),
        life: server.life,
        purpose,
        binding: Binding::default(),
        cause: format!("{}: {cause}", server.name),
    };
    let sequence = issue::prepare(work, &wanted, founded)??;
    let pending = records::numbered(server.ca, sequence);
    work.put_secret(PENDING_KEYS, pending, key.to_pkcs8_der().into());
    Ok(())
}

fn renewed_at(certificate: &Certificate) -> Timestamp {
    let from = records::seconds(certificate.not_before());
    let life = records::seconds(certificate.not_after()).since(from);
    from + Span::micros(life.as_micros() / 3 * 2)
}

/// Whether a certificate is for a KDC, by its purposes; for whoever lists certificates.
#[must_use]
pub fn is_kdc(certificate: &Certificate) -> bool {
    matches!(certificate.extensions().extended_key_usage(),
        Ok(Some(purposes)) if purposes.contains(&oid::PKINIT_KDC))
}
