//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::admin::arguments::Admin;

/// Passwordless sign-in for an organisation's own machines.
#[derive(Debug, Parser)]
#[command(
    name = "keyporch",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
#[command(
    after_help = "Example: keyporch join corp.example && keyporch enroll && keyporch sign-in"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// Write JSON, for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Act within the lab in this folder (`keyporchd lab --dir DIR`), as its administrator and its people.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) lab: Option<PathBuf>,
    /// The federation service, or the tenant's sign-in address, where it is not known from joining.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The administration socket of the server on this machine, where it is neither /run/keyporch/admin.sock nor
    /// /var/lib/keyporch/admin.sock.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) socket: Option<PathBuf>,
    /// The root certificates to believe servers by, PEM.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) roots: Option<PathBuf>,
    /// Addresses of names that DNS does not know, in the form of a hosts file.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) hosts: Option<PathBuf>,
    /// Where this device keeps its state.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Join this device to the organisation.
    #[command(after_help = "Example: keyporch join corp.example --user admin@corp.example")]
    Join(Join),
    /// Enrol a PIN on this device: one second factor, one PIN, one key.
    #[command(
        visible_alias = "enrol",
        after_help = "Example: keyporch enroll --user alice@corp.example"
    )]
    Enroll(Enroll),
    /// Sign in with the PIN: to the domain, which writes a Kerberos credential cache, or to the tenant.
    #[command(after_help = "Example: keyporch sign-in --user alice@corp.example && klist")]
    SignIn(SignIn),
    /// Print an access token of the tenant, with which programs ask its resources.
    #[command(
        after_help = "Example: curl -H \"Authorization: Bearer $(keyporch token --resource https://graph.microsoft.com)\" https://login.corp.example/v1.0/me"
    )]
    Token(Token),
    /// Change your own password.
    #[command(after_help = "Example: keyporch password --user alice@corp.example")]
    Password(Password),
    /// Show how this device and its people stand.
    #[command(after_help = "Example: keyporch status --json")]
    Status(Status),
    /// Administer the organisation's directory.
    #[command(subcommand, after_help = "Example: keyporch admin user list")]
    Admin(Admin),
}

/// How a person's name and secrets are given.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Person {
    /// Who signs in (UPN).
    #[arg(long, value_name = "UPN")]
    pub(crate) user: Option<String>,
    /// The password, in a file or `-` for standard input, instead of asking.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// The new password where the present one must be changed, in a file or `-` for standard input, instead of asking.
    #[arg(long, value_name = "FILE")]
    pub(crate) new_password_file: Option<PathBuf>,
    /// The code of the second factor, in a file or `-` for standard input, instead of asking.
    #[arg(long, value_name = "FILE")]
    pub(crate) code_file: Option<PathBuf>,
}

/// `keyporch join`
#[derive(Clone, Debug, Args)]
pub(crate) struct Join {
    /// The organisation's domain.
    pub(crate) domain: Option<String>,
    /// Join a tenant, found at --server or `https://login.DOMAIN`; else what answers there decides, and a domain is joined
    /// where no tenant does.
    #[arg(long)]
    pub(crate) tenant: bool,
    /// The device's name; the machine's host name where none is given.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The Kerberos KDC, `host` or `host:port`; may be given several times.
    #[arg(long = "kdc", value_name = "HOST")]
    pub(crate) kdcs: Vec<String>,
    /// Take the place of the device that has joined by this name: its certificate and the keys made on it stop
    /// working at once. For a machine that was set up anew, and for one that joins again: whoever has enrolled on it enrols
    /// again.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Agree to people enrolling again, and to having kept the recovery codes that are shown, without being asked.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) person: Person,
}

/// `keyporch enroll`
#[derive(Debug, Args)]
pub(crate) struct Enroll {
    #[command(flatten)]
    pub(crate) person: Person,
    /// The new PIN, in a file or `-` for standard input, instead of asking.
    #[arg(long, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
    /// Replace the PIN and the key that exist.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Agree to the offer, to each retry, and to having kept the recovery codes that are shown, without being asked.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// `keyporch sign-in`
#[derive(Debug, Args)]
pub(crate) struct SignIn {
    /// Who signs in (UPN).
    #[arg(long, value_name = "UPN")]
    pub(crate) user: Option<String>,
    /// The PIN, in a file or `-` for standard input, instead of asking.
    #[arg(long, value_name = "FILE")]
    pub(crate) pin_file: Option<PathBuf>,
    /// The credential cache to write; what `KRB5CCNAME` names, else the machine's usual place.
    #[arg(long, value_name = "FILE")]
    pub(crate) ccache: Option<PathBuf>,
}

/// `keyporch token`
#[derive(Debug, Args)]
pub(crate) struct Token {
    /// What the token is for: the identifier of a resource.
    #[arg(long, value_name = "ID")]
    pub(crate) resource: String,
    /// What may be done with it, separated by spaces.
    #[arg(long, default_value = "openid")]
    pub(crate) scope: String,
    /// The application that it is for; the authentication broker where none is named.
    #[arg(long, value_name = "ID")]
    pub(crate) client: Option<String>,
    #[command(flatten)]
    pub(crate) person: Person,
}

/// `keyporch password`
#[derive(Debug, Args)]
pub(crate) struct Password {
    #[command(flatten)]
    pub(crate) person: Person,
}

/// `keyporch status`
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Whose sign-in state to show; everybody's where none is given.
    #[arg(long, value_name = "UPN")]
    pub(crate) user: Option<String>,
}
