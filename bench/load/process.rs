//! What a server and everything that it started use, read from `/proc`.

use std::fs;

/// What the kernel counts CPU time in: USER_HZ is 100 on every Linux that this runs on.
const TICKS_A_SECOND: f64 = 100.0;

#[derive(Clone, Copy, Default)]
pub struct Used {
    /// User and system time in seconds.
    pub cpu: f64,
    /// Proportional set size in KiB: pages shared between workers are counted once.
    pub pss: u64,
}

struct Process {
    id: u32,
    parent: u32,
    cpu: f64,
}

/// The sum over the given processes and all their descendants.
pub fn used(ids: &[u32]) -> Used {
    let all: Vec<Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| read(entry.file_name().to_str()?.parse().ok()?))
        .collect();
    let mut wanted = ids.to_vec();
    let mut next = 0;
    while let Some(parent) = wanted.get(next).copied() {
        let children = all
            .iter()
            .filter(|process| process.parent == parent)
            .map(|process| process.id);
        let new: Vec<u32> = children.filter(|id| !wanted.contains(id)).collect();
        wanted.extend(new);
        next += 1;
    }
    let counted = all.iter().filter(|process| wanted.contains(&process.id));
    counted.fold(Used::default(), |sum, process| Used {
        cpu: sum.cpu + process.cpu,
        pss: sum.pss + pss(process.id),
    })
}

fn read(id: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before the last bracket may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some(Process {
        id,
        parent: fields.get(1)?.parse().ok()?,
        cpu: (ticks(11)? + ticks(12)?) / TICKS_A_SECOND,
    })
}

fn pss(id: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}
