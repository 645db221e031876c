//! What a PAC says about an account (MS-PAC 2.5 to 2.15, protocols E.6).

use directory::account::AccountControl;
use directory::password::PasswordPolicy;
use directory::{Account, AccountKind, Snapshot, TokenGroup};
use ticket::pac::{Believed, Unfit};
use trust::Timestamp;
use wire::Sid;
use wire::pac::{
    AttributesInfo, BufferType, ClientInfo, GroupMembership, NEVER, PacBuilder, Requestor,
    SidAndAttributes, UpnDnsExtended, UpnDnsInfo, ValidationInfo, group, user_flags,
};

use crate::View;
use crate::lifetime::moment;
use crate::preauth::Proof;
use crate::realm::Realm;
use crate::refused::Refused;
use crate::tgs_exchange::Presented;

/// The buffers of an account's PAC that are for every service. `identities` say how it is known who it is.
pub(crate) fn of_account(
    account: &Account,
    name: &str,
    identities: Vec<Sid>,
    realm: &Realm,
    directory: &Snapshot<'_>,
    authenticated: Timestamp,
) -> Result<PacBuilder, Refused> {
    let groups = directory.token_groups(account)?;
    let passwords = directory.password_policy()?;
    let info = validation_info(account, &groups, identities, realm, &passwords, directory);
    let domain = directory.domain();
    let constructed = format!("{}@{}", account.sam, domain.dns_name);
    let upn_dns = UpnDnsInfo {
        upn_is_constructed: account.upn.is_none(),
        upn: account.upn.clone().unwrap_or(constructed),
        dns_domain_name: realm.name.to_string(),
        extended: Some(UpnDnsExtended {
            sam_name: account.sam.clone(),
            sid: account.sid,
        }),
    };
    let build = || -> Result<PacBuilder, wire::pac::StringTooLong> {
        Ok(PacBuilder::new()
            .buffer(BufferType::LOGON_INFO, info.to_bytes()?)
            .buffer(BufferType::CLIENT_INFO, client_info(name, authenticated)?)
            .buffer(BufferType::UPN_DNS_INFO, upn_dns.to_bytes()?))
    };
    build().map_err(|_| Refused::Fault)
}

/// Adds the buffers that are between the KDC and itself, which a ticket-granting ticket has and no service
/// gets.
pub(crate) fn with_our_own(
    builder: PacBuilder,
    account: &Account,
    pac_was_requested: Option<bool>,
) -> PacBuilder {
    let attributes = AttributesInfo {
        pac_was_requested: pac_was_requested == Some(true),
        pac_was_given_implicitly: pac_was_requested.is_none(),
    };
    let requestor = Requestor { sid: account.sid };
    builder
        .buffer(BufferType::ATTRIBUTES_INFO, attributes.to_bytes())
        .buffer(BufferType::REQUESTOR, requestor.to_bytes())
}

/// The PAC of a ticket-granting ticket that is renewed: who the client is and what groups it is in by what the directory
/// says now, and how it proved who it is by what the ticket says.
pub(crate) fn renewed(presented: &Presented, view: &View<'_>) -> Result<PacBuilder, Refused> {
    let (before, part) = (&presented.pac, &presented.accepted.ticket);
    let info = before
        .logon_info()
        .ok_or(Refused::PacRefused("it has no logon information"))?;
    let identities = info.extra_sids.iter().map(|extra| extra.sid).collect();
    let builder = of_account(
        &presented.account,
        &part.cname.to_string(),
        identities,
        view.realm,
        &view.directory,
        moment(part.authtime),
    )?;
    let attributes = before.attributes_info();
    let wish = attributes
        .filter(|attributes| !attributes.pac_was_given_implicitly)
        .map(|attributes| attributes.pac_was_requested);
    Ok(with_our_own(builder, &presented.account, wish))
}

fn client_info(name: &str, authenticated: Timestamp) -> Result<Vec<u8>, wire::pac::StringTooLong> {
    ClientInfo {
        authentication_time: authenticated.whole_seconds().filetime(),
        name: name.to_owned(),
    }
    .to_bytes()
}

/// The buffers of another ticket's PAC, copied from that of the ticket-granting ticket. The last two are
/// between the KDC and itself, so no service gets them.
pub(crate) fn copied(from: &Believed, purpose: ticket::pac::For) -> PacBuilder {
    let everywhere = [
        BufferType::LOGON_INFO,
        BufferType::CLIENT_INFO,
        BufferType::UPN_DNS_INFO,
    ];
    let ours = [BufferType::ATTRIBUTES_INFO, BufferType::REQUESTOR];
    let ours = ours
        .iter()
        .filter(|_| purpose == ticket::pac::For::TicketGranting);
    everywhere
        .iter()
        .chain(ours)
        .filter_map(|kind| Some((*kind, from.buffer(*kind)?.to_vec())))
        .fold(PacBuilder::new(), |builder, (kind, content)| {
            builder.buffer(kind, content)
        })
}

impl From<Unfit> for Refused {
    fn from(_: Unfit) -> Self {
        Self::Fault
    }
}

fn validation_info(
    account: &Account,
    groups: &[TokenGroup],
    identities: Vec<Sid>,
    realm: &Realm,
    passwords: &PasswordPolicy,
    directory: &Snapshot<'_>,
) -> ValidationInfo {
    let domain = directory.domain();
    let mut info = ValidationInfo::new(
        &account.sam,
        domain.sid,
        account.sid.rid(),
        account.primary_group,
    );
    info.full_name = account.display_name.clone().unwrap_or_default();
    info.logon_server.clone_from(&realm.kdc_name);
    info.logon_domain_name.clone_from(&domain.netbios_name);
    info.password_last_set = account.password_last_set.map_or(0, Timestamp::filetime);
    info.password_can_change = account
        .password_last_set
        .filter(|_| !account.must_change_password())
        .map_or(info.password_last_set, |set| {
            (set + passwords.minimum_age).filetime()
        });
    info.password_must_change = account
        .password_expires(passwords.maximum_age)
        .map_or(NEVER, Timestamp::filetime);
    info.user_account_control = sam_control(account);
    let default = |relative_id| GroupMembership {
        relative_id,
        attributes: group::DEFAULT,
    };
    info.group_ids = vec![default(account.primary_group)];
    for token_group in groups {
        let rid = token_group
            .sid
            .is_in(&domain.sid)
            .then(|| token_group.sid.rid());
        match rid {
            Some(rid) if rid == account.primary_group => {}
            Some(rid) if token_group.group_type.is_domain_local() => {
                info.resource_group_ids.push(GroupMembership {
                    relative_id: rid,
                    attributes: group::DEFAULT | group::RESOURCE,
                });
            }
            Some(rid) => info.group_ids.push(default(rid)),
            // Builtin groups count on the controller alone; a service makes its own of them.
            None => {}
        }
    }
    if !info.resource_group_ids.is_empty() {
        info.resource_group_domain_sid = Some(domain.sid);
        info.user_flags |= user_flags::RESOURCE_GROUPS;
    }
    info.user_flags |= user_flags::EXTRA_SIDS;
    info.extra_sids = identities
        .into_iter()
        .map(|sid| SidAndAttributes {
            sid,
            attributes: group::DEFAULT,
        })
        .collect();
    info
}

/// Well-known identities that tell that the KDC saw a proof, and which (protocols E.4 rule 6).
pub(crate) fn identities(proof: &Proof) -> Vec<Sid> {
    let mut identities = vec![Sid::AUTHENTICATION_AUTHORITY_ASSERTED_IDENTITY];
    identities.extend(key_identities(proof));
    identities
}

/// Well-known identities that tell how a key signed in (protocols E.4 rule 6). Never without the proof.
fn key_identities(proof: &Proof) -> impl Iterator<Item = Sid> {
    let key = proof.key();
    let fresh = proof.fresh();
    [
        key.map(|_| Sid::KEY_TRUST_IDENTITY),
        key.filter(|key| key.second_factor)
            .map(|_| Sid::KEY_PROPERTY_MFA),
        key.filter(|key| key.attested)
            .map(|_| Sid::KEY_PROPERTY_ATTESTATION),
        fresh.map(|_| Sid::FRESH_PUBLIC_KEY_IDENTITY),
    ]
    .into_iter()
    .flatten()
}

/// userAccountControl as SAM numbers it (MS-SAMR 2.2.1.12).
fn sam_control(account: &Account) -> u32 {
    let kind = match account.kind {
        AccountKind::Computer
            if account
                .control
                .contains(AccountControl::SERVER_TRUST_ACCOUNT) =>
        {
            0x0100
        }
        AccountKind::Computer | AccountKind::Service => 0x0080,
        AccountKind::User | AccountKind::Krbtgt => 0x0010,
    };
    let flags = [
        (AccountControl::ACCOUNT_DISABLE, 0x0001),
        (AccountControl::PASSWORD_NOT_REQUIRED, 0x0004),
        (AccountControl::DONT_EXPIRE_PASSWORD, 0x0200),
        (AccountControl::SMARTCARD_REQUIRED, 0x1000),
        (AccountControl::TRUSTED_FOR_DELEGATION, 0x2000),
        (AccountControl::NOT_DELEGATED, 0x4000),
        (AccountControl::DONT_REQUIRE_PREAUTH, 0x0001_0000),
        (
            AccountControl::TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION,
            0x0004_0000,
        ),
    ];
    flags
        .iter()
        .filter(|(flag, _)| account.control.contains(*flag))
        .fold(kind, |control, (_, bit)| control | bit)
}
