//! MIT's `kinit` with certificates of our own authority and of an issuer that `openssl` is (protocols E.5).

use std::path::{Path, PathBuf};
use std::process::Command;

use keyporch_interop::{Background, Krb5, Lab, free_port, run};

const HOST: &str = "host/laptop-1.corp.example";

/// What MIT's library says for the codes of protocols E.3.6.
const REVOKED: &str = "Revoked certificate";
const MISMATCH: &str = "Certificate mismatch";
const NOT_TRUSTED: &str = "Client not trusted";
const UNAVAILABLE: &str = "Revocation status unavailable";

pub(super) fn openssl(arguments: &[&str]) {
    run(Command::new("openssl").args(arguments), "").succeeded();
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary path is text")
}

/// An issuer of smart cards: an authority as `openssl ca` keeps one.
pub(super) struct Cards {
    folder: PathBuf,
}

impl Cards {
    fn new(lab: &Lab) -> Self {
        Self::within(lab.scratch())
    }

    /// One that keeps its files in a folder there.
    pub(super) fn within(scratch: &Path) -> Self {
        let folder = scratch.join("cards");
        std::fs::create_dir_all(&folder).expect("there is room for a folder");
        let cards = Self { folder };
        for (name, content) in [("index.txt", ""), ("serial", "1001\n"), ("number", "01\n")] {
            cards.write(name, content);
        }
        let at = text(&cards.folder).to_owned();
        cards.write(
            "ca.cnf",
            &format!(
                "[ca]\ndefault_ca = own\n[own]\ndatabase = {at}/index.txt\nserial = {at}/serial\n\
                 crlnumber = {at}/number\nnew_certs_dir = {at}\ncertificate = {at}/ca.pem\n\
                 private_key = {at}/ca.key\ndefault_md = sha256\ndefault_days = 30\n\
                 default_crl_days = 7\npolicy = any\nunique_subject = no\n[any]\ncommonName = supplied\n"
            ),
        );
        openssl(&[
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=Cards",
            "-keyout",
            &cards.path("ca.key"),
            "-out",
            &cards.path("ca.pem"),
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        ]);
        cards
    }

    pub(super) fn path(&self, name: &str) -> String {
        text(&self.folder.join(name)).to_owned()
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.folder.join(name), content).expect("there is room for a file");
    }

    /// A card for signing in, with these alternative names as openssl's configuration writes them.
    pub(super) fn card(&self, name: &str, alternative: &str) -> (PathBuf, PathBuf) {
        self.card_in(name, name, alternative, &[])
    }

    /// One kept in files of another name, with further options of `openssl ca`: from when it is good, and until when.
    pub(super) fn card_in(
        &self,
        file: &str,
        name: &str,
        alternative: &str,
        options: &[&str],
    ) -> (PathBuf, PathBuf) {
        let [key, request, certificate] =
            ["key", "csr", "pem"].map(|kind| self.path(&format!("{file}.{kind}")));
        openssl(&[
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            &format!("/CN={name}"),
            "-keyout",
            &key,
            "-out",
            &request,
        ]);
        let extensions = format!("{file}.cnf");
        self.write(
            &extensions,
            &format!(
                "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n\
                 extendedKeyUsage=clientAuth,1.3.6.1.4.1.311.20.2.2\nsubjectAltName=@names\n\
                 [names]\n{alternative}\n"
            ),
        );
        let (configuration, extensions) = (self.path("ca.cnf"), self.path(&extensions));
        let sign = [
            "ca",
            "-batch",
            "-notext",
            "-config",
            &configuration,
            "-in",
            &request,
            "-out",
            &certificate,
            "-extfile",
            &extensions,
        ];
        openssl(&[&sign, options].concat());
        (certificate.into(), key.into())
    }

    pub(super) fn revoke(&self, card: &Path) {
        openssl(&[
            "ca",
            "-batch",
            "-config",
            &self.path("ca.cnf"),
            "-revoke",
            text(card),
        ]);
    }

    /// The list of what is revoked now, as a file.
    pub(super) fn list(&self) -> String {
        let list = self.path("cards.crl");
        openssl(&[
            "ca",
            "-config",
            &self.path("ca.cnf"),
            "-gencrl",
            "-out",
            &list,
        ]);
        list
    }

    fn trust(&self, lab: &Lab, mapping: &str, more: &[&str]) {
        let certificate = self.path("ca.pem");
        let mut add = vec!["admin", "issuer", "add", &certificate, "--mapping", mapping];
        add.extend(more);
        lab.keyporch(&add).succeeded();
    }

    /// MIT's tools of somebody who trusts these cards: MIT's client verifies its own certificate.
    fn krb5(&self, lab: &Lab, cache: &str) -> Krb5 {
        let anchor = self.path("ca.pem");
        lab.krb5_edited(cache, |written| {
            let line = written
                .lines()
                .find(|line| line.contains("pkinit_anchors"))
                .expect("krb5.conf has anchors");
            let both = format!("{line}\n  pkinit_anchors = FILE:{anchor}");
            written.replacen(line, &both, 1)
        })
    }
}

pub(super) fn upn(name: &str) -> String {
    format!("otherName=1.3.6.1.4.1.311.20.2.3;UTF8:{name}")
}

#[test]
fn kinit_signs_in_with_a_certificate_of_our_authority_until_it_is_revoked() {
    let lab = Lab::start();
    let person = lab.person();
    let (certificate, key) = (lab.scratch().join("own.pem"), lab.scratch().join("own.key"));
    let issue = [
        "admin",
        "certificate",
        "issue",
        &person.sam,
        "--key",
        text(&key),
        "--out",
        text(&certificate),
        "--days",
        "30",
    ];
    let issued = lab.keyporch_json(&issue);
    let serial = issued["serial"]
        .as_str()
        .expect("a serial number")
        .to_owned();
    let krb5 = lab.krb5("own");
    krb5.kinit_with_key(&person.sam, &certificate, &key)
        .succeeded();
    krb5.kvno(&[HOST]).succeeded();

    // Nobody else signs in with it.
    lab.add_person("carol", "correct horse battery staple");
    let other = lab.krb5("other");
    other
        .kinit_with_key("carol", &certificate, &key)
        .refused("Client name mismatch");

    let revoke = ["admin", "certificate", "revoke", &serial, "--yes"];
    lab.keyporch(&revoke).succeeded();
    let again = lab.krb5("again");
    again
        .kinit_with_key(&person.sam, &certificate, &key)
        .refused(REVOKED);
    // And the ticket that it got gets no other.
    krb5.kvno(&["HTTP/sts.corp.example"])
        .refused("TGT has been revoked");
    // The registered key has nothing to do with it.
    let hello = lab.krb5("hello");
    hello
        .kinit_with_key(&person.sam, &person.certificate, &person.key)
        .succeeded();
}

#[test]
fn a_foreign_issuer_s_cards_sign_in_as_they_are_mapped() {
    let lab = Lab::start();
    let person = lab.person();
    let cards = Cards::new(&lab);
    let sid = lab.keyporch_json(&["admin", "user", "show", &person.sam]);
    let sid = sid["sid"].as_str().expect("a SID").to_owned();
    let plain = cards.card("plain", &upn(&person.upn));
    let with_sid = format!(
        "{}\nURI=tag:microsoft.com,2022-09-14:sid:{sid}",
        upn(&person.upn)
    );
    let with_sid = cards.card("sid", &with_sid);
    let list = cards.list();
    let kinit = |cache: &str, (certificate, key): &(PathBuf, PathBuf)| {
        let krb5 = cards.krb5(&lab, cache);
        krb5.kinit_with_key(&person.sam, certificate, key)
    };
    // A stranger yet.
    kinit("stranger", &plain).refused(NOT_TRUSTED);

    cards.trust(&lab, "explicit", &["--crl", &list]);
    kinit("unmapped", &plain).refused(MISMATCH);
    kinit("unasked", &with_sid).refused(MISMATCH);
    let map = ["admin", "user", "map", &person.sam, text(&plain.0)];
    lab.keyporch(&map).succeeded();
    kinit("mapped", &plain).succeeded();
    kinit("unmapped-still", &with_sid).refused(MISMATCH);

    cards.trust(&lab, "sid", &["--crl", &list]);
    kinit("by-sid", &with_sid).succeeded();
    kinit("by-mapping", &plain).succeeded();

    // By name: not while strong mapping is full.
    let third = cards.card("third", &upn(&person.upn));
    cards.trust(&lab, "name", &["--crl", &list]);
    kinit("by-name", &third).refused(MISMATCH);

    cards.revoke(&plain.0);
    cards.trust(&lab, "explicit", &["--crl", &cards.list()]);
    kinit("revoked", &plain).refused(REVOKED);

    lab.keyporch(&["admin", "issuer", "remove", "Cards", "--yes"])
        .succeeded();
    kinit("removed", &with_sid).refused(NOT_TRUSTED);
}

#[test]
fn openssl_s_ocsp_responder_is_asked_and_believed() {
    let lab = Lab::start();
    let person = lab.person();
    let cards = Cards::new(&lab);
    let (good, revoked) = (
        cards.card("good", &upn(&person.upn)),
        cards.card("bad", &upn(&person.upn)),
    );
    let late = cards.card("late", &upn(&person.upn));
    cards.revoke(&revoked.0);
    let port = free_port();
    let place = format!("http://127.0.0.1:{port}/");
    cards.trust(&lab, "explicit", &["--ocsp", &place]);
    for card in [&good, &revoked, &late] {
        lab.keyporch(&["admin", "user", "map", &person.sam, text(&card.0)])
            .succeeded();
    }
    let mut responder = Command::new("openssl");
    responder.args([
        "ocsp",
        "-port",
        &port.to_string(),
        "-nrequest",
        "2",
        "-index",
        &cards.path("index.txt"),
        "-CA",
        &cards.path("ca.pem"),
        "-rsigner",
        &cards.path("ca.pem"),
        "-rkey",
        &cards.path("ca.key"),
    ]);
    let responder = Background::start(&mut responder, port);
    let kinit = |cache: &str, (certificate, key): &(PathBuf, PathBuf)| {
        let krb5 = cards.krb5(&lab, cache);
        krb5.kinit_with_key(&person.sam, certificate, key)
    };
    kinit("good", &good).succeeded();
    // The answer is in hand: the responder answers two questions and no more.
    kinit("good-again", &good).succeeded();
    kinit("revoked", &revoked).refused(REVOKED);
    let _ = responder.finish();
    // It is gone, and nobody says that this one is good.
    kinit("late", &late).refused(UNAVAILABLE);
    cards.trust(
        &lab,
        "explicit",
        &["--ocsp", &place, "--revocation", "soft"],
    );
    kinit("soft", &late).succeeded();
}
