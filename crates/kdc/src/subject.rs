//! In whose name a ticket of the TGS exchange is, and by what right: the client's own, or somebody's for whom a service
//! asks (MS-SFU).

use std::borrow::Cow;
use std::sync::Arc;

use directory::Account;
use ticket::pac::{Believed, For};
use trust::Timestamp;
use wire::kerberos::{EncTicketPart, KdcOptions, MethodData, TgsReq};
use wire::pac::PacBuilder;

use crate::View;
use crate::refused::Refused;
use crate::service::Service;
use crate::tgs_exchange::Presented;
use crate::{client, pac, s4u2proxy, s4u2self};

/// In whose name a ticket is.
pub(crate) struct Subject<'p> {
    /// What the ticket rests on: its client, flags, times, addresses and restrictions are no more than these.
    pub(crate) rests_on: Cow<'p, EncTicketPart>,
    /// Whose tickets may be passed on: not those of who is not to be delegated.
    pub(crate) delegates: bool,
    /// What its PAC says.
    pub(crate) pac: Content<'p>,
    /// Whether a service asks for somebody else.
    pub(crate) is_another: bool,
    /// What the reply says of that.
    pub(crate) padata: MethodData,
}

/// What a PAC says.
pub(crate) enum Content<'p> {
    /// The same as that of the ticket-granting ticket.
    Copied(&'p Believed),
    /// What was put together for a service that asked for somebody.
    Made(PacBuilder),
}

/// Options that go with no request for somebody else: they are about the ticket that is shown.
pub(crate) const ABOUT_THE_TICKET: KdcOptions = KdcOptions::FORWARDED
    .with(KdcOptions::PROXY)
    .with(KdcOptions::RENEW)
    .with(KdcOptions::VALIDATE);

impl<'p> Subject<'p> {
    /// Judges in whose name the ticket may be. For whom a service asks is in `for_user` as soon as it is known, for the
    /// audit log, which names those who were refused, too.
    ///
    /// # Errors
    /// [`Refused`], saying why it may not be in the name that was asked for.
    pub(crate) fn of(
        request: &TgsReq,
        presented: &'p Presented,
        service: &Service,
        for_user: &mut Option<Arc<Account>>,
        view: &View<'_>,
        now: Timestamp,
    ) -> Result<Self, Refused> {
        let options = request.req_body.kdc_options;
        let asked = s4u2self::asked(request, &presented.accepted)?;
        let by_evidence = options.contains(KdcOptions::CNAME_IN_ADDL_TKT);
        match (asked, by_evidence) {
            (None, false) => Self::own(options, presented, service, view),
            (Some(_), true) => Err(Refused::BadOption(
                "somebody is asked for by name and by evidence",
            )),
            (Some(asked), false) => {
                not_at_the_house(service, view)?;
                s4u2self::subject(&asked, request, presented, service, for_user, view, now)
            }
            (None, true) => {
                not_at_the_house(service, view)?;
                s4u2proxy::subject(request, presented, service, for_user, view, now)
            }
        }
    }

    fn own(
        options: KdcOptions,
        presented: &'p Presented,
        service: &Service,
        view: &View<'_>,
    ) -> Result<Self, Refused> {
        // Whoever was taken out of a group is out of it with the next renewal, not when a week is over.
        let anew = options.contains(KdcOptions::RENEW) && service.is_ticket_granting();
        Ok(Self {
            rests_on: Cow::Borrowed(&presented.accepted.ticket),
            delegates: client::delegates(options, &presented.account, view)?,
            pac: match anew {
                true => Content::Made(pac::renewed(presented, view)?),
                false => Content::Copied(&presented.pac),
            },
            is_another: false,
            padata: MethodData::new(),
        })
    }
}

impl Content<'_> {
    /// The buffers, without signatures.
    pub(crate) fn builder(self, purpose: For) -> PacBuilder {
        match self {
            Self::Copied(believed) => pac::copied(believed, purpose),
            Self::Made(builder) => builder,
        }
    }
}

/// Nobody is a person's word to the services that sign people in: their tickets say what got them, and a ticket that a
/// service asked for was got by nothing that is the person's.
fn not_at_the_house(service: &Service, view: &View<'_>) -> Result<(), Refused> {
    match service.is_of_the_house(view.realm) {
        true => Err(Refused::DelegatedAtTheHouse),
        false => Ok(()),
    }
}
