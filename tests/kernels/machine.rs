//! What the first process of a machine without anything else has to do.

use std::env::set_current_dir;
use std::fs::{File, create_dir_all, read_dir, rename};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, mount, mount_move};
use rustix::process::chroot;
use rustix::system::{RebootCommand, finit_module, reboot};
use tcpctl::collect::{self, Source};
use tcpctl::model::Host;
use tcpctl::sys::raise_priority;

/// The kernel's modules, laid out in the order in which they are loaded. Nothing else has such a folder, so it also says
/// that this machine was booted for the cases.
const MODULES: &str = "/tcpctl-modules";

/// File systems without which neither the lab nor the library can do anything.
const MOUNTS: [(&str, &str); 2] = [("sysfs", "/sys"), ("devtmpfs", "/dev")];
const PROC: &str = "proc";

/// Whether this is the first process of such a machine.
pub(crate) fn is_booted_for_this() -> bool {
    std::process::id() == 1 && Path::new(MODULES).is_dir()
}

/// Mounts `/proc`, and nothing else.
pub(crate) fn mount_proc() {
    mount_one(PROC, "/proc");
}

fn mount_one(kind: &str, place: &str) {
    create_dir_all(place).expect("a folder of the initial file system can be made");
    mount(kind, place, kind, MountFlags::empty(), None).expect("the kernel has the file system");
}

/// Mounts what else a process expects, and loads the modules.
pub(crate) fn prepare() {
    MOUNTS.iter().for_each(|(kind, place)| mount_one(kind, place));
    create_dir_all("/boot").expect("a folder of the initial file system can be made");
    let entries = read_dir(MODULES).expect("the folder of modules can be read");
    let mut modules: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry can be read").path()).collect();
    modules.sort();
    for path in modules {
        // The kernel's configuration lies with its modules, since without /boot it is not to be found.
        let name = path.file_name().expect("an entry has a name");
        if name.to_string_lossy().starts_with("config-") {
            rename(&path, Path::new("/boot").join(name)).expect("a file can be moved");
            continue;
        }
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

/// The file system of a whole machine, which the kernel's command line names, if it names one.
pub(crate) fn root_asked_for() -> Option<String> {
    let line = std::fs::read_to_string("/proc/cmdline").expect("proc is mounted");
    line.split_whitespace().find_map(|word| word.strip_prefix("tcpctl.root=")).map(str::to_owned)
}

/// Gives the machine over to the system on that device: its own first process takes the place of this one.
pub(crate) fn hand_over(device: &str) -> std::io::Error {
    let root = "/root";
    create_dir_all(root).expect("a folder of the initial file system can be made");
    wait_for(device);
    mount(device, root, "ext4", MountFlags::empty(), None).expect("the device has a file system");
    set_current_dir(root).expect("it is mounted");
    mount_move(".", "/").expect("a file system may take the place of the initial one");
    chroot(".").expect("the first process may");
    set_current_dir("/").expect("it is there");
    Command::new("/sbin/init").exec()
}

/// Waits until a device is there: its driver finds it some time after it was loaded.
fn wait_for(device: &str) {
    let until = Instant::now() + DEVICE_LIMIT;
    while !Path::new(device).exists() {
        assert!(Instant::now() < until, "there is no {device}");
        thread::sleep(BEAT);
    }
}

/// Ends the machine.
pub(crate) fn switch_off() {
    reboot(RebootCommand::PowerOff).expect("the first process may switch off");
}

/// How long a driver may take to find its device.
const DEVICE_LIMIT: Duration = Duration::from_secs(30);
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
