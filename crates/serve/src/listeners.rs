//! The listeners of a server: their runtime, their threads, what each of them serves.

use std::future::Future;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use crate::accept::Closing;
use crate::connections::Connections;
use crate::conversation::Conversations;
use crate::datagrams::Datagrams;
use crate::door::{Http, Kerberos, Ldap};
use crate::fault::{Fault, Role};
use crate::ldap::Directories;
use crate::metrics::Metrics;
use crate::operations::{Operations, Readiness};
use crate::room::Room;
use crate::settings::{Limits, processors};
use crate::sockets::{Addresses, Pair, Sockets};
use crate::streams::{Slow, Streams};
use crate::tls::{Current, Identity};
use crate::{https, local};

/// Threads of the runtime beside the workers: for what the runtime itself does on blocking threads.
const SPARE_THREADS: usize = 2;

/// Changes over LDAP that wait for the disk at once. Each keeps a thread, and a sync serves all of them.
const WRITERS: usize = 32;

/// What stands behind the sockets.
pub(crate) struct Behind {
    /// What a domain has and a tenant has not.
    pub(crate) domain: Option<BehindDomain>,
    pub(crate) http: Arc<dyn Http>,
    /// One for each party that has its own, the one that is shown to who asks for nobody first.
    pub(crate) identities: Vec<Identity>,
    pub(crate) ready: Box<Readiness>,
}

/// What stands behind the sockets of a domain.
pub(crate) struct BehindDomain {
    pub(crate) kdc: Arc<dyn Kerberos>,
    pub(crate) passwords: Arc<dyn Kerberos>,
    pub(crate) ldap: Arc<dyn Ldap>,
}

/// The listeners of a server, being served.
#[derive(Debug)]
pub(crate) struct Listeners {
    runtime: Option<Runtime>,
    datagrams: Vec<Datagrams>,
    connections: Vec<Connections>,
    tasks: Vec<JoinHandle<()>>,
    close: watch::Sender<bool>,
    pub(crate) tls: Option<Arc<Current>>,
    pub(crate) addresses: Addresses,
}

/// Listeners on their way to being served.
struct Opening<'a> {
    serving: Listeners,
    runtime: Runtime,
    closing: Closing,
    limits: &'a Limits,
    metrics: &'a Arc<Metrics>,
    workers: Arc<Semaphore>,
    writers: Arc<Semaphore>,
}

impl Listeners {
    /// Serves `sockets`.
    pub(crate) fn serve(
        sockets: Sockets,
        limits: &Limits,
        behind: Behind,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, Fault> {
        let tls = match behind.identities.is_empty() {
            true => None,
            false => Some(Arc::new(Current::new(
                behind.identities,
                Arc::clone(metrics),
            )?)),
        };
        let mut opening = Opening::new(sockets.addresses, tls, limits, metrics)?;
        if let Some(domain) = behind.domain {
            opening.kdc(sockets.kdc, &domain.kdc)?;
            opening.passwords(sockets.password, &domain.passwords)?;
            opening.ldap(Role::Ldap, sockets.ldap, &domain.ldap)?;
            opening.ldap(Role::Ldaps, sockets.ldaps, &domain.ldap)?;
        }
        opening.https(sockets.https, &behind.http)?;
        opening.http(sockets.http, &behind.http)?;
        if let Some(listener) = sockets.operations {
            opening.operations(listener, behind.ready)?;
        }
        if let Some((listener, socket)) = sockets.admin {
            opening.admin(listener, socket, &behind.http)?;
        }
        Ok(opening.done())
    }

    #[cfg(test)]
    pub(crate) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Replaces the TLS certificate; without an HTTPS listener there is nothing to replace.
    pub(crate) fn replace_identity(&self, identity: Identity) -> Result<(), Fault> {
        self.tls
            .as_ref()
            .map_or(Ok(()), |tls| tls.replace(0, identity))
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
        for connections in self.connections.drain(..) {
            connections.stop();
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

impl<'a> Opening<'a> {
    fn new(
        addresses: Addresses,
        tls: Option<Arc<Current>>,
        limits: &'a Limits,
        metrics: &'a Arc<Metrics>,
    ) -> Result<Self, Fault> {
        let threads = limits.workers() + limits.password_workers() + WRITERS + SPARE_THREADS;
        let runtime = Builder::new_multi_thread()
            .worker_threads(processors())
            .max_blocking_threads(threads)
            .thread_name("serve")
            .enable_all()
            .build()
            .map_err(Fault::Worker)?;
        let (close, closing) = Closing::pair();
        let serving = Listeners {
            runtime: None,
            datagrams: Vec::new(),
            connections: Vec::new(),
            tasks: Vec::new(),
            close,
            tls,
            addresses,
        };
        let workers = Arc::new(Semaphore::new(limits.workers()));
        Ok(Self {
            serving,
            runtime,
            closing,
            limits,
            metrics,
            workers,
            writers: Arc::new(Semaphore::new(WRITERS)),
        })
    }

    fn done(mut self) -> Listeners {
        self.serving.runtime = Some(self.runtime);
        self.serving
    }

    fn run(&mut self, listener: impl Future<Output = ()> + Send + 'static) {
        self.serving.tasks.push(self.runtime.spawn(listener));
    }

    /// A socket that the runtime watches.
    fn watched(&self, listener: TcpListener) -> Result<tokio::net::TcpListener, Fault> {
        let _entered = self.runtime.enter();
        tokio::net::TcpListener::from_std(listener).map_err(Fault::Worker)
    }

    fn room(&self, role: Role, total: usize) -> Arc<Room> {
        Room::new(
            role,
            total,
            self.limits.connections_per_address,
            Arc::clone(self.metrics),
        )
    }

    fn conversations(
        &self,
        role: Role,
        door: &Arc<dyn Http>,
        workers: Arc<Semaphore>,
    ) -> Arc<Conversations> {
        Arc::new(Conversations {
            role,
            door: Arc::clone(door),
            limits: self.limits.http(),
            workers,
            room: self.room(role, self.limits.http_connections),
            metrics: Arc::clone(self.metrics),
        })
    }

    fn kdc(&mut self, sockets: Vec<Pair>, kdc: &Arc<dyn Kerberos>) -> Result<(), Fault> {
        // As many as may be inside and as may wait, and those that are never theirs.
        let signatures = 2 * self.limits.signature_workers();
        let slow = Slow {
            at_once: Arc::new(Semaphore::new(signatures)),
            queue: self.limits.queue(),
        };
        let streams = self.streams(Role::KdcTcp, kdc, Some(slow));
        let threads = self.limits.kdc_threads();
        for (udp, tcp) in sockets {
            self.datagrams(udp, Role::KdcUdp, threads, signatures, &streams)?;
            let (passing_on, passed_on) = mpsc::unbounded_channel();
            let connections = Connections::serve(
                tcp,
                2 * threads,
                signatures,
                &streams,
                passing_on,
                self.runtime.handle(),
            )?;
            self.serving.connections.push(connections);
            self.run(Arc::clone(&streams).take_over(passed_on, self.closing.clone()));
        }
        Ok(())
    }

    /// As the KDC, but for what a new password costs: datagrams have a thread for each that is worked at, streams wait
    /// for their turn.
    fn passwords(&mut self, sockets: Vec<Pair>, door: &Arc<dyn Kerberos>) -> Result<(), Fault> {
        let workers = self.limits.password_workers();
        let slow = Slow {
            at_once: Arc::new(Semaphore::new(workers)),
            queue: self.limits.queue(),
        };
        let streams = self.streams(Role::PasswordTcp, door, Some(slow));
        for (udp, tcp) in sockets {
            self.datagrams(
                udp,
                Role::PasswordUdp,
                1,
                workers.saturating_sub(1),
                &streams,
            )?;
            let (listener, closing) = (self.watched(tcp)?, self.closing.clone());
            self.run(Arc::clone(&streams).serve(listener, closing));
        }
        Ok(())
    }

    fn streams(&self, role: Role, door: &Arc<dyn Kerberos>, slow: Option<Slow>) -> Arc<Streams> {
        Arc::new(Streams {
            role,
            door: Arc::clone(door),
            slow,
            limits: self.limits.streams(),
            room: self.room(role, self.limits.kdc_connections),
            metrics: Arc::clone(self.metrics),
        })
    }

    fn datagrams(
        &mut self,
        socket: UdpSocket,
        role: Role,
        readers: usize,
        held_up: usize,
        streams: &Streams,
    ) -> Result<(), Fault> {
        let datagrams =
            Datagrams::serve(socket, role, readers, held_up, &streams.door, self.metrics)?;
        self.serving.datagrams.push(datagrams);
        Ok(())
    }

    fn ldap(
        &mut self,
        role: Role,
        sockets: Vec<TcpListener>,
        door: &Arc<dyn Ldap>,
    ) -> Result<(), Fault> {
        let side = Arc::new(Directories {
            role,
            door: Arc::clone(door),
            tls: self.serving.tls.clone(),
            limits: self.limits.ldap(),
            workers: Arc::clone(&self.workers),
            writers: Arc::clone(&self.writers),
            room: self.room(role, self.limits.ldap_connections),
            metrics: Arc::clone(self.metrics),
        });
        for socket in sockets {
            if role == Role::Ldaps && side.tls.is_none() {
                return Err(Fault::Certificate("there is none".to_owned()));
            }
            let (listener, closing) = (self.watched(socket)?, self.closing.clone());
            self.run(Arc::clone(&side).serve(listener, closing));
        }
        Ok(())
    }

    fn https(&mut self, sockets: Vec<TcpListener>, door: &Arc<dyn Http>) -> Result<(), Fault> {
        let web = self.conversations(Role::Https, door, Arc::clone(&self.workers));
        for socket in sockets {
            let tls = self.serving.tls.clone();
            let tls = tls.ok_or_else(|| Fault::Certificate("there is none".to_owned()))?;
            let (listener, closing) = (self.watched(socket)?, self.closing.clone());
            self.run(https::serve(Arc::clone(&web), tls, listener, closing));
        }
        Ok(())
    }

    fn http(&mut self, sockets: Vec<TcpListener>, door: &Arc<dyn Http>) -> Result<(), Fault> {
        let web = self.conversations(Role::Http, door, Arc::clone(&self.workers));
        for socket in sockets {
            let (listener, closing) = (self.watched(socket)?, self.closing.clone());
            self.run(https::serve_plain(Arc::clone(&web), listener, closing));
        }
        Ok(())
    }

    fn operations(&mut self, socket: TcpListener, ready: Box<Readiness>) -> Result<(), Fault> {
        let metrics = Arc::clone(self.metrics);
        let operations: Arc<dyn Http> = Arc::new(Operations { metrics, ready });
        // Health is told by a worker of its own, so that a busy server is not taken for a dead one.
        let web = self.conversations(Role::Operations, &operations, Arc::new(Semaphore::new(1)));
        let (listener, closing) = (self.watched(socket)?, self.closing.clone());
        self.run(https::serve_plain(web, listener, closing));
        Ok(())
    }

    fn admin(
        &mut self,
        socket: UnixListener,
        file: local::Socket,
        door: &Arc<dyn Http>,
    ) -> Result<(), Fault> {
        socket.set_nonblocking(true).map_err(Fault::Worker)?;
        let listener = {
            let _entered = self.runtime.enter();
            tokio::net::UnixListener::from_std(socket).map_err(Fault::Worker)?
        };
        let web = self.conversations(Role::AdminSocket, door, Arc::clone(&self.workers));
        let closing = self.closing.clone();
        self.run(local::serve(web, listener, file, closing));
        Ok(())
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
