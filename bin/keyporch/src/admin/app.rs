//! `keyporch admin app`: the applications that a tenant knows.

use std::path::{Path, PathBuf};

use call::administration::segment;
use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, Value, json};

use super::commands::read_key;
use super::{Api, commands, shown};
use crate::failure::Failure;

/// `keyporch admin app`
#[derive(Debug, Subcommand)]
pub(crate) enum App {
    /// List applications.
    #[command(after_help = "Example: keyporch admin app list")]
    List {
        /// How many at most.
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
    },
    /// Show an application, with its secrets' first characters, its keys, and what was consented to.
    #[command(after_help = "Example: keyporch admin app show Wiki")]
    Show {
        /// Its client ID, or its name where that is unique.
        app: String,
    },
    /// Add an application.
    #[command(
        after_help = "Examples:\n  keyporch admin app add Wiki --confidential --redirect https://wiki.example/done\n  \
                      keyporch admin app add Notes --redirect http://127.0.0.1/done"
    )]
    Add {
        /// What people see.
        name: String,
        /// It is a service that keeps a secret; otherwise a program on people's machines.
        #[arg(long)]
        confidential: bool,
        /// Take a name that another application has. Commands then need the client ID.
        #[arg(long)]
        force: bool,
        /// What it is like.
        #[command(flatten)]
        like: Like,
    },
    /// Change an application. Lists take the place of the former ones.
    #[command(after_help = "Example: keyporch admin app set Wiki --second-factor true")]
    Set {
        /// Its client ID, or its name where that is unique.
        app: String,
        /// What people see.
        #[arg(long)]
        name: Option<String>,
        /// Take a name that another application has. Commands then need the client ID.
        #[arg(long)]
        force: bool,
        /// What it is like.
        #[command(flatten)]
        like: Like,
    },
    /// Secrets of an application.
    #[command(subcommand)]
    Secret(Secret),
    /// Public keys of an application, by which it signs assertions.
    #[command(subcommand)]
    Key(AppKey),
    /// Consent for everybody in the tenant to what an application asks of a resource.
    #[command(
        after_help = "Example: keyporch admin app consent Wiki https://graph.microsoft.com User.Read"
    )]
    Consent {
        /// Its client ID, or its name where that is unique.
        app: String,
        /// The resource.
        resource: String,
        /// The scopes.
        scopes: Vec<String>,
        /// Take the consent back instead.
        #[arg(long, conflicts_with = "scopes")]
        remove: bool,
    },
    /// Let an application in again.
    #[command(after_help = "Example: keyporch admin app enable Wiki")]
    Enable {
        /// Its client ID, or its name where that is unique.
        app: String,
    },
    /// Keep an application out, at once: no new token.
    #[command(after_help = "Example: keyporch admin app disable Wiki")]
    Disable {
        /// Its client ID, or its name where that is unique.
        app: String,
    },
    /// Remove an application.
    #[command(after_help = "Example: keyporch admin app remove Wiki --yes")]
    Remove {
        /// Its client ID, or its name where that is unique.
        app: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// What an application is like.
#[derive(Debug, Args)]
pub(crate) struct Like {
    /// Where codes may be sent; `http://127.0.0.1/PATH` stands for any port of the machine itself.
    #[arg(long = "redirect", value_name = "URI")]
    redirects: Vec<String>,
    /// Where a browser may be sent after signing out.
    #[arg(long = "signed-out", value_name = "URI")]
    signed_out: Vec<String>,
    /// The page that a browser loads after signing out, so that the application ends its own session; `-` for none.
    #[arg(long = "front-channel", value_name = "URI")]
    front_channel: Option<String>,
    /// Whether that page is told whose session has ended (`iss`, `sid`); it is where nothing is said.
    #[arg(long = "front-channel-session", value_name = "BOOL")]
    front_channel_session: Option<bool>,
    /// The audience of tokens for it.
    #[arg(long, value_name = "URI")]
    identifier: Option<String>,
    /// What others may be permitted to do with it.
    #[arg(long = "scope", value_name = "SCOPE=DESCRIPTION")]
    scopes: Vec<String>,
    /// Whether people must prove a second factor.
    #[arg(long, value_name = "BOOL")]
    second_factor: Option<bool>,
    /// Whether it may have refresh tokens.
    #[arg(long, value_name = "BOOL")]
    refresh: Option<bool>,
    /// Whether it may sign in by device code.
    #[arg(long, value_name = "BOOL")]
    device_code: Option<bool>,
    /// Whether it may hand in passwords.
    #[arg(long, value_name = "BOOL")]
    password: Option<bool>,
    /// What its identity tokens are signed with.
    #[arg(long, value_parser = ["RS256", "ES256"])]
    signs: Option<String>,
    /// The groups whose members may use it.
    #[arg(long = "group", value_name = "GROUP", conflicts_with = "everybody")]
    groups: Vec<String>,
    /// Everybody may use it.
    #[arg(long)]
    everybody: bool,
}

/// `keyporch admin app secret`
#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Draw a secret. It is shown here and nowhere else.
    #[command(after_help = "Example: keyporch admin app secret add Wiki --days 90")]
    Add {
        /// The application.
        app: String,
        /// For how many days it is good.
        #[arg(long, value_name = "N")]
        days: Option<u32>,
        /// What it is for.
        #[arg(long = "for", value_name = "TEXT")]
        purpose: Option<String>,
    },
    /// Remove a secret.
    #[command(after_help = "Example: keyporch admin app secret remove Wiki 0f0e…")]
    Remove {
        /// The application.
        app: String,
        /// The secret, as `app show` names it.
        secret: String,
    },
}

/// `keyporch admin app key`
#[derive(Debug, Subcommand)]
pub(crate) enum AppKey {
    /// Add a certificate (PEM, DER), or a JSON Web Key.
    #[command(after_help = "Example: keyporch admin app key add Wiki wiki.pem")]
    Add {
        /// The application.
        app: String,
        /// The file.
        file: PathBuf,
        /// For how many days it is good.
        #[arg(long, value_name = "N")]
        days: Option<u32>,
        /// What it is for.
        #[arg(long = "for", value_name = "TEXT")]
        purpose: Option<String>,
    },
    /// Remove a key.
    #[command(after_help = "Example: keyporch admin app key remove Wiki 0f0e…")]
    Remove {
        /// The application.
        app: String,
        /// The key, as `app show` names it.
        key: String,
    },
}

pub(super) fn app(api: &Api, command: &App) -> Result<(), Failure> {
    match command {
        App::List { limit } => {
            let apps = api.items("/applications", &[], *limit)?;
            api.output
                .list(&apps, shown::APPS, "There are no applications.");
            Ok(())
        }
        App::Show { app } => show(api, app),
        App::Add {
            name,
            confidential,
            force,
            like,
        } => {
            let mut body = members(like);
            body.insert("name".to_owned(), name.as_str().into());
            let kind = match confidential {
                true => "confidential",
                false => "public",
            };
            body.insert("kind".to_owned(), kind.into());
            let body = Value::Object(body);
            let answer = api.ask(Method::POST, "/applications", insists(*force), Some(&body))?;
            let id = answer.get("id").and_then(Value::as_str);
            let said = format!("{name} is added. Its client ID: {}", id.unwrap_or_default());
            api.output.done(&said, &answer);
            Ok(())
        }
        App::Set {
            app,
            name,
            force,
            like,
        } => {
            let mut body = members(like);
            if let Some(name) = name {
                body.insert("name".to_owned(), name.as_str().into());
            }
            if body.is_empty() {
                return Err(Failure::refused(
                    "it does not say what to change",
                    "See keyporch admin app set --help.",
                ));
            }
            let body = Value::Object(body);
            let answer = api.ask(Method::PATCH, &path(app, ""), insists(*force), Some(&body))?;
            api.output.done(&format!("{app} is changed."), &answer);
            Ok(())
        }
        App::Secret(command) => secret(api, command),
        App::Key(command) => key(api, command),
        App::Consent {
            app,
            resource,
            remove: true,
            ..
        } => {
            let query = [("resource", resource.as_str())];
            let answer = api.ask(Method::DELETE, &path(app, "/consent"), &query, None)?;
            let said = format!("The consent to what {app} does with {resource} is taken back.");
            api.output.done(&said, &answer);
            Ok(())
        }
        App::Consent {
            app,
            resource,
            scopes,
            ..
        } => {
            let body = json!({ "resource": resource, "scopes": scopes });
            let answer = api.ask(Method::PUT, &path(app, "/consent"), &[], Some(&body))?;
            let what = match scopes.as_slice() {
                [] => String::new(),
                scopes => format!(" for {}", scopes.join(", ")),
            };
            let said = format!("{app} may ask {resource}{what}, whoever signs in to it.");
            api.output.done(&said, &answer);
            Ok(())
        }
        App::Enable { app } => commands::act(api, "applications", app, "enable", "is let in"),
        App::Disable { app } => {
            commands::act(api, "applications", app, "disable", "gets nothing more")
        }
        App::Remove { app, yes } => {
            let what = "with its secrets and keys";
            commands::delete(api, "applications", app, *yes, what)
        }
    }
}

/// The parameter by which the API is told that somebody insists.
const fn insists(force: bool) -> &'static [(&'static str, &'static str)] {
    match force {
        true => &[("force", "true")],
        false => &[],
    }
}

fn show(api: &Api, app: &str) -> Result<(), Failure> {
    let app = api.get(&path(app, ""))?;
    api.output.record(&app, shown::APP);
    if !api.output.json {
        for (member, columns) in [
            ("secrets", shown::SECRETS),
            ("keys", shown::APP_KEYS),
            ("consent", shown::CONSENT),
        ] {
            let items = commands::members(&app, member);
            if !items.is_empty() {
                api.output.print("");
                api.output.list(&items, columns, "");
            }
        }
    }
    Ok(())
}

fn secret(api: &Api, command: &Secret) -> Result<(), Failure> {
    match command {
        Secret::Add { app, days, purpose } => {
            let body = credential(*days, purpose.as_deref());
            let answer = api.post(&path(app, "/secrets"), Some(&Value::Object(body)))?;
            let text = |member: &str| answer.get(member).and_then(Value::as_str);
            let said = format!(
                "{app} has a secret until {}: {}",
                text("until").unwrap_or_default(),
                text("secret").unwrap_or_default()
            );
            api.output.done(&said, &answer);
            Ok(())
        }
        Secret::Remove { app, secret } => {
            let path = path(app, &format!("/secrets/{}", segment(secret)));
            let answer = api.ask(Method::DELETE, &path, &[], None)?;
            api.output.done("The secret opens nothing more.", &answer);
            Ok(())
        }
    }
}

fn key(api: &Api, command: &AppKey) -> Result<(), Failure> {
    match command {
        AppKey::Add {
            app,
            file,
            days,
            purpose,
        } => {
            let mut body = credential(*days, purpose.as_deref());
            let (member, value) = read(file)?;
            body.insert(member.to_owned(), value);
            let answer = api.post(&path(app, "/keys"), Some(&Value::Object(body)))?;
            let said = format!("{app} may sign assertions with the key.");
            api.output.done(&said, &answer);
            Ok(())
        }
        AppKey::Remove { app, key } => {
            let path = path(app, &format!("/keys/{}", segment(key)));
            let answer = api.ask(Method::DELETE, &path, &[], None)?;
            api.output.done("The key proves nothing more.", &answer);
            Ok(())
        }
    }
}

/// A certificate, or a JSON Web Key.
fn read(file: &Path) -> Result<(&'static str, Value), Failure> {
    const REMEDY: &str = "Give a certificate (PEM or DER), or a public JSON Web Key.";
    let bytes = std::fs::read(file).map_err(|error| Failure::of(&error, REMEDY).naming(file))?;
    if bytes.trim_ascii_start().first() == Some(&b'{') {
        let key: Value = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::of(&error, REMEDY).naming(file))?;
        if key.get("d").is_some() {
            let what = "it holds a private key, which must not leave the application";
            return Err(Failure::refused(what, "Give the public key alone.").naming(file));
        }
        return Ok(("jwk", key));
    }
    Ok(("certificate", read_key(file)?.into()))
}

fn credential(days: Option<u32>, purpose: Option<&str>) -> Map<String, Value> {
    let mut body = Map::new();
    if let Some(days) = days {
        body.insert("days".to_owned(), days.into());
    }
    if let Some(purpose) = purpose {
        body.insert("name".to_owned(), purpose.into());
    }
    body
}

/// The members that the command line says.
fn members(like: &Like) -> Map<String, Value> {
    let mut body = Map::new();
    let mut say = |name: &str, value: Value| body.insert(name.to_owned(), value);
    if !like.redirects.is_empty() {
        say("redirect_uris", like.redirects.clone().into());
    }
    if !like.signed_out.is_empty() {
        say("post_logout_redirect_uris", like.signed_out.clone().into());
    }
    match like.front_channel.as_deref() {
        Some("-") => drop(say("frontchannel_logout_uri", Value::Null)),
        Some(uri) => drop(say("frontchannel_logout_uri", uri.into())),
        None => {}
    }
    if let Some(identifier) = &like.identifier {
        say("identifier_uri", identifier.as_str().into());
    }
    if !like.scopes.is_empty() {
        let scopes = like.scopes.iter().map(|said| {
            let (scope, description) = said.split_once('=').unwrap_or((said, ""));
            json!({ "scope": scope, "description": description })
        });
        say("permissions", scopes.collect());
    }
    for (name, flag) in [
        (
            "frontchannel_logout_session_required",
            like.front_channel_session,
        ),
        ("second_factor", like.second_factor),
        ("refresh", like.refresh),
        ("device_code", like.device_code),
        ("password", like.password),
    ] {
        if let Some(flag) = flag {
            say(name, flag.into());
        }
    }
    if let Some(signs) = &like.signs {
        say("signs", signs.as_str().into());
    }
    if like.everybody {
        say("assigned_to", Value::Null);
    }
    if !like.groups.is_empty() {
        say("assigned_to", like.groups.clone().into());
    }
    body
}

fn path(app: &str, rest: &str) -> String {
    format!("/applications/{}{rest}", segment(app))
}
