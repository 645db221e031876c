//! The rules for what a certificate says about names and places in its extensions.

use der::asn1::{BmpString, GeneralStringRef, OctetStringRef, Utf8StringRef};
use der::{Decode, Sequence};
use x509_cert::certificate::TbsCertificate;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName, OtherName};
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, CrlDistributionPoints, SubjectAltName};

use super::{DEVICE_ARC, SECURITY_IDENTIFIER, TEMPLATE_NAME, oid};
use crate::lint::{Findings, Kind, Rule, names};

pub(super) fn judge(tbs: &TbsCertificate, kind: Kind, findings: &mut Findings) {
    alternative_names(tbs, kind, findings);
    distribution_points(tbs, findings);
    information_access(tbs, findings);
    if kind == Kind::Kdc {
        template_name(tbs, findings);
    }
    if kind == Kind::Logon {
        security_identifier(tbs, findings);
    }
    if kind == Kind::Device {
        device_extensions(tbs, findings);
    }
}

fn alternative_names(tbs: &TbsCertificate, kind: Kind, findings: &mut Findings) {
    let names = match tbs.get_extension::<SubjectAltName>() {
        Ok(None) => return,
        Ok(Some((_, names))) if !names.0.is_empty() => names.0,
        _ => return findings.report(Rule::AlternativeNames, "malformed or empty"),
    };
    let mut hosts = Vec::new();
    let mut principals = 0;
    let mut people = 0;
    for name in &names {
        let fault = match name {
            GeneralName::DnsName(host) if kind != Kind::Logon => {
                hosts.push(host.as_str());
                let wildcard = kind == Kind::TlsServer;
                (!names::is_dns_name(host.as_str(), wildcard))
                    .then(|| format!("{:?} is no host name", host.as_str()))
            }
            GeneralName::IpAddress(octets) if kind == Kind::TlsServer => {
                (!matches!(octets.as_bytes().len(), 4 | 16)).then(|| "an odd address".to_owned())
            }
            GeneralName::OtherName(other) if kind == Kind::Kdc => {
                principals += 1;
                kdc_principal(other).err()
            }
            GeneralName::OtherName(other) if kind == Kind::Logon => {
                people += 1;
                user_principal(other).err()
            }
            _ => Some("a form that has no place here".to_owned()),
        };
        if let Some(fault) = fault {
            findings.report(Rule::AlternativeNames, fault);
        }
    }
    findings.require(
        Rule::AlternativeNames,
        kind != Kind::Logon || people == 1,
        format!("{people} user principal names"),
    );
    if kind == Kind::Kdc {
        // AUTH-KDC-6, E.3.5: the host, its domain, and the ticket-granting service of the realm.
        let of_domain = hosts.iter().any(|host| {
            host.split_once('.').is_some_and(|(_, domain)| {
                hosts.iter().any(|other| other.eq_ignore_ascii_case(domain))
            })
        });
        findings.require(
            Rule::AlternativeNames,
            of_domain,
            "not a host name together with its domain",
        );
        findings.require(
            Rule::AlternativeNames,
            principals == 1,
            format!("{principals} Kerberos principals"),
        );
    }
}

/// A user principal name: a UTF8String with one sign between a name and a domain.
fn user_principal(other: &OtherName) -> Result<(), String> {
    if other.type_id != oid("1.3.6.1.4.1.311.20.2.3") {
        return Err(format!("an otherName of type {}", other.type_id));
    }
    let text: Utf8StringRef<'_> = other
        .value
        .decode_as()
        .map_err(|error| format!("the user principal name: {error}"))?;
    let name = text.as_str();
    let right = name.rsplit_once('@').is_some_and(|(user, domain)| {
        !user.is_empty() && names::is_dns_name(domain, false) && !name.contains(char::is_control)
    });
    if right {
        Ok(())
    } else {
        Err(format!("{name:?} is no user principal name"))
    }
}

/// `GeneralNames` of one otherName with an OCTET STRING of a SID in letters (protocols E.5.4, E.5.6).
fn security_identifier(tbs: &TbsCertificate, findings: &mut Findings) {
    let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
    let value = extensions
        .iter()
        .find(|extension| extension.extn_id == SECURITY_IDENTIFIER)
        .map(|extension| extension.extn_value.as_bytes());
    let names = value.and_then(|value| Vec::<GeneralName>::from_der(value).ok());
    let right = match names.as_deref() {
        Some([GeneralName::OtherName(other)]) => {
            let text: Option<&OctetStringRef> = other.value.decode_as().ok();
            other.type_id == oid("1.3.6.1.4.1.311.25.2.1")
                && text.is_some_and(|text| is_domain_sid(text.as_bytes()))
        }
        _ => false,
    };
    findings.require(Rule::SecurityIdentifier, right, "not one SID of a domain");
}

/// `S-1-5-21-` and four numbers of 32 bits.
fn is_domain_sid(text: &[u8]) -> bool {
    let parts = core::str::from_utf8(text)
        .ok()
        .and_then(|text| text.strip_prefix("S-1-5-21-"))
        .map(|rest| rest.split('-').collect::<Vec<_>>());
    parts.is_some_and(|parts| {
        parts.len() == 4
            && parts.iter().all(|part| {
                part.parse::<u32>()
                    .is_ok_and(|number| number.to_string() == **part)
            })
    })
}

/// `krbtgt/REALM@REALM` (RFC 4556 3.2.4).
fn kdc_principal(other: &OtherName) -> Result<(), String> {
    #[derive(Sequence)]
    struct Krb5PrincipalName<'a> {
        #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
        realm: GeneralStringRef<'a>,
        #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
        principal: PrincipalName<'a>,
    }
    #[derive(Sequence)]
    struct PrincipalName<'a> {
        #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
        name_type: i32,
        #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
        name_string: Vec<GeneralStringRef<'a>>,
    }
    if other.type_id != oid("1.3.6.1.5.2.2") {
        return Err(format!("an otherName of type {}", other.type_id));
    }
    let name: Krb5PrincipalName<'_> = other
        .value
        .decode_as()
        .map_err(|error| format!("the principal: {error}"))?;
    let realm = name.realm.as_bytes();
    let strings: Vec<&[u8]> = name
        .principal
        .name_string
        .iter()
        .map(GeneralStringRef::as_bytes)
        .collect();
    let right = name.principal.name_type == 2
        && strings == [b"krbtgt".as_slice(), realm]
        && !realm.is_empty()
        && realm.is_ascii();
    if right {
        Ok(())
    } else {
        Err("the principal is not krbtgt/REALM@REALM".to_owned())
    }
}

fn require_http(location: &GeneralName, findings: &mut Findings) {
    let right = match location {
        GeneralName::UniformResourceIdentifier(uri) => names::is_http(uri.as_str()),
        _ => false,
    };
    findings.require(
        Rule::DistributionPoints,
        right,
        "a place that is not plain HTTP",
    );
}

fn distribution_points(tbs: &TbsCertificate, findings: &mut Findings) {
    let points = match tbs.get_extension::<CrlDistributionPoints>() {
        Ok(None) => return,
        Ok(Some((_, points))) if !points.0.is_empty() => points.0,
        _ => return findings.report(Rule::DistributionPoints, "malformed or empty"),
    };
    for point in points {
        let plain = point.reasons.is_none() && point.crl_issuer.is_none();
        findings.require(
            Rule::DistributionPoints,
            plain,
            "a partial or indirect list",
        );
        match point.distribution_point {
            Some(DistributionPointName::FullName(names)) if !names.is_empty() => {
                names.iter().for_each(|name| require_http(name, findings));
            }
            _ => findings.report(Rule::DistributionPoints, "a point without a place"),
        }
    }
}

fn information_access(tbs: &TbsCertificate, findings: &mut Findings) {
    let descriptions = match tbs.get_extension::<AuthorityInfoAccessSyntax>() {
        Ok(None) => return,
        Ok(Some((_, list))) if !list.0.is_empty() => list.0,
        _ => return findings.report(Rule::DistributionPoints, "authorityInfoAccess is malformed"),
    };
    for description in descriptions {
        let known = [oid("1.3.6.1.5.5.7.48.1"), oid("1.3.6.1.5.5.7.48.2")];
        findings.require(
            Rule::DistributionPoints,
            known.contains(&description.access_method),
            format!("an access method {}", description.access_method),
        );
        require_http(&description.access_location, findings);
    }
}

fn template_name(tbs: &TbsCertificate, findings: &mut Findings) {
    let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
    let name = extensions
        .iter()
        .find(|extension| extension.extn_id == TEMPLATE_NAME)
        .and_then(|extension| BmpString::from_der(extension.extn_value.as_bytes()).ok());
    findings.require(
        Rule::TemplateName,
        name.is_some_and(|name| name.to_string() == "DomainController"),
        "not the BMPString DomainController",
    );
}

/// The subject is `CN=<device id>` alone, in lower case, and extension .2 is the same GUID.
fn device_extensions(tbs: &TbsCertificate, findings: &mut Findings) {
    let extensions = tbs.extensions().map(Vec::as_slice).unwrap_or_default();
    let mut device = None;
    let mut joined = None;
    for extension in extensions {
        if extension.extn_id.parent() != Some(DEVICE_ARC) {
            continue;
        }
        let value = extension.extn_value.as_bytes();
        let fault = match (extension.extn_id.arcs().last(), octets(value)) {
            (Some(1..=5), Some(guid)) if guid.len() == 16 => {
                if extension.extn_id.arcs().last() == Some(2) {
                    device = wire::Guid::from_windows_slice(guid);
                }
                continue;
            }
            (Some(7), Some(b"0" | b"1")) => {
                joined = Some(());
                continue;
            }
            (Some(8), Some(region)) if !region.is_empty() && region.is_ascii() => continue,
            _ => format!("{} is malformed", extension.extn_id),
        };
        findings.report(Rule::DeviceExtensions, fault);
    }
    let mut attributes = tbs.subject().iter();
    let common_name = match (attributes.next(), attributes.next()) {
        (Some(only), None) if only.oid == oid("2.5.4.3") => {
            core::str::from_utf8(only.value.value()).ok()
        }
        _ => None,
    };
    findings.require(
        Rule::DeviceExtensions,
        device.is_some() && device.map(|id| id.to_string()).as_deref() == common_name,
        "the subject is not the common name that extension .2 says",
    );
    findings.require(
        Rule::DeviceExtensions,
        joined.is_some(),
        "the join type is missing",
    );
}

/// The content of an OCTET STRING with a length of one octet, or of two as public certificates have it.
fn octets(value: &[u8]) -> Option<&[u8]> {
    let (length, content) = match value {
        [0x04, 0x81, length, content @ ..] | [0x04, length @ 0..=0x7f, content @ ..] => {
            (length, content)
        }
        _ => return None,
    };
    (content.len() == usize::from(*length)).then_some(content)
}
