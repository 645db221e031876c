//! Reading the audit log.

use directory::{Actor, AuditRecord, change};
use serde_json::Value;
use trust::Span;

use crate::world::{World, empty};

fn pages(world: &World, path: &str, limit: usize) -> Vec<Value> {
    let mut seen = Vec::new();
    let mut next = String::new();
    for _ in 0..200 {
        let joint = if path.contains('?') { '&' } else { '?' };
        let got = world.get("admin", &format!("{path}{joint}limit={limit}{next}"));
        let page = got.json["items"]
            .as_array()
            .unwrap_or_else(|| panic!("{}", got.json));
        assert!(page.len() <= limit);
        seen.extend(page.iter().cloned());
        match got.json["next"].as_str() {
            Some(place) => next = format!("&after={place}"),
            None => return seen,
        }
    }
    panic!("it does not end");
}

#[test]
fn the_log_is_read_newest_first_each_record_once_even_those_of_one_moment() {
    let mut world = World::new();
    for round in 0..3 {
        world.advance(Span::seconds(1));
        let records = (0..7).map(|number| {
            let action = format!("test.{round}.{number}");
            change::audit(AuditRecord::done(world.now, Actor::system(), action))
        });
        world.commit(records.collect());
    }
    for limit in [1, 2, 3, 7, 8, 100] {
        let seen = pages(&world, "/audit", limit);
        let actions: Vec<&str> = seen
            .iter()
            .map(|item| item["action"].as_str().unwrap())
            .collect();
        let newest: Vec<String> = (0..3)
            .rev()
            .flat_map(|round| {
                (0..7)
                    .rev()
                    .map(move |number| format!("test.{round}.{number}"))
            })
            .collect();
        assert_eq!(actions[..21], newest, "in pages of {limit}");
    }
}

#[test]
fn the_log_is_narrowed_by_time_action_and_entry() {
    let mut world = World::new();
    let start = world.now;
    for name in ["alice", "bob"] {
        world.advance(Span::seconds(10));
        world
            .ask("admin", &format!("POST /users/{name}/disable"), empty())
            .ok();
        world
            .ask("admin", &format!("POST /users/{name}/enable"), empty())
            .ok();
    }
    assert_eq!(pages(&world, "/audit?action=account.", 1).len(), 4);
    assert_eq!(pages(&world, "/audit?action=account.disable", 50).len(), 2);
    assert_eq!(pages(&world, "/audit?target=bob", 50).len(), 2);
    let id = world.id("bob");
    world.ask("admin", "DELETE /users/bob", Value::Null).ok();
    let about = pages(&world, &format!("/audit?target={id}"), 1);
    assert_eq!(
        about.len(),
        3,
        "an entry that is gone has its records still"
    );
    assert_eq!(about[0]["action"], "user.delete");
    assert_eq!(about[0]["target"]["name"], "bob@corp.example");
    assert_eq!(about[0]["actor"]["name"], "admin@corp.example");
    assert_eq!(about[0]["from"], "192.0.2.7");
    assert_eq!(about[0]["result"], "done");
    let from = (start + Span::seconds(11)).to_rfc3339();
    assert_eq!(
        pages(&world, &format!("/audit?from={from}&action=account."), 50).len(),
        2
    );
    assert_eq!(
        pages(&world, &format!("/audit?until={from}&action=account."), 50).len(),
        2
    );
    assert_eq!(
        world.get("admin", "/audit?from=yesterday").code(),
        (400, "invalid_parameter")
    );
    // A place far beyond anything real, which would be read through.
    assert_eq!(
        world.get("admin", "/audit?after=AAAAAAAAAAD_____").code(),
        (400, "invalid_parameter")
    );
    assert_eq!(
        world.get("admin", "/audit?after=AAAA").code(),
        (400, "invalid_parameter")
    );
    assert_eq!(
        world.get("admin", "/audit?target=nobody").code(),
        (404, "not_found")
    );
}

#[test]
fn a_search_that_finds_nothing_in_much_goes_on_where_it_stopped() {
    let world = World::new();
    let noise = |number: i64| {
        let time = world.now + Span::micros(number);
        change::audit(AuditRecord::done(time, Actor::system(), "noise"))
    };
    let wanted = AuditRecord::done(world.now, Actor::system(), "needle");
    world.commit(vec![change::audit(wanted)]);
    world.commit((1..2_500).map(noise).collect());
    // All of one moment, more than one request looks at.
    world.commit((0..3_500).map(|_| noise(3_000)).collect());
    let first = world.get("admin", "/audit?action=needle");
    assert!(first.json["items"].as_array().unwrap().is_empty());
    assert!(first.json["next"].is_string());
    assert_eq!(pages(&world, "/audit?action=needle", 10).len(), 1);
}
