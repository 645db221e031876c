//! Names: what they lead to, and how they stand in tickets (RFC 6806, MS-KILE 3.3.5, security row 2).

use directory::{Attribute, change};
use ticket::client::{Secret, Wish};
use wire::kerberos::{KdcOptions, KrbError, NameType, PrincipalName, Realm};

use crate::forge::{Granted, Password};
use crate::stage::{AES256, Stage};
use crate::table::Cases;
use crate::world::{PASSWORD, World};

const CANONICALIZE: KdcOptions = KdcOptions::CANONICALIZE;

/// A client's name, the realm that it asks, with the option or without; the code, and the name in the ticket.
type Client = (
    &'static str,
    PrincipalName,
    &'static str,
    bool,
    i32,
    &'static str,
);

#[test]
fn a_client_is_called_as_it_asked_or_put_right() {
    let plain = PrincipalName::principal;
    let enterprise = PrincipalName::enterprise;
    let ours = "CORP.EXAMPLE";
    let cases: &[Client] = &[
        ("its own name", plain("alice"), ours, false, 0, "alice"),
        ("in capitals", plain("ALICE"), ours, false, 0, "ALICE"),
        (
            "in capitals, put right",
            plain("ALICE"),
            ours,
            true,
            0,
            "alice",
        ),
        (
            "its UPN",
            enterprise("alice@corp.example"),
            ours,
            true,
            0,
            "alice",
        ),
        (
            "its UPN, as it is",
            enterprise("alice@corp.example"),
            ours,
            false,
            0,
            "alice",
        ),
        (
            "its UPN in capitals",
            enterprise("ALICE@CORP.EXAMPLE"),
            ours,
            true,
            0,
            "alice",
        ),
        ("no suffix", enterprise("alice"), ours, true, 0, "alice"),
        (
            "another suffix",
            enterprise("alice@other.example"),
            ours,
            true,
            6,
            "",
        ),
        (
            "a mail address of nobody",
            enterprise("alice@"),
            ours,
            true,
            6,
            "",
        ),
        ("nobody", plain("nobody"), ours, true, 6, ""),
        ("an empty name", plain(""), ours, true, 6, ""),
        (
            "a name with a realm",
            plain("alice@corp.example"),
            ours,
            false,
            6,
            "",
        ),
        (
            "another realm",
            plain("alice"),
            "OTHER.EXAMPLE",
            false,
            68,
            "",
        ),
        (
            "another realm, put right",
            plain("alice"),
            "OTHER.EXAMPLE",
            true,
            68,
            "",
        ),
        (
            "the realm in small letters",
            plain("alice"),
            "corp.example",
            false,
            68,
            "",
        ),
        (
            "that, put right",
            plain("alice"),
            "corp.example",
            true,
            0,
            "alice",
        ),
        ("the NetBIOS name", plain("alice"), "CORP", false, 68, ""),
        ("that, put right", plain("alice"), "CORP", true, 0, "alice"),
        ("krbtgt", plain("krbtgt"), ours, true, 6, ""),
        ("a space more", plain("alice "), ours, false, 6, ""),
    ];
    let mut world = World::new();
    let key = world.key_of(world.alice, AES256);
    let mut judged = Cases::new();
    for (name, client, realm, canonical, code, expected) in cases {
        let mut request = Password::new("alice", key.clone(), world.now, &mut world.rng);
        request.body.cname = Some(client.clone());
        request.body.realm = Realm::from(*realm);
        if *canonical {
            request.body.kdc_options |= CANONICALIZE;
        }
        let message = request.encode();
        if let Some(reply) = judged.judge(&mut world, name, &message, *code) {
            let reply = wire::kerberos::AsRep::decode(&reply).unwrap();
            let given = (reply.cname.to_string(), reply.crealm.as_str().to_owned());
            if given != ((*expected).to_owned(), ours.to_owned()) {
                judged.wrong(format!("{name}: {given:?}"));
            }
        }
    }
    judged.are(20);
}

/// A service's name, with the option or without; the code, and the name in the ticket.
type Service = (&'static str, PrincipalName, bool, i32, &'static str);

#[test]
fn a_service_is_found_by_its_names_its_host_s_and_its_account_s() {
    let service = PrincipalName::service;
    let plain = PrincipalName::principal;
    let instance =
        |first: &str, second: &str| PrincipalName::new(NameType::NT_SRV_INST, [first, second]);
    let host = "laptop-1.corp.example";
    let cases: &[Service] = &[
        (
            "its name",
            service("host", host),
            false,
            0,
            "host/laptop-1.corp.example",
        ),
        (
            "in capitals",
            service("HOST", host),
            false,
            0,
            "HOST/laptop-1.corp.example",
        ),
        (
            "in capitals, to be put right",
            service("HOST", host),
            true,
            0,
            "HOST/laptop-1.corp.example",
        ),
        (
            "of another type",
            instance("host", host),
            false,
            0,
            "host/laptop-1.corp.example",
        ),
        (
            "what every host has",
            service("cifs", host),
            false,
            0,
            "cifs/laptop-1.corp.example",
        ),
        (
            "that in capitals",
            service("HTTP", host),
            false,
            0,
            "HTTP/laptop-1.corp.example",
        ),
        (
            "what not every host has",
            service("sql", host),
            false,
            7,
            "",
        ),
        (
            "another host",
            service("cifs", "other.corp.example"),
            false,
            7,
            "",
        ),
        (
            "a service's own before the host's",
            service("http", "web.corp.example"),
            false,
            0,
            "http/web.corp.example",
        ),
        (
            "a host that is none",
            service("cifs", "web.corp.example"),
            false,
            7,
            "",
        ),
        ("the account", plain("LAPTOP-1$"), false, 0, "LAPTOP-1$"),
        (
            "the account in small letters",
            plain("laptop-1$"),
            false,
            0,
            "laptop-1$",
        ),
        (
            "the account without its sign",
            plain("LAPTOP-1"),
            false,
            7,
            "",
        ),
        ("a service's account", plain("web$"), true, 0, "web$"),
        (
            "a service's account without its sign",
            plain("web"),
            true,
            7,
            "",
        ),
        (
            "an enterprise name",
            PrincipalName::enterprise("web$@corp.example"),
            false,
            0,
            "web$\\@corp.example",
        ),
        (
            "that, put right",
            PrincipalName::enterprise("web$@corp.example"),
            true,
            0,
            "web$",
        ),
        (
            "a foreign enterprise name",
            PrincipalName::enterprise("web$@other.example"),
            true,
            7,
            "",
        ),
        ("a person", plain("bob"), true, 27, ""),
        (
            "a person by an enterprise name",
            PrincipalName::enterprise("bob@corp.example"),
            true,
            27,
            "",
        ),
        ("krbtgt as an account", plain("krbtgt"), true, 7, ""),
        (
            "the ticket-granting service",
            instance("krbtgt", "CORP.EXAMPLE"),
            false,
            0,
            "krbtgt/CORP.EXAMPLE",
        ),
        (
            "that in small letters",
            instance("krbtgt", "corp.example"),
            false,
            7,
            "",
        ),
        (
            "that, put right",
            instance("krbtgt", "corp.example"),
            true,
            0,
            "krbtgt/CORP.EXAMPLE",
        ),
        (
            "that by the NetBIOS name",
            instance("krbtgt", "CORP"),
            true,
            0,
            "krbtgt/CORP.EXAMPLE",
        ),
        (
            "that of another realm: there is no trust",
            instance("krbtgt", "OTHER.EXAMPLE"),
            true,
            7,
            "",
        ),
        (
            "a host of another realm: there is no referral",
            service("host", "a.other.example"),
            true,
            7,
            "",
        ),
        (
            "three components",
            PrincipalName::new(
                NameType::NT_SRV_INST,
                ["ldap", "dc1.corp.example", "corp.example"],
            ),
            true,
            7,
            "",
        ),
        (
            "no component",
            PrincipalName::new(NameType::NT_SRV_INST, [""; 0]),
            true,
            7,
            "",
        ),
    ];
    let mut stage = Stage::new();
    let mut judged = Cases::new();
    for (name, wanted, canonical, code, expected) in cases {
        let alice = stage.alice.clone();
        let mut request = Granted::new(
            &alice,
            wanted.clone(),
            stage.world.now,
            &mut stage.world.rng,
        );
        if *canonical {
            request.body.kdc_options |= CANONICALIZE;
        }
        let message = request.encode();
        if let Some(reply) = judged.judge(&mut stage.world, name, &message, *code) {
            let (part, ticket) = request.open(&reply);
            assert!(part.sname.is_same(&ticket.sname));
            if part.sname.to_string() != *expected {
                judged.wrong(format!("{name}: {}", part.sname));
            }
        }
    }
    judged.are(29);
}

#[test]
fn a_realm_by_another_name_is_answered_where_it_may_be_put_right_alone() {
    let mut stage = Stage::new();
    for (realm, canonical, code) in [
        ("CORP.EXAMPLE", false, 0),
        ("corp.example", false, 68),
        ("corp.example", true, 0),
        ("CORP", true, 0),
        ("OTHER.EXAMPLE", true, 68),
    ] {
        let alice = stage.alice.clone();
        let web = crate::stage::web();
        let mut request = Granted::new(&alice, web, stage.world.now, &mut stage.world.rng);
        request.body.realm = Realm::from(realm);
        if canonical {
            request.body.kdc_options |= CANONICALIZE;
        }
        let message = request.encode();
        match code {
            0 => {
                let reply = stage.world.given(&message).unwrap();
                assert_eq!(request.open(&reply).0.srealm.as_str(), "CORP.EXAMPLE");
            }
            code => {
                let error: KrbError = stage.world.refusal(&message, code).unwrap();
                assert_eq!(error.realm.as_str(), "CORP.EXAMPLE");
            }
        }
    }
}

#[test]
fn a_ticket_granting_ticket_got_by_an_alias_is_one_like_any_other() {
    let mut world = World::new();
    let wish = Wish::ticket_granting("CORP.EXAMPLE");
    let name = PrincipalName::enterprise("alice");
    let tgt = world.ask(name, wish, Secret::Password(PASSWORD)).unwrap();
    assert!(tgt.client.is_same(&PrincipalName::principal("alice")));
    assert!(world.host(&tgt).is_ok());
    // It ends with the name, by whatever name it was got.
    let alice = world.alice;
    world.commit(&[change::set(alice, Attribute::SamAccountName, "alicia")]);
    world.commit(&[change::set(
        alice,
        Attribute::UserPrincipalName,
        "a@corp.example",
    )]);
    assert!(world.host(&tgt).is_err());
}
