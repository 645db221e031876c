//! A server that runs: its sockets, threads and runtime.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crypto::password::Cost;
use directory::Directory;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use trust::{Clock, SystemClock};

use crate::accept::Closing;
use crate::audit::Writer;
use crate::conversation::Conversations;
use crate::datagrams::Datagrams;
use crate::door::{Http, Kerberos};
use crate::fault::{Fault, Role};
use crate::metrics::Metrics;
use crate::node::upkeep::Upkeep;
use crate::node::{self, Listener, Node};
use crate::operations::{Operations, Readiness};
use crate::room::Room;
use crate::settings::{Limits, Settings, Tls, processors};
use crate::sockets::{Addresses, Inherited, Sockets};
use crate::streams::Streams;
use crate::tls::{Current, Identity};
use crate::{https, local};

/// What a server is made of besides its settings.
pub struct Parts {
    /// The directory, open, with its domain.
    pub directory: Arc<Directory>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where the authorities' keys are.
    pub authority_keys: authority::Keys,
    /// What hashing a password costs.
    pub password_cost: Cost,
    /// Sockets that a service supervisor opened.
    pub inherited: Inherited,
    /// Whoever wants to hear the story.
    pub listener: Option<Listener>,
}

impl Parts {
    /// A directory, the machine's clock, the authorities' keys in the directory, and nobody who listens.
    #[must_use]
    pub fn new(directory: Arc<Directory>) -> Self {
        Self {
            directory,
            clock: Arc::new(SystemClock),
            authority_keys: authority::Keys::in_directory(),
            password_cost: Cost::default(),
            inherited: Inherited::default(),
            listener: None,
        }
    }
}

/// The server: every party of this release behind its sockets.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Opens every socket, brings keys and certificates into being, and serves. When this returns, every
    /// socket answers.
    ///
    /// # Errors
    /// [`Fault`], with what to do about it; nothing is left behind then.
    pub fn start(settings: Settings, parts: Parts) -> Result<Running, Fault> {
        let sockets = Sockets::open(&settings.listen, parts.inherited)?;
        let metrics = Arc::new(Metrics::default());
        let (writer, audit) = Writer::start(&settings.audit, &metrics)?;
        let node = Node::new(
            &settings,
            node::Parts {
                directory: parts.directory,
                clock: parts.clock,
                authority_keys: parts.authority_keys,
                kdc_addresses: sockets.addresses.kdc.clone(),
                password_cost: parts.password_cost,
                listener: parts.listener,
                metrics: Arc::clone(&metrics),
                audit,
            },
        )?;
        let node = Arc::new(node);
        let cursor = node.prepare()?;
        let issued = node
            .read_credentials()
            .map_err(|error| Fault::Party(error.to_string()))?;
        let given = given_identity(&settings.tls)?;
        let renews = given.is_none();
        let ready = Arc::clone(&node);
        let behind = Behind {
            kdc: Arc::clone(&node) as Arc<dyn Kerberos>,
            http: Arc::clone(&node) as Arc<dyn Http>,
            identity: given.or(issued),
            ready: Box::new(move || ready.readiness()),
        };
        let listeners = Listeners::serve(sockets, &settings.limits, behind, &metrics)?;
        let tls = listeners.tls.clone().filter(|_| renews);
        let replace =
            Box::new(move |identity| tls.as_ref().map_or(Ok(()), |tls| tls.replace(identity)));
        let upkeep = Upkeep::start(node, cursor, replace)?;
        Ok(Running {
            _upkeep: upkeep,
            listeners,
            metrics,
            tls: settings.tls,
            _writer: writer,
        })
    }
}

/// Founds the certification authorities in a directory that has its domain and no authorities yet. Called when
/// a server is set up, and at no other time: a root that appears by itself is trusted by nobody.
///
/// # Errors
/// [`Fault`]; the authorities are not there then, or were not touched.
pub fn found_authorities(settings: &Settings, parts: Parts) -> Result<(), Fault> {
    let metrics = Arc::new(Metrics::default());
    let (_writer, audit) = Writer::start(&crate::audit::AuditSettings::default(), &metrics)?;
    let parts = node::Parts {
        directory: parts.directory,
        clock: parts.clock,
        authority_keys: parts.authority_keys,
        kdc_addresses: Vec::new(),
        password_cost: parts.password_cost,
        listener: parts.listener,
        metrics,
        audit,
    };
    Node::new(settings, parts)?.found()
}

/// The certificate of the configuration; `None` where our own authority issues it.
fn given_identity(tls: &Tls) -> Result<Option<Identity>, Fault> {
    match (&tls.certificate, &tls.key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Identity::from_pem_files(certificate, key).map(Some),
        _ => Err(Fault::Certificate(
            "[tls] names a certificate or a key without the other".to_owned(),
        )),
    }
}

/// A server that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    // In this order they stop: first nothing new is begun, then what is under way ends, then the log is written.
    _upkeep: Upkeep,
    listeners: Listeners,
    metrics: Arc<Metrics>,
    tls: Tls,
    _writer: Writer,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.listeners.addresses
    }

    /// What it counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Reads again what can be read again without a stop: the TLS certificate of the configuration.
    ///
    /// # Errors
    /// [`Fault`] when it cannot be used; the one before stays then.
    pub fn reload(&self) -> Result<(), Fault> {
        given_identity(&self.tls)?
            .map_or(Ok(()), |identity| self.listeners.replace_identity(identity))
    }

    /// The signals that the operating system sends to a server.
    ///
    /// # Errors
    /// [`Fault::Worker`] when they cannot be listened to.
    pub fn signals(&self) -> Result<Signals<'_>, Fault> {
        self.listeners.signals()
    }

    /// Accepts nothing new, answers what is under way for `grace` at most, persists what was counted, and ends.
    pub fn shutdown(mut self, grace: Duration) {
        self.listeners.close(grace);
    }
}

/// Threads of the runtime beside the workers: for what the runtime itself does on blocking threads.
const SPARE_THREADS: usize = 2;

/// What stands behind the sockets.
pub(crate) struct Behind {
    pub(crate) kdc: Arc<dyn Kerberos>,
    pub(crate) http: Arc<dyn Http>,
    pub(crate) identity: Option<Identity>,
    pub(crate) ready: Box<Readiness>,
}

/// The listeners of a server, being served.
#[derive(Debug)]
pub(crate) struct Listeners {
    runtime: Option<Runtime>,
    datagrams: Vec<Datagrams>,
    tasks: Vec<JoinHandle<()>>,
    close: watch::Sender<bool>,
    tls: Option<Arc<Current>>,
    addresses: Addresses,
}

impl Listeners {
    /// Serves `sockets`.
    pub(crate) fn serve(
        sockets: Sockets,
        limits: &Limits,
        behind: Behind,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, Fault> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(processors())
            .max_blocking_threads(limits.workers() + SPARE_THREADS)
            .thread_name("serve")
            .enable_all()
            .build()
            .map_err(Fault::Worker)?;
        let (close, closing) = Closing::pair();
        let tls = behind
            .identity
            .map(|identity| Current::new(identity, Arc::clone(metrics)))
            .transpose()?
            .map(Arc::new);
        let mut serving = Self {
            runtime: None,
            datagrams: Vec::new(),
            tasks: Vec::new(),
            close,
            tls,
            addresses: sockets.addresses,
        };
        let workers = Arc::new(Semaphore::new(limits.workers()));
        let web = |role, door: &Arc<dyn Http>, workers: &Arc<Semaphore>| {
            Arc::new(Conversations {
                role,
                door: Arc::clone(door),
                limits: limits.http(),
                workers: Arc::clone(workers),
                room: Room::new(
                    role,
                    limits.http_connections,
                    limits.connections_per_address,
                    Arc::clone(metrics),
                ),
                metrics: Arc::clone(metrics),
            })
        };
        let entered = runtime.enter();
        let streams = Arc::new(Streams {
            kdc: Arc::clone(&behind.kdc),
            limits: limits.streams(),
            room: Room::new(
                Role::KdcTcp,
                limits.kdc_connections,
                limits.connections_per_address,
                Arc::clone(metrics),
            ),
            metrics: Arc::clone(metrics),
        });
        for (udp, tcp) in sockets.kdc {
            serving.datagrams.push(Datagrams::serve(
                udp,
                limits.kdc_threads(),
                &behind.kdc,
                metrics,
            )?);
            let listener = tokio::net::TcpListener::from_std(tcp).map_err(Fault::Worker)?;
            serving.run(
                &runtime,
                Arc::clone(&streams).serve(listener, closing.clone()),
            );
        }
        let secured = web(Role::Https, &behind.http, &workers);
        for listener in sockets.https {
            let tls = serving
                .tls
                .clone()
                .ok_or_else(|| Fault::Certificate("there is none".to_owned()))?;
            let listener = tokio::net::TcpListener::from_std(listener).map_err(Fault::Worker)?;
            serving.run(
                &runtime,
                https::serve(Arc::clone(&secured), tls, listener, closing.clone()),
            );
        }
        let unsecured = web(Role::Http, &behind.http, &workers);
        for listener in sockets.http {
            let listener = tokio::net::TcpListener::from_std(listener).map_err(Fault::Worker)?;
            serving.run(
                &runtime,
                https::serve_plain(Arc::clone(&unsecured), listener, closing.clone()),
            );
        }
        if let Some(listener) = sockets.operations {
            let operations: Arc<dyn Http> = Arc::new(Operations {
                metrics: Arc::clone(metrics),
                ready: behind.ready,
            });
            // Health is told by a worker of its own, so that a busy server is not taken for a dead one.
            let web = web(Role::Operations, &operations, &Arc::new(Semaphore::new(1)));
            let listener = tokio::net::TcpListener::from_std(listener).map_err(Fault::Worker)?;
            serving.run(&runtime, https::serve_plain(web, listener, closing.clone()));
        }
        if let Some((listener, socket)) = sockets.admin {
            listener.set_nonblocking(true).map_err(Fault::Worker)?;
            let listener = tokio::net::UnixListener::from_std(listener).map_err(Fault::Worker)?;
            let web = web(Role::AdminSocket, &behind.http, &workers);
            serving.run(&runtime, local::serve(web, listener, socket, closing));
        }
        drop(entered);
        serving.runtime = Some(runtime);
        Ok(serving)
    }

    fn run(&mut self, runtime: &Runtime, listener: impl Future<Output = ()> + Send + 'static) {
        self.tasks.push(runtime.spawn(listener));
    }

    #[cfg(test)]
    pub(crate) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Replaces the TLS certificate; without an HTTPS listener there is nothing to replace.
    pub(crate) fn replace_identity(&self, identity: Identity) -> Result<(), Fault> {
        self.tls
            .as_ref()
            .map_or(Ok(()), |tls| tls.replace(identity))
    }

    /// Waits for the next signal of the operating system that asks something of a server.
    pub(crate) fn signals(&self) -> Result<Signals<'_>, Fault> {
        let Some(runtime) = &self.runtime else {
            return Err(Fault::Worker(std::io::ErrorKind::NotConnected.into()));
        };
        let _entered = runtime.enter();
        let of = |kind| signal(kind).map_err(Fault::Worker);
        Ok(Signals {
            runtime,
            hangup: of(SignalKind::hangup())?,
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
        })
    }

    /// Accepts nothing new, answers what is under way for `grace` at most, and ends all threads.
    pub(crate) fn close(&mut self, grace: Duration) {
        let _ = self.close.send(true);
        for datagrams in self.datagrams.drain(..) {
            datagrams.stop();
        }
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        let tasks = std::mem::take(&mut self.tasks);
        runtime.block_on(async move {
            let all = async {
                for task in tasks {
                    let _ = task.await;
                }
            };
            let _ = tokio::time::timeout(grace, all).await;
        });
        runtime.shutdown_timeout(grace.min(Duration::from_secs(1)));
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.close(Duration::from_millis(100));
    }
}

/// What the operating system asks of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// SIGHUP: read again what can be read again.
    Reload,
    /// SIGTERM or SIGINT: stop.
    Stop,
    /// Nothing, for as long as was waited.
    Nothing,
}

/// The signals that a server listens to.
pub struct Signals<'a> {
    runtime: &'a Runtime,
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals<'_> {
    /// Waits for a signal, `patience` at most where one is given.
    pub fn wait(&mut self, patience: Option<Duration>) -> Asked {
        let (hangup, terminate, interrupt) =
            (&mut self.hangup, &mut self.terminate, &mut self.interrupt);
        self.runtime.block_on(async {
            let enough = async {
                match patience {
                    Some(patience) => tokio::time::sleep(patience).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = terminate.recv() => Asked::Stop,
                _ = interrupt.recv() => Asked::Stop,
                _ = hangup.recv() => Asked::Reload,
                () = enough => Asked::Nothing,
            }
        })
    }
}
