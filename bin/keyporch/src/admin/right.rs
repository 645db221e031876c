//! `keyporch admin right`: which group may do what below which unit.

use call::administration::segment;
use clap::{Args, Subcommand};
use http::Method;

use super::{Api, shown};
use crate::failure::Failure;

/// `keyporch admin right`
#[derive(Debug, Subcommand)]
pub(crate) enum Right {
    /// List the rights that were granted: what, to whom, below which unit.
    #[command(after_help = "Example: keyporch admin right list")]
    List,
    /// Grant a right to the members of a group. It reaches no administrator, nor anybody else who was granted something.
    #[command(
        after_help = "Examples:\n  keyporch admin right grant passwords helpdesk\n  \
                      keyporch admin right grant people hr --below OU=People,DC=corp,DC=example"
    )]
    Grant(Which),
    /// Take a right back: at once, on connections that stand, too.
    #[command(after_help = "Example: keyporch admin right revoke passwords helpdesk")]
    Revoke(Which),
}

/// One right of one group.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// What: to list and revoke keys; to set passwords and unlock; to look after people, groups, or who is in groups; to
    /// join computers.
    #[arg(value_parser = ["keys", "passwords", "people", "groups", "members", "computers"])]
    right: String,
    /// Whose: a group, or the SID of one that is gone.
    group: String,
    /// Below which unit, by its distinguished name; the whole domain where none is given.
    #[arg(long, value_name = "DN")]
    below: Option<String>,
}

pub(super) fn right(api: &Api, command: &Right) -> Result<(), Failure> {
    match command {
        Right::List => {
            let rights = api.whole("/rights")?;
            let none = "No right was granted: administrators do everything.";
            api.output.list(&rights, shown::RIGHTS, none);
            Ok(())
        }
        Right::Grant(which) => change(api, which, Method::PUT, "have the right to"),
        Right::Revoke(which) => change(api, which, Method::DELETE, "have no such right to"),
    }
}

fn change(api: &Api, which: &Which, method: Method, done: &str) -> Result<(), Failure> {
    let Which {
        right,
        group,
        below,
    } = which;
    let path = format!("/rights/{}/{}", segment(right), segment(group));
    let query: Vec<(&str, &str)> = below.iter().map(|unit| ("below", unit.as_str())).collect();
    let answer = api.ask(method, &path, &query, None)?;
    let unit = below.as_deref().unwrap_or("the whole domain");
    let said = format!("The members of {group} {done} {right} below {unit}.");
    api.output.done(&said, &answer);
    Ok(())
}
