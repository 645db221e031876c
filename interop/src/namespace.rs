//! A network of its own, and machines on it that go on: programs are started on them one after the other, as on a real
//! one.
//!
//! Each is kept by a process that waits for the end of its input, which is ours: whatever happens to the tests, what was
//! started in there ends with them, and of the machine that they run on nothing was changed.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::machine::Machine;

/// What is done in a new network: it has loopback, and nothing else.
const NETWORK: &str = "\
read -r pid rest </proc/self/stat
ip link set lo up
echo \"$pid\"
exec cat";

/// What is done in a new machine: its folders, its name, and the packages that were unpacked for it, as if they were
/// installed.
const MACHINE: &str = "\
read -r pid rest </proc/self/stat
name=$1 folder=$2 packages=$3
for part in bin lib libexec sbin share; do
 lower=/usr/$part
 [ ! -d \"$packages/usr/$part\" ] || lower=$packages/usr/$part:$lower
 [ ! -d \"$packages/$part\" ] || lower=$packages/$part:$lower
 [ \"$lower\" = \"/usr/$part\" ] || mount -t overlay overlay -o \"lowerdir=$lower\" \"/usr/$part\"
done
for part in etc home run var; do mount --bind \"$folder/$part\" \"/$part\"; done
hostname \"$name\"
mount -t proc proc /proc
echo \"$pid\"
exec cat";

/// A process that keeps namespaces, for as long as somebody holds this.
struct Keeper {
    child: Child,
    pid: String,
    held: Option<ChildStdin>,
}

impl Keeper {
    #[track_caller]
    fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| {
            panic!("unshare or nsenter does not run ({error}): package util-linux")
        });
        let mut pid = String::new();
        if let Some(output) = child.stdout.take() {
            let _ = BufReader::new(output).read_line(&mut pid);
        }
        if pid.trim().is_empty() {
            let mut said = String::new();
            if let Some(mut error) = child.stderr.take() {
                let _ = error.read_to_string(&mut said);
            }
            panic!(
                "this test makes networks and machines of its own (namespaces, overlay mounts), which needs root and a \
                 kernel that allows it:\n{said}"
            );
        }
        Self {
            held: child.stdin.take(),
            child,
            pid: pid.trim().to_owned(),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.held.take());
        let _ = self.child.wait();
    }
}

/// A network with nothing but loopback, where all ports are free.
pub struct Network(Keeper);

impl Network {
    /// A new one.
    ///
    /// # Panics
    /// When the tests may not make one.
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-ec", NETWORK]);
        Self(Keeper::start(command))
    }

    /// A program that is started here on this network, with the environment and the folder of another command.
    #[must_use]
    pub fn command(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside
            .arg(format!("--net=/proc/{}/ns/net", self.0.pid))
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

/// A machine that goes on.
pub struct Running {
    keeper: Keeper,
    machine: Machine,
}

impl Running {
    /// Lets a machine begin on a network, with packages that were unpacked into a folder. Their files of `/etc` are there
    /// unless the machine has its own.
    ///
    /// # Panics
    /// When the tests may not make one, or there is no room.
    #[must_use]
    #[track_caller]
    pub fn begin(machine: Machine, network: &Network, packages: &Path) -> Self {
        let folder = machine.path("");
        for part in ["var/tmp", "var/cache", "var/lib", "var/log"] {
            std::fs::create_dir_all(machine.path(part)).expect("there is room for a folder");
        }
        let _ = std::os::unix::fs::symlink("../run", machine.path("var/run"));
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--uts", "--pid", "--fork", "sh", "-ec", MACHINE])
            .args(["sh", machine.name()])
            .arg(folder)
            .arg(packages);
        let keeper = Keeper::start(network.command(&command));
        Self { keeper, machine }
    }

    /// Its files.
    #[must_use]
    pub const fn machine(&self) -> &Machine {
        &self.machine
    }

    /// A program on it, with no environment but what every machine has.
    #[must_use]
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.keeper.pid])
            .args(["--mount", "--uts", "--pid", "--net", "--"])
            .arg(program)
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", "/home/root")
            .env("LC_ALL", "C");
        command
    }
}
