//! Kerberos over TCP (protocols E.1, RFC 4120 7.2.2): each message behind its length in four bytes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::accept::{self, Closing};
use crate::door::{Ends, Kerberos, Path};
use crate::fault::Role;
use crate::guard::guarded;
use crate::metrics::{Metrics, Outcome};
use crate::moment;
use crate::room::{Room, Seat};

/// Bytes of the length before each message.
const LENGTH: usize = 4;

/// Room for what a read brings: more than a sign-in with a certificate has.
const ROOM: usize = 4096;

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

    async fn converse(
        self: Arc<Self>,
        mut stream: TcpStream,
        peer: SocketAddr,
        seat: Seat,
        mut closing: Closing,
    ) {
        let Ok(own) = stream.local_addr() else { return };
        let ends = Ends { peer, own };
        let mut arrived = Vec::new();
        for _ in 0..self.limits.messages {
            seat.waiting();
            let message = tokio::select! {
                message = self.read(&mut stream, &mut arrived) => message,
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
                    self.metrics
                        .request(self.role, Outcome::Malformed, Duration::ZERO);
                    self.send(&mut stream, self.door.too_long()).await;
                    return;
                }
                Ok(Message::End) | Err(_) => return,
            };
            if !self.send(&mut stream, reply).await {
                return;
            }
        }
    }

    /// The next message. `arrived` holds what has arrived and was not taken yet.
    async fn read(&self, stream: &mut TcpStream, arrived: &mut Vec<u8>) -> io::Result<Message> {
        let Ok(begun) = timeout(self.limits.idle, fill(stream, arrived, LENGTH)).await else {
            return Ok(Message::End);
        };
        let (true, Some(length)) = (begun?, arrived.first_chunk::<LENGTH>()) else {
            return Ok(Message::End);
        };
        // The high bit is reserved for extensions, of which none is known here: the message is too long.
        let length = u32::from_be_bytes(*length);
        if length == 0 || length > self.limits.message {
            return Ok(Message::TooLong);
        }
        let end = LENGTH + length as usize;
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

    fn answer(&self, message: &[u8], ends: Ends) -> Option<Arc<[u8]>> {
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

    /// Sends a reply; whether the conversation can go on.
    async fn send(&self, stream: &mut TcpStream, reply: Option<Arc<[u8]>>) -> bool {
        let Some(reply) = reply else { return false };
        let Ok(length) = u32::try_from(reply.len()) else {
            return false;
        };
        let mut framed = Vec::with_capacity(reply.len() + 4);
        framed.extend_from_slice(&length.to_be_bytes());
        framed.extend_from_slice(&reply);
        matches!(
            timeout(self.limits.transfer, stream.write_all(&framed)).await,
            Ok(Ok(()))
        )
    }
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
