//! What a key has now, what it will have after the next boot, and who says so.

use super::{Decision, Resolver, Setting};
use crate::catalog::{self, canonical_value, same_value};
use crate::units::{Hz, KernelVersion, SysctlKey};

/// Where the value of a key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The key.
    pub key: SysctlKey,
    /// What systemd-sysctl does at boot.
    pub boot: Decision,
    /// What `sysctl --system` would do now.
    pub by_hand: Decision,
    /// The value after the next boot; nothing where it is the kernel's default and that is not known.
    pub after_boot: Option<String>,
    /// Why that may come otherwise.
    pub doubt: Option<String>,
}

/// The kernel that boots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootKernel {
    /// Its version.
    pub version: Option<KernelVersion>,
    /// Its tick rate.
    pub hz: Option<Hz>,
    /// The host's memory in KiB.
    pub memory_kib: Option<u64>,
}

impl Provenance {
    /// Works it out from the lines as both readers take them.
    #[must_use]
    pub fn of(key: &SysctlKey, boot: &Resolver<'_>, by_hand: &Resolver<'_>, kernel: BootKernel) -> Self {
        let (boot, by_hand) = (boot.decide(key), by_hand.decide(key));
        let default = || catalog::default_value(key.as_str(), kernel.version?, kernel.memory_kib);
        let mut doubt = None;
        let known = kernel.version.filter(|_| catalog::find(key.as_str()).is_some());
        let written = boot.decided_by.as_ref().map(|winner| match known {
            Some(version) => catalog::kept_value(key.as_str(), &winner.value, version, kernel.hz),
            None => Ok(canonical_value(key.as_str(), &winner.value)),
        });
        let after_boot = match written {
            Some(Err(error)) => {
                doubt = Some(format!("what the file says is not taken: {error}"));
                default()
            }
            Some(Ok(value)) => {
                let module = catalog::module_of(key.as_str());
                doubt = module.map(|module| {
                    format!("it comes with the module {module}; where that is loaded after systemd-sysctl ran, the default stays")
                });
                Some(value)
            }
            None => default(),
        };
        Self { key: key.clone(), boot, by_hand, after_boot, doubt }
    }

    /// The line that decides at boot.
    #[must_use]
    pub fn decided_by(&self) -> Option<&Setting> {
        self.boot.decided_by.as_ref()
    }

    /// The line that would decide under `sysctl --system`, where that gives another value than a boot.
    #[must_use]
    pub fn differs_by_hand(&self) -> Option<&Setting> {
        let by_hand = self.by_hand.decided_by.as_ref()?;
        let same = |boot: &Setting| same_value(&self.key, &boot.value, &by_hand.value);
        (!self.boot.decided_by.as_ref().is_some_and(same)).then_some(by_hand)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tune::sysctl_d::{Home, Reader, SysctlFile, SysctlTree};

    fn of(key: &str, text: &str) -> Provenance {
        let files = vec![SysctlFile::from_bytes("/etc/sysctl.d/a.conf", Home::Given, text.as_bytes())];
        let tree = SysctlTree { files, ..SysctlTree::default() };
        let kernel =
            BootKernel { version: Some(KernelVersion::new(6, 18)), hz: Hz::new(250), memory_kib: Some(16 << 20) };
        let (boot, hand) = (Resolver::new(&tree, Reader::Systemd), Resolver::new(&tree, Reader::Procps));
        Provenance::of(&key.parse().unwrap(), &boot, &hand, kernel)
    }

    #[test]
    fn without_a_line_the_kernels_default_comes_back() {
        assert_eq!(of("net.ipv4.tcp_synack_retries", "").after_boot.as_deref(), Some("5"));
        assert_eq!(
            of("net.ipv4.tcp_synack_retries", "net.ipv4.tcp_synack_retries = 2").after_boot.as_deref(),
            Some("2")
        );
        assert_eq!(of("net.ipv4.tcp_fastopen_key", "").after_boot, None);
    }

    /// `__do_proc_dointvec()` reads as many numbers as the key has, and looks neither at what follows nor at their order.
    #[test]
    fn what_the_kernel_drops_of_a_line_does_not_keep_it_from_the_rest() {
        let kept = |line: &str| of(line.split(' ').next().unwrap(), line);
        for (line, value) in [
            ("net.ipv4.tcp_fin_timeout = 30 # thirty", "30"),
            ("net.ipv4.tcp_rmem = 9 5 1", "9 5 1"),
            ("net.ipv4.tcp_rmem = 4096 131072 33554433 1", "4096 131072 33554433"),
            ("net.ipv4.tcp_fastopen = 0x3", "3"),
        ] {
            let kept = kept(line);
            assert_eq!((kept.after_boot.as_deref(), kept.doubt), (Some(value), None), "{line}");
        }
        assert!(kept("net.ipv4.tcp_rmem = 9 5").doubt.is_some());
    }

    #[test]
    fn a_value_that_the_kernel_refuses_leaves_the_default_and_is_said() {
        let refused = of("net.ipv4.tcp_syn_retries", "net.ipv4.tcp_syn_retries = 0");
        assert_eq!(refused.after_boot.as_deref(), Some("6"));
        assert!(refused.doubt.is_some_and(|doubt| doubt.contains("1 to 127")));
        let module = of("net.netfilter.nf_conntrack_tcp_loose", "net.netfilter.nf_conntrack_tcp_loose = 0");
        assert!(module.doubt.is_some_and(|doubt| doubt.contains("nf_conntrack")));
    }
}
