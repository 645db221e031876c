//! A tenant: what it is, and its settings.

use directory::tenant::{self, AssertionNonce, Settings, Signs, Who};
use directory::{StoreKind, change};
use serde_json::{Map, Value, json};
use trust::Rng;
use wire::Guid;

use crate::asked::Asked;
use crate::body::{Members, Patch};
use crate::done::Done;
use crate::names;
use crate::refused::{Refused, Trouble};

/// One setting: its member, and how it is shown and read.
struct Setting {
    name: &'static str,
    form: Form,
}

/// A place of the settings.
type Place<T> = fn(&mut Settings) -> &mut T;

/// How a setting stands in JSON.
enum Form {
    Flag(Place<bool>),
    /// A number, with the least and the greatest.
    Number(Place<u32>, u32, u32),
    /// `everybody`, `nobody`, or a group.
    Who(Place<Who>),
    /// A group, or null.
    Group(Place<Option<directory::EntryId>>),
    /// Client identifiers.
    Clients(Place<Vec<Guid>>),
    /// `RS256` or `ES256`.
    Signs(Place<Signs>),
    /// `both_valid` or `equal`.
    Nonce(Place<AssertionNonce>),
    /// A text of at most so many characters, and what else it must be.
    Text(Place<String>, fn(&str) -> Result<(), &'static str>),
}

/// Makes a row for a member of [`Settings`].
macro_rules! row {
    ($form:ident $name:ident $(, $further:expr)*) => {
        Setting {
            name: stringify!($name),
            form: Form::$form(|settings| &mut settings.$name $(, $further)*),
        }
    };
}

fn is_name(text: &str) -> Result<(), &'static str> {
    match (1..=200).contains(&text.trim().chars().count()) {
        true => Ok(()),
        false => Err("it must have 1 to 200 characters"),
    }
}

fn is_region(text: &str) -> Result<(), &'static str> {
    match text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        true => Ok(()),
        false => Err("it must be two capital letters"),
    }
}

const SETTINGS: &[Setting] = &[
    row!(Text display_name, is_name),
    row!(Text region, is_region),
    row!(Who may_join),
    row!(Flag join_needs_second_factor),
    row!(Number registration_quota, 0, 10_000),
    row!(Number keys_per_person, 1, 1_000),
    row!(Number keys_per_person_and_device, 1, 100),
    row!(Flag roaming_keys),
    row!(Who hello_enabled),
    row!(Flag hello_is_fresh_mfa),
    row!(Flag enrol_at_sign_in),
    row!(Flag hide_access_pass),
    Setting {
        name: "access_pass_least_minutes",
        form: Form::Number(
            |settings| &mut settings.access_pass.least_minutes,
            1,
            43_200,
        ),
    },
    Setting {
        name: "access_pass_most_minutes",
        form: Form::Number(|settings| &mut settings.access_pass.most_minutes, 1, 43_200),
    },
    Setting {
        name: "access_pass_minutes",
        form: Form::Number(|settings| &mut settings.access_pass.minutes, 1, 43_200),
    },
    Setting {
        name: "access_pass_once",
        form: Form::Flag(|settings| &mut settings.access_pass.once),
    },
    row!(Flag user_consent),
    row!(Clients ropc_clients),
    row!(Clients device_code_clients),
    row!(Flag kdf_v1),
    row!(Flag prt_cbc_jwe),
    row!(Nonce assertion_nonce),
    row!(Flag html_login_v1),
    row!(Flag legacy_iat_cookie),
    row!(Flag csr_nonce_required),
    row!(Number prt_days, 1, 90),
    row!(Number prt_absolute_days, 1, 365),
    row!(Number session_key_days, 1, 365),
    row!(Number refresh_days, 1, 365),
    row!(Number broker_reuse_minutes, 0, 1_440),
    row!(Number reuse_seconds, 0, 3_600),
    row!(Group phishing_resistant_only),
    row!(Signs id_token_alg),
    row!(Signs prt_id_token_alg),
];

/// The members that `PATCH /tenant` takes.
pub(crate) const MEMBERS: &[&str] = &[
    "display_name",
    "region",
    "may_join",
    "join_needs_second_factor",
    "registration_quota",
    "keys_per_person",
    "keys_per_person_and_device",
    "roaming_keys",
    "hello_enabled",
    "hello_is_fresh_mfa",
    "enrol_at_sign_in",
    "hide_access_pass",
    "access_pass_least_minutes",
    "access_pass_most_minutes",
    "access_pass_minutes",
    "access_pass_once",
    "user_consent",
    "ropc_clients",
    "device_code_clients",
    "kdf_v1",
    "prt_cbc_jwe",
    "assertion_nonce",
    "html_login_v1",
    "legacy_iat_cookie",
    "csr_nonce_required",
    "prt_days",
    "prt_absolute_days",
    "session_key_days",
    "refresh_days",
    "broker_reuse_minutes",
    "reuse_seconds",
    "phishing_resistant_only",
    "id_token_alg",
    "prt_id_token_alg",
];

/// Whether the directory is a tenant's.
pub(crate) fn is_one(asked: &Asked<'_, '_>) -> bool {
    asked.snapshot().domain().kind == StoreKind::Tenant
}

pub(crate) fn show(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let snapshot = asked.snapshot();
    let settings = tenant::settings(snapshot, asked.now)?;
    let domains = tenant::domains(snapshot, asked.now)?;
    let primary = domains.iter().find(|domain| domain.primary);
    let verified = domains.iter().filter(|domain| domain.is_verified());
    let domain = snapshot.domain();
    Ok(Done::now(json!({
        "id": domain.head.0.to_string(),
        "initial_domain": domain.dns_name,
        "primary_domain": primary.map(|domain| &domain.name),
        "verified_domains": verified.map(|domain| domain.name.as_str()).collect::<Vec<_>>(),
        "settings": shown(asked, settings)?,
    })))
}

pub(crate) fn change_settings(asked: &Asked<'_, '_>, rng: &mut dyn Rng) -> Result<Done, Trouble> {
    let mut members = asked.members()?;
    let snapshot = asked.snapshot();
    let before = tenant::settings(snapshot, asked.now)?;
    let mut after = before.clone();
    let domain = snapshot.domain();
    let mut record = asked.record().on(domain.head, &domain.dns_name);
    for setting in SETTINGS {
        if members.has(setting.name) {
            read(asked, setting, &mut members, &mut after)?;
        }
    }
    agree(&after)?;
    if after == before {
        return Ok(Done::changed(Vec::new()).with("settings", shown(asked, after)?));
    }
    let (was, is) = (shown(asked, before)?, shown(asked, after.clone())?);
    for (name, value) in &is {
        if was.get(name) != Some(value) {
            let text: String = value.to_string().chars().take(200).collect();
            record = record.with(name, text);
        }
    }
    let mut changes: Vec<_> = tenant::put_settings(&after, rng).into_iter().collect();
    changes.push(change::audit(record));
    Ok(Done::changed(changes).with("settings", is))
}

/// What no setting says by itself.
fn agree(settings: &Settings) -> Result<(), Refused> {
    let pass = settings.access_pass;
    if pass.least_minutes > pass.most_minutes {
        let why = "it must not be less than access_pass_least_minutes";
        return Err(Refused::member("access_pass_most_minutes", why));
    }
    if !(pass.least_minutes..=pass.most_minutes).contains(&pass.minutes) {
        let why = "it must be from access_pass_least_minutes to access_pass_most_minutes";
        return Err(Refused::member("access_pass_minutes", why));
    }
    if settings.prt_days > settings.prt_absolute_days {
        let why = "it must not be less than prt_days";
        return Err(Refused::member("prt_absolute_days", why));
    }
    Ok(())
}

/// All settings as they stand in answers.
fn shown(asked: &Asked<'_, '_>, mut settings: Settings) -> Result<Map<String, Value>, Trouble> {
    let settings = &mut settings;
    let mut map = Map::new();
    for setting in SETTINGS {
        let value = match setting.form {
            Form::Flag(place) => json!(place(settings)),
            Form::Number(place, ..) => json!(place(settings)),
            Form::Text(place, _) => json!(place(settings)),
            Form::Who(place) => match *place(settings) {
                Who::Everybody => json!("everybody"),
                Who::Nobody => json!("nobody"),
                Who::Group(id) => group_name(asked, id)?,
            },
            Form::Group(place) => match *place(settings) {
                None => Value::Null,
                Some(id) => group_name(asked, id)?,
            },
            Form::Clients(place) => {
                let ids = place(settings).iter();
                ids.map(|id| Value::from(id.to_string())).collect()
            }
            Form::Signs(place) => json!(place(settings)),
            Form::Nonce(place) => json!(place(settings)),
        };
        map.insert(setting.name.to_owned(), value);
    }
    Ok(map)
}

/// What a group is called, or its identifier where it is gone.
fn group_name(asked: &Asked<'_, '_>, id: directory::EntryId) -> Result<Value, Trouble> {
    let group = asked.snapshot().group(id)?;
    Ok(group
        .map_or_else(|| id.0.to_string(), |group| group.sam)
        .into())
}

fn read(
    asked: &Asked<'_, '_>,
    setting: &Setting,
    members: &mut Members,
    settings: &mut Settings,
) -> Result<(), Trouble> {
    let name = setting.name;
    let must_be = |why: &str| Refused::member(name, why);
    match setting.form {
        Form::Flag(place) => {
            let flag = members.flag(name)?;
            *place(settings) = flag.ok_or_else(|| must_be("it must be true or false"))?;
        }
        Form::Number(place, least, most) => {
            let number = members.number(name, least.into(), most.into())?;
            let number = number.and_then(|number| u32::try_from(number).ok());
            *place(settings) = number.ok_or_else(|| must_be("it must be a number"))?;
        }
        Form::Text(place, good) => {
            let text = members.text(name)?;
            let text = text.ok_or_else(|| must_be("it must be a text"))?;
            good(&text).map_err(must_be)?;
            *place(settings) = text.trim().to_owned();
        }
        Form::Who(place) => {
            let text = members.text(name)?;
            let text = text.ok_or_else(|| must_be("it must be everybody, nobody or a group"))?;
            *place(settings) = match text.as_str() {
                "everybody" => Who::Everybody,
                "nobody" => Who::Nobody,
                group => Who::Group(names::group(asked.snapshot(), group)?.id),
            };
        }
        Form::Group(place) => {
            *place(settings) = match members.patch(name)? {
                Patch::Keep => return Ok(()),
                Patch::Clear => None,
                Patch::Set(group) => Some(names::group(asked.snapshot(), &group)?.id),
            };
        }
        Form::Clients(place) => {
            let texts = members.texts(name)?.unwrap_or_default();
            let ids = texts.iter().map(|text| text.parse::<Guid>().ok());
            let ids: Option<Vec<Guid>> = ids.collect();
            *place(settings) =
                ids.ok_or_else(|| must_be("it must be a list of client identifiers"))?;
        }
        Form::Signs(place) => {
            *place(settings) = match members.text(name)?.as_deref() {
                Some("RS256") => Signs::Rs256,
                Some("ES256") => Signs::Es256,
                _ => return Err(must_be("it must be RS256 or ES256").into()),
            };
        }
        Form::Nonce(place) => {
            *place(settings) = match members.text(name)?.as_deref() {
                Some("both_valid") => AssertionNonce::BothValid,
                Some("equal") => AssertionNonce::Equal,
                _ => return Err(must_be("it must be both_valid or equal").into()),
            };
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_row_and_every_row_a_member() {
        let rows: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
        assert_eq!(rows, MEMBERS);
        let kept = serde_json::to_value(Settings::default()).unwrap();
        for name in kept.as_object().unwrap().keys() {
            let there = match name.as_str() {
                "access_pass" => MEMBERS.contains(&"access_pass_once"),
                name => MEMBERS.contains(&name),
            };
            assert!(there, "{name}");
        }
    }
}
