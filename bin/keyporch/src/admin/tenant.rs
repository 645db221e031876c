//! `keyporch admin tenant`: what a tenant is, and its settings.

use clap::Subcommand;
use http::Method;
use serde_json::{Map, Value, json};

use super::{Api, shown};
use crate::failure::Failure;

/// `keyporch admin tenant`
#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Show the tenant, its domains and its settings.
    #[command(after_help = "Example: keyporch admin tenant show")]
    Show,
    /// Change settings.
    #[command(
        after_help = "Examples:\n  keyporch admin tenant set display_name='Example Corporation' registration_quota=10\n  \
                      keyporch admin tenant set may_join='Helpdesk' device_code_clients=29d9ed98-a469-4536-ade2-f981bc1d605e"
    )]
    Set {
        /// Each as `NAME=VALUE`; several clients with commas between them, nothing for none.
        #[arg(required = true, value_name = "NAME=VALUE")]
        settings: Vec<String>,
    },
}

/// Settings that are texts, whatever they look like.
const TEXTS: [&str; 8] = [
    "display_name",
    "region",
    "may_join",
    "hello_enabled",
    "assertion_nonce",
    "id_token_alg",
    "prt_id_token_alg",
    "phishing_resistant_only",
];
/// Settings that are lists.
const LISTS: [&str; 2] = ["ropc_clients", "device_code_clients"];

pub(super) fn tenant(api: &Api, command: &Tenant) -> Result<(), Failure> {
    match command {
        Tenant::Show => {
            let tenant = api.get("/tenant")?;
            api.output.record(&tenant, shown::TENANT);
            if !api.output.json {
                api.output.print("");
                let columns = shown::SETTINGS_OF_A_TENANT;
                api.output.list(&settings_of(&tenant), columns, "");
            }
            Ok(())
        }
        Tenant::Set { settings } => {
            let mut body = Map::new();
            for setting in settings {
                let (name, value) = read(setting)?;
                body.insert(name, value);
            }
            let answer = api.ask(Method::PATCH, "/tenant", &[], Some(&Value::Object(body)))?;
            let said = match answer.get("changed").and_then(Value::as_bool) {
                Some(false) => "The settings were so already.",
                _ => "The settings are changed.",
            };
            api.output.done(said, &answer);
            Ok(())
        }
    }
}

/// The settings as rows of a table.
fn settings_of(tenant: &Value) -> Vec<Value> {
    let settings = tenant.get("settings").and_then(Value::as_object);
    let rows = settings.into_iter().flatten();
    rows.map(|(name, value)| {
        let value = match value {
            Value::Bool(true) => json!("yes"),
            Value::Bool(false) => json!("no"),
            value => value.clone(),
        };
        json!({ "name": name, "value": value })
    })
    .collect()
}

fn read(setting: &str) -> Result<(String, Value), Failure> {
    let Some((name, value)) = setting.split_once('=') else {
        return Err(Failure::refused(
            format!("{setting} says no value"),
            "Write NAME=VALUE. The names: keyporch admin tenant show.",
        ));
    };
    let (name, value) = (name.trim(), value.trim());
    let value = if LISTS.contains(&name) {
        let each = value.split(',').map(str::trim);
        each.filter(|one| !one.is_empty())
            .map(Value::from)
            .collect()
    } else if TEXTS.contains(&name) {
        match value {
            "" => Value::Null,
            value => value.into(),
        }
    } else {
        match value {
            "yes" => true.into(),
            "no" => false.into(),
            // A number, true or false; anything else is the server's to refuse.
            value => serde_json::from_str(value).unwrap_or_else(|_| value.into()),
        }
    };
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_what_they_are() {
        for (written, name, value) in [
            ("registration_quota=10", "registration_quota", json!(10)),
            ("kdf_v1 = false", "kdf_v1", json!(false)),
            ("kdf_v1=yes", "kdf_v1", json!(true)),
            ("display_name=42", "display_name", json!("42")),
            ("may_join=Key Admins", "may_join", json!("Key Admins")),
            (
                "phishing_resistant_only=",
                "phishing_resistant_only",
                json!(null),
            ),
            ("ropc_clients=a, b", "ropc_clients", json!(["a", "b"])),
            ("device_code_clients=", "device_code_clients", json!([])),
            ("unknown=a=b", "unknown", json!("a=b")),
        ] {
            let read = read(written).ok();
            assert_eq!(read, Some((name.to_owned(), value)), "{written}");
        }
        assert!(read("registration_quota").is_err());
    }
}
