//! What a password proves, what counts as wrong, what is told to whom, and what the ticket then says.

use super::*;

#[test]
fn e_2_the_timestamp_proves_the_password_now() {
    type Case = (&'static str, i32, fn(&mut Password));
    let cases: &[Case] = &[
        ("as it should be", 0, |_| {}),
        ("five minutes slow", 0, |request| {
            request.clock = request.clock - Span::minutes(5)
        }),
        ("five minutes fast", 0, |request| {
            request.clock = request.clock + Span::minutes(5)
        }),
        ("a second more, slow", 37, |request| {
            request.clock = request.clock - Span::seconds(301)
        }),
        ("a second more, fast", 37, |request| {
            request.clock = request.clock + Span::seconds(301)
        }),
        ("a microsecond more", 37, |request| {
            request.clock = request.clock + Span::minutes(5) + Span::micros(1);
        }),
        ("another key", 24, |request| {
            request.key = Key::random_to_key(AES256, &[7; 32])
        }),
        ("another usage", 24, |request| {
            request.usage = KeyUsage::AS_REP_ENC_PART
        }),
        ("marked with another etype", 24, |request| {
            request.etype = 17
        }),
        ("marked with RC4", 14, |request| request.etype = 23),
        ("marked with an etype that nobody knows", 14, |request| {
            request.etype = -1
        }),
        (
            "the key's own content that is no timestamp",
            60,
            |request| {
                request.sealed = Some(b"no timestamp".to_vec());
            },
        ),
        ("nothing encrypted", 60, |request| {
            request.sealed = Some(Vec::new())
        }),
        ("no encrypted data", 60, |request| {
            request.others = vec![PaData::empty(PaDataType::ENC_TIMESTAMP)];
        }),
        ("a cut timestamp", 24, |request| {
            let mut sealed = tlv(0xa0, &[&tlv(2, &[&[18]])]);
            sealed.extend(tlv(0xa2, &[&tlv(4, &[&[7; 20]])]));
            let sealed = tlv(0x30, &[&sealed]);
            request.others = vec![PaData::new(PaDataType::ENC_TIMESTAMP, sealed)];
        }),
        ("FAST that cannot be read", 60, |request| {
            request.others = vec![PaData::new(PaDataType::FX_FAST, vec![0xff; 99])];
        }),
        ("a cookie", 0, |request| {
            request.others = vec![PaData::new(PaDataType::FX_COOKIE, vec![1; 9])];
        }),
        ("a PAC, please", 0, |request| {
            let wish = tlv(0x30, &[&tlv(0xa0, &[&tlv(1, &[&[0xff]])])]);
            request.others = vec![PaData::new(PaDataType::PAC_REQUEST, wish)];
        }),
        ("a wish about the PAC that cannot be read", 60, |request| {
            request.others = vec![PaData::new(PaDataType::PAC_REQUEST, vec![1, 2, 3])];
        }),
    ];
    let mut world = World::new();
    let mut judged = Cases::new();
    for (name, code, make) in cases {
        let mut request = request(&mut world);
        make(&mut request);
        let message = request.encode();
        if let Some(reply) = judged.judge(&mut world, name, &message, *code) {
            assert_eq!(request.open(&reply).nonce, request.body.nonce);
        }
    }
    judged.are(19);
}

/// The etypes that ETYPE-INFO2 lists.
fn listed(error: &KrbError) -> Vec<i32> {
    let methods = MethodData::decode(error.e_data.as_deref().unwrap()).unwrap();
    let info = PaData::find(&methods, PaDataType::ETYPE_INFO2).unwrap();
    let info = EtypeInfo2::decode(info).unwrap();
    assert!(info.iter().all(|entry| entry.salt.is_some()));
    info.iter().map(|entry| entry.etype.0).collect()
}

#[test]
fn e_2_the_hints_list_the_common_etypes_in_the_client_s_order() {
    let mut world = World::new();
    for (wanted, expected) in [
        (&[17, 18][..], &[17, 18][..]),
        (&[23, 20, 3, 17], &[20, 17]),
        (&[18, 18], &[18, 18]),
    ] {
        let mut request = bare(&mut world);
        request.body.etype = etypes(wanted).into();
        let error = world.refusal(&request.encode(), 25).unwrap();
        assert_eq!(listed(&error), expected);
    }
    world.realm.etypes = vec![Etype::Aes128CtsHmacSha1_96];
    let error = refused_bare(&mut world, 25);
    assert_eq!(listed(&error.unwrap()), [17]);
    let mut other = bare(&mut world);
    other.body.etype = etypes(&[18, 20]).into();
    world.refusal(&other.encode(), 14).unwrap();
}

fn wrong(world: &mut World) -> Password {
    let mut request = request(world);
    request.key = Key::random_to_key(AES256, &[9; 32]);
    request
}

#[test]
fn security_16_only_wrong_passwords_count_towards_lockout() {
    let mut world = World::new();
    let threshold = LockoutPolicy::default().threshold;
    for _ in 0..2 * threshold {
        let mut slow = request(&mut world);
        slow.clock = slow.clock - Span::minutes(10);
        world.refusal(&slow.encode(), 37).unwrap();
        let mut other = request(&mut world);
        other.etype = 23;
        world.refusal(&other.encode(), 14).unwrap();
        let bare = bare(&mut world).encode();
        world.refusal(&bare, 25).unwrap();
    }
    let right = request(&mut world).encode();
    world.given(&right).unwrap();
}

#[test]
fn security_16_a_wrong_password_that_is_sent_twice_counts_once() {
    let mut world = World::new();
    let threshold = LockoutPolicy::default().threshold;
    let once = wrong(&mut world).encode();
    for _ in 0..3 * threshold {
        world.refusal(&once, 24).unwrap();
    }
    for _ in 0..threshold - 2 {
        let other = wrong(&mut world).encode();
        world.refusal(&other, 24).unwrap();
    }
    let good = request(&mut world).encode();
    world.given(&good).unwrap();
}

#[test]
fn security_16_lockout_tells_nothing_of_the_password() {
    let mut world = World::new();
    for _ in 0..LockoutPolicy::default().threshold {
        let wrong = wrong(&mut world).encode();
        world.refusal(&wrong, 24).unwrap();
    }
    let (good, bad) = (request(&mut world).encode(), wrong(&mut world).encode());
    let good = world.refusal(&good, 18).unwrap();
    let bad = world.refusal(&bad, 18).unwrap();
    assert_eq!(good.e_data, bad.e_data);
    let key = world.key_of(world.bob, AES256);
    let bob = Password::new("bob", key, world.now, &mut world.rng);
    world.given(&bob.encode()).unwrap();
}

#[test]
fn e_3_6_23_is_told_only_to_who_knows_the_password() {
    let mut world = World::new();
    world.commit(&[change::expire_password(world.alice)]);
    let (good, bad) = (request(&mut world).encode(), wrong(&mut world).encode());
    world.refusal(&bad, 24).unwrap();
    world.refusal(&good, 23).unwrap();
    refused_bare(&mut world, 25).unwrap();

    let mut world = World::new();
    let head = world.directory.domain().unwrap().head;
    let age = Span::days(-42).as_micros() * 10;
    world.commit(&[change::set(head, Attribute::MaxPwdAge, age)]);
    let first = request(&mut world).encode();
    world.given(&first).unwrap();
    world.advance(Span::days(42));
    let (good, bad) = (request(&mut world).encode(), wrong(&mut world).encode());
    world.refusal(&bad, 24).unwrap();
    world.refusal(&good, 23).unwrap();
}

#[test]
fn e_3_6_18_disabled_and_expired_accounts_get_nothing() {
    let mut world = World::new();
    let tomorrow = world.now + Span::days(1);
    world.commit(&[change::set(
        world.alice,
        Attribute::AccountExpires,
        tomorrow,
    )]);
    let good = request(&mut world).encode();
    world.given(&good).unwrap();
    world.advance(Span::days(1));
    for (make, reason) in [
        (Vec::new(), Refused::ClientExpired),
        (
            vec![change::disable(world.alice, AccountControl::NORMAL_ACCOUNT)],
            Refused::ClientDisabled,
        ),
    ] {
        world.commit(&make);
        for message in [request(&mut world), wrong(&mut world), bare(&mut world)] {
            world.refusal(&message.encode(), 18).unwrap();
            assert_eq!(world.refused, Some(reason.clone()));
        }
    }
}

#[test]
fn a_password_is_of_no_use_where_a_key_is_required() {
    let mut world = World::new();
    let control = AccountControl::NORMAL_ACCOUNT | AccountControl::SMARTCARD_REQUIRED;
    let good = request(&mut world).encode();
    world.given(&good).unwrap();
    world.commit(&[change::set_control(world.alice, control)]);
    // Right or wrong: nobody learns which, and nobody is locked out.
    for _ in 0..15 {
        let (good, bad) = (request(&mut world).encode(), wrong(&mut world).encode());
        world.refusal(&good, 12).unwrap();
        world.refusal(&bad, 12).unwrap();
    }
    let error = refused_bare(&mut world, 25).unwrap();
    let methods = MethodData::decode(error.e_data.as_deref().unwrap()).unwrap();
    assert!(PaData::find(&methods, PaDataType::ENC_TIMESTAMP).is_none());
    assert!(PaData::find(&methods, PaDataType::PK_AS_REQ).is_some());
    let pair = crate::world::pair(crypto::key::KeyKind::P256);
    world.list(world.alice, &pair.key, None);
    assert!(world.with_pair("alice", &pair).is_ok());
}

#[test]
fn the_password_before_the_last_opens_nothing_new() {
    let mut world = World::new();
    let old = request(&mut world);
    let salt = directory::account::user_salt("CORP.EXAMPLE", "alice");
    let history = {
        let snapshot = world.directory.snapshot().unwrap();
        snapshot.password_history(world.alice).unwrap()
    };
    let cost = crypto::password::Cost::LEAST;
    let material =
        PasswordMaterial::of_password("another", &salt, &history, 0, cost, &mut world.rng);
    let tgt = world.password("alice", PASSWORD).unwrap();
    world.commit(&[change::set_password(world.alice, material)]);
    world.refusal(&old.encode(), 24).unwrap();
    let new = request(&mut world).encode();
    world.given(&new).unwrap();
    // A ticket from before is no password.
    assert!(world.host(&tgt).is_ok());
}

#[test]
fn a_ticket_carries_the_addresses_that_were_asked_for() {
    let mut world = World::new();
    let address = |addr_type, address: &[u8]| HostAddress {
        addr_type,
        address: address.to_vec(),
    };
    let list = vec![
        address(AddressType::IPV4, &[127, 0, 0, 1]),
        address(AddressType(20), b"LAPTOP-1        "),
        address(AddressType(-1), &[]),
    ];
    for (asked, expected) in [(list.clone(), Some(list)), (Vec::new(), None)] {
        let mut request = request(&mut world);
        request.body.addresses = Some(asked.into());
        let reply = world.given(&request.encode()).unwrap();
        let told = request.open(&reply).caddr;
        let reply = AsRep::decode(&reply).unwrap();
        let (part, _) = ticket::open(&reply.ticket, &world.krbtgt().keys).unwrap();
        assert_eq!(part.caddr, told);
        assert_eq!(told.map(|told| told.into_vec()), expected);
    }
}

#[test]
fn an_initial_ticket_for_a_service_has_a_service_s_pac() {
    let mut world = World::new();
    let mut request = request(&mut world);
    request.body.sname = Some(PrincipalName::service("host", "laptop-1.corp.example"));
    let reply = AsRep::decode(&world.given(&request.encode()).unwrap()).unwrap();
    let laptop = world.account(world.laptop);
    let (part, key) = ticket::open(&reply.ticket, &laptop.keys).unwrap();
    assert!(
        part.flags
            .contains(TicketFlags::INITIAL | TicketFlags::PRE_AUTHENT)
    );
    let pac = ticket::pac::verify_as_service(&part, key).unwrap();
    assert_eq!(pac.logon_info().unwrap().effective_name, "alice");
    // Between the KDC and itself (protocols E.6).
    assert!(pac.requestor().is_none());
    assert!(pac.attributes_info().is_none());
    assert_eq!(
        part.authorization_data.unwrap().len(),
        1,
        "the PAC and nothing else"
    );
    let disabled = AccountControl::WORKSTATION_TRUST_ACCOUNT;
    world.commit(&[change::disable(world.laptop, disabled)]);
    world.refusal(&request.encode(), 0).unwrap_err();
    request.body.nonce = 1.into();
    world.refusal(&request.encode(), 19).unwrap();
}

/// Starts alice's exchange, with her password, up to the proof.
fn proof(world: &mut World, wish: Wish) -> (Initial<'static>, Vec<u8>) {
    let (realm, name) = (world.realm.name.clone(), PrincipalName::principal("alice"));
    let secret = Secret::Password(PASSWORD);
    let (exchange, first) = Initial::start(name, realm, wish, secret, world.now, &mut world.rng);
    let hints = world.send(&first, Transport::Stream).unwrap();
    match exchange.handle(&hints, world.now, &mut world.rng).unwrap() {
        Handled::Send(exchange, message) => (*exchange, message),
        Handled::Done(_) => panic!("the KDC asked for no proof"),
    }
}

#[test]
fn our_client_notices_that_its_request_was_altered_on_the_way() {
    let mut world = World::new();
    let (exchange, message) = proof(&mut world, Wish::ticket_granting("CORP.EXAMPLE"));
    let request = AsReq::decode(&message).unwrap();
    let mut body = (*request.req_body).clone();
    body.etype = etypes(&[17]).into();
    let altered = AsReq::new(request.padata.clone(), body).encode();
    let answer = world.given(&altered).unwrap();
    let noticed = exchange.handle(&answer, world.now, &mut world.rng);
    assert!(matches!(noticed, Err(Failed::Mismatch(_))));
}

#[test]
fn our_client_takes_no_other_name_unless_it_said_so() {
    for (options, may_differ) in [(KdcOptions::NONE, false), (KdcOptions::CANONICALIZE, true)] {
        let mut world = World::new();
        let wish = Wish {
            options,
            ..Wish::ticket_granting("CORP.EXAMPLE")
        };
        let (exchange, message) = proof(&mut world, wish);
        let mut reply = AsRep::decode(&world.given(&message).unwrap()).unwrap();
        reply.cname = PrincipalName::new(NameType::NT_PRINCIPAL, [KerberosString::from("Alice")]);
        let done = exchange.handle(&reply.encode(), world.now, &mut world.rng);
        assert_eq!(done.is_ok(), may_differ);
    }
}

#[test]
fn what_the_audit_log_gets_is_bounded_whatever_a_client_calls_itself() {
    let mut world = World::new();
    let mut request = bare(&mut world);
    request.body.cname = names(NameType::NT_PRINCIPAL, &[&"\u{1}".repeat(20_000)]);
    request.body.sname = names(NameType::NT_PRINCIPAL, &[&"\u{1}".repeat(20_000)]);
    world.refusal(&request.encode(), 6).unwrap();
    let exchange = world.exchange.take().unwrap();
    for name in [exchange.client.unwrap(), exchange.service.unwrap()] {
        assert!(name.len() < 1_000, "{}", name.len());
    }
}
