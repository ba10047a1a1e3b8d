//! What the first process of a machine without anything else has to do.

use std::fs::{File, create_dir_all, read_dir};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, finit_module, reboot};
use tcpctl::collect::{self, Source};
use tcpctl::model::Host;

/// The kernel's modules, laid out in the order in which they are loaded. Nothing else has such a folder, so it also says
/// that this machine was booted for the cases.
const MODULES: &str = "/tcpctl-modules";

/// File systems without which neither the lab nor the library can do anything.
const MOUNTS: [(&str, &str); 3] = [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")];

/// Whether this is the first process of such a machine.
pub(crate) fn is_booted_for_this() -> bool {
    std::process::id() == 1 && Path::new(MODULES).is_dir()
}

/// Mounts what a process expects, and loads the modules.
pub(crate) fn prepare() {
    for (kind, place) in MOUNTS {
        create_dir_all(place).expect("a folder of the initial file system can be made");
        mount(kind, place, kind, MountFlags::empty(), None).expect("the kernel has the file system");
    }
    let entries = read_dir(MODULES).expect("the folder of modules can be read");
    let mut modules: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    modules.sort();
    for path in modules {
        let file = File::open(&path).expect("a module can be opened");
        if let Err(error) = finit_module(&file, c"", 0) {
            println!("cannot load {}: {error}", path.display());
        }
    }
}

/// The kernel that runs, read as the program itself reads it.
pub(crate) fn host() -> Host {
    let snapshot = collect::live(&Source::own(Vec::new())).expect("the own namespace can be read");
    let version = snapshot.kernel.version.expect("the kernel has a version");
    Host { version, hz: snapshot.kernel.hz.map(|reading| reading.hz) }
}

/// Ends the machine.
pub(crate) fn switch_off() {
    reboot(RebootCommand::PowerOff).expect("the first process may switch off");
}
