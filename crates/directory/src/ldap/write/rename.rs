//! Renaming an entry, and hanging it elsewhere.

use wire::ldap::{ModifyDnRequest, ResultCode};

use super::{Planned, Told, Work, told};
use crate::change::{self, Change};
use crate::dn::Dn;
use crate::ldap::permissions::Write;

impl Work<'_, '_, '_> {
    /// The changes of a request.
    pub(in crate::ldap) fn rename(&self, request: &ModifyDnRequest<'_>) -> Result<Planned, Told> {
        let entry = self.entry(request.name)?;
        self.allow(Write::Being, &entry, "entry.rename")?;
        let new: Dn = request.new_rdn.parse().map_err(|_| {
            told(
                ResultCode::InvalidDnSyntax,
                "that is no first part of a name",
            )
        })?;
        let [rdn] = new.parts() else {
            return Err(told(
                ResultCode::InvalidDnSyntax,
                "the new name has one part; where it hangs is said beside it",
            ));
        };
        if rdn.attribute != entry.class.row().naming {
            let (class, naming) = (entry.class.name(), entry.class.row().naming.name());
            return Err(told(
                ResultCode::NamingViolation,
                format!("an entry of class {class} is named by {naming}"),
            ));
        }
        // There is one value of the name, so the former one cannot stay beside it.
        if !request.delete_old_rdn {
            return Err(told(
                ResultCode::UnwillingToPerform,
                "the former name does not stay as a value of the new one",
            ));
        }
        let parent = match request.new_superior {
            Some(superior) => {
                let parent = self.entry(superior)?;
                self.allow_below(entry.class, &parent, "entry.rename")?;
                parent.id
            }
            None => entry.parent,
        };
        let name = (rdn.value != entry.name).then(|| rdn.value.clone());
        let record = self.audit("entry.rename", &entry)?.with("to", &rdn.value);
        Ok(Planned {
            changes: vec![
                Change::Move {
                    id: entry.id,
                    parent,
                    name,
                },
                change::audit(record),
            ],
            target: entry.id,
        })
    }
}
