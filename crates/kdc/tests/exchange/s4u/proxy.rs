//! S4U2proxy: whom a service may pass people on to, by its own list or the other's, and what the ticket then says.

use super::*;

/// A change to the domain and to the evidence, then to the request.
pub(super) struct ProxyCase {
    pub(super) name: &'static str,
    pub(super) code: i32,
    pub(super) before: fn(&mut Stage),
    pub(super) evidence: fn(&mut Stage, Credential) -> wire::kerberos::Ticket,
    pub(super) target: fn() -> PrincipalName,
    pub(super) request: fn(&mut Granted),
}

pub(super) const PLAIN: ProxyCase = ProxyCase {
    name: "constrained delegation",
    code: 0,
    before: |_| {},
    evidence: |_, shown| shown.ticket,
    target: app,
    request: |_| {},
};

pub(super) fn judge_proxy(cases: &[ProxyCase]) -> Cases {
    let mut judged = Cases::new();
    for case in cases {
        let mut stage = Stage::new();
        // The same service gets a ticket before.
        let shown = stage.comes_to(web());
        let message = stage.proxy(&shown.ticket, app()).encode();
        judged.judge(&mut stage.world, "as it should be", &message, 0);
        (case.before)(&mut stage);
        let evidence = (case.evidence)(&mut stage, shown);
        let mut request = stage.proxy(&evidence, (case.target)());
        (case.request)(&mut request);
        let message = request.encode();
        judged.judge(&mut stage.world, case.name, &message, case.code);
    }
    judged.beside(cases.len())
}

fn takes_from_web(stage: &mut Stage) {
    let web = stage.world.account(stage.web).sid;
    stage.takes_from(stage.db, &SecurityDescriptor::allowing([web]));
}

fn with_options(request: &mut Granted) {
    request.others.push(resource_based());
}

/// A list of one entry, on `db`.
fn takes(stage: &mut Stage, kind: AceKind, mask: u32, sid: Sid) {
    let descriptor = SecurityDescriptor {
        owner: None,
        dacl: Some(vec![Ace { kind, mask, sid }]),
    };
    stage.takes_from(stage.db, &descriptor);
}

#[test]
fn ms_sfu_3_2_5_2_a_list_says_whom_a_service_may_pass_people_on_to() {
    judge_proxy(&[
        PLAIN,
        ProxyCase {
            name: "a service that is not on the list",
            code: 13,
            target: db,
            ..PLAIN
        },
        ProxyCase {
            name: "a service that is not on the list, asked for as if it had one",
            code: 13,
            target: db,
            request: with_options,
            ..PLAIN
        },
        ProxyCase {
            name: "the list says it in capitals",
            before: |stage| stage.delegates(stage.web, &["HTTP/APP.corp.example"]),
            ..PLAIN
        },
        ProxyCase {
            name: "the service by a name that the list does not have",
            code: 13,
            target: || PrincipalName::principal("app$"),
            ..PLAIN
        },
        ProxyCase {
            name: "without a list",
            code: 13,
            before: |stage| stage.delegates(stage.web, &[]),
            ..PLAIN
        },
        ProxyCase {
            name: "with the option for the other kind of list",
            request: with_options,
            ..PLAIN
        },
        ProxyCase {
            name: "not trusted to authenticate, which is about another thing",
            before: |stage| {
                let trusted = AccountControl::TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION;
                stage.distrust(stage.web, trusted);
            },
            ..PLAIN
        },
        ProxyCase {
            name: "a target that takes no PAC",
            before: |stage| stage.trust(stage.app, AccountControl::NO_AUTH_DATA_REQUIRED),
            ..PLAIN
        },
        ProxyCase {
            name: "a target that is disabled",
            code: 19,
            before: |stage| stage.trust(stage.app, AccountControl::ACCOUNT_DISABLE),
            ..PLAIN
        },
        ProxyCase {
            name: "the ticket-granting service, in spite of the list",
            code: 12,
            before: |stage| stage.delegates(stage.web, &["krbtgt/CORP.EXAMPLE"]),
            target: || PrincipalName::krbtgt("CORP.EXAMPLE"),
            ..PLAIN
        },
        ProxyCase {
            name: "the service that signs people in, in spite of the list",
            code: 12,
            before: |stage| {
                stage.world.realm.federation = Some("HTTP/sts.corp.example".to_owned());
                stage.delegates(stage.web, &["HTTP/sts.corp.example"]);
            },
            target: || PrincipalName::service("HTTP", "sts.corp.example"),
            ..PLAIN
        },
        ProxyCase {
            name: "the service that changes passwords, in spite of the list",
            code: 12,
            before: |stage| stage.delegates(stage.web, &["kadmin/changepw"]),
            target: || PrincipalName::service("kadmin", "changepw"),
            ..PLAIN
        },
        ProxyCase {
            name: "a person",
            code: 27,
            target: || PrincipalName::principal("bob"),
            ..PLAIN
        },
    ])
    .are(14);
}

#[test]
fn ms_sfu_3_2_5_2_a_service_says_itself_who_may_pass_people_on_to_it() {
    const DB: ProxyCase = ProxyCase {
        name: "resource-based delegation",
        before: takes_from_web,
        target: db,
        request: with_options,
        ..PLAIN
    };
    judge_proxy(&[
        DB,
        ProxyCase {
            name: "nobody may",
            code: 13,
            before: |_| {},
            ..DB
        },
        ProxyCase {
            name: "without the option",
            code: 13,
            request: |_| {},
            ..DB
        },
        ProxyCase {
            name: "with other options",
            code: 13,
            request: |request| {
                let flags = PacOptionFlags::CLAIMS | PacOptionFlags::BRANCH_AWARE;
                request.others.push(pac_options(flags));
            },
            ..DB
        },
        ProxyCase {
            name: "with options of garbage",
            code: 60,
            request: |request| {
                let garbage = PaData::new(PaDataType::PAC_OPTIONS, vec![0x30, 9]);
                request.others.push(garbage);
            },
            ..DB
        },
        ProxyCase {
            name: "the service without a list of its own",
            before: |stage| {
                takes_from_web(stage);
                stage.delegates(stage.web, &[]);
            },
            ..DB
        },
        ProxyCase {
            name: "by the target's own name",
            target: || PrincipalName::principal("db$"),
            ..DB
        },
        ProxyCase {
            name: "another service may",
            code: 13,
            before: |stage| {
                let app = stage.world.account(stage.app).sid;
                stage.takes_from(stage.db, &SecurityDescriptor::allowing([app]));
            },
            ..DB
        },
        ProxyCase {
            name: "everyone may",
            before: |stage| takes(stage, AceKind::Allow, u32::MAX, Sid::EVERYONE),
            ..DB
        },
        ProxyCase {
            name: "a group of the service may",
            before: |stage| {
                let (group, web) = (EntryId::random(&mut stage.world.rng), stage.web);
                let users = stage.world.directory.domain().unwrap().users;
                let kind = directory::group::GLOBAL_SECURITY;
                let entry = NewEntry::group(group, users, "Front ends", kind);
                stage
                    .world
                    .commit(&[entry.into(), Change::AddMember { group, member: web }]);
                let snapshot = stage.world.directory.snapshot().unwrap();
                let sid = snapshot.group(group).unwrap().unwrap().sid;
                drop(snapshot);
                stage.takes_from(stage.db, &SecurityDescriptor::allowing([sid]));
            },
            ..DB
        },
        ProxyCase {
            name: "by the right to control alone",
            before: |stage| {
                let web = stage.world.account(stage.web).sid;
                let right = SecurityDescriptor::CONTROL_ACCESS;
                takes(stage, AceKind::Allow, right, web);
            },
            ..DB
        },
        ProxyCase {
            name: "by the right to read",
            code: 13,
            before: |stage| {
                let web = stage.world.account(stage.web).sid;
                takes(stage, AceKind::Allow, 0x10, web);
            },
            ..DB
        },
        ProxyCase {
            name: "it is denied",
            code: 13,
            before: |stage| {
                let web = stage.world.account(stage.web).sid;
                takes(stage, AceKind::Deny, u32::MAX, web);
            },
            ..DB
        },
        ProxyCase {
            name: "the list is garbage",
            code: 13,
            before: |stage| {
                let attribute = Attribute::MsDsAllowedToActOnBehalfOfOtherIdentity;
                stage.set(stage.db, attribute, vec![Value::from(vec![1, 2, 3])]);
            },
            ..DB
        },
        ProxyCase {
            name: "a ticket that is not forwardable",
            code: 13,
            evidence: |stage, _| not_forwardable(stage).ticket,
            ..DB
        },
        ProxyCase {
            name: "a flag that was flipped",
            code: 41,
            evidence: flipped,
            ..DB
        },
        ProxyCase {
            name: "a person who is sensitive now",
            code: 13,
            before: |stage| {
                takes_from_web(stage);
                stage.trust(stage.world.alice, AccountControl::NOT_DELEGATED);
            },
            ..DB
        },
    ])
    .are(17);
}

/// A ticket of alice's to `web` that she did not want forwardable.
pub(super) fn not_forwardable(stage: &mut Stage) -> Credential {
    let alice = stage.alice.clone();
    let mut request = Granted::new(&alice, web(), stage.world.now, &mut stage.world.rng);
    request.body.kdc_options = KdcOptions::NONE;
    let reply = stage.world.given(&request.encode()).unwrap();
    credential(&request, &reply)
}

/// CVE-2020-17049: the service has the key, and writes into the ticket that it is forwardable.
pub(super) fn flipped(stage: &mut Stage, _: Credential) -> wire::kerberos::Ticket {
    let shown = not_forwardable(stage);
    stage.altered(&shown.ticket, |part| part.flags |= TicketFlags::FORWARDABLE)
}

#[test]
fn security_2_the_person_must_be_there_in_order_and_under_that_name() {
    judge_proxy(&[
        ProxyCase {
            name: "a disabled person",
            code: 18,
            before: |stage| stage.trust(stage.world.alice, AccountControl::ACCOUNT_DISABLE),
            ..PLAIN
        },
        ProxyCase {
            name: "a person who is gone",
            code: 20,
            before: |stage| {
                let id = stage.world.alice;
                stage.world.commit(&[Change::Delete { id }]);
            },
            ..PLAIN
        },
        ProxyCase {
            name: "a person whose name is another's (CVE-2021-42287)",
            code: 20,
            before: |stage| {
                let (alice, bob) = (stage.world.alice, stage.world.bob);
                let sam = Attribute::SamAccountName;
                stage.world.commit(&[change::set(alice, sam, "alicia")]);
                let upn = change::set(alice, Attribute::UserPrincipalName, "a@corp.example");
                stage.world.commit(&[upn]);
                stage.world.commit(&[change::set(bob, sam, "alice")]);
            },
            ..PLAIN
        },
        ProxyCase {
            name: "a sensitive person",
            code: 13,
            before: |stage| stage.trust(stage.world.alice, AccountControl::NOT_DELEGATED),
            ..PLAIN
        },
        ProxyCase {
            name: "a protected person",
            code: 13,
            before: |stage| protect(stage, stage.world.alice),
            ..PLAIN
        },
        ProxyCase {
            name: "a service that is disabled",
            code: 18,
            before: |stage| stage.trust(stage.web, AccountControl::ACCOUNT_DISABLE),
            ..PLAIN
        },
    ])
    .are(6);
}

#[test]
fn a_ticket_that_was_passed_on_says_by_whom_and_is_no_longer_than_either_ticket() {
    let mut stage = Stage::new();
    stage.world.advance(Span::hours(2));
    let later = sign_in(&mut stage.world, stage.web, "web$");
    let shown = stage.comes_to(web());
    stage.own = later;
    let request = stage.proxy(&shown.ticket, app());
    let reply = stage.world.given(&request.encode()).unwrap();
    let given = credential(&request, &reply);
    assert!(given.client.is_same(&PrincipalName::principal("alice")));
    assert_eq!((given.end, given.renew_till), (shown.end, None));
    assert_eq!(given.authenticated, shown.authenticated);
    assert!(given.flags.contains(TicketFlags::FORWARDABLE));
    let exchange = stage.world.exchange.as_ref().unwrap();
    assert_eq!(exchange.client.as_deref(), Some("web$"));
    assert_eq!(exchange.for_user.as_deref(), Some("alice"));

    let account = stage.world.account(stage.app);
    let (part, key) = ticket::open(&given.ticket, &account.keys).unwrap();
    let krbtgt = stage.world.krbtgt();
    let pac = ticket::pac::verify_evidence(&part, key, &krbtgt.keys).unwrap();
    assert_eq!(pac.logon_info().unwrap().effective_name, "alice");
    let info = DelegationInfo {
        proxy_target: app().to_string(),
        transited_services: vec!["http/web.corp.example@CORP.EXAMPLE".to_owned()],
    };
    assert_eq!(pac.delegation_info(), Ok(Some(info)));

    // And on to the next.
    stage.own = sign_in(&mut stage.world, stage.app, "app$");
    let request = stage.proxy(&given.ticket, db());
    let reply = stage.world.given(&request.encode()).unwrap();
    let last = credential(&request, &reply);
    let account = stage.world.account(stage.db);
    let (part, key) = ticket::open(&last.ticket, &account.keys).unwrap();
    let pac = ticket::pac::verify_evidence(&part, key, &krbtgt.keys).unwrap();
    let info = DelegationInfo {
        proxy_target: db().to_string(),
        transited_services: vec![
            "http/web.corp.example@CORP.EXAMPLE".to_owned(),
            "http/app.corp.example@CORP.EXAMPLE".to_owned(),
        ],
    };
    assert_eq!(pac.delegation_info(), Ok(Some(info)));
}

#[test]
fn a_service_passes_on_whom_it_asked_for_where_it_is_trusted_to_authenticate() {
    let trusted = AccountControl::TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION;
    let mut judged = Cases::new();
    for (is_trusted, code) in [(true, 0), (false, 13)] {
        let mut stage = Stage::new();
        if !is_trusted {
            stage.distrust(stage.web, trusted);
        }
        let mut asked = stage.for_alice();
        let reply = stage.world.given(&asked.encode()).unwrap();
        let shown = credential(&asked.request, &reply);
        let message = stage.proxy(&shown.ticket, app()).encode();
        judged.judge(&mut stage.world, "passed on", &message, code);
        if code == 0 {
            continue;
        }
        let why = Refused::NotDelegated("the evidence is not forwardable");
        assert_eq!(stage.world.refused, Some(why));
        // One who came by herself is passed on.
        let shown = stage.comes_to(web());
        let message = stage.proxy(&shown.ticket, app()).encode();
        judged.judge(&mut stage.world, "came by herself", &message, 0);
    }
    judged.are(3);
}

#[test]
fn a_target_without_use_for_a_pac_gets_none_and_a_client_s_wish_is_its_own() {
    let mut stage = Stage::new();
    stage.trust(stage.app, AccountControl::NO_AUTH_DATA_REQUIRED);
    let shown = stage.comes_to(web());
    let request = stage.proxy(&shown.ticket, app());
    let reply = stage.world.given(&request.encode()).unwrap();
    let given = credential(&request, &reply);
    let account = stage.world.account(stage.app);
    let (part, _) = ticket::open(&given.ticket, &account.keys).unwrap();
    assert!(!has_pac(&part));
}

#[test]
fn nobody_sensitive_or_protected_has_forwardable_tickets_of_their_own() {
    for protected in [false, true] {
        let mut stage = Stage::new();
        assert!(stage.alice.flags.contains(TicketFlags::FORWARDABLE));
        let alice = stage.world.alice;
        match protected {
            true => protect(&mut stage, alice),
            false => stage.trust(alice, AccountControl::NOT_DELEGATED),
        }
        // Of the ticket from before neither.
        let shown = stage.comes_to(web());
        assert!(!shown.flags.contains(TicketFlags::FORWARDABLE));
        let tgt = stage
            .world
            .password("alice", crate::world::PASSWORD)
            .unwrap();
        assert!(!tgt.flags.contains(TicketFlags::FORWARDABLE));
    }
}

#[test]
fn ms_kile_3_3_5_7_who_knows_of_lists_at_the_other_end_hears_that_the_kdc_does() {
    let mut stage = Stage::new();
    for asked in [true, false] {
        let alice = stage.alice.clone();
        let mut request = Granted::new(&alice, web(), stage.world.now, &mut stage.world.rng);
        if asked {
            request.others.push(resource_based());
        }
        let reply = stage.world.given(&request.encode()).unwrap();
        let (part, _) = request.open(&reply);
        let said = part.encrypted_pa_data.unwrap_or_default();
        let said = PaData::find(&said, PaDataType::PAC_OPTIONS).map(<[u8]>::to_vec);
        assert_eq!(said, asked.then(|| resource_based().padata_value));
    }
}
