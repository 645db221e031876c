//! `openssl` verifies every certificate and list of the lab.

use std::process::Command;

use keyporch_interop::{Lab, run};

fn openssl(arguments: &[&str], input: &str) -> String {
    run(Command::new("openssl").args(arguments), input).succeeded()
}

#[test]
fn openssl_verifies_the_tls_certificate_by_name_and_by_address() {
    let lab = Lab::start();
    let base = lab
        .text("/federation/base")
        .trim_start_matches("https://")
        .to_owned();
    let (host, port) = base.split_once(':').expect("the base has a port");
    let root = lab.text("/root_pem");
    let address = format!("127.0.0.1:{port}");
    for name in [host, "enterpriseregistration.corp.example"] {
        let arguments = [
            "s_client",
            "-connect",
            &address,
            "-servername",
            name,
            "-verify_hostname",
            name,
            "-verify_return_error",
            "-CAfile",
            root,
            "-brief",
        ];
        let said = openssl(&arguments, "");
        assert!(said.contains("Verification: OK"), "{said}");
    }
    let arguments = [
        "s_client",
        "-connect",
        &address,
        "-verify_ip",
        "127.0.0.1",
        "-verify_return_error",
        "-CAfile",
        root,
        "-brief",
    ];
    let said = openssl(&arguments, "");
    assert!(said.contains("Verification: OK"), "{said}");
}

#[test]
fn openssl_verifies_the_revocation_list_and_every_certificate_against_it() {
    let lab = Lab::start();
    let url = lab.text("/authority/crl_url");
    let list = lab.scratch().join("root.crl");
    let (list, root) = (
        list.to_str().expect("a temporary path is text"),
        lab.text("/root_pem"),
    );
    let fetched = run(
        Command::new("curl").args(["--silent", "--show-error", "--fail", "--output", list, url]),
        "",
    );
    fetched.succeeded();
    let said = openssl(
        &[
            "crl", "-inform", "DER", "-in", list, "-noout", "-text", "-CAfile", root,
        ],
        "",
    );
    assert!(said.contains("verify OK"), "{said}");
    let pem = format!("{list}.pem");
    openssl(&["crl", "-inform", "DER", "-in", list, "-out", &pem], "");
    for certificate in certificates(&lab) {
        let arguments = [
            "verify",
            "-x509_strict",
            "-crl_check",
            "-CRLfile",
            &pem,
            "-CAfile",
            root,
            certificate.as_str(),
        ];
        let said = openssl(&arguments, "");
        assert!(said.contains("OK"), "{certificate}: {said}");
    }
}

/// The certificates that the lab's enterprise root issued, as files.
fn certificates(lab: &Lab) -> Vec<String> {
    let folder = lab
        .scratch()
        .to_str()
        .expect("a temporary path is text")
        .to_owned();
    let listed = lab.keyporch_json(&["admin", "certificate", "list"]);
    let rows = listed
        .as_array()
        .unwrap_or_else(|| panic!("no list: {listed:#}"));
    let paths: Vec<String> = rows
        .iter()
        .filter(|row| row["authority"] == "root")
        .enumerate()
        .map(|(number, row)| {
            let serial = row["serial"]
                .as_str()
                .expect("a certificate has a serial number");
            let shown = lab.keyporch_json(&["admin", "certificate", "show", serial]);
            let path = format!("{folder}/{number}.pem");
            std::fs::write(
                &path,
                shown["pem"].as_str().expect("a certificate has a PEM form"),
            )
            .expect("there is room");
            path
        })
        .collect();
    assert!(
        paths.len() >= 2,
        "only {} certificates: {listed:#}",
        paths.len()
    );
    paths
}
