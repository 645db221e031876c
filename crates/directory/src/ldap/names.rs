//! Names of entries as clients write them, and the other way: `CN=…,DC=…`, `<GUID=…>`, `<SID=…>`, `<WKGUID=…,…>`
//! ([MS-ADTS] 3.1.1.3.1.2.4).

use std::cell::RefCell;
use std::collections::HashMap;

use wire::ldap::{LdapResult, ResultCode};

use super::values;
use crate::dn::{Dn, InvalidDn, Rdn};
use crate::error::Fault;
use crate::id::{EntryId, Stamp};
use crate::schema::Attribute;
use crate::snapshot::Snapshot;
use crate::snapshot::tree::DEPTH_LIMIT;

/// How many names of containers are kept at once.
const KEPT: usize = 1_000;

/// Turns ids into names and back within one snapshot; names of containers are worked out once.
pub(super) struct Namer<'s, 'd> {
    pub(super) snapshot: &'s Snapshot<'d>,
    /// Containers' names, and how entries of theirs end.
    containers: RefCell<HashMap<EntryId, String>>,
}

impl<'s, 'd> Namer<'s, 'd> {
    pub(super) fn new(snapshot: &'s Snapshot<'d>) -> Self {
        Self {
            snapshot,
            containers: RefCell::default(),
        }
    }

    /// An entry's distinguished name; `None` when there is no such entry.
    pub(super) fn name(&self, id: EntryId) -> Result<Option<String>, Fault> {
        match self.snapshot.peek(id)? {
            Some(entry) => self.name_of(&entry).map(Some),
            None => Ok(None),
        }
    }

    /// An entry's distinguished name.
    pub(super) fn name_of(&self, entry: &crate::Entry) -> Result<String, Fault> {
        self.name_under(entry, 0)
    }

    fn name_under(&self, entry: &crate::Entry, depth: usize) -> Result<String, Fault> {
        if entry.is_deleted() {
            // [MS-ADTS] 3.1.1.5.5: under one container, whatever it hung on, and with its GUID, for the name may be taken.
            let naming = entry.class.row().naming;
            let value = format!("{}\nDEL:{}", entry.name, entry.id.0);
            let rdn = Rdn {
                attribute: naming,
                value,
            };
            let head = Dn::of_domain(&self.snapshot.domain().dns_name);
            let own = Dn::default().under(vec![rdn]);
            return Ok(format!("{own},CN=Deleted Objects,{head}"));
        }
        if entry.parent == EntryId::NONE {
            return Ok(Dn::of_domain(&entry.name).to_string());
        }
        let rdn = Rdn {
            attribute: entry.class.row().naming,
            value: entry.name.clone(),
        };
        let own = Dn::default().under(vec![rdn]).to_string();
        let above = self.container(entry.parent, depth)?;
        Ok(format!("{own},{above}"))
    }

    fn container(&self, id: EntryId, depth: usize) -> Result<String, Fault> {
        if depth > DEPTH_LIMIT {
            return Err(Fault::Corrupt("tree"));
        }
        if let Some(name) = self.containers.borrow().get(&id) {
            return Ok(name.clone());
        }
        let name = match self.snapshot.container(id)? {
            Some(entry) => self.name_under(&entry, depth + 1)?,
            None => {
                let entry = self.snapshot.peek(id)?.ok_or(Fault::Corrupt("tree"))?;
                self.name_under(&entry, depth + 1)?
            }
        };
        let mut containers = self.containers.borrow_mut();
        if containers.len() >= KEPT {
            containers.clear();
        }
        containers.insert(id, name.clone());
        Ok(name)
    }

    /// A container and those above it up to the head, each in the state that it is in; `None` where one is no container.
    /// As long as none of them has another state, the container has the same name.
    pub(super) fn chain(&self, id: EntryId) -> Result<Option<Vec<(EntryId, Stamp)>>, Fault> {
        let mut chain = Vec::new();
        let mut next = id;
        while next != EntryId::NONE {
            let Some(entry) = self.snapshot.container(next)? else {
                return Ok(None);
            };
            if chain.len() > DEPTH_LIMIT {
                return Err(Fault::Corrupt("tree"));
            }
            chain.push((next, entry.stamp));
            next = entry.parent;
        }
        Ok(Some(chain))
    }

    /// The entry that a client's text names; `None` when there is none, an error when the text is no name.
    pub(super) fn find(&self, text: &str) -> Result<Result<Option<EntryId>, InvalidDn>, Fault> {
        let text = text.trim();
        let Some(inside) = text.strip_prefix('<') else {
            let Ok(dn) = text.parse::<Dn>() else {
                return Ok(Err(InvalidDn));
            };
            return Ok(Ok(self.snapshot.entry_by_dn(&dn)?.map(|entry| entry.id)));
        };
        // An extended name may go on with SID and name (`<GUID=…>;<SID=…>;CN=…`): the first part decides.
        let Some((inside, _)) = inside.split_once('>') else {
            return Ok(Err(InvalidDn));
        };
        let Some((kind, value)) = inside.split_once('=') else {
            return Ok(Err(InvalidDn));
        };
        match kind.to_ascii_uppercase().as_str() {
            "GUID" => {
                let guid = hex(value).and_then(|bytes| values::guid(&bytes));
                let Some(guid) = guid.or_else(|| values::guid(value.as_bytes())) else {
                    return Ok(Err(InvalidDn));
                };
                let found = self.snapshot.peek(EntryId(guid))?;
                Ok(Ok(found.map(|entry| entry.id)))
            }
            "SID" => {
                let sid = hex(value).and_then(|bytes| values::sid(&bytes));
                let Some(sid) = sid.or_else(|| values::sid(value.as_bytes())) else {
                    return Ok(Err(InvalidDn));
                };
                Ok(Ok(self.snapshot.id_by_sid(&sid)?))
            }
            "WKGUID" => Ok(self.well_known(value)),
            _ => Ok(Err(InvalidDn)),
        }
    }

    /// `GUID,DN of the domain` ([MS-ADTS] 6.1.1.4).
    fn well_known(&self, value: &str) -> Result<Option<EntryId>, InvalidDn> {
        let (guid, head) = value.split_once(',').ok_or(InvalidDn)?;
        let domain = self.snapshot.domain();
        let head: Dn = head.parse()?;
        if head != Dn::of_domain(&domain.dns_name) {
            return Ok(None);
        }
        Ok(match guid.to_ascii_uppercase().as_str() {
            "A9D1CA15768811D1ADED00C04FD8D5CD" => Some(domain.users),
            "AA312825768811D1ADED00C04FD8D5CD" => Some(domain.computers),
            "A361B2FFFFD211D1AA4B00C04FD7D83A" => Some(domain.domain_controllers),
            "AB1D30F3768811D1ADED00C04FD8D5CD" => Some(domain.system),
            "1EB93889E40C45DF9F0C64D23BBB6237" => Some(domain.services),
            _ => None,
        })
    }

    /// The name's parts below the domain, and the name to hang there: for entries to be added or renamed.
    pub(super) fn split(text: &str) -> Result<(Rdn, Dn), InvalidDn> {
        let dn: Dn = text.parse()?;
        let (own, above) = dn.parts().split_first().ok_or(InvalidDn)?;
        let above = Dn::default().under(above.to_vec());
        Ok((own.clone(), above))
    }

    /// The name of the nearest entry above one that there is not (matchedDN, RFC 4511 4.1.9); empty when that would be
    /// outside of the domain. From the head down, so that a name of many parts costs no more than those that there are.
    pub(super) fn nearest(&self, text: &str) -> Result<String, Fault> {
        let Ok(dn) = text.trim().parse::<Dn>() else {
            return Ok(String::new());
        };
        let domain = self.snapshot.domain();
        let Some(below) = dn.below(&Dn::of_domain(&domain.dns_name)) else {
            return Ok(String::new());
        };
        let mut nearest = domain.head;
        for part in below.iter().rev() {
            match self.snapshot.child(nearest, part.attribute, &part.value)? {
                Some(child) => nearest = child,
                None => break,
            }
        }
        Ok(self.name(nearest)?.unwrap_or_default())
    }

    /// What is said of a base that there is not: who else may have it, where it is of another domain.
    pub(super) fn elsewhere(&self, text: &str) -> Result<LdapResult, Fault> {
        let head = Dn::of_domain(&self.snapshot.domain().dns_name);
        if let Ok(dn) = text.trim().parse::<Dn>()
            && dn.below(&head).is_none()
        {
            let labels: Vec<&str> = dn
                .parts()
                .iter()
                .filter(|part| part.attribute == Attribute::Dc)
                .map(|part| part.value.as_str())
                .collect();
            if !labels.is_empty() {
                let mut result =
                    LdapResult::told(ResultCode::Referral, "that is of another domain");
                result.referral = vec![format!("ldap://{}/{}", labels.join("."), dn)];
                return Ok(result);
            }
        }
        let mut result = LdapResult::told(ResultCode::NoSuchObject, "there is no such entry");
        result.matched = self.nearest(text)?;
        Ok(result)
    }

    /// How many entries an entry has above it.
    pub(super) fn depth(&self, entry: &crate::Entry) -> Result<usize, Fault> {
        let mut depth = 0;
        let mut above = entry.parent;
        while above != EntryId::NONE {
            depth += 1;
            if depth > DEPTH_LIMIT {
                return Err(Fault::Corrupt("tree"));
            }
            let parent = self.snapshot.peek(above)?.ok_or(Fault::Corrupt("tree"))?;
            above = parent.parent;
        }
        Ok(depth)
    }

    /// `corp.example/Users/alice`.
    pub(super) fn canonical(&self, entry: &crate::Entry) -> Result<String, Fault> {
        let mut parts = Vec::new();
        let mut entry = entry.clone();
        while entry.parent != EntryId::NONE {
            if parts.len() > DEPTH_LIMIT {
                return Err(Fault::Corrupt("tree"));
            }
            parts.push(entry.name.replace('\\', "\\\\").replace('/', "\\/"));
            entry = self
                .snapshot
                .peek(entry.parent)?
                .ok_or(Fault::Corrupt("tree"))?;
        }
        parts.push(entry.name.clone());
        parts.reverse();
        if let [head] = parts.as_slice() {
            return Ok(format!("{head}/"));
        }
        Ok(parts.join("/"))
    }

    /// `<GUID=…>;<SID=…>;CN=…`: a name with what stays when it changes ([MS-ADTS] 3.1.1.3.4.1.5).
    pub(super) fn extended(&self, entry: &crate::Entry, texts: bool) -> Result<String, Fault> {
        let name = self.name_of(entry)?;
        let guid = entry.id.0;
        let sid = entry.sid(Attribute::ObjectSid);
        Ok(match (texts, sid) {
            (true, Some(sid)) => format!("<GUID={guid}>;<SID={sid}>;{name}"),
            (true, None) => format!("<GUID={guid}>;{name}"),
            (false, Some(sid)) => format!(
                "<GUID={}>;<SID={}>;{name}",
                to_hex(&guid.to_windows_bytes()),
                to_hex(&sid.to_bytes())
            ),
            (false, None) => format!("<GUID={}>;{name}", to_hex(&guid.to_windows_bytes())),
        })
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let pairs = digits.chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

fn to_hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
