//! The parties of a domain, for upkeep.

use directory::{Commit, Snapshot, respelled, well_known};
use trust::{SystemRng, Timestamp};

use super::core::Core;
use super::parties::{Parties, Replace};
use super::{Kinds, Node, words};
use crate::fault::Fault;
use crate::tls::Identity;

impl Parties for Node {
    fn core(&self) -> &Core {
        &self.core
    }

    fn authority_view<'a, 'd>(&'a self, snapshot: &'a Snapshot<'d>) -> authority::View<'a, 'd> {
        authority::View {
            snapshot,
            configuration: &self.authority,
            keys: &self.authority_keys,
        }
    }

    fn kinds(&self) -> &Kinds {
        &self.kinds
    }

    fn is_new(&self, snapshot: &Snapshot<'_>, now: Timestamp) -> Result<bool, authority::Fault> {
        Ok(authority::kdc_credentials(snapshot, &self.kdc_host, now)?.is_empty())
    }

    fn identity(&self) -> Result<Option<Identity>, Fault> {
        self.read_credentials()
            .map_err(|error| Fault::Party(words(&error)))
    }

    fn complete(&self) {
        let completed =
            match well_known::complete(&self.core.directory, self.core.clock.now(), &mut SystemRng)
            {
                Ok(completed) => completed,
                Err(error) => return self.trouble("adding what every domain has", &error),
            };
        for record in completed.added {
            tracing::info!(
                name = record.target_name,
                "every domain has this, and this one got it: it was made by an older version"
            );
            self.core.audit.record(record);
        }
        for name in completed.in_the_way {
            tracing::warn!(
                name,
                "every domain has this, and this one does not: another account or group has the name. Delete or rename that \
                 one, and start the server again"
            );
        }
        match respelled::mappings(&self.core.directory, self.core.clock.now()) {
            Ok(records) => records
                .into_iter()
                .for_each(|record| self.core.audit.record(record)),
            Err(error) => self.trouble("writing mappings in their one spelling", &error),
        }
    }

    fn react(&self, commit: &Commit) {
        let now = self.core.clock.now();
        self.core
            .upkeep("a reaction of the authority", now, |snapshot| {
                authority::react(commit, &self.authority_view(snapshot), now, &mut SystemRng)
                    .map_err(|fault| words(&fault))
            });
        self.core
            .upkeep("a reaction of the federation", now, |snapshot| {
                federation::react(commit, &self.federation_view(snapshot), now, &mut SystemRng)
                    .map_err(|fault| words(&fault))
            });
    }

    fn tick(&self) {
        let now = self.core.clock.now();
        self.core
            .upkeep("what is due for the authority", now, |snapshot| {
                authority::tick(&self.authority_view(snapshot), now, &mut SystemRng)
                    .map_err(|fault| words(&fault))
            });
        let overlap = self.realm.lifetimes.key_overlap();
        self.core.upkeep("former keys of the KDC", now, |snapshot| {
            administration::tick(snapshot, overlap, now).map_err(|fault| words(&fault))
        });
        self.core
            .upkeep("what is due for the federation", now, |snapshot| {
                federation::tick(&self.federation_view(snapshot), now, &mut SystemRng)
                    .map_err(|fault| words(&fault))
            });
    }

    fn renew(&self, replace: &Replace) {
        match self.read_credentials() {
            Ok(Some(identity)) => {
                if let Err(fault) = replace(identity) {
                    self.trouble("a new TLS certificate", &fault);
                }
            }
            Ok(None) => {}
            Err(unusable) => self.trouble("new certificates", &unusable),
        }
        self.renew_lists();
    }

    fn renew_lists(&self) {
        if let Err(fault) = self.getting.renew(&self.credentials().issuers) {
            self.trouble("revocation lists", &fault);
        }
    }
}
