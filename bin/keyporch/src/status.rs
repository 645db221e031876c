//! `keyporch status`: the fields of dsregcmd (DSR-1 to DSR-8).

use hello::Status;
use hello::container::Container;
use provisioning::prerequisites::Joined;
use serde_json::{Map, Value};

use crate::arguments::{Common, Status as Arguments};
use crate::device;
use crate::failure::Failure;
use crate::output::Output;

/// Shows how the device stands, and each of its people.
pub(crate) fn run(arguments: &Arguments, common: &Common, output: Output) -> Result<(), Failure> {
    let device = device::open(common)?;
    let registration = device.hello.registration();
    let joined = if registration.is_some() {
        Joined::Enterprise
    } else {
        Joined::Not
    };
    let people: Vec<&Container> = device
        .hello
        .containers()
        .iter()
        .filter(|container| {
            arguments
                .user
                .as_ref()
                .is_none_or(|upn| container.account().is_named(upn))
        })
        .collect();
    if let (Some(upn), true) = (&arguments.user, people.is_empty()) {
        let what = format!("{upn} has not enrolled on this device");
        return Err(Failure::refused(what, "Enrol with `keyporch enroll`."));
    }
    let of = |container: Option<&Container>| {
        Status::of(joined, registration, container, device.hello.vault())
    };
    if output.json {
        let mut shown = serde_json::to_value(of(None)).unwrap_or_default();
        if let Some(members) = shown.as_object_mut() {
            let people = people
                .iter()
                .map(|container| person(container, &of(Some(container))));
            members.insert("people".to_owned(), people.collect());
        }
        output.print(&shown.to_string());
        return Ok(());
    }
    let (own, theirs) = of(None)
        .sections()
        .into_iter()
        .partition::<Vec<_>, _>(|(title, _)| *title != "User State");
    sections(output, &own);
    if people.is_empty() {
        sections(output, &theirs);
    }
    for container in people {
        let status = of(Some(container)).sections();
        let state: Vec<_> = status
            .into_iter()
            .filter(|(title, _)| *title == "User State")
            .collect();
        output.print(&format!("\n{}", output.strong(&container.account().upn)));
        sections(output, &state);
    }
    Ok(())
}

fn person(container: &Container, status: &Status) -> Value {
    let mut members = Map::new();
    members.insert("upn".to_owned(), container.account().upn.as_str().into());
    let state = serde_json::to_value(status).unwrap_or_default();
    if let Some(state) = state.get("User State") {
        members.insert("User State".to_owned(), state.clone());
    }
    members.insert(
        "created".to_owned(),
        container.created().to_rfc3339().into(),
    );
    members.insert(
        "pin_set".to_owned(),
        container.pin_set().to_rfc3339().into(),
    );
    Value::Object(members)
}

fn sections(output: Output, sections: &[(&'static str, Vec<(&'static str, String)>)]) {
    for (title, fields) in sections {
        output.print(&format!("\n{}", output.strong(title)));
        let width = fields
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or_default();
        for (name, value) in fields {
            output.print(&format!(
                "  {}  {value}",
                output.faint(&format!("{name:>width$} :"))
            ));
        }
    }
}
