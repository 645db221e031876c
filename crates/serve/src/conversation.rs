//! HTTP over one connection: TLS, a Unix socket or plain; HTTP/1.1 or HTTP/2.
//!
//! A request is read whole, within a size and a time, before anybody is asked about it. The asking
//! happens on a bounded number of worker threads, for a password costs a tenth of a second to check; what is
//! answered from memory alone is answered where it was read.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use wire::http::{Request, Response};

use crate::accept::Closing;
use crate::door::{Caller, Http};
use crate::fault::Role;
use crate::guard::guarded;
use crate::metrics::{Metrics, Outcome};
use crate::moment;
use crate::room::{Freight, Room, Seat};
use crate::translate;

/// How many requests one HTTP/2 connection may have under way.
const STREAMS: u32 = 32;

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// Limits of HTTP connections and requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The longest body, in bytes.
    pub(crate) body: usize,
    /// How long the head of a request may take, counted from the end of the one before.
    pub(crate) head: Duration,
    /// How long the body may take.
    pub(crate) transfer: Duration,
    /// How long a connection may do nothing.
    pub(crate) idle: Duration,
    /// How long a request waits for a free worker before it is told to come again.
    pub(crate) queue: Duration,
}

/// How HTTP is spoken on the connections of one role.
pub(crate) struct Conversations {
    pub(crate) role: Role,
    pub(crate) door: Arc<dyn Http>,
    pub(crate) limits: Limits,
    pub(crate) workers: Arc<Semaphore>,
    pub(crate) room: Arc<Room>,
    pub(crate) metrics: Arc<Metrics>,
}

/// What a connection does at the moment.
struct Activity {
    seat: Seat,
    /// Requests of which the head has come.
    under_way: AtomicU64,
    /// Those of them that have come whole.
    answering: AtomicU64,
    begun: AtomicU64,
}

impl Activity {
    fn new(seat: Seat) -> Self {
        Self {
            seat,
            under_way: AtomicU64::new(0),
            answering: AtomicU64::new(0),
            begun: AtomicU64::new(0),
        }
    }

    fn begin(&self) -> UnderWay<'_> {
        self.begun.fetch_add(1, Relaxed);
        self.under_way.fetch_add(1, Relaxed);
        UnderWay(self)
    }

    /// A whole request has come, and the connection keeps its place until it is answered. Before that it does not:
    /// a crowd that begins requests and never ends them would hold all places.
    fn answer(&self) -> Answering<'_> {
        self.answering.fetch_add(1, Relaxed);
        self.seat.busy();
        Answering(self)
    }

    /// Ends when nothing was under way and nothing began for as long as `patience`.
    async fn idle(&self, patience: Duration) {
        let mut seen = self.begun.load(Relaxed);
        loop {
            tokio::time::sleep(patience).await;
            let begun = self.begun.load(Relaxed);
            if begun == seen && self.under_way.load(Relaxed) == 0 {
                return;
            }
            seen = begun;
        }
    }
}

/// A request under way. It ends by being dropped, for a peer of HTTP/2 may take its request back at any moment, and
/// nothing of ours runs then but this.
struct UnderWay<'a>(&'a Activity);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

/// A request that is being answered; it ends in the same way.
struct Answering<'a>(&'a Activity);

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        if self.0.answering.fetch_sub(1, Relaxed) == 1 {
            self.0.seat.waiting();
        }
    }
}

impl Conversations {
    /// Answers the requests on `stream` until the peer, a limit or `closing` ends it.
    pub(crate) async fn converse<S>(
        self: Arc<Self>,
        stream: S,
        http2: bool,
        caller: Caller,
        seat: Seat,
        closing: Closing,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let activity = Arc::new(Activity::new(seat));
        let (ours, theirs) = (Arc::clone(&self), Arc::clone(&activity));
        let service = service_fn(move |request: http::Request<Incoming>| {
            let (ours, activity, caller) = (Arc::clone(&ours), Arc::clone(&theirs), caller.clone());
            async move {
                let _under_way = activity.begin();
                let response = ours.answer(request, caller, &activity).await;
                Ok::<_, Infallible>(translate::response(response).map(Full::<Bytes>::new))
            }
        });
        let io = TokioIo::new(stream);
        if http2 {
            let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS)
                .max_header_list_size(u32::try_from(LONGEST_HEAD).unwrap_or(u32::MAX))
                .keep_alive_interval(self.limits.idle)
                .keep_alive_timeout(self.limits.head);
            let connection = builder.serve_connection(io, service);
            let mut connection = std::pin::pin!(connection);
            self.drive(
                connection.as_mut(),
                |connection| connection.graceful_shutdown(),
                &activity,
                closing,
            )
            .await;
        } else {
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(self.limits.head)
                .max_header_size(LONGEST_HEAD)
                .max_headers(100)
                .max_buf_size(LONGEST_HEAD * 2);
            let connection = builder.serve_connection(io, service);
            let mut connection = std::pin::pin!(connection);
            self.drive(
                connection.as_mut(),
                |connection| connection.graceful_shutdown(),
                &activity,
                closing,
            )
            .await;
        }
    }

    /// Drives a connection to its end; when the server closes, what is under way is still answered.
    async fn drive<C>(
        &self,
        mut connection: std::pin::Pin<&mut C>,
        finish: impl FnOnce(std::pin::Pin<&mut C>),
        activity: &Activity,
        mut closing: Closing,
    ) where
        C: Future<Output = hyper::Result<()>>,
    {
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = activity.seat.evicted() => return,
            () = activity.idle(self.limits.idle) => return,
            () = closing.closed() => {
                finish(connection.as_mut());
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(role = self.role.label(), %error, "a connection ended early");
        }
    }

    async fn answer(
        &self,
        request: http::Request<Incoming>,
        caller: Caller,
        activity: &Activity,
    ) -> Response {
        let began = moment::now();
        let mut freight = self.room.freight();
        let (outcome, response) = match self.read(request, &caller, &mut freight).await {
            Ok(request) => {
                let _answering = activity.answer();
                self.ask(request).await
            }
            Err(NotRead::Refused(refusal)) => (Outcome::Malformed, refusal),
            Err(NotRead::NoRoom) => (Outcome::Busy, busy()),
        };
        self.metrics.request(self.role, outcome, began.elapsed());
        response
    }

    /// The request with its whole body, for which `freight` has the room, or the refusal of one that is too long or too slow.
    async fn read(
        &self,
        request: http::Request<Incoming>,
        caller: &Caller,
        freight: &mut Freight,
    ) -> Result<Request, NotRead> {
        let (head, body) = request.into_parts();
        let announced = head
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.limits.body as u64) {
            return Err(too_large());
        }
        let body = collect(body, self.limits.body, freight);
        let Ok(body) = timeout(self.limits.transfer, body).await else {
            let why = "the request took too long to arrive";
            return Err(refused(408, why));
        };
        translate::request(&head, body?, caller)
            .map_err(|_| refused(431, "the request has too many header fields"))
    }

    async fn ask(&self, request: Request) -> (Outcome, Response) {
        if self.door.is_quick(&request, self.role) {
            let answer = || self.door.answer(request, self.role);
            return outcome(guarded(&self.metrics, "an HTTP request", answer));
        }
        let Ok(Ok(permit)) =
            timeout(self.limits.queue, Arc::clone(&self.workers).acquire_owned()).await
        else {
            return (Outcome::Busy, busy());
        };
        let (door, metrics, role) = (Arc::clone(&self.door), Arc::clone(&self.metrics), self.role);
        let asked = tokio::task::spawn_blocking(move || {
            let response = guarded(&metrics, "an HTTP request", || door.answer(request, role));
            drop(permit);
            response
        });
        outcome(asked.await.ok().flatten())
    }
}

/// What came of asking; `None` when answering failed by our own fault.
fn outcome(answered: Option<Response>) -> (Outcome, Response) {
    match answered {
        Some(response) => (Outcome::Answered, response),
        None => (Outcome::Failed, failed()),
    }
}

/// An answer of our own, in the form that all our services give their errors in (protocols 0.2).
pub(crate) fn error(status: u16, error: &str, description: &str) -> Response {
    Response::json(
        status,
        &serde_json::json!({ "error": error, "error_description": description }),
    )
}

/// Why a request was not read.
enum NotRead {
    /// It is refused.
    Refused(Response),
    /// What others bring takes all the room.
    NoRoom,
}

/// A body of `limit` bytes at most, as far as there is room.
async fn collect(
    mut body: Incoming,
    limit: usize,
    freight: &mut Freight,
) -> Result<Bytes, NotRead> {
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| refused(400, "the request was cut short"))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = collected.len() + data.len();
        if length > limit {
            return Err(too_large());
        }
        if !freight.holds(length) {
            return Err(NotRead::NoRoom);
        }
        collected.extend_from_slice(&data);
    }
    Ok(collected.freeze())
}

fn refused(status: u16, why: &str) -> NotRead {
    NotRead::Refused(error(status, "invalid_request", why))
}

fn too_large() -> NotRead {
    refused(413, "the request is too long")
}

/// Our own failure, of which the peer learns no more than that.
pub(crate) fn failed() -> Response {
    error(500, "server_error", "the server failed; its log says why")
}

/// Come again: the server is busy.
pub(crate) fn busy() -> Response {
    error(
        503,
        "temporarily_unavailable",
        "the server is busy, try again",
    )
    .with_header("Retry-After", "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_keeps_its_place_while_a_whole_request_is_answered_and_no_longer() {
        let room = Room::new(Role::Https, 1, 9, Arc::default());
        let activity = Activity::new(room.admit(None).unwrap());
        let head = activity.begin();
        let (one, other) = (activity.answer(), activity.answer());
        drop(one);
        assert!(room.admit(None).is_none());
        drop((other, head));
        assert!(room.admit(None).is_some());
        assert_eq!(activity.under_way.load(Relaxed), 0);

        let activity = Activity::new(room.admit(None).unwrap());
        let _head_alone = activity.begin();
        assert!(room.admit(None).is_some());
    }
}
