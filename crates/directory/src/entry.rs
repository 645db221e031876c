//! Entries as they are stored.

use trust::Timestamp;
use wire::{Guid, Sid};

use crate::codec::{Corrupt, Reader, Writer};
use crate::id::{EntryId, Stamp};
use crate::schema::{Attribute, Class};
use crate::value::Value;

/// An entry: what it is, where it hangs, and its attributes. Linked values (members, keys) are rows of
/// their own and not in here; secret ones are here only wrapped, and no accessor shows them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// objectGUID.
    pub id: EntryId,
    /// Which commit wrote this state.
    pub stamp: Stamp,
    /// The structural class.
    pub class: Class,
    /// The entry it hangs on; [`EntryId::NONE`] for the head of the domain.
    pub parent: EntryId,
    /// The value of its naming attribute: `alice` of `CN=alice`. For the head of the domain its DNS name.
    pub name: String,
    /// whenCreated.
    pub created: Timestamp,
    /// whenChanged.
    pub changed: Timestamp,
    /// How many keys are listed on it, so that nobody looks for those of an entry without any.
    pub(crate) listed_keys: u32,
    pub(crate) attributes: Attributes,
}

/// Attributes with their values, in the order of their numbers, in one piece: an entry has a dozen or two, and a search
/// makes and drops thousands of entries a second.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Attributes(Vec<(Attribute, Vec<Value>)>);

impl Attributes {
    fn place(&self, attribute: Attribute) -> Result<usize, usize> {
        self.0.binary_search_by_key(&attribute, |(own, _)| *own)
    }

    pub(crate) fn get(&self, attribute: Attribute) -> Option<&[Value]> {
        let place = self.place(attribute).ok()?;
        self.0.get(place).map(|(_, values)| values.as_slice())
    }

    /// Sets an attribute's values in place of those it had.
    pub(crate) fn insert(&mut self, attribute: Attribute, values: Vec<Value>) {
        match self.place(attribute) {
            Ok(place) => {
                if let Some(slot) = self.0.get_mut(place) {
                    slot.1 = values;
                }
            }
            Err(place) => self.0.insert(place, (attribute, values)),
        }
    }

    pub(crate) fn remove(&mut self, attribute: Attribute) {
        if let Ok(place) = self.place(attribute) {
            self.0.remove(place);
        }
    }

    pub(crate) fn retain(&mut self, mut is_kept: impl FnMut(Attribute, &[Value]) -> bool) {
        self.0
            .retain(|(attribute, values)| is_kept(*attribute, values));
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Attribute, &[Value])> {
        self.0
            .iter()
            .map(|(attribute, values)| (*attribute, values.as_slice()))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = Attribute> {
        self.0.iter().map(|(attribute, _)| *attribute)
    }
}

impl Extend<(Attribute, Vec<Value>)> for Attributes {
    fn extend<I: IntoIterator<Item = (Attribute, Vec<Value>)>>(&mut self, more: I) {
        for (attribute, values) in more {
            self.insert(attribute, values);
        }
    }
}

impl IntoIterator for Attributes {
    type Item = (Attribute, Vec<Value>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<(Attribute, Vec<Value>)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (Attribute, Vec<Value>)>>(from: I) -> Self {
        let mut attributes = Self::default();
        attributes.extend(from);
        attributes
    }
}

impl Entry {
    /// All values of an attribute, none when it is absent.
    #[must_use]
    pub fn values(&self, attribute: Attribute) -> &[Value] {
        self.attributes.get(attribute).unwrap_or_default()
    }

    /// Every attribute that may be shown, with its values, in the order of their numbers.
    pub fn attributes(&self) -> impl Iterator<Item = (Attribute, &[Value])> {
        self.attributes
            .iter()
            .filter(|(_, values)| !matches!(values.first(), Some(Value::Secret(_))))
    }

    /// The first value of a directory string attribute.
    #[must_use]
    pub fn text(&self, attribute: Attribute) -> Option<&str> {
        self.texts(attribute).next()
    }

    /// The values of a directory string attribute.
    pub fn texts(&self, attribute: Attribute) -> impl Iterator<Item = &str> {
        self.values(attribute)
            .iter()
            .filter_map(|value| match value {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            })
    }

    /// The value of an integer attribute.
    #[must_use]
    pub fn integer(&self, attribute: Attribute) -> Option<i64> {
        match self.values(attribute).first()? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The value of a boolean attribute.
    #[must_use]
    pub fn boolean(&self, attribute: Attribute) -> Option<bool> {
        match self.values(attribute).first()? {
            Value::Boolean(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The first value of an octet string attribute.
    #[must_use]
    pub fn octets(&self, attribute: Attribute) -> Option<&[u8]> {
        match self.values(attribute).first()? {
            Value::Octets(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The first value of a SID attribute.
    #[must_use]
    pub fn sid(&self, attribute: Attribute) -> Option<Sid> {
        match self.values(attribute).first()? {
            Value::Sid(sid) => Some(*sid),
            _ => None,
        }
    }

    /// The value of a time attribute.
    #[must_use]
    pub fn time(&self, attribute: Attribute) -> Option<Timestamp> {
        match self.values(attribute).first()? {
            Value::Time(time) => Some(*time),
            _ => None,
        }
    }

    /// The first entry that a reference attribute names.
    #[must_use]
    pub fn link(&self, attribute: Attribute) -> Option<EntryId> {
        match self.values(attribute).first()? {
            Value::Link(id) => Some(*id),
            _ => None,
        }
    }

    /// The value of an octet string attribute that holds a GUID in its Windows form.
    #[must_use]
    pub fn guid(&self, attribute: Attribute) -> Option<Guid> {
        Guid::from_windows_slice(self.octets(attribute)?)
    }

    /// Whether the directory itself needs the entry (isCriticalSystemObject).
    #[must_use]
    pub fn is_critical(&self) -> bool {
        self.boolean(Attribute::IsCriticalSystemObject) == Some(true)
    }

    /// A deleted entry, as its tombstone remembers it: a state of its own, whose [`Attribute::IsDeleted`] is true.
    pub(crate) fn buried(
        id: EntryId,
        stamp: Stamp,
        from: &mut Reader<'_>,
    ) -> Result<Self, Corrupt> {
        let class = Class::from_number(from.u8()?).ok_or(Corrupt)?;
        let parent = from.id()?;
        let name = from.text()?.to_owned();
        let time = from.time()?;
        let sid = from.blob()?;
        let mut attributes = Attributes::from_iter([
            (Attribute::IsDeleted, vec![Value::Boolean(true)]),
            (Attribute::LastKnownParent, vec![Value::Link(parent)]),
        ]);
        if !sid.is_empty() {
            let sid = Sid::from_bytes(sid).map_err(|_| Corrupt)?;
            attributes.insert(Attribute::ObjectSid, vec![Value::Sid(sid)]);
        }
        Ok(Self {
            id,
            stamp,
            class,
            parent,
            name,
            created: time,
            changed: time,
            listed_keys: 0,
            attributes,
        })
    }

    /// Whether it is a deleted entry's remembrance.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.boolean(Attribute::IsDeleted) == Some(true)
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.u8(self.class as u8)
            .id(self.parent)
            .text(&self.name)
            .time(self.created)
            .time(self.changed)
            .u32(self.listed_keys);
        for (attribute, values) in self.attributes.iter() {
            out.u16(attribute.number())
                .u32(u32::try_from(values.len()).unwrap_or(u32::MAX));
            for value in values {
                value.write(&mut out);
            }
        }
        out.finish()
    }

    pub(crate) fn read(id: EntryId, stamp: Stamp, from: &mut Reader<'_>) -> Result<Self, Corrupt> {
        let mut entry = Self {
            id,
            stamp,
            class: Class::from_number(from.u8()?).ok_or(Corrupt)?,
            parent: from.id()?,
            name: from.text()?.to_owned(),
            created: from.time()?,
            changed: from.time()?,
            listed_keys: from.u32()?,
            attributes: Attributes::default(),
        };
        while !from.is_empty() {
            let attribute = Attribute::from_number(from.u16()?).ok_or(Corrupt)?;
            let count = from.u32()?;
            // One is what most have.
            let mut values = Vec::with_capacity(1);
            for _ in 0..count {
                values.push(Value::read(from)?);
            }
            entry.attributes.insert(attribute, values);
        }
        Ok(entry)
    }
}
