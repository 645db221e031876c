//! Fills a server that `keyporchd init --tenant` has set up: `tenancy STORE ROOT-KEY-FILE DEVICES FILE`.
//!
//! Each device is of one person, who has two Hello keys: one in it, on P-256, and one as long as RSA-2048's that nobody holds.
//! `FILE` gets a line for each device: the person's name, the device's certificate, its key and the Hello key in it (PKCS #8),
//! in base64. The application that gets tokens for itself is made, and the tenant's identifier printed. The server must not be running.

use std::fmt::Write as _;

use base64ct::{Base64, Encoding as _};
use crypto::key::{KeyKind, PrivateKey};
use crypto::signature::Signer as _;
use directory::Reads;
use directory::tenant::Signs;
use keyporch_bench::population;
use keyporch_bench::tenancy::{self, Laptop};
use trust::{Clock as _, SystemClock, SystemRng};

/// Devices that one commit makes.
const BATCH: usize = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [store, root_key, devices, file] = arguments.as_slice() else {
        eprintln!("tenancy STORE ROOT-KEY-FILE DEVICES FILE");
        std::process::exit(2);
    };
    let devices: usize = devices.parse().expect("DEVICES is a number");
    let (now, rng) = (SystemClock.now(), &mut SystemRng);
    let directory = population::open(store, root_key);
    let commit = |changes: &[_]| {
        let committed = directory.commit(changes, &Reads::none(), now);
        committed.expect("the directory takes the changes");
    };
    let tenant = directory.domain().expect("there is a tenant").head.0;
    commit(&tenancy::application(now, rng));
    let settings = directory::tenant::Settings {
        prt_id_token_alg: Signs::Es256,
        ..Default::default()
    };
    commit(&directory::tenant::put_settings(&settings, rng));
    // The answers are not opened, so one transport key serves all.
    let transport = PrivateKey::generate(KeyKind::Rsa2048);
    let mut lines = String::new();
    for first in (0..devices).step_by(BATCH) {
        let mut changes = Vec::new();
        for number in first..devices.min(first + BATCH) {
            let owner = format!("user{number}");
            let transport = transport.public_key().clone();
            let laptop = Laptop::new(owner, KeyKind::P256, transport, tenant, now, rng);
            changes.extend(laptop.changes(&directory, now, rng));
            changes.push(laptop.listing(&tenancy::nobodys_rsa_key(rng), now));
            let [certificate, device, hello] = [
                &laptop.certificate,
                &*laptop.device.to_pkcs8_der(),
                &*laptop.hello.to_pkcs8_der(),
            ]
            .map(|der| Base64::encode_string(der));
            let line = writeln!(lines, "{} {certificate} {device} {hello}", laptop.upn());
            line.expect("there is room");
        }
        commit(&changes);
    }
    std::fs::write(file, lines).expect("there is room for a file");
    println!("{tenant}");
}
