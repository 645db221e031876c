//! Somebody's second factors.

use call::administration::segment;
use http::Method;
use serde_json::{Map, Value};

use super::{Api, commands, shown};
use crate::failure::Failure;

pub(super) fn list(api: &Api, name: &str) -> Result<(), Failure> {
    let answer = api.get(&format!("/users/{}/factors", segment(name)))?;
    let factors = commands::members(&answer, "items");
    let none = "There is no second factor.";
    api.output.list(&factors, shown::FACTORS, none);
    if let Some(wait) = answer.get("waits_seconds").and_then(Value::as_u64) {
        let said = format!("After wrong answers, the next one is looked at in {wait} seconds.");
        api.output.note(&said);
    }
    Ok(())
}

pub(super) fn give_pass(
    api: &Api,
    name: &str,
    minutes: Option<u32>,
    reusable: bool,
    begins: Option<&str>,
) -> Result<(), Failure> {
    let mut body = Map::new();
    if let Some(minutes) = minutes {
        body.insert("minutes".to_owned(), minutes.into());
    }
    if reusable {
        body.insert("once".to_owned(), false.into());
    }
    if let Some(begins) = begins {
        body.insert("begins".to_owned(), begins.into());
    }
    let path = format!("/users/{}/access-pass", segment(name));
    let answer = api.post(&path, Some(&Value::Object(body)))?;
    let text = |member: &str| {
        answer
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let times = match answer.get("once").and_then(Value::as_bool) {
        Some(true) => "once",
        _ => "as often as it is needed",
    };
    let said = format!(
        "{name} signs in {times} with {}, from {} to {}.",
        text("access_pass"),
        text("begins"),
        text("ends")
    );
    api.output.done(&said, &answer);
    Ok(())
}

pub(super) fn take_pass(api: &Api, name: &str) -> Result<(), Failure> {
    let path = format!("/users/{}/access-pass", segment(name));
    let answer = api.ask(Method::DELETE, &path, &[], None)?;
    let said = format!("{name} has no Temporary Access Pass.");
    api.output.done(&said, &answer);
    Ok(())
}

pub(super) fn recovery_codes(api: &Api, name: &str) -> Result<(), Failure> {
    let path = format!("/users/{}/recovery-codes", segment(name));
    let answer = api.post(&path, None)?;
    let said = format!("{name} has new recovery codes, each for one use:");
    api.output.done(&said, &answer);
    if !api.output.json {
        for code in commands::members(&answer, "recovery_codes") {
            api.output.print(code.as_str().unwrap_or_default());
        }
    }
    Ok(())
}
