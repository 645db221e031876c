//! The ticket that a service shows as evidence: one, for the service itself, for now, and as it was given (security row 2).

use super::proxy::{PLAIN, ProxyCase, flipped, judge_proxy, not_forwardable};
use super::*;

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
    ])
    .are(22);
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
    ])
    .are(15);
}
