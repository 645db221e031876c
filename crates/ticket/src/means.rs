//! What got a ticket, remembered in the ticket itself: so that tickets die with their key, device or account (design:
//! "revocation reaches tickets").
//!
//! Only tickets that are opened in the house carry it: ticket-granting tickets, and those for the services that change
//! passwords and that sign in. No other service learns which key or device somebody has.
//!
//! An element of authorization data of our own, in AD-IF-RELEVANT: a version byte, the account's id
//! (16 bytes), then for a key its fingerprint (32 bytes) and the device's id (16 bytes, zeros for none). For a
//! certificate the version is 2, and after the account come: 1 for one of our own authority and 0 for another's, who
//! issued it (32 bytes), whom that one's path reaches (32 bytes), and the serial number.
//! The ticket's encryption protects it; [`strip`] takes out what clients would like to put in its place.

use crypto::key::Fingerprint;
use trust::revocation::IssuerId;
use wire::Guid;
use wire::kerberos::{AuthorizationData, AuthorizationDataElement, AuthorizationDataType};

/// Negative numbers are for local use (RFC 4120 5.2.6).
const TYPE: AuthorizationDataType = AuthorizationDataType(-19_280);

/// By what MIT's KDCs signed tickets as evidence of their own (AD-SIGNTICKET).
const SIGNED_TICKET: AuthorizationDataType = AuthorizationDataType(512);

const VERSION: u8 = 1;

/// The version of the element about a certificate.
const CERTIFICATE: u8 = 2;

/// Who got a ticket, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Means {
    /// The account's objectGUID.
    pub account: Guid,
    /// The key, where it was one; a password otherwise.
    pub key: Option<KeyMeans>,
    /// The certificate, where it was one.
    pub certificate: Option<CertificateMeans>,
}

/// The key that got a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyMeans {
    /// Which key.
    pub fingerprint: Fingerprint,
    /// On which device.
    pub device: Option<Guid>,
}

/// The certificate that got a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateMeans {
    /// Whether our own authority issued it.
    pub own: bool,
    /// Who issued it.
    pub issuer: IssuerId,
    /// The trusted issuer that its path reaches.
    pub anchor: IssuerId,
    serial: [u8; Self::LONGEST_SERIAL],
    length: u8,
}

impl CertificateMeans {
    /// The longest serial number that is remembered, in bytes; RFC 5280 4.1.2.2 allows 20.
    pub const LONGEST_SERIAL: usize = 32;

    /// Remembers a certificate; `None` for one whose serial number is longer than it may be.
    #[must_use]
    pub fn new(own: bool, issuer: IssuerId, anchor: IssuerId, serial: &[u8]) -> Option<Self> {
        let mut octets = [0; Self::LONGEST_SERIAL];
        octets.get_mut(..serial.len())?.copy_from_slice(serial);
        Some(Self {
            own,
            issuer,
            anchor,
            serial: octets,
            length: u8::try_from(serial.len()).ok()?,
        })
    }

    /// Its serial number: the content octets of the INTEGER.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        self.serial.get(..self.length.into()).unwrap_or_default()
    }
}

impl Means {
    /// The element that goes into the ticket.
    #[must_use]
    pub fn element(&self) -> AuthorizationDataElement {
        let version = match self.certificate {
            None => VERSION,
            Some(_) => CERTIFICATE,
        };
        let mut data = vec![version];
        data.extend_from_slice(&self.account.to_windows_bytes());
        if let Some(key) = &self.key {
            data.extend_from_slice(&key.fingerprint.0);
            data.extend_from_slice(&key.device.unwrap_or(Guid::NIL).to_windows_bytes());
        }
        if let Some(certificate) = &self.certificate {
            data.push(certificate.own.into());
            data.extend_from_slice(&certificate.issuer.0);
            data.extend_from_slice(&certificate.anchor.0);
            data.extend_from_slice(certificate.serial());
        }
        let element = AuthorizationDataElement {
            ad_type: TYPE,
            ad_data: data,
        };
        AuthorizationDataElement::if_relevant(&AuthorizationData::from([element]))
    }

    /// Reads the first element of our type; `None` when there is none that we wrote. Only what a KDC made is believed: the
    /// caller has opened a ticket, and clients' own elements went through [`strip`].
    #[must_use]
    pub fn find(data: &AuthorizationData) -> Option<Self> {
        data.iter()
            .filter(|element| element.ad_type == AuthorizationDataType::AD_IF_RELEVANT)
            .filter_map(|element| AuthorizationData::decode(&element.ad_data).ok())
            .flat_map(AuthorizationData::into_vec)
            .find(|element| element.ad_type == TYPE)
            .and_then(|element| Self::read(&element.ad_data))
    }

    fn read(data: &[u8]) -> Option<Self> {
        let (version, rest) = data.split_first()?;
        let (account, rest) = rest.split_first_chunk()?;
        if *version == CERTIFICATE {
            let (own, rest) = rest.split_first()?;
            let (issuer, rest) = rest.split_first_chunk()?;
            let (anchor, serial) = rest.split_first_chunk()?;
            let (issuer, anchor) = (IssuerId(*issuer), IssuerId(*anchor));
            return Some(Self {
                account: Guid::from_windows_bytes(*account),
                key: None,
                certificate: Some(CertificateMeans::new(*own == 1, issuer, anchor, serial)?),
            });
        }
        if *version != VERSION {
            return None;
        }
        let key = match rest {
            [] => None,
            rest => {
                let (fingerprint, rest) = rest.split_first_chunk()?;
                let device = Guid::from_windows_bytes(rest.try_into().ok()?);
                Some(KeyMeans {
                    fingerprint: Fingerprint(*fingerprint),
                    device: (!device.is_nil()).then_some(device),
                })
            }
        };
        Some(Self {
            account: Guid::from_windows_bytes(*account),
            key,
            certificate: None,
        })
    }
}

/// A client's own authorization data without what only a KDC may say: a PAC, our own element, what it was proven by (RFC
/// 4556 3.2.2, RFC 8129) or signed tickets of others, at any of the levels that anybody looks at. What does not parse is
/// left out, too.
#[must_use]
pub fn strip(data: &AuthorizationData) -> Vec<AuthorizationDataElement> {
    let forbidden = |kind| {
        kind == TYPE
            || kind == AuthorizationDataType::AD_WIN2K_PAC
            || kind == AuthorizationDataType::AD_KDC_ISSUED
            || kind == AuthorizationDataType::AD_CAMMAC
            || kind == AuthorizationDataType::AD_AUTHENTICATION_INDICATOR
            || kind == AuthorizationDataType::AD_INITIAL_VERIFIED_CAS
            || kind == SIGNED_TICKET
    };
    let mut kept = Vec::new();
    for element in data {
        if forbidden(element.ad_type) {
            continue;
        }
        if element.ad_type != AuthorizationDataType::AD_IF_RELEVANT {
            kept.push(element.clone());
            continue;
        }
        let Ok(inner) = AuthorizationData::decode(&element.ad_data) else {
            continue;
        };
        let inner: AuthorizationData = inner
            .into_iter()
            .filter(|element| {
                !forbidden(element.ad_type)
                    && element.ad_type != AuthorizationDataType::AD_IF_RELEVANT
            })
            .collect();
        if !inner.is_empty() {
            kept.push(AuthorizationDataElement::if_relevant(&inner));
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means() -> Means {
        Means {
            account: Guid::from_windows_bytes([7; 16]),
            key: Some(KeyMeans {
                fingerprint: Fingerprint([9; 32]),
                device: Some(Guid::from_windows_bytes([8; 16])),
            }),
            certificate: None,
        }
    }

    #[test]
    fn what_got_a_ticket_is_found_in_it() {
        let password = Means {
            key: None,
            ..means()
        };
        let (issuer, anchor) = (IssuerId([1; 32]), IssuerId([2; 32]));
        let of = |own| CertificateMeans::new(own, issuer, anchor, &[0x12, 0x34]);
        let by_certificate = |own| Means {
            certificate: of(own),
            ..password
        };
        for means in [
            means(),
            password,
            by_certificate(true),
            by_certificate(false),
        ] {
            let data = AuthorizationData::from([means.element()]);
            assert_eq!(Means::find(&data), Some(means));
        }
        assert_eq!(Means::find(&AuthorizationData::new()), None);
    }

    #[test]
    fn what_a_kdc_says_of_a_sign_in_no_client_says() {
        let element = |ad_type| AuthorizationDataElement {
            ad_type: AuthorizationDataType(ad_type),
            ad_data: vec![0x30, 0],
        };
        for kind in [4, 9, 96, 97, 128, 512, -19_280] {
            let nested = AuthorizationDataElement::if_relevant(&[element(kind)].into());
            let data = AuthorizationData::from([element(kind), nested]);
            assert_eq!(strip(&data), [], "{kind}");
        }
    }

    #[test]
    fn a_client_cannot_put_its_own_words_in_its_place() {
        let element = |ad_type| AuthorizationDataElement {
            ad_type,
            ad_data: vec![1, 2, 3],
        };
        let pac = element(AuthorizationDataType::AD_WIN2K_PAC);
        let wish = element(AuthorizationDataType::AD_TARGET_PRINCIPAL);
        let both = AuthorizationData::from([pac.clone(), wish.clone()]);
        let nested = AuthorizationDataElement::if_relevant(&both);
        let twice =
            AuthorizationDataElement::if_relevant(&AuthorizationData::from([nested.clone()]));
        let data = AuthorizationData::from([means().element(), pac, nested, twice, wish.clone()]);
        let kept = AuthorizationData::from(strip(&data));
        assert_eq!(Means::find(&kept), None);
        let expected =
            AuthorizationDataElement::if_relevant(&AuthorizationData::from([wish.clone()]));
        assert_eq!(kept.into_vec(), [expected, wish]);
    }
}
