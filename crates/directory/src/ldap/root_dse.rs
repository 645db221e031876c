//! The root of the server: what clients ask before anything else (RFC 4512 5.1, [MS-ADTS] 3.1.1.3.2).

use trust::Timestamp;
use wire::ldap::{control_oid, extension_oid};

use super::entries::{FUNCTIONALITY, schema_name};
use super::search::{ShownEntry, owned};
use super::values::generalized_time;
use crate::dn::{Dn, Rdn};
use crate::domain::Domain;
use crate::error::Fault;
use crate::schema::Attribute;
use crate::snapshot::Snapshot;
use crate::well_known::forest::settings_of;

/// The controls that operations heed.
pub(super) const CONTROLS: &[&str] = &[
    control_oid::PAGED_RESULTS,
    control_oid::SORT_REQUEST,
    control_oid::SORT_RESPONSE,
    control_oid::DIR_SYNC,
    control_oid::SHOW_DELETED,
    control_oid::SHOW_RECYCLED,
    control_oid::SHOW_DEACTIVATED_LINK,
    control_oid::EXTENDED_DN,
    control_oid::TREE_DELETE,
    control_oid::PERMISSIVE_MODIFY,
    control_oid::LAZY_COMMIT,
    control_oid::DOMAIN_SCOPE,
    control_oid::SEARCH_OPTIONS,
    control_oid::SD_FLAGS,
    control_oid::ASSERTION,
    control_oid::PRE_READ,
    control_oid::POST_READ,
    control_oid::MANAGE_DSA_IT,
];

/// What Active Directory's clients look for to know whom they talk to: [MS-ADTS] 3.1.1.3.4.3.
const CAPABILITIES: &[&str] = &[
    "1.2.840.113556.1.4.800",
    "1.2.840.113556.1.4.1670",
    "1.2.840.113556.1.4.1791",
    "1.2.840.113556.1.4.1935",
    "1.2.840.113556.1.4.2080",
    "1.2.840.113556.1.4.2237",
];

/// What the connection adds to the root of the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offered<'a> {
    /// The mechanisms of SASL that can be used on this connection.
    pub(super) mechanisms: &'a [&'a str],
    /// Whether TLS can begin.
    pub(super) start_tls: bool,
    /// The server's own DNS name.
    pub(super) host: &'a str,
}

/// The attributes of the root of the server, each with its values.
pub(super) fn root_dse(
    snapshot: &Snapshot<'_>,
    offered: &Offered<'_>,
    now: Timestamp,
) -> Result<ShownEntry<'static>, Fault> {
    let domain: &Domain = snapshot.domain();
    let head = Dn::of_domain(&domain.dns_name).to_string();
    let configuration = format!("CN=Configuration,{head}");
    let schema = format!("CN=Schema,{configuration}");
    let short = offered.host.split('.').next().unwrap_or_default();
    let (server, settings) = server_names(&controller(snapshot)?, &configuration);
    let level = FUNCTIONALITY.to_string();
    let mut extensions = vec![extension_oid::WHO_AM_I, extension_oid::PASSWORD_MODIFY];
    if offered.start_tls {
        extensions.push(extension_oid::START_TLS);
    }
    let one = |text: &str| vec![text.as_bytes().to_vec()];
    let several = |texts: &[&str]| -> Vec<Vec<u8>> {
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    };
    let list: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("objectClass", one("top")),
        ("currentTime", one(&generalized_time(now))),
        ("subschemaSubentry", one(&schema_name(&head))),
        ("dsServiceName", one(&settings)),
        ("namingContexts", several(&[&head])),
        ("defaultNamingContext", one(&head)),
        ("schemaNamingContext", one(&schema)),
        ("configurationNamingContext", one(&configuration)),
        ("rootDomainNamingContext", one(&head)),
        ("supportedControl", several(CONTROLS)),
        ("supportedExtension", several(&extensions)),
        (
            "supportedFeatures",
            several(&[
                "1.3.6.1.1.14",
                "1.3.6.1.4.1.4203.1.5.1",
                "1.3.6.1.4.1.4203.1.5.3",
            ]),
        ),
        ("supportedLDAPVersion", several(&["3"])),
        ("supportedSASLMechanisms", several(offered.mechanisms)),
        ("supportedCapabilities", several(CAPABILITIES)),
        (
            "highestCommittedUSN",
            match snapshot.highest_commit() {
                Some(number) => one(&number.to_string()),
                None => Vec::new(),
            },
        ),
        ("dnsHostName", one(offered.host)),
        (
            "ldapServiceName",
            one(&format!(
                "{}:{}$@{}",
                domain.dns_name,
                short.to_lowercase(),
                domain.realm
            )),
        ),
        ("serverName", one(&server)),
        ("isSynchronized", one("TRUE")),
        ("isGlobalCatalogReady", one("TRUE")),
        ("domainFunctionality", one(&level)),
        ("forestFunctionality", one(&level)),
        ("domainControllerFunctionality", one(&level)),
        ("vendorName", one("Keyporch")),
    ];
    Ok(owned(
        list.into_iter().filter(|(_, values)| !values.is_empty()),
    ))
}

/// The name of the domain controller that there is, whichever node answers.
fn controller(snapshot: &Snapshot<'_>) -> Result<String, Fault> {
    let entry = snapshot.peek(snapshot.domain().domain_controller)?;
    entry
        .map(|entry| entry.name)
        .ok_or(Fault::Corrupt("domain controller"))
}

/// The names of its entry among the servers, and of what says that it is a domain controller.
fn server_names(controller: &str, configuration: &str) -> (String, String) {
    let parts = settings_of(controller);
    let part = |value: &&str| Rdn {
        attribute: Attribute::Cn,
        value: (*value).to_owned(),
    };
    let below = Dn::default().under(parts.iter().skip(1).map(part).collect());
    let server = format!("{below},{configuration}");
    let [settings, ..] = parts;
    let settings = format!("CN={settings},{server}");
    (server, settings)
}

/// What of the root of the server is shown: all when nothing is named (RFC 4512 5.1 would have it named; nobody does).
pub(super) fn selected<'e>(
    all: ShownEntry<'e>,
    asked: &[&str],
    types_only: bool,
) -> ShownEntry<'e> {
    let everything = asked.is_empty() || asked.iter().any(|name| matches!(*name, "*" | "+"));
    let named = |description: &str| {
        asked
            .iter()
            .any(|name| name.eq_ignore_ascii_case(description))
    };
    all.into_iter()
        .filter(|(description, _)| everything || named(description))
        .map(|(description, values)| (description, if types_only { Vec::new() } else { values }))
        .collect()
}
