//! The values of the rows. Each begins with a version; numbers are big-endian, texts have their length in front.

use wire::x509::ocsp::CertificateStatus;
use wire::x509::{Certificate, Reason};

use crate::Timestamp;

const VERSION: u8 = 1;

/// How certificates of an issuer are mapped to accounts (protocols E.5.2 to E.5.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mapping {
    /// By what is listed on the account alone: an issuer outside of the domain cannot know our SIDs.
    #[default]
    Explicit,
    /// By the SID in the certificate, too: the issuer is trusted to name our people.
    Sid,
    /// By the names in the certificate, too: the issuer is trusted to name our people, and to never give a name away
    /// again. Strong mapping is given up for it.
    Name,
}

impl Mapping {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Explicit, Self::Sid, Self::Name];

    /// Its word: `explicit`, `sid`, `name`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::Sid => "sid",
            Self::Name => "name",
        }
    }
}

/// What is asked of revocation before a certificate signs in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Requirement {
    /// That it is known not to be revoked.
    #[default]
    Require,
    /// That it is not known to be revoked, where nobody who should know can be asked.
    Soft,
}

impl Requirement {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Require, Self::Soft];

    /// Its word: `require`, `soft`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Require => "require",
            Self::Soft => "soft",
        }
    }
}

/// What an administrator said about a trusted issuer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// How its certificates are mapped.
    pub mapping: Mapping,
    /// What is asked of revocation; `None` for the realm's rule.
    pub revocation: Option<Requirement>,
    /// Where its list is found; empty where its certificates say so themselves, or where the list is brought by hand.
    pub lists: Vec<String>,
    /// Where its OCSP responder is found; empty where its certificates say so themselves.
    pub responders: Vec<String>,
}

impl Settings {
    /// The row's value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let revocation = match self.revocation {
            None => 0,
            Some(Requirement::Require) => 1,
            Some(Requirement::Soft) => 2,
        };
        let mapping = match self.mapping {
            Mapping::Explicit => 0,
            Mapping::Sid => 1,
            Mapping::Name => 2,
        };
        let mut bytes = vec![VERSION, mapping, revocation];
        for texts in [&self.lists, &self.responders] {
            bytes.push(u8::try_from(texts.len()).unwrap_or(u8::MAX));
            for text in texts.iter().take(u8::MAX.into()) {
                let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
                bytes.extend(length.to_be_bytes());
                bytes.extend(text.bytes().take(length.into()));
            }
        }
        bytes
    }

    /// Reads a row's value; `None` for one that was not written by [`Settings::to_bytes`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [VERSION, mapping, revocation, rest @ ..] = bytes else {
            return None;
        };
        let mut rest = rest;
        let mut texts = || -> Option<Vec<String>> {
            let (&count, mut left) = rest.split_first()?;
            let mut texts = Vec::new();
            for _ in 0..count {
                let (length, after) = left.split_first_chunk()?;
                let (text, after) = after.split_at_checked(u16::from_be_bytes(*length).into())?;
                texts.push(core::str::from_utf8(text).ok()?.to_owned());
                left = after;
            }
            rest = left;
            Some(texts)
        };
        let settings = Self {
            mapping: match mapping {
                0 => Mapping::Explicit,
                1 => Mapping::Sid,
                2 => Mapping::Name,
                _ => return None,
            },
            revocation: match revocation {
                0 => None,
                1 => Some(Requirement::Require),
                2 => Some(Requirement::Soft),
                _ => return None,
            },
            lists: texts()?,
            responders: texts()?,
        };
        rest.is_empty().then_some(settings)
    }
}

/// What is known of an issuer's list: until its end, whoever has no row in [`REVOKED`](super::REVOKED) is not revoked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListRow {
    /// When the list was made.
    pub this_update: Timestamp,
    /// Until when it holds.
    pub next_update: Timestamp,
    /// When it came in.
    pub fetched: Timestamp,
    /// Its number; 0 where it has none.
    pub number: u64,
    /// How many certificates it revokes.
    pub entries: u64,
    /// Where it came from; empty when it was brought by hand.
    pub place: String,
    /// The issuer's certificate, to check the next one by.
    pub issuer: Vec<u8>,
}

impl ListRow {
    /// The row's value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let place = self.place.as_bytes();
        let length = u16::try_from(place.len()).unwrap_or(u16::MAX);
        let mut bytes = vec![VERSION];
        for moment in [self.this_update, self.next_update, self.fetched] {
            bytes.extend(moment.micros().to_be_bytes());
        }
        bytes.extend(self.number.to_be_bytes());
        bytes.extend(self.entries.to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes.extend(place.iter().take(length.into()));
        bytes.extend(&self.issuer);
        bytes
    }

    /// Reads a row's value.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&[VERSION])?;
        let mut number = || -> Option<[u8; 8]> {
            let (number, after) = rest.split_first_chunk()?;
            rest = after;
            Some(*number)
        };
        let moment = |bytes| Timestamp::from_micros(i64::from_be_bytes(bytes));
        let (this_update, next_update) = (moment(number()?), moment(number()?));
        let fetched = moment(number()?);
        let (list, entries) = (number()?, number()?);
        let (length, rest) = rest.split_first_chunk()?;
        let (place, issuer) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        Some(Self {
            this_update,
            next_update,
            fetched,
            number: u64::from_be_bytes(list),
            entries: u64::from_be_bytes(entries),
            place: core::str::from_utf8(place).ok()?.to_owned(),
            issuer: issuer.to_vec(),
        })
    }

    /// The issuer's certificate.
    #[must_use]
    pub fn issuer(&self) -> Option<Certificate> {
        Certificate::parse(&self.issuer).ok()
    }
}

/// One revoked certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RevokedRow {
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: Reason,
}

impl RevokedRow {
    /// The row's value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.reason.code()];
        bytes.extend(self.since.micros().to_be_bytes());
        bytes
    }

    /// Reads a row's value.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [VERSION, reason, since @ ..] = bytes else {
            return None;
        };
        Some(Self {
            since: Timestamp::from_micros(i64::from_be_bytes(since.try_into().ok()?)),
            reason: Reason::from_code(*reason)?,
        })
    }
}

/// What a responder said of one certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OcspRow {
    /// The answer.
    pub status: CertificateStatus,
    /// Until when it may be used.
    pub until: Timestamp,
}

impl OcspRow {
    /// The row's value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (status, since, reason) = match self.status {
            CertificateStatus::Good => (0, 0, Reason::Unspecified),
            CertificateStatus::Revoked { since, reason } => (1, since, reason),
            CertificateStatus::Unknown => (2, 0, Reason::Unspecified),
        };
        let mut bytes = vec![VERSION, status, reason.code()];
        bytes.extend(since.to_be_bytes());
        bytes.extend(self.until.micros().to_be_bytes());
        bytes
    }

    /// Reads a row's value.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let [VERSION, status, reason, rest @ ..] = bytes else {
            return None;
        };
        let (since, until) = rest.split_first_chunk()?;
        Some(Self {
            status: match status {
                0 => CertificateStatus::Good,
                1 => CertificateStatus::Revoked {
                    since: i64::from_be_bytes(*since),
                    reason: Reason::from_code(*reason)?,
                },
                2 => CertificateStatus::Unknown,
                _ => return None,
            },
            until: Timestamp::from_micros(i64::from_be_bytes(until.try_into().ok()?)),
        })
    }
}
