//! The one endpoint of the administration API that a join asks: `POST /computers`.

use base64ct::{Base64, Encoding};
use crypto::key::PublicKey;
use directory::password::PasswordMaterial;
use directory::{Attribute, EntryId, NewEntry, Origin, change};
use serde_json::{Value, json};
use trust::Clock as _;
use wire::http::{Request, Response};
use wire::key_credential::{CustomKeyInformation, KeySource, KeyTime, KeyUsage, NewKeyCredential};

use crate::servers::{DOMAIN, REALM, Servers};

/// Makes the computer account with the machine's key on it, as an administrator may.
pub(crate) fn make(servers: &Servers, request: &Request) -> Response {
    let body: Value = request.json().expect("the join sends JSON");
    let text = |name: &str| {
        body[name]
            .as_str()
            .unwrap_or_else(|| panic!("the join sends no {name}"))
            .to_owned()
    };
    let name = text("name");
    let key = Base64::decode_vec(&text("public_key")).expect("the key is Base64");
    let key = PublicKey::from_spki_der(&key).expect("the key is one");
    let domain = servers.directory.domain().expect("it was founded");
    let host = format!("{}.{DOMAIN}", name.to_ascii_lowercase());
    let mut rng = servers.rng();
    let id = EntryId::random(&mut *rng);
    let entry = NewEntry::computer(id, domain.computers, &name)
        .with(Attribute::DnsHostName, host.as_str())
        .with(Attribute::ServicePrincipalName, format!("HOST/{name}"))
        .with(Attribute::ServicePrincipalName, format!("HOST/{host}"))
        .with_password(PasswordMaterial::random(&mut *rng), false);
    drop(rng);
    let now = KeyTime::from_filetime(servers.clock.now().filetime(), KeySource::Ad);
    let value = NewKeyCredential {
        key_material: &hello::device::key_blob(&key)
            .expect("the vault makes keys that can be written"),
        key_usage: KeyUsage::Ngc,
        key_source: KeySource::Ad,
        device_id: None,
        custom_key_information: Some(CustomKeyInformation::new(0)),
        last_logon: Some(now),
        creation_time: Some(now),
    };
    let blob = value
        .write()
        .expect("the key has a value")
        .as_bytes()
        .to_vec();
    servers.commit([
        entry.into(),
        change::add_key_credential(id, blob, Origin::Computer),
    ]);
    let account = servers
        .snapshot()
        .account_by_id(id)
        .expect("memory can be read")
        .expect("it was made");
    let roots: Vec<String> = servers
        .roots()
        .iter()
        .map(|root| Base64::encode_string(root))
        .collect();
    let made = json!({
        "name": account.sam, "sid": account.sid.to_string(), "domain": DOMAIN, "netbios": "CORP", "realm": REALM,
        "kdcs": ["dc1.corp.example"], "roots": roots,
    });
    Response::json(201, &made)
}
