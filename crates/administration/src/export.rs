//! The directory as LDIF, page by page ([`directory::ldap::export`]).

use directory::access;
use directory::ldap::{Part, Wish, export as page};
use serde_json::{Value, json};
use trust::Rng;
use wire::Sid;

use crate::asked::Asked;
use crate::done::Done;
use crate::refused::{Refused, Trouble};

pub(crate) fn export(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let part = match asked.parameter("part") {
        Some("containers") => Part::Containers,
        None | Some("entries") => Part::Entries,
        Some("links") => Part::Links,
        Some(_) => {
            return Err(
                Refused::parameter("part", "it must be containers, entries or links").into(),
            );
        }
    };
    let named = asked.parameter("attributes").unwrap_or_default();
    let attributes: Vec<&str> = named
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    let wish = Wish {
        part,
        base: asked.parameter("base"),
        filter: asked.parameter("filter"),
        attributes: &attributes,
        after: asked.parameter("after"),
    };
    let local;
    let caller = match asked.who.access() {
        Some(access) => access,
        // Whoever has the socket is root or the service itself.
        None => {
            local = access::Caller::with_sids(Sid::BUILTIN_ADMINISTRATORS, []);
            &local
        }
    };
    let snapshot = asked.snapshot();
    let page = page(&wish, caller, snapshot, asked.now)?;
    let page = page.map_err(|result| Refused::Asked(result.message))?;
    let items = page.records.into_iter().zip(page.depths);
    let items: Vec<Value> = items
        .map(|(ldif, depth)| json!({ "ldif": ldif, "depth": depth }))
        .collect();
    let mut answer = json!({ "items": items, "state": snapshot.number() });
    if let (Some(next), Some(members)) = (page.next, answer.as_object_mut()) {
        members.insert("next".to_owned(), next.into());
    }
    Ok(Done::now(answer))
}
