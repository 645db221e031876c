//! What is answered, where that is more than a result (RFC 4511 4.2.2, 4.5.2, 4.12).

use core::fmt;

use super::Malformed;
use super::ber::{self, Reader, Writer, context};
use super::message::{
    Attribute, BIND_RESPONSE, EXTENDED_RESPONSE, SEARCH_RESULT_ENTRY, SEARCH_RESULT_REFERENCE,
    attributes, write_attributes,
};
use super::result::LdapResult;

/// What a bind came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindResponse<'a> {
    /// Its result.
    pub result: LdapResult,
    /// What the mechanism of SASL has to say.
    pub credentials: Option<&'a [u8]>,
}

impl<'a> BindResponse<'a> {
    pub(super) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            result: LdapResult::read(from)?,
            credentials: from.optional(context(7))?,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.constructed(BIND_RESPONSE, |out| {
            self.result.write(out);
            if let Some(credentials) = self.credentials {
                out.value(context(7), credentials);
            }
        });
    }
}

/// An entry that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchResultEntry<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its attributes.
    pub attributes: Vec<Attribute<'a>>,
}

impl<'a> SearchResultEntry<'a> {
    /// Writes the entry alone, as controls carry one (RFC 4527): `[APPLICATION 4]`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.write(&mut out);
        out.finish()
    }

    pub(super) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            name: from.text()?,
            attributes: attributes(from)?,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.constructed(SEARCH_RESULT_ENTRY, |out| {
            out.octets(self.name);
            write_attributes(out, &self.attributes);
        });
    }
}

/// What something else came to.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtendedResponse<'a> {
    /// Its result.
    pub result: LdapResult,
    /// What it is: an OID.
    pub name: Option<&'a str>,
    /// The rest of it.
    pub value: Option<&'a [u8]>,
}

impl fmt::Debug for ExtendedResponse<'_> {
    /// Without the value, which may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtendedResponse")
            .field("result", &self.result)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<'a> ExtendedResponse<'a> {
    pub(super) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            result: LdapResult::read(from)?,
            name: from.optional(context(10))?.map(ber::text).transpose()?,
            value: from.optional(context(11))?,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.constructed(EXTENDED_RESPONSE, |out| {
            self.result.write(out);
            if let Some(name) = self.name {
                out.value(context(10), name.as_bytes());
            }
            if let Some(value) = self.value {
                out.value(context(11), value);
            }
        });
    }
}

pub(super) fn write_references(out: &mut Writer, urls: &[&str]) {
    out.constructed(SEARCH_RESULT_REFERENCE, |out| {
        for url in urls {
            out.octets(url);
        }
    });
}
