//! Where tracefs is: mounted at either of its places, at none, or read-only. Mounts are those of a namespace of their own.

use std::fs::{create_dir_all, read_to_string};
use std::path::Path;
use std::process::Command;

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_change, mount_remount, unmount,
};
use rustix::process::Signal;
use rustix::thread::UnshareFlags;
use serde_json::Value;

use crate::case::{CannotRun, Ran};
use crate::program;
use crate::traced::{Traced, is_there};

const PLACE: &str = "/sys/kernel/tracing";
const DEBUG: &str = "/sys/kernel/debug";
const OLD_PLACE: &str = "/sys/kernel/debug/tracing";
/// What is said of a mount that has no place.
const OWN: &str = "a mount of its own";

/// Mounts it here and there, and wants it used and nothing else mounted.
pub(crate) fn mounts() -> Ran {
    std::thread::scope(|scope| scope.spawn(apart).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[expect(unsafe_code, reason = "rustix marks unshare as unsafe because of its flag FILES")]
fn apart() -> Ran {
    // SAFETY: NEWNS alone shares no descriptors anew.
    unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWNS) }
        .map_err(|error| CannotRun(format!("no mount namespace can be made: {error}")))?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).expect("an own namespace");
    if !Path::new(DEBUG).is_dir() || !Path::new(PLACE).is_dir() {
        return Err(CannotRun("this kernel has no debugfs or no tracefs".to_owned()));
    }
    while unmount(PLACE, UnmountFlags::DETACH).is_ok() {}
    while unmount(DEBUG, UnmountFlags::DETACH).is_ok() {}
    used_from(OWN)?;
    let flags = MountFlags::empty();
    // To look into it would have the kernel mount tracefs in it, for everybody.
    mount("debugfs", DEBUG, "debugfs", flags, None).expect("the kernel has debugfs");
    used_from(OWN)?;
    unmount(DEBUG, UnmountFlags::DETACH).expect("it was mounted");
    mount("tmpfs", DEBUG, "tmpfs", flags, None).expect("a tmpfs");
    create_dir_all(OLD_PLACE).expect("the own tmpfs");
    mount("tracefs", OLD_PLACE, "tracefs", flags, None).expect("tracefs");
    used_from(OLD_PLACE)?;
    mount("tracefs", PLACE, "tracefs", flags, None).expect("tracefs");
    used_from(PLACE)?;
    unmount(OLD_PLACE, UnmountFlags::DETACH).expect("it was mounted");
    mount_bind(PLACE, PLACE).expect("a bind mount");
    mount_remount(PLACE, MountFlags::BIND | MountFlags::RDONLY, "").expect("a read-only one");
    used_from(OWN)?;
    read_only_without_rights()
}

/// Wants a trace to use the tracefs of this place, and the mounts to be what they were, both during and after it.
fn used_from(place: &str) -> Ran {
    let mounts = || read_to_string("/proc/thread-self/mountinfo").expect("proc");
    let before = mounts();
    let traced = Traced::begin(&["--event", "retransmit", "drop"])?;
    assert_eq!(traced.begin["tracefs"], Value::from(place));
    let its_own = read_to_string(format!("/proc/{}/mountinfo", traced.child.id())).expect("proc");
    assert_eq!((&its_own, mounts()), (&before, before.clone()));
    let instances = traced.instances();
    for instance in &instances {
        assert!(is_there(instance), "{instance}");
        assert!(place == OWN || Path::new(place).join("instances").join(instance).is_dir(), "{instance} in {place}");
    }
    drop(traced.end(Signal::TERM, 143));
    assert!(!instances.iter().any(|instance| is_there(instance)), "{instances:?}");
    assert_eq!(mounts(), before);
    Ok(())
}

fn read_only_without_rights() -> Ran {
    let mut command = Command::new("setpriv");
    let output = command.args(["--bounding-set", "-sys_admin", "--"]).arg(program::path()).arg("trace").output();
    // A machine without anything else has no such command.
    let Ok(output) = output else { return Ok(()) };
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.contains(PLACE) && told.contains("mounted read-only there"), "{told}");
    Ok(())
}
