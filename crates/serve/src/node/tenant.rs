//! A tenant: its parties over its own store, and their answers over HTTPS.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use authority::Ca;
use directory::lockout::Lockout;
use directory::{Change, Commit, Fault as Trouble, Job, Snapshot};
use tenant::{Deployment, Errand, Memory, Outcome, View};
use trust::{DrawnAhead, SystemRng, Timestamp};
use wire::http::{Request, Response};
use wire::x509::Certificate;
use zeroize::Zeroizing;

use super::core::Core;
use super::credentials::Unusable;
use super::parties::{Parties, Replace};
use super::turn::Unanswered;
use super::watch::{Said, answered};
use super::web::{ADMINISTERING, Administered, administered, unanswered_of};
use super::{Kinds, Parts, party, words};
use crate::conversation::failed;
use crate::door::Outside;
use crate::fault::{Fault, Role};
use crate::settings::Settings;
use crate::tls::Identity;

/// The name of the HTTPS server among the authority's credentials.
const TLS_SERVER: &str = "tenant";

/// Errands that are done one after another, until others get their turn.
const ERRANDS: usize = 16;

/// The parties of a tenant.
pub(crate) struct TenantNode {
    pub(crate) core: Core,
    deployment: Deployment,
    hosts: Vec<String>,
    memory: Memory,
    authority: authority::Configuration,
    authority_keys: authority::Keys,
    kinds: Kinds,
    /// What lists and certificates of this tenant's authorities are published below.
    published: String,
    administration: administration::Deployment,
    outside: Option<Arc<dyn Outside>>,
    /// The certificate that HTTPS shows, DER, to know a new one by.
    shown: RwLock<Option<Vec<u8>>>,
}

impl TenantNode {
    /// The tenant that a directory holds, found where `section` says. `common` is what all tenants of the process share.
    pub(crate) fn new(
        settings: &Settings,
        section: &tenant::Section,
        common: Zeroizing<[u8; 32]>,
        outside: Option<Arc<dyn Outside>>,
        parts: Parts,
    ) -> Result<Self, Fault> {
        let domain = parts
            .directory
            .domain()
            .map_err(|fault| party("the tenant's directory", &fault))?;
        if domain.kind != directory::StoreKind::Tenant {
            return Err(Fault::Party(format!(
                "the store of the tenant holds the domain {}, and no tenant",
                domain.dns_name
            )));
        }
        let deployment =
            Deployment::of(section, common).map_err(|error| party("[tenant]", &error))?;
        let mut authority = settings.authority.clone();
        let publication = authority
            .publication
            .unwrap_or_else(|| format!("http://pki.{}", domain.dns_name));
        // Two authorities of one process have lists of the same names.
        let below = format!("/{}", domain.head);
        authority.publication = Some(format!("{}{below}", publication.trim_end_matches('/')));
        let names = authority::TlsNames {
            hosts: deployment.host_names(),
            addresses: settings.tls.addresses.clone(),
        };
        let server = authority::TlsServer {
            name: TLS_SERVER.to_owned(),
            names,
        };
        let authority =
            authority::Configuration::new(&authority, &domain.dns_name, Vec::new(), vec![server])
                .map_err(|error| party("[authority]", &error))?;
        let administration = administration::Deployment {
            password_cost: parts.password_cost,
            resources: tenant::resource_names(&deployment),
            ..administration::Deployment::default()
        };
        Ok(Self {
            hosts: deployment.host_names(),
            deployment,
            memory: Memory::new(&mut SystemRng),
            authority,
            authority_keys: parts.authority_keys,
            kinds: Kinds::of_tenant(settings),
            published: format!("{below}/"),
            administration,
            outside,
            shown: RwLock::default(),
            core: Core {
                directory: parts.directory,
                clock: parts.clock,
                metrics: parts.metrics,
                audit: parts.audit,
                listener: parts.listener,
                lockout: Lockout::default(),
                password_cost: parts.password_cost,
            },
        })
    }

    /// Whether the host of a request is one of the tenant's. `host` is in lower case.
    pub(crate) fn is_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| own == host)
    }

    /// Whether what is read of the store costs no question to a database.
    pub(crate) fn answers_from_memory(&self) -> bool {
        !self.core.directory.is_shared()
    }

    /// Whether a path, in lower case, is one of the tenant's revocation lists, or of its authorities' certificates.
    pub(crate) fn publishes(&self, path: &str) -> bool {
        path.contains(&self.published)
    }

    /// By what the tenant is known among those of its process.
    pub(crate) fn names(&self) -> Result<tenant::Names, Trouble> {
        let snapshot = self.core.directory.snapshot()?;
        let known = tenant::known(&self.tenant_view(&snapshot), self.core.clock.now())?;
        Ok(tenant::Names::of(&known, &self.deployment))
    }

    fn tenant_view<'a, 'd>(&'a self, snapshot: &'a Snapshot<'d>) -> View<'a, 'd> {
        View {
            snapshot,
            deployment: &self.deployment,
            memory: &self.memory,
            lockout: &self.core.lockout,
            password_cost: self.core.password_cost,
        }
    }

    /// The answer to a request of the tenant's own.
    pub(crate) fn answer(&self, request: &Request) -> Response {
        answered(&self.core, || self.ask(request)).unwrap_or_else(|unanswered| {
            unanswered_of(&self.core, "a tenant's request", &unanswered)
        })
    }

    fn ask(&self, request: &Request) -> Result<Said, Unanswered> {
        let now = self.core.clock.now();
        let answer = self.core.turn().take(now, |snapshot| {
            let mut rng = DrawnAhead::new(SystemRng);
            let mut answer = tenant::answer(request, &self.tenant_view(snapshot), now, &mut rng);
            let changes = std::mem::take(&mut answer.changes);
            (answer, changes)
        })?;
        self.core.tell(&answer.story);
        if let Some(refused) = answer.refused {
            self.core.audit.record(*refused);
        }
        for told in answer.told {
            self.core.audit.record(told);
        }
        if let Some(fault) = answer.fault {
            self.core.trouble("a tenant's request", &fault);
        }
        Ok(answer.reply.into())
    }

    /// Lists and certificates of the tenant's authorities.
    pub(crate) fn published(&self, request: &Request) -> Response {
        let now = self.core.clock.now();
        let answered = self.core.turn().take(now, |snapshot| {
            (authority::answer(request, snapshot, now), Vec::new())
        });
        match answered {
            Ok(answer) => answer.unwrap_or_else(|fault| {
                self.core.trouble("a revocation list", &fault);
                failed()
            }),
            Err(unanswered) => unanswered_of(&self.core, "a revocation list", &unanswered),
        }
    }

    /// The answer to an administrator of the tenant.
    pub(crate) fn administer(&self, request: &Request, role: Role) -> Response {
        let caller = match self.administrator(request, role) {
            Ok(caller) => caller,
            Err(fault) => {
                self.core.trouble(ADMINISTERING, &fault);
                return failed();
            }
        };
        administered(self, request, &caller)
    }

    /// Who asks the administration: the kernel says so on the socket, a token over HTTPS.
    fn administrator(
        &self,
        request: &Request,
        role: Role,
    ) -> Result<administration::Caller, Trouble> {
        if role == Role::AdminSocket {
            return Ok(administration::Caller::Local);
        }
        let now = self.core.clock.now();
        let snapshot = self.core.directory.snapshot()?;
        let known = tenant::known(&self.tenant_view(&snapshot), now)?;
        Ok(administration::Caller::by_token(
            request,
            &known.keys,
            &known.issuers.v1,
            now,
        ))
    }

    /// The TLS identity that the authority issued, where it is another than the one that is shown.
    fn read_identity(&self) -> Result<Option<Identity>, Unusable> {
        let now = self.core.clock.now();
        let snapshot = self.core.directory.snapshot()?;
        let Some(credential) = authority::tls_credential(&snapshot, TLS_SERVER, now)? else {
            return Ok(None);
        };
        let der = credential.certificate.der().to_vec();
        let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
        if shown.as_ref() == Some(&der) {
            return Ok(None);
        }
        let devices = authority::authority(&snapshot, Ca::Devices, now)?;
        let hints = devices
            .as_ref()
            .map(|devices: &Certificate| devices.subject().der().to_vec());
        let identity = Identity::from_der(vec![der.clone()], credential.key().expose().to_vec())?;
        *shown = Some(der);
        Ok(Some(
            identity.hint_client_issuers(hints.into_iter().collect()),
        ))
    }

    /// Does what is to be done outside, as far as it is due. Each may take its time: who stops the server waits for one at most.
    fn do_errands(&self, stop: &AtomicBool) {
        let now = self.core.clock.now();
        let jobs = self
            .core
            .directory
            .snapshot()
            .and_then(|snapshot| snapshot.due_jobs(now, ERRANDS));
        match jobs {
            Ok(jobs) => jobs
                .iter()
                .take_while(|_| !stop.load(Ordering::Acquire))
                .for_each(|job| self.do_errand(job)),
            Err(fault) => self.core.trouble("errands", &fault),
        }
    }

    fn do_errand(&self, job: &Job) {
        let outcome = match (tenant::errand(job, &self.deployment), &self.outside) {
            (None, _) => Outcome::Notified,
            (Some(_), None) => Outcome::Failed("this server reaches nobody else".to_owned()),
            (Some(Errand::Txt { name }), Some(outside)) => outside
                .txt(&name)
                .map_or_else(Outcome::Failed, Outcome::Txt),
            (Some(Errand::Notify { to, body }), Some(outside)) => outside
                .notify(&to, &body)
                .map_or_else(Outcome::Failed, |()| Outcome::Notified),
        };
        if let Outcome::Failed(why) = &outcome {
            tracing::warn!(
                kind = job.kind,
                attempts = job.attempts,
                why,
                "what others were to do for a tenant was not done"
            );
        }
        let now = self.core.clock.now();
        self.core.upkeep("an errand", now, |snapshot| {
            tenant::done(
                job,
                &outcome,
                &self.tenant_view(snapshot),
                now,
                &mut SystemRng,
            )
            .map_err(|fault| words(&fault))
        });
    }
}

impl Administered for TenantNode {
    fn parties(&self) -> &dyn Parties {
        self
    }

    fn view<'a, 'd>(&'a self, snapshot: &'a Snapshot<'d>) -> administration::View<'a, 'd> {
        administration::View {
            snapshot,
            lockout: &self.core.lockout,
            deployment: &self.administration,
            certificates: None,
        }
    }
}

impl Parties for TenantNode {
    fn core(&self) -> &Core {
        &self.core
    }

    fn authority_view<'a, 'd>(&'a self, snapshot: &'a Snapshot<'d>) -> authority::View<'a, 'd> {
        authority::View {
            snapshot,
            configuration: &self.authority,
            keys: &self.authority_keys,
        }
    }

    fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    fn is_new(&self, snapshot: &Snapshot<'_>, now: Timestamp) -> Result<bool, authority::Fault> {
        Ok(authority::tls_credential(snapshot, TLS_SERVER, now)?.is_none())
    }

    /// Every tenant of this version has what a tenant has.
    fn complete(&self) {}

    fn identity(&self) -> Result<Option<Identity>, Fault> {
        self.read_identity()
            .map_err(|error| Fault::Party(words(&error)))
    }

    fn react(&self, commit: &Commit) {
        let now = self.core.clock.now();
        self.core
            .upkeep("a reaction of the authority", now, |snapshot| {
                authority::react(commit, &self.authority_view(snapshot), now, &mut SystemRng)
                    .map_err(|fault| words(&fault))
            });
        self.core
            .upkeep("a reaction of the tenant", now, |snapshot| {
                tenant::react(commit, &self.tenant_view(snapshot), now, &mut SystemRng)
                    .map_err(|fault| words(&fault))
            });
    }

    fn tick(&self) {
        let now = self.core.clock.now();
        let tick = |doing, due: &dyn Fn(&Snapshot<'_>) -> Result<Vec<Change>, String>| {
            self.core.upkeep(doing, now, due);
        };
        tick("what is due for the authority", &|snapshot| {
            authority::tick(&self.authority_view(snapshot), now, &mut SystemRng)
                .map_err(|fault| words(&fault))
        });
        tick("what is due for the tenant", &|snapshot| {
            tenant::tick(&self.tenant_view(snapshot), now, &mut SystemRng)
                .map_err(|fault| words(&fault))
        });
    }

    fn has_errands(&self) -> bool {
        true
    }

    fn run_errands(&self, stop: &AtomicBool) {
        self.do_errands(stop);
    }

    fn renew(&self, replace: &Replace) {
        match self.read_identity() {
            Ok(Some(identity)) => {
                if let Err(fault) = replace(identity) {
                    self.core.trouble("a new TLS certificate", &fault);
                }
            }
            Ok(None) => {}
            Err(unusable) => self.core.trouble("new certificates", &unusable),
        }
    }

    /// Nobody signs in with a certificate of others here.
    fn renew_lists(&self) {}
}
