//! The flows. Start at [`FLOWS`].

use policy::Effective;

use crate::dialogue::{Cancelled, Choice, Done, Offer};
use crate::doors::Doors;
use crate::phases::{register, second_factor, user_key};
use crate::prerequisites::{Facts, Joined, Realm, Report};
use crate::stopped::Stopped;
use crate::story;

/// Every flow of 4.7, with its phases and, where this release has it, what runs it.
pub static FLOWS: [Flow; 8] = [
    Flow {
        id: "PROV-F1",
        name: "tenant-joined, managed",
        scenario: "cloud-managed",
        phases: "A=PH-A-M, B, C=PH-C-Cloud",
        run: Some(tenant_managed),
    },
    Flow {
        id: "PROV-F2",
        name: "tenant-joined, federated",
        scenario: "cloud-federated",
        phases: "A=PH-A-F, B, C=PH-C-Cloud",
        run: None,
    },
    Flow {
        id: "PROV-F3",
        name: "hybrid-joined, key trust",
        scenario: "hybrid-key",
        phases: "A=PH-A-M or PH-A-F, B, C=PH-C-Cloud, D=PH-SYNC",
        run: None,
    },
    Flow {
        id: "PROV-F4",
        name: "cloud Kerberos trust",
        scenario: "cloud-kerberos",
        phases: "A=PH-A-M or PH-A-F, B, C=PH-C-Cloud",
        run: None,
    },
    Flow {
        id: "PROV-F5",
        name: "hybrid-joined, certificate trust, asynchronous",
        scenario: "hybrid-cert-async",
        phases: "A, B, C, D=PH-CSR, E=PH-RA or deferred, F=PH-SYNC, G=PH-CA, H=PH-INST",
        run: None,
    },
    Flow {
        id: "PROV-F6",
        name: "hybrid-joined, certificate trust, synchronous",
        scenario: "hybrid-cert",
        phases: "A, B, C with receipt, D=PH-CSR, E=PH-RA, F=PH-CA, G=PH-INST",
        run: None,
    },
    Flow {
        id: "PROV-F7",
        name: "domain-joined, on-premises key trust",
        scenario: "onprem-key",
        phases: "A=PH-A-O, B, C=PH-C-Ent",
        run: Some(on_premises_key_trust),
    },
    Flow {
        id: "PROV-F8",
        name: "domain-joined, on-premises certificate trust",
        scenario: "onprem-cert",
        phases: "A=PH-A-O, B, C=PH-C-Ent, D=PH-CSR, E=PH-RA, F=PH-CA, G=PH-INST",
        run: None,
    },
];

/// Tenant-joined, managed: phases A to C.
fn tenant_managed(doors: &mut Doors<'_>) -> Result<Usable, Stopped> {
    let token = second_factor::managed(doors)?; // A
    let key = user_key::create(doors, &story::F1)?; // B
    let token = second_factor::still_fresh(doors, token, second_factor::managed)?; // A again, where choosing a PIN took too long
    register::with_tenant(doors, &token, &key)?; // C
    Ok(Usable::Now)
}

/// On-premises key trust: phases A to C.
fn on_premises_key_trust(doors: &mut Doors<'_>) -> Result<Usable, Stopped> {
    let token = second_factor::on_premises(doors)?; // A
    let key = user_key::create(doors, &story::F7)?; // B
    let token = second_factor::still_fresh(doors, token, second_factor::on_premises)?; // A again, as above
    register::with_enterprise(doors, &token, &key)?; // C
    Ok(Usable::Now)
}

/// A flow's phases, one after another.
type Steps = fn(&mut Doors<'_>) -> Result<Usable, Stopped>;

/// A flow of 4.7.
#[derive(Debug)]
pub struct Flow {
    /// Its ID.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The lab's scenario of it.
    pub scenario: &'static str,
    /// Its phases in order, with the letters that they have in this flow.
    pub phases: &'static str,
    run: Option<Steps>,
}

impl PartialEq for Flow {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Flow {}

/// From when the PIN can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Usable {
    /// At once.
    Now,
    /// In the domain when the sync engine has carried the key there (PROV-F3.1).
    AfterSynchronisation,
}

impl Flow {
    /// The flow that a device which is joined like that takes under `policy`.
    ///
    /// A hybrid-joined device under certificate trust takes the synchronous flow, which every
    /// registration service with key receipts has.
    #[must_use]
    pub fn of(joined: Joined, realm: Realm, policy: &Effective) -> &'static Self {
        let certificate = policy.certificate_for_on_premises;
        let cloud_trust = policy.cloud_trust_for_on_premises;
        let index = match (joined, realm) {
            (Joined::Domain | Joined::Enterprise, _) if certificate => 7,
            (Joined::Domain | Joined::Enterprise, _) => 6,
            (Joined::Hybrid, _) if certificate => 5,
            (Joined::Hybrid, _) if cloud_trust => 3,
            (Joined::Hybrid, _) => 2,
            (Joined::Tenant, _) if cloud_trust => 3,
            (Joined::Tenant | Joined::Not, Realm::Federated) => 1,
            (Joined::Tenant | Joined::Not, Realm::Managed) => 0,
        };
        &FLOWS[index]
    }

    /// The flow of that ID or scenario name; `None` when there is none.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FLOWS
            .iter()
            .find(|flow| flow.scenario == name || flow.id.eq_ignore_ascii_case(name))
    }

    /// Whether this release has it.
    #[must_use]
    pub const fn is_built(&self) -> bool {
        self.run.is_some()
    }

    /// Runs the flow, from the offer (PROV-5.1) to the message that the PIN can be used (PROV-5.4).
    fn run(&'static self, doors: &mut Doors<'_>) -> Result<Usable, Stopped> {
        let run = self.run.ok_or(Stopped::NotBuilt(self))?;
        doors.device.ready(doors.account, doors.replace)?;
        let offer = Offer {
            account: doors.account,
            replaces: doors.replace,
        };
        if doors.person.confirm(&offer) == Choice::Stop {
            return Err(Cancelled.into());
        }
        let usable = run(doors).inspect_err(|_| doors.device.discard(doors.account))?;
        doors.person.done(&Done {
            account: doors.account,
            usable,
        });
        Ok(usable)
    }
}

/// Enrols a person: checks the prerequisites (PROV-2.*), picks the flow, and runs it.
///
/// # Errors
/// [`Stopped`]: the prerequisites that are not met, the flow that is not built, or what a phase stopped
/// at. No key is half registered on this device then.
pub fn enrol(facts: &Facts, doors: &mut Doors<'_>) -> Result<Usable, Stopped> {
    let report = Report::of(facts, doors.policy);
    if !report.will_provision() {
        doors.story.tell(&story::WILL_NOT_PROVISION);
        return Err(Stopped::Prerequisites(Box::new(report)));
    }
    doors.story.tell(&story::WILL_PROVISION);
    Flow::of(facts.joined, facts.realm, doors.policy).run(doors)
}
