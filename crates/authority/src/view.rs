//! What was issued, for administrators.

use directory::Snapshot;
use trust::Timestamp;
use wire::Guid;
use wire::x509::{Certificate, Reason};

use crate::ca::Ca;
use crate::fault::Fault;
use crate::issue;
use crate::records::{self, ISSUED, IssuedRow};

/// A certificate that was issued.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Issued {
    /// Who issued it.
    pub ca: Ca,
    /// The certificate.
    pub certificate: Certificate,
    /// When it was signed.
    pub at: Timestamp,
    /// The number of its entry in the log.
    pub sequence: u64,
    /// objectGUID of the entry that it lives with.
    pub holder: Option<Guid>,
    /// Since when it is revoked or on hold, and why.
    pub revoked: Option<(Timestamp, Reason)>,
}

impl Issued {
    fn read(ca: Ca, record: &directory::Record) -> Result<Self, Fault> {
        const CORRUPT: Fault = Fault::Corrupt("certificate");
        let row: IssuedRow = records::read(record, "certificate")?;
        let revoked = match row.revoked {
            None => None,
            Some(revoked) => {
                let reason = Reason::from_code(revoked.reason).ok_or(CORRUPT)?;
                Some((records::seconds(revoked.since), reason))
            }
        };
        Ok(Self {
            ca,
            certificate: Certificate::parse(row.certificate.as_bytes()).map_err(|_| CORRUPT)?,
            at: Timestamp::from_micros(row.at),
            sequence: row.sequence,
            holder: issue::guid(row.holder.as_ref())?,
            revoked,
        })
    }
}

/// The certificate that an authority issued under a serial number, the content octets of its INTEGER.
///
/// # Errors
/// [`Fault`] when the directory fails or the row does not decode.
pub fn certificate(
    snapshot: &Snapshot<'_>,
    ca: Ca,
    serial: &[u8],
    now: Timestamp,
) -> Result<Option<Issued>, Fault> {
    let key = records::serialled(ca, serial);
    snapshot
        .record(ISSUED, &key, now)?
        .map(|record| Issued::read(ca, &record))
        .transpose()
}

/// The certificates of an authority in the order of their serial numbers, at most `limit` from the first after
/// `after`.
///
/// # Errors
/// [`Fault`] when the directory fails or a row does not decode.
pub fn certificates(
    snapshot: &Snapshot<'_>,
    ca: Ca,
    after: Option<&[u8]>,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Issued>, Fault> {
    let mut start = records::prefix(ca);
    if let Some(after) = after {
        start.extend_from_slice(after);
        start.push(0);
    }
    let end = records::end(ca);
    let rows = snapshot.records(ISSUED, &start, &end, limit, now)?;
    rows.iter().map(|row| Issued::read(ca, row)).collect()
}
