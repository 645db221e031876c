//! The command line of `keyporch admin user`.

use std::path::PathBuf;

use clap::Subcommand;

use super::Narrow;

/// `keyporch admin user`
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Add a person.
    #[command(after_help = "Example: keyporch admin user add alice --display-name 'Alice Liddell'")]
    Add {
        /// The account name, 20 letters at most.
        name: String,
        /// The user principal name; `NAME@DOMAIN` where none is given.
        #[arg(long)]
        upn: Option<String>,
        /// The name that people see.
        #[arg(long)]
        display_name: Option<String>,
        /// The mail address.
        #[arg(long)]
        mail: Option<String>,
        /// Groups to put the person into.
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
        /// The first password, in a file or `-`, instead of asking.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Give no password: for somebody who begins with a Temporary Access Pass, or whose keys are brought.
        #[arg(long, conflicts_with_all = ["password_file", "keep_password"])]
        no_password: bool,
        /// Let the first password stay; otherwise it must be changed at the first sign-in.
        #[arg(long)]
        keep_password: bool,
    },
    /// List people.
    #[command(after_help = "Example: keyporch admin user list --search al")]
    List(Narrow),
    /// Show a person, with groups, keys and state.
    #[command(after_help = "Example: keyporch admin user show alice")]
    Show {
        /// Account name, UPN or SID.
        name: String,
    },
    /// Keep a person out, at once: no new ticket or token.
    #[command(after_help = "Example: keyporch admin user disable alice")]
    Disable {
        /// Account name, UPN or SID.
        name: String,
    },
    /// Let a person in again.
    #[command(after_help = "Example: keyporch admin user enable alice")]
    Enable {
        /// Account name, UPN or SID.
        name: String,
    },
    /// End a lockout after wrong passwords.
    #[command(after_help = "Example: keyporch admin user unlock alice")]
    Unlock {
        /// Account name, UPN or SID.
        name: String,
    },
    /// Delete a person, with keys and memberships.
    #[command(after_help = "Example: keyporch admin user delete alice --yes")]
    Delete {
        /// Account name, UPN or SID.
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Give a person a new password.
    #[command(
        after_help = "Example: keyporch admin user set-password alice --password-file new.txt"
    )]
    SetPassword {
        /// Account name, UPN or SID.
        name: String,
        /// The new password, in a file or `-`, instead of asking.
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// Have it changed at the next sign-in.
        #[arg(long)]
        must_change: bool,
    },
    /// Let nobody act for a person elsewhere: no ticket of theirs is passed on.
    #[command(after_help = "Example: keyporch admin user sensitive alice")]
    Sensitive {
        /// Account name, UPN or SID.
        name: String,
        /// Let services act for the person again.
        #[arg(long)]
        off: bool,
    },
    /// Map certificates to a person: those that a mapping names, or the very one in a file.
    #[command(
        after_help = "Example: keyporch admin user map alice alice-card.pem\nExample: keyporch admin user map alice 'X509:<I>DC=example,CN=Cards<SR>563412'"
    )]
    Map {
        /// Account name, UPN or SID.
        name: String,
        /// `X509:…` as altSecurityIdentities has it, or a file with a certificate, PEM or DER.
        mapping: String,
    },
    /// Take a mapping back.
    #[command(after_help = "Example: keyporch admin user unmap alice 'X509:<SKI>abcdef'")]
    Unmap {
        /// Account name, UPN or SID.
        name: String,
        /// The mapping, as `map` said it.
        mapping: String,
    },
    /// Forget a person's second factor, so that a new one is set up at the next sign-in.
    #[command(after_help = "Example: keyporch admin user reset-second-factor alice")]
    ResetSecondFactor {
        /// Account name, UPN or SID.
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Show a person's second factors, and whether each works now.
    #[command(after_help = "Example: keyporch admin user factors alice")]
    Factors {
        /// Account name, UPN or SID.
        name: String,
    },
    /// Give a person in a tenant a Temporary Access Pass, in place of the former one. It is shown here and nowhere else.
    #[command(after_help = "Examples:\n  keyporch admin user access-pass alice\n  \
                      keyporch admin user access-pass alice --minutes 480 --reusable --begins 2026-12-01T08:00:00Z")]
    AccessPass {
        /// Account name, UPN or SID.
        name: String,
        /// For how long it is good.
        #[arg(long, value_name = "N")]
        minutes: Option<u32>,
        /// Let it serve several sign-ins.
        #[arg(long)]
        reusable: bool,
        /// From when on (RFC 3339), instead of at once.
        #[arg(long, value_name = "WHEN")]
        begins: Option<String>,
        /// Take the present one back instead.
        #[arg(long, conflicts_with_all = ["minutes", "reusable", "begins"])]
        remove: bool,
    },
    /// Give a person new recovery codes, in place of the former ones. They are shown here and nowhere else.
    #[command(after_help = "Example: keyporch admin user recovery-codes alice")]
    RecoveryCodes {
        /// Account name, UPN or SID.
        name: String,
    },
    /// End what came of every sign-in of a person in a tenant until now: sessions and tokens.
    #[command(after_help = "Example: keyporch admin user revoke-sign-ins alice")]
    RevokeSignIns {
        /// Account name, UPN or SID.
        name: String,
    },
}
