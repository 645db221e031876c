//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// The Keyporch server.
#[derive(Debug, Parser)]
#[command(
    name = "keyporchd",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
#[command(after_help = "Example: keyporchd init --domain corp.example && keyporchd serve")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the server can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start every party in a folder, enrol a person, tell the story, and go on serving: to look, try and test.
    #[command(after_help = LAB_HELP)]
    Lab(Lab),
    /// Set up a server: its configuration, keys, store, domain or tenant, and first administrator.
    #[command(after_help = INIT_HELP)]
    Init(Init),
    /// Serve the roles that the configuration names.
    #[command(after_help = "Example: keyporchd serve --config /etc/keyporch/keyporch.toml")]
    Serve(Serve),
    /// Check the configuration and every row of the store, beside a server or without one; or a backup.
    #[command(after_help = CHECK_HELP)]
    Check(Check),
    /// Write one state of the store to a file, beside a server or without one.
    #[command(after_help = BACKUP_HELP)]
    Backup(Backup),
    /// Put a backup in the place of the store, without what was revoked since.
    #[command(after_help = RESTORE_HELP)]
    Restore(Restore),
}

impl Command {
    /// Whether it shall write JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            Self::Lab(lab) => lab.json,
            Self::Init(init) => init.json,
            Self::Serve(serve) => serve.json,
            Self::Check(check) => check.json,
            Self::Backup(backup) => backup.json,
            Self::Restore(restore) => restore.json,
        }
    }
}

/// What else there is to say about setting up.
const INIT_HELP: &str = "\
Example: keyporchd init --domain corp.example --host dc1.corp.example
Example: keyporchd init --tenant corp.example --login https://login.corp.example";

/// What else there is to say about checks.
const CHECK_HELP: &str = "\
Exit codes: 0 in order, 1 something is wrong, 2 the configuration or the command is.

Example: keyporchd check --config /etc/keyporch/keyporch.toml
Example: keyporchd check --backup /mnt/backup/corp-2026-11-21.keyporch";

/// What else there is to say about backups.
const BACKUP_HELP: &str = "\
The root key is not in a backup, and a backup is of no use without it: keep a copy of root.key elsewhere.

Example: keyporchd backup /mnt/backup/corp-$(date +%F).keyporch --config /etc/keyporch/keyporch.toml
Example: keyporchd backup - | ssh vault 'cat > corp.keyporch'";

/// What else there is to say about restores.
const RESTORE_HELP: &str = "\
The server is stopped first. What was revoked after the backup is read from the store that is replaced, else from the
audit log that the configuration names, and revoked again.

Example: keyporchd restore corp-2026-11-21.keyporch --replace --config /etc/keyporch/keyporch.toml";

/// What else there is to say about the lab.
const LAB_HELP: &str = "\
The lab listens on 127.0.0.1 alone: Kerberos at N+88, password changes at N+464, HTTPS at N+443, HTTP at N+80. Its
folder holds lab.json (what is where), krb5.conf, keys and tickets; run again, it goes on with them.

Example: keyporchd lab
Example: keyporchd lab --dir /tmp/lab --base-port 0 --once";

/// `keyporchd lab`
#[derive(Debug, Args)]
pub(crate) struct Lab {
    /// The lab's folder; made where there is none, gone on with where there is.
    #[arg(long, value_name = "DIR", default_value = lab::DEFAULT_DIR)]
    pub(crate) dir: PathBuf,
    /// Which deployment is played.
    #[arg(long, value_name = "NAME", default_value = "onprem-key")]
    pub(crate) scenario: String,
    /// End when the story has been told: 0 when every phase held.
    #[arg(long)]
    pub(crate) once: bool,
    /// Forget what an earlier lab left in the folder.
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Tell the story as JSON lines.
    #[arg(long)]
    pub(crate) json: bool,
    /// What the ports begin with; 0 takes free ones.
    #[arg(long, value_name = "N", default_value_t = lab::DEFAULT_BASE_PORT)]
    pub(crate) base_port: u16,
}

/// `keyporchd init`
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The organisation's DNS domain; asked for where none is given.
    #[arg(long)]
    pub(crate) domain: Option<String>,
    /// Make a tenant in place of a domain: its first DNS domain.
    #[arg(long, value_name = "DOMAIN", conflicts_with_all = ["domain", "host", "federation"])]
    pub(crate) tenant: Option<String>,
    /// Where people sign in to the tenant, `https://login.DOMAIN` where none is given.
    #[arg(long, value_name = "URL", requires = "tenant")]
    pub(crate) login: Option<String>,
    /// What people see of the tenant, its domain where none is given.
    #[arg(long, value_name = "NAME", requires = "tenant")]
    pub(crate) display_name: Option<String>,
    /// The full name of this server.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// The address of the federation service, `https://sts.DOMAIN` where none is given.
    #[arg(long, value_name = "URL")]
    pub(crate) federation: Option<String>,
    /// The first administrator's account name.
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub(crate) administrator: String,
    /// The configuration file to write.
    #[arg(long, value_name = "FILE", default_value = "keyporch.toml")]
    pub(crate) config: PathBuf,
    /// The folder for store, root key and logs.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// An empty PostgreSQL database for the store, `postgresql:///keyporch`; a file in the data folder where none is given.
    #[arg(long, value_name = "URL")]
    pub(crate) store: Option<String>,
    /// A file with the password for that database, where it wants one.
    #[arg(long, value_name = "FILE", requires = "store")]
    pub(crate) store_password: Option<PathBuf>,
    /// Where to listen, `127.0.0.1` for a trial; every address where none is given.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<std::net::IpAddr>,
    /// Add this to every port, for a trial without root: 18000 gives 18088 and 18443.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port_offset: u16,
    /// Write JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `keyporchd serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "keyporch.toml")]
    pub(crate) config: PathBuf,
    /// Log in JSON lines.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `keyporchd check`
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "keyporch.toml")]
    pub(crate) config: PathBuf,
    /// Check a backup in place of the store: it is whole, and belongs to this root key.
    #[arg(long, value_name = "FILE")]
    pub(crate) backup: Option<PathBuf>,
    /// Write JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `keyporchd backup`
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to write, which must not be there; - for standard output.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "keyporch.toml")]
    pub(crate) config: PathBuf,
    /// Write JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// `keyporchd restore`
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "keyporch.toml")]
    pub(crate) config: PathBuf,
    /// Replace the store that is there, and keep it under another name.
    #[arg(long)]
    pub(crate) replace: bool,
    /// The store that is replaced, where it is elsewhere, a file or a database's URL: it is read for what was revoked
    /// after the backup.
    #[arg(long, value_name = "STORE")]
    pub(crate) former: Option<PathBuf>,
    /// An audit log to read besides the one that the configuration names: another server's, or a copy.
    #[arg(long, value_name = "FILE")]
    pub(crate) audit: Vec<PathBuf>,
    /// Restore although it is not known what was revoked after the backup.
    #[arg(long)]
    pub(crate) revoked_unknown: bool,
    /// Write JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}
