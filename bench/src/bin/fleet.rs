//! Fills a server that `keyporchd init` has set up with people for LDAP's benchmark: `fleet STORE ROOT-KEY-FILE COUNT`. The
//! server must not be running.

use keyporch_bench::population;
use trust::{Clock as _, SystemClock, SystemRng};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [store, root_key, count] = arguments.as_slice() else {
        eprintln!("fleet STORE ROOT-KEY-FILE COUNT");
        std::process::exit(2);
    };
    population::add_fleet(
        &population::open(store, root_key),
        count.parse().expect("COUNT is a number"),
        SystemClock.now(),
        &mut SystemRng,
    );
}
