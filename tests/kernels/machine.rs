//! What the first process of a machine without anything else has to do.

use std::fs::{File, create_dir_all, read_dir};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, mount};
use rustix::system::{RebootCommand, finit_module, reboot};
use tcpctl::collect::{self, Source};
use tcpctl::model::Host;
use tcpctl::sys::raise_priority;

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

/// Whether a word is on the kernel's command line.
pub(crate) fn is_asked_for(word: &str) -> bool {
    let line = std::fs::read_to_string("/proc/cmdline").expect("proc is mounted");
    line.split_whitespace().any(|one| one == word)
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

/// How often the pulse beats.
const BEAT: Duration = Duration::from_millis(1);

/// Notices when the whole machine stood still, as an emulated one does whenever its host is busy with something else. Its
/// tick is late then, and a timer that is armed in between fires as much too early.
pub(crate) struct Pulse {
    /// When it missed beats: until when, and for how long.
    pauses: Mutex<Vec<(Instant, Duration)>>,
}

impl Pulse {
    pub(crate) const fn new() -> Self {
        Self { pauses: Mutex::new(Vec::new()) }
    }

    /// Beats before everything else that runs here, for as long as the machine does.
    pub(crate) fn start(&'static self) {
        thread::spawn(|| {
            raise_priority().expect("the first process may raise its priority");
            let mut before = Instant::now();
            loop {
                thread::sleep(BEAT);
                let now = Instant::now();
                let pause = (now - before).saturating_sub(BEAT);
                if pause > BEAT {
                    self.pauses.lock().expect("nobody panics").push((now, pause));
                }
                before = now;
            }
        });
    }

    /// The longest pause since then.
    pub(crate) fn longest_pause_since(&self, since: Instant) -> Duration {
        let pauses = self.pauses.lock().expect("nobody panics");
        pauses.iter().filter(|(until, _)| *until >= since).map(|(_, pause)| *pause).max().unwrap_or_default()
    }
}
