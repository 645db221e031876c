//! Who asks, and what they may (design 5.1: no unproven step).

use std::sync::Arc;

use directory::access::{self, Right};
use directory::account::AccountControl;
use directory::{Account, AccountKind, Actor, EntryId, Snapshot, StoreKind, well_known};
use registration::second_factor;
use token::claims::{NotAccepted, Verified};
use token::client::ADMINISTRATION;
use token::keys::SigningKeys;
use trust::{Span, Timestamp};
use wire::http::Request;

use crate::refused::{Refused, Trouble};

/// How long ago the second factor of a caller may have been proven. Longer than a token lives, so that a sign-in
/// serves a morning's work; shorter than a browser session, so that a machine left open does not administer.
pub const SECOND_FACTOR_LIFETIME: Span = Span::hours(1);

/// What is known of who asks, before anything was asked of the directory.
#[derive(Clone, PartialEq, Debug)]
pub enum Caller {
    /// Root or the service's own user, on the Unix socket: the kernel said so.
    Local,
    /// Somebody with an access token that was verified for the administration resource.
    Token(Box<Verified>),
    /// Somebody whose token was not accepted.
    NotAccepted(NotAccepted),
    /// Somebody without a token.
    Nobody,
}

impl Caller {
    /// Who sends a request over HTTPS: judged by its bearer token, with the federation's signing keys.
    #[must_use]
    pub fn by_token(request: &Request, keys: &SigningKeys, issuer: &str, now: Timestamp) -> Self {
        match request.bearer() {
            None => Self::Nobody,
            Some(token) => match keys.verify(token, issuer, ADMINISTRATION, now) {
                Ok(verified) => Self::Token(Box::new(verified)),
                Err(why) => Self::NotAccepted(why),
            },
        }
    }

    /// What the audit log calls them.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Local => Actor::named("local administrator"),
            Self::Token(token) => Actor {
                sid: Some(token.primarysid),
                name: token.unique_name.clone(),
            },
            Self::NotAccepted(_) | Self::Nobody => Actor::anonymous(),
        }
    }
}

/// What an endpoint asks of its caller. Ascending: who may do the one may do those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Needs {
    /// To be a registered device, proven by its certificate. No person is asked for, and a device gets nowhere else.
    Device,
    /// To be a proven person.
    Person,
    /// To have been granted something somewhere: what, and where, the handler asks.
    Delegate,
    /// To look after keys.
    Keys,
    /// To administer the domain.
    Administrator,
}

/// Somebody who was proven. Only [`Proven::of`] makes one.
pub(crate) struct Proven {
    pub(crate) actor: Actor,
    /// Their account; `None` on the Unix socket, and for a device of a tenant.
    pub(crate) account: Option<Arc<Account>>,
    access: Option<access::Caller>,
    rank: Needs,
}

impl Proven {
    /// Proves a caller against the directory.
    pub(crate) fn of(
        caller: &Caller,
        request: &Request,
        snapshot: &Snapshot<'_>,
        now: Timestamp,
    ) -> Result<Self, Trouble> {
        let token = match caller {
            Caller::Local => {
                return Ok(Self {
                    actor: caller.actor(),
                    account: None,
                    access: None,
                    rank: Needs::Administrator,
                });
            }
            Caller::Token(token) => token,
            Caller::NotAccepted(why) => return Err(Refused::Token(*why).into()),
            Caller::Nobody => return Err(Refused::NoToken.into()),
        };
        if !request.secure {
            return Err(Refused::NotSecure.into());
        }
        // Verified for another resource is not verified for this one.
        if token.aud != ADMINISTRATION {
            return Err(Refused::Token(NotAccepted::Audience).into());
        }
        recent_second_factor(token, now)?;
        let account = usable(token, snapshot, now)?;
        device(token, snapshot)?;
        let access = access::Caller::of(&account, snapshot)?;
        let domain = snapshot.domain();
        let looks_after_keys = [well_known::KEY_ADMINS, well_known::ENTERPRISE_KEY_ADMINS]
            .iter()
            .any(|rid| access.is(&domain.well_known_sid(*rid)));
        let rank = if access.is_administrator(domain) {
            Needs::Administrator
        } else if looks_after_keys {
            Needs::Keys
        } else if access.is_delegate(snapshot)? {
            Needs::Delegate
        } else {
            Needs::Person
        };
        Ok(Self {
            actor: caller.actor(),
            account: Some(account),
            access: Some(access),
            rank,
        })
    }

    /// Proves a device by the certificate whose key its connection proved (protocols F.3). A device of the domain acts as its
    /// computer, whose objectGUID is its device ID (DREG-W4); a tenant has no computers, and its devices no account.
    pub(crate) fn device(
        request: &Request,
        snapshot: &Snapshot<'_>,
        now: Timestamp,
    ) -> Result<Self, Trouble> {
        if !request.secure {
            return Err(Refused::NotSecure.into());
        }
        let certificate = request.client_certificate.as_deref();
        let certificate = certificate.ok_or(Refused::NoDevice)?;
        let proven = registration::proven_device::prove(snapshot, certificate, now)?;
        let device = proven.map_err(|_| Refused::DeviceUnusable)?;
        if snapshot.domain().kind == StoreKind::Tenant {
            return Ok(Self {
                actor: Actor::named(&device.device().display_name),
                account: None,
                access: None,
                rank: Needs::Device,
            });
        }
        let computer = snapshot.account_by_id(EntryId(device.device().device_id))?;
        let computer = computer
            .filter(|account| account.kind == AccountKind::Computer)
            .filter(|account| account.is_enabled() && !account.has_expired(now))
            .ok_or(Refused::DeviceUnusable)?;
        Ok(Self {
            actor: Actor {
                sid: Some(computer.sid),
                name: computer.sam.clone(),
            },
            access: Some(access::Caller::of(&computer, snapshot)?),
            account: Some(computer),
            rank: Needs::Device,
        })
    }

    /// Whether they may do what needs `needs`.
    pub(crate) fn may(&self, needs: Needs) -> bool {
        self.rank >= needs
    }

    /// Whether they are root or the service's user.
    pub(crate) fn is_local(&self) -> bool {
        self.access.is_none() && self.rank == Needs::Administrator
    }

    /// Their rights in the directory; the socket's caller has all of them, and none by name.
    pub(crate) const fn access(&self) -> Option<&access::Caller> {
        self.access.as_ref()
    }

    /// Whether they are this account.
    pub(crate) fn is(&self, id: EntryId) -> bool {
        self.account.as_ref().is_some_and(|own| own.id == id)
    }

    /// Their own account, which the socket and a device of a tenant have not.
    pub(crate) fn own(&self) -> Result<&Arc<Account>, Refused> {
        self.account.as_ref().ok_or(Refused::NoOwnAccount)
    }

    /// Whether they may add and revoke keys of an account.
    pub(crate) fn may_write_keys(
        &self,
        target: &Account,
        snapshot: &Snapshot<'_>,
    ) -> Result<bool, directory::Fault> {
        match &self.access {
            None => Ok(self.is_local()),
            Some(access) => access.may(Right::WriteKeys, Some(target), snapshot),
        }
    }

    /// Whether they may join one more computer.
    pub(crate) fn may_join(&self, snapshot: &Snapshot<'_>) -> Result<bool, directory::Fault> {
        match &self.access {
            None => Ok(self.is_local()),
            Some(access) => access.may_join_computer(snapshot),
        }
    }
}

fn recent_second_factor(token: &Verified, now: Timestamp) -> Result<(), Refused> {
    let at = token
        .second_factor_at()
        .filter(|_| token.is_multi_factor())
        .ok_or(Refused::NoSecondFactor)?
        .whole_seconds();
    let now = now.whole_seconds();
    // One of the future: a clock was set back, and nobody can say how old it is.
    if at > now || now.since(at) > SECOND_FACTOR_LIFETIME {
        return Err(Refused::StaleSecondFactor);
    }
    Ok(())
}

/// The token's account, if it may be used now and is the one that signed in.
fn usable(
    token: &Verified,
    snapshot: &Snapshot<'_>,
    now: Timestamp,
) -> Result<Arc<Account>, Trouble> {
    let unusable = |why| Trouble::from(Refused::AccountUnusable(why));
    let account = snapshot
        .account_by_id(EntryId(token.oid))?
        .filter(|account| account.sid == token.primarysid)
        .ok_or_else(|| unusable("it does not exist any more"))?;
    if account.kind != AccountKind::User {
        return Err(unusable("it is not a person's"));
    }
    if account.control.contains(AccountControl::ACCOUNT_DISABLE) {
        return Err(unusable("it is disabled"));
    }
    if account.has_expired(now) {
        return Err(unusable("it has expired"));
    }
    let changed = account
        .password_last_set
        .is_some_and(|set| set.unix() > token.auth_time);
    if changed || account.must_change_password() {
        return Err(unusable(
            "its password was changed since, or must be changed",
        ));
    }
    if second_factor::still_counts(token, &account).is_err() {
        return Err(unusable("its second factor was reset or replaced since"));
    }
    Ok(account)
}

/// A token that names a device dies with the device.
fn device(token: &Verified, snapshot: &Snapshot<'_>) -> Result<(), Trouble> {
    let Some(id) = token.deviceid else {
        return Ok(());
    };
    match snapshot.device_by_id(id)? {
        Some(device) if device.enabled => Ok(()),
        _ => Err(Refused::DeviceUnusable.into()),
    }
}
