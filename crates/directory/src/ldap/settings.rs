//! What an administrator sets about LDAP.

use trust::Span;

use crate::sources::Network;

/// What is asked of who binds by Kerberos within TLS: the values of Active Directory's LdapEnforceChannelBinding, 0 to 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBindings {
    /// Nothing: what a client says of its connection is not looked at.
    Never,
    /// Whoever says which connection it is on must be on this one, and so must whoever says that it knows of channel
    /// bindings ([MS-KILE] 3.2.5.8).
    WhenSupported,
    /// Everybody says it.
    Always,
}

/// How the directory answers over LDAP. The names in `keyporch.toml` stand behind each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether a password may come over a connection without TLS (`ldap.simple_without_tls`, off).
    pub simple_without_tls: bool,
    /// Whether a client that binds by SASL without TLS may leave what it sends unsigned (`ldap.unsigned_sasl`, off).
    pub unsigned_sasl: bool,
    /// Whether a client that binds by Kerberos within TLS must say which TLS connection it is on
    /// (`ldap.channel_bindings`, when supported).
    pub channel_bindings: ChannelBindings,
    /// Whether a password alone is enough to administer (`ldap.administer_by_password`, off): otherwise who signed in by one
    /// has no more rights than anybody, and administers with a ticket that a key got, or a certificate.
    pub administer_by_password: bool,
    /// From where passwords come that are many people's, and so many wrong ones: nobody's are counted by these addresses
    /// (`ldap.application_servers`, none). Each account's own are.
    pub application_servers: Vec<Network>,
    /// Whether a key's value is checked strictly when it is written (`ldap.keycred_strict_write`, on).
    pub strict_keys: bool,
    /// Whether a computer's own key may carry CustomKeyInformation (`ldap.validated_write_mode = "tools"`).
    pub tools_keys: bool,
    /// Entries of one page or answer, at most.
    pub page: usize,
    /// Entries that one search looks at, at most.
    pub look_through: usize,
    /// How long one search lasts, at most.
    pub search_time: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            simple_without_tls: false,
            unsigned_sasl: false,
            channel_bindings: ChannelBindings::WhenSupported,
            administer_by_password: false,
            application_servers: Vec::new(),
            strict_keys: true,
            tools_keys: true,
            page: 1_000,
            look_through: 5_000_000,
            search_time: Span::seconds(120),
        }
    }
}
