//! Extensions that limit what a certificate or a list is good for. Who decides by one must know all of them:
//! [`Extensions::unknown_critical`].

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use const_oid::ObjectIdentifier;

use super::extension::uri;
use super::read::{self, Reader};
use super::{Extension, Extensions, GeneralName, Malformed, Result, oid, tag, write};
use crate::Sid;

/// What in front of a SID makes it a URI (protocols E.5.4).
const SID_URI: &str = "tag:microsoft.com,2022-09-14:sid:";

/// nameConstraints: which names may stand below an authority (RFC 5280 4.2.1.10).
///
/// ```text
/// NameConstraints ::= SEQUENCE { permittedSubtrees [0] GeneralSubtrees OPTIONAL,
///   excludedSubtrees [1] GeneralSubtrees OPTIONAL }
/// GeneralSubtrees ::= SEQUENCE SIZE (1..MAX) OF GeneralSubtree
/// GeneralSubtree ::= SEQUENCE { base GeneralName, minimum [0] BaseDistance DEFAULT 0, maximum [1] BaseDistance OPTIONAL }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameConstraints {
    /// Names of a form that occurs here must lie below one of these.
    pub permitted: Vec<NameSubtree>,
    /// No name may lie below one of these.
    pub excluded: Vec<NameSubtree>,
}

/// The names below one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameSubtree {
    /// A name of any form but an address: a domain with its hosts ([`GeneralName::Dns`]), a mailbox, a host's
    /// or a domain's mailboxes ([`GeneralName::Email`]), a distinguished name with those that begin with it
    /// ([`GeneralName::Directory`]), a host of URIs ([`GeneralName::Uri`]), a UPN or its suffix
    /// ([`GeneralName::UserPrincipalName`]).
    Name(GeneralName),
    /// Addresses.
    Network {
        /// One of them.
        address: IpAddr,
        /// The bits that count, of the same family.
        mask: IpAddr,
    },
}

impl NameSubtree {
    fn encode(&self) -> Vec<u8> {
        let base = match self {
            Self::Name(name) => name.encode(),
            Self::Network { address, mask } => {
                let octets = |address: &IpAddr| match address {
                    IpAddr::V4(address) => address.octets().to_vec(),
                    IpAddr::V6(address) => address.octets().to_vec(),
                };
                let both = [octets(address), octets(mask)].concat();
                write::element(tag::context(7), &both)
            }
        };
        write::sequence(&[&base])
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        const WHAT: &str = "a subtree of names";
        let mut subtree = reader.sequence(WHAT)?;
        let base = if subtree.peek() == Some(tag::context(7)) {
            let element = subtree.any()?;
            network(subtree.content(&element)).ok_or(Malformed::Unexpected(WHAT))?
        } else {
            let element = subtree.any()?;
            let mut alone = Reader::new(subtree.slice(&element.whole));
            match GeneralName::read_all(&mut alone)?.pop() {
                Some(name) => Self::Name(name),
                None => return Err(Malformed::Missing(WHAT)),
            }
        };
        // Minimum 0 and no maximum is all that RFC 5280 allows; the default may be written out.
        if let Some(minimum) = subtree.optional(tag::context(0))?
            && subtree.content(&minimum) != [0]
        {
            return Err(Malformed::Unexpected(WHAT));
        }
        subtree.finish()?;
        Ok(base)
    }
}

fn network(octets: &[u8]) -> Option<NameSubtree> {
    let (address, mask) = octets.split_at_checked(octets.len() / 2)?;
    if let (Ok(address), Ok(mask)) = (<[u8; 4]>::try_from(address), <[u8; 4]>::try_from(mask)) {
        return Some(NameSubtree::Network {
            address: Ipv4Addr::from(address).into(),
            mask: Ipv4Addr::from(mask).into(),
        });
    }
    Some(NameSubtree::Network {
        address: Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?).into(),
        mask: Ipv6Addr::from(<[u8; 16]>::try_from(mask).ok()?).into(),
    })
}

/// policyConstraints (RFC 5280 4.2.1.11): after how many certificates each begins to count.
///
/// ```text
/// PolicyConstraints ::= SEQUENCE { requireExplicitPolicy [0] SkipCerts OPTIONAL,
///   inhibitPolicyMapping [1] SkipCerts OPTIONAL }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyConstraints {
    /// Every certificate must have an acceptable policy.
    pub require_explicit_policy: Option<u64>,
    /// Policies are not mapped.
    pub inhibit_policy_mapping: Option<u64>,
}

/// issuingDistributionPoint: what of its issuer's certificates a list speaks of (RFC 5280 5.2.5).
///
/// ```text
/// IssuingDistributionPoint ::= SEQUENCE { distributionPoint [0] DistributionPointName OPTIONAL,
///   onlyContainsUserCerts [1] BOOLEAN DEFAULT FALSE, onlyContainsCACerts [2] BOOLEAN DEFAULT FALSE,
///   onlySomeReasons [3] ReasonFlags OPTIONAL, indirectCRL [4] BOOLEAN DEFAULT FALSE,
///   onlyContainsAttributeCerts [5] BOOLEAN DEFAULT FALSE }
/// ```
///
/// A name relative to the issuer's is not read: nobody writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuingDistributionPoint {
    /// The list's own names; a certificate's distribution point must share one. `None` where it has none.
    pub names: Option<Vec<GeneralName>>,
    /// Of certificates of end entities alone.
    pub only_user_certificates: bool,
    /// Of certificates of authorities alone.
    pub only_ca_certificates: bool,
    /// Of revocations for some reasons alone.
    pub only_some_reasons: bool,
    /// Of other issuers' certificates too.
    pub indirect: bool,
    /// Of attribute certificates alone.
    pub only_attribute_certificates: bool,
}

impl IssuingDistributionPoint {
    /// The URIs among its names.
    #[must_use]
    pub fn uris(&self) -> Vec<String> {
        let names = self.names.clone().unwrap_or_default();
        names.into_iter().filter_map(uri).collect()
    }
}

impl Extension {
    /// nameConstraints, critical.
    #[must_use]
    pub fn name_constraints(constraints: &NameConstraints) -> Self {
        let subtrees = |number: u8, subtrees: &[NameSubtree]| match subtrees {
            [] => Vec::new(),
            some => {
                let all: Vec<Vec<u8>> = some.iter().map(NameSubtree::encode).collect();
                write::element(tag::context_constructed(number), &all.concat())
            }
        };
        let value = write::sequence(&[
            &subtrees(0, &constraints.permitted),
            &subtrees(1, &constraints.excluded),
        ]);
        Self::new(oid::NAME_CONSTRAINTS, true, value)
    }

    /// issuingDistributionPoint, critical. Of `only_some_reasons` nothing is written: we say all.
    #[must_use]
    pub fn issuing_distribution_point(point: &IssuingDistributionPoint) -> Self {
        let name = point.names.as_ref().map_or_else(Vec::new, |names| {
            let names: Vec<Vec<u8>> = names.iter().map(GeneralName::encode).collect();
            let full = write::element(tag::context_constructed(0), &names.concat());
            write::element(tag::context_constructed(0), &full)
        });
        let flag = |number: u8, set: bool| match set {
            true => write::element(tag::context(number), &[0xff]),
            false => Vec::new(),
        };
        let value = write::sequence(&[
            &name,
            &flag(1, point.only_user_certificates),
            &flag(2, point.only_ca_certificates),
            &flag(4, point.indirect),
            &flag(5, point.only_attribute_certificates),
        ]);
        Self::new(oid::ISSUING_DISTRIBUTION_POINT, true, value)
    }

    /// deltaCRLIndicator, critical: the number of the list that this one adds to.
    #[must_use]
    pub fn delta_crl_indicator(base: u64) -> Self {
        Self::new(oid::DELTA_CRL_INDICATOR, true, write::number(base))
    }

    /// authorityInfoAccess: where the issuer's responders are, and its certificate.
    #[must_use]
    pub fn authority_information_access_with(ocsp: &[&str], ca_issuers: &[&str]) -> Self {
        let describe = |method: ObjectIdentifier, uris: &[&str]| -> Vec<Vec<u8>> {
            uris.iter()
                .map(|uri| {
                    let location = GeneralName::Uri((*uri).to_owned()).encode();
                    write::sequence(&[&write::oid(&method), &location])
                })
                .collect()
        };
        let all = [
            describe(oid::OCSP, ocsp),
            describe(oid::CA_ISSUERS, ca_issuers),
        ]
        .concat();
        Self::new(
            oid::AUTHORITY_INFORMATION_ACCESS,
            false,
            write::sequence_of(&all),
        )
    }
}

impl GeneralName {
    /// A SID as the URI that stands in for the SID extension (protocols E.5.4).
    #[must_use]
    pub fn security_identifier(sid: &Sid) -> Self {
        Self::Uri(format!("{SID_URI}{sid}"))
    }
}

impl Extensions {
    /// Subtrees that are read of each list.
    const MAX_SUBTREES: usize = 256;
    /// Access descriptions that are read.
    const MAX_DESCRIPTIONS: usize = 64;

    /// The first critical extension that is not among those that the caller obeys: a certificate or a list
    /// that has one must be refused (RFC 5280 4.2, 5.2).
    #[must_use]
    pub fn unknown_critical(&self, known: &[ObjectIdentifier]) -> Option<&Extension> {
        self.iter()
            .find(|extension| extension.critical && !known.contains(&extension.oid))
    }

    /// nameConstraints.
    ///
    /// # Errors
    /// When malformed, without any subtree, or with more than 256 of a kind.
    pub fn name_constraints(&self) -> Result<Option<NameConstraints>> {
        self.decode(oid::NAME_CONSTRAINTS, |value| {
            const WHAT: &str = "nameConstraints";
            let mut reader = read::only(value, tag::SEQUENCE, WHAT)?;
            let mut subtrees = |number: u8| -> Result<Vec<NameSubtree>> {
                let Some(list) = reader.optional(tag::context_constructed(number))? else {
                    return Ok(Vec::new());
                };
                let mut list = reader.inside(&list);
                let mut subtrees = Vec::new();
                while !list.is_empty() {
                    if subtrees.len() == Self::MAX_SUBTREES {
                        return Err(Malformed::Unexpected(WHAT));
                    }
                    subtrees.push(NameSubtree::read(&mut list)?);
                }
                match subtrees.is_empty() {
                    true => Err(Malformed::Missing("a subtree of names")),
                    false => Ok(subtrees),
                }
            };
            let constraints = NameConstraints {
                permitted: subtrees(0)?,
                excluded: subtrees(1)?,
            };
            reader.finish()?;
            if constraints == NameConstraints::default() {
                return Err(Malformed::Missing("a subtree of names"));
            }
            Ok(constraints)
        })
    }

    /// policyConstraints.
    ///
    /// # Errors
    /// When malformed, or empty.
    pub fn policy_constraints(&self) -> Result<Option<PolicyConstraints>> {
        self.decode(oid::POLICY_CONSTRAINTS, |value| {
            const WHAT: &str = "policyConstraints";
            let mut reader = read::only(value, tag::SEQUENCE, WHAT)?;
            let mut skip = |number: u8| -> Result<Option<u64>> {
                reader
                    .optional(tag::context(number))?
                    .map(|element| match reader.content(&element) {
                        [] => Err(Malformed::Unexpected(WHAT)),
                        octets => read::unsigned(octets, WHAT),
                    })
                    .transpose()
            };
            let constraints = PolicyConstraints {
                require_explicit_policy: skip(0)?,
                inhibit_policy_mapping: skip(1)?,
            };
            reader.finish()?;
            match constraints {
                PolicyConstraints {
                    require_explicit_policy: None,
                    inhibit_policy_mapping: None,
                } => Err(Malformed::Missing(WHAT)),
                some => Ok(some),
            }
        })
    }

    /// issuingDistributionPoint.
    ///
    /// # Errors
    /// When malformed, or with a name relative to the issuer's.
    pub fn issuing_distribution_point(&self) -> Result<Option<IssuingDistributionPoint>> {
        self.decode(oid::ISSUING_DISTRIBUTION_POINT, |value| {
            const WHAT: &str = "issuingDistributionPoint";
            let mut reader = read::only(value, tag::SEQUENCE, WHAT)?;
            let names = match reader.optional(tag::context_constructed(0))? {
                None => None,
                Some(point) => {
                    let mut point = reader.inside(&point);
                    let full = point.expect(tag::context_constructed(0), WHAT)?;
                    point.finish()?;
                    Some(GeneralName::read_all(&mut point.inside(&full))?)
                }
            };
            let only_user_certificates = flag(&mut reader, 1)?;
            let only_ca_certificates = flag(&mut reader, 2)?;
            let only_some_reasons = reader.optional(tag::context(3))?.is_some();
            let indirect = flag(&mut reader, 4)?;
            let only_attribute_certificates = flag(&mut reader, 5)?;
            reader.finish()?;
            Ok(IssuingDistributionPoint {
                names,
                only_user_certificates,
                only_ca_certificates,
                only_some_reasons,
                indirect,
                only_attribute_certificates,
            })
        })
    }

    /// deltaCRLIndicator: the number of the list that this one adds to. Alone such a list says nothing.
    ///
    /// # Errors
    /// When malformed, or over 64 bits.
    pub fn delta_crl_indicator(&self) -> Result<Option<u64>> {
        self.decode(oid::DELTA_CRL_INDICATOR, |value| {
            const WHAT: &str = "deltaCRLIndicator";
            let mut reader = Reader::new(value);
            let number = read::unsigned(reader.integer(WHAT)?, WHAT)?;
            reader.finish()?;
            Ok(number)
        })
    }

    /// authorityInfoAccess: the URIs of the issuer's OCSP responders.
    ///
    /// # Errors
    /// When malformed, or a list of more than 64.
    pub fn ocsp_responders(&self) -> Result<Vec<String>> {
        let uris = self.decode(oid::AUTHORITY_INFORMATION_ACCESS, |value| {
            const WHAT: &str = "authorityInfoAccess";
            let mut list = read::only(value, tag::SEQUENCE, WHAT)?;
            let mut uris = Vec::new();
            for _ in 0..Self::MAX_DESCRIPTIONS {
                if list.is_empty() {
                    break;
                }
                let mut description = list.sequence(WHAT)?;
                let method = description.oid(WHAT)?;
                let location = GeneralName::read_all(&mut description)?;
                if method == oid::OCSP {
                    uris.extend(location.into_iter().filter_map(uri));
                }
            }
            list.finish()?;
            Ok(uris)
        })?;
        Ok(uris.unwrap_or_default())
    }

    /// The subject's SID where it stands as a URI among the alternative names (protocols E.5.4).
    ///
    /// # Errors
    /// When the alternative names or the SID are malformed, or there are two.
    pub fn security_identifier_uri(&self) -> Result<Option<Sid>> {
        const WHAT: &str = "the SID among the alternative names";
        let mut found = None;
        for uri in self
            .subject_alternative_names()?
            .into_iter()
            .filter_map(uri)
        {
            let Some(text) = uri.strip_prefix(SID_URI) else {
                continue;
            };
            let sid = text.parse().map_err(|_| Malformed::Unexpected(WHAT))?;
            if found.replace(sid).is_some() {
                return Err(Malformed::Unexpected(WHAT));
            }
        }
        Ok(found)
    }
}

/// `[number] IMPLICIT BOOLEAN DEFAULT FALSE`; an encoded FALSE is read.
fn flag(reader: &mut Reader<'_>, number: u8) -> Result<bool> {
    let Some(element) = reader.optional(tag::context(number))? else {
        return Ok(false);
    };
    match reader.content(&element) {
        [0x00] => Ok(false),
        [0xff] => Ok(true),
        _ => Err(Malformed::NotDer("a BOOLEAN other than 00 and FF")),
    }
}

#[cfg(test)]
mod tests;
