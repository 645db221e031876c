//! Messages and which operation is in one (RFC 4511 4.1.1): what is asked is in `request.rs`, what is answered in
//! `response.rs`.

use super::Malformed;
use super::ber::{self, Reader, SEQUENCE, Writer, context_constructed};
use super::control::Control;
use super::request::{
    AddRequest, BindRequest, CompareRequest, ExtendedRequest, ModifyDnRequest, ModifyRequest,
    SearchRequest,
};
use super::response::{BindResponse, ExtendedResponse, SearchResultEntry, write_references};
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

/// An attribute with values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its description: a name or OID, and options after semicolons.
    pub description: &'a str,
    /// Its values.
    pub values: Vec<&'a [u8]>,
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
pub(super) fn natural(number: i64) -> Result<i32, Malformed> {
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

pub(super) const BIND_REQUEST: u8 = application(0);
pub(super) const BIND_RESPONSE: u8 = application(1);
const UNBIND_REQUEST: u8 = application_primitive(2);
pub(super) const SEARCH_REQUEST: u8 = application(3);
pub(super) const SEARCH_RESULT_ENTRY: u8 = application(4);
const SEARCH_RESULT_DONE: u8 = application(5);
pub(super) const MODIFY_REQUEST: u8 = application(6);
const MODIFY_RESPONSE: u8 = application(7);
pub(super) const ADD_REQUEST: u8 = application(8);
const ADD_RESPONSE: u8 = application(9);
const DEL_REQUEST: u8 = application_primitive(10);
const DEL_RESPONSE: u8 = application(11);
pub(super) const MODIFY_DN_REQUEST: u8 = application(12);
const MODIFY_DN_RESPONSE: u8 = application(13);
pub(super) const COMPARE_REQUEST: u8 = application(14);
const COMPARE_RESPONSE: u8 = application(15);
const ABANDON_REQUEST: u8 = application_primitive(16);
pub(super) const SEARCH_RESULT_REFERENCE: u8 = application(19);
pub(super) const EXTENDED_REQUEST: u8 = application(23);
pub(super) const EXTENDED_RESPONSE: u8 = application(24);

impl<'a> Operation<'a> {
    fn read(tag: u8, contents: &'a [u8]) -> Result<Self, Malformed> {
        let mut from = Reader::new(contents);
        let operation = match tag {
            BIND_REQUEST => Self::BindRequest(BindRequest::read(&mut from)?),
            BIND_RESPONSE => Self::BindResponse(BindResponse::read(&mut from)?),
            SEARCH_REQUEST => Self::SearchRequest(SearchRequest::read(&mut from)?),
            SEARCH_RESULT_ENTRY => Self::SearchResultEntry(SearchResultEntry::read(&mut from)?),
            SEARCH_RESULT_DONE => Self::SearchResultDone(LdapResult::read(&mut from)?),
            MODIFY_REQUEST => Self::ModifyRequest(ModifyRequest::read(&mut from)?),
            MODIFY_RESPONSE => Self::ModifyResponse(LdapResult::read(&mut from)?),
            ADD_REQUEST => Self::AddRequest(AddRequest::read(&mut from)?),
            ADD_RESPONSE => Self::AddResponse(LdapResult::read(&mut from)?),
            DEL_RESPONSE => Self::DelResponse(LdapResult::read(&mut from)?),
            MODIFY_DN_REQUEST => Self::ModifyDnRequest(ModifyDnRequest::read(&mut from)?),
            MODIFY_DN_RESPONSE => Self::ModifyDnResponse(LdapResult::read(&mut from)?),
            COMPARE_REQUEST => Self::CompareRequest(CompareRequest::read(&mut from)?),
            COMPARE_RESPONSE => Self::CompareResponse(LdapResult::read(&mut from)?),
            SEARCH_RESULT_REFERENCE => Self::SearchResultReference(texts(&mut from)?),
            EXTENDED_REQUEST => Self::ExtendedRequest(ExtendedRequest::read(&mut from)?),
            EXTENDED_RESPONSE => Self::ExtendedResponse(ExtendedResponse::read(&mut from)?),
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
            Self::BindResponse(response) => response.write(out),
            Self::UnbindRequest => {
                out.value(UNBIND_REQUEST, &[]);
            }
            Self::SearchRequest(request) => request.write(out),
            Self::SearchResultEntry(entry) => entry.write(out),
            Self::SearchResultReference(urls) => write_references(out, urls),
            Self::ModifyRequest(request) => request.write(out),
            Self::AddRequest(request) => request.write(out),
            Self::DelRequest(name) => {
                out.value(DEL_REQUEST, name.as_bytes());
            }
            Self::ModifyDnRequest(request) => request.write(out),
            Self::CompareRequest(request) => request.write(out),
            Self::AbandonRequest(id) => {
                out.number(ABANDON_REQUEST, i64::from(*id));
            }
            Self::ExtendedRequest(request) => request.write(out),
            Self::ExtendedResponse(response) => response.write(out),
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

impl<'a> Attribute<'a> {
    pub(super) fn read(from: &mut Reader<'a>) -> Result<Self, Malformed> {
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

    pub(super) fn write(&self, out: &mut Writer) {
        out.sequence(|out| {
            out.octets(self.description).set(|out| {
                for value in &self.values {
                    out.octets(value);
                }
            });
        });
    }
}

pub(super) fn attributes<'a>(from: &mut Reader<'a>) -> Result<Vec<Attribute<'a>>, Malformed> {
    let mut list = from.inside(SEQUENCE)?;
    let mut attributes = Vec::new();
    while !list.is_empty() {
        attributes.push(Attribute::read(&mut list)?);
    }
    Ok(attributes)
}

pub(super) fn write_attributes(out: &mut Writer, attributes: &[Attribute<'_>]) {
    out.sequence(|out| {
        for attribute in attributes {
            attribute.write(out);
        }
    });
}

pub(super) fn texts<'a>(from: &mut Reader<'a>) -> Result<Vec<&'a str>, Malformed> {
    let mut texts = Vec::new();
    while !from.is_empty() {
        texts.push(from.text()?);
    }
    Ok(texts)
}
