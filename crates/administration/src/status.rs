//! Where the caller is, who they are, and what they may.

use directory::StoreKind;
use serde_json::{Value, json};
use trust::{Rng, Timestamp};
use wire::x509::Certificate;

use crate::asked::Asked;
use crate::caller::Needs;
use crate::done::Done;
use crate::refused::{Fault, Trouble};
use crate::{domain, shown};

pub(crate) fn show(asked: &Asked<'_, '_>, _: &mut dyn Rng) -> Result<Done, Trouble> {
    let own = asked.snapshot().domain();
    let roots = asked.view.deployment.roots.iter();
    let status = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "time": asked.now.to_rfc3339(),
        "you": {
            "name": asked.who.actor.name,
            "sid": asked.who.actor.sid.map(|sid| sid.to_string()),
            "administrator": asked.who.may(Needs::Administrator),
            "keys": asked.who.may(Needs::Keys),
        },
        "kind": match own.kind {
            StoreKind::Domain => "domain",
            StoreKind::Tenant => "tenant",
        },
        "tenant": (own.kind == StoreKind::Tenant).then(|| own.head.0.to_string()),
        "domain": own.dns_name,
        "realm": own.realm,
        "netbios": own.netbios_name,
        "sid": own.sid.to_string(),
        "kdcs": asked.view.deployment.kdcs,
        "roots": roots.map(|root| show_root(root)).collect::<Vec<_>>(),
    });
    let done = Done::now(status);
    if !asked.who.may(Needs::Administrator) {
        return Ok(done);
    }
    let rules = serde_json::to_value(domain::rules(asked)?)
        .map_err(|_| Trouble::Fault(Fault::Internal("the domain's rules have no JSON form")))?;
    let certificates = asked.view.certificates;
    let authorities = certificates
        .map(|lent| lent.authorities())
        .unwrap_or_default();
    Ok(done.with("rules", rules).with("authorities", authorities))
}

fn show_root(der: &[u8]) -> Value {
    let parsed = Certificate::parse(der).ok();
    json!({
        "subject": parsed.as_ref().map(|root| root.subject().to_string()),
        "expires": parsed.map(|root| Timestamp::from_unix(root.not_after()).to_rfc3339()),
        "sha256": shown::hex(&crypto::digest::sha256(der)),
        "der": shown::base64(der),
    })
}
