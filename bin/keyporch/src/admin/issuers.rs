//! `keyporch admin issuer`, and whose certificates are whose.

use std::path::Path;

use base64ct::{Base64, Encoding as _};
use call::administration::segment;
use http::Method;
use serde_json::{Value, json};

use super::arguments::Issuer;
use super::commands::read_key;
use super::{Api, shown};
use crate::failure::Failure;

/// The longest list that is brought by hand, in bytes: the API takes no more.
const LONGEST_LIST: usize = 32 * 1024;

pub(super) fn issuer(api: &Api, command: &Issuer) -> Result<(), Failure> {
    match command {
        Issuer::Add {
            file,
            crl,
            ocsp,
            mapping,
            revocation,
        } => {
            let (urls, files): (Vec<&String>, Vec<&String>) =
                crl.iter().partition(|place| place.contains("://"));
            let mut body = json!({
                "certificate": read_key(file)?,
                "mapping": mapping.word(),
                "lists": urls,
                "responders": ocsp,
                "revocation": revocation.map(super::arguments::Revocation::word),
            });
            if let (Some(members), Some(list)) = (body.as_object_mut(), files.first()) {
                members.insert("list".to_owned(), read_list(Path::new(list))?.into());
            }
            if files.len() > 1 {
                return Err(Failure::refused(
                    "more than one revocation list was given as a file",
                    "An issuer has one list.",
                ));
            }
            let answer = api.post("/issuers", Some(&body))?;
            let subject = answer.get("subject").and_then(Value::as_str);
            let subject = subject.unwrap_or_default();
            api.output.done(
                &format!("{subject} is trusted to issue certificates to sign in with."),
                &answer,
            );
            Ok(())
        }
        Issuer::List => {
            let issuers = api.whole("/issuers")?;
            api.output
                .list(&issuers, shown::ISSUERS, "No issuer is trusted.");
            Ok(())
        }
        Issuer::Show { issuer } => {
            let found = api.get(&format!("/issuers/{}", segment(issuer)))?;
            api.output.record(&found, shown::ISSUER);
            Ok(())
        }
        Issuer::Remove { issuer, yes } => {
            let path = format!("/issuers/{}", segment(issuer));
            let question = format!(
                "Trust {issuer} no more? Its certificates, and the tickets that they got, stop working."
            );
            api.sure(*yes, &path, &question)?;
            let answer = api.ask(Method::DELETE, &path, &[], None)?;
            api.output.done("The issuer is trusted no more.", &answer);
            Ok(())
        }
    }
}

/// A revocation list as the API takes it: PEM as it is, DER in Base64.
fn read_list(file: &Path) -> Result<String, Failure> {
    const REMEDY: &str = "Give a revocation list, PEM or DER; a long one by its URL.";
    let bytes = std::fs::read(file).map_err(|error| Failure::of(&error, REMEDY).naming(file))?;
    if bytes.is_empty() || bytes.len() > LONGEST_LIST {
        let what = "it is empty, or longer than can be brought by hand";
        return Err(Failure::refused(what, REMEDY).naming(file));
    }
    let pem = std::str::from_utf8(&bytes)
        .ok()
        .filter(|text| text.contains("-----BEGIN "));
    Ok(pem.map_or_else(|| Base64::encode_string(&bytes), str::to_owned))
}

/// Whether a text is a mapping, and no file.
fn is_written(mapping: &str) -> bool {
    let start = mapping.get(..5);
    start.is_some_and(|start| start.eq_ignore_ascii_case("x509:"))
}

pub(super) fn map(api: &Api, name: &str, mapping: &str) -> Result<(), Failure> {
    let body = match is_written(mapping) {
        true => json!({ "mapping": mapping }),
        false => json!({ "certificate": read_key(Path::new(mapping))? }),
    };
    let path = format!("/users/{}/mappings", segment(name));
    let answer = api.post(&path, Some(&body))?;
    let value = answer
        .get("mapping")
        .and_then(Value::as_str)
        .unwrap_or(mapping);
    let strong = answer.get("strong").and_then(Value::as_bool) == Some(true);
    let weak = match strong {
        true => "",
        false => " It is a weak mapping, which counts only where the KDC's strong mapping lets it.",
    };
    api.output
        .done(&format!("{value} maps to {name}.{weak}"), &answer);
    Ok(())
}

pub(super) fn unmap(api: &Api, name: &str, mapping: &str) -> Result<(), Failure> {
    if !is_written(mapping) {
        let remedy = format!("Give it as `keyporch admin user show {name}` has it: X509:….");
        return Err(Failure::refused(format!("{mapping} is no mapping"), remedy));
    }
    let path = format!("/users/{}/mappings/{}", segment(name), segment(mapping));
    let answer = api.ask(Method::DELETE, &path, &[], None)?;
    let said = match answer.get("changed").and_then(Value::as_bool) {
        Some(false) => format!("{mapping} did not map to {name}."),
        _ => format!("{mapping} maps to {name} no more."),
    };
    api.output.done(&said, &answer);
    Ok(())
}
