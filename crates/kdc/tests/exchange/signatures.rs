//! Each of a PAC's four signatures counts by itself (security row 2): evidence in which one is broken and all others are
//! made anew with the very keys is refused, as is one in which the PAC is another ticket's or there are two.

use crypto::etype::Etype;
use ticket::Keys;
use ticket::client::{Secret, Wish};
use trust::Span;
use wire::kerberos::{
    AuthorizationData, AuthorizationDataElement, AuthorizationDataType, EncTicketPart, KeyUsage,
    PrincipalName, Ticket,
};
use wire::pac::{BufferType, DelegationInfo, Pac};

use crate::stage::{Stage, app, credential, put_pac, web, without};

const USAGE: KeyUsage = KeyUsage::KERB_NON_KERB_CKSUM_SALT;

/// In the order in which they are made, each over those before.
const SIGNATURES: [BufferType; 4] = [
    BufferType::TICKET_CHECKSUM,
    BufferType::FULL_CHECKSUM,
    BufferType::SERVER_CHECKSUM,
    BufferType::KDC_CHECKSUM,
];

/// Makes a signature anew, with the key that makes it.
fn sign(stage: &Stage, part: &EncTicketPart, pac: &mut Pac, kind: BufferType) {
    let (service, krbtgt) = (stage.world.account(stage.web), stage.world.krbtgt());
    let krbtgt = krbtgt.keys.newest().next().unwrap().key;
    let zeroed = |kinds: &[BufferType]| pac.with_zeroed_signatures(kinds);
    let checksum = match kind {
        BufferType::TICKET_CHECKSUM => {
            let mut part = part.clone();
            put_pac(&mut part, &[0]);
            krbtgt.checksum(USAGE, &part.encode())
        }
        BufferType::FULL_CHECKSUM => krbtgt.checksum(USAGE, &zeroed(&SIGNATURES[1..])),
        BufferType::SERVER_CHECKSUM => {
            let key = service.keys.newest().next().unwrap().key;
            key.checksum(USAGE, &zeroed(&SIGNATURES[2..]))
        }
        _ => {
            let server = pac.signature(BufferType::SERVER_CHECKSUM).unwrap();
            krbtgt.checksum(USAGE, &server.value)
        }
    };
    pac.set_signature(kind, &checksum).unwrap();
}

/// The evidence, with one signature broken and those after it made to fit.
fn broken(stage: &mut Stage, evidence: &Ticket, which: Option<BufferType>) -> Ticket {
    let (part, mut pac) = stage.read(stage.web, evidence);
    for kind in SIGNATURES {
        sign(stage, &part, &mut pac, kind);
        if Some(kind) == which {
            let mut value = pac.signature(kind).unwrap().value;
            value[0] ^= 1;
            pac.set_signature(kind, &value).unwrap();
        }
    }
    stage.altered(evidence, |part| put_pac(part, pac.as_bytes()))
}

fn judge(stage: &mut Stage, evidence: &Ticket, code: i32) {
    let message = stage.proxy(evidence, app()).encode();
    match code {
        0 => drop(stage.world.given(&message).unwrap()),
        code => drop(stage.world.refusal(&message, code).unwrap()),
    }
}

#[test]
fn each_signature_counts_by_itself() {
    let mut stage = Stage::new();
    let evidence = stage.comes_to(web()).ticket;
    let whole = broken(&mut stage, &evidence, None);
    judge(&mut stage, &whole, 0);
    for kind in SIGNATURES {
        let ticket = broken(&mut stage, &evidence, Some(kind));
        judge(&mut stage, &ticket, 41);
    }
    judge(&mut stage, &evidence, 0);
}

/// Seals the evidence with something else in it, signed as a whole by all who sign.
fn signed_anew(
    stage: &mut Stage,
    evidence: &Ticket,
    alter: impl FnOnce(&mut EncTicketPart),
) -> Ticket {
    let (mut part, mut pac) = stage.read(stage.web, evidence);
    alter(&mut part);
    for kind in SIGNATURES {
        sign(stage, &part, &mut pac, kind);
    }
    stage.altered(evidence, |sealed| {
        *sealed = part;
        put_pac(sealed, pac.as_bytes());
    })
}

#[test]
fn a_pac_is_that_of_the_ticket_s_client_and_sign_in() {
    let mut stage = Stage::new();
    let evidence = stage.comes_to(web()).ticket;
    let same = signed_anew(&mut stage, &evidence, |_| {});
    judge(&mut stage, &same, 0);
    let of_bob = signed_anew(&mut stage, &evidence, |part| {
        part.cname = PrincipalName::principal("bob");
    });
    judge(&mut stage, &of_bob, 41);
    let of_another_time = signed_anew(&mut stage, &evidence, |part| {
        part.authtime = wire::kerberos::KerberosTime::from_unix(part.authtime.unix() - 1);
    });
    judge(&mut stage, &of_another_time, 41);
}

#[test]
fn two_pacs_are_none() {
    let mut stage = Stage::new();
    let evidence = stage.comes_to(web()).ticket;
    let (part, pac) = stage.read(stage.web, &evidence);
    let element = AuthorizationDataElement {
        ad_type: AuthorizationDataType::AD_WIN2K_PAC,
        ad_data: pac.as_bytes().to_vec(),
    };
    let one = AuthorizationDataElement::if_relevant(&[element.clone()].into());
    let within = AuthorizationDataElement::if_relevant(&[element.clone(), element].into());
    for twice in [vec![one.clone(), one], vec![within]] {
        let with = |pac: &Pac| {
            let mut part = part.clone();
            let data = twice.iter().cloned().map(|mut wrapped| {
                let inner = AuthorizationData::decode(&wrapped.ad_data).unwrap();
                let inner: AuthorizationData = inner
                    .into_iter()
                    .map(|mut element| {
                        element.ad_data = pac.as_bytes().to_vec();
                        element
                    })
                    .collect();
                wrapped = AuthorizationDataElement::if_relevant(&inner);
                wrapped
            });
            part.authorization_data = Some(data.collect());
            part
        };
        // The ticket's signature over both, each replaced.
        let mut pac = pac.clone();
        let krbtgt = stage.world.krbtgt();
        let key = krbtgt.keys.newest().next().unwrap().key;
        let mut replaced = with(&pac);
        let zeroed = replaced.authorization_data.take().unwrap();
        let zeroed = zeroed.into_iter().map(|wrapped| {
            let inner = AuthorizationData::decode(&wrapped.ad_data).unwrap();
            let inner = inner.into_iter().map(|mut element| {
                element.ad_data = vec![0];
                element
            });
            AuthorizationDataElement::if_relevant(&inner.collect())
        });
        replaced.authorization_data = Some(zeroed.collect());
        let checksum = key.checksum(USAGE, &replaced.encode());
        pac.set_signature(BufferType::TICKET_CHECKSUM, &checksum)
            .unwrap();
        for kind in &SIGNATURES[1..] {
            sign(&stage, &part, &mut pac, *kind);
        }
        let whole = with(&pac);
        let ticket = stage.altered(&evidence, |part| *part = whole);
        judge(&mut stage, &ticket, 41);
    }
    judge(&mut stage, &evidence, 0);
}

/// The evidence, as of somebody who was passed on by so many services before.
fn passed_on(stage: &mut Stage, evidence: &Ticket, services: usize) -> Ticket {
    let (part, pac) = stage.read(stage.web, evidence);
    let info = DelegationInfo {
        proxy_target: web().to_string(),
        transited_services: (0..services).map(|n| format!("http/{n}")).collect(),
    };
    let kind = BufferType::DELEGATION_INFO;
    let builder = without(&pac, kind).buffer(kind, info.to_bytes().unwrap());
    let mut pac = builder.build().unwrap();
    for kind in SIGNATURES {
        sign(stage, &part, &mut pac, kind);
    }
    stage.altered(evidence, |part| put_pac(part, pac.as_bytes()))
}

#[test]
fn nobody_is_passed_on_without_end() {
    let mut stage = Stage::new();
    let evidence = stage.comes_to(web()).ticket;
    let most = DelegationInfo::MAX_TRANSITED;
    let often = passed_on(&mut stage, &evidence, most - 1);
    judge(&mut stage, &often, 0);
    let too_often = passed_on(&mut stage, &evidence, most);
    judge(&mut stage, &too_often, 13);
}

#[test]
fn a_ticket_that_is_passed_on_is_no_longer_than_the_ticket_of_the_service_that_asks() {
    let mut stage = Stage::new();
    let evidence = stage.comes_to(web()).ticket;
    let key = stage.world.key_of(stage.web, Etype::Aes256CtsHmacSha1_96);
    let wish = Wish {
        lifetime: Span::hours(1),
        ..Wish::ticket_granting("CORP.EXAMPLE")
    };
    let name = PrincipalName::principal("web$");
    stage.own = stage.world.ask(name, wish, Secret::Key(&key)).unwrap();
    let request = stage.proxy(&evidence, app());
    let reply = stage.world.given(&request.encode()).unwrap();
    assert_eq!(credential(&request, &reply).end, stage.own.end);
}
