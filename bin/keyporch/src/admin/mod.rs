//! `keyporch admin`: each command is a request to the administration API, and a way to show its answer.

mod access;
mod app;
pub(crate) mod arguments;
mod commands;
mod domain;
mod export;
mod factor;
mod import;
mod issuers;
mod keytab;
mod logon;
mod policy;
mod right;
mod shown;
mod tenant;

use call::administration::{Administration, Unwilling};
use http::Method;
use serde_json::Value;

use crate::arguments::Common;
use crate::ask;
use crate::failure::Failure;
use crate::output::Output;
use arguments::Admin;

/// How many items are asked for at once.
const PAGE: &str = "500";

/// Does what was asked.
pub(crate) fn run(admin: &Admin, common: &Common, output: Output) -> Result<(), Failure> {
    let api = Api {
        way: access::open(common, output)?,
        output,
    };
    match admin {
        Admin::User(command) => commands::user(&api, command),
        Admin::Group(command) => commands::group(&api, command),
        Admin::Computer(command) => commands::computer(&api, command),
        Admin::Device(command) => commands::device(&api, command),
        Admin::Key(command) => commands::key(&api, command),
        Admin::Service(command) => commands::service(&api, command),
        Admin::Certificate(command) => commands::certificate(&api, command),
        Admin::Issuer(command) => issuers::issuer(&api, command),
        Admin::Policy(command) => policy::policy(&api, command),
        Admin::Import(asked) => import::import(&api, asked),
        Admin::Export(asked) => export::export(&api, asked),
        Admin::Right(command) => right::right(&api, command),
        Admin::Tenant(command) => tenant::tenant(&api, command),
        Admin::Domain(command) => domain::domain(&api, command),
        Admin::App(command) => app::app(&api, command),
        Admin::Audit { limit } => commands::audit(&api, *limit),
    }
}

/// The administration API with somewhere to show its answers.
struct Api {
    way: Administration,
    output: Output,
}

impl Api {
    fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let asked = self.output.during("asking the server", || {
            self.way.ask(method, path, query, body)
        });
        asked.map_err(told)
    }

    fn get(&self, path: &str) -> Result<Value, Failure> {
        self.ask(Method::GET, path, &[], None)
    }

    fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        self.ask(Method::POST, path, &[], body)
    }

    /// The items of a list, `limit` at most where one is given, page after page.
    fn items(
        &self,
        path: &str,
        narrowed: &[(&str, &str)],
        limit: Option<u32>,
    ) -> Result<Vec<Value>, Failure> {
        let limit = limit.map_or(usize::MAX, |limit| limit as usize);
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        while items.len() < limit {
            let mut query = narrowed.to_vec();
            query.push(("limit", PAGE));
            query.extend(after.as_deref().map(|place| ("after", place)));
            let page = self.ask(Method::GET, path, &query, None)?;
            items.extend(items_of(&page));
            after = page.get("next").and_then(Value::as_str).map(str::to_owned);
            if after.is_none() {
                break;
            }
        }
        items.truncate(limit);
        Ok(items)
    }

    /// The items of a list that the API gives in one piece.
    fn whole(&self, path: &str) -> Result<Vec<Value>, Failure> {
        Ok(items_of(&self.get(path)?).collect())
    }

    /// Asks before something that cannot be taken back, once it is seen that what it is done to is at `path`: nobody decides about what
    /// is not there.
    fn sure(&self, yes: bool, path: &str, question: &str) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        self.get(path)?;
        self.agreed(question)
    }

    /// Asks before something that cannot be taken back.
    fn agreed(&self, question: &str) -> Result<(), Failure> {
        if ask::agrees(question) {
            return Ok(());
        }
        Err(Failure::refused(
            "it was not confirmed, and nothing was done",
            "Answer y, or give --yes.",
        ))
    }
}

fn items_of(page: &Value) -> impl Iterator<Item = Value> {
    let items = page.get("items").and_then(Value::as_array);
    items.into_iter().flatten().cloned()
}

/// A refusal of the API as the person sees it: who is not permitted was refused, all else failed.
pub(crate) fn told(unwilling: Unwilling) -> Failure {
    match unwilling {
        Unwilling::Call(fault) => fault.into(),
        Unwilling::NotUnderstood => Failure::of(
            &unwilling,
            "Check that this command and the server are of the same version.",
        ),
        Unwilling::Refused {
            status,
            said,
            remedy,
            id,
            ..
        } => {
            let remedy = remedy.unwrap_or_else(|| "The server's audit log says why.".to_owned());
            let failure = match status {
                400..=499 => Failure::refused(said, remedy),
                _ => Failure::failed(said, remedy),
            };
            match id {
                Some(id) => failure.with_id(id),
                None => failure,
            }
        }
    }
}
