//! Accepting connections until the server closes.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::room::{Room, Seat};

/// How long a listener rests when the system has no descriptor left for a connection.
const REST: Duration = Duration::from_millis(50);

/// Says when the server closes.
#[derive(Clone, Debug)]
pub(crate) struct Closing(watch::Receiver<bool>);

impl Closing {
    /// One who can close, and one who is told.
    pub(crate) fn pair() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Ends when the server closes.
    pub(crate) async fn closed(&mut self) {
        // An error means that whoever could close is gone, which is a closing too.
        let _ = self.0.wait_for(|closed| *closed).await;
    }
}

/// Hands every connection that finds room to `converse`, until `closing`; then waits for the conversations
/// that are under way (the runtime's own deadline ends those that never do).
pub(crate) async fn each<F, C>(
    listener: TcpListener,
    room: &Arc<Room>,
    closing: Closing,
    converse: F,
) where
    F: Fn(TcpStream, SocketAddr, Seat, Closing) -> C,
    C: Future<Output = ()> + Send + 'static,
{
    let mut conversations = JoinSet::new();
    let mut closed = closing.clone();
    loop {
        let accepted = tokio::select! {
            () = closed.closed() => break,
            Some(_) = conversations.join_next(), if !conversations.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some(seat) = room.admit(Some(peer.ip())) {
                    let _ = stream.set_nodelay(true);
                    conversations.spawn(converse(stream, peer, seat, closing.clone()));
                }
            }
            Err(error) => rest(&error).await,
        }
    }
    drop(listener);
    while conversations.join_next().await.is_some() {}
}

/// Waits a moment after a failed accept, unless the failure was the peer's, who left before we looked.
pub(crate) async fn rest(error: &io::Error) {
    if !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    ) {
        tracing::warn!(%error, "accepting a connection failed");
        tokio::time::sleep(REST).await;
    }
}
