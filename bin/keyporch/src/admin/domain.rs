//! `keyporch admin domain`: the domains that a tenant's people may have names in.

use std::path::PathBuf;

use call::administration::segment;
use clap::Subcommand;
use http::Method;
use serde_json::{Value, json};

use super::commands::read_key;
use super::{Api, commands, shown};
use crate::failure::Failure;

/// `keyporch admin domain`
#[derive(Debug, Subcommand)]
pub(crate) enum Domain {
    /// List the domains.
    #[command(after_help = "Example: keyporch admin domain list")]
    List,
    /// Show a domain, with the text of its TXT record.
    #[command(after_help = "Example: keyporch admin domain show other.example")]
    Show {
        /// The domain.
        domain: String,
    },
    /// Add a domain. Nobody has a name in it before it is verified.
    #[command(after_help = "Example: keyporch admin domain add other.example")]
    Add {
        /// The domain.
        domain: String,
    },
    /// Have a domain's TXT record looked up until it is there, or verify the domain by your word.
    #[command(
        after_help = "Examples:\n  keyporch admin domain verify other.example\n  \
                      keyporch admin domain verify other.example --by-my-word"
    )]
    Verify {
        /// The domain.
        domain: String,
        /// The domain is the organisation's: look nothing up.
        #[arg(long)]
        by_my_word: bool,
    },
    /// Make a domain the one where new people get their names.
    #[command(after_help = "Example: keyporch admin domain primary other.example")]
    Primary {
        /// The domain.
        domain: String,
    },
    /// Say that a domain's people sign in at another identity provider.
    #[command(
        after_help = "Example: keyporch admin domain federate other.example --issuer http://sts.other.example/adfs/services/trust \
                      --sign-in https://sts.other.example/adfs/ls/"
    )]
    Federate {
        /// The domain.
        domain: String,
        /// The issuer of its tokens.
        #[arg(long)]
        issuer: String,
        /// Where browsers are sent.
        #[arg(long, value_name = "URL")]
        sign_in: String,
        /// Where programs get tokens (WS-Trust).
        #[arg(long, value_name = "URL")]
        active: Option<String>,
        /// Its metadata (WS-MetadataExchange).
        #[arg(long, value_name = "URL")]
        metadata: Option<String>,
        /// What people see.
        #[arg(long)]
        brand: Option<String>,
        /// The certificate that its tokens are signed with, PEM or DER.
        #[arg(long, value_name = "FILE")]
        certificate: Option<PathBuf>,
    },
    /// Have a domain's people sign in here again.
    #[command(after_help = "Example: keyporch admin domain manage other.example")]
    Manage {
        /// The domain.
        domain: String,
    },
    /// Remove a domain in which nobody has a name.
    #[command(after_help = "Example: keyporch admin domain remove other.example --yes")]
    Remove {
        /// The domain.
        domain: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

pub(super) fn domain(api: &Api, command: &Domain) -> Result<(), Failure> {
    match command {
        Domain::List => {
            let domains = api.whole("/domains")?;
            api.output
                .list(&domains, shown::DOMAINS, "There are no domains.");
            Ok(())
        }
        Domain::Show { domain } => {
            let shown = api.get(&path(domain, ""))?;
            api.output.record(&shown, shown::DOMAIN);
            Ok(())
        }
        Domain::Add { domain } => {
            let answer = api.post("/domains", Some(&json!({ "name": domain })))?;
            let txt = answer.get("txt").and_then(Value::as_str);
            let said = format!(
                "{domain} is added. To show that it is yours, give it this TXT record, then verify it: {}",
                txt.unwrap_or_default()
            );
            api.output.done(&said, &answer);
            Ok(())
        }
        Domain::Verify { domain, by_my_word } => {
            let by = match by_my_word {
                true => "word",
                false => "txt",
            };
            let answer = api.post(&path(domain, "/verify"), Some(&json!({ "by": by })))?;
            let verified = [&answer, &answer["domain"]]
                .iter()
                .any(|shown| shown["verified"] == true);
            let said = match verified {
                true => format!("{domain} is verified."),
                false => format!(
                    "The TXT record of {domain} is looked up, again and again until it is there. To see: keyporch admin \
                     domain show {domain}"
                ),
            };
            api.output.done(&said, &answer);
            Ok(())
        }
        Domain::Primary { domain } => {
            let answer = api.post(&path(domain, "/primary"), None)?;
            let said = format!("New people get their names in {domain}.");
            api.output.done(&said, &answer);
            Ok(())
        }
        Domain::Federate { .. } => federate(api, command),
        Domain::Manage { domain } => {
            let answer = api.ask(Method::DELETE, &path(domain, "/federation"), &[], None)?;
            let said = format!("The people of {domain} sign in here.");
            api.output.done(&said, &answer);
            Ok(())
        }
        Domain::Remove { domain, yes } => {
            commands::delete(api, "domains", domain, *yes, "which nobody has a name in")
        }
    }
}

fn federate(api: &Api, command: &Domain) -> Result<(), Failure> {
    let Domain::Federate {
        domain,
        issuer,
        sign_in,
        active,
        metadata,
        brand,
        certificate,
    } = command
    else {
        return Ok(());
    };
    let certificate = certificate.as_deref().map(read_key).transpose()?;
    let body = json!({
        "issuer": issuer,
        "passive_url": sign_in,
        "active_url": active,
        "metadata_url": metadata,
        "brand": brand,
        "certificate": certificate,
    });
    let answer = api.ask(Method::PUT, &path(domain, "/federation"), &[], Some(&body))?;
    let said = format!("The people of {domain} sign in at {sign_in}.");
    api.output.done(&said, &answer);
    Ok(())
}

fn path(domain: &str, rest: &str) -> String {
    format!("/domains/{}{rest}", segment(domain))
}
