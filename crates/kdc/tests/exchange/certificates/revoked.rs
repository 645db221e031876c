//! What is revoked, what is not known, and what our own authority issued (protocols E.5.1).

use super::*;

#[test]
fn a_revoked_certificate_is_refused_and_so_is_the_ticket_that_it_got() {
    let mut cards = by_sid();
    let (card, other) = (
        cards.good(),
        Card {
            serial: vec![9],
            ..Card::new().with_sid(cards.alice())
        },
    );
    let other = cards.issue(&other);
    let tgt = cards.world.with_pair("alice", &card).unwrap();
    assert!(cards.world.host(&tgt).is_ok());
    cards.revoke(&cards.issuer, &card);
    assert_eq!(cards.code(&card), 72);
    let gone = cards.world.host(&tgt).unwrap_err();
    assert_eq!(gone, refused(ErrorCode::KDC_ERR_TGT_REVOKED));
    assert_eq!(
        cards.world.refused,
        Some(Refused::TgtRevoked("certificate"))
    );
    assert_eq!(cards.code(&other), 0);
}

#[test]
fn a_ticket_ends_when_its_issuer_is_trusted_no_more() {
    let mut cards = by_sid();
    let card = cards.good();
    let tgt = cards.world.with_pair("alice", &card).unwrap();
    assert!(cards.world.host(&tgt).is_ok());
    let snapshot = cards.world.directory.snapshot().unwrap();
    let changes = issuers::distrust(&snapshot, &parsed(&cards.issuer)).unwrap();
    drop(snapshot);
    cards.world.commit(&changes);
    let gone = cards.world.host(&tgt).unwrap_err();
    assert_eq!(gone, refused(ErrorCode::KDC_ERR_TGT_REVOKED));
    // Nor does the certificate sign in, though the server has not looked at the list again.
    assert_eq!(cards.code(&card), 62);
}

fn needed(cards: &Cards) -> Needed {
    match &cards.world.refused {
        Some(Refused::RevocationUnavailable(Some(needed))) => (**needed).clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_missing_is_asked_for_where_the_certificate_or_the_administrator_says() {
    let mut cards = by_sid();
    let place = "http://pki.cards.example/cards.crl";
    let mut card = Card::new().with_sid(cards.alice());
    let bare = cards.issue(&Card {
        serial: vec![9],
        ..card.clone()
    });
    let responder = "http://ocsp.cards.example/";
    card.others
        .push(Extension::crl_distribution_points(&[place, "ldap://x/"]));
    card.others
        .push(Extension::authority_information_access_with(
            &[responder],
            &[],
        ));
    let card = cards.issue(&card);
    assert_eq!(cards.code(&card), 0);
    cards.world.advance(Span::days(3));
    assert_eq!(cards.code(&card), 74);
    let wanted = needed(&cards);
    let urls = |places: &[kdc::Place]| {
        places
            .iter()
            .map(|place| place.url.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(urls(&wanted.lists), [place]);
    assert_eq!(urls(&wanted.responders), [responder]);
    assert!(!wanted.lists[0].by_administrator);
    assert_eq!(wanted.issuer, parsed(&cards.issuer));
    // There is nobody to ask about the other one.
    assert_eq!(cards.code(&bare), 73);
    cards.say(|settings| settings.lists = vec!["http://127.0.0.1:1/list".to_owned()]);
    assert_eq!(cards.code(&bare), 74);
    assert!(needed(&cards).lists[0].by_administrator);
}

#[test]
fn what_is_not_to_be_had_refuses_unless_the_administrator_says_otherwise() {
    let mut cards = by_sid();
    let mut card = Card::new().with_sid(cards.alice());
    card.others
        .push(Extension::crl_distribution_points(&["http://x/"]));
    let card = cards.issue(&card);
    cards.world.advance(Span::days(3));
    for requirement in Requirement::ALL {
        cards.say(|settings| settings.revocation = Some(requirement));
        // First it is tried.
        assert_eq!(cards.code(&card), 74);
        cards.world.memory.not_had(&needed(&cards), cards.world.now);
        let expected = if requirement == Requirement::Soft {
            0
        } else {
            74
        };
        assert_eq!(cards.code(&card), expected, "{requirement:?}");
        cards.world.advance(Span::minutes(5));
    }
    cards.say(|settings| settings.revocation = None);
    cards.world.realm.revocation = Requirement::Soft;
    assert_eq!(cards.code(&card), 74);
    cards.world.memory.not_had(&needed(&cards), cards.world.now);
    assert_eq!(cards.code(&card), 0);
    // What is known to be revoked is revoked for everybody.
    cards.revoke(&cards.issuer, &card);
    assert_eq!(cards.code(&card), 72);
}

#[test]
fn a_responders_answer_counts_while_it_holds() {
    let mut cards = by_sid();
    let mut card = Card::new().with_sid(cards.alice());
    card.others
        .push(Extension::authority_information_access_with(
            &["http://x/"],
            &[],
        ));
    let card = cards.issue(&card);
    cards.put(LISTS, id_of(&cards.issuer).0.to_vec(), {
        let row = ListRow {
            this_update: START - Span::days(2),
            next_update: START - Span::days(1),
            fetched: START,
            number: 0,
            entries: 0,
            place: String::new(),
            issuer: Vec::new(),
        };
        row.to_bytes()
    });
    assert_eq!(cards.code(&card), 74);
    cards.answered(&card, CertificateStatus::Good);
    assert_eq!(cards.code(&card), 0);
    cards.answered(&card, CertificateStatus::Unknown);
    assert_eq!(cards.code(&card), 73);
    let revoked = CertificateStatus::Revoked {
        since: START.unix(),
        reason: Reason::Unspecified,
    };
    cards.answered(&card, revoked);
    assert_eq!(cards.code(&card), 72);
    cards.answered(&card, CertificateStatus::Good);
    cards.world.advance(Span::days(2));
    assert_eq!(cards.code(&card), 74);
}

// Our own authority.

static OWN: LazyLock<Pair> = LazyLock::new(|| authority("Enterprise", None));

fn own() -> Cards {
    let mut cards = Cards {
        world: World::new(),
        issuer: Pair {
            key: OWN.key.clone(),
            certificate: OWN.certificate.clone(),
        },
    };
    cards.world.issuers = vec![Anchor::new(parsed(&OWN)).of_ours(revocation::OWN)];
    cards
}

fn book(cards: &Cards, table: &'static str, card: &Pair) -> Change {
    let key = revocation::own_row(revocation::OWN, parsed(card).serial());
    let value = [b"in front of", &card.certificate[..], b"behind"].concat();
    let put = change::put(Table::new(table), key, value, Timestamp::NEVER);
    cards.world.commit(std::slice::from_ref(&put));
    put
}

#[test]
fn our_own_authoritys_certificate_signs_in_until_it_is_revoked_at_once() {
    let mut cards = own();
    let card = cards.good();
    book(&cards, revocation::OWN_ISSUED, &card);
    let tgt = cards.world.with_pair("alice", &card).unwrap();
    assert!(cards.world.host(&tgt).is_ok());
    book(&cards, revocation::OWN_REVOKED, &card);
    assert_eq!(cards.code(&card), 72);
    let gone = cards.world.host(&tgt).unwrap_err();
    assert_eq!(gone, refused(ErrorCode::KDC_ERR_TGT_REVOKED));
    let key = revocation::own_row(revocation::OWN, parsed(&card).serial());
    let table = Table::new(revocation::OWN_REVOKED);
    cards.world.commit(&[change::remove(table, key)]);
    assert_eq!(cards.code(&card), 0);
    assert!(cards.world.host(&tgt).is_ok());
}

#[test]
fn a_certificate_by_our_own_key_that_is_not_in_the_books_is_refused() {
    let mut cards = own();
    let card = Card::new().with_sid(cards.alice());
    let (issued, golden) = (cards.issue(&card), cards.issue(&card));
    // Of the same serial number, even.
    book(&cards, revocation::OWN_ISSUED, &issued);
    assert_eq!(cards.code(&issued), 0);
    assert_eq!(cards.code(&golden), 62);
    assert_eq!(cards.world.refused, Some(Refused::CertificateNotIssued));
}
