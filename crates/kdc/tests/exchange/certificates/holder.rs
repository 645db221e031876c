//! Whose a certificate is that comes without a name (`kdc::holder`): the rules are those of signing in.

use super::*;

impl Cards {
    fn holder(&self, card: &Pair) -> Result<kdc::Holder, Refused> {
        let view = kdc::View {
            directory: self.world.directory.snapshot().unwrap(),
            realm: &self.world.realm,
            identities: &[],
            issuers: &self.world.issuers,
            lockout: &self.world.lockout,
            memory: &self.world.memory,
        };
        kdc::holder(&parsed(card), &[], &view, self.world.now)
    }

    fn is_of(&self, card: &Pair, account: EntryId) -> bool {
        let holder = self.holder(card);
        holder.is_ok_and(|holder| holder.account.id == account)
    }
}

#[test]
fn a_certificate_without_a_name_is_whose_a_sign_in_would_have_it() {
    let cards = by_sid();
    let alice = cards.world.alice;
    let card = cards.good();
    let holder = cards.holder(&card).unwrap();
    assert_eq!(holder.account.id, alice);
    assert_eq!(holder.until, Card::new().until);
    let certificate = holder.means.certificate.unwrap();
    assert_eq!(certificate.serial(), parsed(&card).serial());
    assert_eq!(holder.means.account, alice.0);

    // The SID of nobody, and a name that does not count.
    let plain = cards.issue(&Card::new());
    assert!(matches!(
        cards.holder(&plain),
        Err(Refused::CertificateMismatch)
    ));
    let expired = cards.issue(&Card {
        from: START - Span::days(2),
        until: START - Span::days(1),
        ..Card::new().with_sid(cards.alice())
    });
    assert!(matches!(
        cards.holder(&expired),
        Err(Refused::CertificateInvalid(invalid)) if invalid.why == Why::Expired
    ));
    let stranger = Card::new()
        .with_sid(cards.alice())
        .issue(&authority("Cards", None));
    assert!(cards.holder(&stranger).is_err());

    cards.revoke(&cards.issuer, &card);
    assert!(matches!(
        cards.holder(&card),
        Err(Refused::CertificateRevoked(_))
    ));
}

#[test]
fn each_strong_mapping_finds_its_account_and_one_of_two_finds_nobody() {
    let cards = Cards::new(Mapping::Explicit);
    let (alice, bob) = (cards.world.alice, cards.world.bob);
    let mut card = Card::new().with_sid(cards.alice());
    card.names.clear();
    card.others
        .push(Extension::subject_key_identifier(&[0xab, 0xcd, 0xef]));
    let card = cards.issue(&card);
    let certificate = parsed(&card);
    let octets = wire::x509::public_key_octets(certificate.spki()).unwrap();
    let values = [
        CertificateMapping::issuer_serial(&certificate).unwrap(),
        CertificateMapping::SubjectKeyIdentifier(vec![0xab, 0xcd, 0xef]),
        CertificateMapping::Sha1PublicKey(crypto::digest::sha1(octets)),
        CertificateMapping::Sha1PublicKey(crypto::digest::sha1(certificate.spki())),
    ]
    .map(|value| value.to_string());
    for value in &values {
        cards.map(bob, std::slice::from_ref(value));
        assert!(cards.is_of(&card, bob), "{value}");
        // Two have it: whom it means, nobody can tell.
        cards.map(alice, std::slice::from_ref(value));
        assert!(matches!(
            cards.holder(&card),
            Err(Refused::CertificateMismatch)
        ));
        cards.map(bob, &[]);
        assert!(cards.is_of(&card, alice), "{value}");
        cards.map(alice, &[]);
        assert!(cards.holder(&card).is_err(), "{value}");
    }
    let weak = "X509:<S>CN=Alice".to_owned();
    cards.map(alice, &[weak]);
    assert!(cards.holder(&card).is_err());
}

#[test]
fn a_name_counts_where_names_count() {
    let mut cards = Cards::new(Mapping::Name);
    let card = cards.issue(&Card::new());
    assert!(cards.holder(&card).is_err());
    cards.world.realm.strong_mapping = StrongMapping::Disabled;
    assert!(cards.is_of(&card, cards.world.alice));
    // One that names two people names nobody.
    let mut both = Card::new();
    both.names.push(upn("bob@corp.example"));
    let both = cards.issue(&both);
    assert!(cards.holder(&both).is_err());
}
