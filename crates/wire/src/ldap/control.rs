//! Controls (RFC 4511 4.1.11) and the values of those that this directory knows.

use super::Malformed;
use super::ber::{self, Reader, SEQUENCE, Writer, context};
use super::filter::Filter;
use super::result::ResultCode;

/// OIDs of controls. Active Directory's stand in [MS-ADTS] 3.1.1.3.4.1.
pub mod control_oid {
    /// Paged results (RFC 2696).
    pub const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
    /// Server-side sorting, the request (RFC 2891).
    pub const SORT_REQUEST: &str = "1.2.840.113556.1.4.473";
    /// Server-side sorting, the response (RFC 2891).
    pub const SORT_RESPONSE: &str = "1.2.840.113556.1.4.474";
    /// What changed since.
    pub const DIR_SYNC: &str = "1.2.840.113556.1.4.841";
    /// Which parts of security descriptors.
    pub const SD_FLAGS: &str = "1.2.840.113556.1.4.801";
    /// Deleted entries too.
    pub const SHOW_DELETED: &str = "1.2.840.113556.1.4.417";
    /// Recycled entries too.
    pub const SHOW_RECYCLED: &str = "1.2.840.113556.1.4.2064";
    /// Links to deleted entries too.
    pub const SHOW_DEACTIVATED_LINK: &str = "1.2.840.113556.1.4.2065";
    /// Names with GUID and SID.
    pub const EXTENDED_DN: &str = "1.2.840.113556.1.4.529";
    /// An entry with what hangs on it.
    pub const TREE_DELETE: &str = "1.2.840.113556.1.4.805";
    /// Values that are there, or are not, are no error.
    pub const PERMISSIVE_MODIFY: &str = "1.2.840.113556.1.4.1413";
    /// Need not be durable before the answer.
    pub const LAZY_COMMIT: &str = "1.2.840.113556.1.4.619";
    /// No referrals.
    pub const DOMAIN_SCOPE: &str = "1.2.840.113556.1.4.1339";
    /// Search options.
    pub const SEARCH_OPTIONS: &str = "1.2.840.113556.1.4.1340";
    /// Only if the entry is like this (RFC 4528).
    pub const ASSERTION: &str = "1.3.6.1.1.12";
    /// The entry as it was before (RFC 4527).
    pub const PRE_READ: &str = "1.3.6.1.1.13.1";
    /// The entry as it is afterwards (RFC 4527).
    pub const POST_READ: &str = "1.3.6.1.1.13.2";
    /// Referrals as entries (RFC 3296).
    pub const MANAGE_DSA_IT: &str = "2.16.840.1.113730.3.4.2";
    /// What a password must be.
    pub const PASSWORD_POLICY_HINTS: &str = "1.2.840.113556.1.4.2239";
}

/// What changes or adds to an operation.
///
/// ```text
/// Control ::= SEQUENCE {
///      controlType             LDAPOID,
///      criticality             BOOLEAN DEFAULT FALSE,
///      controlValue            OCTET STRING OPTIONAL }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control<'a> {
    /// Which: an OID.
    pub oid: &'a str,
    /// Whether the operation must not be done without it.
    pub critical: bool,
    /// The rest of it.
    pub value: Option<Vec<u8>>,
}

impl<'a> Control<'a> {
    /// A control that may be left aside.
    #[must_use]
    pub fn new(oid: &'a str, value: Option<Vec<u8>>) -> Self {
        Self {
            oid,
            critical: false,
            value,
        }
    }

    pub(super) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        let mut inner = from.inside(SEQUENCE)?;
        let oid = inner.text()?;
        let critical = inner.optional(ber::BOOLEAN)?;
        let value = inner.optional(ber::OCTET_STRING)?;
        inner.end()?;
        Ok(Self {
            oid,
            critical: critical.map(ber::boolean).transpose()? == Some(true),
            value: value.map(<[u8]>::to_vec),
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.sequence(|out| {
            out.octets(self.oid);
            if self.critical {
                out.boolean(ber::BOOLEAN, true);
            }
            if let Some(value) = &self.value {
                out.octets(value);
            }
        });
    }
}

/// A page of results (RFC 2696): `SEQUENCE { size INTEGER, cookie OCTET STRING }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagedResults {
    /// Entries of a page in a request; an estimate of all, or 0, in a response.
    pub size: i32,
    /// Where to go on: empty at the beginning, and at the end.
    pub cookie: Vec<u8>,
}

impl PagedResults {
    /// Reads the control's value.
    ///
    /// # Errors
    /// [`Malformed`] when it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        sequence(bytes, |from| {
            Ok(Self {
                size: small(from.integer()?)?,
                cookie: from.octets()?.to_vec(),
            })
        })
    }

    /// Writes the control's value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        written(|out| {
            out.integer(i64::from(self.size)).octets(&self.cookie);
        })
    }
}

/// By what entries are sorted (RFC 2891).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortKey {
    /// The attribute.
    pub attribute: String,
    /// The rule of its order.
    pub rule: Option<String>,
    /// From the last to the first.
    pub reverse: bool,
}

/// Reads the value of a sort request.
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn read_sort_keys(bytes: &[u8]) -> Result<Vec<SortKey>, Malformed> {
    sequence(bytes, |from| {
        let mut keys = Vec::new();
        while !from.is_empty() {
            let mut key = from.inside(SEQUENCE)?;
            let attribute = key.text()?.to_owned();
            let rule = key.optional(context(0))?.map(ber::text).transpose()?;
            let reverse = key.optional(context(1))?.map(ber::boolean).transpose()?;
            key.end()?;
            keys.push(SortKey {
                attribute,
                rule: rule.map(str::to_owned),
                reverse: reverse == Some(true),
            });
        }
        if keys.is_empty() {
            return Err(Malformed("a sort by nothing"));
        }
        Ok(keys)
    })
}

/// Writes the value of a sort request.
#[must_use]
pub fn sort_keys_value(keys: &[SortKey]) -> Vec<u8> {
    written(|out| {
        for key in keys {
            out.sequence(|out| {
                out.octets(&key.attribute);
                if let Some(rule) = &key.rule {
                    out.value(context(0), rule.as_bytes());
                }
                if key.reverse {
                    out.boolean(context(1), true);
                }
            });
        }
    })
}

/// Reads the value of a sort response: the result, and the attribute that is to blame.
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn read_sort_response(bytes: &[u8]) -> Result<(ResultCode, Option<String>), Malformed> {
    sequence(bytes, |from| {
        let code = ResultCode::from_number(from.enumerated()?)
            .ok_or(Malformed("a result code that nobody knows"))?;
        let attribute = from.optional(context(0))?.map(ber::text).transpose()?;
        Ok((code, attribute.map(str::to_owned)))
    })
}

/// Writes the value of a sort response.
#[must_use]
pub fn sort_response_value(code: ResultCode, attribute: Option<&str>) -> Vec<u8> {
    written(|out| {
        out.enumerated(i64::from(code.number()));
        if let Some(attribute) = attribute {
            out.value(context(0), attribute.as_bytes());
        }
    })
}

/// What somebody who follows changes asks ([MS-ADTS] 3.1.1.3.4.1.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirSyncRequest {
    /// 0x1 object security, 0x800 ancestors first, 0x2000 public data only, 0x8000_0000 incremental values.
    pub flags: u32,
    /// Bytes of attributes at most.
    pub max_bytes: i32,
    /// Where to go on: empty at the beginning.
    pub cookie: Vec<u8>,
}

impl DirSyncRequest {
    /// Reads the control's value. The flags are a signed number for some and an unsigned one for others.
    ///
    /// # Errors
    /// [`Malformed`] when it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        sequence(bytes, |from| {
            let flags = from.integer()?;
            let flags = u32::try_from(flags)
                .or_else(|_| i32::try_from(flags).map(i32::cast_unsigned))
                .map_err(|_| Malformed("flags of more than 32 bits"))?;
            Ok(Self {
                flags,
                max_bytes: small(from.integer()?)?,
                cookie: from.octets()?.to_vec(),
            })
        })
    }

    /// Writes the control's value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        written(|out| {
            out.integer(i64::from(self.flags.cast_signed()))
                .integer(i64::from(self.max_bytes))
                .octets(&self.cookie);
        })
    }
}

/// What somebody who follows changes is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirSyncResponse {
    /// Whether there is more at once.
    pub more: bool,
    /// Where to go on.
    pub cookie: Vec<u8>,
}

impl DirSyncResponse {
    /// Reads the control's value.
    ///
    /// # Errors
    /// [`Malformed`] when it is none.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        sequence(bytes, |from| {
            let more = from.integer()? != 0;
            from.integer()?;
            Ok(Self {
                more,
                cookie: from.octets()?.to_vec(),
            })
        })
    }

    /// Writes the control's value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        written(|out| {
            // The number in the middle is the cookie's length for Active Directory's clients, who do not look at it.
            let length = i64::try_from(self.cookie.len()).unwrap_or(0);
            out.integer(i64::from(self.more))
                .integer(length)
                .octets(&self.cookie);
        })
    }
}

/// Reads a value that is one number in a sequence: SD flags, search options, password policy hints.
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn read_integer(bytes: &[u8]) -> Result<i64, Malformed> {
    sequence(bytes, Reader::integer)
}

/// Writes a value that is one number in a sequence.
#[must_use]
pub fn integer_value(number: i64) -> Vec<u8> {
    written(|out| {
        out.integer(number);
    })
}

/// Reads the value of an extended DN control: whether GUID and SID come as texts, not as hex. No value means hex.
///
/// # Errors
/// [`Malformed`] when it is none.
pub fn read_extended_dn(bytes: Option<&[u8]>) -> Result<bool, Malformed> {
    match bytes {
        None | Some([]) => Ok(false),
        Some(bytes) => match read_integer(bytes)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed("a form of extended names that nobody knows")),
        },
    }
}

/// Writes the value of an extended DN control.
#[must_use]
pub fn extended_dn_value(texts: bool) -> Vec<u8> {
    integer_value(i64::from(texts))
}

/// Reads the attributes that a pre-read or post-read asks for.
///
/// # Errors
/// [`Malformed`] when it is no list of them.
pub fn read_attribute_list(bytes: &[u8]) -> Result<Vec<&str>, Malformed> {
    sequence(bytes, |from| {
        let mut list = Vec::new();
        while !from.is_empty() {
            list.push(from.text()?);
        }
        Ok(list)
    })
}

/// Writes the attributes that a pre-read or post-read asks for.
#[must_use]
pub fn attribute_list_value(attributes: &[&str]) -> Vec<u8> {
    written(|out| {
        for attribute in attributes {
            out.octets(attribute);
        }
    })
}

/// Writes the value of an assertion control (RFC 4528): the filter.
#[must_use]
pub fn assertion_value(filter: &Filter<'_>) -> Vec<u8> {
    filter.encode()
}

fn sequence<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    let mut outer = Reader::new(bytes);
    let mut inner = outer.inside(SEQUENCE)?;
    outer.end()?;
    let value = read(&mut inner)?;
    inner.end()?;
    Ok(value)
}

fn written(write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut out = Writer::default();
    out.sequence(write);
    out.finish()
}

fn small(number: i64) -> Result<i32, Malformed> {
    i32::try_from(number).map_err(|_| Malformed("a number out of its range"))
}
