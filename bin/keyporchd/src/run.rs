//! `keyporchd serve`.

use std::time::Duration;

use directory::{Directory, StoreKind};
use serve::{Asked, Parts, Running, Server, Supervisor};
use tracing_subscriber::EnvFilter;

use crate::arguments::Serve;
use crate::config::{Config, Format, Log};
use crate::report::{Failure, REFUSED};
use crate::{environment, opened, outside, root_key};

/// How long requests that are under way may take when the server stops.
const GRACE: Duration = Duration::from_secs(10);

/// Serves until it is told to stop.
pub(crate) fn serve(arguments: &Serve) -> Result<(), Failure> {
    let config = Config::load(&arguments.config)?;
    log(&config.log, arguments.json)?;
    let directory = opened::existing(&config.place()?, root_key::read(&config.store.root_key)?)?;
    check_kind(&config, &directory)?;
    let name = config.name().to_owned();
    let parts = Parts {
        inherited: environment::inherited(),
        outside: outside::network(&config)?,
        ..opened::parts(&config, directory)
    };
    let running = Server::start(config.settings(), parts)?;
    let supervisor = environment::supervisor();
    announce(&running, &name, &supervisor);
    let outcome = attend(&running, &supervisor);
    supervisor.stopping();
    tracing::info!("stopping: what is under way is finished first");
    running.shutdown(GRACE);
    outcome
}

/// The store must hold the domain, or the tenant, that the configuration is for.
fn check_kind(config: &Config, directory: &Directory) -> Result<(), Failure> {
    let (file, wanted) = (config.store.shown(), config.name());
    let Ok(held) = directory.domain() else {
        let what = format!("the store {file} holds neither a domain nor a tenant");
        return Err(Failure::said(
            what,
            "Set the server up with `keyporchd init`.",
            REFUSED,
        ));
    };
    let kind = |kind| match kind {
        StoreKind::Domain => "domain",
        StoreKind::Tenant => "tenant",
    };
    let expected = match config.tenant {
        Some(_) => StoreKind::Tenant,
        None => StoreKind::Domain,
    };
    if held.kind == expected && held.dns_name.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let what = format!(
        "the store {file} holds the {} {}, and the configuration is for the {} {wanted}",
        kind(held.kind),
        held.dns_name,
        kind(expected),
    );
    Err(Failure::said(
        what,
        "Give the store of that one under [store], or what the store holds as [domain] or [tenant].",
        REFUSED,
    ))
}

fn announce(running: &Running, name: &str, supervisor: &Supervisor) {
    let addresses = running.addresses();
    let list = |addresses: &[std::net::SocketAddr]| {
        addresses
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" ")
    };
    tracing::info!(
        domain = name,
        kdc = list(&addresses.kdc),
        password = list(&addresses.password),
        ldap = list(&addresses.ldap),
        ldaps = list(&addresses.ldaps),
        https = list(&addresses.https),
        http = list(&addresses.http),
        operations = addresses.operations.map(|address| address.to_string()),
        admin_socket = addresses
            .admin_socket
            .as_ref()
            .map(|path| path.display().to_string()),
        "ready"
    );
    supervisor.ready(&format!("serving {name}"));
}

/// Does what the operating system asks, and tells the supervisor that the server lives.
fn attend(running: &Running, supervisor: &Supervisor) -> Result<(), Failure> {
    let beat = supervisor.watchdog_interval();
    let mut signals = running.signals()?;
    loop {
        match signals.wait(beat) {
            Asked::Stop => return Ok(()),
            Asked::Nothing => supervisor.alive(),
            Asked::Reload => match running.reload() {
                Ok(()) => tracing::info!("read the TLS certificate again"),
                Err(fault) => {
                    tracing::error!(%fault, remedy = fault.remedy(), "the certificate before stays in use")
                }
            },
        }
    }
}

fn log(log: &Log, json: bool) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&log.level).map_err(|error| {
        let what = format!("{:?} is no log level: {error}", log.level);
        Failure::said(what, crate::config::LEVELS, REFUSED)
    })?;
    let colours = !environment::no_colour() && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours);
    // A second subscriber cannot be set; there is none before this one.
    let _ = if json || log.format == Format::Json {
        lines.json().try_init()
    } else {
        lines.try_init()
    };
    Ok(())
}
