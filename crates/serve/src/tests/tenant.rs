//! Servers with a tenant, alone and beside a domain.

use std::net::SocketAddr;
use std::sync::Arc;

use crypto::password::Cost;
use directory::storage::Memory;
use directory::tenant::TenantNames;
use directory::{Directory, testing};
use trust::{SystemClock, SystemRng};

use super::node::{get, root, settings};
use super::{PATIENCE, any};
use crate::fault::Fault;
use crate::server::{Parts, Running, Server, Tenant, found_authorities};
use crate::settings::{Listen, Settings};
use crate::setup::{Administrator, set_up_tenant};

const DISCOVERY: &str = "/cloud.example/v2.0/.well-known/openid-configuration";

fn section(login: &str) -> tenant::Section {
    tenant::Section {
        login: format!("https://{login}"),
        ..tenant::Section::default()
    }
}

fn for_tenants() -> Settings {
    let mut settings = Settings {
        listen: Listen::nowhere(),
        ..Settings::default()
    };
    settings.listen.https = vec![any()];
    settings.listen.http = vec![any()];
    settings
}

/// The directory of a tenant with its administrator.
fn tenant_of(domain: &str, login: &str) -> Arc<Directory> {
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
