//! What somebody tries who wants more than they may.

use std::collections::BTreeMap;

use crypto::etype::{Etype, Key};
use ticket::gss::{Context, Side};
use ticket::{Keys as _, Means, pac};
use trust::{Rng, Span, Timestamp};
use wire::kerberos::{
    ApOptions, ApReq, Authenticator, AuthorizationData, EncTicketPart, EncryptedData,
    EncryptionKey, EncryptionType, KerberosTime, KeyUsage, Microseconds, PrincipalName, Realm,
    TicketFlags, TransitedEncoding,
};
use wire::ldap::{PagedResults, SortKey, assertion_value, attribute_list_value, sort_keys_value};
use wire::pac::{BufferType, ClientInfo, PacBuilder, ValidationInfo};
use wire::spnego::{KerberosToken, KerberosTokenId};

use super::*;
use crate::change::NewEntry;
use crate::ldap::running::Running;
use crate::schema::{Attribute, Class};
use crate::value::Value;

const LAPTOP: &str = "CN=LAPTOP-1,CN=Computers,DC=corp,DC=example";
const HEAD: &str = "DC=corp,DC=example";

/// A token of GSSAPI with somebody's ticket for the domain controller, and what the client has of the context.
pub(super) fn token(world: &World, sam: &str, number: u64) -> (Vec<u8>, Context) {
    let rng: &mut dyn Rng = &mut Seeded::new(number);
    let snapshot = world.directory.snapshot().unwrap();
    let account = snapshot.account_by_sam(sam).unwrap().unwrap();
    let own = snapshot.domain().domain_controller;
    let service = snapshot.account_by_id(own).unwrap().unwrap();
    let krbtgt = snapshot.krbtgt().unwrap();
    let server = service.keys.newest().next().unwrap();
    let session = Key::random_to_key(Etype::Aes256CtsHmacSha1_96, &rng.bytes::<32>());
    let etype = EncryptionType(session.etype().number());
    let (now, realm) = (
        KerberosTime::from_unix(START.unix()),
        Realm::from("CORP.EXAMPLE"),
    );
    let name = PrincipalName::principal(&account.sam);
    let means = Means {
        account: account.id.0,
        key: None,
        certificate: None,
    };
    let mut part = EncTicketPart {
        flags: TicketFlags::default(),
        key: EncryptionKey {
            keytype: etype,
            keyvalue: session.bytes().to_vec(),
        },
        crealm: realm.clone(),
        cname: name.clone(),
        transited: TransitedEncoding::NONE,
        authtime: now,
        starttime: None,
        endtime: KerberosTime::from_unix(START.unix() + 3_600),
        renew_till: None,
        caddr: None,
        authorization_data: Some(AuthorizationData::from([means.element()])),
    };
    let info = ValidationInfo::new(&account.sam, snapshot.domain().sid, account.sid.rid(), 513);
    let client = ClientInfo {
        authentication_time: START.filetime(),
        name: account.sam.clone(),
    };
    let content = PacBuilder::new()
        .buffer(BufferType::LOGON_INFO, info.to_bytes().unwrap())
        .buffer(BufferType::CLIENT_INFO, client.to_bytes().unwrap());
    let kdc = krbtgt.keys.newest().next().unwrap();
    let more = vec![means.element()];
    pac::attach(&mut part, content, more, pac::For::Service, server, kdc).unwrap();
    let sname = PrincipalName::service("ldap", "dc1.corp.example");
    let ticket = ticket::seal(&part, realm.clone(), sname, server, &[1; 16]);
    let authenticator = Authenticator::new(realm, name, now, Microseconds::default());
    let sealed = EncryptedData {
        etype,
        kvno: None,
        cipher: session.encrypt(
            KeyUsage::AP_REQ_AUTHENTICATOR,
            &rng.bytes(),
            &authenticator.encode(),
        ),
    };
    let token = KerberosToken {
        id: KerberosTokenId::ApReq,
        message: &ApReq::new(ApOptions::default(), ticket, sealed).encode(),
    };
    (token.encode(), Context::new(Side::Initiator, session, 0))
}

/// RFC 4752's answer to the offer of layers: none, and the client's own name.
pub(super) fn no_layer(context: &mut Context) -> Vec<u8> {
    context.wrap(&[1, 0, 0, 0], false, &mut Seeded::new(2))
}

impl Client<'_> {
    pub(super) fn sasl(&mut self, mechanism: &str, credentials: &[u8]) -> ResultCode {
        let answered = self.ask(Operation::BindRequest(BindRequest {
            version: 3,
            name: "",
            authentication: Authentication::Sasl {
                mechanism,
                credentials: Some(credentials),
            },
        }));
        answered.code()
    }

    fn extended(&mut self, name: &str) -> ResultCode {
        let request = ExtendedRequest { name, value: None };
        self.ask(Operation::ExtendedRequest(request)).code()
    }

    fn password_modify(&mut self, old: &str, new: &str) -> ResultCode {
        let asked = PasswordModify {
            identity: None,
            old: Some(old.as_bytes()),
            new: Some(new.as_bytes()),
        };
        let value = asked.encode();
        let request = ExtendedRequest {
            name: extension_oid::PASSWORD_MODIFY,
            value: Some(&value),
        };
        self.ask(Operation::ExtendedRequest(request)).code()
    }

    /// What the session makes of a message at a moment, without going on.
    fn answer_at(&mut self, operation: Operation<'_>, now: Timestamp) -> Answer {
        let snapshot = self.world.directory.snapshot().unwrap();
        let view = View {
            snapshot: &snapshot,
            settings: &self.settings,
            lockout: &self.lockout,
            sources: &self.sources,
            failures: crate::sources::SourceLimits::default().failures,
            seen: &self.seen,
            cost: Cost::LEAST,
            host: "dc1.corp.example",
        };
        let message = Message::new(7, operation).encode();
        self.session
            .answer(&message, &self.channel, &view, now, &mut self.rng)
            .unwrap()
    }

    fn step(&mut self, running: &mut Running) -> crate::ldap::Progress {
        let snapshot = self.world.directory.snapshot().unwrap();
        let view = View {
            snapshot: &snapshot,
            settings: &self.settings,
            lockout: &self.lockout,
            sources: &self.sources,
            failures: crate::sources::SourceLimits::default().failures,
            seen: &self.seen,
            cost: Cost::LEAST,
            host: "dc1.corp.example",
        };
        self.session.go_on(running, &view, START).unwrap()
    }
}

#[test]
fn a_ticket_signs_in_once_and_until_it_ends() {
    let world = World::new();
    let mut client = Client::new(&world);
    let (first, mut context) = token(&world, "alice", 1);
    assert_eq!(
        client.sasl("GSSAPI", &first),
        ResultCode::SaslBindInProgress
    );
    assert_eq!(client.who(), "", "half a bind is none");
    assert_eq!(
        client.sasl("GSSAPI", &first),
        ResultCode::InvalidCredentials,
        "the same authenticator counts once"
    );
    assert_eq!(
        client.sasl("GSSAPI", &no_layer(&mut context)),
        ResultCode::InvalidCredentials
    );

    let (second, mut context) = token(&world, "alice", 2);
    assert_eq!(
        client.sasl("GSSAPI", &second),
        ResultCode::SaslBindInProgress
    );
    assert_eq!(
        client.sasl("GSSAPI", &no_layer(&mut context)),
        ResultCode::Success
    );
    assert_eq!(client.who(), "u:CORP\\alice");
    let request = || {
        Operation::CompareRequest(CompareRequest {
            name: ALICE,
            attribute: "cn",
            value: b"Alice Example",
        })
    };
    for (later, code) in [
        (Span::minutes(59), ResultCode::CompareTrue),
        (Span::minutes(61), ResultCode::OperationsError),
    ] {
        let Answer::Now(messages) = client.answer_at(request(), START + later) else {
            panic!("a comparison is answered at once");
        };
        assert_eq!(read(&messages).code(), code);
    }
}

#[test]
fn a_bind_goes_on_by_its_own_mechanism_with_nothing_in_between() {
    let world = World::new();
    let mut client = Client::new(&world);
    let (begun, mut context) = token(&world, "alice", 1);
    client.sasl("GSSAPI", &begun);
    let choice = no_layer(&mut context);
    assert_eq!(
        client.sasl("GSS-SPNEGO", &choice),
        ResultCode::InvalidCredentials
    );
    assert_eq!(
        client.sasl("GSSAPI", &choice),
        ResultCode::InvalidCredentials
    );

    let (begun, mut context) = token(&world, "alice", 2);
    client.sasl("GSSAPI", &begun);
    assert_eq!(client.who(), "");
    assert_eq!(
        client.sasl("GSSAPI", &no_layer(&mut context)),
        ResultCode::InvalidCredentials,
        "something came in between"
    );

    // What was begun for whoever listened does not end within TLS; nor does TLS begin within a layer.
    let (begun, mut context) = token(&world, "alice", 3);
    (client.channel.encrypted, client.channel.signed) = (false, false);
    client.channel.start_tls = true;
    client.sasl("GSSAPI", &begun);
    assert_eq!(
        client.extended(extension_oid::START_TLS),
        ResultCode::Success
    );
    (client.channel.encrypted, client.channel.signed) = (true, true);
    assert_eq!(
        client.sasl("GSSAPI", &no_layer(&mut context)),
        ResultCode::InvalidCredentials
    );
    assert_eq!(
        client.extended(extension_oid::START_TLS),
        ResultCode::OperationsError
    );
}

#[test]
fn what_is_no_ticket_of_ours_does_not_fill_the_log() {
    let world = World::new();
    let mut client = Client::new(&world);
    let (good, _) = token(&world, "alice", 1);
    let mut broken = good.clone();
    // In the ticket's cipher.
    let place = broken.len() / 2;
    broken[place] ^= 1;
    for garbage in [&b""[..], b"garbage", &broken] {
        assert_eq!(
            client.sasl("GSSAPI", garbage),
            ResultCode::InvalidCredentials
        );
    }
    assert_eq!(audited(&world, "sign-in.ldap"), 0);
    client.sasl("GSSAPI", &good);
    assert_eq!(client.sasl("GSSAPI", &good), ResultCode::InvalidCredentials);
    client.sasl("GSSAPI", &good);
    assert!(
        audited(&world, "sign-in.ldap") > 0,
        "a replay is somebody's"
    );
}

#[test]
fn a_session_that_was_left_open_guesses_no_password() {
    let world = World::new();
    with_password(&world, "alice");
    let mut client = Client::by_certificate(&world, world.named("alice"));
    for _ in 0..10 {
        assert_eq!(
            client.password_modify("wrong", "another horse battery"),
            ResultCode::ConstraintViolation
        );
    }
    let snapshot = world.directory.snapshot().unwrap();
    let policy = snapshot.lockout_policy().unwrap();
    let alice = snapshot.account_by_sam("alice").unwrap().unwrap();
    assert!(client.lockout.is_locked_out(&alice, &policy, START));
    assert_eq!(
        client.bind("alice", PASSWORD),
        ResultCode::InvalidCredentials
    );
}

#[test]
fn a_password_that_must_be_changed_ends_the_sessions_that_it_began() {
    let world = World::new();
    with_password(&world, "alice");
    let mut client = Client::new(&world);
    assert_eq!(client.bind("alice", PASSWORD), ResultCode::Success);
    assert_eq!(client.who(), "u:CORP\\alice");
    let mut administrator = Client::administrator(&world);
    let expire: &[Step<'_>] = &[(ModificationKind::Replace, "pwdLastSet", &[b"0"])];
    assert_eq!(
        administrator.modify(ALICE, expire).code(),
        ResultCode::Success
    );
    assert_eq!(client.who(), "");
}

#[test]
fn a_search_ends_with_the_rights_of_who_began_it() {
    let world = World::new();
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    let request = || Operation::SearchRequest(search("(objectClass=*)", vec!["cn"]));
    for disabled in [false, true] {
        let Answer::Search(mut running) = alice.answer_at(request(), START) else {
            panic!("who signed in searches");
        };
        if disabled {
            let id = world.named("alice");
            let control = [crate::Edit::set(Attribute::UserAccountControl, 514_i64)];
            world.commit([change::modify(id, control.into())]);
        }
        let progress = alice.step(&mut running);
        let answered = read(&progress.messages);
        assert!(progress.done);
        assert_eq!(answered.entries.is_empty(), disabled);
        let code = match disabled {
            true => ResultCode::OperationsError,
            false => ResultCode::Success,
        };
        assert_eq!(answered.code(), code);
    }
}

/// Every entry with its members and keys.
fn everything(world: &World) -> BTreeMap<EntryId, String> {
    let snapshot = world.directory.snapshot().unwrap();
    let entries = snapshot.entries_after(None, 10_000).unwrap();
    entries
        .into_iter()
        .map(|entry| {
            let members = match entry.class {
                Class::Group => snapshot.members(entry.id, None, 1_000).unwrap(),
                _ => Vec::new(),
            };
            (entry.id, format!("{entry:?} {members:?}"))
        })
        .collect()
}

#[test]
fn nobody_rises_by_what_they_may_write() {
    use ModificationKind::{Add, Delete, Increment, Replace};
    let world = World::new();
    drop(Client::administrator(&world));
    let before = everything(&world);
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    let mut laptop = Client::by_certificate(&world, world.named("LAPTOP-1$"));
    let descriptor = [0_u8; 20];
    let attempts: &[(&str, &[u8])] = &[
        ("userAccountControl", b"8192"),
        ("userAccountControl", b"16777728"),
        ("primaryGroupID", b"516"),
        ("primaryGroupID", b"512"),
        ("sIDHistory", b"S-1-5-21-1-2-3-512"),
        ("objectSid", b"S-1-5-21-1-2-3-500"),
        ("servicePrincipalName", b"HTTP/sts.corp.example"),
        ("msDS-AllowedToActOnBehalfOfOtherIdentity", &descriptor),
        ("msDS-AllowedToDelegateTo", b"ldap/dc1.corp.example"),
        ("altSecurityIdentities", b"X509:<SKI>00"),
        ("sAMAccountName", b"DC1"),
        ("userPrincipalName", b"boss@corp.example"),
        ("dNSHostName", b"dc1.corp.example"),
        ("member", ALICE.as_bytes()),
        ("memberOf", b"CN=Domain Admins,CN=Users,DC=corp,DC=example"),
        ("mail", b"boss@corp.example"),
        ("uidNumber", b"0"),
        ("gidNumber", b"0"),
        ("objectClass", b"posixAccount"),
        ("objectClass", b"computer"),
        ("adminCount", b"0"),
        ("pwdLastSet", b"-1"),
        ("lockoutTime", b"0"),
        ("accountExpires", b"0"),
        ("msDS-SupportedEncryptionTypes", b"4"),
        ("unicodePwd", b"\"\0a\0\"\0"),
        ("userPassword", b"a long enough password"),
        ("supplementalCredentials", b"x"),
        ("keyporch-SecondFactor", b"x"),
        ("msDS-KeyCredentialLink", b"B:2:00:CN=x"),
        ("cn", b"The Boss"),
        ("name", b"The Boss"),
        (
            "distinguishedName",
            b"CN=The Boss,OU=People,DC=corp,DC=example",
        ),
        ("objectGUID", b"0123456789abcdef"),
        ("msDS-CreatorSID", b"S-1-5-21-1-2-3-500"),
        ("ms-DS-MachineAccountQuota", b"1000"),
    ];
    for (attribute, value) in attempts {
        for (client, own) in [(&mut alice, ALICE), (&mut laptop, LAPTOP)] {
            for target in [
                own,
                "CN=Domain Admins,CN=Users,DC=corp,DC=example",
                HEAD,
                BOB,
            ] {
                for kind in [Add, Replace, Delete, Increment] {
                    let code = client.modify(target, &[(kind, attribute, &[value])]).code();
                    assert_ne!(
                        code,
                        ResultCode::Success,
                        "{kind:?} {attribute} of {target}"
                    );
                }
            }
        }
    }
    for client in [&mut alice, &mut laptop] {
        for (name, new_rdn, new_superior) in [
            (ALICE, "CN=The Boss", None),
            (
                LAPTOP,
                "CN=LAPTOP-1",
                Some("OU=Domain Controllers,DC=corp,DC=example"),
            ),
            (LAPTOP, "CN=DC1", None),
            ("CN=Domain Admins,CN=Users,DC=corp,DC=example", "CN=x", None),
        ] {
            let request = ModifyDnRequest {
                name,
                new_rdn,
                delete_old_rdn: true,
                new_superior,
            };
            let code = client.ask(Operation::ModifyDnRequest(request)).code();
            assert_eq!(code, ResultCode::InsufficientAccessRights);
        }
        for name in [ALICE, LAPTOP, BOB, "OU=People,DC=corp,DC=example"] {
            let code = client.ask(Operation::DelRequest(name)).code();
            assert_eq!(code, ResultCode::InsufficientAccessRights);
        }
        for (name, class) in [
            ("CN=new,OU=People,DC=corp,DC=example", "user"),
            (
                "CN=new,OU=Domain Controllers,DC=corp,DC=example",
                "computer",
            ),
            ("CN=new,OU=People,DC=corp,DC=example", "group"),
            ("CN=new,CN=Computers,DC=corp,DC=example", "user"),
            (
                "CN=new,CN=Computers,DC=corp,DC=example",
                "msDS-ManagedServiceAccount",
            ),
        ] {
            let code = client.add(name, &[("objectClass", &[class])]).code();
            assert_eq!(code, ResultCode::InsufficientAccessRights, "{name} {class}");
        }
    }
    assert_eq!(everything(&world), before);
}

#[test]
fn a_computer_lists_one_key_whether_at_once_or_one_after_the_other() {
    use ModificationKind::{Add, Replace};
    let world = World::new();
    let value = |seed: u64| {
        let value = DnBinary {
            binary: key_credential(&mut Seeded::new(seed), None),
            dn: LAPTOP.to_owned(),
        };
        value.to_string().into_bytes()
    };
    let (first, second) = (value(1), value(2));
    let attribute = "msDS-KeyCredentialLink";
    let mut laptop = Client::by_certificate(&world, world.named("LAPTOP-1$"));
    let both: [&[u8]; 2] = [&first, &second];
    for steps in [
        &[(Add, attribute, both.as_slice())][..],
        &[(Replace, attribute, &both)],
        &[(Add, attribute, &both[..1]), (Add, attribute, &both[1..])],
    ] {
        assert_eq!(
            laptop.modify(LAPTOP, steps).code(),
            ResultCode::ConstraintViolation
        );
    }
    assert_eq!(
        laptop
            .modify(LAPTOP, &[(Add, attribute, &both[..1])])
            .code(),
        ResultCode::Success
    );
    assert_eq!(
        laptop
            .modify(LAPTOP, &[(Add, attribute, &both[1..])])
            .code(),
        ResultCode::ConstraintViolation
    );
    assert_eq!(
        laptop.modify(ALICE, &[(Add, attribute, &both[1..])]).code(),
        ResultCode::ConstraintViolation,
        "it names another"
    );
}

#[test]
fn a_new_entry_brings_keys_of_its_own_over_a_connection_that_is_kept() {
    let world = World::new();
    let name = "CN=new,OU=People,DC=corp,DC=example";
    let value = |dn: &str| {
        let binary = key_credential(&mut Seeded::new(1), None);
        let dn = dn.to_owned();
        DnBinary { binary, dn }.to_string()
    };
    let mut administrator = Client::administrator(&world);
    let mut add = |value: &str, signed: bool| {
        administrator.channel.signed = signed;
        let key: &[(&str, &[&str])] = &[
            ("objectClass", &["user"]),
            ("msDS-KeyCredentialLink", &[value]),
        ];
        administrator.add(name, key).code()
    };
    assert_eq!(add(&value(BOB), true), ResultCode::ConstraintViolation);
    assert_eq!(
        add(&value(name), false),
        ResultCode::ConfidentialityRequired
    );
    assert_eq!(add(&value(name), true), ResultCode::Success);
}

#[test]
fn what_is_confidential_shows_by_no_way_round() {
    let world = World::new();
    let registration = world
        .directory
        .domain()
        .unwrap()
        .device_registration_service;
    let secret = vec![Value::Octets(b"certificate".to_vec())];
    let hidden = Attribute::MsDsIssuerCertificates;
    world.commit([change::modify(
        registration,
        vec![crate::Edit::Set(hidden, secret)],
    )]);
    let name = format!("<GUID={}>", registration.0);
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    let asserted = |filter: &str| {
        let filter = filter.parse::<Filter<'static>>().unwrap();
        let value = assertion_value(&filter);
        let mut control = Control::new(control_oid::ASSERTION, Some(value));
        control.critical = true;
        vec![control]
    };
    let mut codes = Vec::new();
    for guess in ["certificate", "another"] {
        let compare = |attribute, value| {
            Operation::CompareRequest(CompareRequest {
                name: &name,
                attribute,
                value,
            })
        };
        let filter = format!("(msDS-IssuerCertificates={guess})");
        let found = alice.ask(compare("msDS-IssuerCertificates", guess.as_bytes()));
        let held = alice.ask_with(compare("cn", b"x"), asserted(&filter));
        let searched = alice.search("(cn=*)", vec!["1.1"], asserted(&filter));
        let negated = alice.search(&format!("(!{filter})"), vec!["1.1"], vec![]);
        let written = alice.modify_with(
            &name,
            &[(
                ModificationKind::Delete,
                "msDS-IssuerCertificates",
                &[guess.as_bytes()],
            )],
            asserted(&filter),
        );
        assert!(negated.entries.is_empty());
        assert_eq!(written.code(), ResultCode::InsufficientAccessRights);
        codes.push([found, held, searched, written].map(|answered| answered.result));
    }
    assert_eq!(
        codes[0], codes[1],
        "right and wrong guesses are answered alike"
    );
    let key = SortKey {
        attribute: "msDS-IssuerCertificates".to_owned(),
        rule: None,
        reverse: false,
    };
    let mut sort = Control::new(control_oid::SORT_REQUEST, Some(sort_keys_value(&[key])));
    sort.critical = true;
    assert_eq!(
        alice.search("(cn=*)", vec!["1.1"], vec![sort]).code(),
        ResultCode::UnavailableCriticalExtension
    );
    // One's own entry before and after a change: what is never shown is not shown there either.
    let all = attribute_list_value(&["*", "+", "unicodePwd", "keyporch-PasswordHash"]);
    with_password(&world, "alice");
    let answered = alice.modify_with(
        ALICE,
        &[(ModificationKind::Replace, "telephoneNumber", &[b"1"])],
        vec![
            Control::new(control_oid::PRE_READ, Some(all.clone())),
            Control::new(control_oid::POST_READ, Some(all)),
        ],
    );
    assert_eq!(answered.code(), ResultCode::Success);
    assert_eq!(answered.controls.len(), 2);
    for (_, entry) in &answered.controls {
        let text = String::from_utf8_lossy(entry).to_ascii_lowercase();
        assert!(text.contains("samaccountname") && !text.contains("keyporch-"));
        assert!(!text.contains("unicodepwd"));
    }
}

#[test]
fn an_assertion_that_does_not_hold_stops_what_only_reads_too() {
    let world = World::new();
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    let asserted = |filter: &str| {
        let filter = filter.parse::<Filter<'static>>().unwrap();
        let mut control = Control::new(control_oid::ASSERTION, Some(assertion_value(&filter)));
        control.critical = true;
        vec![control]
    };
    let compare = || {
        Operation::CompareRequest(CompareRequest {
            name: ALICE,
            attribute: "cn",
            value: b"Alice Example",
        })
    };
    let held = alice.ask_with(compare(), asserted("(sn=Example)"));
    assert_eq!(held.code(), ResultCode::CompareTrue);
    let failed = alice.ask_with(compare(), asserted("(sn=Other)"));
    assert_eq!(failed.code(), ResultCode::AssertionFailed);
    let held = alice.search("(cn=Bob)", vec!["1.1"], asserted("(objectClass=domainDNS)"));
    assert_eq!(held.names(), [BOB]);
    let failed = alice.search("(cn=Bob)", vec!["1.1"], asserted("(objectClass=user)"));
    assert_eq!(failed.code(), ResultCode::AssertionFailed);
    let request = AddRequest {
        name: "CN=PC1,CN=Computers,DC=corp,DC=example",
        attributes: vec![WireAttribute {
            description: "objectClass",
            values: vec![b"computer"],
        }],
    };
    let added = alice.ask_with(Operation::AddRequest(request), asserted("(cn=no)"));
    assert_eq!(added.code(), ResultCode::UnavailableCriticalExtension);
}

#[test]
fn long_names_and_many_values_take_no_more_than_they_are() {
    let world = World::new();
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    // With work that grows with the square these would take minutes.
    let long = format!("{}{HEAD}", "CN=x,".repeat(100_000));
    let answered = alice.ask(Operation::DelRequest(&long));
    assert_eq!(answered.code(), ResultCode::NoSuchObject);
    assert_eq!(answered.result.matched, HEAD);
    let texts: Vec<String> = (0..100_000).map(|number| number.to_string()).collect();
    let values: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    let many: &[Step<'_>] = &[(ModificationKind::Add, "url", &values)];
    assert_eq!(
        alice.modify(ALICE, many).code(),
        ResultCode::AdminLimitExceeded
    );
    let one: Step<'_> = (ModificationKind::Add, "url", &[b"x"]);
    assert_eq!(
        alice.modify(ALICE, &vec![one; 100_000]).code(),
        ResultCode::AdminLimitExceeded
    );
    let large = vec![7; 300_000];
    let photo: &[Step<'_>] = &[(ModificationKind::Replace, "jpegPhoto", &[&large])];
    assert_eq!(
        alice.modify(ALICE, photo).code(),
        ResultCode::ConstraintViolation
    );
    let name = "x".repeat(1_000_000);
    let answered = alice.modify(ALICE, &[(ModificationKind::Add, &name, &[b"x"])]);
    assert!(answered.result.message.len() <= 1_024);
    let asked = vec!["cn"; 100_000];
    let found = alice.search("(objectClass=*)", asked, vec![]);
    assert!(found.entries.iter().all(|(_, shown)| shown.len() <= 1));
}

#[test]
fn all_chains_of_a_filter_follow_so_many_links_together() {
    let world = World::new();
    let snapshot = world.directory.snapshot().unwrap();
    let users = snapshot.domain().users;
    drop(snapshot);
    let group = world.named("outer");
    let changes = (0..100_u64).flat_map(|number| {
        let id = EntryId::random(&mut Seeded::new(1_000 + number));
        let name = format!("user{number}");
        [
            NewEntry::user(id, users, &name, &name).into(),
            Change::AddMember { group, member: id },
        ]
    });
    world.commit(changes.collect::<Vec<Change>>());
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    let part = "(memberOf:1.2.840.113556.1.4.1941:=CN=outer,OU=People,DC=corp,DC=example)";
    for (parts, code) in [
        (10, ResultCode::Success),
        (1_000, ResultCode::AdminLimitExceeded),
    ] {
        let filter = format!("(|{})", part.repeat(parts));
        assert_eq!(alice.search(&filter, vec!["1.1"], vec![]).code(), code);
    }
}

#[test]
fn what_waits_for_a_client_is_small_and_nothing_is_missing_or_twice() {
    let world = World::new();
    let users = world.directory.domain().unwrap().users;
    for number in 0..40_u64 {
        let id = EntryId::random(&mut Seeded::new(1_000 + number));
        let name = format!("user{number:02}");
        let entry = NewEntry::user(id, users, &name, &name)
            .with(Attribute::JpegPhoto, Value::Octets(vec![7; 20_000]));
        world.commit([entry.into()]);
    }
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    let sort = |attribute: &str| {
        let key = SortKey {
            attribute: attribute.to_owned(),
            rule: None,
            reverse: true,
        };
        Control::new(control_oid::SORT_REQUEST, Some(sort_keys_value(&[key])))
    };
    let page = || {
        let page = PagedResults {
            size: 500,
            cookie: Vec::new(),
        };
        Control::new(control_oid::PAGED_RESULTS, Some(page.encode()))
    };
    for (filter, controls) in [
        ("(jpegPhoto=*)", vec![]),
        ("(sAMAccountName=user*)", vec![]),
        ("(jpegPhoto=*)", vec![page()]),
        ("(jpegPhoto=*)", vec![sort("cn")]),
    ] {
        let sorted = controls
            .iter()
            .any(|one: &Control<'_>| one.oid == control_oid::SORT_REQUEST);
        let mut message = Message::new(7, Operation::SearchRequest(search(filter, vec![])));
        message.controls = controls;
        let snapshot = world.directory.snapshot().unwrap();
        let view = View {
            snapshot: &snapshot,
            settings: &alice.settings,
            lockout: &alice.lockout,
            sources: &alice.sources,
            failures: crate::sources::SourceLimits::default().failures,
            seen: &alice.seen,
            cost: Cost::LEAST,
            host: "dc1.corp.example",
        };
        let answer = alice.session.answer(
            &message.encode(),
            &alice.channel,
            &view,
            START,
            &mut Seeded::new(1),
        );
        let Ok(Answer::Search(mut running)) = answer else {
            panic!("who signed in searches");
        };
        let mut messages = Vec::new();
        loop {
            let progress = alice.session.go_on(&mut running, &view, START).unwrap();
            let waiting: usize = progress.messages.iter().map(Vec::len).sum();
            assert!(waiting < 200_000, "{waiting} bytes wait for {filter}");
            messages.extend(progress.messages);
            if progress.done {
                break;
            }
        }
        let answered = read(&messages);
        assert_eq!(answered.code(), ResultCode::Success);
        let mut names: Vec<&str> = answered.names();
        if sorted {
            assert!(names.is_sorted_by(|one, other| one >= other));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!((names.len(), answered.entries.len()), (40, 40), "{filter}");
    }
}

#[test]
fn a_page_goes_on_for_who_asks_with_what_they_may_read() {
    let world = World::new();
    let mut alice = Client::by_certificate(&world, world.named("alice"));
    let page = |cookie: Vec<u8>| {
        let page = PagedResults { size: 1, cookie };
        vec![Control::new(
            control_oid::PAGED_RESULTS,
            Some(page.encode()),
        )]
    };
    let first = alice.search("(objectClass=user)", vec!["1.1"], page(Vec::new()));
    let cookie = PagedResults::decode(&first.controls[0].1).unwrap().cookie;
    // A cookie is a place and no right: it brings nobody in, and with another filter what that finds.
    let mut nobody = Client::new(&world);
    let stolen = nobody.search("(objectClass=user)", vec!["1.1"], page(cookie.clone()));
    assert_eq!(stolen.code(), ResultCode::OperationsError);
    assert!(stolen.entries.is_empty());
    let other = alice.search("(msDS-IssuerCertificates=*)", vec![], page(cookie));
    assert!(other.entries.is_empty());
    let wrong = alice.search("(objectClass=user)", vec![], page(b"no such".to_vec()));
    assert_eq!(wrong.code(), ResultCode::UnwillingToPerform);
}
