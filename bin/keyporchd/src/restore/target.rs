//! Where a backup is restored to, and what was there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use directory::storage::Storage;
use store::{Beside, Sqlite};
use trust::{Clock as _, SystemClock};

use crate::opened::{self, Place};
use crate::report::{Failure, REFUSED};

/// A place for a store that nobody serves from meanwhile.
pub(super) enum Target {
    /// A file. The store is made beside it, and put there when it is whole.
    File(Box<File>),
    /// An empty database: what is in it is no store until it is whole.
    Database(Box<Place>),
}

/// A file's place, held.
pub(super) struct File {
    place: store::Place,
    path: PathBuf,
    new: PathBuf,
    /// Where what is in the place is kept; `None` where nothing is.
    aside: Option<PathBuf>,
}

impl Target {
    /// Takes the place that the configuration names.
    pub(super) fn take(place: &Place, replace: bool) -> Result<Self, Failure> {
        match place {
            Place::File(path) => File::take(path, replace).map(|file| Self::File(Box::new(file))),
            Place::Database { .. } if replace => Err(database_in_use()),
            Place::Database { .. } => Ok(Self::Database(Box::new(place.clone()))),
        }
    }

    /// The store that is in the place, for reading; `None` where there is none that can be read.
    pub(super) fn former(&self) -> Option<Arc<dyn Storage>> {
        let Self::File(file) = self else {
            return None;
        };
        file.aside.as_ref()?;
        let options = store::Options::default();
        match Beside::open(&file.path, Arc::new(SystemClock), &options) {
            Ok(former) => Some(Arc::new(former)),
            Err(error) => {
                tracing::debug!(%error, "the store that is replaced cannot be opened");
                None
            }
        }
    }

    /// An empty storage to restore into, unless there is something in it.
    pub(super) fn storage(&self) -> Result<Arc<dyn Storage>, Failure> {
        match self {
            Self::Database(place) => place.storage(true),
            Self::File(file) => {
                file.place
                    .clear(&file.new)
                    .map_err(|error| opened::of_storage(&error))?;
                let options = store::Options::default();
                let storage = Sqlite::open(&file.new, Arc::new(SystemClock), &options)
                    .map_err(|error| opened::of_storage(&error))?;
                Ok(Arc::new(storage))
            }
        }
    }

    /// Puts the store into its place. Gives the name under which the one that was there is kept.
    pub(super) fn finish(self) -> Result<Option<PathBuf>, Failure> {
        let Self::File(file) = self else {
            return Ok(None);
        };
        let unused = named(&file.path, ".replaced");
        let aside = file.aside.as_deref().unwrap_or(&unused);
        file.place
            .put(&file.new, aside)
            .map_err(|error| opened::of_storage(&error))?;
        Ok(file.aside.clone())
    }
}

impl Drop for File {
    /// What is not finished leaves nothing.
    fn drop(&mut self) {
        if let Err(error) = self.place.clear(&self.new) {
            tracing::warn!(%error, "what was restored cannot be removed");
        }
    }
}

impl File {
    fn take(path: &Path, replace: bool) -> Result<Self, Failure> {
        let place = store::Place::hold(path).map_err(|error| opened::of_storage(&error))?;
        let there = path.exists();
        if there && !replace {
            return Err(not_empty());
        }
        let now = SystemClock.now().to_rfc3339();
        let seconds = now.split(['.', 'Z']).next().unwrap_or_default();
        let suffix = format!(".replaced-{}", seconds.replace(':', ""));
        let aside = there.then(|| named(path, &suffix));
        if let Some(aside) = aside.as_ref().filter(|aside| aside.exists()) {
            return Err(Failure::said(
                format!("{} is there already", aside.display()),
                "Wait a second and restore again.",
                REFUSED,
            ));
        }
        Ok(Self {
            place,
            path: path.to_owned(),
            new: named(path, ".restoring"),
            aside,
        })
    }
}

/// A store that was moved away: a file, or a database's URL.
pub(super) fn read(former: &Path) -> Result<Arc<dyn Storage>, Failure> {
    let text = former.to_string_lossy();
    if text.starts_with("postgresql://") || text.starts_with("postgres://") {
        return Place::database(&text, Path::new(""), None, "", None)?.storage(false);
    }
    let opened = Beside::open(former, Arc::new(SystemClock), &store::Options::default());
    Ok(Arc::new(
        opened.map_err(|error| opened::of_storage(&error))?,
    ))
}

/// A store in a database is never replaced.
pub(super) fn database_in_use() -> Failure {
    Failure::said(
        "a backup is restored into an empty database alone: what is in another could not be kept",
        "Make an empty database, name it as url under [store], and give the former one's URL with --former.",
        REFUSED,
    )
}

fn not_empty() -> Failure {
    Failure::said(
        "there is a store already",
        "Give --replace: it is read for what was revoked after the backup, and kept beside under another name.",
        REFUSED,
    )
}

fn named(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
