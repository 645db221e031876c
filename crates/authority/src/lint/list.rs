//! The rules for revocation lists.

use std::collections::BTreeSet;

use der::asn1::{ObjectIdentifier, OctetString, Uint};
use der::{Decode, Encode};
use trust::{Span, Timestamp};
use x509_cert::Version;
use x509_cert::crl::{RevokedCert, TbsCertList};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::AuthorityKeyIdentifier;
use x509_cert::time::Time;

use super::certificate::{Issuer, serial_number, signature_algorithm, time_form};
use super::{Findings, Rule, strict};

const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const REASON_CODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");

/// The longest life of a list; protocols G.1 speak of 7 days with overlap.
const LONGEST: Span = Span::days(31);
/// A list may begin this long ago, for clocks that are behind.
const BACKDATED: Span = Span::hours(2);

pub(super) fn judge(
    bytes: &[u8],
    issuer: &[u8],
    previous: Option<u64>,
    now: Timestamp,
    findings: &mut Findings,
) {
    if let Err(fault) = strict::check(bytes) {
        return findings.report(Rule::Encoding, fault);
    }
    let Some(issuer) = Issuer::read(issuer, findings) else {
        return;
    };
    let list = match TbsCertList::from_der(bytes) {
        Ok(list) => list,
        Err(error) => return findings.report(Rule::Encoding, error.to_string()),
    };
    findings.require(
        Rule::Encoding,
        list.to_der().is_ok_and(|again| again == bytes),
        "not what its content encodes to",
    );
    findings.require(
        Rule::Version,
        list.version == Version::V2,
        format!("{:?}", list.version),
    );
    signature_algorithm(&list.signature, issuer.algorithm, findings);
    findings.require(
        Rule::IssuerName,
        !list.issuer.is_empty()
            && list
                .issuer
                .to_der()
                .is_ok_and(|name| name == issuer.subject),
        "differs from the issuer's subject, or is empty",
    );
    validity(&list, now, findings);
    extensions(&list, &issuer, previous, findings);
    entries(&list, now, findings);
}

fn moment(time: Time) -> Timestamp {
    let seconds = time.to_unix_duration().as_secs();
    Timestamp::from_unix(i64::try_from(seconds).unwrap_or(i64::MAX))
}

fn validity(list: &TbsCertList, now: Timestamp, findings: &mut Findings) {
    time_form(list.this_update, "thisUpdate", findings);
    let Some(next) = list.next_update else {
        return findings.report(Rule::ValidityOrder, "nextUpdate is missing");
    };
    time_form(next, "nextUpdate", findings);
    let (from, until) = (moment(list.this_update), moment(next));
    if from >= until {
        return findings.report(Rule::ValidityOrder, "thisUpdate is not before nextUpdate");
    }
    let bounds = [
        (from <= now, "begins in the future"),
        (from >= now - BACKDATED, "begins more than two hours ago"),
        (until > now, "has ended"),
        (until.since(from) <= LONGEST, "lasts more than 31 days"),
    ];
    for (holds, detail) in bounds {
        findings.require(Rule::ValidityBounds, holds, detail);
    }
}

fn extensions(list: &TbsCertList, issuer: &Issuer, previous: Option<u64>, findings: &mut Findings) {
    let all: &[Extension] = list.crl_extensions.as_deref().unwrap_or_default();
    let find = |id: ObjectIdentifier| {
        let mut found = all.iter().filter(|extension| extension.extn_id == id);
        match (found.next(), found.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        }
    };
    for extension in all {
        let id = extension.extn_id;
        findings.require(
            Rule::ExtensionSet,
            [CRL_NUMBER, AUTHORITY_KEY_IDENTIFIER].contains(&id) && find(id).is_some(),
            format!("{id} occurs twice or has no place here"),
        );
        findings.require(
            Rule::Criticality,
            !extension.critical,
            format!("{id} is critical"),
        );
        if let Err(fault) = strict::check(extension.extn_value.as_bytes()) {
            findings.report(Rule::Encoding, format!("{id}: {fault}"));
        }
    }
    let Some(identifier) = find(AUTHORITY_KEY_IDENTIFIER) else {
        return findings.report(Rule::ExtensionSet, "authorityKeyIdentifier is missing");
    };
    let Some(number) = find(CRL_NUMBER) else {
        return findings.report(Rule::ExtensionSet, "cRLNumber is missing");
    };
    let key = AuthorityKeyIdentifier::from_der(identifier.extn_value.as_bytes())
        .ok()
        .and_then(|identifier| identifier.key_identifier)
        .map(OctetString::into_bytes);
    findings.require(
        Rule::AuthorityKeyIdentifier,
        key.is_some_and(|key| Some(key.as_ref()) == issuer.key.as_deref()),
        "not the issuer's subjectKeyIdentifier",
    );
    let number = Uint::from_der(number.extn_value.as_bytes())
        .ok()
        .filter(|number| number.as_bytes().len() <= 8)
        .map(|number| {
            let octets = number.as_bytes().iter();
            octets.fold(0u64, |value, octet| (value << 8) | u64::from(*octet))
        });
    findings.require(
        Rule::ListNumber,
        number.is_some_and(|number| previous.is_none_or(|previous| number > previous)),
        format!("{number:?} after {previous:?}"),
    );
}

fn entries(list: &TbsCertList, now: Timestamp, findings: &mut Findings) {
    let Some(entries) = &list.revoked_certificates else {
        return;
    };
    findings.require(
        Rule::ListEntries,
        !entries.is_empty(),
        "an empty list of entries, which has to be left out",
    );
    let mut seen = BTreeSet::new();
    for entry in entries {
        serial_number(entry.serial_number.as_bytes(), findings);
        findings.require(
            Rule::ListEntries,
            seen.insert(entry.serial_number.as_bytes()),
            "a serial number that occurs twice",
        );
        findings.require(
            Rule::ListEntries,
            moment(entry.revocation_date) <= now,
            "a revocation in the future",
        );
        time_form(entry.revocation_date, "revocationDate", findings);
        reason(entry, findings);
    }
}

/// Only a reason may stand there, not critical; `unspecified` by leaving it out, and nothing comes back.
fn reason(entry: &RevokedCert, findings: &mut Findings) {
    let Some(extensions) = &entry.crl_entry_extensions else {
        return;
    };
    let right = match extensions.as_slice() {
        [one] if one.extn_id == REASON_CODE && !one.critical => {
            matches!(one.extn_value.as_bytes(), [0x0a, 0x01, 1..=6 | 9..=10])
        }
        _ => false,
    };
    findings.require(Rule::ListEntries, right, "an entry's reason is malformed");
}
