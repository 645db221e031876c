//! Who holds a port: read from `/proc`, as far as this process may look.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::fault::Role;

/// The program that listens on `address`, as `krb5kdc (process 812)`; `None` where that cannot be
/// seen, which is usual without root.
pub(crate) fn of(role: Role, address: SocketAddr) -> Option<String> {
    let tables: &[&str] = match role.is_udp() {
        true => &["udp", "udp6"],
        false => &["tcp", "tcp6"],
    };
    let inodes: Vec<String> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(format!("/proc/net/{table}")).ok())
        .flat_map(|table| inodes_of_port(&table, address.port(), role.is_udp()))
        .collect();
    processes().find_map(|process| holds(&process, &inodes).then(|| name(&process))?)
}

/// The inodes of the sockets of a `/proc/net` table that are bound to `port` and, unless `udp`, listen.
fn inodes_of_port(table: &str, port: u16, udp: bool) -> Vec<String> {
    const LISTEN: &str = "0A";
    let wanted = format!(":{port:04X}");
    let rows = table
        .lines()
        .skip(1)
        .map(|row| row.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(1).is_some_and(|local| local.ends_with(&wanted)))
        .filter(|row| udp || row.get(3) == Some(&LISTEN))
        .filter_map(|row| row.get(9).map(|inode| (*inode).to_owned()))
        .collect()
}

fn processes() -> impl Iterator<Item = std::path::PathBuf> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| {
        path.file_name().is_some_and(|name| {
            name.to_string_lossy()
                .bytes()
                .all(|byte| byte.is_ascii_digit())
        })
    })
}

fn holds(process: &Path, inodes: &[String]) -> bool {
    let descriptors = fs::read_dir(process.join("fd"))
        .into_iter()
        .flatten()
        .flatten();
    descriptors
        .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
        .any(|target| {
            let target = target.to_string_lossy();
            inodes
                .iter()
                .any(|inode| *target == format!("socket:[{inode}]"))
        })
}

fn name(process: &Path) -> Option<String> {
    let name = fs::read_to_string(process.join("comm")).ok()?;
    let id = process.file_name()?.to_string_lossy();
    Some(format!("{} (process {id})", name.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn finds_the_inode_of_a_listening_port_in_the_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:0058 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 x 100 0 0 10 0\n\
             1: 0100007F:0058 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 x 100 0 0 10 0\n";
        assert_eq!(inodes_of_port(table, 88, false), ["4711"]);
        assert_eq!(inodes_of_port(table, 89, false), Vec::<String>::new());
    }

    #[test]
    fn names_this_very_process_for_a_port_that_it_holds() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = of(Role::KdcTcp, listener.local_addr().unwrap()).unwrap();
        assert!(
            holder.ends_with(&format!("(process {})", std::process::id())),
            "{holder}"
        );
    }
}
