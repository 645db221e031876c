//! `keyporch password`: a person changes their own password.

use call::Client;
use call::password::change_password;
use serde_json::json;

use crate::arguments::{Common, Password};
use crate::failure::Failure;
use crate::output::Output;
use crate::people::{AtTerminal, sign_in_failed};
use crate::site;

/// Changes the password on the federation service's page for it.
pub(crate) fn run(arguments: &Password, common: &Common, output: Output) -> Result<(), Failure> {
    let site = site::of(common)?;
    let given = &arguments.person;
    let lab = site::lab(common)?;
    let lab_person = match &given.user {
        Some(user) => lab.as_ref().and_then(|lab| lab.person(user)),
        None => None,
    };
    let client = Client::new(&site.roots, site.hosts.clone(), None);
    let mut person = AtTerminal::new(output, Some(given), lab_person);
    output.note(&format!("Change your password at {}.", site.base));
    let name = change_password(&client, &site.base, given.user.as_deref(), &mut person)
        .map_err(|fault| sign_in_failed(&fault))?;
    output.done(
        &format!("The password of {name} has been changed."),
        &json!({ "user": name, "changed": true }),
    );
    output.note("A PIN that is set up on a device stays as it is.");
    Ok(())
}
