//! Which naming contexts and which servers there are: what Active Directory's clients look up below `CN=Configuration` to
//! learn the domain's names ([MS-ADTS] 6.1.1.2.1) and functional levels (6.1.1.2.2).
//!
//! There is one domain, which is its own forest, in one site, with the account of one domain controller, whichever nodes
//! serve it. Configuration and schema hang in the domain's tree; they have their names there as clients expect them.

use trust::Rng;

use crate::change::NewEntry;
use crate::domain::Domain;
use crate::error::Fault;
use crate::id::EntryId;
use crate::schema::{Attribute, Class};

/// The naming context is one of this forest (FLAG_CR_NTDS_NC, [MS-ADTS] 2.2.10).
const OF_THE_FOREST: i64 = 1;
/// It is a domain (FLAG_CR_NTDS_DOMAIN).
const DOMAIN: i64 = 2;

/// The site that there is, as Active Directory calls the first one.
pub(crate) const SITE: &str = "Default-First-Site-Name";

/// The parts of the name of what says that a server is a domain controller, below `CN=Configuration`.
pub(crate) fn settings_of(server: &str) -> [&str; 5] {
    ["NTDS Settings", server, "Servers", SITE, "Sites"]
}

/// The domain controller that is named.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Controller<'a> {
    /// Its name without its domain: `DC1`.
    pub(crate) name: &'a str,
    /// Its DNS name.
    pub(crate) host: &'a str,
}

/// Looks for the child of an entry by its common name.
pub(crate) type Present<'p> = dyn Fn(EntryId, &str) -> Result<Option<(EntryId, Class)>, Fault> + 'p;

/// What is to be added, each behind what it hangs on.
#[derive(Debug, Default)]
pub(crate) struct Lacking {
    /// The entries.
    pub(crate) entries: Vec<NewEntry>,
    /// The names of what cannot be added, because an entry of another class has the name.
    pub(crate) in_the_way: Vec<String>,
}

/// What of all this is not there yet.
pub(crate) fn lacking(
    domain: &Domain,
    controller: Controller<'_>,
    present: &Present<'_>,
    rng: &mut dyn Rng,
) -> Result<Lacking, Fault> {
    let mut tree = Tree {
        present,
        rng,
        lacking: Lacking::default(),
    };
    let top = Some(domain.configuration);
    let schema = tree.has(top, Class::Dmd, "Schema", |new| new)?;
    let partitions = tree.has(top, Class::CrossRefContainer, "Partitions", |new| new)?;
    let dns_name = domain.dns_name.as_str();
    let context = |id: EntryId, flags: i64| {
        move |new: NewEntry| {
            new.with(Attribute::NcName, id)
                .with(Attribute::DnsRoot, dns_name)
                .with(Attribute::SystemFlags, flags)
        }
    };
    let class = Class::CrossRef;
    tree.has(partitions, class, &domain.netbios_name, |new| {
        context(domain.head, OF_THE_FOREST | DOMAIN)(new)
            .with(Attribute::NetBiosName, domain.netbios_name.as_str())
    })?;
    let configuration = context(domain.configuration, OF_THE_FOREST);
    tree.has(partitions, class, "Enterprise Configuration", configuration)?;
    if let Some(schema) = schema {
        let schema = context(schema, OF_THE_FOREST);
        tree.has(partitions, class, "Enterprise Schema", schema)?;
    }

    let sites = tree.has(top, Class::SitesContainer, "Sites", |new| new)?;
    let site = tree.has(sites, Class::Site, SITE, |new| new)?;
    let servers = tree.has(site, Class::ServersContainer, "Servers", |new| new)?;
    let server = tree.has(servers, Class::Server, controller.name, |new| {
        new.with(Attribute::ServerReference, domain.domain_controller)
            .with(Attribute::DnsHostName, controller.host)
    })?;
    tree.has(server, Class::NtdsDsa, "NTDS Settings", |new| {
        let contexts = [Some(domain.head), Some(domain.configuration), schema];
        let contexts = contexts.into_iter().flatten();
        contexts.fold(new, |new, id| new.with(Attribute::HasMasterNcs, id))
    })?;
    Ok(tree.lacking)
}

/// The entries, of which some may be there.
struct Tree<'t> {
    present: &'t Present<'t>,
    rng: &'t mut dyn Rng,
    lacking: Lacking,
}

impl Tree<'_> {
    /// The entry of a name, which is there or will be; `None` where one of another class is, or what it would hang on is
    /// lacking.
    fn has(
        &mut self,
        parent: Option<EntryId>,
        class: Class,
        name: &str,
        with: impl FnOnce(NewEntry) -> NewEntry,
    ) -> Result<Option<EntryId>, Fault> {
        let Some(parent) = parent else {
            return Ok(None);
        };
        match (self.present)(parent, name)? {
            Some((id, own)) if own == class => Ok(Some(id)),
            Some(_) => {
                self.lacking.in_the_way.push(name.to_owned());
                Ok(None)
            }
            None => {
                let id = EntryId::random(self.rng);
                let new = NewEntry::new(id, parent, class, name).critical();
                self.lacking.entries.push(with(new));
                Ok(Some(id))
            }
        }
    }
}
