//! What is known of the tenant from what rarely changes: settings, domains, applications, keys.
//!
//! A request reads one row, which every commit writes that changes any of these; while that row is the same, what was
//! worked out of the others stands. The row is among the reads of the snapshot, so what is computed from an older state
//! and commits something is computed again.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crypto::aead::SealingKey;
use directory::tenant::{self, Application, Settings, VerifiedDomain};
use directory::{Fault, Stamp};
use signin::first_factor::{Realm, Realms};
use token::client::Catalogue;
use token::keys::SigningKeys;
use trust::Timestamp;
use wire::Guid;
use zeroize::Zeroizing;

use crate::View;
use crate::asked::TenantName;
use crate::catalogue::catalogue;
use crate::house::Places;
use crate::keys::{self, NonceKey, NonceKeys};

/// How many applications are read at once.
const AT_ONCE: usize = 500;

/// What is known of the tenant from what rarely changes.
pub struct Known {
    stamp: Option<Stamp>,
    /// The tenant's identifier.
    pub id: Guid,
    /// The settings.
    pub settings: Settings,
    /// The domains, verified or not, by name in lower case.
    pub domains: BTreeMap<String, VerifiedDomain>,
    /// The applications that an administrator made, by identifier; the disabled ones, too.
    pub applications: HashMap<Guid, Arc<Application>>,
    /// All clients and resources that get anything.
    pub catalogue: Catalogue,
    /// The keys of both algorithms; where nobody asks for one, RS256 signs.
    pub keys: SigningKeys,
    /// Who issues tokens.
    pub issuers: Issuers,
    pub(crate) nonce: NonceKeys,
    pub(crate) places: Places,
    subject: Zeroizing<[u8; 32]>,
    name: String,
}

/// The two names of one issuer (protocols A.1.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Issuers {
    /// `https://login.corp.example/<tenant>/`.
    pub v1: String,
    /// `https://login.corp.example/<tenant>/v2.0`.
    pub v2: String,
}

impl Issuers {
    /// Both.
    #[must_use]
    pub fn both(&self) -> [&str; 2] {
        [&self.v1, &self.v2]
    }
}

impl core::fmt::Debug for Known {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Known")
            .field("id", &self.id)
            .field("stamp", &self.stamp)
            .finish_non_exhaustive()
    }
}

impl Known {
    pub(crate) const fn stamp(&self) -> Option<Stamp> {
        self.stamp
    }

    /// What people see.
    pub(crate) fn organisation(&self) -> &str {
        match self.settings.display_name.as_str() {
            "" => &self.name,
            name => name,
        }
    }

    /// Whom a path's first segment names: this tenant, or whoever signs in; `None` for another one, or none.
    pub(crate) fn named(&self, name: &str) -> Option<TenantName> {
        if let Ok(id) = name.parse::<Guid>() {
            return (id == self.id).then_some(TenantName::Ours);
        }
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "common" => Some(TenantName::Common),
            "organizations" => Some(TenantName::Organizations),
            // A host name is no domain of people, so there is no other way to write this tenant.
            _ => self.verified(&name).map(|_| TenantName::Ours),
        }
    }

    /// The verified domain of this name, in whatever case.
    pub(crate) fn verified(&self, name: &str) -> Option<&VerifiedDomain> {
        let domain = self.domains.get(&name.to_ascii_lowercase())?;
        domain.is_verified().then_some(domain)
    }

    /// The verified domain that a person's name is in.
    pub(crate) fn domain_of(&self, upn: &str) -> Option<&VerifiedDomain> {
        self.verified(&tenant::domain_of(upn)?)
    }

    /// The key of what a page seals and wants back, for one purpose: of one of the tenant's keys that follow each other.
    pub(crate) fn sealing_key(&self, key: &NonceKey, purpose: &str) -> SealingKey {
        let id = self.id.to_bytes();
        SealingKey::new(&crypto::kdf::hkdf_sha256(
            &id,
            &key.key,
            &[b"keyporch tenant seal ", purpose.as_bytes()],
        ))
    }

    /// By what an application knows a person: another name at each, so that two of them cannot compare their lists
    /// (OpenID Connect Core 8.1). The brokers and our own applications know the identifier itself.
    pub(crate) fn subject(&self, person: Guid, client: &str) -> String {
        use base64ct::Encoding;
        let client = client.to_ascii_lowercase();
        let made_here = client
            .parse::<Guid>()
            .is_ok_and(|id| self.applications.contains_key(&id));
        if !made_here {
            return person.to_string();
        }
        let message = [&person.to_bytes()[..], client.as_bytes()].concat();
        let digest = crypto::mac::hmac_sha256(&*self.subject, &message);
        base64ct::Base64UrlUnpadded::encode_string(&digest)
    }
}

impl Realms for Known {
    fn realm_of(&self, name: &str) -> Realm {
        if !name.contains('@') {
            return Realm::Own;
        }
        match self.domain_of(name) {
            None => Realm::Foreign,
            Some(domain) if domain.federation.is_some() => Realm::Federated,
            Some(_) => Realm::Own,
        }
    }
}

/// What is known as it stands now: from memory, where nothing changed since.
pub(crate) fn known(view: &View<'_, '_>, now: Timestamp) -> Result<Arc<Known>, Fault> {
    let stamp = tenant::changed_stamp(view.snapshot)?;
    if let Some(known) = view.memory.known(stamp) {
        return Ok(known);
    }
    let _one = view.memory.building();
    if let Some(known) = view.memory.known(stamp) {
        return Ok(known);
    }
    let known = Arc::new(read(view, stamp, now)?);
    view.memory.keep(known.clone());
    Ok(known)
}

fn read(view: &View<'_, '_>, stamp: Option<Stamp>, now: Timestamp) -> Result<Known, Fault> {
    let snapshot = view.snapshot;
    let domain = snapshot.domain();
    let id = domain.head.0;
    let settings = tenant::settings(snapshot, now)?;
    let domains = tenant::domains(snapshot, now)?;
    let mut applications = HashMap::new();
    let mut after = None;
    loop {
        let some = tenant::applications(snapshot, after, AT_ONCE, now)?;
        let whole = some.len() < AT_ONCE;
        after = some.last().map(|last| last.id);
        let some = some.into_iter();
        applications.extend(some.map(|application| (application.id, Arc::new(application))));
        if whole {
            break;
        }
    }
    let keys = keys::read(snapshot, now)?;
    let base = format!("{}/{id}", view.deployment.login.url());
    Ok(Known {
        stamp,
        id,
        catalogue: catalogue(
            &settings,
            applications.values().map(Arc::as_ref),
            view.deployment,
        ),
        settings,
        domains: domains
            .into_iter()
            .map(|domain| (domain.name.clone(), domain))
            .collect(),
        applications,
        keys: keys.signing,
        issuers: Issuers {
            v1: format!("{base}/"),
            v2: format!("{base}/v2.0"),
        },
        places: Places::of(id),
        nonce: keys.nonce,
        subject: keys.subject,
        name: domain.dns_name.clone(),
    })
}
