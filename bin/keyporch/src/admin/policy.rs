//! `keyporch admin policy`.

use call::administration::segment;
use http::Method;
use serde_json::{Value, json};

use super::arguments::{Policy, Scope};
use super::{Api, shown};
use crate::failure::Failure;

/// What the domain's own policy object is called on the command line and in paths.
const DEFAULT: &str = "default";

pub(super) fn policy(api: &Api, command: &Policy) -> Result<(), Failure> {
    match command {
        Policy::List => {
            let objects = api.items("/policies", &[], None)?;
            let lines = if api.output.json {
                objects
            } else {
                objects.iter().flat_map(set_by).collect()
            };
            api.output.list(
                &lines,
                shown::OBJECTS,
                "Nothing is set; `keyporch admin policy settings` shows what can be.",
            );
            Ok(())
        }
        Policy::Settings => {
            let settings = api.get("/policy/settings")?;
            let items = settings
                .get("items")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            api.output.list(
                &items,
                &[
                    ("SETTING", "name"),
                    ("ID", "id"),
                    ("TAKES", "takes"),
                    ("FOR", "halves"),
                    ("UNSET MEANS", "unset"),
                ],
                "",
            );
            Ok(())
        }
        Policy::Show { user, computer } => show(api, user.as_deref(), computer.as_deref()),
        Policy::Set {
            setting,
            value,
            scope,
            group,
        } => {
            let path = place(setting, scope);
            let mut wanted = json!({ "value": typed(value) });
            if !group.is_empty() {
                wanted["groups"] = json!(group);
            }
            let answer = api.ask(Method::PUT, &path, &[], Some(&wanted))?;
            api.output.done(&format!("{setting} is {value}."), &answer);
            Ok(())
        }
        Policy::Unset { setting, scope } => {
            let answer = api.ask(Method::DELETE, &place(setting, scope), &[], None)?;
            api.output
                .done(&format!("{setting} is not set any more."), &answer);
            Ok(())
        }
    }
}

fn show(api: &Api, user: Option<&str>, computer: Option<&str>) -> Result<(), Failure> {
    let query: Vec<(&str, &str)> = [("user", user), ("computer", computer)]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let effective = api.ask(Method::GET, "/policy/effective", &query, None)?;
    if api.output.json {
        api.output.record(&effective, &[]);
        return Ok(());
    }
    let settings = effective
        .get("settings")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let settings: Vec<Value> = settings.into_iter().map(with_default).collect();
    api.output.list(&settings, shown::SETTINGS, "");
    let pin = effective
        .get("pin")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let rules: Vec<&str> = pin.collect();
    if !rules.is_empty() {
        api.output
            .print(&format!("\nA PIN must have {}.", rules.join(", ")));
    }
    Ok(())
}

/// A setting that nobody set shows what that means.
fn with_default(mut setting: Value) -> Value {
    if let Some(members) = setting.as_object_mut()
        && members.get("value").is_none_or(Value::is_null)
    {
        let unset = members
            .get("unset")
            .and_then(Value::as_str)
            .map(|unset| format!("({unset})"));
        members.insert("value".to_owned(), unset.into());
    }
    setting
}

/// The settings of a policy object, a line each.
fn set_by(object: &Value) -> Vec<Value> {
    let name = object.get("name").cloned().unwrap_or_default();
    let enabled = object.get("enabled").cloned().unwrap_or_default();
    let mut lines = Vec::new();
    for half in ["user", "computer"] {
        for (setting, value) in object
            .get(half)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            lines.push(json!({ "policy": name, "half": half, "setting": setting, "value": value, "enabled": enabled }));
        }
    }
    if lines.is_empty() {
        lines.push(json!({ "policy": name, "enabled": enabled }));
    }
    lines
}

fn place(setting: &str, scope: &Scope) -> String {
    let object = scope.policy.as_deref().unwrap_or(DEFAULT);
    let half = if scope.for_users { "user" } else { "computer" };
    format!(
        "/policies/{}/settings/{half}/{}",
        segment(object),
        segment(setting)
    )
}

/// A value as JSON: true, false and numbers are what they look like, all else is a word.
fn typed(value: &str) -> Value {
    match value {
        "true" | "yes" | "on" => true.into(),
        "false" | "no" | "off" => false.into(),
        number => number
            .parse::<i64>()
            .map_or_else(|_| value.into(), Value::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_they_look_like() {
        assert_eq!(typed("true"), json!(true));
        assert_eq!(typed("8"), json!(8));
        assert_eq!(typed("Required"), json!("Required"));
    }

    #[test]
    fn a_setting_has_its_place_below_its_policy_and_half() {
        let scope = Scope {
            policy: None,
            for_users: true,
        };
        assert_eq!(
            place("UsePassportForWork", &scope),
            "/policies/default/settings/user/UsePassportForWork"
        );
        let scope = Scope {
            policy: Some("Sales & more".into()),
            for_users: false,
        };
        assert_eq!(
            place("POL-S1", &scope),
            "/policies/Sales%20%26%20more/settings/computer/POL-S1"
        );
    }
}
