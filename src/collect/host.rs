//! The kernel, its tick rate, and what else is one per host.

use std::path::{Path, PathBuf};

use crate::snapshot::{Gap, GapKind, HzReading, HzSource, Kernel, SysctlReading, Sysctls};
use crate::sys::{
    ProcRoot, ReadError, ReadErrorKind, find_in_gzip, kernel_build, kernel_release, memory_kib, node_name, read_text,
    read_tick_length_ns,
};
use crate::units::{Hz, KernelVersion};
use crate::wire::{parse_config_hz, parse_debian_version, parse_mem_total_kib};

/// A key of `net_core_table` (net/core/sysctl_net_core.c), which only the initial namespace has.
const INITIAL_ONLY: &str = "sys/net/core/netdev_max_backlog";
/// One that every namespace has, to tell a namespace without the other from a proc without sysctls.
const EVERYWHERE: &str = "sys/net/core/somaxconn";
/// Its default is two ticks (`netdev_budget_usecs`, net/core/dev.c). Initial namespace only.
const TWO_TICKS: &str = "sys/net/core/netdev_budget_usecs";

/// A gap for a file that could not be read.
pub(super) fn gap_of(error: &ReadError, consequence: &str) -> Gap {
    Gap::new(&error.path, gap_kind(error.kind), &error.reason, consequence)
}

pub(super) fn gap_kind(kind: ReadErrorKind) -> GapKind {
    match kind {
        ReadErrorKind::Absent => GapKind::Absent,
        ReadErrorKind::Denied => GapKind::Denied,
        ReadErrorKind::Failed => GapKind::Failed,
    }
}

/// Reads release, version and tick rate.
pub(super) fn read_kernel(root: &ProcRoot, root_is_live: bool, gaps: &mut Vec<Gap>) -> Kernel {
    let (release, built) = if root_is_live {
        (Some(kernel_release()), Some(kernel_build()))
    } else {
        let release = root.read("sys/kernel/osrelease").map_err(|error| {
            gaps.push(gap_of(&error, "the kernel version is unknown, and with it the rules that hold"));
        });
        (release.ok().map(|text| text.trim().to_owned()), root.read("sys/kernel/version").ok())
    };
    let version = release.as_deref().and_then(|release| release.parse().ok());
    let version = version.map(|version| stable_version(version, built.as_deref()));
    if let (Some(release), None) = (&release, version) {
        let reason = format!("`{release}` does not begin with version numbers");
        gaps.push(Gap::new("kernel release", GapKind::Malformed, reason, "the rules that hold are unknown"));
    }
    let ticking = root_is_live.then(|| hz_of_tick(read_tick_length_ns())).flatten();
    let hz = ticking.or_else(|| read_hz(root, release.as_deref().filter(|_| root_is_live), gaps));
    Kernel { release, version, hz }
}

/// The version with its stable sub-level, on which rules depend: some distributions leave it out of the release and name
/// it elsewhere. One that does not go with the release is of another kernel and says nothing.
fn stable_version(version: KernelVersion, built: Option<&str>) -> KernelVersion {
    let built = built.and_then(parse_debian_version);
    let same_series = |built: &KernelVersion| (built.major, built.minor) == (version.major, version.minor);
    built.filter(|built| version.patch == 0 && same_series(built)).unwrap_or(version)
}

/// The tick rate by the length of a tick, which the coarse clocks tell as their resolution (`posix_get_coarse_res`,
/// kernel/time/posix-timers.c): `TICK_NSEC`, one second by the rate, rounded. `getconf CLK_TCK` is always 100 and says
/// nothing.
fn hz_of_tick(tick_ns: u64) -> Option<HzReading> {
    const SECOND_NS: u64 = 1_000_000_000;
    let rate = SECOND_NS.checked_add(tick_ns / 2)?.checked_div(tick_ns)?;
    let exact = SECOND_NS.checked_add(rate / 2)?.checked_div(rate)? == tick_ns;
    let hz = Hz::new(rate.try_into().ok()?).filter(|_| exact)?;
    Some(HzReading { hz, source: HzSource::Inferred("the resolution of CLOCK_REALTIME_COARSE".to_owned()) })
}

/// Finds the tick rate of a kernel whose clock is not at hand: in its configuration, else by a value whose default is two
/// ticks.
///
/// The configurations outside the proc root belong to this
/// host's kernel, so they count only when the root does too (`release` is given).
fn read_hz(root: &ProcRoot, release: Option<&str>, gaps: &mut Vec<Gap>) -> Option<HzReading> {
    let in_proc = root.join("config.gz");
    if let Some(hz) = find_in_gzip(&in_proc, parse_config_hz).ok().flatten() {
        return Some(HzReading { hz, source: HzSource::Config(in_proc.display().to_string()) });
    }
    for path in release.map(config_paths).unwrap_or_default() {
        if let Some(hz) = read_text(&path).ok().and_then(|text| parse_config_hz(&text)) {
            return Some(HzReading { hz, source: HzSource::Config(path.display().to_string()) });
        }
    }
    if let Some(hz) = root.read(TWO_TICKS).ok().and_then(|text| hz_from_two_ticks_us(text.trim().parse().ok()?)) {
        return Some(HzReading { hz, source: HzSource::Inferred("net.core.netdev_budget_usecs".to_owned()) });
    }
    gaps.push(Gap::new(
        "CONFIG_HZ",
        GapKind::Absent,
        "no kernel configuration can be read: neither config.gz nor one in /boot or /lib/modules",
        "times are given for every common tick rate; make /boot/config-$(uname -r) readable",
    ));
    None
}

fn config_paths(release: &str) -> Vec<PathBuf> {
    let modules = Path::new("/lib/modules").join(release);
    vec![Path::new("/boot").join(format!("config-{release}")), modules.join("config"), modules.join("build/.config")]
}

/// The tick rate of which this is two ticks, if it is one that kernels are built with.
fn hz_from_two_ticks_us(two_ticks_us: u32) -> Option<Hz> {
    Hz::COMMON.into_iter().find(|hz| 2_000_000 / hz.get() == two_ticks_us)
}

/// Reads the host's name.
pub(super) fn read_hostname(root: &ProcRoot, root_is_live: bool) -> Option<String> {
    let name = if root_is_live {
        Some(node_name())
    } else {
        root.read("sys/kernel/hostname").ok().map(|text| text.trim().to_owned())
    };
    name.filter(|name| !name.is_empty())
}

/// Whether the keys of the initial namespace are here, by what was read of them.
pub(super) fn has_initial_keys(sysctls: &Sysctls, root: &ProcRoot) -> Option<bool> {
    let reading = |path: &str| sysctls.readings.get(path.strip_prefix("sys/")?.replace('/', ".").as_str());
    match (reading(EVERYWHERE), reading(INITIAL_ONLY)) {
        (Some(everywhere), Some(initial)) if *everywhere != SysctlReading::Absent => {
            Some(*initial != SysctlReading::Absent)
        }
        _ => is_initial_netns(root),
    }
}

/// Reads which boot this is.
pub(super) fn read_boot_id(root: &ProcRoot) -> Option<String> {
    let id = root.read("sys/kernel/random/boot_id").ok().map(|text| text.trim().to_owned());
    id.filter(|id| !id.is_empty())
}

/// Whether the keys of the initial namespace are here.
pub(super) fn is_initial_netns(root: &ProcRoot) -> Option<bool> {
    root.join(EVERYWHERE).exists().then(|| root.join(INITIAL_ONLY).exists())
}

/// Reads `MemTotal`.
pub(super) fn read_memory(root: &ProcRoot, root_is_live: bool, gaps: &mut Vec<Gap>) -> Option<u64> {
    if root_is_live {
        return Some(memory_kib());
    }
    let consequence = "the host's memory is unknown";
    match root.read("meminfo") {
        Ok(text) => {
            let kib = parse_mem_total_kib(&text);
            if kib.is_none() {
                gaps.push(Gap::new("meminfo", GapKind::Malformed, "it has no MemTotal in kB", consequence));
            }
            kib
        }
        Err(error) => {
            gaps.push(gap_of(&error, consequence));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn copy(files: &[(&str, &[u8])]) -> (tempfile::TempDir, ProcRoot) {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let root = ProcRoot::new(directory.path());
        (directory, root)
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_tick_tells_the_rate_only_when_it_is_exact() {
        let hz = |ns| hz_of_tick(ns).map(|reading| reading.hz.get());
        assert_eq!([hz(10_000_000), hz(4_000_000), hz(3_333_333), hz(1_000_000)], [100, 250, 300, 1000].map(Some));
        assert_eq!(hz(976_563), Some(1024));
        assert_eq!([hz(0), hz(1), hz(3_999_999), hz(u64::MAX)], [None; 4]);
    }

    #[test]
    fn the_running_kernel_is_the_one_of_its_files() {
        let root = ProcRoot::new("/proc");
        let (mut live, mut stored) = (Vec::new(), Vec::new());
        let kernels = (read_kernel(&root, true, &mut live), read_kernel(&root, false, &mut stored));
        assert_eq!((&kernels.0.release, kernels.0.version), (&kernels.1.release, kernels.1.version));
        if let Some(configured) = kernels.1.hz {
            assert_eq!(kernels.0.hz.map(|reading| reading.hz), Some(configured.hz));
        }
        assert_eq!(read_memory(&root, true, &mut live), read_memory(&root, false, &mut stored));
        assert_eq!(read_hostname(&root, true), read_hostname(&root, false));
    }

    #[test]
    fn two_ticks_tell_the_rate_only_when_they_are_exact() {
        let hz = |us| hz_from_two_ticks_us(us).map(Hz::get);
        assert_eq!([hz(20_000), hz(8_000), hz(6_666), hz(2_000)], [Some(100), Some(250), Some(300), Some(1000)]);
        assert_eq!([hz(5_000), hz(8_001), hz(0)], [None, None, None]);
    }

    #[test]
    fn a_configuration_wins_over_what_can_be_inferred() {
        let config = gzip("CONFIG_HZ=1000\n");
        let (_copy, root) = copy(&[
            ("config.gz", &config),
            ("sys/net/core/netdev_budget_usecs", b"8000\n"),
            ("sys/kernel/osrelease", b"5.15.0-1051-azure\n"),
        ]);
        let mut gaps = Vec::new();
        let kernel = read_kernel(&root, false, &mut gaps);
        let hz = kernel.hz.unwrap();
        assert_eq!((hz.hz.get(), kernel.version.unwrap().to_string()), (1000, "5.15".to_owned()));
        assert!(matches!(hz.source, HzSource::Config(path) if path.ends_with("config.gz")));
        assert_eq!(gaps, []);
    }

    #[test]
    fn the_stable_release_is_found_where_debian_names_it() {
        let version = |release: &[u8], built: &[u8]| {
            let (_copy, root) = copy(&[("sys/kernel/osrelease", release), ("sys/kernel/version", built)]);
            read_kernel(&root, false, &mut Vec::new()).version.map(|version| version.to_string())
        };
        let built = b"#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-07-01)\n";
        assert_eq!(version(b"6.1.0-56-cloud-amd64\n", built).as_deref(), Some("6.1.192"));
        assert_eq!(version(b"6.12.0-1-amd64\n", built).as_deref(), Some("6.12"), "another kernel's");
        assert_eq!(version(b"6.1.50\n", built).as_deref(), Some("6.1.50"));
        assert_eq!(version(b"6.18.44\n", b"#1 SMP @0\n").as_deref(), Some("6.18.44"));
    }

    #[test]
    fn without_a_configuration_the_rate_is_inferred_or_a_gap() {
        let (_copy, root) = copy(&[("sys/net/core/netdev_budget_usecs", b"6666\n")]);
        let mut gaps = Vec::new();
        let reading = read_hz(&root, None, &mut gaps).unwrap();
        assert_eq!((reading.hz.get(), gaps.len()), (300, 0));
        assert!(matches!(reading.source, HzSource::Inferred(_)));

        let (_copy, root) = copy(&[("config.gz", b"not gzip"), ("sys/net/core/netdev_budget_usecs", b"12345\n")]);
        assert_eq!(read_hz(&root, None, &mut gaps), None);
        assert_eq!((gaps.len(), gaps[0].kind), (1, GapKind::Absent));
    }

    #[test]
    fn a_namespace_is_initial_when_it_has_the_keys_of_the_initial_one() {
        let both: &[(&str, &[u8])] = &[(INITIAL_ONLY, b"1000\n"), (EVERYWHERE, b"4096\n")];
        let (_copy, root) = copy(&[]);
        assert_eq!(is_initial_netns(&root), None);
        let (_copy, root) = copy(both);
        assert_eq!(is_initial_netns(&root), Some(true));
        let (_copy, root) = copy(&both[1..]);
        assert_eq!(is_initial_netns(&root), Some(false));
    }
}
