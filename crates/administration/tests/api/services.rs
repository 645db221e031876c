//! Service accounts, principals and keytabs.

use serde_json::{Value, json};
use trust::Span;
use wire::Principal;
use wire::kerberos::{EncryptionType, PrincipalName};
use wire::keytab::Keytab;

use crate::world::{World, empty};

fn keytab(answer: &Value) -> Keytab {
    use base64ct::{Base64, Encoding};
    Keytab::parse(&Base64::decode_vec(answer["keytab"].as_str().unwrap()).unwrap()).unwrap()
}

fn add(world: &World, principal: &str) -> crate::world::Got {
    world.ask(
        "admin",
        "POST /services",
        json!({"service_principals": [principal]}),
    )
}

#[test]
fn a_service_has_random_keys_and_its_keytab_holds_them() {
    let world = World::new();
    let shown = add(&world, "HTTP/web.corp.example").ok();
    assert_eq!(shown["name"], "HTTP-web.corp.example$");
    assert_eq!(shown["kind"], "service");
    assert_eq!(shown["kvno"], 1);
    let export = |body| {
        world
            .ask(
                "admin",
                "POST /services/http%2Fweb.corp.example/keytab",
                body,
            )
            .ok()
    };
    let answer = export(empty());
    assert_eq!(
        (&answer["kvno"], &answer["rotated"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(
        answer["principals"],
        json!([
            "HTTP/web.corp.example@CORP.EXAMPLE",
            "HTTP-web.corp.example$@CORP.EXAMPLE"
        ])
    );
    let table = keytab(&answer);
    assert_eq!(table.entries.len(), 8, "two names of four etypes");
    let name = Principal::new(
        PrincipalName::service("HTTP", "web.corp.example"),
        "CORP.EXAMPLE",
    );
    let account = world.account("HTTP-web.corp.example$");
    for key in &account.keys.current().unwrap().keys {
        let kept = table
            .find(&name, EncryptionType(key.etype().number()), Some(1))
            .unwrap();
        assert_eq!(kept.key.keyvalue, key.schedule().key().bytes());
    }
    let record = world.last();
    assert_eq!(record.action, "keytab.export");
    assert_eq!(record.target, Some(account.id));

    // Rotated: the keytab holds the keys that the directory has when the answer has come.
    let answer = export(json!({"rotate": true}));
    assert_eq!(
        (&answer["kvno"], &answer["former_kvno"]),
        (&json!(2), &json!(1))
    );
    let table = keytab(&answer);
    let account = world.account("HTTP-web.corp.example$");
    assert_eq!(account.keys.kvno(), 2);
    for key in &account.keys.current().unwrap().keys {
        let kept = table
            .find(&name, EncryptionType(key.etype().number()), Some(2))
            .unwrap();
        assert_eq!(kept.key.keyvalue, key.schedule().key().bytes());
    }
    assert!(
        account.keys.find(1, crypto::etype::Etype::ALL[0]).is_some(),
        "old tickets still open"
    );
    let rotated = world
        .ask(
            "admin",
            "POST /services/HTTP-web.corp.example/rotate?force=true",
            empty(),
        )
        .ok();
    assert_eq!(rotated["kvno"], 3);
}

/// A keytab takes the place of the one before it, and whoever got a ticket in the morning goes on with it until the evening.
#[test]
fn a_keytab_holds_the_keys_of_before_for_as_long_as_tickets_under_them_live() {
    let mut world = World::new();
    add(&world, "HTTP/web.corp.example").ok();
    let before = world.account("HTTP-web.corp.example$");
    let export = |world: &World, body| {
        let line = "POST /services/http%2Fweb.corp.example/keytab";
        let answer = world.ask("admin", line, body).ok();
        (answer["former_kvno"].clone(), keytab(&answer))
    };
    let name = Principal::new(
        PrincipalName::service("HTTP", "web.corp.example"),
        "CORP.EXAMPLE",
    );
    let (former, table) = export(&world, json!({"rotate": true}));
    assert_eq!((former, table.entries.len()), (json!(1), 16));
    for key in &before.keys.current().unwrap().keys {
        let kept = table
            .find(&name, EncryptionType(key.etype().number()), Some(1))
            .unwrap();
        assert_eq!(kept.key.keyvalue, key.schedule().key().bytes());
    }
    assert_eq!(table.entries[0].key_version, 2, "the newest comes first");

    // A second rotation on the same day strands those who came before the first, unless that is meant.
    let line = "POST /services/http%2Fweb.corp.example/keytab";
    let again = world.ask("admin", line, json!({"rotate": true}));
    assert_eq!(again.code(), (409, "too_soon"));
    assert_eq!(export(&world, empty()).1.entries[0].key_version, 2);
    let overlap = world.deployment.key_overlap;
    world.advance(Span::seconds(overlap.as_seconds() - 1));
    let (former, table) = export(&world, empty());
    assert_eq!((former, table.entries.len()), (json!(1), 16));
    world.advance(Span::seconds(1));
    let (former, table) = export(&world, empty());
    assert_eq!((former, table.entries.len()), (json!(null), 8));
}

#[test]
fn keys_stand_in_no_record_and_in_no_other_answer() {
    let world = World::new();
    add(&world, "HTTP/web.corp.example").ok();
    let account = world.account("HTTP-web.corp.example$");
    let key = account.keys.current().unwrap().keys[0]
        .schedule()
        .key()
        .bytes()
        .to_vec();
    let hexed: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    use base64ct::{Base64Unpadded, Encoding};
    let encoded = Base64Unpadded::encode_string(&key);
    for path in ["/services", "/services/HTTP-web.corp.example", "/audit"] {
        let text = world.get("admin", path).ok().to_string();
        assert!(!text.contains(&hexed) && !text.contains(&encoded), "{path}");
    }
    for who in ["keeper", "alice"] {
        let got = world.ask(who, "POST /services/HTTP-web.corp.example/keytab", empty());
        assert_eq!(got.code(), (403, "not_permitted"));
    }
}

#[test]
fn a_computer_s_host_principal_has_a_keytab_as_unix_services_look_for_it() {
    let world = World::new();
    world
        .ask("admin", "POST /computers", json!({"name": "LAPTOP-1"}))
        .ok();
    for line in [
        "POST /computers/laptop-1/keytab",
        "POST /services/host%2Flaptop-1.corp.example/keytab",
    ] {
        let answer = world.ask("admin", line, empty()).ok();
        assert_eq!(
            answer["principals"],
            json!([
                "HOST/LAPTOP-1@CORP.EXAMPLE",
                "host/laptop-1@CORP.EXAMPLE",
                "HOST/laptop-1.corp.example@CORP.EXAMPLE",
                "host/laptop-1.corp.example@CORP.EXAMPLE",
                "LAPTOP-1$@CORP.EXAMPLE"
            ])
        );
        let name = Principal::new(
            PrincipalName::service("host", "laptop-1.corp.example"),
            "CORP.EXAMPLE",
        );
        assert!(
            keytab(&answer)
                .find(&name, EncryptionType(18), None)
                .is_some()
        );
    }
    // A person's keys leave the directory in no form.
    assert_eq!(
        world
            .ask("admin", "POST /services/alice/keytab", empty())
            .code(),
        (404, "not_found")
    );
}

#[test]
fn a_principal_belongs_to_one_account() {
    let world = World::new();
    add(&world, "HTTP/web.corp.example").ok();
    let got = add(&world, "http/WEB.corp.example");
    assert_eq!(got.code(), (409, "taken"));
    assert!(got.detail().contains("HTTP-web.corp.example$"));
    world
        .ask("admin", "POST /computers", json!({"name": "LAPTOP-1"}))
        .ok();
    assert_eq!(
        add(&world, "host/laptop-1.corp.example").code(),
        (409, "taken")
    );
    let put = |principal: &str| {
        world.ask(
            "admin",
            &format!("PUT /services/HTTP-web.corp.example/principals/{principal}"),
            empty(),
        )
    };
    assert_eq!(put("HOST%2Fdc1.corp.example").code(), (409, "taken"));
    assert_eq!(put("imap%2Fmail.corp.example").ok()["changed"], true);
    assert_eq!(world.last().details["principal"], "imap/mail.corp.example");
    assert_eq!(put("IMAP%2Fmail.corp.example").ok()["changed"], false);
    let shown = world
        .get("admin", "/services/imap%2Fmail.corp.example")
        .ok();
    assert_eq!(
        shown["service_principals"],
        json!(["HTTP/web.corp.example", "imap/mail.corp.example"])
    );
    let line = "DELETE /services/HTTP-web.corp.example/principals/imap%2Fmail.corp.example";
    assert_eq!(world.ask("admin", line, Value::Null).ok()["changed"], true);
    assert_eq!(world.ask("admin", line, Value::Null).ok()["changed"], false);
    let line = "PUT /computers/laptop-1/principals/nfs%2Flaptop-1.corp.example";
    assert_eq!(world.ask("admin", line, empty()).ok()["changed"], true);
}

#[test]
fn refuses_principals_that_cannot_be_or_are_the_kdc_s() {
    let world = World::new();
    for principal in [
        "web",
        "HTTP/",
        "/web",
        "HTTP/web@OTHER",
        "HTTP/a b",
        "a/b/c/d",
        "krbtgt/CORP.EXAMPLE",
        "KRBTGT/OTHER",
        "kadmin/admin",
        "HTTP/we\\b",
    ] {
        assert_eq!(
            add(&world, principal).code(),
            (400, "invalid_member"),
            "{principal}"
        );
    }
    let none = world.ask("admin", "POST /services", json!({"service_principals": []}));
    assert_eq!(none.code(), (400, "missing_member"));
    let body = json!({"service_principals": ["HTTP/web.corp.example"], "name": "svc-federation"});
    assert_eq!(
        world.ask("admin", "POST /services", body).code(),
        (409, "taken")
    );
}

#[test]
fn a_service_is_named_changed_disabled_listed_and_deleted() {
    let world = World::new();
    let body = json!({
        "service_principals": ["HTTP/web.corp.example", "HTTP/web"], "name": "web$",
        "description": "the shop", "trusted_for_delegation": true,
    });
    let shown = world.ask("admin", "POST /services", body).ok();
    assert_eq!(
        (&shown["name"], &shown["trusted_for_delegation"]),
        (&json!("web$"), &json!(true))
    );
    assert_eq!(
        world.get("keeper", "/services").names(),
        ["kadmin-changepw$", "svc-federation$", "web$"]
    );
    let patch = json!({"description": null, "trusted_for_delegation": false});
    let shown = world.ask("admin", "PATCH /services/web", patch).ok();
    assert_eq!(
        (&shown["description"], &shown["trusted_for_delegation"]),
        (&Value::Null, &json!(false))
    );
    world
        .ask("admin", "POST /services/web/disable", empty())
        .ok();
    assert!(!world.account("web$").is_enabled());
    world
        .ask("admin", "POST /services/web/enable", empty())
        .ok();
    assert!(world.account("web$").is_enabled());
    world
        .ask("admin", "DELETE /services/HTTP%2Fweb", Value::Null)
        .ok();
    assert!(!world.exists("web$"));
}

#[test]
fn who_may_act_for_people_to_whom_is_on_two_lists() {
    let world = World::new();
    let web = add(&world, "HTTP/web.corp.example").ok();
    add(&world, "sql/db.corp.example").ok();
    let ask = |what: &str| world.ask("admin", what, empty());
    let to = "/services/HTTP%2Fweb.corp.example/delegates-to";
    let from = "/services/sql%2Fdb.corp.example/delegated-from";
    let show = |name: &str| ask(&format!("GET /services/{name}")).ok();

    for _ in 0..2 {
        ask(&format!("PUT {to}/sql%2Fdb.corp.example")).ok();
        ask(&format!("PUT {from}/HTTP%2Fweb.corp.example")).ok();
    }
    assert_eq!(
        show("HTTP%2Fweb.corp.example")["delegates_to"],
        json!(["sql/db.corp.example"])
    );
    assert_eq!(
        show("sql%2Fdb.corp.example")["delegated_from"],
        json!(["HTTP-web.corp.example$"])
    );
    let record = world.last();
    assert_eq!(record.action, "delegation.add");
    let account = world.account("HTTP-web.corp.example$");
    assert_eq!(account.delegates_to, ["sql/db.corp.example"]);
    let db = world.account("sql-db.corp.example$");
    let list = db.delegated_from.as_ref().unwrap();
    assert_eq!(list.allowed(), [account.sid]);
    assert_eq!(web["sid"], account.sid.to_string());

    ask(&format!("DELETE {to}/SQL%2Fdb.corp.example")).ok();
    ask(&format!("DELETE {from}/HTTP-web.corp.example")).ok();
    assert_eq!(show("HTTP%2Fweb.corp.example")["delegates_to"], json!([]));
    assert_eq!(show("sql%2Fdb.corp.example")["delegated_from"], json!([]));
    assert!(
        world
            .account("sql-db.corp.example$")
            .delegated_from
            .is_none()
    );
    assert_eq!(world.last().action, "delegation.remove");
}

#[test]
fn refuses_to_delegate_to_who_is_not_there_and_by_who_is_no_administrator() {
    let world = World::new();
    add(&world, "HTTP/web.corp.example").ok();
    let to = "PUT /services/HTTP%2Fweb.corp.example/delegates-to";
    let from = "PUT /services/HTTP%2Fweb.corp.example/delegated-from";
    for (what, status) in [
        (format!("{to}/sql%2Fnowhere.corp.example"), 404),
        (format!("{to}/krbtgt%2FCORP.EXAMPLE"), 400),
        (format!("{to}/kadmin%2Fchangepw"), 400),
        (format!("{to}/web"), 400),
        (format!("{from}/nobody"), 404),
        (format!("{from}/krbtgt"), 404),
        (format!("{from}/kadmin%2Fchangepw"), 404),
    ] {
        let got = world.ask("admin", &what, empty());
        assert_eq!(got.status, status, "{what}");
    }
    let what = format!("{to}/HTTP%2Fweb.corp.example");
    assert_eq!(world.ask("alice", &what, empty()).status, 403);
    world.ask("admin", &what, empty()).ok();
}

#[test]
fn whose_word_counts_and_who_is_sensitive_is_set_and_shown() {
    let world = World::new();
    add(&world, "HTTP/web.corp.example").ok();
    let path = "PATCH /services/HTTP%2Fweb.corp.example";
    let both = json!({"trusted_to_authenticate": true, "trusted_for_delegation": true});
    let shown = world.ask("admin", path, both).ok();
    assert_eq!(shown["trusted_to_authenticate"], true);
    assert_eq!(shown["trusted_for_delegation"], true);
    let one = json!({"trusted_to_authenticate": false});
    let shown = world.ask("admin", path, one).ok();
    assert_eq!(shown["trusted_to_authenticate"], false);
    assert_eq!(shown["trusted_for_delegation"], true);

    for wanted in [true, false] {
        let body = json!({"not_delegated": wanted});
        let shown = world.ask("admin", "PATCH /users/alice", body).ok();
        assert_eq!(shown["not_delegated"], wanted);
    }
}
