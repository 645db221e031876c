//! Fills a server that `keyporchd init` has set up with the benchmark's people, and writes down its authority.
//!
//! `populate STORE ROOT-KEY-FILE COUNT AUTHORITY.pem [NAME:CERTIFICATE.pem]...` adds `COUNT` people and the
//! service, lists the key of each certificate on the account of that name, and writes the certificate of the authority
//! that issues the KDC's certificates. The server must not be running.

use authority::Ca;
use crypto::key::PublicKey;
use keyporch_bench::population;
use trust::{Clock as _, SystemClock, SystemRng};
use wire::x509::{Certificate, pem};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [store, root_key, count, authority, listed @ ..] = arguments.as_slice() else {
        eprintln!("populate STORE ROOT-KEY-FILE COUNT AUTHORITY.pem [NAME:CERTIFICATE.pem]...");
        std::process::exit(2);
    };
    let now = SystemClock.now();
    let directory = population::open(store, root_key);
    population::add(
        &directory,
        count.parse().expect("COUNT is a number"),
        now,
        &mut SystemRng,
    );
    for pair in listed {
        let (name, file) = pair.split_once(':').expect("NAME:CERTIFICATE.pem");
        let pem = std::fs::read_to_string(file).expect("the certificate's file is there");
        let certificates = pem::decode("CERTIFICATE", &pem).expect("PEM");
        let certificate = Certificate::parse(&certificates[0]).expect("a certificate");
        let key = PublicKey::from_spki_der(certificate.spki()).expect("a key that may sign in");
        population::list_key(&directory, name, &key, now);
    }
    let snapshot = directory.snapshot().expect("there is a domain");
    let issuer =
        authority::authority(&snapshot, Ca::Enterprise, now).expect("the directory can be read");
    let issuer = issuer.expect("`keyporchd init` founds the authority");
    std::fs::write(authority, pem::encode("CERTIFICATE", issuer.der()))
        .expect("there is room for a file");
}
