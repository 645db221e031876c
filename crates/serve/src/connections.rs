//! Kerberos over TCP as nearly all of it is: a connection, a message, its answer, the end. The thread that accepted a
//! connection does all that, and it costs two system calls more than a datagram. Whoever is slower, or stays for longer,
//! is passed on to the runtime, which can wait for any number of them ([`Streams::take_over`]).

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;
use tokio::runtime::Handle;
use tokio::sync::mpsc::UnboundedSender;

use crate::accept;
use crate::datagrams::reachable;
use crate::door::Ends;
use crate::fault::Fault;
use crate::places::{Place, Places};
use crate::streams::{Begun, LENGTH, Next, PassedOn, ROOM, Streams, framed, next};

/// How long a thread accepts before it looks whether it should stop, in case the parting connection is lost.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a thread waits for a peer: its message comes with the connection, and its end with the answer.
const MOMENT: Duration = Duration::from_millis(10);

/// How often it waits for the rest of one message.
const READS: usize = 4;

/// Threads that wait for a peer at once; beyond them nobody is waited for on these threads.
const WAITING: usize = 16;

/// The threads that serve one listener.
pub(crate) struct Connections {
    listener: Arc<TcpListener>,
    stop: Arc<AtomicBool>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads share.
struct Shared {
    streams: Arc<Streams>,
    /// Of those who accept, and answer.
    places: Places,
    /// How many may keep their places while they wait for a peer: all but one.
    patient: usize,
    passing_on: UnboundedSender<PassedOn>,
    /// Threads that wait for a peer.
    waiting: AtomicUsize,
    runtime: Handle,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

impl Connections {
    /// Starts threads on `listener`: so many that accept, and as many more as may be held up by what takes long, or by a
    /// peer.
    pub(crate) fn serve(
        listener: TcpListener,
        accepting: usize,
        held_up: usize,
        streams: &Arc<Streams>,
        passing_on: UnboundedSender<PassedOn>,
        runtime: &Handle,
    ) -> Result<Self, Fault> {
        listener.set_nonblocking(false).map_err(Fault::Worker)?;
        SockRef::from(&listener)
            .set_read_timeout(Some(PATIENCE))
            .map_err(Fault::Worker)?;
        let shared = Arc::new(Shared {
            streams: Arc::clone(streams),
            places: Places::new(accepting),
            patient: accepting.saturating_sub(1),
            passing_on,
            waiting: AtomicUsize::new(0),
            runtime: runtime.clone(),
        });
        let mut serving = Self {
            listener: Arc::new(listener),
            stop: Arc::default(),
            shared: Arc::clone(&shared),
            threads: Vec::new(),
        };
        for number in 0..accepting.max(1) + held_up + WAITING {
            let (listener, stop) = (Arc::clone(&serving.listener), Arc::clone(&serving.stop));
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new()
                .name(format!("{}-{number}", streams.role.label()))
                .spawn(move || shared.accept(&listener, &stop))
                .map_err(Fault::Worker)?;
            serving.threads.push(thread);
        }
        Ok(serving)
    }

    /// Lets each thread finish the message that it has, and waits for them.
    pub(crate) fn stop(mut self) {
        self.tell_to_stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }

    fn tell_to_stop(&self) {
        self.shared.places.end(&self.stop);
        // A connection to itself wakes a thread at once.
        let Ok(address) = self.listener.local_addr() else {
            return;
        };
        for _ in 0..self.threads.len() {
            let _ = TcpStream::connect_timeout(&reachable(address), MOMENT);
        }
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        self.tell_to_stop();
    }
}

/// What became of a wait for a peer.
enum Arrived {
    /// There is a message until here.
    Whole(usize),
    /// One that is too long.
    TooLong,
    /// It was not all there in time.
    NotYet,
    /// The peer is done.
    End,
}

impl Shared {
    fn accept(&self, listener: &TcpListener, stop: &AtomicBool) {
        let mut place = Place::of(&self.places);
        while !stop.load(Ordering::Acquire) {
            place.enter(stop);
            match listener.accept() {
                // The one that wakes a thread for the end, or one that comes too late.
                Ok(_) if stop.load(Ordering::Acquire) => {}
                Ok((stream, peer)) => self.converse(stream, peer, &mut place),
                Err(error) if is_ordinary(&error) => {}
                Err(error) => self.runtime.block_on(accept::rest(&error)),
            }
        }
    }

    fn converse(&self, mut stream: TcpStream, peer: SocketAddr, place: &mut Place<'_>) {
        let streams = &*self.streams;
        let Some(seat) = streams.room.admit(Some(peer.ip())) else {
            return;
        };
        let _ = stream.set_nodelay(true);
        let (Ok(own), Ok(())) = (stream.local_addr(), in_a_moment(&stream)) else {
            return;
        };
        let mut begun = Begun::new(Ends { peer, own }, seat);
        begun.seat.waiting();
        while begun.messages < streams.limits.messages {
            let end = match self.wait(&mut stream, &mut begun.arrived, place) {
                Arrived::Whole(end) => end,
                Arrived::TooLong => {
                    if let Some(reply) = streams.too_long() {
                        let _ = stream.write_all(&reply);
                    }
                    return;
                }
                Arrived::NotYet => return self.pass_on(stream, begun),
                Arrived::End => return,
            };
            let Some(message) = begun.arrived.get(LENGTH..end) else {
                return;
            };
            // Where its turn has not come, the runtime waits for it.
            let turn = match &streams.slow {
                Some(slow) if streams.door.is_costly(message) => {
                    match Arc::clone(&slow.at_once).try_acquire_owned() {
                        Ok(turn) => Some(turn),
                        Err(_) => return self.pass_on(stream, begun),
                    }
                }
                _ => None,
            };
            begun.seat.busy();
            if turn.is_some() {
                place.leave();
            }
            let reply = streams.answer(message, begun.ends);
            drop(turn);
            let Some(mut reply) = reply.and_then(|reply| framed(&reply)) else {
                return;
            };
            begun.arrived.drain(..end);
            begun.messages += 1;
            begun.seat.waiting();
            match send(&mut stream, &reply) {
                Ok(sent) if sent == reply.len() => {}
                Ok(sent) => {
                    begun.unsent = reply.split_off(sent);
                    return self.pass_on(stream, begun);
                }
                Err(_) => return,
            }
        }
    }

    /// Waits a moment for the next message or the peer's end; where others do so already, without a place, and where too
    /// many do, not at all.
    fn wait(
        &self,
        stream: &mut TcpStream,
        arrived: &mut Vec<u8>,
        place: &mut Place<'_>,
    ) -> Arrived {
        let others = self.waiting.fetch_add(1, Ordering::Relaxed);
        let crowded = others >= WAITING;
        if !crowded && others >= self.patient {
            place.leave();
        }
        let read = match crowded && stream.set_nonblocking(true).is_err() {
            true => Arrived::End,
            false => read(stream, arrived, self.streams.limits.message),
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        match crowded && stream.set_nonblocking(false).is_err() {
            true => Arrived::End,
            false => read,
        }
    }

    fn pass_on(&self, stream: TcpStream, begun: Begun) {
        if stream.set_nonblocking(true).is_ok() {
            // Nobody receives it when the server closes, and then the connection ends.
            let _ = self.passing_on.send(PassedOn { stream, begun });
        }
    }
}

/// Makes reads and writes end in a moment.
fn in_a_moment(stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(MOMENT))?;
    stream.set_write_timeout(Some(MOMENT))
}

/// Reads until a message is there. The buffer grows with what arrives, not with what the peer announces.
fn read(stream: &mut TcpStream, arrived: &mut Vec<u8>, longest: u32) -> Arrived {
    let mut room = [0; ROOM];
    let mut reads = 0..READS;
    loop {
        match next(arrived, longest) {
            Next::TooLong => return Arrived::TooLong,
            Next::Until(end) if arrived.len() >= end && end > LENGTH => return Arrived::Whole(end),
            Next::Until(_) if reads.next().is_none() => return Arrived::NotYet,
            Next::Until(_) => {}
        }
        match stream.read(&mut room) {
            Ok(0) => return Arrived::End,
            Ok(length) => arrived.extend_from_slice(room.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_ordinary(&error) => return Arrived::NotYet,
            Err(_) => return Arrived::End,
        }
    }
}

/// Sends in a moment; how much.
fn send(stream: &mut TcpStream, reply: &[u8]) -> io::Result<usize> {
    let mut sent = 0;
    while let Some(rest) = reply.get(sent..).filter(|rest| !rest.is_empty()) {
        match stream.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(length) => sent += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_ordinary(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(sent)
}

/// A time-out or a signal.
fn is_ordinary(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}
