//! The window: requests out, replies in, nothing else.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::arguments::Arguments;
use crate::link::Link;
use crate::prepare::Prepared;
use crate::process::{Used, used};

/// How often a server that is not there yet is asked.
const POLL: Duration = Duration::from_millis(1);

/// One reply as it came.
pub struct Done {
    pub request: usize,
    pub micros: u32,
    pub reply: Vec<u8>,
}

pub struct Run {
    pub done: Vec<Done>,
    /// What never came, by why.
    pub lost: BTreeMap<String, usize>,
    pub wall: Duration,
    pub before: Used,
    pub after: Used,
}

impl Run {
    /// CPU seconds of the server within the window.
    pub fn cpu(&self) -> f64 {
        self.after.cpu - self.before.cpu
    }
}

/// Asks until there is a good answer; when it came, since 1970.
pub fn wait(arguments: &Arguments, prepared: &Prepared, patience: Duration) -> Option<Duration> {
    let began = Instant::now();
    let request = prepared.requests.last()?;
    let mut reply = Vec::new();
    while began.elapsed() < patience {
        let sent = Link::new(arguments.kdc, arguments.transport, arguments.source)
            .and_then(|mut link| link.exchange(&request.bytes, &mut reply));
        let kdc = arguments.kdc_certificate.as_ref();
        if sent.is_ok()
            && request
                .check(&reply, prepared.agreement.as_ref(), kdc)
                .is_ok()
        {
            return SystemTime::now().duration_since(UNIX_EPOCH).ok();
        }
        thread::sleep(POLL);
    }
    None
}

/// Sends every request, over several connections at once.
pub fn run(arguments: &Arguments, prepared: &Prepared) -> Run {
    let next = AtomicUsize::new(0);
    let before = used(&arguments.pids);
    let began = Instant::now();
    let end = began + arguments.limit;
    let parts: Vec<_> = thread::scope(|scope| {
        let connection = || connection(arguments, prepared, &next, began, end);
        let threads: Vec<_> = (0..arguments.connections)
            .map(|_| scope.spawn(connection))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a connection's thread ends"))
            .collect()
    });
    let wall = began.elapsed();
    let after = used(&arguments.pids);
    let (mut done, mut lost) = (Vec::new(), BTreeMap::new());
    for (replies, failures) in parts {
        done.extend(replies);
        for (why, count) in failures {
            *lost.entry(why).or_insert(0) += count;
        }
    }
    Run {
        done,
        lost,
        wall,
        before,
        after,
    }
}

fn connection(
    arguments: &Arguments,
    prepared: &Prepared,
    next: &AtomicUsize,
    began: Instant,
    end: Instant,
) -> (Vec<Done>, BTreeMap<String, usize>) {
    let (mut done, mut lost) = (Vec::new(), BTreeMap::new());
    let mut link = None;
    let mut reply = Vec::new();
    loop {
        let turn = next.fetch_add(1, Ordering::Relaxed);
        if turn >= arguments.count {
            break;
        }
        // Garbage is sent again and again: it is refused each time, and making it would load the machine that is measured.
        let number = turn % prepared.requests.len().max(1);
        let Some(request) = prepared.requests.get(number) else {
            break;
        };
        if let Some(rate) = arguments.per_second {
            let due = began + Duration::from_secs(1) * turn as u32 / rate;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let sent = Instant::now();
        if sent >= end {
            break;
        }
        let exchanged = exchange(arguments, &mut link, &request.bytes, &mut reply);
        match exchanged {
            Ok(()) => done.push(Done {
                request: number,
                micros: u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX),
                reply: reply.clone(),
            }),
            Err(error) => {
                *lost.entry(format!("lost: {error}")).or_insert(0) += 1;
                link = None;
            }
        }
    }
    (done, lost)
}

fn exchange(
    arguments: &Arguments,
    link: &mut Option<Link>,
    request: &[u8],
    reply: &mut Vec<u8>,
) -> io::Result<()> {
    let link = match link {
        Some(link) => link,
        None => link.insert(Link::new(
            arguments.kdc,
            arguments.transport,
            arguments.source,
        )?),
    };
    link.exchange(request, reply)
}
