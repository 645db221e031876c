//! What a request changes in the ticket that is given, and what it cannot change.

use super::*;

/// A ticket-granting ticket that was asked for with these options and addresses.
fn asked(
    world: &mut World,
    options: KdcOptions,
    addresses: Option<Vec<HostAddress>>,
) -> Credential {
    let key = world.key_of(world.alice, AES256);
    let mut request = Password::new("alice", key, world.now, &mut world.rng);
    request.body.kdc_options = options;
    request.body.addresses = addresses.map(Into::into);
    credential(world, request)
}

fn address(last: u8) -> HostAddress {
    HostAddress {
        addr_type: AddressType::IPV4,
        address: vec![10, 0, 0, last],
    }
}

#[test]
fn forwarding_and_proxies_change_addresses_and_nothing_else_does() {
    const FORWARDABLE: KdcOptions = KdcOptions::FORWARDABLE;
    let mut world = World::new();
    let tgt = asked(
        &mut world,
        FORWARDABLE | KdcOptions::PROXIABLE,
        Some(vec![address(1)]),
    );
    let plain = asked(&mut world, KdcOptions::NONE, Some(vec![address(1)]));
    let forwarded = KdcOptions::FORWARDED | FORWARDABLE;
    let (host, own) = (laptop(), krbtgt());
    let (one, two) = (Some(vec![address(1)]), Some(vec![address(2)]));
    type Asked = Option<Vec<HostAddress>>;
    type Case<'c> = (
        &'static str,
        &'c Credential,
        &'c PrincipalName,
        KdcOptions,
        &'c Asked,
        Result<(&'c Asked, TicketFlags), i32>,
    );
    let cases: [Case<'_>; 11] = [
        (
            "no option",
            &tgt,
            &host,
            KdcOptions::NONE,
            &two,
            Ok((&one, TicketFlags::NONE)),
        ),
        (
            "forwardable",
            &tgt,
            &own,
            FORWARDABLE,
            &two,
            Ok((&one, TicketFlags::FORWARDABLE)),
        ),
        (
            "forwarded",
            &tgt,
            &own,
            forwarded,
            &two,
            Ok((&two, TicketFlags::FORWARDED)),
        ),
        (
            "forwarded to anywhere",
            &tgt,
            &own,
            forwarded,
            &None,
            Ok((&None, TicketFlags::FORWARDED)),
        ),
        (
            "a proxy",
            &tgt,
            &host,
            KdcOptions::PROXY,
            &two,
            Ok((&two, TicketFlags::PROXY)),
        ),
        // RFC 4120 2.5: "only non-ticket-granting tickets may be issued with different network addresses".
        (
            "a ticket-granting proxy",
            &tgt,
            &own,
            KdcOptions::PROXY,
            &two,
            Err(13),
        ),
        (
            "proxiable",
            &tgt,
            &host,
            KdcOptions::PROXIABLE,
            &None,
            Ok((&one, TicketFlags::PROXIABLE)),
        ),
        ("not forwardable", &plain, &own, forwarded, &two, Err(13)),
        (
            "not proxiable",
            &plain,
            &host,
            KdcOptions::PROXY,
            &two,
            Err(13),
        ),
        (
            "a flag that it has not",
            &plain,
            &host,
            FORWARDABLE,
            &two,
            Ok((&one, TicketFlags::NONE)),
        ),
        (
            "not renewable",
            &plain,
            &own,
            KdcOptions::RENEW,
            &None,
            Err(13),
        ),
    ];
    let mut judged = Cases::new();
    for (name, tgt, service, options, addresses, expected) in cases {
        let mut request = Granted::new(tgt, service.clone(), world.now, &mut world.rng);
        request.body.kdc_options = options;
        request.body.addresses = addresses.clone().map(Into::into);
        let message = request.encode();
        let code = expected.err().unwrap_or_default();
        let reply = judged.judge(&mut world, name, &message, code);
        let (Some(reply), Ok((addresses, flags))) = (reply, expected) else {
            continue;
        };
        let (part, _) = request.open(&reply);
        let got = part.caddr.map(|list| list.into_vec());
        assert_eq!(&got, addresses, "{name}");
        assert!(part.flags.contains(flags), "{name}: {:?}", part.flags);
        assert!(!part.flags.contains(TicketFlags::INITIAL), "{name}");
        if !options.contains(FORWARDABLE) || flags == TicketFlags::NONE {
            assert!(!part.flags.contains(TicketFlags::FORWARDABLE), "{name}");
        }
    }
    judged.are(11);
}

fn sealed(key: &Key, usage: KeyUsage, data: &[u8]) -> Option<EncryptedData> {
    Some(EncryptedData {
        etype: EncryptionType(key.etype().number()),
        kvno: None,
        cipher: key.encrypt(usage, &[9; 16], data),
    })
}

/// The authorization data of a ticket for the laptop, without the PAC.
fn own_data(world: &World, ticket: &wire::kerberos::Ticket) -> Vec<AuthorizationDataElement> {
    let laptop = world.account(world.laptop);
    let (part, key) = ticket::open(ticket, &laptop.keys).unwrap();
    ticket::pac::verify_as_service(&part, key).unwrap();
    part.authorization_data
        .unwrap()
        .into_iter()
        .skip(1)
        .collect()
}

#[test]
fn rfc_4120_3_3_3_authorization_data_goes_along_and_only_a_kdc_s_words_do_not() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let restriction = element(-4711, b"not on Sundays");
    let wrapped = AuthorizationDataElement::if_relevant(&[restriction.clone()].into());
    let pac = element(128, b"a PAC of one's own");
    let means = element(-19_280, &[1; 65]);
    let nested = AuthorizationDataElement::if_relevant(&[pac.clone(), means.clone()].into());
    let all: AuthorizationData = [restriction.clone(), pac, means, nested, wrapped.clone()].into();
    let expected = [restriction.clone(), wrapped];
    for with_subkey in [true, false] {
        let mut request = request(&mut world, &tgt);
        request.body.enc_authorization_data = match &request.subkey {
            Some(key) if with_subkey => {
                sealed(key, KeyUsage::TGS_REQ_AUTH_DATA_SUBKEY, &all.encode())
            }
            _ => {
                request.subkey = None;
                sealed(
                    &request.key,
                    KeyUsage::TGS_REQ_AUTH_DATA_SESSION_KEY,
                    &all.encode(),
                )
            }
        };
        let reply = world.given(&request.encode()).unwrap();
        let (_, ticket) = request.open(&reply);
        assert_eq!(own_data(&world, &ticket), expected);
    }
    // A restricted ticket-granting ticket, which the client may give away, stays restricted.
    let mut restricted = request(&mut world, &tgt);
    restricted.body.sname = Some(krbtgt());
    restricted.body.kdc_options = KdcOptions::FORWARDED | KdcOptions::FORWARDABLE;
    let key = restricted.subkey.clone().unwrap();
    restricted.body.enc_authorization_data =
        sealed(&key, KeyUsage::TGS_REQ_AUTH_DATA_SUBKEY, &all.encode());
    let reply = world.given(&restricted.encode()).unwrap();
    let (part, ticket) = restricted.open(&reply);
    let etype = Etype::from_number(part.key.keytype.0).unwrap();
    let restricted = Credential {
        key: Key::new(etype, &part.key.keyvalue).unwrap(),
        ticket,
        ..tgt.clone()
    };
    let host = world.host(&restricted).unwrap();
    assert_eq!(own_data(&world, &host.ticket), expected);
    let forwarding = Wish {
        options: KdcOptions::FORWARDED | KdcOptions::FORWARDABLE,
        ..Wish::ticket_granting("CORP.EXAMPLE")
    };
    let forwarded = world.service(&restricted, &forwarding).unwrap();
    let host = world.host(&forwarded).unwrap();
    assert_eq!(own_data(&world, &host.ticket), expected);
    judge(&[
        ("authorization data under the wrong key", 31, |request| {
            let key = Key::random_to_key(AES256, &[1; 32]);
            request.body.enc_authorization_data =
                sealed(&key, KeyUsage::TGS_REQ_AUTH_DATA_SUBKEY, &[0x30, 0]);
        }),
        ("authorization data that is none", 60, |request| {
            let key = request.subkey.clone().unwrap();
            request.body.enc_authorization_data =
                sealed(&key, KeyUsage::TGS_REQ_AUTH_DATA_SUBKEY, b"none");
        }),
        ("a word to the KDC that it does not know", 12, |request| {
            let key = request.subkey.clone().unwrap();
            let data = AuthorizationData::from([element(8, &[0x30, 0])]);
            request.body.enc_authorization_data =
                sealed(&key, KeyUsage::TGS_REQ_AUTH_DATA_SUBKEY, &data.encode());
        }),
        ("no authorization data", 0, |request| {
            let key = request.subkey.clone().unwrap();
            request.body.enc_authorization_data =
                sealed(&key, KeyUsage::TGS_REQ_AUTH_DATA_SUBKEY, &[0x30, 0]);
        }),
    ])
    .are(4);
}

/// What RFC 4120 and MS-PAC let a KDC check of a service ticket: every signature.
fn signatures_hold(part: &EncTicketPart, service: &Account, krbtgt: &Account) -> [bool; 4] {
    const USAGE: KeyUsage = KeyUsage::KERB_NON_KERB_CKSUM_SALT;
    let data = part.authorization_data.clone().unwrap().into_vec();
    let inner = AuthorizationData::decode(&data[0].ad_data).unwrap();
    let pac = Pac::parse(&inner[0].ad_data).unwrap();
    let holds = |account: &Account, kind, covered: &[u8]| {
        let signature = pac.signature(kind).unwrap();
        ticket::Keys::newest(&account.keys)
            .filter(|key| key.key.etype().checksum_type() == signature.checksum_type)
            .any(|key| {
                let key = key.key;
                key.verify_checksum(USAGE, covered, &signature.value)
                    .is_ok()
            })
    };
    let both = [BufferType::SERVER_CHECKSUM, BufferType::KDC_CHECKSUM];
    let three = [both[0], both[1], BufferType::FULL_CHECKSUM];
    let server = pac.signature(BufferType::SERVER_CHECKSUM).unwrap().value;
    let placeholder = [element(128, &[0])];
    let mut without = part.clone();
    let mut data = data.clone();
    data[0] = AuthorizationDataElement::if_relevant(&placeholder.into());
    without.authorization_data = Some(data.into());
    [
        holds(service, both[0], &pac.with_zeroed_signatures(&both)),
        holds(krbtgt, both[1], &server),
        holds(krbtgt, BufferType::TICKET_CHECKSUM, &without.encode()),
        holds(
            krbtgt,
            BufferType::FULL_CHECKSUM,
            &pac.with_zeroed_signatures(&three),
        ),
    ]
}

#[test]
fn security_2_all_four_signatures_hold_and_a_flipped_flag_breaks_the_ticket_s() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let host = world.host(&tgt).unwrap();
    let (laptop, krbtgt) = (world.account(world.laptop), world.krbtgt());
    let (mut part, _) = ticket::open(&host.ticket, &laptop.keys).unwrap();
    assert_eq!(signatures_hold(&part, &laptop, &krbtgt), [true; 4]);
    // The bronze bit (CVE-2020-17049): whoever has the service's key flips a flag.
    part.flags = TicketFlags(part.flags.0 ^ TicketFlags::FORWARDABLE.0);
    assert_eq!(
        signatures_hold(&part, &laptop, &krbtgt),
        [true, true, false, true]
    );
}

#[test]
fn a_pac_that_the_client_declined_is_in_no_service_s_ticket_and_in_every_other() {
    let mut world = World::new();
    let key = world.key_of(world.alice, AES256);
    for (wish, has) in [(0xff, true), (0, false)] {
        let mut request = Password::new("alice", key.clone(), world.now, &mut world.rng);
        let wish = tlv(0x30, &[&tlv(0xa0, &[&tlv(1, &[&[wish]])])]);
        let wish = PaData::new(PaDataType::PAC_REQUEST, wish);
        request.others = vec![wish.clone()];
        let credential = credential(&mut world, request);
        let forwarding = Wish {
            options: KdcOptions::FORWARDED | KdcOptions::FORWARDABLE,
            ..Wish::ticket_granting("CORP.EXAMPLE")
        };
        let forwarded = world.service(&credential, &forwarding).unwrap();
        for tgt in [credential, forwarded] {
            let host = world.host(&tgt).unwrap();
            let laptop = world.account(world.laptop);
            let (part, key) = ticket::open(&host.ticket, &laptop.keys).unwrap();
            assert_eq!(ticket::pac::verify_as_service(&part, key).is_ok(), has);
            assert_eq!(part.authorization_data.is_some(), has);
        }
        // And the same for an initial ticket to the service.
        let mut request = Password::new("alice", key.clone(), world.now, &mut world.rng);
        request.others = vec![wish];
        request.body.sname = Some(self::laptop());
        let reply = AsRep::decode(&world.given(&request.encode()).unwrap()).unwrap();
        let laptop = world.account(world.laptop);
        let (part, _) = ticket::open(&reply.ticket, &laptop.keys).unwrap();
        assert_eq!(part.authorization_data.is_some(), has);
    }
}

#[test]
fn a_service_s_account_decides_what_its_tickets_say() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let open = |world: &mut World, host: &Credential| {
        let laptop = world.account(world.laptop);
        ticket::open(&host.ticket, &laptop.keys).unwrap().0
    };
    let workstation = AccountControl::WORKSTATION_TRUST_ACCOUNT;
    let host = world.host(&tgt).unwrap();
    assert!(!host.flags.contains(TicketFlags::OK_AS_DELEGATE));
    let trusted = workstation | AccountControl::TRUSTED_FOR_DELEGATION;
    world.commit(&[change::set_control(world.laptop, trusted)]);
    let host = world.host(&tgt).unwrap();
    assert!(host.flags.contains(TicketFlags::OK_AS_DELEGATE));
    assert!(open(&mut world, &host).authorization_data.is_some());
    let plain = workstation | AccountControl::NO_AUTH_DATA_REQUIRED;
    world.commit(&[change::set_control(world.laptop, plain)]);
    let host = world.host(&tgt).unwrap();
    assert!(open(&mut world, &host).authorization_data.is_none());
    world.commit(&[change::disable(world.laptop, workstation)]);
    let disabled = world.host(&tgt).unwrap_err();
    assert_eq!(disabled, refused(ErrorCode::KDC_ERR_SERVICE_REVOKED));
    world.commit(&[change::enable(world.laptop, workstation)]);
    assert!(world.host(&tgt).is_ok());
}

#[test]
fn a_service_without_keys_gets_no_tickets_and_new_keys_seal_the_next_one() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let computers = world.directory.domain().unwrap().computers;
    let id = EntryId::random(&mut world.rng);
    let bare = NewEntry::computer(id, computers, "BARE");
    world.commit(&[Change::Add(Box::new(bare))]);
    let bare = Wish::service(PrincipalName::principal("BARE$"));
    let refusal = world.service(&tgt, &bare).unwrap_err();
    assert_eq!(refusal, refused(ErrorCode::KDC_ERR_ETYPE_NOSUPP));
    let old = world.host(&tgt).unwrap();
    let material = PasswordMaterial::random(&mut world.rng);
    world.commit(&[change::set_password(world.laptop, material)]);
    let new = world.host(&tgt).unwrap();
    let kvno = |credential: &Credential| credential.ticket.enc_part.kvno;
    assert_eq!((kvno(&old), kvno(&new)), (Some(1.into()), Some(2.into())));
    let laptop = world.account(world.laptop);
    assert!(ticket::open(&old.ticket, &laptop.keys).is_ok());
    assert!(ticket::open(&new.ticket, &laptop.keys).is_ok());
}

#[test]
fn a_ticket_of_the_key_before_the_last_rotation_still_opens_and_none_before_that() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let krbtgt = world.directory.domain().unwrap().krbtgt;
    for accepted in [true, false] {
        let material = PasswordMaterial::random(&mut world.rng);
        world.commit(&[change::set_password(krbtgt, material)]);
        let host = world.host(&tgt);
        assert_eq!(host.is_ok(), accepted);
        if let Err(refusal) = host {
            assert_eq!(refusal, refused(ErrorCode::KRB_AP_ERR_BADKEYVER));
            assert_eq!(world.refused, Some(Refused::KeyGone));
        }
    }
}

#[test]
fn a_service_s_ticket_is_no_ticket_granting_ticket_whatever_it_calls_itself() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let mut host = world.host(&tgt).unwrap();
    refuses(&mut world, "as it is", &host, 35);
    host.ticket.sname = krbtgt();
    // Under the key version that krbtgt has, too.
    refuses(&mut world, "under krbtgt's name", &host, 31);
    host.ticket.enc_part.kvno = None;
    refuses(&mut world, "without a key version", &host, 31);
}

#[test]
fn no_ticket_outlives_what_it_rests_on_and_a_renewal_keeps_what_it_was() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    world.advance(Span::hours(9));
    let host = world.host(&tgt).unwrap();
    assert_eq!(host.end, tgt.end);
    let renewal = Wish {
        options: KdcOptions::RENEW,
        renewable: None,
        ..Wish::ticket_granting("CORP.EXAMPLE")
    };
    let mut renewed = tgt.clone();
    let last = Timestamp::from_unix(tgt.renew_till.unwrap().unix());
    while world.now + Span::hours(9) < last {
        renewed = world.service(&renewed, &renewal).unwrap();
        assert!(renewed.end <= tgt.renew_till.unwrap());
        assert_eq!(renewed.renew_till, tgt.renew_till);
        assert_eq!(renewed.authenticated, tgt.authenticated);
        assert!(
            renewed
                .flags
                .contains(TicketFlags::FORWARDABLE | TicketFlags::RENEWABLE)
        );
        assert!(!renewed.flags.contains(TicketFlags::INITIAL));
        assert!(world.host(&renewed).is_ok());
        world.advance(Span::hours(9));
    }
    let renewed = world.service(&renewed, &renewal).unwrap();
    assert_eq!(Some(renewed.end), tgt.renew_till);
    world.now = last;
    let late = world.service(&renewed, &renewal).unwrap_err();
    assert_eq!(late, refused(ErrorCode::KRB_AP_ERR_TKT_EXPIRED));
}
