//! The command line of `keyporch admin`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::app::App;
use super::domain::Domain;
use super::export::Export;
use super::import::Import;
use super::right::Right;
use super::tenant::Tenant;

mod user;

pub(crate) use user::User;

/// What an administrator can look after.
#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    /// People.
    #[command(subcommand, visible_alias = "users")]
    User(User),
    /// Groups and who is in them.
    #[command(subcommand, visible_alias = "groups")]
    Group(Group),
    /// Computer accounts.
    #[command(subcommand, visible_alias = "computers")]
    Computer(Computer),
    /// Registered devices.
    #[command(subcommand, visible_alias = "devices")]
    Device(Device),
    /// The keys with which people and devices sign in.
    #[command(subcommand, visible_alias = "keys")]
    Key(Key),
    /// Service principals and their keytabs.
    #[command(subcommand, visible_alias = "services")]
    Service(Service),
    /// Certificates that this server has issued.
    #[command(subcommand, visible_alias = "certificates")]
    Certificate(Certificate),
    /// Issuers whose certificates sign people in.
    #[command(subcommand, visible_alias = "issuers")]
    Issuer(Issuer),
    /// The settings that apply to people and computers.
    #[command(subcommand)]
    Policy(Policy),
    /// Bring people, groups and changes in from LDIF files. It can be run again: what is done is not done twice.
    #[command(after_help = "Examples:\n  keyporch admin import people.ldif\n  \
                      keyporch admin import old.ldif --from-base dc=old,dc=org --skip-unknown --continue")]
    Import(Import),
    /// Write people, groups and computers as LDIF, without passwords and other secrets.
    #[command(
        after_help = "Examples:\n  keyporch admin export --out directory.ldif\n  \
                      keyporch admin export --base OU=Fleet,DC=corp,DC=example --filter '(uidNumber=*)'"
    )]
    Export(Export),
    /// Administration that is delegated: which group may do what below which unit.
    #[command(subcommand, visible_alias = "rights")]
    Right(Right),
    /// A tenant and its settings.
    #[command(subcommand)]
    Tenant(Tenant),
    /// The domains that a tenant's people may have names in.
    #[command(subcommand, visible_alias = "domains")]
    Domain(Domain),
    /// The applications that a tenant knows.
    #[command(subcommand, visible_alias = "apps")]
    App(App),
    /// What was done and refused, by whom.
    #[command(after_help = "Example: keyporch admin audit --limit 20")]
    Audit {
        /// How many lines, the newest first.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
}

/// A list, narrowed.
#[derive(Debug, Args)]
pub(crate) struct Narrow {
    /// Only names that begin with this.
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// How many at most.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
}

/// `keyporch admin group`
#[derive(Debug, Subcommand)]
pub(crate) enum Group {
    /// Add a group.
    #[command(
        after_help = "Example: keyporch admin group add engineers --description 'Those who build'"
    )]
    Add {
        /// Its name.
        name: String,
        /// What it is for.
        #[arg(long)]
        description: Option<String>,
    },
    /// List groups.
    #[command(after_help = "Example: keyporch admin group list")]
    List(Narrow),
    /// Show a group and its members.
    #[command(after_help = "Example: keyporch admin group show engineers")]
    Show {
        /// Its name or SID.
        name: String,
    },
    /// Delete a group.
    #[command(after_help = "Example: keyporch admin group delete engineers --yes")]
    Delete {
        /// Its name or SID.
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Put somebody, or another group, into a group.
    #[command(after_help = "Example: keyporch admin group add-member engineers alice")]
    AddMember {
        /// The group.
        group: String,
        /// Who joins it.
        member: String,
    },
    /// Take somebody, or another group, out of a group.
    #[command(after_help = "Example: keyporch admin group remove-member engineers alice")]
    RemoveMember {
        /// The group.
        group: String,
        /// Who leaves it.
        member: String,
    },
}

/// `keyporch admin computer`
#[derive(Debug, Subcommand)]
pub(crate) enum Computer {
    /// List computer accounts.
    #[command(after_help = "Example: keyporch admin computer list")]
    List(Narrow),
    /// Show a computer account.
    #[command(after_help = "Example: keyporch admin computer show laptop-1")]
    Show {
        /// Its name.
        name: String,
    },
    /// Keep a computer out.
    #[command(after_help = "Example: keyporch admin computer disable laptop-1")]
    Disable {
        /// Its name.
        name: String,
    },
    /// Let a computer in again.
    #[command(after_help = "Example: keyporch admin computer enable laptop-1")]
    Enable {
        /// Its name.
        name: String,
    },
    /// Say to which services a computer may act for people, or who may act for people to it.
    #[command(
        after_help = "Example: keyporch admin computer delegate laptop-1 --from http/web.corp.example"
    )]
    Delegate(Delegate),
    /// Delete a computer account.
    #[command(after_help = "Example: keyporch admin computer delete laptop-1 --yes")]
    Delete {
        /// Its name.
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// `keyporch admin device`
#[derive(Debug, Subcommand)]
pub(crate) enum Device {
    /// List registered devices.
    #[command(after_help = "Example: keyporch admin device list")]
    List(Narrow),
    /// Show a device with the keys that were made on it.
    #[command(after_help = "Example: keyporch admin device show LAPTOP-1")]
    Show {
        /// Its device ID, or its name where that is unique.
        device: String,
    },
    /// Disable a device: its certificate and the keys made on it stop working at once.
    #[command(after_help = "Example: keyporch admin device disable LAPTOP-1")]
    Disable {
        /// Its device ID or name.
        device: String,
    },
    /// Enable a device again.
    #[command(after_help = "Example: keyporch admin device enable LAPTOP-1")]
    Enable {
        /// Its device ID or name.
        device: String,
    },
    /// Delete a device, with its certificate and the keys made on it.
    #[command(after_help = "Example: keyporch admin device delete LAPTOP-1 --yes")]
    Delete {
        /// Its device ID or name.
        device: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// `keyporch admin key`
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// List sign-in keys: fingerprint, device, age, origin.
    #[command(after_help = "Example: keyporch admin key list --user alice")]
    List {
        /// Only this person's.
        name: Option<String>,
        /// The same, by name.
        #[arg(long, conflicts_with = "name")]
        user: Option<String>,
        /// Only those made on this device.
        #[arg(long)]
        device: Option<String>,
        /// Only those that came to be listed so.
        #[arg(long, value_parser = ["registration", "administrator", "import", "computer", "shadow"])]
        origin: Option<String>,
    },
    /// Report the keys that came past registration: by hand, over LDAP, by an import. Each should be somebody's, on purpose.
    #[command(after_help = "Example: keyporch admin key report --json")]
    Report,
    /// List a key by hand. It is marked and audited as such; a certificate registers its public key, for key
    /// trust only.
    #[command(after_help = "Example: keyporch admin key add alice alice.cert.pem")]
    Add {
        /// Whose key it is.
        user: String,
        /// A public key or certificate, PEM or DER.
        file: PathBuf,
        /// The registered device that holds the private key; the key dies with it.
        #[arg(long)]
        device: Option<String>,
    },
    /// Show the versions of the KDC's own keys: those of krbtgt and of the service that changes passwords.
    #[command(after_help = "Example: keyporch admin key versions")]
    Versions,
    /// Make a new version of the KDC's own keys. Tickets of the version before open until they have ended.
    #[command(after_help = "Example: keyporch admin key rotate krbtgt")]
    Rotate {
        /// `krbtgt` or `kadmin-changepw`.
        name: String,
        /// Even if tickets of the version before the last are lost by it, as after a theft of the keys.
        #[arg(long)]
        force: bool,
    },
    /// Revoke a key: it and the tickets that it got stop working at once.
    #[command(after_help = "Example: keyporch admin key revoke alice 3f9a… --yes")]
    Revoke {
        /// Whose key it is.
        user: String,
        /// Its fingerprint, or as much of it as is unique.
        fingerprint: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// `keyporch admin service delegate`, `keyporch admin computer delegate`
#[derive(Debug, Args)]
pub(crate) struct Delegate {
    /// `service/host`, or the account's name.
    pub(crate) name: String,
    /// A service to which it may act for people who came to it.
    #[arg(long, value_name = "PRINCIPAL")]
    pub(crate) to: Vec<String>,
    /// A service or computer that may act to it for people.
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Vec<String>,
    /// Take these off its lists, instead.
    #[arg(long)]
    pub(crate) remove: bool,
    /// Whether it may act by its own word for people who did not come by Kerberos.
    #[arg(long, value_name = "true|false")]
    pub(crate) trusted_to_authenticate: Option<bool>,
}

/// `keyporch admin service`
#[derive(Debug, Subcommand)]
pub(crate) enum Service {
    /// Add a service principal.
    #[command(after_help = "Example: keyporch admin service add host/web.corp.example")]
    Add {
        /// `service/host`.
        principal: String,
    },
    /// List service principals.
    #[command(after_help = "Example: keyporch admin service list")]
    List(Narrow),
    /// Show a service principal.
    #[command(after_help = "Example: keyporch admin service show host/web.corp.example")]
    Show {
        /// `service/host`.
        principal: String,
    },
    /// Delete a service principal.
    #[command(after_help = "Example: keyporch admin service delete host/web.corp.example --yes")]
    Delete {
        /// `service/host`.
        principal: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Make new keys. Export the keytab afterwards; tickets of the version before open until they have ended.
    #[command(after_help = "Example: keyporch admin service rotate host/web.corp.example")]
    Rotate {
        /// `service/host`.
        principal: String,
        /// Even if tickets of the version before the last are lost by it.
        #[arg(long)]
        force: bool,
    },
    /// Say to which services a service may act for people, or who may act for people to it.
    #[command(
        after_help = "Examples:\n  keyporch admin service delegate http/web.corp.example --to sql/db.corp.example\n  \
                      keyporch admin service delegate sql/db.corp.example --from http/web.corp.example"
    )]
    Delegate(Delegate),
    /// Write a keytab with the service's keys.
    #[command(
        after_help = "Example: keyporch admin service keytab host/web.corp.example --out web.keytab"
    )]
    Keytab {
        /// `service/host`.
        principal: String,
        /// The file to write, mode 0600.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Make new keys first. The file has those of before, too, while tickets under them live.
        #[arg(long)]
        rotate: bool,
        /// With `--rotate`: even if tickets of the version before the last are lost by it.
        #[arg(long, requires = "rotate")]
        force: bool,
    },
}

/// `keyporch admin certificate`
#[derive(Debug, Subcommand)]
pub(crate) enum Certificate {
    /// List issued certificates.
    #[command(after_help = "Example: keyporch admin certificate list")]
    List(Narrow),
    /// Show a certificate.
    #[command(after_help = "Example: keyporch admin certificate show 5f21… --pem")]
    Show {
        /// Its serial number, hexadecimal.
        serial: String,
        /// Write the certificate itself.
        #[arg(long)]
        pem: bool,
    },
    /// Issue a certificate for a person to sign in with.
    #[command(
        after_help = "Example: keyporch admin certificate issue alice --key alice.key --out alice.pem"
    )]
    Issue {
        /// Whose: account name, UPN or SID.
        user: String,
        /// The file to write the certificate to, PEM.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// A file for a new private key, mode 0600, made here.
        #[arg(
            long,
            value_name = "FILE",
            conflicts_with = "csr",
            required_unless_present = "csr"
        )]
        key: Option<PathBuf>,
        /// A certification request for a key that is elsewhere, PEM or DER. Of what it says only the key counts.
        #[arg(long, value_name = "FILE")]
        csr: Option<PathBuf>,
        /// Days that it lives; at most, and by default, what the authority gives.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=730))]
        days: Option<u16>,
    },
    /// Revoke a certificate: it and the tickets that it got stop working at once; the revocation list follows within
    /// minutes.
    #[command(
        after_help = "Example: keyporch admin certificate revoke 5f21… --reason key-compromise"
    )]
    Revoke {
        /// Its serial number, hexadecimal.
        serial: String,
        /// Why.
        #[arg(long, value_enum, default_value_t = Reason::Unspecified)]
        reason: Reason,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// `keyporch admin issuer`
#[derive(Debug, Subcommand)]
pub(crate) enum Issuer {
    /// Trust an issuer, or say otherwise about one that is trusted.
    #[command(
        after_help = "Example: keyporch admin issuer add cards.pem --crl http://pki.example/cards.crl --mapping explicit"
    )]
    Add {
        /// The issuer's certificate, PEM or DER.
        file: PathBuf,
        /// Where its revocation list is (`http://…`), or a file with the list. Without it: where its certificates say.
        #[arg(long, value_name = "URL|FILE")]
        crl: Vec<String>,
        /// Where its OCSP responder is. Without it: where its certificates say.
        #[arg(long, value_name = "URL")]
        ocsp: Vec<String>,
        /// How its certificates are mapped to people.
        #[arg(long, value_enum)]
        mapping: Mapping,
        /// What is asked of revocation, other than the KDC's own rule.
        #[arg(long, value_enum)]
        revocation: Option<Revocation>,
    },
    /// List the trusted issuers.
    #[command(after_help = "Example: keyporch admin issuer list")]
    List,
    /// Show an issuer, and what is known of its revocation list.
    #[command(after_help = "Example: keyporch admin issuer show Cards")]
    Show {
        /// The beginning of its id, its thumbprint or its common name.
        issuer: String,
    },
    /// Trust an issuer no more: its certificates and the tickets that they got stop working at once.
    #[command(after_help = "Example: keyporch admin issuer remove Cards --yes")]
    Remove {
        /// The beginning of its id, its thumbprint or its common name.
        issuer: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// How certificates of an issuer are mapped to people.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Mapping {
    /// By the SID in them, which the issuer is trusted to know.
    Sid,
    /// By `keyporch admin user map` alone.
    Explicit,
    /// By the names in them, where the KDC's strong mapping lets that be.
    Name,
}

impl Mapping {
    /// The word of the administration API.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Sid => "sid",
            Self::Explicit => "explicit",
            Self::Name => "name",
        }
    }
}

/// What is asked of revocation.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Revocation {
    /// That a certificate is known not to be revoked.
    Require,
    /// That it is not known to be, where nobody who should know can be asked.
    Soft,
}

impl Revocation {
    /// The word of the administration API.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Require => "require",
            Self::Soft => "soft",
        }
    }
}

/// Why a certificate is revoked (RFC 5280 5.3.1).
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Reason {
    /// No reason given.
    Unspecified,
    /// Somebody else may have the private key.
    KeyCompromise,
    /// The holder changed its name or role.
    AffiliationChanged,
    /// Another certificate took its place.
    Superseded,
    /// It is not needed any more.
    CessationOfOperation,
}

impl Reason {
    /// The word of the administration API.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key-compromise",
            Self::AffiliationChanged => "affiliation-changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation-of-operation",
        }
    }
}

/// `keyporch admin policy`
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// List the settings that are set, and where.
    #[command(after_help = "Example: keyporch admin policy list")]
    List,
    /// List the settings that there are, and what they take.
    #[command(after_help = "Example: keyporch admin policy settings")]
    Settings,
    /// Show what applies to a person on a computer, and why.
    #[command(after_help = "Example: keyporch admin policy show --user alice --computer laptop-1")]
    Show {
        /// The person.
        #[arg(long)]
        user: Option<String>,
        /// The computer.
        #[arg(long)]
        computer: Option<String>,
    },
    /// Set a setting.
    #[command(
        after_help = "Examples: keyporch admin policy set UsePassportForWork true\n          \
        keyporch admin policy set RequireFast true --for-users --policy Armored --group Payroll"
    )]
    Set {
        /// Its name or ID, as `settings` lists it.
        setting: String,
        /// Its value.
        value: String,
        #[command(flatten)]
        scope: Scope,
        /// For the members of this group alone, where the policy object is a new one. May be given several times.
        #[arg(long, value_name = "NAME", requires = "policy")]
        group: Vec<String>,
    },
    /// Take a setting back, so that its default or another policy applies.
    #[command(after_help = "Example: keyporch admin policy unset UsePassportForWork")]
    Unset {
        /// Its name.
        setting: String,
        #[command(flatten)]
        scope: Scope,
    },
}

/// Whom a setting is for.
#[derive(Debug, Args)]
pub(crate) struct Scope {
    /// The policy object; the domain's own where none is given.
    #[arg(long, value_name = "NAME")]
    pub(crate) policy: Option<String>,
    /// For people rather than computers.
    #[arg(long)]
    pub(crate) for_users: bool,
}
