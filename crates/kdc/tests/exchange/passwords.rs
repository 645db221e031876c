//! Passwords changed over Kerberos (RFC 3244), and what the service refuses.

use std::net::{IpAddr, Ipv4Addr};

use crypto::etype::{Etype, Key};
use crypto::key::KeyKind;
use crypto::password::Cost;
use directory::{
    AccountControl, Attribute, Change, Class, EntryId, NewEntry, change, group, well_known,
};
use kdc::{Desk, Refused, View, change_password};
use ticket::client::{Credential, Failed, Secret, Wish};
use trust::Span;
use wire::asn1::UInt32;
use wire::kerberos::{
    AddressType, ApOptions, ApReq, Authenticator, ChangePasswdData, EncApRepPart, EncKrbPrivPart,
    EncryptedData, EncryptionKey, EncryptionType, ErrorCode, HostAddress, KeyUsage, KrbPriv,
    PasswordReply, PasswordRequest, PasswordResult, PasswordResultCode, PasswordVersion,
    PrincipalName, Realm, TicketFlags,
};

use crate::forge::{kerberos_time, micros};
use crate::world::{PASSWORD, World, pair, refused};

const NEW: &str = "a much better phrase";

/// A domain in which a password may be changed at any time.
fn realm() -> World {
    let world = World::new();
    let head = world.directory.domain().unwrap().head;
    world.commit(&[change::set(head, Attribute::MinPwdAge, 0)]);
    world
}

fn service() -> PrincipalName {
    PrincipalName::service("kadmin", "changepw")
}

fn wish() -> Wish {
    Wish::service(service())
}

fn ticket(world: &mut World, name: &str, password: &str) -> Result<Credential, Failed> {
    world.ask(
        PrincipalName::principal(name),
        wish(),
        Secret::Password(password),
    )
}

/// A request on its way, as it may be altered.
struct Wanted {
    credential: Credential,
    authenticator: Authenticator,
    subkey: Key,
    version: PasswordVersion,
    data: Vec<u8>,
    sequence: Option<UInt32>,
}

impl Wanted {
    fn own(world: &mut World, credential: &Credential, password: &str) -> Self {
        let (realm, name) = (credential.client_realm.clone(), credential.client.clone());
        let now = world.now;
        let mut authenticator = Authenticator::new(realm, name, kerberos_time(now), micros(now));
        let sequence = Some(UInt32::from(u32::from_be_bytes(world.bytes())));
        authenticator.seq_number = sequence;
        Self {
            credential: credential.clone(),
            authenticator,
            subkey: Key::random_to_key(credential.key.etype(), &world.bytes()),
            version: PasswordVersion::Change,
            data: password.as_bytes().to_vec(),
            sequence,
        }
    }

    fn of(world: &mut World, credential: &Credential, whose: &str, password: &str) -> Self {
        let data = ChangePasswdData {
            newpasswd: password.as_bytes().to_vec(),
            targname: Some(PrincipalName::principal(whose)),
            targrealm: Some(Realm::from("CORP.EXAMPLE")),
        };
        Self {
            version: PasswordVersion::Set,
            data: data.encode().to_vec(),
            ..Self::own(world, credential, password)
        }
    }

    fn encode(&self, world: &mut World) -> Vec<u8> {
        let mut authenticator = self.authenticator.clone();
        authenticator.subkey = Some(EncryptionKey {
            keytype: EncryptionType(self.subkey.etype().number()),
            keyvalue: self.subkey.bytes().to_vec(),
        });
        let key = &self.credential.key;
        let usage = KeyUsage::AP_REQ_AUTHENTICATOR;
        let sealed = EncryptedData {
            etype: EncryptionType(key.etype().number()),
            kvno: None,
            cipher: key.encrypt(usage, &world.bytes(), &authenticator.encode()),
        };
        let ticket = self.credential.ticket.clone();
        let part = EncKrbPrivPart {
            user_data: self.data.clone(),
            timestamp: None,
            usec: None,
            seq_number: self.sequence,
            s_address: HostAddress {
                addr_type: AddressType::IPV4,
                address: vec![127, 0, 0, 1],
            },
            r_address: None,
        };
        let usage = KeyUsage::KRB_PRIV_ENC_PART;
        let sealed_part = EncryptedData {
            etype: EncryptionType(self.subkey.etype().number()),
            kvno: None,
            cipher: self.subkey.encrypt(usage, &world.bytes(), &part.encode()),
        };
        let request = PasswordRequest {
            version: self.version,
            ap_req: ApReq::new(ApOptions::MUTUAL_REQUIRED, ticket, sealed),
            krb_priv: KrbPriv::new(sealed_part),
        };
        request.encode().unwrap()
    }

    /// What the service says in private, after it has proven itself.
    fn open(&self, reply: &[u8]) -> PasswordResult {
        let PasswordReply::Result { ap_rep, krb_priv } = PasswordReply::decode(reply).unwrap()
        else {
            panic!("an error");
        };
        let key = &self.credential.key;
        let proof = key
            .decrypt(KeyUsage::AP_REP_ENC_PART, &ap_rep.enc_part.cipher)
            .unwrap();
        let proof = EncApRepPart::decode(&proof).unwrap();
        assert_eq!(proof.ctime, self.authenticator.ctime);
        assert_eq!(proof.cusec, self.authenticator.cusec);
        let opened = self
            .subkey
            .decrypt(KeyUsage::KRB_PRIV_ENC_PART, &krb_priv.enc_part.cipher)
            .unwrap();
        let part = EncKrbPrivPart::decode(&opened).unwrap();
        assert_eq!(part.s_address.address, [127, 0, 0, 2]);
        PasswordResult::decode(&part.user_data).unwrap()
    }

    fn send(&self, world: &mut World) -> PasswordResult {
        let message = self.encode(world);
        let (reply, _) = hand_in(world, &message);
        self.open(&reply.unwrap())
    }
}

/// Hands a message to the service; what it changes is committed.
fn hand_in(world: &mut World, message: &[u8]) -> (Option<Vec<u8>>, Vec<Change>) {
    let desk = Desk {
        from: None,
        at: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)),
        cost: Cost::LEAST,
    };
    let view = View {
        directory: world.directory.snapshot().unwrap(),
        realm: &world.realm,
        identities: &world.identities,
        issuers: &world.issuers,
        lockout: &world.lockout,
        memory: &world.memory,
    };
    let (answer, changes) = change_password(message, &desk, &view, world.now, &mut world.rng);
    let reads = view.directory.into_reads();
    if !changes.is_empty() {
        world.directory.commit(&changes, &reads, world.now).unwrap();
    }
    answer.remember(&world.memory, world.now);
    world.refused = answer.exchange.and_then(|exchange| exchange.refused);
    (answer.reply.map(|reply| reply.to_vec()), changes)
}

/// The code in an error that the service gives to who is not let in.
fn turned_away(reply: &[u8]) -> (ErrorCode, PasswordResultCode) {
    let PasswordReply::Error(error) = PasswordReply::decode(reply).unwrap() else {
        panic!("let in");
    };
    let result = PasswordResult::decode(error.e_data.as_deref().unwrap()).unwrap();
    (error.error_code, result.code)
}

#[test]
fn a_person_changes_a_password_and_every_key_follows() {
    let mut world = realm();
    let credential = ticket(&mut world, "alice", PASSWORD).unwrap();
    world.advance(Span::minutes(1));
    let result = Wanted::own(&mut world, &credential, NEW).send(&mut world);
    assert_eq!(result.code, PasswordResultCode::SUCCESS, "{result:?}");
    assert!(world.password("alice", PASSWORD).is_err());
    assert!(world.password("alice", NEW).is_ok());
    for etype in Etype::ALL {
        let key = Key::from_password(etype, NEW.as_bytes(), b"CORP.EXAMPLEalice", None).unwrap();
        assert_eq!(world.key_of(world.alice, etype).bytes(), key.bytes());
    }
    let account = world.account(world.alice);
    assert!(directory::password::verify(
        Some(&account),
        NEW,
        Cost::LEAST
    ));
}

#[test]
fn a_password_that_must_be_changed_opens_this_service_alone() {
    let mut world = realm();
    world.commit(&[change::expire_password(world.alice)]);
    let expired = refused(ErrorCode::KDC_ERR_KEY_EXPIRED);
    assert_eq!(world.password("alice", PASSWORD).unwrap_err(), expired);
    let credential = ticket(&mut world, "alice", PASSWORD).unwrap();
    world.advance(Span::minutes(1));
    let result = Wanted::own(&mut world, &credential, NEW).send(&mut world);
    assert_eq!(result.code, PasswordResultCode::SUCCESS, "{result:?}");
    assert!(world.password("alice", NEW).is_ok());
}

#[test]
fn its_tickets_are_short_lived_initial_and_for_nothing_else() {
    let mut world = realm();
    let credential = ticket(&mut world, "alice", PASSWORD).unwrap();
    assert!(credential.flags.contains(TicketFlags::INITIAL));
    assert_eq!(credential.end.unix() - credential.start.unix(), 300);
    assert_eq!(credential.renew_till, None);
    // Not from a ticket-granting ticket, and no ticket-granting ticket by another name.
    let tgt = world.password("alice", PASSWORD).unwrap();
    let policy = refused(ErrorCode::KDC_ERR_POLICY);
    assert_eq!(world.service(&tgt, &wish()).unwrap_err(), policy);
    let mut disguised = credential;
    disguised.ticket.sname = PrincipalName::krbtgt("CORP.EXAMPLE");
    disguised.service = disguised.ticket.sname.clone();
    assert!(world.host(&disguised).is_err());
    // Nor does a ticket-granting ticket open it.
    let mut disguised = tgt;
    disguised.ticket.sname = service();
    let message = Wanted::own(&mut world, &disguised, NEW).encode(&mut world);
    let (reply, _) = hand_in(&mut world, &message);
    assert_eq!(
        turned_away(&reply.unwrap()).1,
        PasswordResultCode::AUTHERROR
    );
    assert!(world.password("alice", PASSWORD).is_ok());
}

#[test]
fn a_password_that_breaks_a_rule_is_refused_in_words() {
    let mut world = realm();
    let credential = ticket(&mut world, "alice", PASSWORD).unwrap();
    for password in ["short", "aaaaaaaaaaaaaaaa", "alice has a long one"] {
        let result = Wanted::own(&mut world, &credential, password).send(&mut world);
        assert_eq!(result.code, PasswordResultCode::SOFTERROR, "{password}");
        let words = result.text().unwrap().to_owned();
        assert!(words.starts_with("The new password"), "{words}");
        assert!(matches!(world.refused, Some(Refused::PasswordRefused(_))));
    }
    let mut wanted = Wanted::own(&mut world, &credential, NEW);
    wanted.data = vec![0xff; 12];
    let result = wanted.send(&mut world);
    assert_eq!(result.code, PasswordResultCode::MALFORMED);
    assert!(world.password("alice", PASSWORD).is_ok());
}

#[test]
fn a_request_that_comes_again_is_answered_once() {
    let mut world = realm();
    let credential = ticket(&mut world, "alice", PASSWORD).unwrap();
    world.advance(Span::minutes(1));
    let wanted = Wanted::own(&mut world, &credential, NEW);
    let message = wanted.encode(&mut world);
    let (first, changes) = hand_in(&mut world, &message);
    assert!(!changes.is_empty());
    let (second, changes) = hand_in(&mut world, &message);
    assert_eq!(first, second);
    assert!(changes.is_empty());
    // The same authenticator around another password is another message.
    let mut other = wanted;
    other.data = b"what the thief would like".to_vec();
    let ap_req = PasswordRequest::decode(&message).unwrap().ap_req;
    let mut altered = PasswordRequest::decode(&other.encode(&mut world)).unwrap();
    altered.ap_req = ap_req;
    let (reply, changes) = hand_in(&mut world, &altered.encode().unwrap());
    let (code, _) = turned_away(&reply.unwrap());
    assert_eq!(code, ErrorCode::KRB_AP_ERR_REPEAT);
    assert!(changes.is_empty());
}

#[test]
fn a_ticket_got_with_the_password_before_changes_nothing() {
    let mut world = realm();
    let credential = ticket(&mut world, "alice", PASSWORD).unwrap();
    world.advance(Span::minutes(1));
    Wanted::own(&mut world, &credential, NEW).send(&mut world);
    world.advance(Span::minutes(1));
    let message = Wanted::own(&mut world, &credential, "and another one").encode(&mut world);
    let (reply, changes) = hand_in(&mut world, &message);
    assert_eq!(
        turned_away(&reply.unwrap()).0,
        ErrorCode::KDC_ERR_TGT_REVOKED
    );
    assert!(changes.is_empty());
}

#[test]
fn who_is_gone_disabled_or_whose_key_is_gone_is_turned_away() {
    let mut world = realm();
    let credential = ticket(&mut world, "alice", PASSWORD).unwrap();
    let disabled = AccountControl::NORMAL_ACCOUNT | AccountControl::ACCOUNT_DISABLE;
    world.commit(&[change::set_control(world.alice, disabled)]);
    let message = Wanted::own(&mut world, &credential, NEW).encode(&mut world);
    let (reply, _) = hand_in(&mut world, &message);
    assert_eq!(
        turned_away(&reply.unwrap()).0,
        ErrorCode::KDC_ERR_CLIENT_REVOKED
    );

    let mut world = realm();
    let key = pair(KeyKind::P256);
    world.list(world.alice, &key.key, None);
    let credential = with_key(&mut world, "alice", &key).unwrap();
    world.unlist(world.alice);
    let message = Wanted::own(&mut world, &credential, NEW).encode(&mut world);
    let (reply, _) = hand_in(&mut world, &message);
    assert_eq!(
        turned_away(&reply.unwrap()).0,
        ErrorCode::KDC_ERR_TGT_REVOKED
    );
}

fn with_key(world: &mut World, name: &str, key: &crate::world::Pair) -> Result<Credential, Failed> {
    let trust = world.trust.clone();
    let secret = Secret::KeyPair {
        signer: &key.key,
        certificate: &key.certificate,
        trust: &trust,
    };
    world.ask(PrincipalName::principal(name), wish(), secret)
}

#[test]
fn an_administrator_sets_another_s_password_after_signing_in_with_a_key_alone() {
    let mut world = realm();
    let credential = ticket(&mut world, "alice", PASSWORD).unwrap();
    // Neither a person nor an administrator with a password, and not for anybody who exists or not.
    for administrator in [false, true] {
        if administrator {
            let snapshot = world.directory.snapshot().unwrap();
            let sid = snapshot.domain().well_known_sid(well_known::DOMAIN_ADMINS);
            let group = snapshot.group_by_sid(&sid).unwrap().unwrap().id;
            world.commit(&[Change::AddMember {
                group,
                member: world.alice,
            }]);
        }
        for whose in ["bob", "nobody", "krbtgt"] {
            let result = Wanted::of(&mut world, &credential, whose, NEW).send(&mut world);
            assert_eq!(result.code, PasswordResultCode::ACCESSDENIED, "{whose}");
            assert_eq!(world.refused, Some(Refused::PasswordOfAnother));
        }
    }
    let key = pair(KeyKind::P256);
    world.list(world.alice, &key.key, None);
    let credential = with_key(&mut world, "alice", &key).unwrap();
    let result = Wanted::of(&mut world, &credential, "bob", NEW).send(&mut world);
    assert_eq!(result.code, PasswordResultCode::SUCCESS, "{result:?}");
    // The owner chooses another at once.
    let expired = refused(ErrorCode::KDC_ERR_KEY_EXPIRED);
    assert_eq!(world.password("bob", NEW).unwrap_err(), expired);
    let result = Wanted::of(&mut world, &credential, "krbtgt", NEW).send(&mut world);
    assert_eq!(result.code, PasswordResultCode::ACCESSDENIED);
    // One's own name is oneself.
    let result =
        Wanted::of(&mut world, &credential, "ALICE", "yet another phrase").send(&mut world);
    assert_eq!(result.code, PasswordResultCode::SUCCESS, "{result:?}");
    assert!(world.password("alice", "yet another phrase").is_ok());
}

#[test]
fn another_sequence_number_another_subkey_and_another_version_are_refused() {
    let mut world = realm();
    let credential = ticket(&mut world, "alice", PASSWORD).unwrap();
    let mut wanted = Wanted::own(&mut world, &credential, NEW);
    wanted.sequence = Some(UInt32::from(7));
    assert_eq!(wanted.send(&mut world).code, PasswordResultCode::MALFORMED);
    // Application data under another key than the authenticator's.
    let first = Wanted::own(&mut world, &credential, NEW);
    let second = Wanted::own(&mut world, &credential, NEW);
    let mut mixed = PasswordRequest::decode(&first.encode(&mut world)).unwrap();
    mixed.krb_priv = PasswordRequest::decode(&second.encode(&mut world))
        .unwrap()
        .krb_priv;
    let (reply, changes) = hand_in(&mut world, &mixed.encode().unwrap());
    assert_eq!(
        first.open(&reply.unwrap()).code,
        PasswordResultCode::MALFORMED
    );
    assert!(changes.is_empty());

    let mut message = Wanted::own(&mut world, &credential, NEW).encode(&mut world);
    message[3] = 2;
    let (reply, _) = hand_in(&mut world, &message);
    assert_eq!(
        turned_away(&reply.unwrap()).1,
        PasswordResultCode::BAD_VERSION
    );
    message.pop();
    let (reply, _) = hand_in(&mut world, &message);
    assert_eq!(reply, None);
}

#[test]
fn a_minimum_age_holds_here_too() {
    let mut world = World::new();
    let credential = ticket(&mut world, "alice", PASSWORD).unwrap();
    let result = Wanted::own(&mut world, &credential, NEW).send(&mut world);
    let young = result.code == PasswordResultCode::SOFTERROR;
    world.advance(Span::days(1));
    let credential = ticket(&mut world, "alice", PASSWORD).unwrap();
    let result = Wanted::own(&mut world, &credential, NEW).send(&mut world);
    assert!(young);
    assert_eq!(result.code, PasswordResultCode::SUCCESS, "{result:?}");
}

/// The right that is granted over LDAP and in the administration's API is one here, too (decision 0012).
#[test]
fn who_was_granted_that_sets_passwords_below_the_unit_and_of_nobody_protected() {
    let mut world = realm();
    let domain = world.directory.domain().unwrap();
    let id = |first: u8| EntryId(wire::Guid::from_bytes([first; 16]));
    let (desk, boss, outside, unit) = (id(1), id(2), id(3), id(4));
    let sid = |world: &World, group| {
        let snapshot = world.directory.snapshot().unwrap();
        snapshot.group(group).unwrap().unwrap().sid
    };
    let snapshot = world.directory.snapshot().unwrap();
    let admins = domain.well_known_sid(well_known::DOMAIN_ADMINS);
    let admins = snapshot.group_by_sid(&admins).unwrap().unwrap().id;
    let within = snapshot.entry(world.bob).unwrap().unwrap().parent;
    drop(snapshot);
    world.commit(&[
        NewEntry::group(desk, domain.users, "desk", group::GLOBAL_SECURITY).into(),
        NewEntry::user(boss, within, "boss", "boss").into(),
        NewEntry::new(unit, domain.head, Class::OrganizationalUnit, "Elsewhere").into(),
        NewEntry::user(outside, unit, "outside", "outside").into(),
        Change::AddMember {
            group: desk,
            member: world.alice,
        },
        Change::AddMember {
            group: admins,
            member: boss,
        },
    ]);
    let grant = |world: &World, right: &str| {
        let value = format!("{}:{right}", sid(world, desk));
        world.commit(&[change::set(within, Attribute::DelegatedRights, value)]);
    };
    let key = pair(KeyKind::P256);
    world.list(world.alice, &key.key, None);
    grant(&world, "people");
    let by_key = with_key(&mut world, "alice", &key).unwrap();
    let set = |world: &mut World, by: &Credential, whose: &str| {
        Wanted::of(world, by, whose, NEW).send(world).code
    };
    let denied = PasswordResultCode::ACCESSDENIED;
    assert_eq!(set(&mut world, &by_key, "bob"), denied, "another right");
    grant(&world, "passwords");
    let by_password = ticket(&mut world, "alice", PASSWORD).unwrap();
    assert_eq!(set(&mut world, &by_password, "bob"), denied);
    for whose in ["boss", "outside", "krbtgt", "LAPTOP-1$", "nobody"] {
        assert_eq!(set(&mut world, &by_key, whose), denied, "{whose}");
        assert_eq!(world.refused, Some(Refused::PasswordOfAnother));
    }
    let success = PasswordResultCode::SUCCESS;
    assert_eq!(set(&mut world, &by_key, "bob"), success);
    let expired = refused(ErrorCode::KDC_ERR_KEY_EXPIRED);
    assert_eq!(world.password("bob", NEW).unwrap_err(), expired);
    // Taken back, on the ticket that there is.
    grant(&world, "people");
    assert_eq!(set(&mut world, &by_key, "bob"), denied);
}

#[test]
fn a_key_alone_makes_nobody_an_administrator() {
    let mut world = realm();
    let key = pair(KeyKind::P256);
    world.list(world.alice, &key.key, None);
    let credential = with_key(&mut world, "alice", &key).unwrap();
    for whose in ["bob", "nobody", "LAPTOP-1$"] {
        let result = Wanted::of(&mut world, &credential, whose, NEW).send(&mut world);
        assert_eq!(result.code, PasswordResultCode::ACCESSDENIED, "{whose}");
    }
    assert!(world.password("bob", PASSWORD).is_ok());
}

/// The class of CVE-2022-2031: what is good for one service is not for the other, whatever it calls itself.
#[test]
fn a_ticket_must_be_initial_and_this_service_s_own() {
    let mut world = realm();
    let credential = ticket(&mut world, "alice", PASSWORD).unwrap();
    let snapshot = world.directory.snapshot().unwrap();
    let holder = snapshot.account_by_spn("kadmin/changepw").unwrap().unwrap();
    drop(snapshot);
    let open = |credential: &Credential| ticket::open(&credential.ticket, &holder.keys).unwrap();
    let (mut part, key) = open(&credential);
    part.flags = part.flags.without(TicketFlags::INITIAL);
    let confounder = world.bytes();
    let realm = credential.realm.clone();
    let resealed = ticket::seal(&part, realm, service(), key, &confounder);
    let later = Credential {
        ticket: resealed,
        ..credential.clone()
    };
    let message = Wanted::own(&mut world, &later, NEW).encode(&mut world);
    let (reply, changes) = hand_in(&mut world, &message);
    assert_eq!(
        turned_away(&reply.unwrap()).0,
        ErrorCode::KDC_ERR_POLICY,
        "{:?}",
        world.refused
    );
    assert!(changes.is_empty());

    let tgt = world.password("alice", PASSWORD).unwrap();
    let host = world.host(&tgt).unwrap();
    for other in [&tgt, &host] {
        let own_name = Wanted::own(&mut world, other, NEW).encode(&mut world);
        let mut renamed = other.clone();
        renamed.ticket.sname = service();
        let renamed = Wanted::own(&mut world, &renamed, NEW).encode(&mut world);
        for message in [own_name, renamed] {
            let (reply, changes) = hand_in(&mut world, &message);
            let (code, _) = turned_away(&reply.unwrap());
            let refused = [
                ErrorCode::KRB_AP_ERR_NOT_US,
                ErrorCode::KRB_AP_ERR_BAD_INTEGRITY,
                ErrorCode::KRB_AP_ERR_BADKEYVER,
            ];
            assert!(refused.contains(&code), "{code:?}");
            assert!(changes.is_empty());
        }
    }
    // A right one under another of its names.
    let mut other_name = credential.clone();
    other_name.ticket.sname = PrincipalName::principal("kadmin-changepw$");
    let message = Wanted::own(&mut world, &other_name, NEW).encode(&mut world);
    let (reply, _) = hand_in(&mut world, &message);
    assert_eq!(turned_away(&reply.unwrap()).0, ErrorCode::KRB_AP_ERR_NOT_US);
    let result = Wanted::own(&mut world, &credential, NEW).send(&mut world);
    assert_eq!(result.code, PasswordResultCode::SUCCESS);
}

/// The class of CVE-2021-42287: a ticket is an account's, not a name's.
#[test]
fn a_ticket_changes_no_password_of_who_has_its_name_by_now() {
    let mut world = realm();
    let credential = ticket(&mut world, "alice", PASSWORD).unwrap();
    for (id, name) in [(world.alice, "alicia"), (world.bob, "alice")] {
        let upn = format!("{name}@corp.example");
        world.commit(&[
            change::set(id, Attribute::SamAccountName, name),
            change::set(id, Attribute::UserPrincipalName, upn.as_str()),
        ]);
    }
    let message = Wanted::own(&mut world, &credential, NEW).encode(&mut world);
    let (reply, changes) = hand_in(&mut world, &message);
    let (code, _) = turned_away(&reply.unwrap());
    assert_eq!(code, ErrorCode::KDC_ERR_TGT_REVOKED);
    assert_eq!(world.refused, Some(Refused::TgtRevoked("name")));
    assert!(changes.is_empty());
}
