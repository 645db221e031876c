//! The HTTPS and plain HTTP listeners.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

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
    let handshake = timeout(HANDSHAKE, shake_hands(&tls, stream));
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

/// TLS, under the certificate of whom the client asks for.
async fn shake_hands(tls: &Current, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let none = || io::Error::from(io::ErrorKind::NotFound);
    if !tls.asks_for_names() {
        let only = tls.get(None).ok_or_else(none)?;
        return TlsAcceptor::from(only).accept(stream).await;
    }
    let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let config = tls
        .get(begun.client_hello().server_name())
        .ok_or_else(none)?;
    begun.into_stream(config).await
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
