//! The commands, noun by noun.

use base64ct::{Base64, Encoding as _};
use call::administration::segment;
use http::Method;
use serde_json::{Map, Value, json};

use super::arguments::{
    Certificate, Computer, Delegate, Device, Group, Key, Narrow, Service, User,
};
use super::{Api, factor, issuers, keytab, logon, shown};
use crate::ask;
use crate::failure::Failure;
use crate::output::{self, Column};

/// The longest key or certificate that is added by hand, in bytes.
const LONGEST_KEY: usize = 32 * 1024;

/// How much of a fingerprint is shown in a table: enough to name it.
const SHORT: usize = 16;

pub(super) fn user(api: &Api, command: &User) -> Result<(), Failure> {
    match command {
        User::Add { .. } => add_user(api, command),
        User::List(narrow) => list(api, "/users", narrow, shown::USERS, "There is nobody."),
        User::Show { name } => show_user(api, name),
        User::Disable { name } => act(api, "users", name, "disable", "is kept out"),
        User::Enable { name } => act(api, "users", name, "enable", "may sign in again"),
        User::Unlock { name } => act(api, "users", name, "unlock", "is not locked out any more"),
        User::Sensitive { name, off } => {
            let body = json!({ "not_delegated": !off });
            let path = format!("/users/{}", segment(name));
            let answer = api.ask(Method::PATCH, &path, &[], Some(&body))?;
            let done = match off {
                true => "may be acted for by services that are allowed to",
                false => "is acted for by no service",
            };
            api.output.done(&format!("{name} {done}."), &answer);
            Ok(())
        }
        User::Delete { name, yes } => delete(api, "users", name, *yes, "with keys and memberships"),
        User::SetPassword {
            name,
            password_file,
            must_change,
        } => {
            let password =
                ask::new_secret("New password", password_file.as_deref(), "--password-file")?;
            let body = json!({ "password": password.expose(), "must_change": must_change });
            let answer = api.post(&format!("/users/{}/password", segment(name)), Some(&body))?;
            api.output
                .done(&format!("{name} has a new password."), &answer);
            Ok(())
        }
        User::Factors { name } => factor::list(api, name),
        User::AccessPass {
            name, remove: true, ..
        } => factor::take_pass(api, name),
        User::AccessPass {
            name,
            minutes,
            reusable,
            begins,
            ..
        } => factor::give_pass(api, name, *minutes, *reusable, begins.as_deref()),
        User::RecoveryCodes { name } => factor::recovery_codes(api, name),
        User::RevokeSignIns { name } => act(
            api,
            "users",
            name,
            "revoke-sign-ins",
            "signs in anew everywhere",
        ),
        User::Map { name, mapping } => issuers::map(api, name, mapping),
        User::Unmap { name, mapping } => issuers::unmap(api, name, mapping),
        User::ResetSecondFactor { name, yes } => {
            let user = format!("/users/{}", segment(name));
            let question = format!("Forget the second factors and recovery codes of {name}?");
            api.sure(*yes, &user, &question)?;
            let path = format!("{user}/second-factor");
            let answer = api.ask(Method::DELETE, &path, &[], None)?;
            api.output.done(
                &format!("{name} sets up a new second factor at the next sign-in."),
                &answer,
            );
            Ok(())
        }
    }
}

/// Somebody who gives the whole sign-in name where the account's own is asked for.
fn not_an_account_name(name: &str) -> Option<Failure> {
    let (account, _) = name.split_once('@')?;
    Some(Failure::refused(
        format!("{name} is a sign-in name (UPN), and an account's own name has no @"),
        format!("Write {account}, and --upn {name} where the domain is not the first one."),
    ))
}

fn add_user(api: &Api, command: &User) -> Result<(), Failure> {
    let User::Add {
        name,
        upn,
        display_name,
        mail,
        groups,
        password_file,
        no_password,
        keep_password,
    } = command
    else {
        return Ok(());
    };
    if let Some(failure) = not_an_account_name(name) {
        return Err(failure);
    }
    let mut body = Map::new();
    body.insert("name".to_owned(), name.as_str().into());
    for (member, value) in [("upn", upn), ("display_name", display_name), ("mail", mail)] {
        if let Some(value) = value {
            body.insert(member.to_owned(), value.as_str().into());
        }
    }
    if !groups.is_empty() {
        body.insert("groups".to_owned(), groups.clone().into());
    }
    if !no_password {
        let file = password_file.as_deref();
        let password = ask::new_secret("First password", file, "--password-file")?;
        body.insert("password".to_owned(), password.expose().into());
        body.insert("must_change".to_owned(), (!keep_password).into());
    }
    let answer = api.post("/users", Some(&Value::Object(body)))?;
    let upn = answer.get("upn").and_then(Value::as_str).unwrap_or(name);
    api.output.done(&format!("{upn} is added."), &answer);
    Ok(())
}

fn show_user(api: &Api, name: &str) -> Result<(), Failure> {
    let user = api.get(&format!("/users/{}", segment(name)))?;
    api.output.record(&user, shown::USER);
    if !api.output.json {
        below(api, &user, "groups", shown::MEMBERSHIPS);
        let keys = members(&user, "keys");
        if !keys.is_empty() {
            api.output.print("");
            api.output.list(
                &keys.iter().map(with_age).collect::<Vec<_>>(),
                shown::KEYS,
                "",
            );
        }
    }
    Ok(())
}

pub(super) fn group(api: &Api, command: &Group) -> Result<(), Failure> {
    match command {
        Group::Add { name, description } => {
            let mut body = json!({ "name": name });
            if let (Some(members), Some(description)) = (body.as_object_mut(), description) {
                members.insert("description".to_owned(), description.as_str().into());
            }
            let answer = api.post("/groups", Some(&body))?;
            api.output.done(&format!("{name} is added."), &answer);
            Ok(())
        }
        Group::List(narrow) => list(
            api,
            "/groups",
            narrow,
            shown::GROUPS,
            "There are no groups.",
        ),
        Group::Show { name } => {
            let mut group = api.get(&format!("/groups/{}", segment(name)))?;
            let members = api.items(&format!("/groups/{}/members", segment(name)), &[], None)?;
            if let Some(object) = group.as_object_mut() {
                object.insert("members".to_owned(), members.into());
            }
            api.output.record(&group, shown::GROUP);
            if !api.output.json {
                below(api, &group, "members", shown::MEMBERS);
            }
            Ok(())
        }
        Group::Delete { name, yes } => delete(api, "groups", name, *yes, "with its memberships"),
        Group::AddMember { group, member } => {
            let answer = api.ask(Method::PUT, &membership(group, member), &[], None)?;
            api.output
                .done(&format!("{member} is in {group}."), &answer);
            Ok(())
        }
        Group::RemoveMember { group, member } => {
            let answer = api.ask(Method::DELETE, &membership(group, member), &[], None)?;
            api.output
                .done(&format!("{member} is not in {group}."), &answer);
            Ok(())
        }
    }
}

fn membership(group: &str, member: &str) -> String {
    format!("/groups/{}/members/{}", segment(group), segment(member))
}

pub(super) fn computer(api: &Api, command: &Computer) -> Result<(), Failure> {
    match command {
        Computer::List(narrow) => list(
            api,
            "/computers",
            narrow,
            shown::COMPUTERS,
            "No computer has joined.",
        ),
        Computer::Show { name } => {
            let computer = api.get(&format!("/computers/{}", segment(name)))?;
            api.output.record(&computer, shown::COMPUTER);
            Ok(())
        }
        Computer::Disable { name } => act(api, "computers", name, "disable", "is kept out"),
        Computer::Enable { name } => act(api, "computers", name, "enable", "may sign in again"),
        Computer::Delegate(wanted) => delegate(api, "computers", wanted),
        Computer::Delete { name, yes } => delete(
            api,
            "computers",
            name,
            *yes,
            "with its device and the keys made on it",
        ),
    }
}

pub(super) fn device(api: &Api, command: &Device) -> Result<(), Failure> {
    match command {
        Device::List(narrow) => list(
            api,
            "/devices",
            narrow,
            shown::DEVICES,
            "No device is registered.",
        ),
        Device::Show { device } => {
            let shown = api.get(&format!("/devices/{}", segment(device)))?;
            api.output.record(&shown, shown::DEVICE);
            let keys: Vec<Value> = members(&shown, "keys").iter().map(with_age).collect();
            if !api.output.json && !keys.is_empty() {
                api.output.print("");
                api.output.list(&keys, shown::KEYS, "");
            }
            Ok(())
        }
        Device::Disable { device } => act(
            api,
            "devices",
            device,
            "disable",
            "is disabled: its certificate and keys stop working",
        ),
        Device::Enable { device } => act(api, "devices", device, "enable", "is enabled again"),
        Device::Delete { device, yes } => delete(
            api,
            "devices",
            device,
            *yes,
            "with its certificate and the keys made on it",
        ),
    }
}

pub(super) fn key(api: &Api, command: &Key) -> Result<(), Failure> {
    match command {
        Key::List {
            name,
            user,
            device,
            origin,
        } => {
            let user = name.as_deref().or(user.as_deref());
            let narrowed = [
                ("user", user),
                ("device", device.as_deref()),
                ("origin", origin.as_deref()),
            ];
            keys(api, &narrowed, shown::KEYS, "No key is listed.")
        }
        Key::Report => {
            let narrowed = [("origin", Some("shadow"))];
            let none = "Every key came through registration, or with its computer.";
            keys(api, &narrowed, shown::SHADOW_KEYS, none)
        }
        Key::Add { user, file, device } => {
            let mut body = json!({ "key": read_key(file)? });
            if let (Some(members), Some(device)) = (body.as_object_mut(), device) {
                members.insert("device".to_owned(), device.as_str().into());
            }
            let answer = api.post(&format!("/users/{}/keys", segment(user)), Some(&body))?;
            api.output.done(
                &format!("The key is listed on {user}, marked as added by hand."),
                &answer,
            );
            Ok(())
        }
        Key::Versions => {
            let versions = api.whole("/domain/keys")?;
            let versions = if api.output.json {
                versions
            } else {
                versions.iter().map(with_use).collect()
            };
            api.output
                .list(&versions, shown::VERSIONS, "The KDC has no keys.");
            Ok(())
        }
        Key::Rotate { name, force } => rotate(api, "domain/keys", name, *force),
        Key::Revoke {
            user,
            fingerprint,
            yes,
        } => {
            let digits = fingerprint.trim_end_matches('…');
            let keys = format!("/users/{}/keys", segment(user));
            if !*yes {
                must_have_key(&api.whole(&keys)?, user, digits)?;
                api.agreed(&format!("Revoke the key {fingerprint} of {user}? The tickets that it got stop working, too."))?;
            }
            let path = format!("{keys}/{}", segment(digits));
            let answer = api.ask(Method::DELETE, &path, &[], None)?;
            api.output.done("The key is revoked.", &answer);
            Ok(())
        }
    }
}

/// Refuses a key that is none of a person's, before anybody is asked about it.
fn must_have_key(keys: &[Value], user: &str, digits: &str) -> Result<(), Failure> {
    let digits = digits.to_ascii_lowercase();
    let is_meant = |key: &Value| {
        let names = ["fingerprint", "value"].into_iter();
        let mut names = names.filter_map(|name| key.get(name).and_then(Value::as_str));
        names.any(|name| name.starts_with(&digits))
    };
    match keys.iter().any(is_meant) {
        true => Ok(()),
        false => Err(Failure::failed(
            format!("{user} has no key {digits}"),
            format!("Look for it: keyporch admin key list --user {user}."),
        )),
    }
}

/// Shows keys, narrowed to those that fit.
fn keys(
    api: &Api,
    narrowed: &[(&str, Option<&str>)],
    columns: &[Column],
    none: &str,
) -> Result<(), Failure> {
    let narrowed: Vec<(&str, &str)> = narrowed
        .iter()
        .filter_map(|(name, value)| Some((*name, (*value)?)))
        .collect();
    let keys = api.items("/keys", &narrowed, None)?;
    let keys = match api.output.json {
        true => keys,
        false => keys.iter().map(with_age).collect(),
    };
    api.output.list(&keys, columns, none);
    Ok(())
}

/// A key or certificate as the API takes it: PEM as it is, DER in Base64.
pub(super) fn read_key(file: &std::path::Path) -> Result<String, Failure> {
    const REMEDY: &str = "Give a public key or a certificate, PEM or DER.";
    let bytes = std::fs::read(file).map_err(|error| Failure::of(&error, REMEDY).naming(file))?;
    if bytes.is_empty() || bytes.len() > LONGEST_KEY {
        return Err(
            Failure::refused("it is no public key and no certificate", REMEDY).naming(file),
        );
    }
    let pem = std::str::from_utf8(&bytes)
        .ok()
        .filter(|text| text.contains("-----BEGIN "));
    if pem.is_some_and(|text| text.contains("PRIVATE KEY")) {
        let what = "it holds a private key, which must not leave its device";
        return Err(Failure::refused(what, "Give the public key alone.").naming(file));
    }
    Ok(pem.map_or_else(|| Base64::encode_string(&bytes), str::to_owned))
}

pub(super) fn service(api: &Api, command: &Service) -> Result<(), Failure> {
    match command {
        Service::Add { principal } => {
            let answer = api.post(
                "/services",
                Some(&json!({ "service_principals": [principal] })),
            )?;
            api.output.done(&format!("{principal} is added."), &answer);
            Ok(())
        }
        Service::List(narrow) => list(
            api,
            "/services",
            narrow,
            shown::SERVICES,
            "There are no services.",
        ),
        Service::Show { principal } => {
            let service = api.get(&format!("/services/{}", segment(principal)))?;
            api.output.record(&service, shown::SERVICE);
            Ok(())
        }
        Service::Delete { principal, yes } => {
            delete(api, "services", principal, *yes, "with its keys")
        }
        Service::Rotate { principal, force } => rotate(api, "services", principal, *force),
        Service::Delegate(wanted) => delegate(api, "services", wanted),
        Service::Keytab {
            principal,
            out,
            rotate,
            force,
        } => keytab::export(api, principal, out, *rotate, *force),
    }
}

pub(super) fn certificate(api: &Api, command: &Certificate) -> Result<(), Failure> {
    match command {
        Certificate::List(narrow) => list(
            api,
            "/certificates",
            narrow,
            shown::CERTIFICATES,
            "No certificate was issued.",
        ),
        Certificate::Show { serial, pem } => {
            let certificate = api.get(&format!("/certificates/{}", segment(serial)))?;
            match certificate
                .get("pem")
                .and_then(Value::as_str)
                .filter(|_| *pem && !api.output.json)
            {
                Some(text) => api.output.print(text.trim_end()),
                None => api.output.record(&certificate, shown::CERTIFICATE),
            }
            Ok(())
        }
        Certificate::Issue {
            user,
            out,
            key,
            csr,
            days,
        } => logon::issue(api, user, out, key.as_deref(), csr.as_deref(), *days),
        Certificate::Revoke {
            serial,
            reason,
            yes,
        } => {
            let certificate = format!("/certificates/{}", segment(serial));
            let question = format!("Revoke the certificate {serial} for good?");
            api.sure(*yes, &certificate, &question)?;
            let body = json!({ "reason": reason.word() });
            let answer = api.post(&format!("{certificate}/revoke"), Some(&body))?;
            api.output.done(
                "The certificate is revoked, at once here; the list follows within minutes.",
                &answer,
            );
            Ok(())
        }
    }
}

pub(super) fn audit(api: &Api, limit: u32) -> Result<(), Failure> {
    let lines = api.items("/audit", &[], Some(limit))?;
    api.output
        .list(&lines, shown::AUDIT, "Nothing has happened.");
    Ok(())
}

fn list(
    api: &Api,
    path: &str,
    narrow: &Narrow,
    columns: &[Column],
    none: &str,
) -> Result<(), Failure> {
    let narrowed: Vec<(&str, &str)> = narrow
        .search
        .iter()
        .map(|text| ("search", text.as_str()))
        .collect();
    let items = api.items(path, &narrowed, narrow.limit)?;
    api.output.list(&items, columns, none);
    Ok(())
}

pub(super) fn act(
    api: &Api,
    nouns: &str,
    name: &str,
    action: &str,
    done: &str,
) -> Result<(), Failure> {
    let answer = api.post(&format!("/{nouns}/{}/{action}", segment(name)), None)?;
    api.output.done(&format!("{name} {done}."), &answer);
    Ok(())
}

pub(super) fn delete(
    api: &Api,
    nouns: &str,
    name: &str,
    yes: bool,
    what: &str,
) -> Result<(), Failure> {
    let path = format!("/{nouns}/{}", segment(name));
    api.sure(yes, &path, &format!("Delete {name}, {what}?"))?;
    let answer = api.ask(Method::DELETE, &path, &[], None)?;
    api.output.done(&format!("{name} is deleted."), &answer);
    Ok(())
}

/// Changes who may act for people to whom, one after another, and shows what holds then.
fn delegate(api: &Api, nouns: &str, wanted: &Delegate) -> Result<(), Failure> {
    let account = format!("/{nouns}/{}", segment(&wanted.name));
    let nothing = wanted.to.is_empty() && wanted.from.is_empty();
    if nothing && wanted.trusted_to_authenticate.is_none() {
        return Err(Failure::refused(
            "it does not say what to change",
            "Give --to, --from or --trusted-to-authenticate.",
        ));
    }
    let method = match wanted.remove {
        true => Method::DELETE,
        false => Method::PUT,
    };
    let to = wanted.to.iter().map(|name| ("delegates-to", name));
    let from = wanted.from.iter().map(|name| ("delegated-from", name));
    for (list, name) in to.chain(from) {
        let path = format!("{account}/{list}/{}", segment(name));
        api.ask(method.clone(), &path, &[], None)?;
    }
    if let Some(trusted) = wanted.trusted_to_authenticate {
        let body = json!({ "trusted_to_authenticate": trusted });
        api.ask(Method::PATCH, &account, &[], Some(&body))?;
    }
    let shown = api.get(&account)?;
    api.output.record(&shown, shown::DELEGATION);
    Ok(())
}

/// A table of a member's items, below a record.
fn below(api: &Api, item: &Value, member: &str, columns: &[Column]) {
    let items = members(item, member);
    if !items.is_empty() {
        api.output.print("");
        api.output.list(&items, columns, "");
    }
}

pub(super) fn members(item: &Value, member: &str) -> Vec<Value> {
    item.get(member)
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default()
}

/// A key as a table shows it: its age in words, and as much of its fingerprint as names it.
/// Makes new keys for `name` of `of`, and says when the next ones may be made.
/// The query of who insists.
pub(super) const fn insisting(force: bool) -> &'static [(&'static str, &'static str)] {
    match force {
        true => &[("force", "true")],
        false => &[],
    }
}

fn rotate(api: &Api, of: &str, name: &str, force: bool) -> Result<(), Failure> {
    let path = format!("/{of}/{}/rotate", segment(name));
    let answer = api.ask(Method::POST, &path, insisting(force), None)?;
    let member = |name: &str| answer.get(name).map(output::text).unwrap_or_default();
    api.output.done(
        &format!(
            "{name} has keys of version {}. Those before open tickets until {}; only then rotate again.",
            member("kvno"),
            member("next"),
        ),
        &answer,
    );
    Ok(())
}

/// A version of a key with what it is used for, in words.
fn with_use(version: &Value) -> Value {
    let mut version = version.clone();
    if let Some(members) = version.as_object_mut() {
        let until = members.get("opens_until").filter(|until| until.is_string());
        let used = match until.map(output::text) {
            Some(until) => format!("opens tickets until {until}"),
            None => "seals tickets".to_owned(),
        };
        members.insert("use".to_owned(), used.into());
        let age = members.get("age_days").and_then(Value::as_i64).map(age);
        members.insert("age".to_owned(), age.into());
    }
    version
}

fn with_age(key: &Value) -> Value {
    let mut key = key.clone();
    if let Some(members) = key.as_object_mut() {
        let age = members.get("age_days").and_then(Value::as_i64).map(age);
        members.insert("age".to_owned(), age.into());
        let short = members
            .get("fingerprint")
            .and_then(Value::as_str)
            .and_then(|text| text.get(..SHORT))
            .map(str::to_owned);
        if let Some(short) = short {
            members.insert("fingerprint".to_owned(), short.into());
        }
    }
    key
}

fn age(days: i64) -> String {
    match days {
        i64::MIN..=0 => "today".to_owned(),
        1 => "1 day".to_owned(),
        2..=60 => format!("{days} days"),
        61..=730 => format!("{} months", days / 30),
        _ => format!("{} years", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_by_its_age_and_enough_of_its_fingerprint() {
        let key = with_age(&json!({ "fingerprint": "3f9a".repeat(16), "age_days": 3 }));
        assert_eq!(key["age"], "3 days");
        assert_eq!(key["fingerprint"], "3f9a3f9a3f9a3f9a");
        assert_eq!(
            with_age(&json!({ "fingerprint": null }))["fingerprint"],
            Value::Null
        );
        assert_eq!(
            (age(0), age(1), age(400), age(900)),
            (
                "today".into(),
                "1 day".into(),
                "13 months".into(),
                "2 years".into()
            )
        );
    }

    #[test]
    fn who_gives_a_sign_in_name_for_an_account_name_is_told_how_to_write_both() {
        let told = format!("{:?}", not_an_account_name("eve@other.example"));
        assert!(
            told.contains("Write eve, and --upn eve@other.example"),
            "{told}"
        );
        assert!(not_an_account_name("eve").is_none());
    }

    #[test]
    fn a_private_key_is_never_sent() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        std::fs::write(
            &file,
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        )
        .unwrap();
        assert!(read_key(&file).is_err());
        std::fs::write(
            &file,
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        )
        .unwrap();
        assert!(read_key(&file).unwrap().starts_with("-----BEGIN PUBLIC"));
        std::fs::write(&file, [0x30, 0x82]).unwrap();
        assert_eq!(read_key(&file).unwrap(), "MII=");
    }
}
