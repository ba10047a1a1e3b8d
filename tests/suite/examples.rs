//! What stands in `examples` works: scripts are run with stand-ins for what reaches other hosts, and manifests are read.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::status::copy_of_a_host;
use super::tools;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/fleet")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn scripts() -> Vec<PathBuf> {
    let files = fs::read_dir(examples()).unwrap().map(|entry| entry.unwrap().path());
    let mut scripts: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "sh")).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packaging = ["static", "deny", "release", "debian/postinst", "debian/prerm", "debian/postrm"];
    scripts.extend(packaging.map(|name| root.join("packaging").join(name)));
    let tests = ["boot/run", "boot/trial", "kernels/run", "packages/run", "packages/debian", "prometheus/fetch"];
    scripts.extend(tests.map(|name| root.join("tests").join(name)));
    scripts.push(root.join(".ci/run"));
    scripts.sort();
    assert!(scripts.len() >= 3);
    scripts
}

/// A program of a few lines of shell.
fn program(folder: &Path, name: &str, body: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{body}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn fleet(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(["fleet", "--json"]).args(arguments).output().unwrap();
    let view = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    (output.status.code(), view)
}

#[test]
fn scripts_are_shell_without_reproach() {
    for script in scripts() {
        assert_eq!(fs::metadata(&script).unwrap().permissions().mode() & 0o111, 0o111, "{}", script.display());
        let content = fs::read_to_string(&script).unwrap();
        let shell = if content.lines().next().is_some_and(|line| line.ends_with("bash")) { "bash" } else { "sh" };
        let parsed = Command::new(shell).arg("-n").arg(&script).output().unwrap();
        assert!(parsed.status.success(), "{}", text(&parsed.stderr));
    }
    if let Some(shellcheck) = tools::find("shellcheck", "scripts_are_shell_without_reproach") {
        let root = env!("CARGO_MANIFEST_DIR");
        let output = Command::new(shellcheck).arg("-x").args(scripts()).current_dir(root).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stdout));
    }
}

/// A host that does not answer costs itself alone.
#[test]
fn snapshots_come_by_ssh() {
    let (copy, folder) = (copy_of_a_host(), tempfile::tempdir().unwrap());
    let (place, snapshots) = (folder.path(), folder.path().join("snapshots"));
    // As ssh does: options, --, the host, and a command for its shell.
    let ssh = program(
        place,
        "ssh",
        "while [ \"$1\" != -- ]; do shift; done\n[ \"$2\" != down ] || exit 255\nexec sh -c \"$3\"\n",
    );
    let hosts = place.join("hosts");
    fs::write(&hosts, "# two of them\n\nreplayed\ndown\n").unwrap();
    let there = format!("{} --proc {}", env!("CARGO_BIN_EXE_tcpctl"), copy.path().display());
    let output = Command::new(examples().join("collect-ssh.sh"))
        .args([&hosts, &snapshots])
        .envs([("SSH", ssh.as_str()), ("TCPCTL", &there), ("WINDOW", "0"), ("JOBS", "2")])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("down: no snapshot"), "{}", text(&output.stderr));
    assert_eq!(names(&snapshots), ["replayed.json.gz"]);
    let (code, view) = fleet(&[snapshots.to_str().unwrap(), "--hosts", hosts.to_str().unwrap()]);
    assert_eq!((code, &view["missing"][0], &view["hosts"][0]["name"]), (Some(3), &"down".into(), &"replayed".into()));
}

/// One namespace a line, by either way of writing a pod's cgroup.
#[test]
fn namespaces_are_mapped_to_pods_by_the_path_of_a_cgroup() {
    let proc = tempfile::tempdir().unwrap();
    let process = |pid: u32, inode: u32, cgroup: &str| {
        let directory = proc.path().join(pid.to_string());
        fs::create_dir_all(directory.join("ns")).unwrap();
        symlink(format!("net:[{inode}]"), directory.join("ns/net")).unwrap();
        fs::write(directory.join("cgroup"), cgroup).unwrap();
    };
    process(1, 100, "0::/init.scope\n");
    process(7, 100, "0::/system.slice/podman.service\n");
    process(20, 201, "0::/kubepods/burstable/pod0e8a3f6e-0c5a-4a4e-9b5d-1f2e3d4c5b6a/4f5e\n");
    process(21, 201, "0::/kubepods/burstable/pod0e8a3f6e-0c5a-4a4e-9b5d-1f2e3d4c5b6a/77aa\n");
    let slice = "kubepods-besteffort-podaaaa3f6e_0c5a_4a4e_9b5d_1f2e3d4c5b6a.slice/cri-containerd-9.scope";
    process(30, 302, &format!("12:cpu:/elsewhere\n0::/kubepods.slice/kubepods-besteffort.slice/{slice}\n"));
    fs::create_dir(proc.path().join("40")).unwrap();
    let output = Command::new(examples().join("map-netns.sh")).arg(proc.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    let expected = ["201 20 0e8a3f6e-0c5a-4a4e-9b5d-1f2e3d4c5b6a", "302 30 aaaa3f6e-0c5a-4a4e-9b5d-1f2e3d4c5b6a"];
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected, "{}", text(&output.stderr));
}

/// A cluster of two nodes, of which one has lost its pod.
#[test]
fn snapshots_come_by_kubectl() {
    let (copy, folder) = (copy_of_a_host(), tempfile::tempdir().unwrap());
    let (place, snapshots) = (folder.path(), folder.path().join("snapshots"));
    let body = format!(
        "case $1 in\nget) printf 'tcpctl-a node-a\\ntcpctl-b node-b\\n' ;;\nexec)\n  [ \"$3\" = tcpctl-a ] || exit 1\n  \
         shift 5\n  exec {} --proc {} snapshot --window 0 ;;\nesac\n",
        env!("CARGO_BIN_EXE_tcpctl"),
        copy.path().display()
    );
    let kubectl = program(place, "kubectl", &body);
    let output: Output =
        Command::new(examples().join("collect-kubectl.sh")).arg(&snapshots).env("KUBECTL", kubectl).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("node-b.json: no snapshot"), "{}", text(&output.stderr));
    assert_eq!(names(&snapshots), ["node-a.json"]);
    assert_eq!(fleet(&[snapshots.to_str().unwrap()]).1["hosts"][0]["name"], "replayed");
}

/// The documents of a file of YAML.
fn yaml(python: &Path, name: &str) -> Option<Value> {
    let program = "import json, sys, yaml\nprint(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let output = Command::new(python).args(["-c", program]).arg(examples().join(name)).output().unwrap();
    let missing = text(&output.stderr).contains("No module named 'yaml'");
    assert!(output.status.success() || missing, "{name}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).ok()
}

/// Nothing but to be in the namespace for nodes, and for pods no more than entering theirs takes.
#[test]
fn manifests_ask_for_the_least_privileges() {
    let test = "manifests_ask_for_the_least_privileges";
    let Some(python) = tools::find("python3", test) else { return };
    for (name, added) in [("daemonset.yaml", &[][..]), ("pods.yaml", &["SYS_ADMIN", "SYS_PTRACE"])] {
        let Some(documents) = yaml(&python, name) else {
            tools::say_cannot_run(test, "python3 has no module yaml");
            return;
        };
        assert_eq!((documents.as_array().unwrap().len(), &documents[0]["kind"]), (1, &"DaemonSet".into()));
        let pod = &documents[0]["spec"]["template"]["spec"];
        let container = &pod["containers"][0]["securityContext"];
        let privileged = added.len() == 2;
        assert_eq!(pod["hostNetwork"], true, "{name}");
        assert_eq!(pod.get("hostPID").is_some(), privileged, "{name}");
        assert_eq!(pod["automountServiceAccountToken"], false, "{name}");
        assert_eq!(pod["securityContext"]["runAsNonRoot"] == true, !privileged, "{name}");
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        assert!(pod.get("volumes").is_none() && pod["containers"].as_array().unwrap().len() == 1, "{name}");
        for (field, value) in
            [("privileged", false), ("allowPrivilegeEscalation", false), ("readOnlyRootFilesystem", true)]
        {
            assert_eq!(container[field], value, "{name}: {field}");
        }
        assert_eq!(container["capabilities"]["drop"], serde_json::json!(["ALL"]), "{name}");
        let given = container["capabilities"]["add"].as_array().cloned().unwrap_or_default();
        assert_eq!(given, added, "{name}");
        let label = "app.kubernetes.io/name";
        let labels =
            [&documents[0]["spec"]["selector"]["matchLabels"], &documents[0]["spec"]["template"]["metadata"]["labels"]];
        assert_eq!(labels[0][label], labels[1][label], "{name}");
    }
}

#[test]
fn the_playbook_is_one() {
    let Some(ansible) = tools::find("ansible-playbook", "the_playbook_is_one") else { return };
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(ansible)
        .args(["--syntax-check", "-i", "localhost,", "playbook.yml"])
        .current_dir(examples())
        .envs([("ANSIBLE_HOME", home.path()), ("ANSIBLE_LOCAL_TEMP", home.path()), ("HOME", home.path())])
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}
