//! Ticket-granting tickets as krbtgt's key would make them of another content, and tickets whose name has gone
//! (protocols E.6; security rows 1 to 3).

use super::*;

/// A ticket-granting ticket as krbtgt's key would make it of another content.
fn forged(
    world: &mut World,
    tgt: &Credential,
    edit: impl FnOnce(&mut EncTicketPart),
) -> Credential {
    let krbtgt = world.krbtgt();
    let (mut part, key) = ticket::open(&tgt.ticket, &krbtgt.keys).unwrap();
    edit(&mut part);
    let (realm, name) = (tgt.ticket.realm.clone(), tgt.ticket.sname.clone());
    Credential {
        ticket: ticket::seal(&part, realm, name, key, &[3; 16]),
        ..tgt.clone()
    }
}

/// The same with another PAC, rightly signed, and beside it what else was there.
fn with_pac(
    world: &mut World,
    tgt: &Credential,
    edit: impl FnOnce(PacBuilder, &mut EncTicketPart) -> PacBuilder,
    without: &[BufferType],
) -> Credential {
    let krbtgt = world.krbtgt();
    let (part, key) = ticket::open(&tgt.ticket, &krbtgt.keys).unwrap();
    let pac = ticket::pac::verify(&part, key, &krbtgt.keys).unwrap();
    let content = [
        BufferType::LOGON_INFO,
        BufferType::CLIENT_INFO,
        BufferType::UPN_DNS_INFO,
        BufferType::ATTRIBUTES_INFO,
        BufferType::REQUESTOR,
    ]
    .into_iter()
    .filter(|kind| !without.contains(kind))
    .fold(PacBuilder::new(), |builder, kind| {
        builder.buffer(kind, pac.buffer(kind).unwrap().to_vec())
    });
    forged(world, tgt, |part| {
        let others: Vec<_> = part
            .authorization_data
            .take()
            .unwrap()
            .into_iter()
            .skip(1)
            .collect();
        let content = edit(content, part);
        ticket::pac::attach(part, content, others, For::TicketGranting, key, key).unwrap();
    })
}

#[test]
fn e_6_a_ticket_granting_ticket_without_its_pac_and_its_means_is_revoked() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let same = with_pac(&mut world, &tgt, |builder, _| builder, &[]);
    assert!(world.host(&same).is_ok(), "{:?}", world.refused);
    let bob = world.account(world.bob).sid;
    type Edit = fn(&mut EncTicketPart);
    let edits: [(&str, Edit); 5] = [
        ("no authorization data", |part| {
            part.authorization_data = None
        }),
        ("no PAC", |part| {
            let data = part.authorization_data.take().unwrap();
            part.authorization_data = Some(data.into_iter().skip(1).collect());
        }),
        ("nothing but a PAC", |part| {
            let data = part.authorization_data.take().unwrap();
            part.authorization_data = Some(data.into_iter().take(1).collect());
        }),
        ("two PACs", |part| {
            let mut data = part.authorization_data.take().unwrap().into_vec();
            data.insert(0, data[0].clone());
            part.authorization_data = Some(data.into());
        }),
        ("an altered PAC", |part| {
            let mut data = part.authorization_data.take().unwrap().into_vec();
            let mut inner = AuthorizationData::decode(&data[0].ad_data)
                .unwrap()
                .into_vec();
            let pac = &mut inner[0].ad_data;
            let middle = pac.len() / 2;
            pac[middle] ^= 1;
            data[0] = AuthorizationDataElement::if_relevant(&inner.into());
            part.authorization_data = Some(data.into());
        }),
    ];
    for (name, edit) in edits {
        let tgt = forged(&mut world, &tgt, edit);
        refuses(&mut world, name, &tgt, 20);
    }
    let without = [BufferType::REQUESTOR];
    let unasked = with_pac(&mut world, &tgt, |builder, _| builder, &without);
    refuses(&mut world, "no requestor", &unasked, 20);
    let other = |builder: PacBuilder, _: &mut EncTicketPart| {
        builder.buffer(BufferType::REQUESTOR, Requestor { sid: bob }.to_bytes())
    };
    let other = with_pac(&mut world, &tgt, other, &without);
    refuses(&mut world, "another requestor", &other, 20);
    let without = [BufferType::CLIENT_INFO];
    for (name, info) in [
        ("another client's PAC", ("bob", world.now)),
        (
            "another sign-in's PAC",
            ("alice", world.now - Span::seconds(1)),
        ),
    ] {
        let info = ClientInfo {
            authentication_time: info.1.filetime(),
            name: info.0.to_owned(),
        };
        let info = info.to_bytes().unwrap();
        let edit = |builder: PacBuilder, _: &mut EncTicketPart| {
            builder.buffer(BufferType::CLIENT_INFO, info)
        };
        let tgt = with_pac(&mut world, &tgt, edit, &without);
        refuses(&mut world, name, &tgt, 20);
    }
    // A ticket that was renamed throughout, but for the account that got it.
    let renamed = ClientInfo {
        authentication_time: world.now.filetime(),
        name: "bob".to_owned(),
    };
    let renamed = renamed.to_bytes().unwrap();
    let edit = |builder: PacBuilder, part: &mut EncTicketPart| {
        part.cname = PrincipalName::principal("bob");
        builder.buffer(BufferType::CLIENT_INFO, renamed)
    };
    let renamed = Credential {
        client: PrincipalName::principal("bob"),
        ..with_pac(&mut world, &tgt, edit, &without)
    };
    refuses(&mut world, "another name throughout", &renamed, 20);
}

#[test]
fn e_6_a_pac_that_another_key_signed_is_not_believed() {
    let mut world = World::new();
    let tgt = tgt(&mut world);
    let laptop = world.account(world.laptop);
    let other = ticket::Keys::newest(&laptop.keys).next().unwrap();
    let krbtgt = world.krbtgt();
    let (part, own) = ticket::open(&tgt.ticket, &krbtgt.keys).unwrap();
    let pac = ticket::pac::verify(&part, own, &krbtgt.keys).unwrap();
    let rest: Vec<_> = part
        .authorization_data
        .unwrap()
        .into_iter()
        .skip(1)
        .collect();
    for (server, kdc, accepted) in [(own, own, true), (own, other, false), (other, own, false)] {
        let content = [
            BufferType::LOGON_INFO,
            BufferType::CLIENT_INFO,
            BufferType::UPN_DNS_INFO,
            BufferType::ATTRIBUTES_INFO,
            BufferType::REQUESTOR,
        ]
        .into_iter()
        .fold(PacBuilder::new(), |builder, kind| {
            builder.buffer(kind, pac.buffer(kind).unwrap().to_vec())
        });
        let rest = rest.clone();
        let tgt = forged(&mut world, &tgt, |part| {
            ticket::pac::attach(part, content, rest, For::TicketGranting, server, kdc).unwrap();
        });
        assert_eq!(world.host(&tgt).is_ok(), accepted, "{:?}", world.refused);
    }
}

#[test]
fn e_3_6_32_33_a_ticket_is_over_at_its_end_and_begins_at_its_start() {
    type Edit = fn(&mut EncTicketPart, Timestamp);
    let cases: [(&str, i32, Edit); 7] = [
        ("as it is", 0, |_, _| {}),
        ("a second left", 0, |part, now| {
            part.endtime = kerberos_time(now + Span::seconds(1))
        }),
        ("over at this moment", 32, |part, now| {
            part.endtime = kerberos_time(now)
        }),
        ("begins within the skew", 0, |part, now| {
            part.starttime = Some(kerberos_time(now + Span::minutes(4)));
        }),
        ("begins later", 33, |part, now| {
            part.starttime = Some(kerberos_time(now + Span::minutes(6)));
        }),
        ("marked invalid", 33, |part, _| {
            part.flags |= TicketFlags::INVALID
        }),
        ("an RC4 session key", 14, |part, _| {
            part.key = EncryptionKey {
                keytype: EncryptionType(23),
                keyvalue: vec![1; 16],
            };
        }),
    ];
    let mut judged = Cases::new();
    for (name, code, edit) in cases {
        let mut world = World::new();
        let tgt = tgt(&mut world);
        let now = world.now;
        let tgt = forged(&mut world, &tgt, |part| edit(part, now));
        let message = request(&mut world, &tgt).encode();
        judged.judge(&mut world, name, &message, code);
        if code != 0 {
            refuses(&mut world, name, &tgt, code);
        }
    }
    judged.are(7);
}

#[test]
fn tickets_die_with_the_name_that_they_carry() {
    let sign_in = |world: &mut World, name: &str| world.password(name, PASSWORD).unwrap();
    // A ticket outlives no renaming: its name may be somebody else's tomorrow (CVE-2021-42287).
    let mut world = World::new();
    let tgt = sign_in(&mut world, "alice");
    assert!(world.host(&tgt).is_ok());
    let rename = |world: &World, id, sam: &str| {
        let upn = format!("{sam}@corp.example");
        world.commit(&[
            change::set(id, Attribute::SamAccountName, sam),
            change::set(id, Attribute::UserPrincipalName, upn.as_str()),
        ]);
    };
    rename(&world, world.alice, "alice.old");
    refuses(&mut world, "the name is nobody's", &tgt, 20);
    rename(&world, world.bob, "alice");
    refuses(&mut world, "the name is another's", &tgt, 20);
    rename(&world, world.bob, "bob");
    rename(&world, world.alice, "alice");
    assert!(world.host(&tgt).is_ok());
    // Every name that signs in is a name that goes on.
    let mut world = World::new();
    let upn = "alice.liddell@corp.example";
    world.commit(&[change::set(world.alice, Attribute::UserPrincipalName, upn)]);
    for options in [KdcOptions::NONE, KdcOptions::CANONICALIZE] {
        for name in [
            PrincipalName::principal("alice"),
            PrincipalName::principal("ALICE"),
            PrincipalName::principal("alice.liddell"),
            PrincipalName::enterprise(upn),
        ] {
            let key = world.key_of(world.alice, AES256);
            let wish = Wish {
                options,
                ..Wish::ticket_granting("CORP.EXAMPLE")
            };
            let secret = ticket::client::Secret::Key(&key);
            let tgt = world.ask(name.clone(), wish, secret).unwrap();
            assert!(world.host(&tgt).is_ok(), "{name}: {:?}", world.refused);
        }
    }
    let key = world.key_of(world.laptop, AES256);
    let mut request = Password::new("LAPTOP-1$", key, world.now, &mut world.rng);
    request.body.cname = Some(laptop());
    let tgt = credential(&mut world, request);
    assert!(world.host(&tgt).is_ok(), "{:?}", world.refused);
}
