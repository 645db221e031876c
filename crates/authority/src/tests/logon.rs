//! Certificates to sign in with (protocols E.5, G.3, PKI-T4).

use directory::issuers::Standing;
use trust::enrolment::LogonEnrolment;
use wire::x509::{GeneralName, oid};

use super::*;

impl House {
    fn person(&mut self, sam: &str, upn: Option<&str>) -> EntryId {
        let id = EntryId::random(&mut self.rng);
        let users = self.snapshot().domain().users;
        let mut entry = NewEntry::user(id, users, sam, sam);
        if let Some(upn) = upn {
            entry = entry.with(directory::Attribute::UserPrincipalName, upn);
        }
        self.commit(vec![entry.into()]);
        id
    }

    fn ask_for(&mut self, person: EntryId, key: &PrivateKey, days: Option<u16>) -> Vec<u8> {
        let request = trust::Rng::array::<16>(&mut self.rng).to_vec();
        let enrolment = LogonEnrolment::new(person.0, days, possessed(key));
        let put = change::put(
            records::REQUESTS,
            request.clone(),
            enrolment.to_bytes(),
            self.now + Span::hours(1),
        );
        self.commit(vec![put]);
        request
    }

    fn issued_to(&mut self, person: EntryId, days: Option<u16>) -> Certificate {
        let request = self.ask_for(person, &PrivateKey::generate(KeyKind::P256), days);
        self.settle();
        match self.outcome(&request) {
            Some(Outcome::Issued(certificate)) => certificate,
            other => panic!("{other:?}"),
        }
    }

    fn standing(&self, certificate: &Certificate) -> Standing {
        let own = trust::revocation::OWN;
        self.snapshot().own_certificate(own, certificate).unwrap()
    }
}

#[test]
fn a_logon_certificate_says_what_the_directory_says_of_the_person() {
    let mut house = House::founded();
    let alice = house.person("alice", Some("alice.liddell@corp.example"));
    let certificate = house.issued_to(alice, None);
    assert_issued_by(&certificate, &house.root(Ca::Enterprise));
    let sid = house.snapshot().account_by_id(alice).unwrap().unwrap().sid;
    let extensions = certificate.extensions();
    assert_eq!(extensions.security_identifier().unwrap(), Some(sid));
    let upn = GeneralName::UserPrincipalName("alice.liddell@corp.example".to_owned());
    assert_eq!(extensions.subject_alternative_names().unwrap(), [upn]);
    let purposes = extensions.extended_key_usage().unwrap().unwrap();
    assert!(purposes.contains(&oid::SMART_CARD_LOGON));
    assert!(!purposes.contains(&oid::PKINIT_KDC));
    assert_eq!(house.standing(&certificate), Standing::Good);
    assert_eq!(
        certificate.not_after(),
        (house.now + Span::days(365)).unix()
    );

    let bob = house.person("bob", None);
    let certificate = house.issued_to(bob, Some(30));
    let upn = GeneralName::UserPrincipalName("bob@corp.example".to_owned());
    assert_eq!(
        certificate
            .extensions()
            .subject_alternative_names()
            .unwrap(),
        [upn]
    );
    assert_eq!(certificate.not_after(), (house.now + Span::days(30)).unix());
    let long = house.issued_to(bob, Some(9_999));
    assert_eq!(long.not_after(), (house.now + Span::days(365)).unix());
    house.assert_whole_logs();
}

#[test]
fn nobody_gets_one_who_may_not_sign_in_or_for_a_key_of_another() {
    let mut house = House::founded();
    let (alice, bob) = (house.person("alice", None), house.person("bob", None));
    let key = PrivateKey::generate(KeyKind::P256);
    let first = house.ask_for(alice, &key, None);
    house.settle();
    assert!(matches!(house.outcome(&first), Some(Outcome::Issued(_))));
    let second = house.ask_for(bob, &key, None);
    assert!(house.refused(&second).contains("certified for another"));
    let nobody = EntryId::random(&mut house.rng);
    let third = house.ask_for(nobody, &PrivateKey::generate(KeyKind::P256), None);
    assert!(house.refused(&third).contains("does not exist"));
    let krbtgt = house.snapshot().domain().krbtgt;
    let fourth = house.ask_for(krbtgt, &PrivateKey::generate(KeyKind::P256), None);
    assert!(house.refused(&fourth).contains("does not exist"));
}

#[test]
fn it_rests_with_its_person_and_an_administrators_hold_stays() {
    let mut house = House::founded();
    let alice = house.person("alice", None);
    let (first, second) = (house.issued_to(alice, None), house.issued_to(alice, None));
    let control = |house: &House| {
        house
            .snapshot()
            .account_by_id(alice)
            .unwrap()
            .unwrap()
            .control
    };
    let held = Actor::system();
    house.call(|view, now, rng| {
        let which = (Ca::Enterprise, second.serial());
        revoke(view, which, Reason::CertificateHold, &held, now, rng)
            .unwrap()
            .unwrap()
    });
    house.settle();
    assert_eq!(house.standing(&second), Standing::Revoked);
    // A key or a mapping that comes or goes has nothing to do with it.
    let edit = directory::Edit::Set(
        directory::Attribute::AltSecurityIdentities,
        vec!["X509:<SKI>ab".into()],
    );
    house.commit(vec![change::modify(alice, vec![edit])]);
    house.settle();
    assert_eq!(house.standing(&second), Standing::Revoked);
    assert_eq!(house.standing(&first), Standing::Good);
    let before = control(&house);
    house.commit(vec![change::disable(alice, before)]);
    house.settle();
    assert_eq!(house.standing(&first), Standing::Revoked);
    let before = control(&house);
    house.commit(vec![change::enable(alice, before)]);
    house.settle();
    assert_eq!(house.standing(&first), Standing::Good);
    house.commit(vec![Change::Delete { id: alice }]);
    house.settle();
    assert_eq!(house.standing(&first), Standing::Revoked);
}

#[test]
fn the_enterprise_authority_stands_among_the_trusted_issuers_for_who_reads_the_directory() {
    let house = House::founded();
    let listed = house.snapshot().trusted_issuers().unwrap();
    assert_eq!(listed, [house.root(Ca::Enterprise)]);
}
