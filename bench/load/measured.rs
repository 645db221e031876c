//! A load: connections that are open ask side by side, and what came of it is printed as a line of JSON.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::process;

/// How often a server that is not there yet is asked.
const POLL: Duration = Duration::from_millis(5);

/// What one connection came to.
#[derive(Default)]
pub struct Part {
    /// Answers that were what they had to be.
    pub good: usize,
    /// Answers that were not, or did not come.
    pub wrong: usize,
    /// How long the good ones took.
    pub micros: Vec<u32>,
    /// Why the last wrong one was.
    pub why: Option<String>,
}

impl Part {
    /// Counts a question that was asked at this moment, by what came of it; whether it was good.
    pub fn count(&mut self, began: Instant, done: Result<(), String>) -> bool {
        match done {
            Ok(()) => {
                self.good += 1;
                let micros = u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
                self.micros.push(micros);
                true
            }
            Err(why) => {
                self.wrong += 1;
                self.why = Some(why);
                false
            }
        }
    }
}

/// Questions by number, of which each connection takes the next one.
pub struct Questions {
    next: AtomicUsize,
    count: usize,
}

impl Questions {
    /// As many as this.
    pub fn new(count: usize) -> Self {
        Self {
            next: AtomicUsize::new(0),
            count,
        }
    }

    /// The next one's number; `None` when all are asked.
    pub fn next(&self) -> Option<usize> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.count).then_some(number)
    }
}

/// What was read of the command line is done, or it is said what may be written there.
pub fn program<A>(
    read: Result<A, String>,
    help: &str,
    measure: impl FnOnce(&A) -> Result<bool, String>,
) -> ExitCode {
    let arguments = match read {
        Ok(arguments) => arguments,
        Err(why) => {
            eprintln!("error: {why}\n\n{help}");
            return ExitCode::from(2);
        }
    };
    match measure(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// What is opened, with patience for a server that is not there yet.
pub fn patiently<T>(patience: Duration, open: impl Fn() -> Result<T, String>) -> Result<T, String> {
    let began = Instant::now();
    loop {
        match open() {
            Ok(opened) => return Ok(opened),
            Err(why) if began.elapsed() >= patience => return Err(why),
            Err(_) => thread::sleep(POLL),
        }
    }
}

/// Runs each connection on a thread of its own, and prints what came of all of them and what the processes used meanwhile.
/// The numbers of good answers and of wrong ones.
pub fn measure<C: Send>(
    processes: &[u32],
    connections: Vec<C>,
    run: impl Fn(C) -> Part + Sync,
) -> (usize, usize) {
    let before = process::used(processes);
    let began = Instant::now();
    let parts: Vec<Part> = thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = connections
            .into_iter()
            .map(|connection| scope.spawn(move || run(connection)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a connection's thread ends"))
            .collect()
    });
    let wall = began.elapsed();
    let after = process::used(processes);
    let good: usize = parts.iter().map(|part| part.good).sum();
    let wrong: usize = parts.iter().map(|part| part.wrong).sum();
    if let Some(why) = parts.iter().find_map(|part| part.why.as_ref()) {
        eprintln!("{why}");
    }
    let mut micros: Vec<u32> = parts.into_iter().flat_map(|part| part.micros).collect();
    micros.sort_unstable();
    let percentile = |part: f64| {
        let last = micros.len().saturating_sub(1) as f64;
        micros.get((last * part) as usize).copied().unwrap_or(0)
    };
    println!(
        "{{\"good\":{good},\"wrong\":{wrong},\"per_second\":{:.1},\"cpu_us\":{:.2},\"p50_us\":{},\"p99_us\":{},\"pss_kib\":{}}}",
        good as f64 / wall.as_secs_f64(),
        (after.cpu - before.cpu) * 1e6 / good.max(1) as f64,
        percentile(0.5),
        percentile(0.99),
        after.pss,
    );
    (good, wrong)
}
