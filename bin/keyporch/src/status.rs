//! `keyporch status`: the fields of dsregcmd (DSR-1 to DSR-8).

use hello::Status;
use hello::container::Container;
use hello::file::StateError;
use hello::prt::Prt;
use hello::registration::Registration;
use provisioning::prerequisites::Joined;
use serde_json::{Map, Value};
use trust::{Clock as _, SystemClock};

use crate::arguments::{Common, Status as Arguments};
use crate::device::{self, Device};
use crate::failure::Failure;
use crate::output::Output;

/// Shows how the device stands, and each of its people.
pub(crate) fn run(arguments: &Arguments, common: &Common, output: Output) -> Result<(), Failure> {
    let device = device::open(common)?;
    let registration = device.hello.registration();
    let joined = registration.map_or(Joined::Not, Registration::joined_to);
    let people: Vec<Person<'_>> = people(&device)?
        .into_iter()
        .filter(|person| {
            let named = arguments.user.as_deref();
            named.is_none_or(|upn| person.upn.eq_ignore_ascii_case(upn))
        })
        .collect();
    if let (Some(upn), true) = (&arguments.user, people.is_empty()) {
        let what = format!("{upn} has not enrolled on this device");
        return Err(Failure::refused(what, "Enrol with `keyporch enroll`."));
    }
    let vault = device.hello.vault();
    let own = Status::of(joined, registration, None, vault);
    let of = |person: &Person<'_>| {
        Status::of(joined, registration, person.container, vault).with_prt(person.prt.as_ref())
    };
    if output.json {
        let mut shown = serde_json::to_value(&own).unwrap_or_default();
        if let Some(members) = shown.as_object_mut() {
            let people = people
                .iter()
                .map(|person| shown_person(person, &of(person)));
            members.insert("people".to_owned(), people.collect());
        }
        output.print(&shown.to_string());
        return Ok(());
    }
    let personal = |title: &str| title == "User State" || title == "SSO State";
    let (theirs, own) = own
        .sections()
        .into_iter()
        .partition::<Vec<_>, _>(|(title, _)| personal(title));
    sections(output, &own);
    if people.is_empty() {
        sections(output, &theirs);
    }
    for person in &people {
        let state: Vec<_> = of(person)
            .sections()
            .into_iter()
            .filter(|(title, _)| personal(title))
            .collect();
        output.print(&format!("\n{}", output.strong(&person.upn)));
        sections(output, &state);
    }
    Ok(())
}

/// Somebody whom the device knows: by a container, by a primary refresh token, or by both.
struct Person<'a> {
    upn: String,
    container: Option<&'a Container>,
    prt: Option<Prt>,
}

fn people(device: &Device) -> Result<Vec<Person<'_>>, Failure> {
    let now = SystemClock.now();
    let prt = |upn: &str| {
        device
            .hello
            .prt(upn, now)
            .map_err(|error| unreadable(&error))
    };
    let mut people = Vec::new();
    for container in device.hello.containers().iter() {
        let upn = container.account().upn.clone();
        people.push(Person {
            prt: prt(&upn)?,
            container: Some(container),
            upn,
        });
    }
    for kept in device.hello.prts().map_err(|error| unreadable(&error))? {
        let known = people
            .iter()
            .any(|person| person.upn.eq_ignore_ascii_case(kept.upn()));
        if !known && kept.is_valid(now) {
            people.push(Person {
                upn: kept.upn().to_owned(),
                container: None,
                prt: Some(kept),
            });
        }
    }
    Ok(people)
}

/// The file of primary refresh tokens cannot be used.
pub(crate) fn unreadable(error: &StateError) -> Failure {
    Failure::of(
        error,
        "Remove the file prt from the device's folder and sign in again: nothing else is lost.",
    )
}

fn shown_person(person: &Person<'_>, status: &Status) -> Value {
    let mut members = Map::new();
    members.insert("upn".to_owned(), person.upn.as_str().into());
    let state = serde_json::to_value(status).unwrap_or_default();
    for section in ["User State", "SSO State"] {
        if let Some(state) = state.get(section) {
            members.insert(section.to_owned(), state.clone());
        }
    }
    if let Some(container) = person.container {
        members.insert(
            "created".to_owned(),
            container.created().to_rfc3339().into(),
        );
        members.insert(
            "pin_set".to_owned(),
            container.pin_set().to_rfc3339().into(),
        );
    }
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
