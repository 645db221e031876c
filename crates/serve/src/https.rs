//! The HTTPS and plain HTTP listeners.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::accept::{self, Closing};
use crate::conversation::Conversations;
use crate::door::Caller;
use crate::room::Seat;
use crate::tls::Current;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Serves HTTPS on `listener` until `closing`.
pub(crate) async fn serve(
    web: Arc<Conversations>,
    tls: Arc<Current>,
    listener: TcpListener,
    closing: Closing,
) {
    let room = Arc::clone(&web.room);
    accept::each(
        listener,
        &room,
        closing,
        move |stream, peer, seat, closing| {
            secured(
                Arc::clone(&web),
                Arc::clone(&tls),
                stream,
                peer,
                seat,
                closing,
            )
        },
    )
    .await;
}

async fn secured(
    web: Arc<Conversations>,
    tls: Arc<Current>,
    stream: TcpStream,
    peer: SocketAddr,
    seat: Seat,
    mut closing: Closing,
) {
    let handshake = timeout(HANDSHAKE, TlsAcceptor::from(tls.get()).accept(stream));
    let stream = tokio::select! {
        Ok(Ok(stream)) = handshake => stream,
        () = seat.evicted() => return,
        () = closing.closed() => return,
        else => return,
    };
    let session = stream.get_ref().1;
    let certificate = session
        .peer_certificates()
        .and_then(|chain| chain.first())
        .map(|own| Arc::from(own.as_ref()));
    let http2 = session.alpn_protocol() == Some(b"h2");
    let caller = Caller {
        role: web.role,
        peer: Some(peer),
        certificate,
    };
    web.converse(stream, http2, caller, seat, closing).await;
}

/// Serves plain HTTP on `listener` until `closing`.
pub(crate) async fn serve_plain(web: Arc<Conversations>, listener: TcpListener, closing: Closing) {
    let room = Arc::clone(&web.room);
    accept::each(
        listener,
        &room,
        closing,
        move |stream, peer, seat, closing| {
            let caller = Caller {
                role: web.role,
                peer: Some(peer),
                certificate: None,
            };
            Arc::clone(&web).converse(stream, false, caller, seat, closing)
        },
    )
    .await;
}
