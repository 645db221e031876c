//! Every decoder under random bytes.
//!
//! [`TARGETS`] is the table: a name, the decoder, and the longest input that makes sense. A target must not
//! panic, and what it accepts and can write must come back the same where the form is canonical. The
//! tests replay `corpus/NAME/*`, which the fuzzer extends; a crash that was repaired stays there under a
//! name that tells its story. `words/NAME.dict`, where there is one, has words of the protocol.
//!
//! To add a decoder: a row in [`TARGETS`] and in the list below, and a seed: in `seeds.rs` (`cargo run -p keyporch-fuzz
//! --bin seeds`), or by hand in the corpus where it is text.
//!
//! # Which bytes from outside reach which decoder, and which target it
//!
//! | from | what | target |
//! |---|---|---|
//! | port 88, the KDC proxy | KDC-REQ | `kdc_request`; the whole answer: `server_kdc`, `server_pkinit` |
//! | the KDC proxy | KDC-PROXY-MESSAGE, and what is inside | `kdc_proxy` |
//! | port 464, the KDC proxy | requests for new passwords, and each part of them where the others are in order | `password` |
//! | in them | FAST, and whatever stands inside of armor | `fast`, `server_fast` |
//! | in them | PA-DATA, PKINIT, CMS, certificates, names | `preauthentication`, `pkinit`, `cms`, `certificate`, `principal_text` |
//! | in them | a ticket asked for somebody else, options about the PAC, extended errors, new passwords and what came of them | `s4u_messages` |
//! | in answers to PKINIT | EnvelopedData, and what is in it | `enveloped` |
//! | in certificates, on accounts | alternative names, SIDs, values of altSecurityIdentities, and who signs in by them | `mapping` |
//! | in tickets | EncTicketPart, authorization data, PAC | `ticket_content`, `pac` |
//! | port 443, the token service | a request: path, query, headers, cookies, form, JSON, client certificate | `federation` |
//! | in it | percent-encoding, forms | `http` |
//! | in it | SPNEGO, AP-REQ | `spnego`, `ap_exchange` |
//! | in it | tokens, join and key requests, their CSR, key and blob | `jws`, `registration`, `csr`, `public_key`, `key_material` |
//! | port 443, a tenant | a request: host, path, query, headers, cookies, form, JSON, client certificate; which of several tenants it means | `tenant` |
//! | in it | joins, keys and their ends by who may, the middle of sign-ins without a browser, Graph | `tenant_messages` |
//! | in it | tokens of devices, Hello keys and session keys, with right signatures and with none | `prt` |
//! | a tenant, asked by our client | answers that are encrypted, session keys | `jwe` |
//! | ports 389 and 636 | a message, its filter, values of controls and extended operations | `ldap`; a whole session: `ldap_session` |
//! | in it | SPNEGO, AP-REQ, and the tokens that keep messages | `spnego`, `ap_exchange`, `gss_wrap` |
//! | the administration socket, port 443 | a request: path, query, JSON | `administration` |
//! | in it | keys in each form, values of msDS-KeyCredentialLink, DN-Binary, SIDs, GUIDs, times | `public_key`, `certificate`, `key_credential`, `dn_binary`, `identifiers`, `texts` |
//! | a KDC, asked by our client | KRB-ERROR, AS-REP, TGS-REP | `kdc_reply`; the whole exchange: `kdc_answer` |
//! | a token service, asked by our client | pages, discovery, JWK sets, answers to join and key registration | `service_answer` |
//! | a certificate's distribution point, a responder | what a plain HTTP server says | `issuer_answer` |
//! | in it | revocation lists; OCSP answers, decoded and judged | `crl`, `revocation`; `ocsp` |
//! | a nameserver, asked for a domain's TXT records | its answer | `dns` |
//! | a store | what is known of revocation, and who signs in by it | `revocation` |
//! | a store, a backup | rows, one by one and as a whole; what rests wrapped in them | `row`, `store` |
//! | a store, from another party | enrolments, signing keys, second factors | `party_records` |
//! | files | credential caches, keytabs, a device's vault | `ccache`, `keytab`, `vault` |
//! | people, configuration | password hashes, secrets, PEM, DNs, policy settings, `[federation]` | `texts` |
//!
//! `serve` itself reads a length of four bytes before a message over TCP, from a stream, and before a token that an LDAP
//! message is wrapped in; its HTTP is hyper's.
//! Out of reach from here, for they are inside of programs or private to their crate: `keyporch.toml` as a whole,
//! the lab's kept files, the authority's records, lists of hosts.

mod administration;
mod armor;
mod cards;
mod certificates;
mod client;
mod enveloped;
mod federation;
mod kerberos;
mod ldap;
mod mapping;
mod others;
mod overlay;
mod password;
mod prt;
mod request;
mod resting;
mod revocation;
mod s4u;
mod server;
mod stored;
mod tenant;
mod tenant_messages;
mod world;

pub use armor::seeds as armor_seeds;
pub use resting::{Seed, seeds};

/// One decoder.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name, which is also that of its corpus folder.
    pub name: &'static str,
    /// The longest input that is worth trying, in bytes.
    pub longest: usize,
    /// Feeds it.
    pub run: fn(&[u8]),
    /// How far apart the bytes are that the tests change in its seeds: 1 where that costs nothing.
    pub step: usize,
}

const fn target(name: &'static str, longest: usize, run: fn(&[u8])) -> Target {
    Target {
        name,
        longest,
        run,
        step: 1,
    }
}

impl Target {
    /// One that takes its time.
    const fn slow(mut self) -> Self {
        self.step = 23;
        self
    }
}

/// The decoders.
pub const TARGETS: &[Target] = &[
    target("kdc_request", 4_096, kerberos::kdc_request),
    target("kdc_reply", 4_096, kerberos::kdc_reply),
    target("ap_exchange", 4_096, kerberos::ap_exchange),
    target("ticket_content", 4_096, kerberos::ticket_content),
    target("preauthentication", 2_048, kerberos::preauthentication),
    target("pkinit", 8_192, kerberos::pkinit),
    target("cms", 8_192, kerberos::cms),
    target("spnego", 4_096, kerberos::spnego),
    target("principal_text", 256, kerberos::principal_text),
    target("pac", 4_096, kerberos::pac),
    target("certificate", 8_192, certificates::certificate),
    target("crl", 8_192, certificates::crl),
    target("csr", 4_096, certificates::csr),
    target("public_key", 2_048, certificates::public_key),
    target("key_credential", 4_096, others::key_credential),
    target("key_material", 2_048, others::key_material),
    target("dn_binary", 1_024, others::dn_binary),
    target("security_descriptor", 4_096, others::security_descriptor),
    target("ccache", 8_192, others::ccache),
    target("keytab", 4_096, others::keytab),
    target("registration", 4_096, others::registration),
    target("http", 4_096, others::http),
    target("identifiers", 128, others::identifiers),
    target("jws", 4_096, others::jws),
    target("jwe", 2_048, prt::jwe),
    target("prt", 4_096, prt::prt).slow(),
    target("server_kdc", 4_096, server::kdc),
    target("server_pkinit", 8_192, server::pkinit),
    target("password", 4_096, password::password).slow(),
    target("kdc_proxy", 4_096, password::proxy).slow(),
    target("fast", 4_096, armor::fast),
    target("server_fast", 4_096, armor::server_fast),
    target("federation", 4_096, federation::federation).slow(),
    target("tenant", 4_096, tenant::tenant).slow(),
    target("tenant_messages", 4_096, tenant_messages::messages).slow(),
    target("administration", 4_096, administration::administration).slow(),
    target("row", 2_048, stored::row),
    target("store", 2_048, stored::store).slow(),
    target("party_records", 2_048, stored::party_records),
    target("vault", 4_096, stored::vault).slow(),
    target("kdc_answer", 4_096, client::kdc_answer).slow(),
    target("service_answer", 4_096, client::service_answer),
    target("texts", 1_024, client::texts),
    target("revocation", 2_048, revocation::revocation).slow(),
    target("ocsp", 4_096, revocation::ocsp),
    target("issuer_answer", 2_048, revocation::issuer_answer),
    target("dns", 1_232, others::dns),
    target("mapping", 1_024, mapping::mapping).slow(),
    target("enveloped", 4_096, enveloped::enveloped),
    target("s4u_messages", 4_096, s4u::messages),
    target("ldap", 4_096, ldap::ldap),
    target("ldap_session", 4_096, ldap::session).slow(),
    target("gss_wrap", 2_048, ldap::gss_wrap),
];

/// The target of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
