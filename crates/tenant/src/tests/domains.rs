//! A domain is looked up until its TXT record is there.

use directory::tenant::{self, VerifiedBy, VerifiedDomain};
use directory::{Change, Job};
use trust::Span;
use wire::http::Request;

use super::world::*;
use crate::{Errand, Outcome};

const NAME: &str = "other.example";

/// A domain that was added, whose record is to be looked up.
fn added() -> (World, VerifiedDomain) {
    let mut world = World::bare();
    let domain = VerifiedDomain::new(NAME.into(), &mut world.rng);
    world.put_domain(&domain);
    let job = tenant::verification_job(NAME, world.now).unwrap();
    world.commit([Change::Schedule(job)]);
    (world, domain)
}

fn job(world: &World) -> Option<Job> {
    let id = tenant::verification_job_id(NAME).unwrap();
    world.read(|snapshot| snapshot.job(&id).unwrap())
}

fn domain(world: &World) -> Option<VerifiedDomain> {
    world.read(|snapshot| tenant::domain(snapshot, NAME, world.now).unwrap())
}

/// Ends the job as somebody does who has done its errand.
fn done(world: &mut World, outcome: &Outcome) {
    let job = job(world).unwrap();
    let World {
        tenants, rng, now, ..
    } = world;
    let (changes, _) = tenants[0].view(|view| crate::done(&job, outcome, view, *now, rng).unwrap());
    world.commit(changes);
}

#[test]
fn a_domain_verified_by_txt_is_one_and_an_unset_record_is_not() {
    let (mut world, added) = added();
    let asked = crate::errand(&job(&world).unwrap(), &world.tenants[0].deployment);
    assert_eq!(asked, Some(Errand::Txt { name: NAME.into() }));
    for outcome in [
        Outcome::Txt(vec![]),
        Outcome::Txt(vec!["v=spf1 -all".into(), format!("{} ", added.txt)]),
        Outcome::Txt(vec![added.txt.to_uppercase()]),
        Outcome::Failed("no answer".into()),
        Outcome::Notified,
    ] {
        done(&mut world, &outcome);
        assert!(!domain(&world).unwrap().is_verified(), "{outcome:?}");
        // An administrator is told what was found.
        let lookup = domain(&world).unwrap().lookup.unwrap();
        assert_eq!(lookup.at, world.now);
        let found = match &outcome {
            Outcome::Txt(texts) if texts.is_empty() => "no TXT record".to_owned(),
            Outcome::Txt(texts) => format!("other TXT records, {} of them", texts.len()),
            Outcome::Failed(why) => why.clone(),
            Outcome::Notified => "nothing was looked up".to_owned(),
        };
        assert_eq!(lookup.found, found);
        let due = job(&world).unwrap().due;
        assert!(due > world.now && due <= world.now + Span::hours(1));
    }
    let path = format!("/{NAME}/.well-known/openid-configuration");
    assert_eq!(code(&world.get(&path)), 90002);
    done(
        &mut world,
        &Outcome::Txt(vec!["v=spf1 -all".into(), added.txt]),
    );
    assert_eq!(domain(&world).unwrap().lookup, None);
    let verified = domain(&world).unwrap().verified.unwrap();
    assert_eq!((verified.by, verified.at), (VerifiedBy::Txt, world.now));
    assert_eq!(job(&world), None);
    assert_eq!(
        world.audit("domain.verify").unwrap().details["domain"],
        NAME
    );
    assert_eq!(world.get(&path).status, 200);
}

#[test]
fn nobody_looks_for_ever_and_waits_grow_to_an_hour() {
    let (mut world, _) = added();
    let mut waits = Vec::new();
    while let Some(before) = job(&world) {
        done(&mut world, &Outcome::Txt(vec![]));
        match job(&world) {
            Some(after) => waits.push(after.due.since(world.now).as_seconds() / 60),
            None => break,
        }
        assert!(before.attempts < 100);
    }
    assert_eq!(waits[..7], [1, 2, 4, 8, 16, 32, 60]);
    assert_eq!(waits.len(), 80);
    assert!(!domain(&world).unwrap().is_verified());
}

#[test]
fn what_an_administrator_verified_or_removed_meanwhile_is_looked_up_no_more() {
    let (mut world, added) = added();
    let mut verified = added.clone();
    verified.verified = world.known().domains["corp.example"].verified.clone();
    world.put_domain(&verified);
    done(&mut world, &Outcome::Txt(vec![added.txt]));
    assert_eq!(job(&world), None);
    assert_eq!(domain(&world), Some(verified));

    let (mut world, added) = self::added();
    let gone = tenant::remove_domain(NAME, &mut world.rng);
    world.commit(gone);
    done(&mut world, &Outcome::Txt(vec![added.txt]));
    assert_eq!((job(&world), domain(&world)), (None, None));
    let response = world.send(Request::get(
        "/odc/v2.1/federationProvider?domain=other.example",
    ));
    assert_eq!(response.status, 404);
}
