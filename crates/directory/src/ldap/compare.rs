//! Whether an entry has a value (RFC 4511 4.10).

use std::borrow::Cow;

use trust::Timestamp;
use wire::ldap::{Assertion, CompareRequest, Filter as Asked, LdapResult, ResultCode};

use super::entries::Viewer;
use super::filter::{NotUnderstood, understand};
use super::names::Namer;
use super::permissions::Reading;
use crate::error::Fault;
use crate::schema::Attribute;

/// What is said to a request.
pub(super) fn compare(
    request: &CompareRequest<'_>,
    reading: &Reading,
    namer: &Namer<'_, '_>,
    now: Timestamp,
) -> Result<LdapResult, Fault> {
    let entry = match namer.find(request.name)? {
        Ok(Some(id)) => namer.snapshot.peek(id)?,
        Ok(None) => None,
        Err(_) => {
            return Ok(LdapResult::told(
                ResultCode::InvalidDnSyntax,
                "that is no name of an entry",
            ));
        }
    };
    let Some(entry) = entry else {
        let mut result = LdapResult::told(ResultCode::NoSuchObject, "there is no such entry");
        result.matched = namer.nearest(request.name)?;
        return Ok(result);
    };
    let Some(attribute) = Attribute::by_name(request.attribute) else {
        return Ok(LdapResult::told(
            ResultCode::UndefinedAttributeType,
            "there is no such attribute",
        ));
    };
    let viewer = Viewer {
        namer,
        now,
        extended: None,
    };
    // What may not be seen is not there.
    let there =
        reading.may_see(attribute) && !viewer.values(&entry, attribute, None)?.values.is_empty();
    if !there {
        return Ok(LdapResult::told(
            ResultCode::NoSuchAttribute,
            "the entry has no such attribute",
        ));
    }
    let assertion = Asked::Equality(Assertion {
        attribute: Cow::Borrowed(request.attribute),
        value: Cow::Borrowed(request.value),
    });
    let filter = match understand(&assertion, namer, reading) {
        Ok(filter) => filter,
        Err(NotUnderstood::Fault(fault)) => return Err(fault),
        Err(NotUnderstood::TooMuch) => return Ok(LdapResult::of(ResultCode::AdminLimitExceeded)),
    };
    Ok(match filter.holds(&entry, &viewer)? {
        Some(true) => LdapResult::of(ResultCode::CompareTrue),
        Some(false) => LdapResult::of(ResultCode::CompareFalse),
        None => LdapResult::told(
            ResultCode::InvalidAttributeSyntax,
            "the value is of another syntax",
        ),
    })
}
