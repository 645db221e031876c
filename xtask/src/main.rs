//! The chores of this repository: `cargo xtask test`, `cargo xtask fuzz`, `cargo xtask bench`.

mod bench;
mod fuzz;
mod packages;
mod run;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
The chores of this repository.

    cargo xtask test                 installs what the tests need (packages of Debian and PyPI) and runs everything
    cargo xtask packages             only installs and unpacks what the tests need
    cargo xtask fuzz [SECONDS] [TARGET ...]
                                     fuzzes each target for that long (60 by default); needs a nightly compiler
    cargo xtask bench kdc            the KDC beside Debian's MIT krb5 and the crypto floor, in one run
    cargo xtask bench ldap           the directory over LDAP beside Debian's slapd, in one run
    cargo xtask bench tenant         a tenant's answers beside the least that their cryptography costs
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["test"] => test::test(),
        ["packages"] => test::packages(),
        ["fuzz", rest @ ..] => fuzz::fuzz(rest),
        ["bench", "kdc"] => bench::kdc(),
        ["bench", "ldap"] => bench::ldap(),
        ["bench", "tenant"] => bench::tenant(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}
