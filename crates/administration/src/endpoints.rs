//! The endpoints, one row each. `docs/administration-api.md` says them in words; a test compares the two.

use directory::StoreKind;
use trust::Rng;
use wire::http::{Method, Request};

use crate::asked::Asked;
use crate::caller::Needs;
use crate::done::Done;
use crate::names::Kind;
use crate::refused::{Refused, Trouble};
use crate::{
    applications, audit_log, certificates, computers, delegation, devices, domain, domains, export,
    factors, groups, import, issuers, keys, keytab, logon, mappings, own, policies, principals,
    rights, rotation, services, status, tenant, users,
};
use Needs::{Administrator, Delegate, Device, Keys, Person};

/// What every path begins with.
pub const PREFIX: &str = "/administration/v1";

/// Answers a request that was routed and permitted.
pub(crate) type Handler = fn(&Asked<'_, '_>, &mut dyn Rng) -> Result<Done, Trouble>;

/// One endpoint.
pub(crate) struct Endpoint {
    method: Method,
    /// Below [`PREFIX`]; `{…}` stands for one segment.
    path: &'static str,
    pub(crate) needs: Needs,
    /// What the audit log calls it.
    pub(crate) action: &'static str,
    /// Whose it is.
    pub(crate) of: Of,
    /// The parameters that its query may have.
    pub(crate) parameters: &'static [&'static str],
    /// The members that its body may have.
    pub(crate) members: &'static [&'static str],
    pub(crate) handler: Handler,
}

/// Whether domains and tenants have an endpoint, or one of them alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Of {
    Both,
    /// Domains, and what it is that tenants have not.
    Domain(&'static str),
    /// Tenants, and what it is that domains have not.
    Tenant(&'static str),
}

impl Of {
    /// Lets pass what a directory of this kind has.
    pub(crate) const fn check(self, kind: StoreKind) -> Result<(), Refused> {
        match (self, kind) {
            (Self::Domain(what), StoreKind::Tenant) => Err(Refused::NotInATenant(what)),
            (Self::Tenant(what), StoreKind::Domain) => Err(Refused::OnlyInATenant(what)),
            _ => Ok(()),
        }
    }
}

const COMPUTERS: &str = "computers";
const SERVICES: &str = "services";
const KDC: &str = "ticket-granting service";
const TENANT: &str = "settings of a tenant";
const DOMAINS: &str = "domains of people";
const APPLICATIONS: &str = "applications";
const PASSES: &str = "Temporary Access Passes";

const READ: &str = "administration.read";
const PAGED: &[&str] = &["limit", "after"];
const SEARCHED: &[&str] = &["limit", "after", "search"];
const FORCE: &[&str] = &["force"];
const BELOW: &[&str] = &["below"];
const NONE: &[&str] = &[];

const fn get(
    path: &'static str,
    needs: Needs,
    parameters: &'static [&'static str],
    handler: Handler,
) -> Endpoint {
    Endpoint {
        method: Method::Get,
        path,
        needs,
        action: READ,
        of: Of::Both,
        parameters,
        members: NONE,
        handler,
    }
}

const fn act(
    method: Method,
    path: &'static str,
    needs: Needs,
    action: &'static str,
    members: &'static [&'static str],
    handler: Handler,
) -> Endpoint {
    Endpoint {
        method,
        path,
        needs,
        action,
        of: Of::Both,
        parameters: NONE,
        members,
        handler,
    }
}

const fn post(
    path: &'static str,
    action: &'static str,
    members: &'static [&'static str],
    handler: Handler,
) -> Endpoint {
    act(Method::Post, path, Administrator, action, members, handler)
}

const fn patch(
    path: &'static str,
    action: &'static str,
    members: &'static [&'static str],
    handler: Handler,
) -> Endpoint {
    act(Method::Patch, path, Administrator, action, members, handler)
}

const fn put(
    path: &'static str,
    action: &'static str,
    members: &'static [&'static str],
    handler: Handler,
) -> Endpoint {
    act(Method::Put, path, Administrator, action, members, handler)
}

const fn delete(path: &'static str, action: &'static str, handler: Handler) -> Endpoint {
    act(Method::Delete, path, Administrator, action, NONE, handler)
}

impl Endpoint {
    const fn by(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    /// What domains alone have.
    const fn domain(mut self, what: &'static str) -> Self {
        self.of = Of::Domain(what);
        self
    }

    /// What tenants alone have.
    const fn tenant(mut self, what: &'static str) -> Self {
        self.of = Of::Tenant(what);
        self
    }

    const fn with(mut self, parameters: &'static [&'static str]) -> Self {
        self.parameters = parameters;
        self
    }
}

const NEW_USER: &[&str] = &[
    "name",
    "unit",
    "upn",
    "display_name",
    "given_name",
    "surname",
    "mail",
    "telephone",
    "description",
    "expires",
    "enabled",
    "groups",
    "password",
    "must_change",
];
const USER: &[&str] = &[
    "upn",
    "display_name",
    "given_name",
    "surname",
    "mail",
    "telephone",
    "description",
    "expires",
    "not_delegated",
    "encryption_types",
];
const DOMAIN: &[&str] = &[
    "minimum_password_length",
    "password_history",
    "minimum_password_age_seconds",
    "maximum_password_age_seconds",
    "lockout_threshold",
    "lockout_window_seconds",
    "lockout_duration_seconds",
    "machine_account_quota",
];
const NEW_COMPUTER: &[&str] = &[
    "name",
    "public_key",
    "password",
    "os_type",
    "os_version",
    "dns_host_name",
    "description",
    "enabled",
    "replace",
];
const COMPUTER: &[&str] = &[
    "description",
    "dns_host_name",
    "trusted_for_delegation",
    "trusted_to_authenticate",
    "encryption_types",
];
const NEW_SERVICE: &[&str] = &[
    "service_principals",
    "name",
    "description",
    "trusted_for_delegation",
];
const SERVICE: &[&str] = &[
    "description",
    "trusted_for_delegation",
    "trusted_to_authenticate",
    "encryption_types",
];
const KEY: &[&str] = &["key", "blob", "device"];
const ISSUER: &[&str] = &[
    "certificate",
    "mapping",
    "revocation",
    "lists",
    "responders",
    "list",
];
const OBJECT: &[&str] = &["name", "enabled", "order", "container", "groups"];
const SETTING: &[&str] = &["value", "order", "container", "groups"];
const IMPORT: &[&str] = &["update", "go_on", "skip_unknown", "dry_run", "from_base"];
const EXPORT: &[&str] = &["part", "base", "filter", "attributes", "after"];
const WHICH: &[&str] = &["authority"];

/// All of them.
#[rustfmt::skip] // One row, one line.
const ENDPOINTS: &[Endpoint] = &[
    get("/status", Person, NONE, status::show),
    patch("/domain", "domain.change", DOMAIN, domain::change_rules),
    get("/domain/keys", Administrator, NONE, rotation::versions).domain(KDC),
    post("/domain/keys/{name}/rotate", "keys.rotate", NONE, rotation::rotate).with(FORCE).domain(KDC),
    get("/tenant", Administrator, NONE, tenant::show).tenant(TENANT),
    patch("/tenant", "tenant.change", tenant::MEMBERS, tenant::change_settings).tenant(TENANT),
    get("/domains", Administrator, NONE, domains::list).tenant(DOMAINS),
    post("/domains", "domain.add", &["name"], domains::add).tenant(DOMAINS),
    get("/domains/{name}", Administrator, NONE, domains::show).tenant(DOMAINS),
    delete("/domains/{name}", "domain.delete", domains::delete).tenant(DOMAINS),
    post("/domains/{name}/verify", "domain.verify", &["by"], domains::verify).tenant(DOMAINS),
    post("/domains/{name}/primary", "domain.primary", NONE, domains::make_primary).tenant(DOMAINS),
    put("/domains/{name}/federation", "domain.federate", domains::FEDERATION, domains::federate).tenant(DOMAINS),
    delete("/domains/{name}/federation", "domain.manage", domains::manage).tenant(DOMAINS),
    get("/applications", Administrator, PAGED, applications::list).tenant(APPLICATIONS),
    post("/applications", "application.add", applications::NEW, applications::add).with(&["force"]).tenant(APPLICATIONS),
    get("/applications/{application}", Administrator, NONE, applications::show).tenant(APPLICATIONS),
    patch("/applications/{application}", "application.change", applications::MEMBERS, applications::change_one).with(&["force"]).tenant(APPLICATIONS),
    delete("/applications/{application}", "application.delete", applications::delete).tenant(APPLICATIONS),
    post("/applications/{application}/enable", "application.enable", NONE, applications::enable).tenant(APPLICATIONS),
    post("/applications/{application}/disable", "application.disable", NONE, applications::disable).tenant(APPLICATIONS),
    post("/applications/{application}/secrets", "application.secret.add", &["name", "days"], applications::add_secret).tenant(APPLICATIONS),
    delete("/applications/{application}/secrets/{secret}", "application.secret.remove", applications::remove_secret).tenant(APPLICATIONS),
    post("/applications/{application}/keys", "application.key.add", &["jwk", "certificate", "name", "days"], applications::add_key).tenant(APPLICATIONS),
    delete("/applications/{application}/keys/{key}", "application.key.remove", applications::remove_key).tenant(APPLICATIONS),
    put("/applications/{application}/consent", "application.consent", &["resource", "scopes"], applications::consent).tenant(APPLICATIONS),
    delete("/applications/{application}/consent", "application.consent.remove", applications::take_back_consent).with(&["resource"]).tenant(APPLICATIONS),
    get("/own", Person, NONE, own::show),
    get("/own/keys", Person, NONE, own::keys),
    delete("/own/keys/{fingerprint}", "key.revoke", own::revoke).by(Person),
    get("/users", Delegate, SEARCHED, users::list),
    post("/users", "user.add", NEW_USER, users::add).by(Delegate),
    get("/users/{name}", Delegate, NONE, users::show),
    patch("/users/{name}", "user.change", USER, users::change_user).by(Delegate),
    delete("/users/{name}", "user.delete", users::delete).with(FORCE).by(Delegate),
    post("/users/{name}/enable", "account.enable", NONE, users::enable).by(Delegate),
    post("/users/{name}/disable", "account.disable", NONE, users::disable).with(FORCE).by(Delegate),
    post("/users/{name}/unlock", "account.unlock", NONE, users::unlock).by(Delegate),
    post("/users/{name}/password", "password.set", &["password", "must_change"], users::set_password).by(Delegate),
    post("/users/{name}/expire-password", "password.expire", NONE, users::expire_password).by(Delegate),
    delete("/users/{name}/second-factor", "second-factor.reset", users::reset_second_factor),
    get("/users/{name}/factors", Administrator, NONE, factors::list),
    post("/users/{name}/recovery-codes", "second-factor.recovery-codes", NONE, factors::recovery_codes),
    post("/users/{name}/access-pass", "second-factor.access-pass", &["minutes", "once", "begins"], factors::give_pass).tenant(PASSES),
    delete("/users/{name}/access-pass", "second-factor.access-pass.remove", factors::take_pass).tenant(PASSES),
    post("/users/{name}/revoke-sign-ins", "sign-in.revoke", NONE, factors::revoke_sign_ins).tenant(TENANT),
    post("/users/{name}/mappings", "user.map", &["mapping", "certificate"], mappings::add).domain(KDC),
    delete("/users/{name}/mappings/{mapping}", "user.unmap", mappings::remove).domain(KDC),
    get("/users/{name}/keys", Delegate, NONE, keys::of_user),
    post("/users/{name}/keys", "key.add", KEY, keys::add_to_user).by(Delegate),
    delete("/users/{name}/keys/{fingerprint}", "key.revoke", keys::revoke_of_user).by(Delegate),
    get("/groups", Delegate, SEARCHED, groups::list),
    post("/groups", "group.add", &["name", "unit", "description", "scope", "security"], groups::add).by(Delegate),
    get("/groups/{name}", Delegate, NONE, groups::show),
    patch("/groups/{name}", "group.change", &["description"], groups::change_group).by(Delegate),
    delete("/groups/{name}", "group.delete", groups::delete).by(Delegate),
    get("/groups/{name}/members", Delegate, PAGED, groups::members),
    put("/groups/{name}/members/{member}", "group.member.add", NONE, groups::add_member).by(Delegate),
    delete("/groups/{name}/members/{member}", "group.member.remove", groups::remove_member).with(FORCE).by(Delegate),
    get("/rights", Delegate, NONE, rights::list),
    put("/rights/{right}/{group}", "right.grant", NONE, rights::grant).with(BELOW),
    delete("/rights/{right}/{group}", "right.revoke", rights::revoke).with(BELOW),
    get("/devices", Delegate, SEARCHED, devices::list),
    get("/devices/{device}", Delegate, NONE, devices::show),
    post("/devices/{device}/enable", "device.enable", NONE, devices::enable),
    post("/devices/{device}/disable", "device.disable", NONE, devices::disable),
    delete("/devices/{device}", "device.delete", devices::delete),
    get("/computers", Delegate, SEARCHED, computers::list).domain(COMPUTERS),
    post("/computers", "computer.add", NEW_COMPUTER, computers::join).by(Person).domain(COMPUTERS),
    get("/computers/{name}", Delegate, NONE, computers::show).domain(COMPUTERS),
    patch("/computers/{name}", "computer.change", COMPUTER, computers::change_computer).domain(COMPUTERS),
    delete("/computers/{name}", "computer.delete", computers::delete).by(Delegate).domain(COMPUTERS),
    post("/computers/{name}/enable", "account.enable", NONE, computers::enable).by(Delegate).domain(COMPUTERS),
    post("/computers/{name}/disable", "account.disable", NONE, computers::disable).by(Delegate).domain(COMPUTERS),
    post("/computers/{name}/password", "password.set", &["password"], computers::set_password).domain(COMPUTERS),
    get("/computers/{name}/keys", Delegate, NONE, keys::of_computer).domain(COMPUTERS),
    post("/computers/{name}/keys", "key.add", KEY, keys::add_to_computer).by(Delegate).domain(COMPUTERS),
    delete("/computers/{name}/keys/{fingerprint}", "key.revoke", keys::revoke_of_computer).by(Delegate).domain(COMPUTERS),
    post("/computers/{name}/keytab", "keytab.export", &["rotate"], keytab::of_computer).with(FORCE).domain(COMPUTERS),
    put("/computers/{name}/principals/{principal}", "principal.add", NONE, principals::add_to_computer).domain(COMPUTERS),
    delete("/computers/{name}/principals/{principal}", "principal.remove", principals::remove_from_computer).domain(COMPUTERS),
    put("/computers/{name}/delegates-to/{principal}", "delegation.add", NONE, |asked, _| delegation::add_to(asked, Kind::Computer)).domain(COMPUTERS),
    delete("/computers/{name}/delegates-to/{principal}", "delegation.remove", |asked, _| delegation::remove_to(asked, Kind::Computer)).domain(COMPUTERS),
    put("/computers/{name}/delegated-from/{account}", "delegation.add", NONE, |asked, _| delegation::add_from(asked, Kind::Computer)).domain(COMPUTERS),
    delete("/computers/{name}/delegated-from/{account}", "delegation.remove", |asked, _| delegation::remove_from(asked, Kind::Computer)).domain(COMPUTERS),
    get("/keys", Delegate, &["limit", "after", "user", "computer", "device", "origin"], keys::list),
    get("/services", Keys, SEARCHED, services::list).domain(SERVICES),
    post("/services", "service.add", NEW_SERVICE, services::add).domain(SERVICES),
    get("/services/{name}", Keys, NONE, services::show).domain(SERVICES),
    patch("/services/{name}", "service.change", SERVICE, services::change_service).domain(SERVICES),
    delete("/services/{name}", "service.delete", services::delete).domain(SERVICES),
    post("/services/{name}/enable", "account.enable", NONE, services::enable).domain(SERVICES),
    post("/services/{name}/disable", "account.disable", NONE, services::disable).domain(SERVICES),
    post("/services/{name}/rotate", "keys.rotate", NONE, services::rotate).with(FORCE).domain(SERVICES),
    post("/services/{name}/keytab", "keytab.export", &["rotate"], keytab::of_service).with(FORCE).domain(SERVICES),
    put("/services/{name}/principals/{principal}", "principal.add", NONE, principals::add_to_service).domain(SERVICES),
    delete("/services/{name}/principals/{principal}", "principal.remove", principals::remove_from_service).domain(SERVICES),
    put("/services/{name}/delegates-to/{principal}", "delegation.add", NONE, |asked, _| delegation::add_to(asked, Kind::Service)).domain(SERVICES),
    delete("/services/{name}/delegates-to/{principal}", "delegation.remove", |asked, _| delegation::remove_to(asked, Kind::Service)).domain(SERVICES),
    put("/services/{name}/delegated-from/{account}", "delegation.add", NONE, |asked, _| delegation::add_from(asked, Kind::Service)).domain(SERVICES),
    delete("/services/{name}/delegated-from/{account}", "delegation.remove", |asked, _| delegation::remove_from(asked, Kind::Service)).domain(SERVICES),
    get("/certificates", Administrator, &["limit", "after", "search", "authority"], certificates::list),
    post("/certificates", "certificate.request", &["user", "csr", "days"], logon::request).domain(KDC),
    get("/certificates/requests/{request}", Administrator, NONE, logon::outcome).domain(KDC),
    get("/certificates/{serial}", Administrator, WHICH, certificates::show),
    post("/certificates/{serial}/revoke", "certificate.revoke", &["reason"], certificates::revoke).with(WHICH),
    post("/certificates/{serial}/release", "certificate.release", NONE, certificates::release).with(WHICH),
    get("/issuers", Administrator, NONE, issuers::list).domain(KDC),
    post("/issuers", "issuer.add", ISSUER, issuers::add).domain(KDC),
    get("/issuers/{issuer}", Administrator, NONE, issuers::show).domain(KDC),
    delete("/issuers/{issuer}", "issuer.remove", issuers::remove).domain(KDC),
    get("/policies", Administrator, PAGED, policies::list),
    post("/policies", "policy.add", OBJECT, policies::add),
    get("/policies/{name}", Administrator, NONE, policies::show),
    patch("/policies/{name}", "policy.change", OBJECT, policies::change_object),
    delete("/policies/{name}", "policy.delete", policies::delete),
    put("/policies/{name}/settings/{half}/{setting}", "policy.set", SETTING, policies::set),
    delete("/policies/{name}/settings/{half}/{setting}", "policy.unset", policies::unset),
    get("/policy/settings", Administrator, NONE, policies::settings),
    get("/policy/device", Device, &["user"], policies::of_device),
    get("/policy/effective", Administrator, &["user", "computer"], policies::effective),
    post("/import", "directory.import", NONE, import::import).with(IMPORT),
    get("/export", Administrator, EXPORT, export::export),
    get("/audit", Administrator, &["limit", "after", "from", "until", "action", "target"], audit_log::list),
];

/// Every endpoint's method and path, and the letter of the rights that it needs, as the document has them.
pub fn endpoints() -> impl Iterator<Item = (Method, &'static str, char)> {
    ENDPOINTS.iter().map(|endpoint| {
        let letter = match endpoint.needs {
            Device => 'D',
            Person => 'P',
            Keys => 'K',
            Delegate => 'G',
            Administrator => 'A',
        };
        (endpoint.method, endpoint.path, letter)
    })
}

/// The rows whose path a request has, and what stands in the places of their patterns.
fn matching(request: &Request) -> impl Iterator<Item = (&'static Endpoint, Vec<String>)> {
    let begins = request
        .path
        .get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX));
    let rest = request.path.get(PREFIX.len()..).filter(|_| begins);
    let below = rest.map(|rest| Request::new(request.method, rest));
    ENDPOINTS.iter().filter_map(move |endpoint| {
        let parts = below.as_ref()?.path_matches(endpoint.path)?;
        Some((endpoint, parts))
    })
}

/// The endpoint that a request is for.
pub(crate) fn find(request: &Request) -> Result<(&'static Endpoint, Vec<String>), Refused> {
    let mut there = false;
    for (endpoint, parts) in matching(request) {
        if endpoint.method == request.method {
            return check(parts).map(|parts| (endpoint, parts));
        }
        there = true;
    }
    Err(if there {
        Refused::Method
    } else {
        Refused::NoSuchEndpoint
    })
}

/// No name has these, and no log shall have them.
fn check(parts: Vec<String>) -> Result<Vec<String>, Refused> {
    let strange = |part: &String| part.len() > 1_024 || part.chars().any(char::is_control);
    match parts.iter().any(strange) {
        false => Ok(parts),
        true => Err(Refused::parameter(
            "path",
            "a name is too long or holds control characters",
        )),
    }
}

/// The methods that a request's path takes.
pub(crate) fn methods(request: &Request) -> Vec<Method> {
    matching(request)
        .map(|(endpoint, _)| endpoint.method)
        .collect()
}
