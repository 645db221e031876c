//! Lists: pages by key, so that no answer grows with the directory (design 3).

use base64ct::{Base64UrlUnpadded, Encoding};
use directory::{Class, Entry, EntryId};
use serde_json::{Value, json};
use wire::Guid;

use crate::asked::Asked;
use crate::done::Done;
use crate::refused::{Refused, Trouble};

/// How many items a page has where the caller does not say.
const USUAL: usize = 100;
/// The most items of a page.
const MOST: usize = 500;
/// How many entries one request looks at where it has to look for what fits.
pub(crate) const SCAN: usize = 1_000;

/// The page that was asked for.
pub(crate) struct Page {
    pub(crate) limit: usize,
    /// What the page before said is next.
    after: Option<Vec<u8>>,
    pub(crate) search: String,
}

impl Page {
    /// Reads `limit`, `after` and `search`.
    pub(crate) fn of(asked: &Asked<'_, '_>) -> Result<Self, Refused> {
        let limit = match asked.parameter("limit") {
            None => USUAL,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MOST).contains(limit))
                .ok_or_else(|| {
                    Refused::parameter("limit", format!("it must be a number from 1 to {MOST}"))
                })?,
        };
        let after = match asked.parameter("after") {
            None => None,
            Some(text) => Some(Base64UrlUnpadded::decode_vec(text).map_err(|_| not_a_place())?),
        };
        Ok(Self {
            limit,
            after,
            search: asked.parameter("search").unwrap_or_default().to_owned(),
        })
    }

    /// The bytes of `after`, for lists with a place of their own.
    pub(crate) fn place(&self) -> Option<&[u8]> {
        self.after.as_deref()
    }

    /// `after` as an entry's id.
    pub(crate) fn id(&self) -> Result<Option<EntryId>, Refused> {
        let Some(place) = self.place() else {
            return Ok(None);
        };
        let bytes = place.try_into().map_err(|_| not_a_place())?;
        Ok(Some(EntryId(Guid::from_bytes(bytes))))
    }

    /// `after` as an entry's id and name.
    pub(crate) fn entry(&self) -> Result<Option<(&str, EntryId)>, Refused> {
        self.place().map(entry_of).transpose()
    }
}

/// An entry's id and name in a place.
pub(crate) fn entry_of(place: &[u8]) -> Result<(&str, EntryId), Refused> {
    let (id, name) = place.split_first_chunk().ok_or_else(not_a_place)?;
    let name = core::str::from_utf8(name).map_err(|_| not_a_place())?;
    Ok((name, EntryId(Guid::from_bytes(*id))))
}

/// The place of an entry.
pub(crate) fn place_of(entry: &Entry) -> Vec<u8> {
    [&entry.id.0.to_bytes()[..], entry.name.as_bytes()].concat()
}

pub(crate) fn not_a_place() -> Refused {
    Refused::parameter("after", "it must be what the page before had as next")
}

/// A page.
pub(crate) fn page(items: Vec<Value>, next: Option<Vec<u8>>) -> Done {
    let next = next.map(|place| Base64UrlUnpadded::encode_string(&place));
    Done::now(match next {
        Some(next) => json!({ "items": items, "next": next }),
        None => json!({ "items": items }),
    })
}

/// The entries of a class whose names begin with what is searched for.
pub(crate) fn by_name(
    asked: &Asked<'_, '_>,
    class: Class,
    mut show: impl FnMut(&Entry) -> Result<Value, Trouble>,
) -> Result<Done, Trouble> {
    let wanted = Page::of(asked)?;
    let mut entries = asked.snapshot().entries_of_class_named(
        class,
        &wanted.search,
        wanted.entry()?,
        wanted.limit + 1,
    )?;
    let more = entries.len() > wanted.limit;
    entries.truncate(wanted.limit);
    let next = entries.last().filter(|_| more).map(place_of);
    let items = entries.iter().map(&mut show).collect::<Result<_, _>>()?;
    Ok(page(items, next))
}
