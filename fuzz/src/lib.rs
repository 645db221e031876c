//! Every decoder under random bytes.
//!
//! [`TARGETS`] is the table: a name, the decoder, and the longest input that makes sense. A target must not
//! panic, and what it accepts and can write must come back the same where the form is canonical. The
//! tests replay `corpus/NAME/*`, which the fuzzer extends; a crash that was repaired stays there under a
//! name that tells its story.
//!
//! To add a decoder: a row in [`TARGETS`], a seed in `seeds.rs`, and `cargo run -p keyporch-fuzz --bin seeds`.

mod certificates;
mod kerberos;
mod others;
mod server;

/// One decoder.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name, which is also that of its corpus folder.
    pub name: &'static str,
    /// The longest input that is worth trying, in bytes.
    pub longest: usize,
    /// Feeds it.
    pub run: fn(&[u8]),
}

const fn target(name: &'static str, longest: usize, run: fn(&[u8])) -> Target {
    Target { name, longest, run }
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
    target("ccache", 8_192, others::ccache),
    target("keytab", 4_096, others::keytab),
    target("registration", 4_096, others::registration),
    target("http", 4_096, others::http),
    target("identifiers", 128, others::identifiers),
    target("jws", 4_096, others::jws),
    target("server_kdc", 4_096, server::kdc),
    target("server_pkinit", 8_192, server::pkinit),
];

/// The target of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
