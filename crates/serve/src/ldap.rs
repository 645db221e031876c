//! LDAP over TCP and TLS (RFC 4511 5): each message is cut from the stream by its own length.
//!
//! A connection asks one thing at a time: the next message is looked at when the one before is answered, but for an
//! abandon, which ends a search that is on its way. What a client does not take is not computed: a search goes on when
//! what was found is on the wire.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use wire::ldap::{Frame, Message, Operation, ResultCode, frame};

use crate::accept::{self, Closing};
use crate::door::{Ldap, LdapSession, Said};
use crate::fault::Role;
use crate::guard::guarded;
use crate::metrics::{Metrics, Outcome};
use crate::moment;
use crate::room::{Freight, Room, Seat};
use crate::tls::Current;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What is sent at once, in bytes, and so within one token: less than any client takes at least.
const PIECE: usize = 48 * 1024;

/// What a token has besides its message, in bytes, at most.
const OVERHEAD: usize = 256;

/// Certificates that a client may show, its own among them.
const MOST_CERTIFICATES: usize = 9;

/// Room for what a read brings.
const ROOM: usize = 8 * 1024;

/// Limits of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The longest message of who has not signed in, in bytes.
    pub(crate) unknown: usize,
    /// The longest message of who has.
    pub(crate) known: usize,
    /// How long a connection of who has not signed in may be silent.
    pub(crate) idle_unknown: Duration,
    /// How long one of who has.
    pub(crate) idle: Duration,
    /// How long one message may take to arrive, and a piece of an answer to be taken.
    pub(crate) transfer: Duration,
    /// How long a message waits for its turn.
    pub(crate) queue: Duration,
}

/// The side of the LDAP listeners.
pub(crate) struct Directories {
    pub(crate) role: Role,
    pub(crate) door: Arc<dyn Ldap>,
    pub(crate) tls: Option<Arc<Current>>,
    pub(crate) limits: Limits,
    /// How many messages are answered at once.
    pub(crate) workers: Arc<Semaphore>,
    /// How many changes wait for the disk at once. They take no turn from those that compute.
    pub(crate) writers: Arc<Semaphore>,
    pub(crate) room: Arc<Room>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Why a conversation over one stream is over.
enum Over {
    /// The connection ends.
    End,
    /// TLS begins; nothing else had arrived.
    StartTls,
}

/// A connection on its way.
struct Conversation<'c> {
    side: &'c Directories,
    seat: &'c Seat,
    closing: Closing,
    session: Box<dyn LdapSession>,
    /// What has arrived of messages.
    arrived: Vec<u8>,
    /// What has arrived of tokens that messages are wrapped in.
    wrapped: Vec<u8>,
    freight: Freight,
}

impl Directories {
    /// Serves `listener` until `closing`.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener, closing: Closing) {
        let room = Arc::clone(&self.room);
        accept::each(
            listener,
            &room,
            closing,
            move |stream, peer, seat, closing| {
                Arc::clone(&self).converse(stream, peer, seat, closing)
            },
        )
        .await;
    }

    /// A turn among as many as there may be at once; `None` where it does not come in time.
    async fn turn(&self, at_once: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
        let waited = timeout(self.limits.queue, Arc::clone(at_once).acquire_owned());
        waited.await.ok()?.ok()
    }

    async fn converse(
        self: Arc<Self>,
        mut stream: TcpStream,
        peer: SocketAddr,
        seat: Seat,
        closing: Closing,
    ) {
        let start_tls = self.role == Role::Ldap && self.tls.is_some();
        let mut conversation = Conversation {
            side: &self,
            seat: &seat,
            closing,
            session: self.door.open(peer, start_tls),
            arrived: Vec::new(),
            wrapped: Vec::new(),
            freight: self.room.freight(),
        };
        if self.role == Role::Ldap {
            match conversation.go(&mut stream).await {
                Over::End => return,
                Over::StartTls => {}
            }
        }
        conversation.secured(stream).await;
    }
}

impl Conversation<'_> {
    /// Goes on over TLS.
    async fn secured(mut self, stream: TcpStream) {
        let Some(tls) = &self.side.tls else { return };
        let Some((config, bindings)) = tls.for_directory() else {
            return;
        };
        let handshake = timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream));
        let mut stream = tokio::select! {
            Ok(Ok(stream)) = handshake => stream,
            () = self.seat.evicted() => return,
            () = self.closing.closed() => return,
            else => return,
        };
        let shown = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let shown = shown.iter().take(MOST_CERTIFICATES);
        let certificates = shown.map(|one| one.to_vec()).collect();
        self.session.secured(certificates, bindings);
        self.go(&mut stream).await;
    }

    async fn go<S: AsyncRead + AsyncWrite + Unpin>(&mut self, stream: &mut S) -> Over {
        loop {
            let message = match self.next(stream).await {
                Ok(Some(message)) => message,
                Ok(None) => return Over::End,
                Err(why) => {
                    let notice = self.session.disconnection(why.0, why.1);
                    let _ = self.send(stream, &[notice]).await;
                    return Over::End;
                }
            };
            self.seat.busy();
            let over = self.turn(stream, message).await;
            let wrapped = self.session.is_wrapped();
            self.session.settle();
            // What came behind the bind came before the layer that it agreed on, from whomever (RFC 4513 5.2.1.3): it is
            // not done in the name of who signed in.
            if !wrapped && self.session.is_wrapped() && !self.arrived.is_empty() {
                let why = "nothing may follow a bind before its layer began";
                let notice = self.session.disconnection(ResultCode::ProtocolError, why);
                let _ = self.send(stream, &[notice]).await;
                return Over::End;
            }
            self.seat.waiting();
            if let Some(over) = over {
                return over;
            }
        }
    }

    /// Answers one message, however long that goes on; `None` when the conversation goes on, too.
    async fn turn<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        message: Vec<u8>,
    ) -> Option<Over> {
        let mut said = self.ask(Some(&message)).await;
        loop {
            match said {
                Said::Now(messages) => {
                    return match self.send(stream, &messages).await {
                        true => None,
                        false => Some(Over::End),
                    };
                }
                Said::Close(messages) => {
                    self.send(stream, &messages).await;
                    return Some(Over::End);
                }
                // It is asked for what comes of it where it is said.
                Said::Write => return Some(Over::End),
                Said::StartTls(answer) => {
                    // What came behind the request came without TLS, from whomever (RFC 4511 4.14.1).
                    if !self.arrived.is_empty() {
                        let why = "nothing may follow a request for TLS before it began";
                        let notice = self.session.disconnection(ResultCode::ProtocolError, why);
                        self.send(stream, &[notice]).await;
                        return Some(Over::End);
                    }
                    return match self.send(stream, &[answer]).await {
                        true => Some(Over::StartTls),
                        false => Some(Over::End),
                    };
                }
                Said::More(messages) => {
                    if !self.send(stream, &messages).await {
                        return Some(Over::End);
                    }
                    if self.is_abandoned(stream, &message).await {
                        self.session.abandoned();
                        return None;
                    }
                    said = self.ask(None).await;
                }
            }
        }
    }

    /// Whether the client wants to hear no more of a search: by an abandon or an unbind that has arrived, or by being gone.
    async fn is_abandoned<S: AsyncRead + Unpin>(&mut self, stream: &mut S, message: &[u8]) -> bool {
        let mut piece = [0; ROOM];
        if self.arrived.len() < ROOM {
            let now = timeout(Duration::ZERO, stream.read(&mut piece)).await;
            match now {
                Ok(Ok(0) | Err(_)) => return true,
                Ok(Ok(count)) if !self.take(piece.get(..count).unwrap_or_default()) => return true,
                Ok(Ok(_)) | Err(_) => {}
            }
        }
        let Some(id) = Message::id_of(message) else {
            return false;
        };
        let mut rest = self.arrived.as_slice();
        while let Ok(Frame::Whole(length)) = frame(rest, ROOM) {
            let Some((first, after)) = rest.split_at_checked(length) else {
                return false;
            };
            match Message::decode(first).map(|message| message.operation) {
                Ok(Operation::AbandonRequest(which)) if which == id => return true,
                Ok(Operation::UnbindRequest) => return true,
                _ => rest = after,
            }
        }
        false
    }

    /// What the session says to a message, or of the search that goes on.
    async fn ask(&mut self, message: Option<&[u8]>) -> Said {
        let began = moment::now();
        let side = self.side;
        let mut said = None;
        if let Some(turn) = side.turn(&side.workers).await {
            said = Some(self.worked(message));
            drop(turn);
        }
        if let (Some(Some(Said::Write)), Some(message)) = (&said, message) {
            said = None;
            if let Some(turn) = side.turn(&side.writers).await {
                said = Some(self.written(message));
                drop(turn);
            }
        }
        let outcome = match &said {
            None => Outcome::Busy,
            Some(None) => Outcome::Failed,
            Some(Some(_)) => Outcome::Answered,
        };
        side.metrics.request(side.role, outcome, began.elapsed());
        match said {
            Some(Some(said)) => said,
            Some(None) => {
                let why = "the server failed; its log says why";
                Said::Close(vec![self.session.disconnection(ResultCode::Other, why)])
            }
            None => Said::Now(vec![self.session.busy(message.unwrap_or_default())]),
        }
    }

    /// What the session says; `None` when it panicked.
    fn worked(&mut self, message: Option<&[u8]>) -> Option<Said> {
        let session = &mut self.session;
        let metrics = &self.side.metrics;
        let quick = message.is_some_and(|message| session.is_quick(message));
        let mut answer = || {
            guarded(metrics, "answering LDAP", || match message {
                Some(message) => session.answer(message),
                None => session.go_on(),
            })
        };
        // A search reads much of the store, a bind hashes: the runtime goes on elsewhere meanwhile. That wakes another thread,
        // which would be a third of the work for an entry by its name.
        match quick {
            true => answer(),
            false => tokio::task::block_in_place(answer),
        }
    }

    /// What the session says once a change is on the disk; `None` when it panicked.
    fn written(&mut self, message: &[u8]) -> Option<Said> {
        let session = &mut self.session;
        let metrics = &self.side.metrics;
        tokio::task::block_in_place(|| {
            guarded(metrics, "writing for LDAP", || session.commit(message))
        })
    }

    /// The next whole message; `None` when there will be none. An error is told to the client.
    async fn next<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
    ) -> Result<Option<Vec<u8>>, (ResultCode, &'static str)> {
        let limits = self.side.limits;
        let known = self.session.is_known();
        let (longest, idle) = match known {
            true => (limits.known, limits.idle),
            false => (limits.unknown, limits.idle_unknown),
        };
        // The room of a long message before is given back.
        self.freight = self.side.room.freight();
        let mut begun = None;
        loop {
            match frame(&self.arrived, longest) {
                Ok(Frame::Whole(length)) => {
                    let rest = self.arrived.split_off(length);
                    return Ok(Some(std::mem::replace(&mut self.arrived, rest)));
                }
                Ok(Frame::TooLong) => {
                    return Err((
                        ResultCode::ProtocolError,
                        "the message is longer than is taken from who has not signed in, or from anybody",
                    ));
                }
                Ok(Frame::Incomplete(length)) => {
                    // Nothing is taken by a length that the peer claims: room is asked for as it comes.
                    let _ = length;
                    if !self
                        .freight
                        .holds(self.arrived.len() + self.wrapped.len() + ROOM)
                    {
                        return Err((ResultCode::Busy, "too many long messages at once"));
                    }
                }
                Err(_) => return Err((ResultCode::ProtocolError, "that is no message of LDAP")),
            }
            let patience = if self.arrived.is_empty() && self.wrapped.is_empty() {
                idle
            } else {
                let began = *begun.get_or_insert_with(moment::now);
                limits.transfer.saturating_sub(began.elapsed())
            };
            let mut piece = [0; ROOM];
            let read = tokio::select! {
                read = timeout(patience, stream.read(&mut piece)) => read,
                () = self.seat.evicted() => return Ok(None),
                () = self.closing.closed() => return Err((ResultCode::Unavailable, "the server closes")),
            };
            match read {
                Ok(Ok(0) | Err(_)) => return Ok(None),
                Ok(Ok(count)) => {
                    if !self.take(piece.get(..count).unwrap_or_default()) {
                        return Err((
                            ResultCode::ProtocolError,
                            "that is not the next message of this connection",
                        ));
                    }
                }
                Err(_) if self.arrived.is_empty() => return Ok(None),
                Err(_) => {
                    return Err((
                        ResultCode::Unavailable,
                        "the message took too long to arrive",
                    ));
                }
            }
        }
    }

    /// Takes what has arrived; whether it can be what the client sent next.
    fn take(&mut self, bytes: &[u8]) -> bool {
        if !self.session.is_wrapped() {
            self.arrived.extend_from_slice(bytes);
            return true;
        }
        self.wrapped.extend_from_slice(bytes);
        loop {
            let Some((length, rest)) = self.wrapped.split_first_chunk::<4>() else {
                return true;
            };
            let length = u32::from_be_bytes(*length) as usize;
            if length > directory::ldap::LARGEST + OVERHEAD {
                return false;
            }
            let Some(token) = rest.get(..length) else {
                return true;
            };
            let Some(message) = self.session.unwrap(token) else {
                return false;
            };
            self.arrived.extend_from_slice(&message);
            self.wrapped.drain(..4 + length);
        }
    }

    /// Sends messages; whether the client took them in time.
    async fn send<S: AsyncWrite + Unpin>(&mut self, stream: &mut S, messages: &[Vec<u8>]) -> bool {
        let bytes = messages.concat();
        for piece in bytes.chunks(PIECE) {
            let piece = self.session.wrap(piece.to_vec());
            let written = timeout(self.side.limits.transfer, stream.write_all(&piece)).await;
            if !matches!(written, Ok(Ok(()))) {
                return false;
            }
        }
        let flushed: Result<io::Result<()>, _> =
            timeout(self.side.limits.transfer, stream.flush()).await;
        matches!(flushed, Ok(Ok(())))
    }
}
