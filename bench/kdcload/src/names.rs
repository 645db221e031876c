//! Whether names can be told by time: requests for names that somebody has and that nobody has, in turns, none of which proves
//! anything. Of the names that somebody has there are two groups, which differ in nothing: by how much these two seem to
//! differ is the noise.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Instant;

use crate::arguments::{Arguments, Kind};
use crate::link::{Link, Transport};
use crate::messages::{Common, Request, random};
use crate::pkinit::Agreement;

/// Two of names that somebody has, and one of names that nobody has.
const GROUPS: usize = 3;

/// The turns are looked at in so many parts: how much the parts differ says how sure the whole is.
const PARTS: usize = 40;

/// Requests from one address: fewer than those after which bad signatures from it are not looked at.
const FROM_ONE: usize = 48;

/// Nanoseconds of each answer of a group, in the order of the turns.
type Times = Vec<u64>;

/// Asks, and prints one line.
pub fn compare(arguments: &Arguments, kind: Kind) -> ExitCode {
    match ask(arguments, kind) {
        Ok((times, codes)) => {
            print(arguments, &times, &codes);
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Ways to the KDC, from another address every now and then.
struct Links {
    to: SocketAddr,
    network: u8,
    sent: usize,
    link: Option<Link>,
}

impl Links {
    fn new(to: SocketAddr) -> Self {
        Self {
            to,
            network: 1 + random::<1>()[0] % 250,
            sent: 0,
            link: None,
        }
    }

    fn next(&mut self) -> Result<&mut Link, String> {
        if self.sent % FROM_ONE == 0 {
            let [.., high, low] = (1 + self.sent / FROM_ONE).to_be_bytes();
            let from = Ipv4Addr::new(127, self.network, high, low);
            let link = Link::new(self.to, Transport::Udp, Some(from.into()));
            self.link = Some(link.map_err(|error| error.to_string())?);
        }
        self.sent += 1;
        self.link.as_mut().ok_or_else(|| "no link".to_owned())
    }
}

/// The name of the turn's place in a group. Numbers have five digits, so that no name is longer than another.
fn name(arguments: &Arguments, group: usize, number: usize) -> String {
    let number = arguments.first + number % arguments.users;
    match group {
        0 => format!("{}{}", arguments.prefix, 10_000 + 2 * number),
        1 => format!("{}{}", arguments.prefix, 10_001 + 2 * number),
        _ => format!("nobo{}", 10_000 + 2 * number),
    }
}

fn ask(
    arguments: &Arguments,
    kind: Kind,
) -> Result<([Times; GROUPS], BTreeMap<String, usize>), String> {
    let common = Common {
        realm: arguments.realm.clone(),
        pac: true,
    };
    let agreement = Agreement::p256();
    let request = |group: usize, turn: usize| -> Result<Request, String> {
        let name = name(arguments, group, turn);
        match kind {
            Kind::Bare => Ok(common.bare(&name)),
            Kind::Guess => Ok(common.guess(&name)),
            Kind::Key => {
                let (_, signing) = arguments.clients.first().ok_or("there is no --pk")?;
                Ok(common.signature(&name, signing, &agreement, false))
            }
        }
    };
    let mut link = Links::new(arguments.kdc);
    let mut times: [Times; GROUPS] = Default::default();
    let mut codes = BTreeMap::new();
    let mut reply = Vec::new();
    // One lap makes the names known to the KDC, where it is not the first look that counts.
    let lap = match arguments.cold {
        true => 0,
        false => arguments.users,
    };
    for group in 0..GROUPS {
        for turn in 0..lap {
            let request = request(group, turn)?;
            link.next()?
                .exchange(&request.bytes, &mut reply)
                .map_err(|error| format!("turn {turn}: {error}"))?;
        }
    }
    for (group, turn) in order(arguments.count) {
        let request = request(group, turn)?;
        let link = link.next()?;
        let sent = Instant::now();
        link.exchange(&request.bytes, &mut reply)
            .map_err(|error| format!("turn {turn}: {error}"))?;
        let took = sent.elapsed();
        times[group].push(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        let said = request.check(&reply, None, None).err();
        let said = said.unwrap_or_else(|| "a ticket".to_owned());
        let whose = if group == 2 { "nobody" } else { "somebody" };
        *codes.entry(format!("{whose}: {said}")).or_insert(0) += 1;
    }
    Ok((times, codes))
}

/// Every turn of every group, in an order by chance: what came before an answer makes a difference to it.
fn order(count: usize) -> Vec<(usize, usize)> {
    let mut order: Vec<(usize, usize)> = (0..count)
        .flat_map(|turn| (0..GROUPS).map(move |group| (group, turn)))
        .collect();
    // Among those near by, so that the parts of a run hold the same turns of each group.
    for near in order.chunks_mut(8 * GROUPS) {
        for last in (1..near.len()).rev() {
            near.swap(last, usize::from(random::<1>()[0]) % (last + 1));
        }
    }
    order
}

fn quantile(times: &[u64], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let place = (sorted.len() as f64 * share) as usize;
    let nanos = sorted.get(place.min(sorted.len().saturating_sub(1)));
    nanos.copied().unwrap_or(0) as f64 / 1e3
}

/// How much later `b` is than `a` at a quantile, and how far that is to be believed: twice the standard error, from how
/// much the parts of the run differ.
fn difference(a: &[u64], b: &[u64], share: f64) -> (f64, f64) {
    let size = a.len().div_ceil(PARTS).max(1);
    let parts: Vec<f64> = a
        .chunks(size)
        .zip(b.chunks(size))
        .map(|(a, b)| quantile(b, share) - quantile(a, share))
        .collect();
    let count = parts.len() as f64;
    let mean = parts.iter().sum::<f64>() / count;
    let spread =
        parts.iter().map(|part| (part - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    (mean, 2.0 * (spread / count).sqrt())
}

/// How often an answer of `b` takes longer than one of `a`, in percent: 50 where nothing can be told.
fn longer(a: &[u64], b: &[u64]) -> f64 {
    let mut all: Vec<(u64, bool)> = a.iter().map(|time| (*time, false)).collect();
    all.extend(b.iter().map(|time| (*time, true)));
    all.sort_unstable();
    let (mut before, mut sum) = (0u64, 0u64);
    for (_, is_b) in all {
        match is_b {
            true => sum += before,
            false => before += 1,
        }
    }
    sum as f64 * 100.0 / (a.len() as f64 * b.len() as f64)
}

fn print(arguments: &Arguments, times: &[Times; GROUPS], codes: &BTreeMap<String, usize>) {
    let [one, two, nobody] = times;
    let somebody: Times = one.iter().zip(two).flat_map(|(a, b)| [*a, *b]).collect();
    let show = |what: &str, times: &[u64]| {
        let (low, middle) = (quantile(times, 0.1), quantile(times, 0.5));
        println!(
            "  {what:<30} {:>6} answers  p10 {low:8.2} us  p50 {middle:8.2} us",
            times.len()
        );
    };
    println!("{}", arguments.label);
    show("somebody, one group", one);
    show("somebody, another group", two);
    show("nobody", nobody);
    for (share, what) in [(0.1, "p10"), (0.5, "p50")] {
        let (noise, sure) = difference(one, two, share);
        // Both groups, each beside as many of nobody's.
        let differences = [
            difference(one, nobody, share),
            difference(two, nobody, share),
        ];
        let told = (differences[0].0 + differences[1].0) / 2.0;
        let bound = noise
            .abs()
            .max(sure)
            .max(differences[0].1)
            .max(differences[1].1);
        let verdict = match told.abs() <= bound {
            true => "below",
            false => "ABOVE",
        };
        println!(
            "  {what}: nobody {told:+.2} us; the groups {noise:+.2} us, within {bound:.2}: {verdict} the noise"
        );
    }
    println!(
        "  nobody later than somebody in {:.1} % of pairs; one group than the other in {:.1} %",
        longer(&somebody, nobody),
        longer(one, two)
    );
    let codes: Vec<String> = codes
        .iter()
        .map(|(said, count)| format!("{count} {said}"))
        .collect();
    println!("  told: {}", codes.join(", "));
}
