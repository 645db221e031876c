//! Lists and certificates for whoever asks by plain HTTP (protocols G.1, PKI-CDP-1).

use directory::Snapshot;
use trust::{Span, Timestamp};
use wire::http::{Method, Request, Response};
use wire::x509::Certificate;

use crate::ca::Ca;
use crate::fault::Fault;
use crate::list;
use crate::records::{self, AUTHORITIES, AuthorityRow};

/// How long a copy of a list may be used without asking again. A revocation shows after that at the latest
/// (protocols G.3: 15 minutes).
const FRESH: Span = Span::minutes(5);

/// Answers a request for `/<authority>.crl` or `/<authority>.crt`, below the path of publication.
///
/// # Errors
/// [`Fault`] when the directory fails.
pub fn answer(
    request: &Request,
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Result<Response, Fault> {
    if !matches!(request.method, Method::Get | Method::Head) {
        return Ok(Response::text(405, "only GET and HEAD").with_header("Allow", "GET, HEAD"));
    }
    let file = request.path.rsplit('/').next().unwrap_or_default();
    let found = match file.rsplit_once('.') {
        Some((name, "crl")) => match Ca::from_name(name) {
            Some(ca) => list::current(snapshot, ca, now)?
                .map(|current| (current.list, "application/pkix-crl")),
            None => None,
        },
        Some((name, "crt")) => match Ca::from_name(name) {
            Some(ca) => authority(snapshot, ca, now)?
                .map(|certificate| (certificate.der().to_vec(), "application/pkix-cert")),
            None => None,
        },
        _ => None,
    };
    let Some((body, kind)) = found else {
        return Ok(Response::text(404, "no such list or certificate"));
    };
    let age = format!("public, max-age={}", FRESH.as_seconds());
    Ok(Response::bytes(200, kind, body).with_header("Cache-Control", &age))
}

/// The certificate of an authority; `None` until it is founded.
///
/// # Errors
/// [`Fault`] when the directory fails or the certificate does not decode.
pub fn authority(
    snapshot: &Snapshot<'_>,
    ca: Ca,
    now: Timestamp,
) -> Result<Option<Certificate>, Fault> {
    let Some(record) = snapshot.record(AUTHORITIES, ca.name().as_bytes(), now)? else {
        return Ok(None);
    };
    let row: AuthorityRow = records::read(&record, "authority")?;
    let Some(der) = row.certificate else {
        return Ok(None);
    };
    Certificate::parse(der.as_bytes())
        .map(Some)
        .map_err(|_| Fault::Corrupt("certificate of an authority"))
}
