//! The least that a token endpoint can be: hyper, rustls and a signature by ES256, no directory, no client, no audit log.
//!
//! `tokenfloor ADDRESS CERTIFICATE.pem KEY.pem`: a POST gets a token that says the same of nobody, a GET the key that signs.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
    made: AtomicU64,
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, certificate, key] = arguments.as_slice() else {
        eprintln!("tokenfloor ADDRESS CERTIFICATE.pem KEY.pem");
        std::process::exit(2);
    };
    let chain = CertificateDer::pem_file_iter(certificate).expect("the certificate's file");
    let chain: Result<Vec<_>, _> = chain.collect();
    let key = PrivateKeyDer::from_pem_file(key).expect("the key's file");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain.expect("certificates"), key)
        .expect("a key that suits its certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let signer = Arc::new(Signer {
        key: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"),
        random: SystemRandom::new(),
        made: AtomicU64::new(0),
    });
    let listener = TcpListener::bind(address).await.expect("a free address");
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(converse(acceptor.clone(), Arc::clone(&signer), stream));
        }
    }
}

async fn converse(acceptor: TlsAcceptor, signer: Arc<Signer>, stream: TcpStream) {
    stream.set_nodelay(true).expect("it is TCP");
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let service = service_fn(move |request| answer(Arc::clone(&signer), request));
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    signer: Arc<Signer>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = match *request.method() {
        Method::GET => signer.jwks(),
        _ => {
            let read = request.into_body().collect().await;
            drop(read);
            signer.answer()
        }
    };
    let response = Response::builder()
        .header("content-type", "application/json")
        .header("cache-control", "no-store")
        .body(Full::new(Bytes::from(body)));
    Ok(response.expect("fields that are right"))
}

impl Signer {
    fn answer(&self) -> String {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        // As long as what an application gets for itself.
        let claims = format!(
            "{{\"iss\":\"https://login.bench.test/11111111-0000-4000-8000-000000000001/v2.0\",\"aud\":\"urn:bench:wiki\",\"iat\":{now},\
             \"nbf\":{now},\"exp\":{},\"jti\":\"22222222-0000-4000-8000-{number:012x}\",\"sub\":\"33333333-0000-4000-8000-000000000001\",\
             \"ver\":\"2.0\",\"appid\":\"33333333-0000-4000-8000-000000000001\",\"appidacr\":\"1\",\"idtyp\":\"app\",\"roles\":[],\
             \"tid\":\"11111111-0000-4000-8000-000000000001\"}}",
            now + 3600,
        );
        let mut token = BASE64.encode("{\"alg\":\"ES256\",\"typ\":\"app+jwt\",\"kid\":\"bench\"}");
        token.push('.');
        BASE64.encode_string(claims, &mut token);
        let signature = self.key.sign(&self.random, token.as_bytes());
        token.push('.');
        BASE64.encode_string(signature.expect("a key signs"), &mut token);
        format!("{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":3600}}")
    }

    fn jwks(&self) -> String {
        let point = self.key.public_key().as_ref();
        let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
        format!(
            "{{\"keys\":[{{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"bench\",\"x\":\"{x}\",\"y\":\"{y}\"}}]}}"
        )
    }
}
