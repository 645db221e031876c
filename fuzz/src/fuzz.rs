//! One target under libFuzzer, by the name in the environment: `cargo xtask fuzz`.
#![no_main]

use std::sync::LazyLock;

use keyporch_fuzz::{Target, find};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    #[allow(clippy::disallowed_methods, reason = "libFuzzer owns the command line")]
    let name = std::env::var("KEYPORCH_FUZZ_TARGET").expect("KEYPORCH_FUZZ_TARGET names a target");
    find(&name).unwrap_or_else(|| panic!("there is no target {name}"))
});

// The world of a target is made before the first input, for which libFuzzer allows some seconds only: under the address
// sanitizer, passwords and keys take longer than that.
fuzz_target!(init: (TARGET.run)(&[]), |bytes: &[u8]| (TARGET.run)(bytes));
