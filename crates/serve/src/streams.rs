//! Kerberos over TCP (protocols E.1, RFC 4120 7.2.2): each message behind its length in four bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::accept::{self, Closing};
use crate::door::{Ends, Kerberos, Path};
use crate::fault::Role;
use crate::guard::guarded;
use crate::metrics::{Metrics, Outcome};
use crate::moment;
use crate::room::{Room, Seat};

/// Bytes of the length before each message.
pub(crate) const LENGTH: usize = 4;

/// Room for what a read brings: more than a sign-in with a certificate has.
pub(crate) const ROOM: usize = 4096;

/// Limits of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The longest message that is taken, in bytes.
    pub(crate) message: u32,
    /// How long a connection may be silent between messages.
    pub(crate) idle: Duration,
    /// How long one message may take to arrive, and its answer to be taken.
    pub(crate) transfer: Duration,
    /// Messages on one connection.
    pub(crate) messages: u32,
}

/// For what takes longer than a worker of the runtime may be held up ([`Kerberos::is_costly`]): how many messages are answered at once, each on
/// a thread of its own.
pub(crate) struct Slow {
    pub(crate) at_once: Arc<Semaphore>,
    /// How long a message waits for its turn.
    pub(crate) queue: Duration,
}

/// The side of the TCP listeners of one party.
pub(crate) struct Streams {
    pub(crate) role: Role,
    pub(crate) door: Arc<dyn Kerberos>,
    /// Nothing where an answer takes microseconds.
    pub(crate) slow: Option<Slow>,
    pub(crate) limits: Limits,
    pub(crate) room: Arc<Room>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Streams {
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

    /// Goes on with the conversations that the threads of [`Connections`](crate::connections::Connections) pass on, until
    /// `closing`; then waits for those that are under way.
    pub(crate) async fn take_over(
        self: Arc<Self>,
        mut passed_on: mpsc::UnboundedReceiver<PassedOn>,
        mut closing: Closing,
    ) {
        let mut conversations = JoinSet::new();
        let closed = closing.clone();
        loop {
            let next = tokio::select! {
                () = closing.closed() => break,
                Some(_) = conversations.join_next(), if !conversations.is_empty() => continue,
                next = passed_on.recv() => next,
            };
            let Some(PassedOn { stream, begun }) = next else {
                break;
            };
            match TcpStream::from_std(stream) {
                Ok(stream) => {
                    conversations.spawn(Arc::clone(&self).go_on(stream, begun, closed.clone()));
                }
                Err(error) => tracing::warn!(%error, "a connection could not be watched"),
            }
        }
        drop(passed_on);
        while conversations.join_next().await.is_some() {}
    }

    async fn converse(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        seat: Seat,
        closing: Closing,
    ) {
        let Ok(own) = stream.local_addr() else { return };
        seat.waiting();
        let begun = Begun::new(Ends { peer, own }, seat);
        self.go_on(stream, begun, closing).await;
    }

    async fn go_on(self: Arc<Self>, mut stream: TcpStream, mut begun: Begun, mut closing: Closing) {
        let (ends, seat) = (begun.ends, &begun.seat);
        if !self.send(&mut stream, &begun.unsent).await {
            return;
        }
        while begun.messages < self.limits.messages {
            let message = tokio::select! {
                message = self.read(&mut stream, &mut begun.arrived) => message,
                () = seat.evicted() => return,
                () = closing.closed() => return,
            };
            let reply = match message {
                Ok(Message::Whole(message)) => {
                    seat.busy();
                    match &self.slow {
                        Some(slow) if self.door.is_costly(&message) => {
                            self.answer_slowly(slow, message, ends).await
                        }
                        _ => self.answer(&message, ends),
                    }
                }
                Ok(Message::TooLong) => {
                    if let Some(reply) = self.too_long() {
                        self.send(&mut stream, &reply).await;
                    }
                    return;
                }
                Ok(Message::End) | Err(_) => return,
            };
            let Some(reply) = reply.and_then(|reply| framed(&reply)) else {
                return;
            };
            if !self.send(&mut stream, &reply).await {
                return;
            }
            begun.messages += 1;
            seat.waiting();
        }
    }

    /// What a peer gets whose message is longer than is taken, framed.
    pub(crate) fn too_long(&self) -> Option<Vec<u8>> {
        self.metrics
            .request(self.role, Outcome::Malformed, Duration::ZERO);
        self.door.too_long().and_then(|reply| framed(&reply))
    }

    /// The next message. `arrived` holds what has arrived and was not taken yet.
    async fn read(&self, stream: &mut TcpStream, arrived: &mut Vec<u8>) -> io::Result<Message> {
        let Ok(begun) = timeout(self.limits.idle, fill(stream, arrived, LENGTH)).await else {
            return Ok(Message::End);
        };
        if !begun? {
            return Ok(Message::End);
        }
        let end = match next(arrived, self.limits.message) {
            Next::Until(end) => end,
            Next::TooLong => return Ok(Message::TooLong),
        };
        let Ok(whole) = timeout(self.limits.transfer, fill(stream, arrived, end)).await else {
            return Ok(Message::End);
        };
        if !whole? {
            return Ok(Message::End);
        }
        let rest = arrived.split_off(end);
        let mut message = std::mem::replace(arrived, rest);
        message.drain(..LENGTH);
        Ok(Message::Whole(message))
    }

    /// The answer to a message, on this thread.
    pub(crate) fn answer(&self, message: &[u8], ends: Ends) -> Option<Arc<[u8]>> {
        let began = moment::now();
        let answer = guarded(&self.metrics, "a Kerberos message", || {
            self.door.answer(message, Path::Tcp, ends)
        });
        self.metrics
            .request(self.role, Outcome::of(&answer), began.elapsed());
        answer.unwrap_or_else(|| self.door.generic_failure())
    }

    /// Answers on another thread, when it is this message's turn. A peer that leaves meanwhile does not make room for
    /// the next one: what it asked for is being worked at.
    async fn answer_slowly(
        self: &Arc<Self>,
        slow: &Slow,
        message: Vec<u8>,
        ends: Ends,
    ) -> Option<Arc<[u8]>> {
        let Ok(Ok(turn)) = timeout(slow.queue, Arc::clone(&slow.at_once).acquire_owned()).await
        else {
            self.metrics.request(self.role, Outcome::Busy, slow.queue);
            return self.door.busy(ends);
        };
        let streams = Arc::clone(self);
        let answered = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            streams.answer(&message, ends)
        });
        answered.await.ok().flatten()
    }

    /// Sends what is framed; whether the conversation can go on.
    async fn send(&self, stream: &mut TcpStream, framed: &[u8]) -> bool {
        framed.is_empty()
            || matches!(
                timeout(self.limits.transfer, stream.write_all(framed)).await,
                Ok(Ok(()))
            )
    }
}

/// A conversation as far as it has come.
pub(crate) struct Begun {
    pub(crate) ends: Ends,
    pub(crate) seat: Seat,
    /// What has arrived and was not answered yet.
    pub(crate) arrived: Vec<u8>,
    /// What is answered and was not sent yet, framed.
    pub(crate) unsent: Vec<u8>,
    /// Messages that were answered.
    pub(crate) messages: u32,
}

impl Begun {
    /// One that begins.
    pub(crate) fn new(ends: Ends, seat: Seat) -> Self {
        Self {
            ends,
            seat,
            arrived: Vec::new(),
            unsent: Vec::new(),
            messages: 0,
        }
    }
}

/// A conversation that somebody else goes on with.
pub(crate) struct PassedOn {
    /// Its reads and writes do not wait.
    pub(crate) stream: std::net::TcpStream,
    pub(crate) begun: Begun,
}

/// What the bytes that have arrived begin with.
pub(crate) enum Next {
    /// A message until here, when it is all there; or what is needed to know more.
    Until(usize),
    /// A message that is longer than is taken, or empty.
    TooLong,
}

/// How far the message at the beginning of `arrived` goes, of `longest` bytes at most.
pub(crate) fn next(arrived: &[u8], longest: u32) -> Next {
    let Some(length) = arrived.first_chunk::<LENGTH>() else {
        return Next::Until(LENGTH);
    };
    // The high bit is reserved for extensions, of which none is known here: the message is too long.
    match u32::from_be_bytes(*length) {
        0 => Next::TooLong,
        length if length > longest => Next::TooLong,
        length => Next::Until(LENGTH + length as usize),
    }
}

/// A reply behind its length.
pub(crate) fn framed(reply: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(reply.len()).ok()?;
    let mut framed = Vec::with_capacity(reply.len() + LENGTH);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(reply);
    Some(framed)
}

/// Reads until at least `wanted` bytes are there; whether they are, or the peer ended before. The buffer grows
/// with what arrives, not with what the peer announces; most messages take one read.
async fn fill(stream: &mut TcpStream, arrived: &mut Vec<u8>, wanted: usize) -> io::Result<bool> {
    while arrived.len() < wanted {
        arrived.reserve(ROOM);
        if stream.read_buf(arrived).await? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

enum Message {
    Whole(Vec<u8>),
    TooLong,
    End,
}
