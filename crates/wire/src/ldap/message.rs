//! Messages and operations (RFC 4511 4).

use core::fmt;

use super::Malformed;
use super::ber::{self, Reader, SEQUENCE, Writer, context, context_constructed};
use super::control::Control;
use super::filter::Filter;
use super::result::LdapResult;

/// A message.
///
/// ```text
/// LDAPMessage ::= SEQUENCE {
///      messageID       INTEGER (0 ..  maxInt),
///      protocolOp      CHOICE { ... },
///      controls       [0] Controls OPTIONAL }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Message<'a> {
    /// Which of the connection's operations it belongs to; 0 for what nobody asked.
    pub id: i32,
    /// What is asked or answered.
    pub operation: Operation<'a>,
    /// What changes or adds to it.
    pub controls: Vec<Control<'a>>,
}

/// What a message asks or answers. The tags are RFC 4511's `[APPLICATION n]`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "each is the type of its name")]
pub enum Operation<'a> {
    BindRequest(BindRequest<'a>),
    BindResponse(BindResponse<'a>),
    UnbindRequest,
    SearchRequest(SearchRequest<'a>),
    SearchResultEntry(SearchResultEntry<'a>),
    SearchResultDone(LdapResult),
    /// URLs to go on at.
    SearchResultReference(Vec<&'a str>),
    ModifyRequest(ModifyRequest<'a>),
    ModifyResponse(LdapResult),
    AddRequest(AddRequest<'a>),
    AddResponse(LdapResult),
    /// The entry's name.
    DelRequest(&'a str),
    DelResponse(LdapResult),
    ModifyDnRequest(ModifyDnRequest<'a>),
    ModifyDnResponse(LdapResult),
    CompareRequest(CompareRequest<'a>),
    CompareResponse(LdapResult),
    /// The message that started what is to end.
    AbandonRequest(i32),
    ExtendedRequest(ExtendedRequest<'a>),
    ExtendedResponse(ExtendedResponse<'a>),
}

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

/// What a bind came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindResponse<'a> {
    /// Its result.
    pub result: LdapResult,
    /// What the mechanism of SASL has to say.
    pub credentials: Option<&'a [u8]>,
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

/// An attribute with values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its description: a name or OID, and options after semicolons.
    pub description: &'a str,
    /// Its values.
    pub values: Vec<&'a [u8]>,
}

/// An entry that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchResultEntry<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its attributes.
    pub attributes: Vec<Attribute<'a>>,
}

impl SearchResultEntry<'_> {
    /// Writes the entry alone, as controls carry one (RFC 4527): `[APPLICATION 4]`.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        self.write(&mut out);
        out.finish()
    }

    fn write(&self, out: &mut Writer) {
        out.constructed(SEARCH_RESULT_ENTRY, |out| {
            out.octets(self.name);
            write_attributes(out, &self.attributes);
        });
    }
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

const CONTROLS: u8 = context_constructed(0);

impl<'a> Message<'a> {
    /// A message without controls.
    #[must_use]
    pub fn new(id: i32, operation: Operation<'a>) -> Self {
        Self {
            id,
            operation,
            controls: Vec::new(),
        }
    }

    /// Reads a message, which must take all of `bytes`.
    ///
    /// # Errors
    /// [`Malformed`] when it is not one.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut outer = Reader::new(bytes);
        let mut inner = outer.inside(SEQUENCE)?;
        outer.end()?;
        let id = natural(inner.integer()?)?;
        let (tag, contents) = inner.next()?;
        let operation = Operation::read(tag, contents)?;
        let mut controls = Vec::new();
        if let Some(list) = inner.optional(CONTROLS)? {
            let mut list = Reader::new(list);
            while !list.is_empty() {
                controls.push(Control::read(&mut list)?);
            }
        }
        inner.end()?;
        Ok(Self {
            id,
            operation,
            controls,
        })
    }

    /// The id of what may be a message that [`Message::decode`] refuses, for an answer to it.
    #[must_use]
    pub fn id_of(bytes: &[u8]) -> Option<i32> {
        let mut inner = Reader::new(bytes).inside(SEQUENCE).ok()?;
        natural(inner.integer().ok()?).ok()
    }

    /// Writes a message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::default();
        out.sequence(|out| {
            out.integer(i64::from(self.id));
            self.operation.write(out);
            if !self.controls.is_empty() {
                out.constructed(CONTROLS, |out| {
                    for control in &self.controls {
                        control.write(out);
                    }
                });
            }
        });
        out.finish()
    }
}

/// Numbers of LDAP go from 0 to 2^31 - 1 (`maxInt`).
fn natural(number: i64) -> Result<i32, Malformed> {
    i32::try_from(number)
        .ok()
        .filter(|number| *number >= 0)
        .ok_or(Malformed("a number out of its range"))
}

const fn application(number: u8) -> u8 {
    0x60 | number
}

const fn application_primitive(number: u8) -> u8 {
    0x40 | number
}

const BIND_REQUEST: u8 = application(0);
const BIND_RESPONSE: u8 = application(1);
const UNBIND_REQUEST: u8 = application_primitive(2);
const SEARCH_REQUEST: u8 = application(3);
const SEARCH_RESULT_ENTRY: u8 = application(4);
const SEARCH_RESULT_DONE: u8 = application(5);
const MODIFY_REQUEST: u8 = application(6);
const MODIFY_RESPONSE: u8 = application(7);
const ADD_REQUEST: u8 = application(8);
const ADD_RESPONSE: u8 = application(9);
const DEL_REQUEST: u8 = application_primitive(10);
const DEL_RESPONSE: u8 = application(11);
const MODIFY_DN_REQUEST: u8 = application(12);
const MODIFY_DN_RESPONSE: u8 = application(13);
const COMPARE_REQUEST: u8 = application(14);
const COMPARE_RESPONSE: u8 = application(15);
const ABANDON_REQUEST: u8 = application_primitive(16);
const SEARCH_RESULT_REFERENCE: u8 = application(19);
const EXTENDED_REQUEST: u8 = application(23);
const EXTENDED_RESPONSE: u8 = application(24);

impl<'a> Operation<'a> {
    fn read(tag: u8, contents: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(contents);
        let operation = match tag {
            BIND_REQUEST => Self::BindRequest(BindRequest::read(&mut from)?),
            BIND_RESPONSE => Self::BindResponse(BindResponse {
                result: LdapResult::read(&mut from)?,
                credentials: from.optional(context(7))?,
            }),
            SEARCH_REQUEST => Self::SearchRequest(SearchRequest::read(&mut from)?),
            SEARCH_RESULT_ENTRY => Self::SearchResultEntry(SearchResultEntry {
                name: from.text()?,
                attributes: attributes(&mut from)?,
            }),
            SEARCH_RESULT_DONE => Self::SearchResultDone(LdapResult::read(&mut from)?),
            MODIFY_REQUEST => Self::ModifyRequest(ModifyRequest::read(&mut from)?),
            MODIFY_RESPONSE => Self::ModifyResponse(LdapResult::read(&mut from)?),
            ADD_REQUEST => Self::AddRequest(AddRequest {
                name: from.text()?,
                attributes: attributes(&mut from)?,
            }),
            ADD_RESPONSE => Self::AddResponse(LdapResult::read(&mut from)?),
            DEL_RESPONSE => Self::DelResponse(LdapResult::read(&mut from)?),
            MODIFY_DN_REQUEST => Self::ModifyDnRequest(ModifyDnRequest {
                name: from.text()?,
                new_rdn: from.text()?,
                delete_old_rdn: from.boolean()?,
                new_superior: from.optional(context(0))?.map(ber::text).transpose()?,
            }),
            MODIFY_DN_RESPONSE => Self::ModifyDnResponse(LdapResult::read(&mut from)?),
            COMPARE_REQUEST => {
                let name = from.text()?;
                let mut assertion = from.inside(SEQUENCE)?;
                let request = CompareRequest {
                    name,
                    attribute: assertion.text()?,
                    value: assertion.octets()?,
                };
                assertion.end()?;
                Self::CompareRequest(request)
            }
            COMPARE_RESPONSE => Self::CompareResponse(LdapResult::read(&mut from)?),
            SEARCH_RESULT_REFERENCE => Self::SearchResultReference(texts(&mut from)?),
            EXTENDED_REQUEST => Self::ExtendedRequest(ExtendedRequest {
                name: ber::text(from.expect(context(0))?)?,
                value: from.optional(context(1))?,
            }),
            EXTENDED_RESPONSE => Self::ExtendedResponse(ExtendedResponse {
                result: LdapResult::read(&mut from)?,
                name: from.optional(context(10))?.map(ber::text).transpose()?,
                value: from.optional(context(11))?,
            }),
            // These are primitive: what is inside is their value itself.
            UNBIND_REQUEST if contents.is_empty() => return Ok(Self::UnbindRequest),
            DEL_REQUEST => return Ok(Self::DelRequest(ber::text(contents)?)),
            ABANDON_REQUEST => {
                return Ok(Self::AbandonRequest(natural(ber::integer(contents)?)?));
            }
            _ => return Err(Malformed("an operation that nobody knows")),
        };
        from.end()?;
        Ok(operation)
    }

    fn write(&self, out: &mut Writer) {
        match self {
            Self::BindRequest(request) => request.write(out),
            Self::BindResponse(response) => {
                out.constructed(BIND_RESPONSE, |out| {
                    response.result.write(out);
                    if let Some(credentials) = response.credentials {
                        out.value(context(7), credentials);
                    }
                });
            }
            Self::UnbindRequest => {
                out.value(UNBIND_REQUEST, &[]);
            }
            Self::SearchRequest(request) => request.write(out),
            Self::SearchResultEntry(entry) => entry.write(out),
            Self::SearchResultReference(urls) => {
                out.constructed(SEARCH_RESULT_REFERENCE, |out| {
                    for url in urls {
                        out.octets(url);
                    }
                });
            }
            Self::ModifyRequest(request) => request.write(out),
            Self::AddRequest(request) => {
                out.constructed(ADD_REQUEST, |out| {
                    out.octets(request.name);
                    write_attributes(out, &request.attributes);
                });
            }
            Self::DelRequest(name) => {
                out.value(DEL_REQUEST, name.as_bytes());
            }
            Self::ModifyDnRequest(request) => {
                out.constructed(MODIFY_DN_REQUEST, |out| {
                    out.octets(request.name)
                        .octets(request.new_rdn)
                        .boolean(ber::BOOLEAN, request.delete_old_rdn);
                    if let Some(superior) = request.new_superior {
                        out.value(context(0), superior.as_bytes());
                    }
                });
            }
            Self::CompareRequest(request) => {
                out.constructed(COMPARE_REQUEST, |out| {
                    out.octets(request.name).sequence(|out| {
                        out.octets(request.attribute).octets(request.value);
                    });
                });
            }
            Self::AbandonRequest(id) => {
                out.number(ABANDON_REQUEST, i64::from(*id));
            }
            Self::ExtendedRequest(request) => {
                out.constructed(EXTENDED_REQUEST, |out| {
                    out.value(context(0), request.name.as_bytes());
                    if let Some(value) = request.value {
                        out.value(context(1), value);
                    }
                });
            }
            Self::ExtendedResponse(response) => {
                out.constructed(EXTENDED_RESPONSE, |out| {
                    response.result.write(out);
                    if let Some(name) = response.name {
                        out.value(context(10), name.as_bytes());
                    }
                    if let Some(value) = response.value {
                        out.value(context(11), value);
                    }
                });
            }
            Self::SearchResultDone(result) => write_result(out, SEARCH_RESULT_DONE, result),
            Self::ModifyResponse(result) => write_result(out, MODIFY_RESPONSE, result),
            Self::AddResponse(result) => write_result(out, ADD_RESPONSE, result),
            Self::DelResponse(result) => write_result(out, DEL_RESPONSE, result),
            Self::ModifyDnResponse(result) => write_result(out, MODIFY_DN_RESPONSE, result),
            Self::CompareResponse(result) => write_result(out, COMPARE_RESPONSE, result),
        }
    }
}

fn write_result(out: &mut Writer, tag: u8, result: &LdapResult) {
    out.constructed(tag, |out| result.write(out));
}

const SASL: u8 = context_constructed(3);

impl<'a> BindRequest<'a> {
    fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
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

    fn write(&self, out: &mut Writer) {
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
    fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
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

    fn write(&self, out: &mut Writer) {
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
    fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
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

    fn write(&self, out: &mut Writer) {
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

impl<'a> Attribute<'a> {
    fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
        let mut inner = from.inside(SEQUENCE)?;
        let description = inner.text()?;
        let mut set = inner.inside(ber::SET)?;
        inner.end()?;
        let mut values = Vec::new();
        while !set.is_empty() {
            values.push(set.octets()?);
        }
        Ok(Self {
            description,
            values,
        })
    }

    fn write(&self, out: &mut Writer) {
        out.sequence(|out| {
            out.octets(self.description).set(|out| {
                for value in &self.values {
                    out.octets(value);
                }
            });
        });
    }
}

fn attributes<'a>(from: &mut Reader<'a>) -> Result<Vec<Attribute<'a>>, Malformed> {
    let mut list = from.inside(SEQUENCE)?;
    let mut attributes = Vec::new();
    while !list.is_empty() {
        attributes.push(Attribute::read(&mut list)?);
    }
    Ok(attributes)
}

fn write_attributes(out: &mut Writer, attributes: &[Attribute<'_>]) {
    out.sequence(|out| {
        for attribute in attributes {
            attribute.write(out);
        }
    });
}

fn texts<'a>(from: &mut Reader<'a>) -> Result<Vec<&'a str>, Malformed> {
    let mut texts = Vec::new();
    while !from.is_empty() {
        texts.push(from.text()?);
    }
    Ok(texts)
}
