//! What is asked: the requests (RFC 4511 4.2 to 4.12).

use core::fmt;

use super::Malformed;
use super::ber::{self, Reader, SEQUENCE, Writer, context, context_constructed};
use super::filter::Filter;
use super::message::{
    ADD_REQUEST, Attribute, BIND_REQUEST, COMPARE_REQUEST, EXTENDED_REQUEST, MODIFY_DN_REQUEST,
    MODIFY_REQUEST, SEARCH_REQUEST, attributes, natural, texts, write_attributes,
};

/// Who a connection is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindRequest<'a> {
    /// The protocol's version; 3 is what there is.
    pub version: u8,
    /// The name of who signs in; empty with SASL.
    pub name: &'a str,
    /// How it is proven.
    pub authentication: Authentication<'a>,
}

/// How a name is proven.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// By a password, which stands there as it is.
    Simple(&'a [u8]),
    /// By a mechanism of SASL.
    Sasl {
        /// Its name.
        mechanism: &'a str,
        /// What it has to say, if anything.
        credentials: Option<&'a [u8]>,
    },
    /// By something else, of which we know the tag alone: Active Directory's NTLM without SASL ([MS-ADTS] 5.1.1.1.3).
    Other(u8),
}

impl fmt::Debug for Authentication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(_) => f.write_str("Simple"),
            Self::Sasl { mechanism, .. } => write!(f, "Sasl({mechanism})"),
            Self::Other(tag) => write!(f, "Other({tag:#x})"),
        }
    }
}

/// How far below its base a search looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The base itself.
    Base,
    /// What hangs on the base.
    One,
    /// The base and everything below.
    Subtree,
}

/// A search.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchRequest<'a> {
    /// Where to look.
    pub base: &'a str,
    /// How far below.
    pub scope: Scope,
    /// What to do about aliases: `neverDerefAliases` (0) to `derefAlways` (3).
    pub deref_aliases: u8,
    /// Entries at most; 0 for as many as there are.
    pub size_limit: i32,
    /// Seconds at most; 0 for as long as it takes.
    pub time_limit: i32,
    /// Whether attributes come without their values.
    pub types_only: bool,
    /// Which entries.
    pub filter: Filter<'a>,
    /// Which attributes of them; all of users' when empty.
    pub attributes: Vec<&'a str>,
}

/// What is done with an attribute's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModificationKind {
    /// Values are added.
    Add,
    /// Values, or all of them where none are named, are removed.
    Delete,
    /// These are the values from now on.
    Replace,
    /// A number grows by this one (RFC 4525).
    Increment,
}

/// One change of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modification<'a> {
    /// What is done.
    pub kind: ModificationKind,
    /// With which values of which attribute.
    pub attribute: Attribute<'a>,
}

/// Changes of an entry, all or none, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModifyRequest<'a> {
    /// The entry's name.
    pub name: &'a str,
    /// The changes.
    pub changes: Vec<Modification<'a>>,
}

/// A new entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddRequest<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its attributes.
    pub attributes: Vec<Attribute<'a>>,
}

/// Another name or place for an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModifyDnRequest<'a> {
    /// Its name.
    pub name: &'a str,
    /// The first part of its new name.
    pub new_rdn: &'a str,
    /// Whether the former name is no value of it any more.
    pub delete_old_rdn: bool,
    /// What it hangs on from now on, if that is to change.
    pub new_superior: Option<&'a str>,
}

/// Whether an entry has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompareRequest<'a> {
    /// The entry's name.
    pub name: &'a str,
    /// The attribute.
    pub attribute: &'a str,
    /// The value.
    pub value: &'a [u8],
}

/// Something else.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtendedRequest<'a> {
    /// What: an OID.
    pub name: &'a str,
    /// The rest of it.
    pub value: Option<&'a [u8]>,
}

impl fmt::Debug for ExtendedRequest<'_> {
    /// Without the value, which may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExtendedRequest({})", self.name)
    }
}

const SASL: u8 = context_constructed(3);

impl<'a> BindRequest<'a> {
    pub(super) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        let version = from.integer()?;
        let name = from.text()?;
        let (tag, contents) = from.next()?;
        let authentication = match tag {
            0x80 => Authentication::Simple(contents),
            SASL => {
                let mut sasl = Reader::new(contents);
                let mechanism = sasl.text()?;
                let credentials = sasl.optional(ber::OCTET_STRING)?;
                sasl.end()?;
                Authentication::Sasl {
                    mechanism,
                    credentials,
                }
            }
            // [APPLICATION], [PRIVATE] or universal is none of the choices, known or to come.
            _ if tag & 0xc0 != 0x80 => return Err(Malformed("a bind of no known form")),
            _ => Authentication::Other(tag),
        };
        Ok(Self {
            version: u8::try_from(version)
                .ok()
                .filter(|version| *version < 128)
                .ok_or(Malformed("a version out of its range"))?,
            name,
            authentication,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.constructed(BIND_REQUEST, |out| {
            out.integer(i64::from(self.version)).octets(self.name);
            match self.authentication {
                Authentication::Simple(password) => {
                    out.value(context(0), password);
                }
                Authentication::Sasl {
                    mechanism,
                    credentials,
                } => {
                    out.constructed(SASL, |out| {
                        out.octets(mechanism);
                        if let Some(credentials) = credentials {
                            out.octets(credentials);
                        }
                    });
                }
                Authentication::Other(tag) => {
                    out.value(tag, &[]);
                }
            }
        });
    }
}

impl<'a> SearchRequest<'a> {
    pub(super) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        let base = from.text()?;
        let scope = match from.enumerated()? {
            0 => Scope::Base,
            1 => Scope::One,
            2 => Scope::Subtree,
            _ => return Err(Malformed("a scope that nobody knows")),
        };
        let deref_aliases = u8::try_from(from.enumerated()?)
            .ok()
            .filter(|choice| *choice <= 3)
            .ok_or(Malformed("a choice about aliases that nobody knows"))?;
        let size_limit = natural(from.integer()?)?;
        let time_limit = natural(from.integer()?)?;
        let types_only = from.boolean()?;
        let filter = Filter::read(from)?;
        let mut list = from.inside(SEQUENCE)?;
        let attributes = texts(&mut list)?;
        Ok(Self {
            base,
            scope,
            deref_aliases,
            size_limit,
            time_limit,
            types_only,
            filter,
            attributes,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.constructed(SEARCH_REQUEST, |out| {
            out.octets(self.base)
                .enumerated(match self.scope {
                    Scope::Base => 0,
                    Scope::One => 1,
                    Scope::Subtree => 2,
                })
                .enumerated(i64::from(self.deref_aliases))
                .integer(i64::from(self.size_limit))
                .integer(i64::from(self.time_limit))
                .boolean(ber::BOOLEAN, self.types_only);
            self.filter.write(out);
            out.sequence(|out| {
                for attribute in &self.attributes {
                    out.octets(attribute);
                }
            });
        });
    }
}

impl<'a> ModifyRequest<'a> {
    pub(super) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        let name = from.text()?;
        let mut list = from.inside(SEQUENCE)?;
        let mut changes = Vec::new();
        while !list.is_empty() {
            let mut change = list.inside(SEQUENCE)?;
            let kind = match change.enumerated()? {
                0 => ModificationKind::Add,
                1 => ModificationKind::Delete,
                2 => ModificationKind::Replace,
                3 => ModificationKind::Increment,
                _ => return Err(Malformed("a change of a kind that nobody knows")),
            };
            let attribute = Attribute::read(&mut change)?;
            change.end()?;
            changes.push(Modification { kind, attribute });
        }
        Ok(Self { name, changes })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.constructed(MODIFY_REQUEST, |out| {
            out.octets(self.name).sequence(|out| {
                for change in &self.changes {
                    out.sequence(|out| {
                        out.enumerated(match change.kind {
                            ModificationKind::Add => 0,
                            ModificationKind::Delete => 1,
                            ModificationKind::Replace => 2,
                            ModificationKind::Increment => 3,
                        });
                        change.attribute.write(out);
                    });
                }
            });
        });
    }
}

impl<'a> AddRequest<'a> {
    pub(super) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            name: from.text()?,
            attributes: attributes(from)?,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.constructed(ADD_REQUEST, |out| {
            out.octets(self.name);
            write_attributes(out, &self.attributes);
        });
    }
}

impl<'a> ModifyDnRequest<'a> {
    pub(super) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            name: from.text()?,
            new_rdn: from.text()?,
            delete_old_rdn: from.boolean()?,
            new_superior: from.optional(context(0))?.map(ber::text).transpose()?,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.constructed(MODIFY_DN_REQUEST, |out| {
            out.octets(self.name)
                .octets(self.new_rdn)
                .boolean(ber::BOOLEAN, self.delete_old_rdn);
            if let Some(superior) = self.new_superior {
                out.value(context(0), superior.as_bytes());
            }
        });
    }
}

impl<'a> CompareRequest<'a> {
    pub(super) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        let name = from.text()?;
        let mut assertion = from.inside(SEQUENCE)?;
        let request = Self {
            name,
            attribute: assertion.text()?,
            value: assertion.octets()?,
        };
        assertion.end()?;
        Ok(request)
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.constructed(COMPARE_REQUEST, |out| {
            out.octets(self.name).sequence(|out| {
                out.octets(self.attribute).octets(self.value);
            });
        });
    }
}

impl<'a> ExtendedRequest<'a> {
    pub(super) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            name: ber::text(from.expect(context(0))?)?,
            value: from.optional(context(1))?,
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.constructed(EXTENDED_REQUEST, |out| {
            out.value(context(0), self.name.as_bytes());
            if let Some(value) = self.value {
                out.value(context(1), value);
            }
        });
    }
}
