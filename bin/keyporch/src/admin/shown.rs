//! What of an answer is shown to a person, and under which words.

use crate::output::Column;

pub(super) const USERS: &[Column] = &[
    ("NAME", "name"),
    ("UPN", "upn"),
    ("DISPLAY NAME", "display_name"),
    ("ENABLED", "enabled"),
    ("LOCKED", "locked"),
    ("KEYS", "keys"),
];

pub(super) const USER: &[Column] = &[
    ("Name", "name"),
    ("UPN", "upn"),
    ("Display name", "display_name"),
    ("Mail", "mail"),
    ("SID", "sid"),
    ("Enabled", "enabled"),
    ("Locked since", "locked_since"),
    ("Expires", "expires"),
    ("Created", "created"),
    ("Password set", "password_set"),
    ("Must change it", "must_change_password"),
    ("Second factors", "second_factors"),
    ("Last sign-in", "last_sign_in"),
    ("Wrong passwords", "wrong_passwords"),
    ("Protected", "protected"),
    ("Never acted for", "not_delegated"),
    ("Certificates", "mappings"),
];

pub(super) const MEMBERSHIPS: &[Column] =
    &[("GROUP", "name"), ("SID", "sid"), ("DIRECT", "direct")];

pub(super) const GROUPS: &[Column] = &[
    ("NAME", "name"),
    ("DESCRIPTION", "description"),
    ("SID", "sid"),
];

pub(super) const GROUP: &[Column] = &[
    ("Name", "name"),
    ("Description", "description"),
    ("SID", "sid"),
    ("Scope", "scope"),
    ("Security", "security"),
];

pub(super) const MEMBERS: &[Column] = &[("MEMBER", "name"), ("KIND", "kind"), ("UPN", "upn")];

pub(super) const COMPUTERS: &[Column] = &[
    ("NAME", "name"),
    ("DNS NAME", "dns_host_name"),
    ("ENABLED", "enabled"),
    ("CREATED", "created"),
    ("KEYS", "keys"),
];

pub(super) const COMPUTER: &[Column] = &[
    ("Name", "name"),
    ("DNS name", "dns_host_name"),
    ("SID", "sid"),
    ("System", "os_type"),
    ("Version", "os_version"),
    ("Principals", "service_principals"),
    ("Enabled", "enabled"),
    ("Created", "created"),
    ("Last sign-in", "last_sign_in"),
];

pub(super) const DEVICES: &[Column] = &[
    ("NAME", "name"),
    ("DEVICE ID", "id"),
    ("SYSTEM", "os_type"),
    ("ENABLED", "enabled"),
    ("REGISTERED", "created"),
];

pub(super) const DEVICE: &[Column] = &[
    ("Name", "name"),
    ("Device ID", "id"),
    ("System", "os_type"),
    ("Version", "os_version"),
    ("Owner", "owner.name"),
    ("Enabled", "enabled"),
    ("Registered", "created"),
    ("Last sign-in", "last_sign_in"),
];

pub(super) const KEYS: &[Column] = &[
    ("FINGERPRINT", "fingerprint"),
    ("HOLDER", "holder.name"),
    ("DEVICE", "device.name"),
    ("ALGORITHM", "algorithm"),
    ("AGE", "age"),
    ("ORIGIN", "origin"),
    ("SIGNS IN", "signs_in"),
    ("REMARKS", "remarks"),
];

pub(super) const FACTORS: &[Column] = &[
    ("FACTOR", "name"),
    ("WORKS", "works"),
    ("LEFT", "left"),
    ("ONCE", "once"),
    ("BEGINS", "begins"),
    ("ENDS", "ends"),
];

pub(super) const TENANT: &[Column] = &[
    ("Tenant", "id"),
    ("First domain", "initial_domain"),
    ("Primary domain", "primary_domain"),
    ("Verified domains", "verified_domains"),
];

pub(super) const SETTINGS_OF_A_TENANT: &[Column] = &[("SETTING", "name"), ("VALUE", "value")];

pub(super) const DOMAINS: &[Column] = &[
    ("DOMAIN", "name"),
    ("VERIFIED", "verified"),
    ("PRIMARY", "primary"),
    ("FEDERATED WITH", "federation.issuer"),
];

pub(super) const DOMAIN: &[Column] = &[
    ("Domain", "name"),
    ("Verified", "verified"),
    ("Verified at", "verified_at"),
    ("Verified by", "verified_by"),
    ("TXT record", "txt"),
    ("Looked up at", "lookup.at"),
    ("Found then", "lookup.found"),
    ("Primary", "primary"),
    ("Federated with", "federation.issuer"),
    ("Sign-in there", "federation.passive_url"),
];

pub(super) const APPS: &[Column] = &[
    ("NAME", "name"),
    ("CLIENT ID", "id"),
    ("KIND", "kind"),
    ("ENABLED", "enabled"),
];

pub(super) const APP: &[Column] = &[
    ("Name", "name"),
    ("Client ID", "id"),
    ("Kind", "kind"),
    ("Enabled", "enabled"),
    ("Redirect URIs", "redirect_uris"),
    ("After signing out", "post_logout_redirect_uris"),
    ("Front channel", "frontchannel_logout_uri"),
    ("Identifier", "identifier_uri"),
    ("Second factor", "second_factor"),
    ("Refresh tokens", "refresh"),
    ("Device codes", "device_code"),
    ("Passwords", "password"),
    ("Signs", "signs"),
    ("For", "assigned_to"),
];

pub(super) const SECRETS: &[Column] = &[
    ("SECRET", "id"),
    ("BEGINS WITH", "begins_with"),
    ("FOR", "name"),
    ("UNTIL", "until"),
];

pub(super) const APP_KEYS: &[Column] = &[("KEY", "id"), ("FOR", "name"), ("UNTIL", "until")];

pub(super) const CONSENT: &[Column] =
    &[("RESOURCE", "resource"), ("SCOPES", "scopes"), ("BY", "by")];

pub(super) const RIGHTS: &[Column] = &[
    ("RIGHT", "right"),
    ("GROUP", "group.name"),
    ("SID", "group.sid"),
    ("BELOW", "below"),
];

/// Of `key report`.
pub(super) const SHADOW_KEYS: &[Column] = &[
    ("HOLDER", "holder.name"),
    ("KIND", "holder.kind"),
    ("FINGERPRINT", "fingerprint"),
    ("ORIGIN", "origin"),
    ("ADDED", "added"),
    ("SIGNS IN", "signs_in"),
    ("DEVICE", "device.name"),
    ("REMARKS", "remarks"),
];

/// Of `key versions`.
pub(super) const VERSIONS: &[Column] = &[
    ("NAME", "name"),
    ("KVNO", "kvno"),
    ("MADE", "made"),
    ("AGE", "age"),
    ("USE", "use"),
    ("ETYPES", "etypes"),
];

pub(super) const SERVICES: &[Column] = &[
    ("NAME", "name"),
    ("PRINCIPALS", "service_principals"),
    ("ENABLED", "enabled"),
    ("KVNO", "kvno"),
];

pub(super) const SERVICE: &[Column] = &[
    ("Name", "name"),
    ("Principals", "service_principals"),
    ("SID", "sid"),
    ("Description", "description"),
    ("Enabled", "enabled"),
    ("Key version", "kvno"),
    ("Acts for people to", "delegates_to"),
    ("Takes people from", "delegated_from"),
    ("By its own word", "trusted_to_authenticate"),
    ("Created", "created"),
];

pub(super) const DELEGATION: &[Column] = &[
    ("Name", "name"),
    ("Acts for people to", "delegates_to"),
    ("Takes people from", "delegated_from"),
    ("By its own word", "trusted_to_authenticate"),
];

pub(super) const CERTIFICATES: &[Column] = &[
    ("SERIAL", "serial"),
    ("SUBJECT", "subject"),
    ("AUTHORITY", "authority"),
    ("UNTIL", "not_after"),
    ("STATE", "state"),
];

pub(super) const CERTIFICATE: &[Column] = &[
    ("Serial", "serial"),
    ("Subject", "subject"),
    ("Issuer", "issuer"),
    ("Authority", "authority"),
    ("Lives with", "holder.name"),
    ("From", "not_before"),
    ("Until", "not_after"),
    ("Thumbprint", "thumbprint"),
    ("State", "state"),
    ("Revoked since", "revoked"),
    ("Reason", "reason"),
];

pub(super) const AUDIT: &[Column] = &[
    ("TIME", "time"),
    ("WHO", "actor.name"),
    ("FROM", "from"),
    ("ACTION", "action"),
    ("TARGET", "target.name"),
    ("RESULT", "result"),
    ("REASON", "reason"),
];

pub(super) const SETTINGS: &[Column] = &[
    ("SETTING", "setting"),
    ("ID", "id"),
    ("VALUE", "value"),
    ("FROM", "object"),
    ("FOR", "half"),
    ("NOTE", "note"),
];

pub(super) const OBJECTS: &[Column] = &[
    ("POLICY", "policy"),
    ("FOR", "half"),
    ("SETTING", "setting"),
    ("VALUE", "value"),
    ("ENABLED", "enabled"),
];

pub(super) const ISSUERS: &[Column] = &[
    ("SUBJECT", "subject"),
    ("ID", "id"),
    ("MAPPING", "mapping"),
    ("UNTIL", "not_after"),
    ("LIST UNTIL", "list.next_update"),
];

pub(super) const ISSUER: &[Column] = &[
    ("Subject", "subject"),
    ("ID", "id"),
    ("Thumbprint", "thumbprint"),
    ("From", "not_before"),
    ("Until", "not_after"),
    ("Mapping", "mapping"),
    ("Revocation", "revocation"),
    ("Lists", "lists"),
    ("Responders", "responders"),
    ("List made", "list.this_update"),
    ("List until", "list.next_update"),
    ("List from", "list.place"),
    ("Revoked", "list.entries"),
];
