//! What is known of revocation: how it comes in, how it rests, and what the KDC decides by it (protocols E.5.1).

use std::sync::LazyLock;

use directory::issuers::{ANSWERS, LISTS, REVOKED};
use directory::testing::START;
use directory::{Change, Table, change, issuers};
use kdc::StrongMapping;
use trust::revocation::{
    ListRow, Mapping, OcspRow, Requirement, RevokedRow, Settings, Unusable, judge_answer,
    judge_list,
};
use trust::{Span, Timestamp};
use wire::http::plain::{self, Understood};
use wire::x509::ocsp::{
    self, CertId, CertificateStatus, OcspRequest, OcspResponse, ResponderId, ResponseData,
    SingleResponse,
};
use wire::x509::{
    Certificate, CertificateList, Extension, Extensions, Name, Reason, Revoked, TbsCertList,
    assemble, oid,
};

use crate::Seed;
use crate::cards::{CARDS, SERIAL, certificate, cut, with_length};

/// A list's content, signed by the issuer; else rows.
const LIST: u8 = 0x80;

/// A certificate with alice's SID, and the request that is signed with its key.
static REQUEST: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let cards = &*CARDS;
    let sid = Extension::security_identifier(&cards.sid);
    let certificate = cards.issue(&[sid]).expect("the issuer issues");
    cards.request(&certificate).expect("a client asks")
});

/// The first byte says what follows: with [`LIST`] the signed part of a list, else which rows there are, one bit for each,
/// and then those rows.
pub(crate) fn revocation(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    match first & LIST {
        0 => {
            rows(*first, rest);
        }
        _ => list(rest),
    }
}

fn list(tbs: &[u8]) {
    let cards = &*CARDS;
    let judged = |tbs: &[u8], (signature, algorithm): (Vec<u8>, Vec<u8>)| {
        let der = assemble(tbs, &algorithm, &signature);
        judge_list(&der, &cards.issuer, None, START).map(|checked| (checked, der))
    };
    assert!(judged(tbs, cards.forged(tbs)).is_err(), "anybody's list");
    let signed = cards.signed(tbs);
    let Ok((checked, der)) = judged(tbs, signed.clone()) else {
        return;
    };
    assert!(checked.this_update <= START + Span::minutes(5));
    assert!(checked.next_update > START);
    let list = CertificateList::parse(&der).expect("it was read");
    for (serial, since, reason) in checked.revoked {
        assert!(list.find(&serial).is_ok_and(|found| found.is_some()));
        let row = RevokedRow { since, reason };
        assert_eq!(RevokedRow::from_bytes(&row.to_bytes()), Some(row));
    }
    assert!(judged(&altered(tbs), signed).is_err(), "an altered list");
}

/// With one bit changed, another one for each.
fn altered(bytes: &[u8]) -> Vec<u8> {
    let digest = crypto::digest::sha256(bytes);
    let place = usize::from(digest[0]) << 8 | usize::from(digest[1]);
    let mut altered = bytes.to_vec();
    let place = place % altered.len().max(1);
    if let Some(byte) = altered.get_mut(place) {
        *byte ^= 1 << (digest[2] % 8);
    }
    altered
}

/// A row that is there, and what it says where it says something.
type Told<T> = Option<Option<T>>;

/// Whether alice gets a ticket, which must be what the rule says.
fn rows(which: u8, bytes: &[u8]) -> bool {
    let cards = &*CARDS;
    let (settings, rest) = cut(bytes);
    let (list, rest) = cut(rest);
    let (revoked, rest) = cut(rest);
    let (answer, _) = cut(rest);
    let there = |bit: u8| which & 1 << bit != 0;
    let mut changes: Vec<Change> = Vec::new();
    let (issuer, row) = (cards.id(), cards.id().row(SERIAL));
    let mut put = |table: Table, key: &[u8], value: &[u8]| {
        let put = change::put(table, key.to_vec(), value.to_vec(), Timestamp::NEVER);
        changes.push(put);
    };
    let own = Settings {
        mapping: Mapping::Sid,
        ..Settings::default()
    };
    put(
        issuers::ISSUERS,
        &issuer.0,
        &match there(0) {
            true => settings.to_vec(),
            false => own.to_bytes(),
        },
    );
    let settings = match there(0) {
        true => Settings::from_bytes(settings),
        false => Some(own),
    };
    let list: Told<ListRow> = there(1).then(|| {
        put(LISTS, &issuer.0, list);
        again(list, ListRow::from_bytes, ListRow::to_bytes)
    });
    let revoked: Told<RevokedRow> = there(2).then(|| {
        put(REVOKED, &row, revoked);
        again(revoked, RevokedRow::from_bytes, RevokedRow::to_bytes)
    });
    let answer: Told<OcspRow> = there(3).then(|| {
        put(ANSWERS, &row, answer);
        again(answer, OcspRow::from_bytes, OcspRow::to_bytes)
    });
    if let Some(settings) = &settings {
        let read = Settings::from_bytes(&settings.to_bytes());
        assert_eq!(read.as_ref(), Some(settings));
    }
    let directory = cards.with(&changes).expect("records can be put");
    let granted = cards.signs_in(&REQUEST, &directory, StrongMapping::Full);
    let right = expected(settings.as_ref(), &list, &revoked, &answer);
    assert_eq!(
        granted, right,
        "{settings:?} {list:?} {revoked:?} {answer:?}"
    );
    granted
}

/// What was read, written and read again.
fn again<T: PartialEq + std::fmt::Debug>(
    bytes: &[u8],
    read: impl Fn(&[u8]) -> Option<T>,
    write: impl Fn(&T) -> Vec<u8>,
) -> Option<T> {
    let value = read(bytes)?;
    assert_eq!(read(&write(&value)).as_ref(), Some(&value));
    Some(value)
}

/// The rule by itself: a row that cannot be read helps nobody.
fn expected(
    settings: Option<&Settings>,
    list: &Told<ListRow>,
    revoked: &Told<RevokedRow>,
    answer: &Told<OcspRow>,
) -> bool {
    let Some(settings) = settings else {
        return false;
    };
    if settings.mapping != Mapping::Sid || revoked.is_some() {
        return false;
    }
    let answer = match answer {
        Some(None) => return false,
        Some(Some(answer)) if answer.until > START => Some(answer.status),
        _ => None,
    };
    match answer {
        Some(CertificateStatus::Good) => return true,
        Some(CertificateStatus::Revoked { .. }) => return false,
        Some(CertificateStatus::Unknown) | None => {}
    }
    match list {
        Some(None) => return false,
        Some(Some(list)) if list.next_update > START => return true,
        _ => {}
    }
    // Where somebody can be asked they are, before anything is given.
    let nobody = settings.lists.is_empty() && settings.responders.is_empty();
    settings.revocation == Some(Requirement::Soft) && (answer.is_some() || nobody)
}

/// What was sent along with the question.
const NONCE: &[u8; 16] = b"sixteen bytes it";

/// Whom the issuer appointed to answer for it.
static RESPONDER: LazyLock<Certificate> = LazyLock::new(|| {
    let cards = &*CARDS;
    let purpose = Extension::extended_key_usage(&[oid::OCSP_SIGNING], false);
    let (issuer, own) = (cards.issuer.subject(), Name::common("Responder"));
    let der = certificate(&cards.key, issuer, &own, &[2], &[purpose]);
    Certificate::parse(&der.expect("the issuer issues")).expect("what was written can be read")
});

/// The first byte says whether the rest is a response, a request, or the part that is signed, by the issuer's key; then
/// the responder's certificate comes along with it.
pub(crate) fn ocsp(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    match first % 3 {
        0 => response(rest),
        1 => {
            if let Ok(request) = OcspRequest::parse(rest) {
                assert_eq!(OcspRequest::parse(&request.encode()), Ok(request));
            }
        }
        _ => judged(rest),
    }
}

fn judge(response: &[u8]) -> Result<trust::revocation::Status, Unusable> {
    judge_answer(response, SERIAL, &CARDS.issuer, Some(NONCE), START)
}

fn response(bytes: &[u8]) {
    assert!(judge(bytes).is_err(), "nobody has the issuer's key");
    match OcspResponse::parse(bytes) {
        Ok(OcspResponse::Failed(why)) => {
            let again = OcspResponse::encode_failure(why);
            assert_eq!(OcspResponse::parse(&again), Ok(OcspResponse::Failed(why)));
        }
        Ok(OcspResponse::Successful(basic)) => {
            let tbs = basic.data().encode();
            let certificates: Vec<&[u8]> =
                basic.certificates().iter().map(Certificate::der).collect();
            let (algorithm, signature) = (basic.signature_algorithm(), basic.signature());
            let again = ocsp::assemble(&tbs, algorithm, signature, &certificates);
            let Ok(OcspResponse::Successful(again)) = OcspResponse::parse(&again) else {
                panic!("what was written can be read");
            };
            assert_eq!(again.data(), basic.data());
            assert_eq!(again.certificates(), basic.certificates());
        }
        Err(_) => {}
    }
}

fn judged(tbs: &[u8]) {
    let cards = &*CARDS;
    let whole = |tbs: &[u8], (signature, algorithm): &(Vec<u8>, Vec<u8>)| {
        ocsp::assemble(tbs, algorithm, signature, &[RESPONDER.der()])
    };
    let forged = whole(tbs, &cards.forged(tbs));
    assert!(judge(&forged).is_err(), "anybody's answer");
    let signature = cards.signed(tbs);
    let response = whole(tbs, &signature);
    let Ok(status) = judge(&response) else {
        return;
    };
    assert!(status.this_update <= START + Span::minutes(5));
    assert!(status.until > START && status.until <= START + Span::days(10));
    let row = OcspRow {
        status: status.status,
        until: status.until,
    };
    assert_eq!(OcspRow::from_bytes(&row.to_bytes()), Some(row));
    let Ok(OcspResponse::Successful(basic)) = OcspResponse::parse(&response) else {
        panic!("it was read");
    };
    let said = &basic.data().responses;
    assert!(said.iter().any(|one| one.certificate.serial == SERIAL));
    let nonce = basic.data().extensions.ocsp_nonce();
    assert!(matches!(nonce, Ok(None)) || nonce == Ok(Some(NONCE.to_vec())));
    let altered = whole(&altered(tbs), &signature);
    assert!(judge(&altered).is_err(), "an altered answer");
}

/// The most that a body may have here.
const MOST: usize = 1_024;

/// What a distribution point or a responder says, all of it until it hangs up.
pub(crate) fn issuer_answer(bytes: &[u8]) {
    const URL: &str = "http://pki.corp.example:8080/cards.crl";
    match plain::understand(bytes, URL, MOST) {
        Err(_) => {}
        Ok(Understood::Body(body)) => {
            assert!(body.len() <= MOST);
            let length = body.len();
            let head = format!("HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n");
            let mut whole = [head.as_bytes(), body].concat();
            let again = plain::understand(&whole, URL, MOST);
            assert_eq!(again, Ok(Understood::Body(body)));
            // What was cut short is nothing.
            if whole.len() > head.len() {
                whole.pop();
                assert!(plain::understand(&whole, URL, MOST).is_err());
            }
            let cards = &*CARDS;
            assert!(judge_list(body, &cards.issuer, Some(URL), START).is_err());
            assert!(judge(body).is_err());
        }
        Ok(Understood::Elsewhere(to)) => {
            // Whatever we are sent to, one request has one line for it and one for the host.
            if let Some((authority, path)) = plain::parts(&to) {
                let line = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
                assert!(line(authority) && line(&path) && path.starts_with('/'));
                assert!(!authority.is_empty() && !authority.contains(['/', '@', '?', '#']));
                let again = format!("http://{authority}{path}");
                assert_eq!(plain::parts(&again), Some((authority, path)));
            }
        }
    }
}

pub(crate) fn seeds() -> Vec<Seed> {
    let mut seeds = row_seeds();
    seeds.extend(list_seeds());
    seeds.extend(ocsp_seeds());
    for (name, head) in [
        ("body", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlist"),
        ("until-the-end", "HTTP/1.0 200 OK\r\nServer: x\r\n\r\nlist"),
        (
            "pieces",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nlist\r\n0\r\n\r\n",
        ),
        (
            "elsewhere",
            "HTTP/1.1 302 Found\r\nLocation: http://b.example/c?d#e\r\n\r\n",
        ),
        (
            "elsewhere-there",
            "HTTP/1.1 307 x\r\nlocation: /other.crl\r\n\r\n",
        ),
        ("absent", "HTTP/1.1 404 Not Found\r\n\r\n"),
        (
            "two-lengths",
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 3\r\n\r\nlist",
        ),
    ] {
        seeds.push(("issuer_answer", name.to_owned(), head.into()));
    }
    seeds
}

fn row_seeds() -> Vec<Seed> {
    let settings = Settings {
        mapping: Mapping::Sid,
        revocation: Some(Requirement::Soft),
        lists: Vec::new(),
        responders: vec!["http://a/".into()],
    };
    let list = |next: Timestamp| {
        ListRow {
            this_update: START,
            next_update: next,
            fetched: START,
            number: 1,
            entries: 0,
            place: "http://a/".into(),
            issuer: vec![0x30, 0],
        }
        .to_bytes()
    };
    let later = START + Span::days(1);
    let revoked = RevokedRow {
        since: START,
        reason: Reason::KeyCompromise,
    };
    let answer = |status| {
        let row = OcspRow {
            status,
            until: later,
        };
        row.to_bytes()
    };
    let row = |which: u8, values: [&[u8]; 4]| {
        let mut bytes = vec![which];
        bytes.extend(values.into_iter().flat_map(with_length));
        bytes
    };
    let (good, none) = (answer(CertificateStatus::Good), &[][..]);
    let since = START.unix();
    let reason = Reason::Superseded;
    let bad = answer(CertificateStatus::Revoked { since, reason });
    let unknown = answer(CertificateStatus::Unknown);
    let soft = settings.to_bytes();
    // What a record kept for longer than it said: the decision went by the record alone once.
    let over = OcspRow {
        status: CertificateStatus::Good,
        until: START,
    };
    let all: [(&str, u8, [&[u8]; 4]); 9] = [
        ("nothing", 0, [none; 4]),
        ("list", 2, [none, &list(later), none, none]),
        ("list-over", 2, [none, &list(START), none, none]),
        (
            "revoked",
            6,
            [none, &list(later), &revoked.to_bytes(), none],
        ),
        ("good", 8, [none, none, none, &good]),
        ("bad", 8, [none, none, none, &bad]),
        ("good-but-over", 8, [none, none, none, &over.to_bytes()]),
        ("unknown-and-soft", 9, [&soft, none, none, &unknown]),
        ("soft", 1, [&soft, none, none, none]),
    ];
    all.into_iter()
        .map(|(name, which, values)| ("revocation", name.to_owned(), row(which, values)))
        .collect()
}

fn list_seeds() -> Vec<Seed> {
    let cards = &*CARDS;
    let (_, algorithm) = cards.signed(b"");
    let entry = Revoked {
        serial: SERIAL.to_vec(),
        since: START.unix() - 60,
        reason: Reason::KeyCompromise,
    };
    let tbs = |revoked: &[Revoked], extensions: &[Extension]| {
        let list = TbsCertList {
            signature_algorithm: &algorithm,
            issuer: cards.issuer.subject(),
            this_update: START.unix() - 60,
            next_update: START.unix() + 3_600,
            revoked,
            extensions,
        };
        [&[LIST], list.encode().as_slice()].concat()
    };
    let number = [Extension::crl_number(7)];
    let delta = [Extension::crl_number(7), Extension::delta_crl_indicator(3)];
    vec![
        ("revocation", "tbs-empty".into(), tbs(&[], &number)),
        ("revocation", "tbs-one".into(), tbs(&[entry], &number)),
        ("revocation", "tbs-delta".into(), tbs(&[], &delta)),
    ]
}

fn ocsp_seeds() -> Vec<Seed> {
    let cards = &*CARDS;
    let id = CertId::sha1(&cards.issuer, SERIAL).expect("its key can be read");
    let by_issuer = ResponderId::by_key_of(&cards.issuer).expect("its key can be read");
    let data = |responder: ResponderId, status, next_update, extensions: Extensions| {
        ResponseData {
            responder,
            produced_at: START.unix(),
            responses: vec![SingleResponse {
                certificate: id.clone(),
                status,
                this_update: START.unix() - 60,
                next_update,
                extensions: Extensions::default(),
            }],
            extensions,
        }
        .encode()
    };
    let revoked = CertificateStatus::Revoked {
        since: START.unix(),
        reason: Reason::KeyCompromise,
    };
    let later = Some(START.unix() + 3_600);
    let nonce = Extensions::from(vec![Extension::ocsp_nonce(NONCE)]);
    let none = Extensions::default();
    let by_responder = ResponderId::ByName(RESPONDER.subject().clone());
    let good = CertificateStatus::Good;
    let tbs = [
        ("tbs-good", data(by_issuer.clone(), good, later, nonce)),
        ("tbs-revoked", data(by_issuer, revoked, later, none.clone())),
        ("tbs-by-responder", data(by_responder, good, None, none)),
    ];
    let request = OcspRequest::about(id, Some(NONCE)).encode();
    let mut seeds: Vec<Seed> = vec![(
        "ocsp",
        "request".into(),
        [&[1], request.as_slice()].concat(),
    )];
    let try_later = OcspResponse::encode_failure(OcspResponse::TRY_LATER);
    seeds.push((
        "ocsp",
        "try-later".into(),
        [&[0], try_later.as_slice()].concat(),
    ));
    for (name, tbs) in tbs {
        seeds.push(("ocsp", name.into(), [&[2], tbs.as_slice()].concat()));
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_reach_the_end_where_they_should() {
        for (target, name, bytes) in seeds() {
            let (first, rest) = bytes.split_first().unwrap();
            match (target, name.as_str()) {
                ("ocsp", "tbs-good" | "tbs-revoked" | "tbs-by-responder") => {
                    let (signature, algorithm) = CARDS.signed(rest);
                    let der = ocsp::assemble(rest, &algorithm, &signature, &[RESPONDER.der()]);
                    assert!(judge(&der).is_ok(), "{name}");
                }
                ("revocation", _) if first & LIST != 0 => {
                    let (signature, algorithm) = CARDS.signed(rest);
                    let der = assemble(rest, &algorithm, &signature);
                    let judged = judge_list(&der, &CARDS.issuer, None, START);
                    assert_eq!(judged.is_ok(), name != "tbs-delta", "{name}: {judged:?}");
                }
                _ => {}
            }
        }
    }

    #[test]
    fn with_a_list_or_an_answer_in_hand_alice_signs_in_and_revoked_she_does_not() {
        let mut granted = Vec::new();
        for (_, name, bytes) in row_seeds() {
            if rows(bytes[0], &bytes[1..]) {
                granted.push(name);
            }
        }
        assert_eq!(granted, ["list", "good", "unknown-and-soft"]);
    }
}
