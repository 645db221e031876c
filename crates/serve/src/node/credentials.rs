//! The keys and certificates that the server shows and trusts, as the directory has them now.

use std::sync::{Arc, PoisonError};

use authority::{Ca, Credential};
use directory::Snapshot;
use trust::Timestamp;
use trust::path::Anchor;
use trust::revocation::{IssuerId, OWN};
use wire::x509::Certificate;

use super::Node;
use crate::fault::Fault;
use crate::tls::Identity;

/// What is shown and trusted, replaced as a whole.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    /// The KDC's certificates with their keys.
    pub(crate) kdc: Vec<kdc::Identity>,
    /// Whoever is trusted to issue certificates for smart-card sign-in.
    pub(crate) issuers: Vec<Anchor>,
    /// What the administration says of this installation.
    pub(crate) deployment: administration::Deployment,
    /// The certificate that HTTPS shows, DER, to know a new one by.
    pub(crate) tls: Option<Vec<u8>>,
}

/// The name of the HTTPS server among the authority's credentials. Where several nodes share them, each has a server of
/// its own, by its KDC's name.
pub(crate) fn tls_server(directory: &directory::Directory, kdc_host: &str) -> String {
    match directory.is_shared() {
        true => format!("federation at {kdc_host}"),
        false => "federation".to_owned(),
    }
}

/// Why credentials cannot be used: one that does not decode, or whose key is another's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(transparent)]
    Authority(#[from] authority::Fault),
    #[error(transparent)]
    Kdc(#[from] kdc::Unusable),
    #[error(transparent)]
    Directory(#[from] directory::Fault),
    #[error(transparent)]
    Tls(#[from] Fault),
}

impl Node {
    pub(crate) fn credentials(&self) -> Arc<Credentials> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the credentials again. The TLS identity, where it is ours to keep and is another than before.
    pub(crate) fn read_credentials(&self) -> Result<Option<Identity>, Unusable> {
        let now = self.core.clock.now();
        let snapshot = self.core.directory.snapshot()?;
        let enterprise = authority::authority(&snapshot, Ca::Enterprise, now)?;
        let kdc = authority::kdc_credentials(&snapshot, &self.kdc_host, now)?;
        let kdc = kdc
            .iter()
            .map(|credential| identity(credential, enterprise.as_ref()))
            .collect::<Result<Vec<_>, _>>()?;
        let server = tls_server(&self.core.directory, &self.kdc_host);
        let tls = authority::tls_credential(&snapshot, &server, now)?;
        let shown = tls
            .as_ref()
            .map(|credential| credential.certificate.der().to_vec());
        let deployment = administration::Deployment {
            kdcs: self.kdcs.clone(),
            roots: enterprise.iter().map(|root| root.der().to_vec()).collect(),
            password_cost: self.core.password_cost,
            key_overlap: self.realm.lifetimes.key_overlap(),
            // A domain has no applications.
            resources: Vec::new(),
        };
        let mut others = snapshot.trusted_issuers()?;
        // Our own stands on the list for whoever reads the directory; the books go before what stands there.
        others.retain(|other| {
            enterprise
                .as_ref()
                .is_none_or(|own| IssuerId::of(own) != IssuerId::of(other))
        });
        let own = enterprise.map(|own| Anchor::new(own).of_ours(OWN));
        let issuers = own
            .into_iter()
            .chain(others.into_iter().map(Anchor::new))
            .collect();
        let fresh = match &tls {
            Some(credential) if self.credentials().tls != shown => {
                Some(self.tls_identity(credential, &snapshot, now)?)
            }
            _ => None,
        };
        let read = Arc::new(Credentials {
            kdc,
            issuers,
            deployment,
            tls: shown,
        });
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(fresh)
    }

    /// The server's certificate, hoping for device certificates from peers (protocols F.3). The root is left out:
    /// who does not have it does not trust it.
    fn tls_identity(
        &self,
        credential: &Credential,
        snapshot: &Snapshot<'_>,
        now: Timestamp,
    ) -> Result<Identity, Unusable> {
        let devices = authority::authority(snapshot, Ca::Devices, now)?;
        let hints = devices.map(|devices| devices.subject().der().to_vec());
        let chain = vec![credential.certificate.der().to_vec()];
        let identity = Identity::from_der(chain, credential.key().expose().to_vec())?;
        Ok(identity.hint_client_issuers(hints.into_iter().collect()))
    }
}

fn identity(
    credential: &Credential,
    issuer: Option<&Certificate>,
) -> Result<kdc::Identity, Unusable> {
    let key = credential.private_key()?;
    let issuers = issuer.into_iter().cloned().collect();
    Ok(kdc::Identity::new(
        credential.certificate.clone(),
        issuers,
        Arc::new(key),
    )?)
}
