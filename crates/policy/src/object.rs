//! Policy objects: what is set, for whom, in which order.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use wire::{Guid, Sid};

use crate::setting::{About, Halves, Invalid, Value};

/// The halves of a policy object: one applies to people, the other to computers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Half {
    /// Applies to the person who signs in, on every computer.
    User,
    /// Applies to the computer, whoever signs in.
    Computer,
}

/// A policy object: a Group Policy object as far as this directory's own clients need one (POL-G9).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyObject {
    /// Its identity, which a renaming does not change.
    pub id: Guid,
    /// Its display name, unique in the domain.
    pub name: String,
    /// Whether it applies at all.
    pub enabled: bool,
    /// Where it is linked.
    pub link: Link,
    /// Its place among the objects of the same link: applied in ascending order, so that the
    /// greatest, applied last, wins (POL-1.5). Equal ones are applied in the order of their ids.
    pub order: u32,
    /// Security filtering (POL-G3): who may apply it. Empty is everyone who authenticated.
    pub filter: BTreeSet<Sid>,
    /// What it sets for people.
    pub user: Settings,
    /// What it sets for computers.
    pub computer: Settings,
}

/// Where a policy object is linked (POL-G4, POL-G9).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// At the domain: everyone and everything is in scope.
    Domain,
    /// At the container with this objectGUID: what lies below it, however deep, is in scope.
    Container(Guid),
}

/// What one half of a policy object sets: settings by name.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(BTreeMap<String, Value>);

/// What decides whether a policy object applies to a person or a computer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Membership {
    /// The SIDs of the account itself and of all its groups, nested ones included.
    pub sids: BTreeSet<Sid>,
    /// The objectGUIDs of the containers above it, from the domain down.
    pub containers: Vec<Guid>,
}

impl Settings {
    /// What `setting` is set to here, if anything.
    #[must_use]
    pub fn value(&self, setting: &About) -> Option<&Value> {
        self.0.get(setting.name)
    }

    /// Every name and value, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Why a policy object was not changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotSet {
    /// The value is not one of the setting's.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The setting belongs to computers alone.
    #[error("{0} can be set for computers only")]
    ComputerOnly(&'static str),
    /// The setting belongs to people alone.
    #[error("{0} can be set for people only")]
    UserOnly(&'static str),
}

impl PolicyObject {
    /// An enabled object that is linked at the domain, applies to everyone and sets nothing yet.
    #[must_use]
    pub fn new(id: Guid, name: impl Into<String>) -> Self {
        Self {
            id,
            name: name.into(),
            enabled: true,
            link: Link::Domain,
            order: 0,
            filter: BTreeSet::new(),
            user: Settings::default(),
            computer: Settings::default(),
        }
    }

    /// What `half` sets.
    #[must_use]
    pub const fn half(&self, half: Half) -> &Settings {
        match half {
            Half::User => &self.user,
            Half::Computer => &self.computer,
        }
    }

    /// Sets `setting` in `half`.
    ///
    /// # Errors
    /// [`NotSet`] when the setting does not take the value, or does not exist in that half.
    pub fn set(&mut self, half: Half, setting: &About, value: Value) -> Result<(), NotSet> {
        if !setting.halves.include(half) {
            return Err(match half {
                Half::User => NotSet::ComputerOnly(setting.name),
                Half::Computer => NotSet::UserOnly(setting.name),
            });
        }
        if !setting.takes(&value) {
            return Err(setting.invalid().into());
        }
        self.half_mut(half).0.insert(setting.name.to_owned(), value);
        Ok(())
    }

    /// Takes `setting` out of `half`; false when it was not there.
    pub fn unset(&mut self, half: Half, setting: &About) -> bool {
        self.half_mut(half).0.remove(setting.name).is_some()
    }

    const fn half_mut(&mut self, half: Half) -> &mut Settings {
        match half {
            Half::User => &mut self.user,
            Half::Computer => &mut self.computer,
        }
    }

    /// How deep the link that brings this object to `member` lies, 0 at the domain;
    /// `None` when the object does not apply to it.
    pub(crate) fn reaches(&self, member: &Membership) -> Option<usize> {
        let passes = self.filter.is_empty() || !self.filter.is_disjoint(&member.sids);
        if !self.enabled || !passes {
            return None;
        }
        match self.link {
            Link::Domain => Some(0),
            Link::Container(container) => member
                .containers
                .iter()
                .position(|above| *above == container)
                .map(|depth| depth + 1),
        }
    }
}

/// The objects that apply to `member`, in the order in which they are applied: the domain's first,
/// then those of each container on the way down (POL-G9).
pub(crate) fn applied<'a>(
    objects: &'a [PolicyObject],
    member: &Membership,
) -> Vec<&'a PolicyObject> {
    let mut reached: Vec<_> = objects
        .iter()
        .filter_map(|object| Some((object.reaches(member)?, object.order, object.id, object)))
        .collect();
    reached.sort_by_key(|(depth, order, id, _)| (*depth, *order, *id));
    reached.into_iter().map(|(.., object)| object).collect()
}

impl Halves {
    /// The halves in the order in which they are asked: the user's wins (POL-1.3).
    pub(crate) const fn in_order(self) -> &'static [Half] {
        match self {
            Self::User => &[Half::User],
            Self::Computer => &[Half::Computer],
            Self::Both => &[Half::User, Half::Computer],
        }
    }
}
