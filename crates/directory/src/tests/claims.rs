//! Claims, records, jobs, the audit log: what has no entry.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::testing::fresh;
use crate::{
    AccountActivity, Activity, Actor, AuditRecord, ClaimId, Job, JobId, RecordValue, Refused,
    Retention, Secret, Table, change,
};
use trust::Span;

const TABLE: Table = Table::new("tests.records");
const OTHER: Table = Table::new("tests.records2");

#[test]
fn of_many_threads_that_use_a_code_one_does() {
    let directory = fresh();
    for round in 0..20u8 {
        let used = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..6u8 {
                let (directory, used) = (&directory, &used);
                scope.spawn(move || {
                    let claim = ClaimId::new("tests.code", &[round]);
                    let changes = [
                        change::claim(claim, minutes(10)),
                        change::put(TABLE, [round, thread], vec![], minutes(10)),
                    ];
                    match write(directory, &changes) {
                        Ok(_) => drop(used.fetch_add(1, Ordering::SeqCst)),
                        Err(error) => assert_eq!(error, Refused::AlreadyClaimed.into()),
                    }
                });
            }
        });
        assert_eq!(used.into_inner(), 1);
        let snapshot = directory.snapshot().unwrap();
        let records = snapshot
            .records(TABLE, &[round], &[round + 1], 99, START)
            .unwrap();
        assert_eq!(records.len(), 1, "who did not use the code did nothing");
    }
}

#[test]
fn a_claim_holds_until_its_time_and_is_a_conflict_for_who_had_asked() {
    let directory = fresh();
    let id = ClaimId::new("tests.code", b"1");
    let other_space = ClaimId::new("tests.nonce", b"1");
    assert_ne!(id, other_space);
    let snapshot = directory.snapshot().unwrap();
    assert!(!snapshot.claimed(&id, START).unwrap());
    let reads = snapshot.into_reads();
    write(&directory, &[change::claim(id, minutes(10))]).unwrap();
    let late = directory.commit(&[change::claim(id, minutes(10))], &reads, START);
    assert_eq!(late, Err(CommitError::Conflict));
    let snapshot = directory.snapshot().unwrap();
    assert!(snapshot.claimed(&id, minutes(9)).unwrap());
    assert!(!snapshot.claimed(&id, minutes(10)).unwrap());
    assert!(!snapshot.claimed(&other_space, START).unwrap());
    let again = |now| directory.commit(&[change::claim(id, minutes(20))], &Reads::none(), now);
    assert_eq!(again(minutes(9)), Err(Refused::AlreadyClaimed.into()));
    assert!(again(minutes(10)).is_ok());
    // Twice within one commit is twice.
    let twice = ClaimId::new("tests.code", b"2");
    let changes = [
        change::claim(twice, minutes(1)),
        change::claim(twice, minutes(1)),
    ];
    assert_eq!(
        write(&directory, &changes),
        Err(Refused::AlreadyClaimed.into())
    );
}

#[test]
fn records_are_kept_by_table_and_key_until_they_expire() {
    let directory = fresh();
    let secret = RecordValue::Secret(Secret::new(b"private".to_vec()));
    let changes = [
        change::put(TABLE, *b"a", b"1".to_vec(), minutes(5)),
        change::put(TABLE, *b"b", secret.clone(), Timestamp::NEVER),
        change::put(TABLE, *b"a\0b", b"2".to_vec(), Timestamp::NEVER),
        change::put(OTHER, *b"a", b"3".to_vec(), Timestamp::NEVER),
    ];
    write(&directory, &changes).unwrap();
    let keys = |now| -> Vec<Vec<u8>> {
        let records = directory
            .snapshot()
            .unwrap()
            .records(TABLE, b"", b"", 99, now)
            .unwrap();
        records.into_iter().map(|record| record.key).collect()
    };
    assert_eq!(
        keys(START),
        [b"a".to_vec(), b"a\0b".to_vec(), b"b".to_vec()]
    );
    assert_eq!(keys(minutes(5)), [b"a\0b".to_vec(), b"b".to_vec()]);
    let get = |key: &[u8]| {
        directory
            .snapshot()
            .unwrap()
            .record(TABLE, key, START)
            .unwrap()
    };
    assert_eq!(get(b"b").unwrap().value, secret);
    assert_eq!(get(b"a").unwrap().value.bytes(), b"1");
    // A new expiry replaces the former one, which must not take the record along.
    write(
        &directory,
        &[change::put(TABLE, *b"a", b"4".to_vec(), minutes(50))],
    )
    .unwrap();
    let swept = directory
        .sweep(&Retention::default(), 100, minutes(6))
        .unwrap();
    assert_eq!(swept.expired, 0);
    assert_eq!(get(b"a").unwrap().value.bytes(), b"4");
    write(
        &directory,
        &[
            change::remove(TABLE, *b"a"),
            change::remove(TABLE, *b"never there"),
        ],
    )
    .unwrap();
    assert!(get(b"a").is_none());
    for key in [vec![], vec![1; 501]] {
        let put = change::put(TABLE, key, vec![], START);
        assert_eq!(write(&directory, &[put]), Err(Refused::InvalidName.into()));
    }
}

#[test]
fn a_wrapped_record_does_not_rest_as_it_is() {
    let directory = fresh();
    let value = RecordValue::Secret(Secret::new(b"very private bytes".to_vec()));
    write(
        &directory,
        &[change::put(TABLE, *b"k", value, Timestamp::NEVER)],
    )
    .unwrap();
    let rows = directory.storage().snapshot().unwrap();
    let all = rows
        .scan(
            b"",
            &[0xff; 9],
            usize::MAX,
            crate::storage::Order::Ascending,
        )
        .unwrap();
    let found = |text: &[u8]| {
        all.iter()
            .any(|(_, value)| value.windows(text.len()).any(|window| window == text))
    };
    assert!(!found(b"very private bytes"));
}

#[test]
fn a_job_is_there_once_until_it_is_done() {
    let directory = fresh();
    let name = JobId::named("tests.renew").unwrap();
    let job = |due| Job::new(name.clone(), "renew", due, b"what".to_vec());
    write(&directory, &[Change::Schedule(job(minutes(5)))]).unwrap();
    write(&directory, &[Change::Schedule(job(minutes(7)))]).unwrap();
    write(
        &directory,
        &[change::schedule(
            "mail",
            minutes(6),
            vec![],
            &mut Seeded::new(4),
        )],
    )
    .unwrap();
    let due = |now| -> Vec<String> {
        let jobs = directory.snapshot().unwrap().due_jobs(now, 10).unwrap();
        jobs.into_iter().map(|job| job.kind).collect()
    };
    assert!(due(minutes(5)).is_empty());
    assert_eq!(
        directory.snapshot().unwrap().next_job_due().unwrap(),
        Some(minutes(6))
    );
    assert_eq!(due(minutes(6)), ["mail"]);
    assert_eq!(due(minutes(7)), ["mail", "renew"]);
    let tried = directory.snapshot().unwrap().job(&name).unwrap().unwrap();
    write(&directory, &[Change::Schedule(tried.again(minutes(9)))]).unwrap();
    assert_eq!(due(minutes(8)), ["mail"]);
    let tried = directory.snapshot().unwrap().job(&name).unwrap().unwrap();
    assert_eq!(
        (tried.attempts, tried.payload.as_slice()),
        (1, b"what".as_slice())
    );
    write(
        &directory,
        &[Change::Finish(name.clone()), Change::Finish(name)],
    )
    .unwrap();
    assert_eq!(due(minutes(99)), ["mail"]);
}

#[test]
fn the_audit_log_tells_the_newest_first_and_comes_back_as_it_was() {
    let directory = fresh();
    let record = |minute| {
        AuditRecord::refused(
            minutes(minute),
            Actor::anonymous(),
            "sign-in.pkinit",
            "key not listed",
        )
        .from_address("127.0.0.1")
        .on(id("alice"), "alice@corp.example")
        .about_key("ab:cd")
        .about_device(wire::Guid::from_bytes([1; 16]))
        .with("etype", 18)
    };
    let changes: Vec<Change> = (0..5).map(|minute| change::audit(record(minute))).collect();
    write(&directory, &changes).unwrap();
    write(&directory, &[change::audit(record(2))]).unwrap();
    let snapshot = directory.snapshot().unwrap();
    let log = snapshot.audit_log(minutes(1), minutes(4), 10).unwrap();
    assert_eq!(log, [record(3), record(2), record(2), record(1)]);
    assert_eq!(
        snapshot.audit_log(minutes(1), minutes(4), 1).unwrap(),
        [record(3)]
    );
    let text = serde_json::to_string(&record(1)).unwrap();
    assert!(
        text.contains("\"action\":\"sign-in.pkinit\"") && text.contains("\"result\":\"refused\""),
        "{text}"
    );
}

#[test]
fn activity_is_noted_without_a_new_version_of_the_account() {
    let directory = fresh();
    let alice = person(&directory, "alice");
    let before = directory
        .snapshot()
        .unwrap()
        .account_by_id(alice)
        .unwrap()
        .unwrap();
    let note = |activity| Change::Activity {
        id: alice,
        activity,
    };
    let changes = [
        note(AccountActivity::SignedIn {
            last: minutes(1),
            times: 3,
        }),
        note(AccountActivity::BadPassword {
            count: 2,
            last: minutes(2),
        }),
        note(AccountActivity::SignedIn {
            last: START,
            times: 1,
        }),
        Change::Activity {
            id: id("nobody"),
            activity: AccountActivity::SignedIn {
                last: START,
                times: 1,
            },
        },
    ];
    let commit = write(&directory, &changes).unwrap();
    assert!(commit.is_empty());
    let snapshot = directory.snapshot().unwrap();
    assert!(Arc::ptr_eq(
        &before,
        &snapshot.account_by_id(alice).unwrap().unwrap()
    ));
    let noted = Activity {
        last_logon: Some(minutes(1)),
        logon_count: 4,
        bad_password_count: 2,
        bad_password_time: Some(minutes(2)),
    };
    assert_eq!(snapshot.activity(alice).unwrap(), noted);
    assert_eq!(
        snapshot.activity(id("nobody")).unwrap(),
        Activity::default()
    );
}

#[test]
fn what_has_expired_is_swept_a_bit_at_a_time() {
    let directory = fresh();
    for number in 0..10u8 {
        let changes = [
            change::put(TABLE, [number], vec![], minutes(i64::from(number))),
            change::claim(ClaimId::new("tests", &[number]), minutes(i64::from(number))),
        ];
        write(&directory, &changes).unwrap();
    }
    let rows = || {
        let read = directory.storage().snapshot().unwrap();
        let count = |table: &[u8]| {
            let end = crate::storage::after_prefix(table);
            read.scan(table, &end, usize::MAX, crate::storage::Order::Ascending)
                .unwrap()
                .len()
        };
        (count(b"r"), count(b"q"), count(b"z"))
    };
    assert_eq!(rows(), (10, 10, 20));
    let mut swept = 0;
    loop {
        let now = directory
            .sweep(&Retention::default(), 3, minutes(4))
            .unwrap();
        swept += now.expired;
        if !now.more(3) {
            break;
        }
    }
    assert_eq!(swept, 10);
    assert_eq!(rows(), (5, 5, 10));
    let log = Retention {
        audit: Some(Span::minutes(1)),
        ..Retention::default()
    };
    let old = AuditRecord::done(START, Actor::system(), "old");
    write(&directory, &[change::audit(old)]).unwrap();
    assert_eq!(directory.sweep(&log, 10, minutes(1)).unwrap().audit, 0);
    assert_eq!(directory.sweep(&log, 10, minutes(2)).unwrap().audit, 1);
}
