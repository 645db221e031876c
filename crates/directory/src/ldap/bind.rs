//! Signing in: whose a connection is from now on.

use std::sync::Arc;

use ticket::Means;
use trust::{Rng, Timestamp};
use wire::Guid;
use wire::ldap::{Authentication, BindRequest, LdapResult, ResultCode};

use super::names::Namer;
use super::sasl::{self, Layer, Step};
use super::session::{Channel, Shown, View};
use crate::access::Caller;
use crate::account::{Account, AccountControl, AccountKind};
use crate::audit::{Actor, AuditRecord};
use crate::error::Fault;
use crate::id::EntryId;
use crate::password;
use crate::sources::{Source, ThoughLocked, Transport};

/// The longest password and name that are looked at, in bytes.
const LONGEST: usize = 1_024;

/// Whose a session is, and by what.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    account: EntryId,
    pub(super) actor: Actor,
    how: How,
    /// The version of the account's keys by which a password proved it: who has another password since then has to
    /// prove that.
    version: u32,
}

/// What proved it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum How {
    Password,
    /// A certificate, until it ends.
    Certificate(Means, Timestamp),
    /// A registered device's certificate, until it ends.
    Device(Guid, Timestamp),
    /// A ticket, until it ends, and what got it.
    Ticket(Means, Timestamp),
}

/// What a bind comes to.
pub(super) enum Outcome {
    /// Nobody asked to be anybody.
    Anonymous,
    /// Somebody is who they say.
    Bound(Box<Bound>),
    /// Somebody is who their ticket says: with what they are sent, and what keeps messages from then on.
    Sasl(Box<Bound>, Option<Vec<u8>>, Option<Box<Layer>>),
    /// The client is sent this, and goes on.
    More(Vec<u8>, Box<Step>),
    /// Nothing was looked at.
    Limited(LdapResult),
    /// Nobody is; and what is written down.
    Refused(LdapResult, Option<Box<AuditRecord>>),
}

fn refuse(code: ResultCode, why: &str) -> Outcome {
    Outcome::Refused(LdapResult::told(code, why), None)
}

/// Judges a bind.
pub(super) fn judge(
    request: &BindRequest<'_>,
    step: Option<Box<Step>>,
    channel: &Channel,
    view: &View<'_, '_>,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Result<Outcome, Fault> {
    if request.version != 3 {
        return Ok(refuse(
            ResultCode::ProtocolError,
            "the version that is spoken here is 3",
        ));
    }
    match request.authentication {
        Authentication::Simple([]) if request.name.is_empty() => Ok(Outcome::Anonymous),
        // A name without a password proves nothing, though some clients take it for a success (RFC 4513 5.1.2).
        Authentication::Simple([]) => Ok(refuse(
            ResultCode::UnwillingToPerform,
            "a name without a password proves nothing",
        )),
        Authentication::Simple(password) => simple(request.name, password, channel, view, now),
        Authentication::Sasl { credentials, .. } if is_external(&request.authentication) => {
            external(credentials.unwrap_or_default(), channel, view, now)
        }
        Authentication::Sasl {
            mechanism,
            credentials,
        } if sasl::MECHANISMS
            .iter()
            .any(|name| name.eq_ignore_ascii_case(mechanism)) =>
        {
            let token = credentials.unwrap_or_default();
            // Only GSSAPI has a second step: another mechanism begins anew, whatever was begun (RFC 4511 4.2.1).
            let spnego = mechanism.eq_ignore_ascii_case("GSS-SPNEGO");
            let outcome = match step.filter(|_| !spnego) {
                Some(step) => sasl::go_on(step, token, channel, view, rng),
                None => sasl::begin(spnego, token, channel, view, now, rng)?,
            };
            Ok(by_ticket(outcome, channel, now))
        }
        Authentication::Sasl { .. } | Authentication::Other(_) => Ok(refuse(
            ResultCode::AuthMethodNotSupported,
            "that is none of the mechanisms that the root of the server names",
        )),
    }
}

/// By name and password. The name may be a distinguished one, a UPN, `DOMAIN\name` or a sAMAccountName
/// ([MS-ADTS] 5.1.1.1.1). Whatever is wrong, the same is said, after the same work (security.md row 16).
fn simple(
    name: &str,
    secret: &[u8],
    channel: &Channel,
    view: &View<'_, '_>,
    now: Timestamp,
) -> Result<Outcome, Fault> {
    if !channel.encrypted && !view.settings.simple_without_tls {
        return Ok(refuse(
            ResultCode::ConfidentialityRequired,
            "a password comes over TLS alone: use ldaps, or StartTLS first",
        ));
    }
    let snapshot = view.snapshot;
    let text = std::str::from_utf8(secret)
        .ok()
        .filter(|text| text.len() <= LONGEST);
    let found = if name.len() <= LONGEST {
        find(name, view)?
    } else {
        None
    };
    let found = found.filter(|account| account.kind != AccountKind::Krbtgt);
    let policy = snapshot.lockout_policy()?;
    let (sources, limit) = (view.sources, view.failures);
    let from = source(channel, view);
    let known = found.as_ref().map(|account| account.id);
    if sources.check_failures(known, from, limit, now).is_err() {
        // Not that the password is wrong: it was not looked at, and who sent it may come again.
        return Ok(Outcome::Limited(LdapResult::told(
            ResultCode::Busy,
            "too many passwords were wrong from this address; come again in a while",
        )));
    }
    let locked = found
        .as_ref()
        .is_some_and(|account| view.lockout.is_locked_out(account, &policy, now));
    // Others do not lock anybody out from where they signed in lately, as the KDC has it.
    let though_locked = |account: &Account| {
        let judged = sources.check_though_locked(account.id, from, &policy, now);
        judged == ThoughLocked::May
    };
    let by_key_alone = found.as_deref().is_some_and(takes_no_password);
    let barred = by_key_alone || locked && !found.as_deref().is_some_and(though_locked);
    // Hashing takes its time, and the state is not there for long: what is needed of it is read before.
    let maximum = snapshot.password_policy()?.maximum_age;
    let recalled = match &found {
        Some(account) => Some(view.lockout.recall(account.id, snapshot)?),
        None => None,
    };
    let judged = found.as_deref().filter(|_| !barred);
    let right = password::verify(judged, text.unwrap_or_default(), view.cost) && text.is_some();
    if !right {
        sources.failed(from, limit, now);
    }
    let why = match found.as_ref().zip(recalled) {
        None => "there is no such account",
        Some(_) if by_key_alone => "the account signs in by key alone",
        Some(_) if barred => "the account is locked out",
        Some((account, recalled)) if !right => {
            sources.failed_where_familiar(account.id, from, &policy, now);
            view.lockout.fail_after(account, recalled, &policy, now);
            "the password is wrong"
        }
        Some((account, _)) => {
            // Where it is locked elsewhere it stays so: who guesses there gets no new start by this.
            if !locked {
                view.lockout.succeed(account, now);
            }
            if account.must_change_password() || account.password_has_expired(maximum, now) {
                "the password must be changed first"
            } else if !account.is_enabled() || account.has_expired(now) {
                "the account is disabled or has expired"
            } else {
                return Ok(Outcome::Bound(Box::new(Bound::new(account, How::Password))));
            }
        }
    };
    let actor = match &found {
        Some(account) => actor_of(account),
        None => Actor::anonymous(),
    };
    let record = AuditRecord::refused(now, actor, "sign-in.ldap", why).from_address(&channel.from);
    let mut record = match &found {
        Some(account) => record.on(account.id, account.sam.clone()),
        None => record,
    };
    // What comes from there next is turned away without a record of its own.
    if sources.check_failures(None, from, limit, now).is_err() {
        record = record.with("address", "over its limit from now on");
    }
    let result = LdapResult::told(
        ResultCode::InvalidCredentials,
        "80090308: name or password is not right, or the account cannot sign in now",
    );
    Ok(Outcome::Refused(result, Some(Box::new(record))))
}

/// Whether no password signs the account in: the KDC takes none either.
fn takes_no_password(account: &Account) -> bool {
    account.control.contains(AccountControl::SMARTCARD_REQUIRED)
}

/// Where a password comes from, where that is counted: servers that bind for many people are not.
fn source(channel: &Channel, view: &View<'_, '_>) -> Option<Source> {
    let address = channel.from.parse().ok()?;
    let servers = &view.settings.application_servers;
    let counted = !servers.iter().any(|network| network.contains(address));
    counted.then_some(Source {
        address,
        transport: Transport::Stream,
    })
}

fn find(name: &str, view: &View<'_, '_>) -> Result<Option<Arc<Account>>, Fault> {
    let snapshot = view.snapshot;
    if name.contains('=') {
        let found = Namer::new(snapshot).find(name)?;
        return match found {
            Ok(Some(id)) => snapshot.account_by_id(id),
            _ => Ok(None),
        };
    }
    snapshot.account_by_name(name)
}

/// Whether a bind is by SASL EXTERNAL.
pub(super) fn is_external(authentication: &Authentication<'_>) -> bool {
    matches!(authentication, Authentication::Sasl { mechanism, .. } if mechanism.eq_ignore_ascii_case("EXTERNAL"))
}

/// By the client certificate of TLS, which was judged as one for a sign-in (RFC 4513 5.2.3).
fn external(
    authorization: &[u8],
    channel: &Channel,
    view: &View<'_, '_>,
    now: Timestamp,
) -> Result<Outcome, Fault> {
    let refused = |why: String| {
        let record = AuditRecord::refused(now, Actor::anonymous(), "sign-in.ldap", why);
        let result = LdapResult::told(
            ResultCode::InvalidCredentials,
            "80090308: the certificate is nobody's here, or the account cannot sign in now",
        );
        Outcome::Refused(result, Some(Box::new(record.from_address(&channel.from))))
    };
    let (id, how) = match &channel.certificate {
        Shown::Nothing | Shown::Unjudged => {
            return Ok(refuse(
                ResultCode::InappropriateAuthentication,
                "EXTERNAL needs TLS with a client certificate of an account",
            ));
        }
        Shown::Refused(why) => return Ok(refused(why.clone())),
        Shown::Of { means, until } => (EntryId(means.account), How::Certificate(*means, *until)),
        Shown::OfDevice {
            computer,
            device,
            until,
        } => (*computer, How::Device(*device, *until)),
    };
    // To be somebody else by one's own certificate is nothing that anybody may.
    if !authorization.is_empty() {
        return Ok(refuse(
            ResultCode::AuthMethodNotSupported,
            "EXTERNAL is for whom the certificate names, and nobody else",
        ));
    }
    let Some(account) = view.snapshot.account_by_id(id)? else {
        return Ok(refused("the account is gone".to_owned()));
    };
    let bound = Bound::new(&account, how);
    Ok(match bound.caller(view, now)? {
        Some(_) => Outcome::Bound(Box::new(bound)),
        None => refused("the account or the certificate is good no more".to_owned()),
    })
}

/// By a Kerberos ticket.
fn by_ticket(outcome: sasl::Outcome, channel: &Channel, now: Timestamp) -> Outcome {
    match outcome {
        sasl::Outcome::More(token, step) => Outcome::More(token, step),
        sasl::Outcome::Done(who, reply, layer) => {
            let how = How::Ticket(who.means, who.until);
            let bound = Box::new(Bound::new(&who.account, how));
            Outcome::Sasl(bound, reply, layer)
        }
        sasl::Outcome::Refused(refused) => {
            // What is no ticket of ours is nobody's try, and costs who sends it nothing: it does not fill the log.
            let record = refused.is_of_somebody().then(|| {
                AuditRecord::refused(now, Actor::anonymous(), "sign-in.ldap", refused.to_string())
                    .from_address(&channel.from)
            });
            let result = match refused {
                sasl::Refused::Unprotected => LdapResult::told(
                    ResultCode::StrongerAuthRequired,
                    "00002028: without TLS, what passes has to be signed or encrypted",
                ),
                // SEC_E_BAD_BINDINGS, as Active Directory's clients look for it.
                sasl::Refused::Bindings => LdapResult::told(
                    ResultCode::InvalidCredentials,
                    "80090346: the client does not say that it is on this TLS connection (channel bindings), data 80090346",
                ),
                _ => LdapResult::told(
                    ResultCode::InvalidCredentials,
                    "80090308: the ticket proves nothing here, or the account cannot sign in now",
                ),
            };
            Outcome::Refused(result, record.map(Box::new))
        }
    }
}

fn actor_of(account: &Account) -> Actor {
    Actor {
        sid: Some(account.sid),
        name: account.upn.clone().unwrap_or_else(|| account.sam.clone()),
    }
}

impl Bound {
    fn new(account: &Account, how: How) -> Self {
        Self {
            account: account.id,
            actor: actor_of(account),
            how,
            version: account.keys.kvno(),
        }
    }

    /// Whether a device's certificate proved it.
    pub(super) const fn is_device(&self) -> bool {
        matches!(self.how, How::Device(..))
    }

    /// Who asks, with the groups of now; nobody when the account is gone or may not any more.
    ///
    /// A password alone does not administer: who proved no more than that has no more rights than anybody, unless the
    /// setting says otherwise (`ldap.administer_by_password`).
    pub(super) fn caller(
        &self,
        view: &View<'_, '_>,
        now: Timestamp,
    ) -> Result<Option<(Arc<Account>, Caller)>, Fault> {
        let Some(account) = view.snapshot.account_by_id(self.account)? else {
            return Ok(None);
        };
        let lost = match &self.how {
            How::Password => takes_no_password(&account),
            How::Certificate(_, until) | How::Device(_, until) | How::Ticket(_, until)
                if *until < now =>
            {
                true
            }
            How::Device(device, _) => {
                let device = view.snapshot.device_by_id(*device)?;
                device.is_none_or(|device| !device.enabled)
            }
            How::Certificate(means, _) | How::Ticket(means, _) => {
                view.snapshot.lost(means, &account)?.is_some()
            }
        };
        if lost {
            return Ok(None);
        }
        let by_password = match &self.how {
            How::Password => true,
            How::Certificate(..) | How::Device(..) => false,
            How::Ticket(means, _) => means.key.is_none() && means.certificate.is_none(),
        };
        let changed =
            by_password && (account.keys.kvno() != self.version || account.must_change_password());
        if !account.is_enabled() || account.has_expired(now) || changed {
            return Ok(None);
        }
        let full = !by_password || view.settings.administer_by_password;
        let caller = if full {
            Caller::of(&account, view.snapshot)?
        } else {
            Caller::with_sids(account.sid, [])
        };
        Ok(Some((account, caller)))
    }
}
