//! Servers with a tenant, alone and beside a domain.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crypto::password::Cost;
use directory::storage::Memory;
use directory::tenant::{TenantNames, VerifiedDomain};
use directory::{Change, Directory, Reads, testing};
use trust::{Clock as _, SystemClock, SystemRng};
use zeroize::Zeroizing;

use super::node::{get, root, settings};
use super::{PATIENCE, any};
use crate::audit::{AuditSettings, Writer};
use crate::door::Outside;
use crate::fault::Fault;
use crate::metrics::Metrics;
use crate::node;
use crate::node::parties::Parties as _;
use crate::node::tenant::TenantNode;
use crate::server::{Parts, Running, Server, Tenant, found_authorities};
use crate::settings::{Listen, Settings};
use crate::setup::{Administrator, set_up_tenant};

const DISCOVERY: &str = "/cloud.example/v2.0/.well-known/openid-configuration";

pub(super) fn section(login: &str) -> tenant::Section {
    tenant::Section {
        login: format!("https://{login}"),
        ..tenant::Section::default()
    }
}

pub(super) fn for_tenants() -> Settings {
    let mut settings = Settings {
        listen: Listen::nowhere(),
        ..Settings::default()
    };
    settings.listen.https = vec![any()];
    settings.listen.http = vec![any()];
    settings
}

/// The directory of a tenant with its administrator.
pub(super) fn tenant_of(domain: &str, login: &str) -> Arc<Directory> {
    let directory = Arc::new(testing::open(Arc::new(Memory::new())));
    let names = TenantNames {
        domain: domain.to_owned(),
        display_name: "Example".to_owned(),
    };
    let administrator = Administrator {
        sam: "admin",
        display_name: "Administrator",
        password: "correct horse battery staple",
        totp: None,
        cost: Cost::LEAST,
    };
    let clock = Arc::new(SystemClock);
    let (section, settings) = (section(login), for_tenants());
    set_up_tenant(
        &directory,
        &names,
        &section,
        &settings,
        &administrator,
        clock,
        &mut SystemRng,
    )
    .unwrap();
    directory
}

/// The parties of a tenant alone, without a server around them.
pub(super) fn node_of(
    directory: Arc<Directory>,
    login: &str,
    outside: Option<Arc<dyn Outside>>,
) -> TenantNode {
    let metrics = Arc::new(Metrics::default());
    // Nothing is written where no file is named.
    let (_writer, audit) = Writer::start(&AuditSettings::default(), &metrics).unwrap();
    let parts = node::Parts {
        directory,
        clock: Arc::new(SystemClock),
        authority_keys: authority::Keys::in_directory(),
        kdc_addresses: Vec::new(),
        password_cost: Cost::LEAST,
        listener: None,
        metrics,
        audit,
    };
    let common = Zeroizing::new([7; 32]);
    TenantNode::new(&for_tenants(), &section(login), common, outside, parts).unwrap()
}

fn discovered(running: &Running, directory: &Directory, host: &'static str) -> String {
    let address: SocketAddr = running.addresses().https[0];
    get(address, root(directory), host, host, DISCOVERY)
}

#[test]
fn a_tenant_is_served_without_a_domain() {
    let directory = tenant_of("cloud.example", "login.cloud.example");
    let parts = Parts::of_tenant(Arc::clone(&directory), section("login.cloud.example"));
    let running = Server::start(for_tenants(), parts).unwrap();
    let answer = discovered(&running, &directory, "login.cloud.example");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let id = directory.domain().unwrap().head;
    let issuer = format!("https://login.cloud.example/{id}/v2.0");
    assert!(answer.contains(&issuer), "{answer}");
    let elsewhere = get(
        running.addresses().https[0],
        root(&directory),
        "login.cloud.example",
        "evil.example",
        DISCOVERY,
    );
    assert!(elsewhere.starts_with("HTTP/1.1 421"), "{elsewhere}");
    running.shutdown(PATIENCE);
}

#[test]
fn a_domain_and_a_tenant_show_each_its_own_certificate_and_answer_at_their_own_hosts() {
    let (domain, cloud) = (
        testing::fresh(),
        tenant_of("cloud.example", "login.cloud.example"),
    );
    found_authorities(&settings(), Parts::new(Arc::clone(&domain))).unwrap();
    let parts = Parts {
        tenants: vec![Tenant {
            directory: Arc::clone(&cloud),
            section: section("login.cloud.example"),
        }],
        ..Parts::new(Arc::clone(&domain))
    };
    let running = Server::start(settings(), parts).unwrap();
    // Each is believed under its own root alone, so what comes back came under the right certificate.
    let of_tenant = discovered(&running, &cloud, "login.cloud.example");
    assert!(of_tenant.contains("login.cloud.example"), "{of_tenant}");
    let of_domain = get(
        running.addresses().https[0],
        root(&domain),
        "sts.corp.example",
        "sts.corp.example",
        "/adfs/.well-known/openid-configuration",
    );
    assert!(of_domain.starts_with("HTTP/1.1 200 OK"), "{of_domain}");
    assert!(!discovered(&running, &cloud, "login.cloud.example").contains("/adfs"));
    running.shutdown(PATIENCE);
}

#[test]
fn lists_of_two_authorities_with_one_name_are_told_apart_by_the_tenant_in_their_path() {
    let (domain, cloud) = (
        testing::fresh(),
        tenant_of("cloud.example", "login.cloud.example"),
    );
    found_authorities(&settings(), Parts::new(Arc::clone(&domain))).unwrap();
    let parts = Parts {
        tenants: vec![Tenant {
            directory: Arc::clone(&cloud),
            section: section("login.cloud.example"),
        }],
        ..Parts::new(Arc::clone(&domain))
    };
    let running = Server::start(settings(), parts).unwrap();
    let list = |path: &str| {
        let host = "sts.corp.example";
        get(
            running.addresses().https[0],
            root(&domain),
            host,
            host,
            path,
        )
    };
    let id = cloud.domain().unwrap().head;
    let (own, others) = (list("/devices.crl"), list(&format!("/{id}/devices.crl")));
    assert!(own.starts_with("HTTP/1.1 200 OK"), "{own}");
    assert!(others.starts_with("HTTP/1.1 200 OK"), "{others}");
    assert_ne!(own, others);
    running.shutdown(PATIENCE);
}

#[test]
fn a_tenant_alone_listens_neither_for_kerberos_nor_for_ldap() {
    let directory = tenant_of("cloud.example", "login.cloud.example");
    let parts = Parts::of_tenant(directory, section("login.cloud.example"));
    let fault = Server::start(settings(), parts).unwrap_err();
    assert!(matches!(fault, Fault::Party(why) if why.contains("there is no domain")));
}

#[test]
fn the_store_of_a_domain_is_no_tenant() {
    let parts = Parts::of_tenant(testing::fresh(), section("login.cloud.example"));
    let fault = Server::start(for_tenants(), parts).unwrap_err();
    assert!(matches!(fault, Fault::Party(why) if why.contains("no tenant")));
}

/// Has the same TXT records for every name, until it stops the server.
#[derive(Default)]
struct Records {
    texts: Vec<String>,
    asked: Mutex<Vec<String>>,
    stop_at: usize,
    stop: AtomicBool,
}

impl Outside for Records {
    fn txt(&self, name: &str) -> Result<Vec<String>, String> {
        let mut asked = self.asked.lock().unwrap();
        asked.push(name.to_owned());
        self.stop
            .store(asked.len() == self.stop_at, Ordering::Release);
        Ok(self.texts.clone())
    }

    fn notify(&self, _: &str, _: &[u8]) -> Result<(), String> {
        Err("nobody is to be told".to_owned())
    }
}

/// Adds a domain that is to be verified by its record, now.
fn added(directory: &Directory, name: &str) -> VerifiedDomain {
    let now = SystemClock.now();
    let domain = VerifiedDomain::new(name.to_owned(), &mut SystemRng);
    let [first, second] = directory::tenant::put_domain(&domain, &mut SystemRng);
    let job = directory::tenant::verification_job(name, now).unwrap();
    let changes = [first, second, Change::Schedule(job)];
    directory.commit(&changes, &Reads::none(), now).unwrap();
    domain
}

fn is_verified(directory: &Directory, name: &str) -> bool {
    let snapshot = directory.snapshot().unwrap();
    let domain = directory::tenant::domain(&snapshot, name, SystemClock.now()).unwrap();
    domain.unwrap().is_verified()
}

#[test]
fn a_domain_is_verified_by_its_record_while_the_server_runs() {
    let directory = tenant_of("cloud.example", "login.cloud.example");
    let domain = added(&directory, "other.example");
    added(&directory, "foreign.example");
    let outside = Arc::new(Records {
        texts: vec!["v=spf1 -all".to_owned(), domain.txt],
        ..Records::default()
    });
    let parts = Parts {
        outside: Some(Arc::clone(&outside) as Arc<dyn Outside>),
        ..Parts::of_tenant(Arc::clone(&directory), section("login.cloud.example"))
    };
    let running = Server::start(for_tenants(), parts).unwrap();
    let mut heard = 0;
    while !is_verified(&directory, "other.example") || outside.asked.lock().unwrap().len() < 2 {
        let newest = directory.wait_after(heard, PATIENCE);
        assert_ne!(newest, heard, "nobody verified it");
        heard = newest;
    }
    assert!(!is_verified(&directory, "foreign.example"));
    running.shutdown(PATIENCE);
}

#[test]
fn a_server_that_stops_begins_no_more_errands() {
    let directory = tenant_of("cloud.example", "login.cloud.example");
    for name in ["one.example", "two.example", "three.example"] {
        added(&directory, name);
    }
    let outside = Arc::new(Records {
        stop_at: 2,
        ..Records::default()
    });
    let tenant = node_of(
        directory,
        "login.cloud.example",
        Some(Arc::clone(&outside) as Arc<dyn Outside>),
    );
    tenant.run_errands(&outside.stop);
    assert_eq!(outside.asked.lock().unwrap().len(), 2);
}
