//! The PAC: put into a ticket and signed, found in a ticket and verified (MS-PAC 2.8, protocols E.6).
//!
//! Four signatures, made in this order: over the ticket with the PAC left out, over the whole PAC, over
//! the PAC with the service's key, over that signature with the key of the ticket-granting service. The
//! first two are for service tickets alone, since whoever holds a service's key could otherwise
//! change ticket or PAC and have the change copied.

use crypto::etype::Etype;
use wire::kerberos::{
    AuthorizationData, AuthorizationDataElement, AuthorizationDataType, EncTicketPart, KeyUsage,
};
use wire::pac::{
    AttributesInfo, BufferType, ClientInfo, DelegationInfo, Pac, PacBuilder, Requestor, UpnDnsInfo,
    ValidationInfo,
};

use crate::keys::{Keys, VersionedKey};

const USAGE: KeyUsage = KeyUsage::KERB_NON_KERB_CKSUM_SALT;

/// What stands in the PAC's place while the ticket is signed (MS-PAC 2.8.3).
const PLACEHOLDER: [u8; 1] = [0];

/// Which ticket a PAC is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    /// The ticket-granting service: two signatures.
    TicketGranting,
    /// Any other service: all four.
    Service,
}

/// A PAC could not be made: a name too long for its field, or more groups than it has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the PAC does not fit its form")]
pub struct Unfit;

/// Why a PAC is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbelieved {
    /// There is none.
    #[error("there is no PAC")]
    Missing,
    /// There are two, and who could say which counts.
    #[error("there is more than one PAC")]
    Twice,
    /// It does not parse.
    #[error("the PAC is malformed")]
    Malformed,
    /// The service's signature is missing or wrong.
    #[error("the PAC is not signed with the service's key")]
    ServerSignature,
    /// The ticket-granting service's signature is missing or wrong.
    #[error("the PAC is not signed with the key of the ticket-granting service")]
    KdcSignature,
    /// It speaks of another client or another sign-in than the ticket.
    #[error("the PAC is that of another ticket")]
    OtherTicket,
    /// The signature over the ticket is missing or wrong.
    #[error("the ticket is not the one that the ticket-granting service signed")]
    TicketSignature,
    /// The signature over the whole PAC is missing or wrong.
    #[error("the PAC is not the one that the ticket-granting service signed")]
    FullSignature,
}

/// Puts the PAC and then `others` into the ticket's authorization data. `content` holds the PAC's buffers
/// without signatures; `server` is the key that the ticket will be sealed with.
///
/// # Errors
/// [`Unfit`].
pub fn attach(
    part: &mut EncTicketPart,
    content: PacBuilder,
    others: Vec<AuthorizationDataElement>,
    purpose: For,
    server: VersionedKey<'_>,
    krbtgt: VersionedKey<'_>,
) -> Result<(), Unfit> {
    let place = |builder: PacBuilder, kind, etype: Etype| {
        builder.signature(kind, etype.checksum_type(), etype.checksum_len())
    };
    let kdc_etype = krbtgt.key.etype();
    let mut builder = place(content, BufferType::SERVER_CHECKSUM, server.key.etype());
    builder = place(builder, BufferType::KDC_CHECKSUM, kdc_etype);
    if purpose == For::Service {
        builder = place(builder, BufferType::TICKET_CHECKSUM, kdc_etype);
        builder = place(builder, BufferType::FULL_CHECKSUM, kdc_etype);
    }
    let mut pac = builder.build().map_err(|_| Unfit)?;
    let sign = |pac: &mut Pac, kind, key: VersionedKey<'_>, covered: Option<&[u8]>| {
        let checksum = key.key.checksum(USAGE, covered.unwrap_or(pac.as_bytes()));
        pac.set_signature(kind, &checksum).map_err(|_| Unfit)?;
        Ok(checksum)
    };
    if purpose == For::Service {
        part.authorization_data = Some(with_pac(PLACEHOLDER.to_vec(), &others));
        let covered = part.encode();
        sign(
            &mut pac,
            BufferType::TICKET_CHECKSUM,
            krbtgt,
            Some(&covered),
        )?;
        sign(&mut pac, BufferType::FULL_CHECKSUM, krbtgt, None)?;
    }
    let signature = sign(&mut pac, BufferType::SERVER_CHECKSUM, server, None)?;
    sign(&mut pac, BufferType::KDC_CHECKSUM, krbtgt, Some(&signature))?;
    part.authorization_data = Some(with_pac(pac.as_bytes().to_vec(), &others));
    Ok(())
}

/// The PAC alone in the first element, so that whoever checks the ticket's signature finds it there.
fn with_pac(pac: Vec<u8>, others: &[AuthorizationDataElement]) -> AuthorizationData {
    let pac = AuthorizationDataElement {
        ad_type: AuthorizationDataType::AD_WIN2K_PAC,
        ad_data: pac,
    };
    let wrapped = AuthorizationDataElement::if_relevant(&AuthorizationData::from([pac]));
    std::iter::once(wrapped)
        .chain(others.iter().cloned())
        .collect()
}

/// A PAC whose signature was checked against the keys that must have made it. Only [`verify`] and
/// [`verify_as_service`] make one.
#[derive(Debug)]
pub struct Believed {
    pac: Pac,
}

/// Finds the PAC of an opened ticket-granting ticket and checks both signatures. `server` is the key that
/// the ticket opened with.
///
/// # Errors
/// [`Unbelieved`], saying why.
pub fn verify(
    part: &EncTicketPart,
    server: VersionedKey<'_>,
    krbtgt: &impl Keys,
) -> Result<Believed, Unbelieved> {
    let believed = verify_as_service(part, server)?;
    let server_signature = believed
        .pac
        .signature(BufferType::SERVER_CHECKSUM)
        .ok_or(Unbelieved::ServerSignature)?;
    let signed = is_signed(
        &believed.pac,
        BufferType::KDC_CHECKSUM,
        &server_signature.value,
        krbtgt,
    );
    signed.then_some(believed).ok_or(Unbelieved::KdcSignature)
}

/// As [`verify`] for the ticket of another service, which that service shows to prove who came to it. The service has
/// the key that sealed the ticket and signed the PAC, and could have changed both: what tells are the ticket-granting
/// service's signatures over the ticket (CVE-2020-17049) and over the whole PAC (CVE-2022-37967).
///
/// # Errors
/// [`Unbelieved`], saying why.
pub fn verify_evidence(
    part: &EncTicketPart,
    server: VersionedKey<'_>,
    krbtgt: &impl Keys,
) -> Result<Believed, Unbelieved> {
    let believed = verify(part, server, krbtgt)?;
    let covered = with_placeholder(part).encode();
    if !is_signed(&believed.pac, BufferType::TICKET_CHECKSUM, &covered, krbtgt) {
        return Err(Unbelieved::TicketSignature);
    }
    // As it was when this signature was made: with that over the ticket and none of the others.
    let covered = believed.pac.with_zeroed_signatures(&[
        BufferType::SERVER_CHECKSUM,
        BufferType::KDC_CHECKSUM,
        BufferType::FULL_CHECKSUM,
    ]);
    match is_signed(&believed.pac, BufferType::FULL_CHECKSUM, &covered, krbtgt) {
        true => Ok(believed),
        false => Err(Unbelieved::FullSignature),
    }
}

/// Whether one of the ticket-granting service's keys made a signature over these bytes.
fn is_signed(pac: &Pac, kind: BufferType, covered: &[u8], krbtgt: &impl Keys) -> bool {
    pac.signature(kind).is_some_and(|signature| {
        krbtgt
            .keys()
            .filter(|key| key.key.etype().checksum_type() == signature.checksum_type)
            .any(|key| {
                let key = key.key;
                key.verify_checksum(USAGE, covered, &signature.value)
                    .is_ok()
            })
    })
}

/// The ticket as it was signed. There is one PAC in it: [`find`] said so.
fn with_placeholder(part: &EncTicketPart) -> EncTicketPart {
    let mut part = part.clone();
    let data = part.authorization_data.take().unwrap_or_default();
    let replaced = data.into_iter().map(|element| {
        if element.ad_type != AuthorizationDataType::AD_IF_RELEVANT {
            return element;
        }
        let Ok(inner) = AuthorizationData::decode(&element.ad_data) else {
            return element;
        };
        if inner
            .iter()
            .all(|element| element.ad_type != AuthorizationDataType::AD_WIN2K_PAC)
        {
            return element;
        }
        let inner = inner.into_iter().map(|mut element| {
            if element.ad_type == AuthorizationDataType::AD_WIN2K_PAC {
                element.ad_data = PLACEHOLDER.to_vec();
            }
            element
        });
        AuthorizationDataElement::if_relevant(&inner.collect())
    });
    part.authorization_data = Some(replaced.collect());
    part
}

/// Finds the PAC of an opened ticket and checks the service's own signature, which is all that a service
/// can check.
///
/// # Errors
/// [`Unbelieved`], saying why.
pub fn verify_as_service(
    part: &EncTicketPart,
    server: VersionedKey<'_>,
) -> Result<Believed, Unbelieved> {
    let pac = Pac::parse(&find(part)?).map_err(|_| Unbelieved::Malformed)?;
    let signature = pac
        .signature(BufferType::SERVER_CHECKSUM)
        .filter(|signature| signature.checksum_type == server.key.etype().checksum_type())
        .ok_or(Unbelieved::ServerSignature)?;
    let covered =
        pac.with_zeroed_signatures(&[BufferType::SERVER_CHECKSUM, BufferType::KDC_CHECKSUM]);
    server
        .key
        .verify_checksum(USAGE, &covered, &signature.value)
        .map_err(|_| Unbelieved::ServerSignature)?;
    let believed = Believed { pac };
    let client = believed.client_info().ok_or(Unbelieved::Malformed)?;
    let authenticated = trust::Timestamp::from_unix(part.authtime.unix()).filetime();
    if client.authentication_time != authenticated || client.name != part.cname.to_string() {
        return Err(Unbelieved::OtherTicket);
    }
    Ok(believed)
}

fn find(part: &EncTicketPart) -> Result<Vec<u8>, Unbelieved> {
    let mut found = None;
    for element in part.authorization_data.iter().flatten() {
        if element.ad_type != AuthorizationDataType::AD_IF_RELEVANT {
            continue;
        }
        let Ok(inner) = AuthorizationData::decode(&element.ad_data) else {
            continue;
        };
        for element in inner {
            if element.ad_type == AuthorizationDataType::AD_WIN2K_PAC
                && found.replace(element.ad_data).is_some()
            {
                return Err(Unbelieved::Twice);
            }
        }
    }
    found.ok_or(Unbelieved::Missing)
}

impl Believed {
    /// A buffer as it came, to be copied into another ticket's PAC.
    #[must_use]
    pub fn buffer(&self, kind: BufferType) -> Option<&[u8]> {
        self.pac.buffer(kind)
    }

    /// Who the client is and what groups it is in.
    #[must_use]
    pub fn logon_info(&self) -> Option<ValidationInfo> {
        ValidationInfo::parse(self.buffer(BufferType::LOGON_INFO)?).ok()
    }

    /// Name and time of the sign-in.
    #[must_use]
    pub fn client_info(&self) -> Option<ClientInfo> {
        ClientInfo::parse(self.buffer(BufferType::CLIENT_INFO)?).ok()
    }

    /// UPN, DNS domain, sAMAccountName and SID.
    #[must_use]
    pub fn upn_dns_info(&self) -> Option<UpnDnsInfo> {
        UpnDnsInfo::parse(self.buffer(BufferType::UPN_DNS_INFO)?).ok()
    }

    /// How the PAC came to be asked for.
    #[must_use]
    pub fn attributes_info(&self) -> Option<AttributesInfo> {
        AttributesInfo::parse(self.buffer(BufferType::ATTRIBUTES_INFO)?).ok()
    }

    /// Through which services the client was passed on; `None` where nobody passed it on.
    ///
    /// # Errors
    /// [`Unbelieved::Malformed`].
    pub fn delegation_info(&self) -> Result<Option<DelegationInfo>, Unbelieved> {
        self.buffer(BufferType::DELEGATION_INFO)
            .map(DelegationInfo::parse)
            .transpose()
            .map_err(|_| Unbelieved::Malformed)
    }

    /// The account that asked for the ticket-granting ticket.
    #[must_use]
    pub fn requestor(&self) -> Option<Requestor> {
        Requestor::parse(self.buffer(BufferType::REQUESTOR)?).ok()
    }
}
