//! Tickets in somebody else's name (MS-SFU; security row 2): what services get, and what they do not, each refusal
//! beside a ticket for the same service.

use directory::account::AccountControl;
use directory::{Attribute, Change, EntryId, NewEntry, Value, change, well_known};
use kdc::Refused;
use ticket::client::Credential;
use trust::Span;
use wire::Sid;
use wire::kerberos::{
    KdcOptions, KeyUsage, NameType, PaData, PaDataType, PaS4uX509User, PacOptionFlags,
    PrincipalName, Realm, S4uOptions, TicketFlags,
};
use wire::pac::{BufferType, DelegationInfo};
use wire::security_descriptor::{Ace, AceKind, SecurityDescriptor};

use crate::forge::{Granted, kerberos_time};
use crate::stage::{
    New, Old, Stage, ToSelf, app, credential, db, has_pac, pac_of, pac_options, put_pac,
    resource_based, sign_in, web, without,
};

/// Judges a message by the code of its answer; 0 is a ticket.
fn judge(stage: &mut Stage, name: &str, message: &[u8], code: i32) -> Result<(), String> {
    let judged = match code {
        0 => stage.world.given(message).map(|_| ()),
        code => stage.world.refusal(message, code).map(|_| ()),
    };
    judged.map_err(|why| format!("{name}: expected {code}, {why}"))
}

fn none_wrong(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A change to a request that is right otherwise, and the code of the answer.
type SelfCase = (&'static str, i32, fn(&mut ToSelf));

fn only_old(asked: &mut ToSelf) -> &mut Old {
    asked.new = None;
    asked.old.as_mut().unwrap()
}

fn only_new(asked: &mut ToSelf) -> &mut New {
    asked.old = None;
    asked.new.as_mut().unwrap()
}

fn judge_self(cases: &[SelfCase]) {
    let mut stage = Stage::new();
    let unchanged: [SelfCase; 1] = [("an unchanged request", 0, |_| {})];
    let mut wrong = Vec::new();
    for (name, code, make) in unchanged.iter().chain(cases).chain(&unchanged) {
        let mut asked = stage.for_alice();
        make(&mut asked);
        let message = asked.encode();
        wrong.extend(judge(&mut stage, name, &message, *code).err());
    }
    none_wrong(&wrong);
}

#[test]
fn ms_sfu_2_2_1_for_user_is_bound_to_the_session_by_hmac_md5_and_nothing_else() {
    judge_self(&[
        ("the older form alone", 0, |asked| {
            only_old(asked);
        }),
        ("another name than was signed", 41, |asked| {
            only_old(asked).name = PrincipalName::principal("bob");
        }),
        ("another type of name than was signed", 41, |asked| {
            only_old(asked).name.name_type = NameType::NT_ENTERPRISE;
        }),
        ("an altered checksum", 41, |asked| {
            only_old(asked).checksum = |mut checksum| {
                checksum[0] ^= 1;
                checksum
            };
        }),
        ("a cut checksum", 41, |asked| {
            only_old(asked).checksum = |checksum| checksum[..8].to_vec();
        }),
        ("no checksum", 41, |asked| {
            only_old(asked).checksum = |_| Vec::new();
        }),
        ("the checksum of the subkey", 41, |asked| {
            let subkey = asked.request.subkey.clone().unwrap();
            only_old(asked).key = subkey;
        }),
        ("CRC-32", 50, |asked| only_old(asked).kind = 1),
        ("MD5 without a key", 50, |asked| only_old(asked).kind = 7),
        ("SHA-1 without a key", 50, |asked| only_old(asked).kind = 14),
        ("HMAC-SHA1-96-AES256", 50, |asked| only_old(asked).kind = 16),
        ("an older form of garbage", 60, |asked| {
            (asked.old, asked.new) = (None, None);
            let garbage = PaData::new(PaDataType::FOR_USER, vec![0x30, 3, 1]);
            asked.request.others.push(garbage);
        }),
        // The newer form counts where there are both.
        ("an older form that is wrong beside a newer", 0, |asked| {
            asked.old.as_mut().unwrap().kind = 1;
        }),
    ]);
}

#[test]
fn ms_sfu_2_2_2_the_newer_form_is_bound_to_the_request_by_a_checksum_of_its_etype() {
    judge_self(&[
        ("the newer form alone", 0, |asked| {
            only_new(asked);
        }),
        ("without options", 0, |asked| {
            only_new(asked).id.options = None;
        }),
        ("with logon hours to be checked", 0, |asked| {
            only_new(asked).id.options = Some(S4uOptions::CHECK_LOGON_HOURS);
        }),
        ("under the session key, without a subkey", 0, |asked| {
            asked.request.subkey = None;
            let key = asked.request.key.clone();
            only_new(asked).key = key;
        }),
        ("the session key, in spite of a subkey", 41, |asked| {
            let key = asked.request.key.clone();
            only_new(asked).key = key;
        }),
        ("another usage", 41, |asked| {
            only_new(asked).usage = KeyUsage::PA_S4U_X509_USER_REPLY;
        }),
        ("another request's nonce", 41, |asked| {
            only_new(asked).id.nonce = 7.into();
        }),
        ("an altered checksum", 41, |asked| {
            only_new(asked).checksum = |mut checksum| {
                checksum[0] ^= 1;
                checksum
            };
        }),
        ("no checksum", 41, |asked| {
            only_new(asked).checksum = |_| Vec::new();
        }),
        ("MD5 without a key", 50, |asked| only_new(asked).kind = 7),
        ("HMAC-MD5", 50, |asked| only_new(asked).kind = -138),
        ("the checksum of another etype", 50, |asked| {
            only_new(asked).kind = 15;
        }),
        ("a newer form of garbage", 60, |asked| {
            (asked.old, asked.new) = (None, None);
            let garbage = PaData::new(PaDataType::S4U_X509_USER, vec![0x30, 3, 1]);
            asked.request.others.push(garbage);
        }),
        ("a certificate and no name", 6, |asked| {
            let new = only_new(asked);
            new.id.cname = None;
            new.id.subject_certificate = Some(vec![0x30, 0]);
        }),
        ("a name that is empty", 6, |asked| {
            only_new(asked).id.cname =
                Some(PrincipalName::new(NameType::NT_X500_PRINCIPAL, [""; 0]));
        }),
    ]);
}

#[test]
fn ms_sfu_3_2_5_1_a_service_gets_tickets_to_itself_for_people_of_the_realm() {
    judge_self(&[
        ("by the service's own name", 0, |asked| {
            asked.request.body.sname = Some(PrincipalName::principal("web$"));
        }),
        ("to another service", 36, |asked| {
            asked.request.body.sname = Some(db());
        }),
        ("to a computer", 36, |asked| {
            let host = PrincipalName::service("host", "laptop-1.corp.example");
            asked.request.body.sname = Some(host);
        }),
        ("to the ticket-granting service", 12, |asked| {
            asked.request.body.sname = Some(PrincipalName::krbtgt("CORP.EXAMPLE"));
        }),
        ("to the service that signs people in", 36, |asked| {
            let sts = PrincipalName::service("HTTP", "sts.corp.example");
            asked.request.body.sname = Some(sts);
        }),
        ("to the service that changes passwords", 12, |asked| {
            asked.request.body.sname = Some(PrincipalName::service("kadmin", "changepw"));
        }),
        ("to an unknown service", 7, |asked| {
            asked.request.body.sname = Some(PrincipalName::service("http", "no.corp.example"));
        }),
        ("for nobody", 6, |asked| {
            asked.name(PrincipalName::principal("nobody"));
        }),
        ("for krbtgt", 6, |asked| {
            asked.name(PrincipalName::principal("krbtgt"));
        }),
        ("for the ticket-granting service", 6, |asked| {
            asked.name(PrincipalName::krbtgt("CORP.EXAMPLE"));
        }),
        ("for the service that changes passwords", 6, |asked| {
            asked.name(PrincipalName::service("kadmin", "changepw"));
        }),
        ("for a computer without its sign", 6, |asked| {
            asked.name(PrincipalName::principal("LAPTOP-1"));
        }),
        ("for a computer", 0, |asked| {
            asked.name(PrincipalName::principal("LAPTOP-1$"));
        }),
        ("for itself", 0, |asked| {
            asked.name(PrincipalName::principal("web$"));
        }),
        ("for a person by an enterprise name", 0, |asked| {
            asked.name(PrincipalName::enterprise("alice@corp.example"));
        }),
        ("by an enterprise name without a suffix", 0, |asked| {
            asked.name(PrincipalName::enterprise("alice"));
        }),
        ("by a foreign enterprise name", 6, |asked| {
            asked.name(PrincipalName::enterprise("alice@other.example"));
        }),
        ("for a person of another realm", 12, |asked| {
            asked.realm("OTHER.EXAMPLE");
        }),
        ("with a realm in small letters", 12, |asked| {
            asked.realm("corp.example");
        }),
        ("with one that may be put right", 0, |asked| {
            asked.realm("corp.example");
            asked.request.body.kdc_options |= KdcOptions::CANONICALIZE;
        }),
        ("forwarded", 13, |asked| {
            asked.request.body.kdc_options |= KdcOptions::FORWARDED;
        }),
        ("as a proxy", 13, |asked| {
            asked.request.body.kdc_options |= KdcOptions::PROXY;
        }),
        ("renewed", 13, |asked| {
            asked.request.body.kdc_options |= KdcOptions::RENEW;
        }),
        ("validated", 13, |asked| {
            asked.request.body.kdc_options |= KdcOptions::VALIDATE;
        }),
        ("by evidence, too", 13, |asked| {
            asked.request.body.kdc_options |= KdcOptions::CNAME_IN_ADDL_TKT;
            let ticket = asked.request.ticket.clone();
            asked.request.body.additional_tickets = Some([ticket].into());
        }),
        ("with an altered body", 41, |asked| {
            asked.request.checksum = false;
            asked.request.authenticator.cksum = Some(wire::kerberos::Checksum {
                cksumtype: wire::kerberos::ChecksumType(16),
                checksum: vec![0; 12],
            });
        }),
    ]);
}

/// What an account is before a service asks for it, the code, and whether the ticket is forwardable.
type State = (&'static str, i32, bool, fn(&mut Stage));

#[test]
fn ms_sfu_3_2_5_1_2_what_the_accounts_are_decides_over_the_ticket() {
    const TRUSTED: AccountControl = AccountControl::TRUSTED_TO_AUTHENTICATE_FOR_DELEGATION;
    let cases: &[State] = &[
        ("trusted, with a list", 0, true, |_| {}),
        ("trusted, without a list", 0, true, |stage| {
            stage.delegates(stage.web, &[]);
        }),
        ("not trusted, without a list", 0, true, |stage| {
            stage.distrust(stage.web, TRUSTED);
            stage.delegates(stage.web, &[]);
        }),
        ("not trusted, with a list", 0, false, |stage| {
            stage.distrust(stage.web, TRUSTED);
        }),
        ("a sensitive person", 0, false, |stage| {
            stage.trust(stage.world.alice, AccountControl::NOT_DELEGATED);
        }),
        ("a protected person", 0, false, |stage| {
            protect(stage, stage.world.alice);
        }),
        ("a person who must use a smart card", 0, true, |stage| {
            stage.trust(stage.world.alice, AccountControl::SMARTCARD_REQUIRED);
        }),
        ("a person whose password is over", 0, true, |stage| {
            let alice = stage.world.alice;
            stage.world.commit(&[change::expire_password(alice)]);
        }),
        ("a disabled person", 18, false, |stage| {
            stage.trust(stage.world.alice, AccountControl::ACCOUNT_DISABLE);
        }),
        ("an expired person", 18, false, |stage| {
            let (alice, now) = (stage.world.alice, stage.world.now);
            let expires = change::set(alice, Attribute::AccountExpires, now);
            stage.world.commit(&[expires]);
        }),
        ("a person who is gone", 6, false, |stage| {
            let id = stage.world.alice;
            stage.world.commit(&[Change::Delete { id }]);
        }),
        ("a disabled service", 18, false, |stage| {
            stage.trust(stage.web, AccountControl::ACCOUNT_DISABLE);
        }),
        ("a service that is gone", 20, false, |stage| {
            let id = stage.web;
            stage.world.commit(&[Change::Delete { id }]);
        }),
    ];
    let mut wrong = Vec::new();
    for (name, code, forwardable, make) in cases {
        let mut stage = Stage::new();
        make(&mut stage);
        let mut asked = stage.for_alice();
        let message = asked.encode();
        if let Err(why) = judge(&mut stage, name, &message, *code) {
            wrong.push(why);
        } else if *code == 0 {
            let reply = stage.world.given(&message).unwrap();
            let given = credential(&asked.request, &reply);
            if given.flags.contains(TicketFlags::FORWARDABLE) != *forwardable {
                wrong.push(format!("{name}: {:?}", given.flags));
            }
        }
    }
    none_wrong(&wrong);
}

fn protect(stage: &mut Stage, member: EntryId) {
    let snapshot = stage.world.directory.snapshot().unwrap();
    let domain = snapshot.domain().sid;
    let sid = domain.with_rid(well_known::PROTECTED_USERS).unwrap();
    let group = snapshot.group_by_sid(&sid).unwrap().unwrap().id;
    drop(snapshot);
    let add = Change::AddMember { group, member };
    stage.world.commit(&[add]);
}

#[test]
fn a_service_s_own_ticket_and_wish_limit_what_it_gets_for_others() {
    let mut stage = Stage::new();
    let mut asked = stage.for_alice();
    asked.request.body.kdc_options = KdcOptions::RENEWABLE;
    asked.request.body.rtime = Some(kerberos_time(stage.world.now + Span::days(7)));
    let message = asked.encode();
    let reply = stage.world.given(&message).unwrap();
    let given = credential(&asked.request, &reply);
    let never = TicketFlags::FORWARDABLE | TicketFlags::PROXIABLE | TicketFlags::RENEWABLE;
    assert!(!given.flags.intersects(never), "{:?}", given.flags);
    assert_eq!((given.renew_till, given.end), (None, stage.own.end));
    assert!(!given.flags.contains(TicketFlags::INITIAL));

    stage.trust(stage.web, AccountControl::NOT_DELEGATED);
    stage.own = sign_in(&mut stage.world, stage.web, "web$");
    let mut asked = stage.for_alice();
    let message = asked.encode();
    let reply = stage.world.given(&message).unwrap();
    let given = credential(&asked.request, &reply);
    assert!(!given.flags.contains(TicketFlags::FORWARDABLE));
}

#[test]
fn a_ticket_that_a_service_asked_for_says_so_and_names_the_person() {
    let mut stage = Stage::new();
    let mut asked = stage.for_alice();
    asked.name(PrincipalName::enterprise("alice@corp.example"));
    let message = asked.encode();
    let reply = stage.world.given(&message).unwrap();
    let given = credential(&asked.request, &reply);
    assert!(given.client.is_same(&PrincipalName::principal("alice")));
    let (part, pac) = stage.read(stage.web, &given.ticket);
    assert!(part.cname.is_same(&given.client));
    let account = stage.world.account(stage.web);
    let (part, key) = ticket::open(&given.ticket, &account.keys).unwrap();
    let believed = ticket::pac::verify_evidence(&part, key, &stage.world.krbtgt().keys).unwrap();
    let info = believed.logon_info().unwrap();
    assert_eq!(info.effective_name, "alice");
    let sids: Vec<Sid> = info.extra_sids.iter().map(|extra| extra.sid).collect();
    assert_eq!(sids, [Sid::SERVICE_ASSERTED_IDENTITY]);
    assert_eq!(believed.delegation_info(), Ok(None));
    assert!(pac.buffer(BufferType::REQUESTOR).is_none());
    assert!(pac.buffer(BufferType::ATTRIBUTES_INFO).is_none());

    let exchange = stage.world.exchange.as_ref().unwrap();
    assert_eq!(exchange.client.as_deref(), Some("web$"));
    assert_eq!(exchange.for_user.as_deref(), Some("alice"));

    let reply = wire::kerberos::TgsRep::decode(&reply).unwrap();
    let said = PaData::find(&reply.padata, PaDataType::S4U_X509_USER).unwrap();
    let said = PaS4uX509User::decode(said).unwrap();
    assert_eq!(said.user_id.cname.as_ref(), Some(&given.client));
    assert_eq!(said.user_id.nonce, asked.request.body.nonce);
    let subkey = asked.request.subkey.as_ref().unwrap();
    let usage = KeyUsage::PA_S4U_X509_USER_REPLY;
    let covered = said.user_id.as_bytes();
    assert!(
        subkey
            .verify_checksum(usage, covered, &said.checksum.checksum)
            .is_ok()
    );
}

#[test]
fn the_older_form_gets_no_answer_of_the_newer_and_a_refusal_names_the_person_in_the_log() {
    let mut stage = Stage::new();
    let mut asked = stage.for_alice();
    asked.new = None;
    let message = asked.encode();
    let reply = stage.world.given(&message).unwrap();
    let reply = wire::kerberos::TgsRep::decode(&reply).unwrap();
    assert!(PaData::find(&reply.padata, PaDataType::S4U_X509_USER).is_none());

    stage.trust(stage.world.alice, AccountControl::ACCOUNT_DISABLE);
    let message = stage.for_alice().encode();
    stage.world.refusal(&message, 18).unwrap();
    let exchange = stage.world.exchange.as_ref().unwrap();
    assert_eq!(exchange.for_user.as_deref(), Some("alice"));
}

/// A change to the domain and to the evidence, then to the request.
struct ProxyCase {
    name: &'static str,
    code: i32,
    before: fn(&mut Stage),
    evidence: fn(&mut Stage, Credential) -> wire::kerberos::Ticket,
    target: fn() -> PrincipalName,
    request: fn(&mut Granted),
}

const PLAIN: ProxyCase = ProxyCase {
    name: "constrained delegation",
    code: 0,
    before: |_| {},
    evidence: |_, shown| shown.ticket,
    target: app,
    request: |_| {},
};

fn judge_proxy(cases: &[ProxyCase]) {
    let mut wrong = Vec::new();
    for case in cases {
        let mut stage = Stage::new();
        // The same service gets a ticket before.
        let shown = stage.comes_to(web());
        let message = stage.proxy(&shown.ticket, app()).encode();
        wrong.extend(judge(&mut stage, "as it should be", &message, 0).err());
        (case.before)(&mut stage);
        let evidence = (case.evidence)(&mut stage, shown);
        let mut request = stage.proxy(&evidence, (case.target)());
        (case.request)(&mut request);
        let message = request.encode();
        wrong.extend(judge(&mut stage, case.name, &message, case.code).err());
    }
    none_wrong(&wrong);
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
    ]);
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
    ]);
}

/// A ticket of alice's to `web` that she did not want forwardable.
fn not_forwardable(stage: &mut Stage) -> Credential {
    let alice = stage.alice.clone();
    let mut request = Granted::new(&alice, web(), stage.world.now, &mut stage.world.rng);
    request.body.kdc_options = KdcOptions::NONE;
    let reply = stage.world.given(&request.encode()).unwrap();
    credential(&request, &reply)
}

/// CVE-2020-17049: the service has the key, and writes into the ticket that it is forwardable.
fn flipped(stage: &mut Stage, _: Credential) -> wire::kerberos::Ticket {
    let shown = not_forwardable(stage);
    stage.altered(&shown.ticket, |part| part.flags |= TicketFlags::FORWARDABLE)
}

#[test]
fn security_2_evidence_is_believed_only_as_it_was_given() {
    fn re_signed(
        stage: &mut Stage,
        shown: &Credential,
        alter: impl FnOnce(&mut wire::pac::Pac) -> wire::pac::Pac,
    ) -> wire::kerberos::Ticket {
        let account = stage.world.account(stage.web);
        let (_, key) = ticket::open(&shown.ticket, &account.keys).unwrap();
        stage.altered(&shown.ticket, |part| {
            let mut pac = alter(&mut pac_of(part));
            // With the service's own key, which is what it has.
            if pac.signature(BufferType::SERVER_CHECKSUM).is_some() {
                let kinds = [BufferType::SERVER_CHECKSUM, BufferType::KDC_CHECKSUM];
                let covered = pac.with_zeroed_signatures(&kinds);
                let usage = KeyUsage::KERB_NON_KERB_CKSUM_SALT;
                let checksum = key.key.checksum(usage, &covered);
                let _ = pac.set_signature(BufferType::SERVER_CHECKSUM, &checksum);
            }
            put_pac(part, pac.as_bytes());
        })
    }
    fn left_out(stage: &mut Stage, shown: &Credential, kind: BufferType) -> wire::kerberos::Ticket {
        re_signed(stage, shown, |pac| without(pac, kind).build().unwrap())
    }
    fn zeroed(stage: &mut Stage, shown: &Credential, kind: BufferType) -> wire::kerberos::Ticket {
        re_signed(stage, shown, |pac| {
            wire::pac::Pac::parse(&pac.with_zeroed_signatures(&[kind])).unwrap()
        })
    }
    fn of_type(
        stage: &mut Stage,
        shown: &Credential,
        kind: BufferType,
        checksum_type: i32,
    ) -> wire::kerberos::Ticket {
        re_signed(stage, shown, |pac| {
            let builder = without(pac, kind).signature(kind, checksum_type, 16);
            builder.build().unwrap()
        })
    }
    judge_proxy(&[
        ProxyCase {
            name: "opened and closed again",
            evidence: |stage, shown| stage.altered(&shown.ticket, |_| {}),
            ..PLAIN
        },
        ProxyCase {
            name: "not forwardable",
            code: 13,
            evidence: |stage, _| not_forwardable(stage).ticket,
            ..PLAIN
        },
        ProxyCase {
            name: "a flag that was flipped (CVE-2020-17049)",
            code: 41,
            evidence: flipped,
            ..PLAIN
        },
        ProxyCase {
            name: "a flag that was flipped in a ticket that the service asked for",
            code: 41,
            before: |stage| stage.trust(stage.world.alice, AccountControl::NOT_DELEGATED),
            evidence: |stage, _| {
                let mut asked = stage.for_alice();
                let reply = stage.world.given(&asked.encode()).unwrap();
                let shown = credential(&asked.request, &reply);
                assert!(!shown.flags.contains(TicketFlags::FORWARDABLE));
                stage.altered(&shown.ticket, |part| part.flags |= TicketFlags::FORWARDABLE)
            },
            ..PLAIN
        },
        ProxyCase {
            name: "a longer life",
            code: 41,
            evidence: |stage, shown| {
                let end = kerberos_time(stage.world.now + Span::days(9));
                stage.altered(&shown.ticket, |part| part.endtime = end)
            },
            ..PLAIN
        },
        ProxyCase {
            name: "another client",
            code: 41,
            evidence: |stage, shown| {
                stage.altered(&shown.ticket, |part| {
                    part.cname = PrincipalName::principal("bob");
                })
            },
            ..PLAIN
        },
        ProxyCase {
            name: "no PAC",
            code: 41,
            evidence: |stage, shown| {
                stage.altered(&shown.ticket, |part| part.authorization_data = None)
            },
            ..PLAIN
        },
        ProxyCase {
            name: "two PACs",
            code: 41,
            evidence: |stage, shown| {
                stage.altered(&shown.ticket, |part| {
                    let data = part.authorization_data.take().unwrap().into_vec();
                    part.authorization_data = Some([data.clone(), data].concat().into());
                })
            },
            ..PLAIN
        },
        ProxyCase {
            name: "a PAC of garbage",
            code: 41,
            evidence: |stage, shown| stage.altered(&shown.ticket, |part| put_pac(part, &[1, 2])),
            ..PLAIN
        },
        ProxyCase {
            name: "the PAC signed again with the service's key, as it was",
            evidence: |stage, shown| {
                re_signed(stage, &shown, |pac| {
                    wire::pac::Pac::parse(pac.as_bytes()).unwrap()
                })
            },
            ..PLAIN
        },
        ProxyCase {
            name: "a PAC with another group (CVE-2022-37967)",
            code: 41,
            evidence: |stage, shown| {
                re_signed(stage, &shown, |pac| {
                    let logon = pac.buffer(BufferType::LOGON_INFO).unwrap();
                    let mut info = wire::pac::ValidationInfo::parse(logon).unwrap();
                    info.group_ids[0].relative_id = 512;
                    let bytes = info.to_bytes().unwrap();
                    let kinds: Vec<_> = pac.buffers().collect();
                    let builder = kinds.into_iter().fold(
                        wire::pac::PacBuilder::new(),
                        |builder, (kind, content)| match kind {
                            BufferType::LOGON_INFO => builder.buffer(kind, bytes.clone()),
                            kind => builder.buffer(kind, content.to_vec()),
                        },
                    );
                    builder.build().unwrap()
                })
            },
            ..PLAIN
        },
        ProxyCase {
            name: "no server signature",
            code: 41,
            evidence: |stage, shown| left_out(stage, &shown, BufferType::SERVER_CHECKSUM),
            ..PLAIN
        },
        ProxyCase {
            name: "no KDC signature",
            code: 41,
            evidence: |stage, shown| left_out(stage, &shown, BufferType::KDC_CHECKSUM),
            ..PLAIN
        },
        ProxyCase {
            name: "no ticket signature",
            code: 41,
            evidence: |stage, shown| left_out(stage, &shown, BufferType::TICKET_CHECKSUM),
            ..PLAIN
        },
        ProxyCase {
            name: "no full signature",
            code: 41,
            evidence: |stage, shown| left_out(stage, &shown, BufferType::FULL_CHECKSUM),
            ..PLAIN
        },
        ProxyCase {
            name: "a KDC signature of zeros",
            code: 41,
            evidence: |stage, shown| zeroed(stage, &shown, BufferType::KDC_CHECKSUM),
            ..PLAIN
        },
        ProxyCase {
            name: "a ticket signature of zeros",
            code: 41,
            evidence: |stage, shown| zeroed(stage, &shown, BufferType::TICKET_CHECKSUM),
            ..PLAIN
        },
        ProxyCase {
            name: "a full signature of zeros",
            code: 41,
            evidence: |stage, shown| zeroed(stage, &shown, BufferType::FULL_CHECKSUM),
            ..PLAIN
        },
        ProxyCase {
            name: "a KDC signature of MD5 without a key",
            code: 41,
            evidence: |stage, shown| of_type(stage, &shown, BufferType::KDC_CHECKSUM, 7),
            ..PLAIN
        },
        ProxyCase {
            name: "a ticket signature of MD5 without a key",
            code: 41,
            evidence: |stage, shown| of_type(stage, &shown, BufferType::TICKET_CHECKSUM, 7),
            ..PLAIN
        },
        ProxyCase {
            name: "a full signature of MD5 without a key",
            code: 41,
            evidence: |stage, shown| of_type(stage, &shown, BufferType::FULL_CHECKSUM, 7),
            ..PLAIN
        },
        ProxyCase {
            name: "a ticket for a service that takes no PAC",
            code: 41,
            before: |stage| stage.trust(stage.web, AccountControl::NO_AUTH_DATA_REQUIRED),
            evidence: |stage, _| stage.comes_to(web()).ticket,
            ..PLAIN
        },
    ]);
}

#[test]
fn e_3_6_evidence_is_one_ticket_for_the_service_itself_and_for_now() {
    judge_proxy(&[
        ProxyCase {
            name: "no ticket",
            code: 13,
            request: |request| request.body.additional_tickets = None,
            ..PLAIN
        },
        ProxyCase {
            name: "two tickets",
            code: 13,
            request: |request| {
                let mut tickets = request.body.additional_tickets.take().unwrap().into_vec();
                tickets.push(tickets[0].clone());
                request.body.additional_tickets = Some(tickets.into());
            },
            ..PLAIN
        },
        ProxyCase {
            name: "a ticket for another service",
            code: 13,
            evidence: |stage, _| stage.comes_to(db()).ticket,
            ..PLAIN
        },
        ProxyCase {
            name: "a ticket for another service under the name of this one",
            code: 31,
            evidence: |stage, _| {
                let mut ticket = stage.comes_to(db()).ticket;
                ticket.sname = web();
                ticket
            },
            ..PLAIN
        },
        ProxyCase {
            name: "the person's ticket-granting ticket",
            code: 13,
            evidence: |stage, _| stage.alice.ticket.clone(),
            ..PLAIN
        },
        ProxyCase {
            name: "the service's ticket-granting ticket",
            code: 13,
            evidence: |stage, _| stage.own.ticket.clone(),
            ..PLAIN
        },
        ProxyCase {
            name: "another realm's ticket",
            code: 13,
            evidence: |_, mut shown| {
                shown.ticket.realm = Realm::from("OTHER.EXAMPLE");
                shown.ticket
            },
            ..PLAIN
        },
        ProxyCase {
            name: "an altered ticket",
            code: 31,
            evidence: |_, mut shown| {
                shown.ticket.enc_part.cipher[40] ^= 1;
                shown.ticket
            },
            ..PLAIN
        },
        ProxyCase {
            name: "an unknown key version",
            code: 44,
            evidence: |_, mut shown| {
                shown.ticket.enc_part.kvno = Some(99.into());
                shown.ticket
            },
            ..PLAIN
        },
        ProxyCase {
            name: "by the service's own name",
            evidence: |stage, _| stage.comes_to(PrincipalName::principal("web$")).ticket,
            ..PLAIN
        },
        ProxyCase {
            name: "forwarded",
            code: 13,
            request: |request| request.body.kdc_options |= KdcOptions::FORWARDED,
            ..PLAIN
        },
        ProxyCase {
            name: "renewed",
            code: 13,
            request: |request| request.body.kdc_options |= KdcOptions::RENEW,
            ..PLAIN
        },
        ProxyCase {
            name: "marked as invalid",
            code: 33,
            evidence: |stage, shown| {
                stage.altered(&shown.ticket, |part| part.flags |= TicketFlags::INVALID)
            },
            ..PLAIN
        },
        ProxyCase {
            name: "of tomorrow",
            code: 33,
            evidence: |stage, shown| {
                let start = kerberos_time(stage.world.now + Span::days(1));
                stage.altered(&shown.ticket, |part| part.starttime = Some(start))
            },
            ..PLAIN
        },
        ProxyCase {
            name: "of yesterday",
            code: 32,
            before: |stage| {
                stage.world.advance(Span::hours(11));
                stage.own = sign_in(&mut stage.world, stage.web, "web$");
            },
            ..PLAIN
        },
    ]);
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
    ]);
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
    for (is_trusted, code) in [(true, 0), (false, 13)] {
        let mut stage = Stage::new();
        if !is_trusted {
            stage.distrust(stage.web, trusted);
        }
        let mut asked = stage.for_alice();
        let reply = stage.world.given(&asked.encode()).unwrap();
        let shown = credential(&asked.request, &reply);
        let message = stage.proxy(&shown.ticket, app()).encode();
        judge(&mut stage, "passed on", &message, code).unwrap();
        if code == 0 {
            continue;
        }
        let why = Refused::NotDelegated("the evidence is not forwardable");
        assert_eq!(stage.world.refused, Some(why));
        // One who came by herself is passed on.
        let shown = stage.comes_to(web());
        let message = stage.proxy(&shown.ticket, app()).encode();
        judge(&mut stage, "came by herself", &message, 0).unwrap();
    }
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
