//! Heimdal's clients without a password: the enrolled key, a certificate, renewal; and each of them refused.

use std::path::Path;

use keyporch_interop::{Heimdal, Lab, Server, libfaketime};

use crate::old_clients::text;

const HOST: &str = "host/laptop-1.corp.example";

/// What Heimdal's library says for the codes of protocols E.3.6.
const NOT_TRUSTED: &str = "Client not trusted";
const REVOKED: &str = "Certificate revoked";
const TGT_REVOKED: &str = "TGT has been revoked";

fn heimdal(lab: &Lab, cache: &str) -> Heimdal {
    Heimdal::beside(&lab.krb5(cache)).in_2048_bits()
}

#[test]
fn kinit_gets_a_ticket_with_the_enrolled_key_until_it_is_revoked() {
    let lab = Lab::start();
    let (person, krb5) = (lab.person(), heimdal(&lab, "key"));
    let (certificate, key) = (&person.certificate, &person.key);
    krb5.kinit_with_key(&["--renewable", &person.sam], certificate, key)
        .succeeded();
    krb5.kgetcred(HOST).succeeded();
    krb5.renew().succeeded();
    let listed = krb5.klist().succeeded();
    assert!(
        listed.contains("krbtgt/CORP.EXAMPLE@CORP.EXAMPLE"),
        "{listed}"
    );

    // It is nobody else's, and nobody else's is hers.
    lab.add_person("bob", "a second person's password 2");
    let bob = heimdal(&lab, "bob");
    bob.kinit_with_key(&["bob"], certificate, key)
        .refused("Client name mismatch");
    let stranger = crate::old_clients::self_signed(lab.scratch(), "stranger", 2048);
    bob.kinit_with_key(&[&person.sam], &stranger.0, &stranger.1)
        .refused(NOT_TRUSTED);

    let keys = lab.keyporch_json(&["admin", "key", "list", "--user", &person.sam]);
    let fingerprint = keys[0]["fingerprint"].as_str().expect("she has a key");
    lab.keyporch(&["admin", "key", "revoke", &person.sam, fingerprint, "--yes"])
        .succeeded();
    krb5.renew().refused(TGT_REVOKED);
    krb5.kgetcred("host/dc1.corp.example").refused(TGT_REVOKED);
    bob.kinit_with_key(&[&person.sam], certificate, key)
        .refused(NOT_TRUSTED);
    bob.kinit(&[&person.sam], &person.password).succeeded();
}

#[test]
fn kinit_gets_a_ticket_with_a_certificate_of_our_authority_until_it_is_revoked() {
    let lab = Lab::start();
    let person = lab.person();
    let (certificate, key) = (lab.scratch().join("own.pem"), lab.scratch().join("own.key"));
    let files = ["--key", text(&key), "--out", text(&certificate)];
    let mut issue = vec!["admin", "certificate", "issue", &person.sam];
    issue.extend(files);
    let issued = lab.keyporch_json(&issue);
    let serial = issued["serial"].as_str().expect("a serial number");
    let krb5 = heimdal(&lab, "certificate");
    krb5.kinit_with_key(&["--renewable", &person.sam], &certificate, &key)
        .succeeded();
    krb5.kgetcred(HOST).succeeded();
    krb5.renew().succeeded();

    lab.add_person("bob", "a second person's password 2");
    heimdal(&lab, "bob")
        .kinit_with_key(&["bob"], &certificate, &key)
        .refused("Client name mismatch");

    lab.keyporch(&["admin", "certificate", "revoke", serial, "--yes"])
        .succeeded();
    krb5.renew().refused(TGT_REVOKED);
    krb5.kgetcred("host/dc1.corp.example").refused(TGT_REVOKED);
    let again = heimdal(&lab, "again");
    again
        .kinit_with_key(&[&person.sam], &certificate, &key)
        .refused(REVOKED);
    // The key that she enrolled is another one.
    again
        .kinit_with_key(&[&person.sam], &person.certificate, &person.key)
        .succeeded();
}

#[test]
fn kinit_refuses_a_kdc_whose_certificate_it_does_not_trust() {
    let lab = Lab::start();
    let person = lab.person();
    let (other, _) = crate::old_clients::self_signed(lab.scratch(), "other", 2048);
    let untrusting = |cache: &str, more: &str| {
        let krb5 = lab.krb5_edited(cache, |written| {
            let own = person.certificate.display().to_string();
            let lines = written.lines().filter(|line| !line.contains(&own));
            let lines = lines.map(|line| match line.contains("pkinit_anchors") {
                true => format!("  pkinit_anchors = FILE:{}{more}\n", other.display()),
                false => format!("{line}\n"),
            });
            lines.collect()
        });
        Heimdal::beside(&krb5).in_2048_bits().kinit_with_key(
            &[&person.sam],
            &person.certificate,
            &person.key,
        )
    };
    // It says whom it trusts, and the KDC says that it has nothing for that; where it does not say so, it finds out.
    untrusting("saying", "").refused("KDC not trusted");
    untrusting("not-saying", "\n  pkinit_trustedCertifiers = false")
        .refused("CMS verify signed failed");
    heimdal(&lab, "trusting")
        .kinit_with_key(&[&person.sam], &person.certificate, &person.key)
        .succeeded();
}

#[test]
fn kinit_gets_an_anonymous_ticket_where_they_are_switched_on() {
    let mut server = Server::start();
    let anonymous = |server: &Server, cache: &str| {
        let heimdal = Heimdal::beside(&server.krb5(cache)).in_2048_bits();
        (heimdal.kinit(&["-n", "@CORP.EXAMPLE"], ""), heimdal)
    };
    let (done, _) = anonymous(&server, "off");
    done.refused("KDC can't fulfill requested option");
    let _ = server.end_by("-TERM");
    server.configure(|written| written.replace("[kdc]", "[kdc]\nanonymous = true"));
    server.serve();
    let (done, heimdal) = anonymous(&server, "on");
    done.succeeded();
    let listed = heimdal.klist().succeeded();
    assert!(
        listed.contains("Client: WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS"),
        "{listed}"
    );
}

/// The clocks of the lab and of the client go together, an hour and more at a time.
#[test]
fn a_ticket_is_renewed_before_its_end_and_not_after_it() {
    let clock = tempfile::NamedTempFile::new().expect("there is room for a file");
    let path = text(clock.path());
    let set = |offset: &str| std::fs::write(path, offset).expect("the file can be written");
    set("+0");
    let preload = libfaketime();
    let moved = [
        ("LD_PRELOAD", preload.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", path),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    let lab = Lab::start_with(&[], &moved);
    let person = lab.person();
    let krb5 = moved
        .iter()
        .fold(heimdal(&lab, "renewed"), |krb5, (name, value)| {
            krb5.with(name, value)
        });
    let hour = ["-l", "1h", "-r", "1d", &person.sam];
    krb5.kinit_with_key(&hour, &person.certificate, &person.key)
        .succeeded();
    set("+50m");
    krb5.renew().succeeded();
    // The first ticket has ended, the renewed one has not.
    set("+70m");
    krb5.kgetcred(HOST).succeeded();
    set("+3h");
    // The client looks itself, and the KDC where it does not.
    krb5.renew().refused("Matching credential not found");
    believe_for_a_day(krb5.cache());
    krb5.renew().refused("Ticket expired");
    krb5.kgetcred("host/dc1.corp.example")
        .refused("Ticket expired");
    krb5.kinit(&[&person.sam], &person.password).succeeded();
    krb5.kgetcred(HOST).succeeded();
    // One that is not renewable.
    krb5.renew().refused("KDC can't fulfill requested option");
}

/// Writes into a credential cache that its tickets of an hour are valid for as long as they are renewable.
fn believe_for_a_day(cache: &Path) {
    let mut bytes = std::fs::read(cache).expect("there is a cache");
    let read = |bytes: &[u8], at: usize| {
        let field = bytes
            .get(at..at + 4)
            .and_then(|field| field.try_into().ok());
        field.map_or(0, u32::from_be_bytes)
    };
    // Authentication, start, end, end of renewal.
    let mut found = 0;
    for at in 0..bytes.len() {
        let [start, end, until] = [4, 8, 12].map(|offset| read(&bytes, at + offset));
        let day = read(&bytes, at).abs_diff(start) < 4_000 && until.abs_diff(start) > 80_000;
        if start > 1_600_000_000 && end == start + 3_600 && day {
            bytes.copy_within(at + 12..at + 16, at + 8);
            found += 1;
        }
    }
    assert!(found > 0, "no ticket of an hour is in the cache");
    std::fs::write(cache, bytes).expect("the cache can be written");
}
