//! Tickets in somebody else's name (MS-SFU; security row 2): what services get, and what they do not, each refusal
//! beside a ticket for the same service.

mod evidence;
mod proxy;

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
use crate::table::Cases;

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

fn judge_self(cases: &[SelfCase]) -> Cases {
    let mut stage = Stage::new();
    let unchanged: [SelfCase; 1] = [("an unchanged request", 0, |_| {})];
    let mut judged = Cases::new();
    for (name, code, make) in unchanged.iter().chain(cases).chain(&unchanged) {
        let mut asked = stage.for_alice();
        make(&mut asked);
        judged.judge(&mut stage.world, name, &asked.encode(), *code);
    }
    judged.beside(2)
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
    ])
    .are(13);
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
    ])
    .are(15);
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
    ])
    .are(26);
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
    let mut judged = Cases::new();
    for (name, code, forwardable, make) in cases {
        let mut stage = Stage::new();
        make(&mut stage);
        let mut asked = stage.for_alice();
        let message = asked.encode();
        if let Some(reply) = judged.judge(&mut stage.world, name, &message, *code) {
            let given = credential(&asked.request, &reply);
            if given.flags.contains(TicketFlags::FORWARDABLE) != *forwardable {
                judged.wrong(format!("{name}: {:?}", given.flags));
            }
        }
    }
    judged.are(13);
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
