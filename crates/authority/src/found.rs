//! Founding: the authorities' keys and names, once.

use crypto::key::{PrivateKey, PublicKey};
use crypto::signature::Signer;
use trust::Span;
use wire::Guid;
use wire::x509::{Name, oid};

use crate::ca::Ca;
use crate::fault::Fault;
use crate::issue;
use crate::records::{self, AUTHORITIES, AuthorityRow, KEYS, VERSION};
use crate::work::Work;

/// How long an authority lives: longer than the longest certificate that it issues, twice.
const LIFE: Span = Span::days(20 * 365);

/// Founds the authorities that do not exist yet.
pub(crate) fn missing(work: &mut Work<'_, '_>) -> Result<(), Fault> {
    for &ca in Ca::of(work.snapshot().domain().kind) {
        let row = work
            .snapshot()
            .record(AUTHORITIES, ca.name().as_bytes(), work.now)?;
        if row.is_none() {
            one(work, ca)?;
        }
    }
    Ok(())
}

fn one(work: &mut Work<'_, '_>, ca: Ca) -> Result<(), Fault> {
    let name = name(work, ca);
    let key = key(work, ca);
    let row = AuthorityRow {
        version: VERSION,
        name: records::octets(name.der())?,
        spki: records::octets(key.to_spki_der())?,
        certificate: None,
    };
    work.put(AUTHORITIES, ca.name().into(), records::write(&row));
    issue::prepare_root(work, ca, &name, &key, LIFE)?;
    Ok(())
}

/// The key of whoever holds it, or a new one.
fn key(work: &mut Work<'_, '_>, ca: Ca) -> PublicKey {
    if let Some(signer) = work.view.keys.held(ca) {
        return signer.public_key().clone();
    }
    let key = PrivateKey::generate(work.view.configuration.root_key);
    work.put_secret(KEYS, ca.name().into(), key.to_pkcs8_der().into());
    key.public_key().clone()
}

/// `DC=example, DC=corp, CN=…`; the device authority has the name that device clients know, with an OU of
/// its own (protocols B.5).
fn name(work: &mut Work<'_, '_>, ca: Ca) -> Name {
    let domain = work.snapshot().domain();
    let short = &domain.netbios_name;
    let instance = Guid::from_random(work.rng.bytes()).to_string();
    let components = domain.dns_name.split('.').rev();
    let mut parts: Vec<_> = components
        .map(|part| (oid::DOMAIN_COMPONENT, part))
        .collect();
    let common = match ca {
        Ca::Enterprise => format!("{short} Enterprise Root"),
        Ca::Tls => format!("{short} TLS Root"),
        Ca::Devices => "MS-Organization-Access".to_owned(),
    };
    parts.push((oid::COMMON_NAME, &common));
    if ca == Ca::Devices {
        parts.push((oid::ORGANIZATIONAL_UNIT, &instance));
    }
    Name::new(parts)
}
