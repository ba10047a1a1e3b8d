//! `/proc/PID/cgroup`: which unit or container a process belongs to.

/// Where a process belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupPlace {
    /// The unit of systemd, such as `nginx.service` or `session-3.scope`.
    pub unit: Option<String>,
    /// The container: what runs it where that is told, and the first 12 digits of its id or its name.
    pub container: Option<String>,
}

/// Digits of a container's id that are shown, as `docker ps` does.
const SHOWN: usize = 12;
/// Beginnings of the last part of a container's path, with the name that people use.
const RUNTIMES: [(&str, &str); 6] = [
    ("docker-", "docker"),
    ("cri-containerd-", "containerd"),
    ("crio-", "cri-o"),
    ("libpod-", "podman"),
    ("lxc.payload.", "lxc"),
    ("machine-", "machine"),
];

/// Reads the place from the hierarchy of version 2, or from that of systemd (`name=systemd`) where there is none.
#[must_use]
pub fn parse_cgroup_place(text: &str) -> CgroupPlace {
    let hierarchies = || text.lines().filter_map(|line| line.split_once(':')?.1.split_once(':'));
    let of = |name: &str| hierarchies().find(|(controllers, _)| *controllers == name).map(|(_, path)| path);
    let path = of("").filter(|path| *path != "/").or_else(|| of("name=systemd")).unwrap_or("/");
    let mut place = CgroupPlace::default();
    let mut before = "";
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if let Some(container) = container_of(part, before) {
            place = CgroupPlace { unit: None, container: Some(container) };
        } else if place.container.is_none() && (part.ends_with(".service") || part.ends_with(".scope")) {
            place.unit = Some(part.replace("\\x2d", "-"));
        }
        before = part;
    }
    place
}

/// The container that this part of a path is, behind that one.
fn container_of(part: &str, before: &str) -> Option<String> {
    let bare = part.strip_suffix(".scope").unwrap_or(part);
    if let Some((rest, runtime)) = RUNTIMES.iter().find_map(|(start, name)| Some((bare.strip_prefix(start)?, name))) {
        return (!rest.is_empty()).then(|| format!("{runtime} {}", id_of(rest).unwrap_or(rest)));
    }
    let id = id_of(bare)?;
    Some(match before {
        "docker" => format!("docker {id}"),
        _ => id.to_owned(),
    })
}

/// The first digits of an id of 64 hexadecimal ones.
fn id_of(text: &str) -> Option<&str> {
    let is_id = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.get(..SHOWN).filter(|_| is_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let place = parse_cgroup_place(text);
        format!("{} | {}", place.unit.unwrap_or_default(), place.container.unwrap_or_default())
    }

    #[test]
    fn units_are_the_innermost_service_or_scope() {
        assert_eq!(shown("0::/system.slice/nginx.service\n"), "nginx.service | ");
        assert_eq!(shown("0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope\n"), "app-x.scope | ");
        assert_eq!(shown("0::/system.slice/system-getty.slice/getty@tty1.service\n"), "getty@tty1.service | ");
        assert_eq!(shown("0::/\n"), " | ");
        assert_eq!(shown(""), " | ");
    }

    #[test]
    fn containers_are_named_by_what_runs_them_and_their_short_id() {
        let id = "3f2a91c0d1e2".to_owned() + &"0".repeat(52);
        assert_eq!(shown(&format!("0::/system.slice/docker-{id}.scope")), " | docker 3f2a91c0d1e2");
        assert_eq!(shown(&format!("0::/docker/{id}")), " | docker 3f2a91c0d1e2");
        let pod = "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice";
        assert_eq!(shown(&format!("0::/{pod}/cri-containerd-{id}.scope")), " | containerd 3f2a91c0d1e2");
        assert_eq!(shown(&format!("0::/kubepods/burstable/pod12/{id}")), " | 3f2a91c0d1e2");
        assert_eq!(shown("0::/lxc.payload.web/system.slice/a.service"), " | lxc web");
        assert_eq!(shown(&format!("0::/machine.slice/libpod-{id}.scope/container")), " | podman 3f2a91c0d1e2");
    }

    #[test]
    fn without_version_2_the_hierarchy_of_systemd_counts() {
        let text = "12:pids:/a\n1:name=systemd:/system.slice/sshd.service\n0::/\n";
        assert_eq!(shown(text), "sshd.service | ");
    }
}
