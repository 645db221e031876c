//! What an administrator decides about a realm.

use crypto::etype::Etype;
use directory::account;
use directory::sources::SourceLimits;
use trust::Span;
use trust::revocation::Requirement;
use wire::kerberos::{NameType, PrincipalName, Realm as RealmName};

use crate::crypto_policy::CryptoPolicy;
use crate::lifetime::Lifetimes;

/// How certain it must be that a certificate is an account's (protocols E.5.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum StrongMapping {
    /// By strong mapping alone.
    #[default]
    Full,
    /// By weak mapping too, where the certificate is not older than the account: the account may have the name of
    /// somebody who is gone.
    Compatibility {
        /// How much older than its account a certificate may be; for clocks, and for accounts that were made again.
        backdating: Span,
    },
    /// By weak mapping too.
    Disabled,
}

/// The realm that the KDC serves, with its rules.
#[derive(Clone, Debug)]
pub struct Realm {
    /// Its name, upper case: `CORP.EXAMPLE`.
    pub name: RealmName,
    /// The NetBIOS name of the KDC itself, for the PAC.
    pub kdc_name: String,
    /// How long tickets live, and how far clocks may be apart.
    pub lifetimes: Lifetimes,
    /// The encryption types that are used at all.
    pub etypes: Vec<Etype>,
    /// What PKINIT takes.
    pub crypto: CryptoPolicy,
    /// How much may come from one address.
    pub sources: SourceLimits,
    /// Whether a client that proves nothing learns nothing of accounts: a name that nobody has is answered as one that
    /// somebody has (`kdc.hide_unknown_names`; on by default).
    pub hide_unknown_names: bool,
    /// Whether PKINIT needs a freshness token (`kdc.require_freshness`, protocols K; off by default).
    pub require_freshness: bool,
    /// Whether anybody gets an anonymous ticket to armor a request with (RFC 8062, `kdc.anonymous`; off by default).
    pub anonymous: bool,
    /// How certain it must be that a certificate is an account's (`kdc.strong_mapping`, protocols E.5.5).
    pub strong_mapping: StrongMapping,
    /// What is asked of revocation where nothing is said about the issuer (`kdc.revocation`).
    pub revocation: Requirement,
    /// The federation service's servicePrincipalName (`HTTP/sts.corp.example`), where there is one: the tickets of the
    /// account that carries it say what got them, so that they end with their key and device.
    pub federation: Option<String>,
    /// The longest answer that is sent as a datagram, in bytes; a longer one is asked for again over TCP.
    pub datagram_limit: usize,
}

impl Realm {
    /// A realm with the defaults.
    #[must_use]
    pub fn new(name: &str, kdc_name: &str) -> Self {
        Self {
            name: RealmName::from(name),
            kdc_name: kdc_name.to_owned(),
            lifetimes: Lifetimes::default(),
            etypes: Etype::ALL.to_vec(),
            crypto: CryptoPolicy::default(),
            sources: SourceLimits::default(),
            hide_unknown_names: true,
            require_freshness: false,
            anonymous: false,
            strong_mapping: StrongMapping::default(),
            revocation: Requirement::default(),
            federation: None,
            datagram_limit: 1_400,
        }
    }

    /// The ticket-granting service of the realm.
    #[must_use]
    pub fn krbtgt(&self) -> PrincipalName {
        PrincipalName::krbtgt(&self.name)
    }

    /// The service that changes passwords (RFC 3244).
    #[must_use]
    pub fn password_service(&self) -> PrincipalName {
        PrincipalName::new(NameType::NT_SRV_INST, account::PASSWORD_SERVICE.split('/'))
    }

    /// Whether a name is that of the realm's ticket-granting service.
    #[must_use]
    pub fn is_krbtgt(&self, name: &PrincipalName) -> bool {
        name.pair() == Some(("krbtgt", self.name.as_str()))
    }
}
