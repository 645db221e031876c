//! Every reply opened and checked, and one line of JSON about all of them.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use crate::arguments::Arguments;
use crate::drive::{Done, Run};
use crate::prepare::Prepared;

/// Threads that check.
const CHECKERS: usize = 2;

#[derive(Default)]
struct Checked {
    good: usize,
    zero_led: usize,
    wrong: BTreeMap<String, usize>,
}

pub fn report(
    arguments: &Arguments,
    prepared: &Prepared,
    run: &Run,
    first_answer: Option<Duration>,
) -> ExitCode {
    let mut checked = check(arguments, prepared, &run.done);
    for (why, count) in &run.lost {
        *checked.wrong.entry(why.clone()).or_insert(0) += count;
    }
    let wrong: usize = checked.wrong.values().sum();
    let mut latencies: Vec<u32> = run.done.iter().map(|done| done.micros).collect();
    latencies.sort_unstable();
    let quantile = |share: f64| {
        let place = (latencies.len() as f64 * share) as usize;
        latencies
            .get(place.min(latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or(0)
    };
    let replies: usize = run.done.iter().map(|done| done.reply.len()).sum();
    let line = [
        format!("\"label\":{:?}", arguments.label),
        format!("\"good\":{}", checked.good),
        format!("\"wrong\":{wrong}"),
        format!("\"zero_led\":{}", checked.zero_led),
        format!(
            "\"cpu_us\":{:.1}",
            run.cpu() * 1e6 / checked.good.max(1) as f64
        ),
        format!(
            "\"per_s\":{:.0}",
            checked.good as f64 / run.wall.as_secs_f64()
        ),
        format!("\"p50_us\":{}", quantile(0.5)),
        format!("\"p99_us\":{}", quantile(0.99)),
        format!("\"pss_kib\":{}", run.after.pss),
        format!(
            "\"request_bytes\":{}",
            prepared
                .requests
                .first()
                .map_or(0, |request| request.bytes.len())
        ),
        format!("\"reply_bytes\":{}", replies / run.done.len().max(1)),
        format!("\"prepared_s\":{:.2}", prepared.took.as_secs_f64()),
        format!(
            "\"first_answer_at_ms\":{}",
            first_answer.map_or("null".to_owned(), |time| time.as_millis().to_string())
        ),
    ];
    println!("{{{}}}", line.join(","));
    for (why, count) in &checked.wrong {
        eprintln!("{count} times wrong: {why}");
    }
    if wrong == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn check(arguments: &Arguments, prepared: &Prepared, done: &[Done]) -> Checked {
    let part = |checker: usize| {
        let mut checked = Checked::default();
        for one in done.iter().skip(checker).step_by(CHECKERS) {
            let request = &prepared.requests[one.request];
            let kdc = arguments.kdc_certificate.as_ref();
            match request.check(&one.reply, prepared.agreement.as_ref(), kdc) {
                Ok(granted) => {
                    checked.good += 1;
                    checked.zero_led += usize::from(granted.zero_led);
                }
                Err(why) => *checked.wrong.entry(why).or_insert(0) += 1,
            }
        }
        checked
    };
    let parts: Vec<Checked> = thread::scope(|scope| {
        let threads: Vec<_> = (0..CHECKERS)
            .map(|checker| scope.spawn(move || part(checker)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("checking ends"))
            .collect()
    });
    let mut all = Checked::default();
    for part in parts {
        all.good += part.good;
        all.zero_led += part.zero_led;
        for (why, count) in part.wrong {
            *all.wrong.entry(why).or_insert(0) += count;
        }
    }
    all
}
