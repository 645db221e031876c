//! User-to-user (RFC 4120 3.3.3): tickets under the session key of another's ticket-granting ticket.

use crypto::etype::{Etype, KeySchedule};
use directory::account::AccountControl;
use directory::password::PasswordMaterial;
use directory::{Attribute, Change, EntryId, NewEntry, change};
use ticket::client::Credential;
use ticket::{KeySet, pac};
use trust::Span;
use wire::kerberos::{KdcOptions, NameType, PrincipalName, Realm, Ticket};

use crate::forge::Granted;
use crate::stage::{Stage, credential, sign_in, web};
use crate::table::Cases;
use crate::world::PASSWORD;

fn bob() -> PrincipalName {
    PrincipalName::principal("bob")
}

fn tgt(stage: &mut Stage, name: &str) -> Credential {
    stage.world.password(name, PASSWORD).unwrap()
}

fn request(stage: &mut Stage, shown: Ticket) -> Granted {
    let alice = stage.alice.clone();
    let mut request = Granted::new(&alice, bob(), stage.world.now, &mut stage.world.rng);
    request.body.kdc_options |= KdcOptions::ENC_TKT_IN_SKEY;
    request.body.additional_tickets = Some([shown].into());
    request
}

struct Case {
    name: &'static str,
    code: i32,
    shown: fn(&mut Stage, Credential) -> Ticket,
    before: fn(&mut Stage),
    request: fn(&mut Granted),
}

const PLAIN: Case = Case {
    name: "with the person's own ticket-granting ticket",
    code: 0,
    shown: |_, shown| shown.ticket,
    before: |_| {},
    request: |_| {},
};

#[test]
fn rfc_4120_3_3_3_the_ticket_that_came_along_is_the_person_s_own_and_good() {
    let cases = [
        PLAIN,
        Case {
            name: "another's ticket-granting ticket",
            code: 36,
            shown: |stage, _| stage.alice.ticket.clone(),
            ..PLAIN
        },
        Case {
            name: "a service's ticket-granting ticket",
            code: 36,
            shown: |stage, _| stage.own.ticket.clone(),
            ..PLAIN
        },
        Case {
            name: "a ticket for a service",
            code: 12,
            shown: |stage, _| stage.comes_to(web()).ticket,
            ..PLAIN
        },
        Case {
            name: "a ticket for a service that calls itself a ticket-granting ticket",
            code: 31,
            shown: |stage, _| {
                let mut ticket = stage.comes_to(web()).ticket;
                ticket.sname = PrincipalName::krbtgt("CORP.EXAMPLE");
                ticket
            },
            ..PLAIN
        },
        Case {
            name: "another realm's ticket-granting ticket",
            code: 12,
            shown: |_, mut shown| {
                shown.ticket.realm = Realm::from("OTHER.EXAMPLE");
                shown.ticket
            },
            ..PLAIN
        },
        Case {
            name: "a ticket-granting ticket for another realm",
            code: 12,
            shown: |_, mut shown| {
                shown.ticket.sname = PrincipalName::krbtgt("OTHER.EXAMPLE");
                shown.ticket
            },
            ..PLAIN
        },
        Case {
            name: "an altered ticket",
            code: 31,
            shown: |_, mut shown| {
                shown.ticket.enc_part.cipher[30] ^= 1;
                shown.ticket
            },
            ..PLAIN
        },
        Case {
            name: "under a key that nobody knows",
            code: 44,
            shown: |_, mut shown| {
                shown.ticket.enc_part.kvno = Some(99.into());
                shown.ticket
            },
            ..PLAIN
        },
        Case {
            name: "over",
            code: 32,
            before: |stage| {
                stage.world.advance(Span::hours(11));
                stage.alice = stage.world.password("alice", PASSWORD).unwrap();
            },
            ..PLAIN
        },
        Case {
            name: "without the option",
            code: 27,
            request: |request| request.body.kdc_options = KdcOptions::FORWARDABLE,
            ..PLAIN
        },
        Case {
            name: "without a ticket",
            code: 13,
            request: |request| request.body.additional_tickets = None,
            ..PLAIN
        },
        Case {
            name: "with two tickets",
            code: 13,
            request: |request| {
                let tickets = request.body.additional_tickets.take().unwrap().into_vec();
                request.body.additional_tickets = Some([tickets.clone(), tickets].concat().into());
            },
            ..PLAIN
        },
        Case {
            name: "without a service",
            code: 7,
            request: |request| request.body.sname = None,
            ..PLAIN
        },
        Case {
            name: "for nobody",
            code: 7,
            request: |request| request.body.sname = Some(PrincipalName::principal("nobody")),
            ..PLAIN
        },
        Case {
            name: "for krbtgt",
            code: 7,
            request: |request| request.body.sname = Some(PrincipalName::principal("krbtgt")),
            ..PLAIN
        },
        Case {
            name: "for the ticket-granting service",
            code: 36,
            request: |request| {
                request.body.sname = Some(PrincipalName::krbtgt("CORP.EXAMPLE"));
            },
            ..PLAIN
        },
        Case {
            name: "by an enterprise name",
            request: |request| {
                request.body.sname = Some(PrincipalName::enterprise("bob@corp.example"));
            },
            ..PLAIN
        },
        Case {
            name: "by another's enterprise name",
            code: 36,
            request: |request| {
                request.body.sname = Some(PrincipalName::enterprise("alice@corp.example"));
            },
            ..PLAIN
        },
        Case {
            name: "by a name of another type",
            request: |request| {
                let name = PrincipalName::new(NameType::NT_SRV_INST, ["bob"]);
                request.body.sname = Some(name);
            },
            ..PLAIN
        },
        Case {
            name: "for a person who is disabled",
            code: 19,
            before: |stage| stage.trust(stage.world.bob, AccountControl::ACCOUNT_DISABLE),
            ..PLAIN
        },
        Case {
            name: "for a person who is gone",
            code: 7,
            before: |stage| {
                let id = stage.world.bob;
                stage.world.commit(&[Change::Delete { id }]);
            },
            ..PLAIN
        },
        Case {
            name: "for one who has the name today (CVE-2021-42287)",
            code: 20,
            before: |stage| {
                let bob = stage.world.bob;
                let sam = Attribute::SamAccountName;
                let upn = Attribute::UserPrincipalName;
                stage.world.commit(&[change::set(bob, sam, "robert")]);
                stage
                    .world
                    .commit(&[change::set(bob, upn, "r@corp.example")]);
                let users = stage.world.directory.domain().unwrap().users;
                let another = EntryId::random(&mut stage.world.rng);
                let mut another = NewEntry::user(another, users, "bob", "Bob the other");
                let material = PasswordMaterial::random(&mut stage.world.rng);
                another.password = Some(Box::new(material));
                stage.world.commit(&[another.into()]);
            },
            ..PLAIN
        },
        Case {
            name: "by evidence, too",
            code: 13,
            request: |request| request.body.kdc_options |= KdcOptions::CNAME_IN_ADDL_TKT,
            ..PLAIN
        },
    ];
    let mut judged = Cases::new();
    for case in cases {
        let mut stage = Stage::new();
        let shown = tgt(&mut stage, "bob");
        // The same two before.
        let message = request(&mut stage, shown.ticket.clone()).encode();
        assert!(stage.world.given(&message).is_ok());
        (case.before)(&mut stage);
        let shown = (case.shown)(&mut stage, shown);
        let mut asked = request(&mut stage, shown);
        (case.request)(&mut asked);
        let message = asked.encode();
        judged.judge(&mut stage.world, case.name, &message, case.code);
    }
    judged.are(24);
}

#[test]
fn the_ticket_opens_with_the_other_s_session_key_and_with_no_long_term_key() {
    let mut stage = Stage::new();
    let shown = tgt(&mut stage, "bob");
    let asked = request(&mut stage, shown.ticket.clone());
    let reply = stage.world.given(&asked.encode()).unwrap();
    let given = credential(&asked, &reply);
    assert_eq!(given.ticket.enc_part.kvno, None);
    let account = stage.world.account(stage.world.bob);
    assert!(ticket::open(&given.ticket, &account.keys).is_err());
    let session = KeySet::new(vec![(1, KeySchedule::new(shown.key.clone()))]);
    let (part, key) = ticket::open(&given.ticket, &session).unwrap();
    assert!(part.cname.is_same(&PrincipalName::principal("alice")));
    let believed = pac::verify_evidence(&part, key, &stage.world.krbtgt().keys).unwrap();
    assert_eq!(believed.logon_info().unwrap().effective_name, "alice");
}

#[test]
fn a_session_key_of_an_etype_that_is_no_longer_allowed_seals_nothing() {
    let mut stage = Stage::new();
    let shown = tgt(&mut stage, "bob");
    let message = request(&mut stage, shown.ticket.clone()).encode();
    assert!(stage.world.given(&message).is_ok());
    let own = shown.key.etype();
    stage.world.realm.etypes = Etype::ALL
        .into_iter()
        .filter(|etype| *etype != own)
        .collect();
    let message = request(&mut stage, shown.ticket).encode();
    stage.world.refusal(&message, 14).unwrap();
}

#[test]
fn a_service_takes_people_user_to_user_as_well_and_may_ask_for_itself_so() {
    let mut stage = Stage::new();
    let own = stage.own.clone();
    let mut asked = request(&mut stage, own.ticket.clone());
    asked.body.sname = Some(web());
    let message = asked.encode();
    assert!(stage.world.given(&message).is_ok());
    // Somebody's ticket to the service, under its session key.
    let mut to_self = stage.for_alice();
    to_self.request.body.kdc_options |= KdcOptions::ENC_TKT_IN_SKEY;
    to_self.request.body.additional_tickets = Some([own.ticket.clone()].into());
    let message = to_self.encode();
    let reply = stage.world.given(&message).unwrap();
    let given = credential(&to_self.request, &reply);
    let session = KeySet::new(vec![(1, KeySchedule::new(own.key.clone()))]);
    assert!(ticket::open(&given.ticket, &session).is_ok());
    // It is no evidence: it does not open with a key of the service's account.
    let message = stage.proxy(&given.ticket, crate::stage::app()).encode();
    stage.world.refusal(&message, 31).unwrap();
    // Another service's ticket-granting ticket is not the service's.
    let another = sign_in(&mut stage.world, stage.app, "app$");
    let mut asked = request(&mut stage, another.ticket);
    asked.body.sname = Some(web());
    stage.world.refusal(&asked.encode(), 36).unwrap();
}
