//! Writing a keytab: the one answer of the API that is a secret file.

use std::path::Path;

use base64ct::{Base64, Encoding as _};
use call::administration::segment;
use call::files;
use http::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Api;
use super::commands::insisting;
use crate::failure::Failure;
use crate::output;

/// Writes the keytab of a service to `out`, for this user alone.
pub(super) fn export(
    api: &Api,
    principal: &str,
    out: &Path,
    rotate: bool,
    force: bool,
) -> Result<(), Failure> {
    let body = json!({ "rotate": rotate });
    let path = format!("/services/{}/keytab", segment(principal));
    let mut answer = api.ask(Method::POST, &path, insisting(force), Some(&body))?;
    let keytab = answer
        .as_object_mut()
        .and_then(|members| members.remove("keytab"));
    let keytab = keytab
        .as_ref()
        .and_then(Value::as_str)
        .and_then(|text| Base64::decode_vec(text).ok())
        .map(Zeroizing::new);
    let keytab = keytab.ok_or_else(|| {
        Failure::failed(
            "the server's answer holds no keytab",
            "Check that this command and the server are of the same version.",
        )
    })?;
    files::write(out, &keytab, 0o600)?;
    if let Some(members) = answer.as_object_mut() {
        members.insert("file".to_owned(), out.display().to_string().into());
    }
    let member = |name: &str| answer.get(name).map(output::text).unwrap_or_default();
    let former = match member("former_kvno") {
        none if none.is_empty() => String::new(),
        former => format!(", and those of version {former} for tickets that people have already"),
    };
    api.output.done(
        &format!(
            "{} holds the keys of {principal}, version {}{former}.",
            out.display(),
            member("kvno")
        ),
        &answer,
    );
    Ok(())
}
