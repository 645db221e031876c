//! What a lab is asked for.

use std::path::PathBuf;

use provisioning::{FLOWS, Flow};

use crate::fault::Fault;

/// Where a lab is when nobody says another folder.
pub const DEFAULT_DIR: &str = "./keyporch-lab";

/// What the ports begin with: Kerberos is at 18088, HTTPS at 18443, HTTP at 18080.
pub const DEFAULT_BASE_PORT: u16 = 18_000;

/// The highest base port: HTTPS is 443 above it.
const HIGHEST_BASE_PORT: u16 = u16::MAX - 443;

/// The scenario that runs all others, one after another.
const ALL: &str = "all";

/// The scenarios whose parties a lab has. A flow may be built and its servers not be here.
const RUNS: [&str; 2] = ["onprem-key", "cloud-managed"];

/// Whether a lab can run the flow.
fn runs(flow: &Flow) -> bool {
    flow.is_built() && RUNS.contains(&flow.scenario)
}

/// What a lab is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The folder.
    pub dir: PathBuf,
    /// The scenario's name.
    pub scenario: String,
    /// Whether to end when the story has been told.
    pub once: bool,
    /// Whether to empty the folder first.
    pub fresh: bool,
    /// Whether to tell the story as JSON lines.
    pub json: bool,
    /// Whether whoever reads the story sees colours.
    pub colours: bool,
    /// What the ports begin with; 0 for free ones.
    pub base_port: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dir: DEFAULT_DIR.into(),
            scenario: "onprem-key".to_owned(),
            once: false,
            fresh: false,
            json: false,
            colours: false,
            base_port: DEFAULT_BASE_PORT,
        }
    }
}

impl Options {
    /// The flow of the scenario, if this release can run it.
    pub(crate) fn flow(&self) -> Result<&'static Flow, Fault> {
        let built: Vec<&str> = FLOWS
            .iter()
            .filter(|flow| runs(flow))
            .map(|flow| flow.scenario)
            .collect();
        let built = built.join(" or ");
        let Some(flow) = FLOWS.iter().find(|flow| flow.scenario == self.scenario) else {
            if self.scenario == ALL {
                return Err(Fault::refused(
                    "this release cannot run all scenarios yet",
                    format!("Use --scenario {built}."),
                ));
            }
            let known: Vec<&str> = FLOWS
                .iter()
                .map(|flow| flow.scenario)
                .chain([ALL])
                .collect();
            return Err(Fault::refused(
                format!("there is no scenario {:?}", self.scenario),
                format!(
                    "Scenarios are {}; this release runs {built}.",
                    known.join(", ")
                ),
            ));
        };
        if runs(flow) {
            Ok(flow)
        } else {
            Err(Fault::refused(
                format!(
                    "this release cannot run the scenario {} yet: {} ({})",
                    flow.scenario, flow.name, flow.id
                ),
                format!("Use --scenario {built}."),
            ))
        }
    }

    pub(crate) fn check_ports(&self) -> Result<(), Fault> {
        if self.base_port <= HIGHEST_BASE_PORT {
            return Ok(());
        }
        Err(Fault::refused(
            format!(
                "--base-port {} leaves no room for HTTPS, 443 above it",
                self.base_port
            ),
            format!("Give {HIGHEST_BASE_PORT} or less; 0 takes free ports."),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(scenario: &str) -> Result<&'static Flow, Fault> {
        Options {
            scenario: scenario.to_owned(),
            ..Options::default()
        }
        .flow()
    }

    #[test]
    fn a_scenario_that_is_not_built_is_refused_with_a_sentence_and_never_pretended() {
        // design.md 4: each documented name.
        for name in [
            "onprem-cert",
            "cloud-federated",
            "hybrid-key",
            "hybrid-cert",
            "hybrid-cert-async",
            "cloud-kerberos",
            "all",
        ] {
            let fault = asked(name).unwrap_err();
            assert_eq!(fault.exit_code(), 2, "{name}");
            assert!(
                fault.to_string().contains("this release cannot run"),
                "{fault}"
            );
            assert_eq!(
                fault.remedy(),
                "Use --scenario cloud-managed or onprem-key."
            );
        }
        assert_eq!(asked("onprem-key").unwrap().id, "PROV-F7");
        assert_eq!(asked("cloud-managed").unwrap().id, "PROV-F1");
    }

    #[test]
    fn an_unknown_scenario_is_refused_with_those_that_there_are() {
        for name in ["", "onprem", "PROV-F7", "ONPREM-KEY"] {
            let fault = asked(name).unwrap_err();
            assert_eq!(fault.exit_code(), 2, "{name}");
            assert!(
                fault.remedy().contains("onprem-key, onprem-cert, all"),
                "{}",
                fault.remedy()
            );
        }
    }

    #[test]
    fn a_base_port_must_leave_room_for_the_ports_above_it() {
        for (base_port, possible) in [
            (0, true),
            (1, true),
            (65_092, true),
            (65_093, false),
            (65_535, false),
        ] {
            let options = Options {
                base_port,
                ..Options::default()
            };
            assert_eq!(options.check_ports().is_ok(), possible, "{base_port}");
        }
    }
}
