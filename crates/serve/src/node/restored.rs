//! What the parties have to do once after a backup was restored.

use authority::Ca;
use directory::{Actor, Cursor, Stamp};
use trust::SystemRng;
use wire::x509::Reason;

use super::parties::Parties;
use super::turn::Unanswered;
use crate::fault::Fault;

/// Certificates that are read at once.
const PAGE: usize = 200;

/// Who revokes certificates whose holders are not in the backup.
const GONE: &str = "the restore of a backup";

/// What became of certificates when a backup was restored.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Revoked {
    /// Those that were revoked again: the authority's name, and the serial number in hexadecimal.
    pub again: Vec<(String, String)>,
    /// Those whose holders are gone, likewise.
    pub orphaned: Vec<(String, String)>,
}

impl dyn Parties {
    /// Revokes again what `revoked` names, revokes what has no holder any more, and has the reactions of this node begin
    /// with what the restore committed.
    pub(crate) fn restored(&self, revoked: &[(String, Vec<u8>)]) -> Result<Revoked, Fault> {
        let mut done = Revoked::default();
        for (authority, serial) in revoked {
            if let Some(ca) = Ca::from_name(authority)
                && self.revoke_again(ca, serial)?
            {
                done.again.push((authority.clone(), hex(serial)));
            }
        }
        for ca in Ca::ALL {
            self.revoke_orphans(ca, &mut done)?;
        }
        let node = self.core().directory.node().number;
        let mut cursor = Cursor::start();
        // A restored store begins with commit 1 of its node, and the restore's own follow it.
        cursor.advance(Stamp { node, number: 1 });
        self.core().note(&cursor);
        Ok(done)
    }

    fn revoke_again(&self, ca: Ca, serial: &[u8]) -> Result<bool, Fault> {
        let (now, actor) = (self.core().clock.now(), Actor::system());
        let taken = self.core().turn().take(now, |snapshot| {
            let view = self.authority_view(snapshot);
            let revoked = authority::revoke_again(&view, (ca, serial), &actor, now, &mut SystemRng);
            let known = revoked.and_then(|mut changes| {
                // Services know a device by its entry and read no list.
                let issued = authority::certificate(snapshot, ca, serial, now)?;
                if let (Ca::Devices, Some(issued), false) = (ca, issued, changes.is_empty()) {
                    changes.push(registration::proven_device::revoke(&issued.certificate));
                }
                Ok(changes)
            });
            match known {
                Ok(changes) => (Ok(!changes.is_empty()), changes),
                Err(fault) => (Err(fault), Vec::new()),
            }
        });
        answered(taken)
    }

    /// A certificate that was issued to somebody who joined after the backup has nobody to live with.
    fn revoke_orphans(&self, ca: Ca, done: &mut Revoked) -> Result<(), Fault> {
        let (now, mut after) = (self.core().clock.now(), None::<Vec<u8>>);
        loop {
            let snapshot = self
                .core()
                .directory
                .snapshot()
                .map_err(|fault| party(&fault))?;
            let page = authority::certificates(&snapshot, ca, after.as_deref(), PAGE, now)
                .map_err(|fault| party(&fault))?;
            drop(snapshot);
            for issued in &page {
                let serial = issued.certificate.serial();
                let ended = issued.certificate.not_after() < now.unix();
                if issued.revoked.is_some() || ended || !self.is_orphan(issued)? {
                    continue;
                }
                let actor = Actor::named(GONE);
                let taken = self.core().turn().take(now, |snapshot| {
                    let (view, reason) =
                        (self.authority_view(snapshot), Reason::CessationOfOperation);
                    let at = (ca, serial);
                    match authority::revoke(&view, at, reason, &actor, now, &mut SystemRng) {
                        Ok(Ok(changes)) => (Ok(true), changes),
                        Ok(Err(_)) => (Ok(false), Vec::new()),
                        Err(fault) => (Err(fault), Vec::new()),
                    }
                });
                if answered(taken)? {
                    done.orphaned.push((ca.name().to_owned(), hex(serial)));
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => {
                    after = Some(last.certificate.serial().to_vec());
                }
                _ => return Ok(()),
            }
        }
    }

    fn is_orphan(&self, issued: &authority::Issued) -> Result<bool, Fault> {
        let Some(holder) = issued.holder else {
            return Ok(false);
        };
        let snapshot = self
            .core()
            .directory
            .snapshot()
            .map_err(|fault| party(&fault))?;
        let entry = snapshot
            .entry(holder.into())
            .map_err(|fault| party(&fault))?;
        Ok(entry.is_none())
    }
}

fn answered(taken: Result<Result<bool, authority::Fault>, Unanswered>) -> Result<bool, Fault> {
    taken
        .map_err(|unanswered| party(&unanswered))?
        .map_err(|fault| party(&fault))
}

fn party(error: &(dyn std::error::Error + 'static)) -> Fault {
    Fault::Party(format!(
        "the authority after a restore: {}",
        super::words(error)
    ))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
