//! The controls of a request: which there are, what they say, and which must not be passed over.

use wire::ldap::{
    Control, DirSyncRequest, Filter as Asked, LdapResult, Operation, PagedResults, ResultCode,
    SortKey, control_oid, read_attribute_list, read_extended_dn, read_sort_keys,
};

use super::entries::Viewer;
use super::filter::{NotUnderstood, understand};
use super::permissions::Reading;
use super::write::{Told, told};
use crate::entry::Entry;

/// What the controls of a request say.
#[derive(Debug, Default)]
pub(super) struct Controls {
    pub(super) page: Option<PagedResults>,
    pub(super) sort: Option<(Vec<SortKey>, bool)>,
    /// Whether names come with GUID and SID, and whether as texts.
    pub(super) extended_dn: Option<bool>,
    pub(super) show_deleted: bool,
    pub(super) dir_sync: Option<DirSyncRequest>,
    pub(super) tree_delete: bool,
    pub(super) permissive: bool,
    pub(super) assertion: Option<Vec<u8>>,
    pub(super) pre_read: Option<Vec<String>>,
    pub(super) post_read: Option<Vec<String>>,
}

impl Controls {
    /// Reads the controls of an operation. One that is critical and unknown, or does not belong to the operation, refuses
    /// it (RFC 4511 4.1.11); one that is not critical is passed over.
    pub(super) fn read(
        controls: &[Control<'_>],
        operation: &Operation<'_>,
    ) -> Result<Self, LdapResult> {
        let mut asked = Self::default();
        let search = matches!(operation, Operation::SearchRequest(_));
        let write = matches!(
            operation,
            Operation::AddRequest(_)
                | Operation::ModifyRequest(_)
                | Operation::ModifyDnRequest(_)
                | Operation::DelRequest(_)
        );
        let asserted = search
            || write && !matches!(operation, Operation::AddRequest(_))
            || matches!(operation, Operation::CompareRequest(_));
        for control in controls {
            let value = control.value.as_deref();
            let malformed = || {
                let oid = control.oid;
                LdapResult::told(
                    ResultCode::ProtocolError,
                    format!("the control {oid} has a value that it cannot have"),
                )
            };
            let required = || value.ok_or_else(malformed);
            match control.oid {
                control_oid::PAGED_RESULTS if search => {
                    asked.page = Some(PagedResults::decode(required()?).map_err(|_| malformed())?);
                }
                control_oid::SORT_REQUEST if search => {
                    let keys = read_sort_keys(required()?).map_err(|_| malformed())?;
                    asked.sort = Some((keys, control.critical));
                }
                control_oid::EXTENDED_DN if search => {
                    asked.extended_dn = Some(read_extended_dn(value).map_err(|_| malformed())?);
                }
                control_oid::DIR_SYNC if search => {
                    let read = DirSyncRequest::decode(required()?);
                    asked.dir_sync = Some(read.map_err(|_| malformed())?);
                }
                control_oid::SHOW_DELETED
                | control_oid::SHOW_RECYCLED
                | control_oid::SHOW_DEACTIVATED_LINK
                    if search =>
                {
                    asked.show_deleted = true;
                }
                control_oid::TREE_DELETE if matches!(operation, Operation::DelRequest(_)) => {
                    asked.tree_delete = true;
                }
                control_oid::PERMISSIVE_MODIFY
                    if matches!(operation, Operation::ModifyRequest(_)) =>
                {
                    asked.permissive = true;
                }
                // What is added is not there yet, so that nothing can be said of it.
                control_oid::ASSERTION if asserted => {
                    asked.assertion = Some(required()?.to_vec());
                }
                control_oid::PRE_READ if write => {
                    asked.pre_read = Some(list(required()?).ok_or_else(malformed)?)
                }
                control_oid::POST_READ if write => {
                    asked.post_read = Some(list(required()?).ok_or_else(malformed)?)
                }
                // What they ask for is so anyway: there is one domain, every commit is durable, security descriptors are
                // not shown, and there are no referrals as entries.
                control_oid::DOMAIN_SCOPE
                | control_oid::SEARCH_OPTIONS
                | control_oid::SD_FLAGS
                | control_oid::LAZY_COMMIT
                | control_oid::MANAGE_DSA_IT => {}
                oid if control.critical => {
                    return Err(LdapResult::told(
                        ResultCode::UnavailableCriticalExtension,
                        format!("the control {oid} is not known here, or not for this operation"),
                    ));
                }
                _ => {}
            }
        }
        Ok(asked)
    }
}

fn list(bytes: &[u8]) -> Option<Vec<String>> {
    let list = read_attribute_list(bytes).ok()?;
    Some(list.into_iter().map(str::to_owned).collect())
}

/// The assertion control (RFC 4528): only if the entry is like this.
pub(super) fn assert(
    filter: &[u8],
    entry: &Entry,
    viewer: &Viewer<'_, '_, '_>,
    reading: &Reading,
) -> Result<(), Told> {
    let filter = Asked::decode(filter)
        .map_err(|_| told(ResultCode::ProtocolError, "the assertion is no filter"))?;
    let filter = match understand(&filter, viewer.namer, reading) {
        Ok(filter) => filter,
        Err(NotUnderstood::Fault(fault)) => return Err(fault.into()),
        Err(NotUnderstood::TooMuch) => {
            return Err(told(
                ResultCode::AdminLimitExceeded,
                "the assertion leads to too many entries",
            ));
        }
    };
    if filter.holds(entry, viewer)? == Some(true) {
        return Ok(());
    }
    Err(told(
        ResultCode::AssertionFailed,
        "the entry is not as the assertion has it",
    ))
}
