//! The part of Graph that known clients ask for (protocols A.15.2, C.2.2): people, their groups, their Hello keys.
//!
//! Everybody reads about themselves. About others read administrators, and whose token has a scope for it; keys of others are
//! administrators' business alone. An application that was made here does with a token what it has a scope for, whoever
//! signed in to it: an administrator's token serves it no further, and keys are none of its business.

pub(crate) mod groups;
pub(crate) mod hello_methods;
pub(crate) mod users;

use std::sync::Arc;

use directory::{Account, AccountKind, EntryId, Fault};
use signin::account::{Proven, Unusable, still_usable};
use token::claims::{NotAccepted, Verified};
use wire::Guid;

use crate::aadsts::Number;
use crate::asked::Asked;
use crate::catalogue::GRAPH;
use crate::grants::{NotIssued, device_stands};
use crate::limits::within_limit;
use crate::refused::{Reason, Trouble};

/// The relative identifier of the group of administrators ([MS-ADTS] 6.1.1.6).
const ADMINISTRATORS: u32 = 512;
/// The scopes with which people's names are read.
const READS_PEOPLE: [&str; 2] = ["User.ReadBasic.All", "User.Read.All"];

/// Why Graph refuses.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the request carries no bearer token")]
    NoToken,
    #[error("the access token is not accepted")]
    Token(#[source] NotAccepted),
    #[error("the account cannot be used")]
    Account(#[source] Unusable),
    #[error("the device cannot be used")]
    Device(#[source] NotIssued),
    #[error("the token does not permit this")]
    NotPermitted,
    #[error("the token tells of no second factor")]
    OneFactor,
    #[error("there is nothing of that name")]
    Unknown,
}

impl Reason for Refused {
    fn number(&self) -> Number {
        match self {
            Self::NoToken | Self::Token(_) | Self::Account(_) | Self::Device(_) => Number::Token,
            Self::NotPermitted => Number::Forbidden,
            Self::OneFactor => Number::InsufficientClaims,
            Self::Unknown => Number::NotFound,
        }
    }

    fn action(&self) -> &'static str {
        "graph"
    }
}

/// Who asks: a person with a token for Graph, whose account may still be used.
struct Caller {
    token: Verified,
    account: Arc<Account>,
}

impl Caller {
    fn of(asked: &Asked<'_, '_>) -> Result<Self, Trouble> {
        within_limit(asked)?;
        let known = &asked.known;
        let bearer = asked.request.bearer().ok_or(Refused::NoToken)?;
        let graph = known.catalogue.resource(GRAPH).into_iter();
        let names: Vec<&str> = graph.flat_map(|resource| resource.names()).collect();
        let token = known
            .keys
            .verify_for(bearer, &known.issuers.both(), &names, asked.now)
            .map_err(Refused::Token)?;
        let house = asked.sign_in().house;
        let account = still_usable(&house, token.oid, Proven::told_by(&token), asked.now)?;
        let account = account.map_err(Refused::Account)?;
        device_stands(asked, token.deviceid)?.map_err(Refused::Device)?;
        Ok(Self { token, account })
    }

    /// Whether the token is one of the tenant's own clients, which do what their user may do.
    fn is_of_own_client(&self, asked: &Asked<'_, '_>) -> bool {
        let (known, client) = (&asked.known, self.token.appid.as_str());
        let made = client.parse::<Guid>().ok();
        let made = made.is_some_and(|id| known.applications.contains_key(&id));
        !made && known.catalogue.client(client).is_some()
    }

    /// Whether an administrator asks, by a client through which administrators do.
    fn is_administrator(&self, asked: &Asked<'_, '_>) -> Result<bool, Fault> {
        if !self.is_of_own_client(asked) {
            return Ok(false);
        }
        let snapshot = asked.view.snapshot;
        let administrators = snapshot.domain().sid.with_rid(ADMINISTRATORS);
        let groups = snapshot.token_groups(&self.account)?;
        Ok(groups.iter().any(|group| Some(group.sid) == administrators))
    }

    /// Whether the caller may read about this person.
    fn may_read(&self, asked: &Asked<'_, '_>, of: &Account) -> Result<(), Trouble> {
        match of.id == self.account.id || self.reads_people(asked)? {
            true => Ok(()),
            false => Err(Refused::NotPermitted.into()),
        }
    }

    /// Whether the caller may read about whomever.
    fn reads_people(&self, asked: &Asked<'_, '_>) -> Result<bool, Fault> {
        let mut granted = self.token.scp.split(' ');
        let has_scope = granted.any(|scope| READS_PEOPLE.contains(&scope));
        Ok(has_scope || self.is_administrator(asked)?)
    }

    /// Whether the caller may read the keys of this person, or take them off.
    fn may_manage_keys(&self, asked: &Asked<'_, '_>, of: &Account) -> Result<(), Trouble> {
        let own = of.id == self.account.id && self.is_of_own_client(asked);
        match own || self.is_administrator(asked)? {
            true => Ok(()),
            false => Err(Refused::NotPermitted.into()),
        }
    }
}

/// The person that the path names, by user principal name or identifier. Whether there is one is told only to whom it may be.
fn named(asked: &Asked<'_, '_>, caller: &Caller, name: &str) -> Result<Arc<Account>, Trouble> {
    let snapshot = asked.view.snapshot;
    let found = match name.parse::<Guid>() {
        Ok(id) => snapshot.account_by_id(EntryId(id))?,
        Err(_) => snapshot.account_by_upn(name)?,
    };
    let found = found.filter(|account| account.kind == AccountKind::User);
    match found {
        Some(account) => {
            caller.may_read(asked, &account)?;
            Ok(account)
        }
        // As for somebody about whom nothing may be read.
        None => match caller.reads_people(asked)? {
            true => Err(Refused::Unknown.into()),
            false => Err(Refused::NotPermitted.into()),
        },
    }
}

/// `@odata.context` of an answer.
fn context(asked: &Asked<'_, '_>, of: &str) -> String {
    let graph = asked.view.deployment.graph.url();
    format!("{graph}/v1.0/$metadata#{of}")
}
