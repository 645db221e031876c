//! A machine of its own, as the programs on it see it: its host name, `/etc`, `/home` and `/run` are nobody else's.
//!
//! Nothing of the machine that the tests run on is changed, and what was started on it ends with it. It shares the
//! network, the programs and `/tmp`.

use std::fmt::Write as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A machine, kept in a folder.
pub struct Machine {
    folder: PathBuf,
    name: String,
    people: String,
}

/// Who is known on every machine: its administrator, and those that Debian's servers become.
const PEOPLE: &str = "root:*:0:0::/root:/bin/sh\nsshd:*:101:65534::/run/sshd:/usr/sbin/nologin\n\
                      www-data:*:33:33::/var/www:/usr/sbin/nologin\n";
const GROUPS: &str = "root:*:0:\nwww-data:*:33:\nnogroup:*:65534:\n";
/// The user ID of the first person.
const FIRST_PERSON: u32 = 12_345;

/// What is done before a program of the machine begins.
const PREPARE: &str = "\
hostname \"$1\"
for part in etc home run; do mount --bind \"$2/$part\" \"/$part\"; done
shift 2
exec \"$@\"";

impl Machine {
    /// A machine of that full host name, in a folder that is made; `hosts` are the names that lead to loopback.
    ///
    /// # Panics
    /// When the tests do not run as root: people of a machine sign in to it by a server that becomes them.
    #[must_use]
    #[track_caller]
    pub fn new(folder: &Path, name: &str, hosts: &[&str]) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let root = std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        assert!(
            root,
            "this test needs root: it makes namespaces in which servers run that become other users"
        );
        let machine = Self {
            folder: folder.join(name),
            name: name.to_owned(),
            people: PEOPLE.to_owned(),
        };
        for part in ["etc", "home", "run/sshd"] {
            std::fs::create_dir_all(machine.path(part)).expect("there is room for a folder");
        }
        let hosts = format!("127.0.0.1 localhost {name} {}\n", hosts.join(" "));
        machine.write("etc/hosts", &hosts);
        machine.write(
            "etc/nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files\n",
        );
        machine.write("etc/passwd", PEOPLE);
        machine.write("etc/group", GROUPS);
        machine
    }

    /// Its full host name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where a file of the machine really is; `place` is its path without the first slash.
    #[must_use]
    pub fn path(&self, place: &str) -> PathBuf {
        self.folder.join(place)
    }

    /// Writes a file of the machine.
    ///
    /// # Panics
    /// When there is no room.
    #[track_caller]
    pub fn write(&self, place: &str, content: &str) {
        let path = self.path(place);
        let folder = path.parent().expect("it is in the machine's folder");
        std::fs::create_dir_all(folder).expect("there is room for a folder");
        std::fs::write(&path, content).expect("there is room for a file");
    }

    /// What a file of the machine says; nothing where it is not there.
    #[must_use]
    pub fn read(&self, place: &str) -> String {
        std::fs::read(self.path(place))
            .map(|content| String::from_utf8_lossy(&content).into_owned())
            .unwrap_or_default()
    }

    /// Adds a local account, which no password opens.
    ///
    /// # Panics
    /// When there is no room.
    #[track_caller]
    pub fn add_person(&mut self, name: &str) {
        let number = self.people.lines().count() - PEOPLE.lines().count();
        let id = FIRST_PERSON + u32::try_from(number).expect("people are few");
        let _ = writeln!(self.people, "{name}:*:{id}:{id}::/home/{name}:/bin/sh");
        self.write("etc/passwd", &self.people);
        let home = self.path(&format!("home/{name}"));
        std::fs::create_dir_all(&home).expect("there is room for a folder");
        chown(&home, Some(id), Some(id)).expect("root may give a folder away");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&home, mode).expect("root may set a mode");
    }

    /// A program on the machine. Whatever it starts ends with it.
    #[must_use]
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--uts", "--pid", "--fork", "--kill-child"])
            .args(["--mount-proc", "sh", "-ec", PREPARE, "sh", &self.name])
            .arg(&self.folder)
            .arg(program)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C");
        command
    }
}

/// Debian's sshd, which is not installed but unpacked.
///
/// # Panics
/// When it is not.
#[must_use]
#[track_caller]
pub fn sshd() -> PathBuf {
    // The tests' own binary lies in target/PROFILE/deps, sshd in target/sshd.
    let own = std::env::current_exe().expect("a test knows its path");
    let target = own
        .ancestors()
        .nth(3)
        .expect("it lies in a build directory");
    let path = target.join("sshd/usr/sbin/sshd");
    assert!(
        path.exists(),
        "{} is missing: `cargo xtask packages` unpacks it",
        path.display()
    );
    path
}
