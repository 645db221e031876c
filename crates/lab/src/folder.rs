//! The lab's folder: its own, marked as such, for its user alone, and for one lab at a time.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use call::files::{Folder, Lock};

use crate::fault::Fault;
use crate::kept::{self, Kept};

/// The longest path of a Unix socket, in bytes, without the zero at its end.
const LONGEST_SOCKET: usize = 107;

/// How much room a lab wants to go on, in bytes.
const ROOM: usize = 256 * 1024;

/// A lab's folder, held by this process.
pub(crate) struct LabFolder {
    folder: Folder,
    path: PathBuf,
    _held: Lock,
}

impl LabFolder {
    /// Opens the folder, makes it where it is missing, and empties it where that is asked for. Gives what an
    /// earlier lab kept in it.
    pub(crate) fn open(dir: &Path, fresh: bool) -> Result<(Self, Option<Kept>), Fault> {
        let path = std::path::absolute(dir).map_err(|error| Fault::of_io(dir, &error))?;
        let socket = path.join("admin.sock");
        if socket.as_os_str().len() > LONGEST_SOCKET {
            return Err(Fault::failed(
                format!("{} is too long for the path of a socket", socket.display()),
                "Give a folder with a shorter path with --dir.",
            ));
        }
        let kept = look(&path)?;
        let folder = Folder::open(&path)?;
        let held = folder.lock()?;
        let lab = Self {
            folder,
            path,
            _held: held,
        };
        if fresh {
            lab.empty()?;
        }
        Ok((lab, kept.filter(|_| !fresh)))
    }

    /// Where it is, absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A folder within it.
    pub(crate) fn within(&self, name: &str) -> Result<Folder, Fault> {
        Ok(self.folder.within(name)?)
    }

    /// The content of a file; `None` where there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.folder.read(name)?)
    }

    /// Replaces the content of a file, for the lab's user alone.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<(), Fault> {
        Ok(self.folder.write(name, content)?)
    }

    /// Whether the disk that holds it has no room left for a lab to go on.
    pub(crate) fn is_out_of_room(&self) -> bool {
        self.folder.is_out_of_room(ROOM)
    }

    /// Removes everything in it but the lock that we hold; what links lead to stays.
    fn empty(&self) -> Result<(), Fault> {
        let entries = fs::read_dir(&self.path).map_err(|error| Fault::of_io(&self.path, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Fault::of_io(&self.path, &error))?;
            if entry.file_name() == ".lock" {
                continue;
            }
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = match is_folder {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            removed.map_err(|error| Fault::of_io(&path, &error))?;
        }
        Ok(())
    }
}

/// What there is at the path: a lab, or nothing that anybody would miss.
fn look(path: &Path) -> Result<Option<Kept>, Fault> {
    let mut entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Fault::failed(
                format!("{} is a file", path.display()),
                "Give the path of a folder with --dir.",
            ));
        }
        Err(error) => return Err(Fault::of_io(path, &error)),
    };
    let marker = path.join(kept::FILE);
    match call::files::read(&marker)? {
        Some(bytes) => kept::read(&marker, &bytes).map(Some),
        None if entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == ".lock")) => {
            let own = fs::Permissions::from_mode(0o700);
            fs::set_permissions(path, own).map_err(|error| Fault::of_io(path, &error))?;
            Ok(None)
        }
        None => Err(Fault::failed(
            format!(
                "{} holds other things than a lab, and was left as it is",
                path.display()
            ),
            "Give an empty folder with --dir, or one that does not exist yet.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(path: &Path, marker: &str) {
        fs::create_dir_all(path).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(path.join(kept::FILE), marker).unwrap();
    }

    #[test]
    fn a_folder_of_somebody_else_is_never_touched() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("photos");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("cat.jpg"), b"cat").unwrap();
        for fresh in [false, true] {
            let fault = LabFolder::open(&path, fresh).err().unwrap();
            assert!(
                fault.to_string().contains("other things than a lab"),
                "{fault}"
            );
            assert_eq!(fault.exit_code(), 1);
            assert_eq!(fs::read(path.join("cat.jpg")).unwrap(), b"cat");
        }
    }

    #[test]
    fn an_empty_folder_becomes_a_lab_for_its_user_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("lab");
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let (lab, kept) = LabFolder::open(&path, false).unwrap();
        assert!(kept.is_none());
        assert_eq!(
            fs::metadata(lab.path()).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }

    #[test]
    fn a_folder_of_a_later_release_is_left_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("lab");
        marked(&path, "{\"keyporch_lab\":2,\"new\":true}");
        for fresh in [false, true] {
            let fault = LabFolder::open(&path, fresh).err().unwrap();
            assert!(fault.to_string().contains("version 2"), "{fault}");
            assert!(path.join(kept::FILE).exists());
        }
    }

    #[test]
    fn fresh_removes_a_lab_and_nothing_that_it_links_to() {
        let parent = tempfile::tempdir().unwrap();
        let outside = parent.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), b"").unwrap();
        let path = parent.path().join("lab");
        let sample = kept::sample();
        marked(&path, &String::from_utf8(sample.write()).unwrap());
        fs::create_dir(path.join("device")).unwrap();
        std::os::unix::fs::symlink(&outside, path.join("link")).unwrap();
        let (_, kept) = LabFolder::open(&path, false).unwrap();
        assert_eq!(kept, Some(sample));
        let (_, kept) = LabFolder::open(&path, true).unwrap();
        assert_eq!(kept, None);
        let left: Vec<_> = fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, [".lock"]);
        assert!(outside.join("kept").exists());
    }

    #[test]
    fn two_labs_do_not_run_in_one_folder() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("lab");
        let held = LabFolder::open(&path, false).unwrap();
        let fault = LabFolder::open(&path, true).err().unwrap();
        assert!(fault.to_string().contains("another lab runs in"), "{fault}");
        drop(held);
    }

    #[test]
    fn a_path_that_no_socket_can_have_is_said_to_be_too_long() {
        let fault = LabFolder::open(Path::new(&"x".repeat(120)), false)
            .err()
            .unwrap();
        assert!(fault.remedy().contains("shorter"), "{fault}");
    }
}
