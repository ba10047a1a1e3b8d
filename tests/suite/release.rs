//! What goes into a release: what it is made of, which Rust it takes, and the checklist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::tools;

fn source() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table(file: &str) -> toml::Table {
    fs::read_to_string(source().join(file)).unwrap().parse().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn metadata() -> Value {
    let cargo = env!("CARGO");
    let arguments = ["metadata", "--locked", "--offline", "--format-version", "1"];
    let platform = ["--filter-platform", "x86_64-unknown-linux-gnu"];
    let output = Command::new(cargo).args(arguments).args(platform).current_dir(source()).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Name and version, and the sum of Cargo.lock.
fn locked() -> BTreeMap<(String, String), String> {
    let lock = table("Cargo.lock");
    let packages = lock["package"].as_array().unwrap().iter();
    let text = |package: &toml::Value, field| package.get(field).and_then(toml::Value::as_str).map(str::to_owned);
    packages.filter_map(|one| Some(((text(one, "name")?, text(one, "version")?), text(one, "checksum")?))).collect()
}

/// Every crate of the list is the one that Cargo.lock means; those that only tests use are not in it, and none is missing
/// that one in it needs.
#[test]
fn the_list_of_what_the_program_is_made_of_is_that_of_cargo_lock() {
    let test = "the_list_of_what_the_program_is_made_of_is_that_of_cargo_lock";
    let Some(python) = tools::find("python3", test) else { return };
    let output = Command::new(python).arg(source().join("packaging/sbom")).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((word(&list, "bomFormat"), word(&list, "specVersion")), ("CycloneDX", "1.5"));
    assert_eq!(word(&list["metadata"]["component"], "version"), env!("CARGO_PKG_VERSION"));

    let (locked, mut listed) = (locked(), BTreeMap::new());
    for part in list["components"].as_array().unwrap() {
        let name = (word(part, "name").to_owned(), word(part, "version").to_owned());
        assert_eq!(Some(word(&part["hashes"][0], "content")), locked.get(&name).map(String::as_str), "{part}");
        assert_eq!(word(part, "purl"), format!("pkg:cargo/{}@{}", name.0, name.1));
        assert!(!word(&part["licenses"][0], "expression").is_empty(), "{part}");
        assert!(listed.insert(word(part, "bom-ref").to_owned(), word(part, "scope").to_owned()).is_none(), "{part}");
    }
    let linked: BTreeSet<&str> = listed
        .iter()
        .filter(|(_, scope)| scope.is_empty())
        .map(|(reference, _)| reference.trim_start_matches("pkg:cargo/").split('@').next().unwrap())
        .collect();
    let manifest = table("Cargo.toml");
    for name in manifest["dependencies"].as_table().unwrap().keys() {
        assert!(linked.contains(name.as_str()), "{name}");
    }
    for name in manifest["dev-dependencies"].as_table().unwrap().keys().filter(|name| *name != "rustix") {
        assert!(!listed.keys().any(|one| one.starts_with(&format!("pkg:cargo/{name}@"))), "{name}");
    }
    for tool in ["cc", "syn", "clap_derive", "serde_derive"] {
        assert!(!linked.contains(tool), "{tool} only builds the program");
    }
    for edge in list["dependencies"].as_array().unwrap() {
        for needed in edge["dependsOn"].as_array().unwrap() {
            assert!(listed.contains_key(needed.as_str().unwrap()), "{needed}");
        }
    }
    let edges: BTreeSet<&str> = list["dependencies"].as_array().unwrap().iter().map(|one| word(one, "ref")).collect();
    assert_eq!(edges.len(), listed.len() + 1);
}

fn version(text: &str) -> Vec<u32> {
    let mut parts: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
    parts.resize(3, 0);
    parts
}

/// Clippy holds the sources to it (`incompatible_msrv`); this, all that they are built with, and what documents say.
#[test]
fn the_rust_that_is_needed_is_the_one_that_is_stated() {
    let ours = env!("CARGO_PKG_RUST_VERSION");
    let metadata = metadata();
    let needed: Vec<(Vec<u32>, &str)> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| word(package, "name") != "tcpctl")
        .filter_map(|package| Some((version(package["rust_version"].as_str()?), word(package, "name"))))
        .collect();
    assert!(needed.len() > 100, "{}", needed.len());
    let newer: Vec<_> = needed.iter().filter(|(rust, _)| *rust > version(ours)).collect();
    assert!(newer.is_empty(), "tcpctl says that Rust {ours} is enough, and these want more: {newer:?}");
    for document in ["README.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(source().join(document)).unwrap();
        assert!(text.contains(&format!("Rust {ours}")), "{document} does not say Rust {ours}");
    }
}

/// A repository with what the checklist looks at, ready for a release.
struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    fn ready() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy = |name: &str| {
            let to = folder.path().join(name);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(source().join(name), to).unwrap();
        };
        ["Cargo.toml", "Cargo.lock", "src/report/roff.rs", "packaging/release"].into_iter().for_each(copy);
        for page in fs::read_dir(source().join("man")).unwrap() {
            copy(&format!("man/{}", page.unwrap().file_name().to_str().unwrap()));
        }
        let repository = Self { folder };
        repository.git(&["init", "--quiet"]);
        let roff = repository.read("src/report/roff.rs");
        let date = roff.split("const DATE: &str = \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let changes = format!(
            "# Changelog\n\n## [Unreleased]\n\n## [{}] - {date}\n\n### Added\n\n- All.\n",
            env!("CARGO_PKG_VERSION")
        );
        repository.commit("CHANGELOG.md", &changes);
        repository
    }

    fn git(&self, arguments: &[&str]) {
        let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgSign=false"];
        let output = Command::new("git")
            .args(identity)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", said(&output));
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn commit(&self, name: &str, content: &str) {
        self.write(name, content);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", name]);
    }

    /// Exit code and all that is printed.
    fn check(&self) -> (Option<i32>, String) {
        let script = self.folder.path().join("packaging/release");
        assert_eq!(fs::metadata(&script).unwrap().permissions().mode() & 0o111, 0o111);
        let output = Command::new(script).args(["--check", env!("CARGO_BIN_EXE_tcpctl")]).output().unwrap();
        (output.status.code(), said(&output))
    }

    /// Wants a release to be refused, with these words.
    fn refuses(&self, words: &str) {
        let (code, said) = self.check();
        assert!(code == Some(1) && said.contains(words) && said.contains("no release"), "{code:?} {words}: {said}");
        assert_eq!(said.matches("FAILED: ").count(), 1, "{said}");
    }
}

#[test]
fn the_checklist_passes_what_is_ready_and_says_what_is_not() {
    let test = "the_checklist_passes_what_is_ready_and_says_what_is_not";
    if tools::find("git", test).is_none() {
        return;
    }
    let repository = Repository::ready();
    let (code, said) = repository.check();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("FAILED"), "{said}");

    repository.write("stray", "");
    repository.refuses("the tree is not clean: ?? stray");
    fs::remove_file(repository.folder.path().join("stray")).unwrap();

    repository.git(&["tag", concat!("v", env!("CARGO_PKG_VERSION"))]);
    repository.refuses("there is a tag v");
    repository.git(&["tag", "--delete", concat!("v", env!("CARGO_PKG_VERSION"))]);

    let changes = repository.read("CHANGELOG.md");
    repository.commit("CHANGELOG.md", &changes.replace("[Unreleased]\n", "[Unreleased]\n\n- More.\n"));
    repository.refuses("1 lines are under Unreleased still");
    repository.commit("CHANGELOG.md", &changes.replace(concat!("[", env!("CARGO_PKG_VERSION")), "[99.1.0"));
    repository.refuses("the newest heading is '## [99.1.0] - ");
    let date = changes.split("] - ").nth(1).unwrap().split('\n').next().unwrap();
    repository.commit("CHANGELOG.md", &changes.replace(date, "2026-02-28"));
    repository.refuses("(DATE in src/report/roff.rs) and not 2026-02-28");
    repository.commit("CHANGELOG.md", &changes);

    let lock = repository.read("Cargo.lock");
    let ours = concat!("name = \"tcpctl\"\nversion = \"", env!("CARGO_PKG_VERSION"));
    repository.commit("Cargo.lock", &lock.replace(ours, "name = \"tcpctl\"\nversion = \"99.1.0"));
    repository.refuses("Cargo.lock 99.1.0");
    repository.commit("Cargo.lock", &lock);

    let page = repository.read("man/tcpctl.1");
    repository.commit("man/tcpctl.1", &page.replace("tcpctl", "tcpctrl"));
    repository.refuses("man/ is not what the program prints");
    repository.commit("man/tcpctl.1", &page);
    assert_eq!(repository.check().0, Some(0));
}

#[test]
fn the_checklist_refuses_what_it_does_not_know() {
    let script = source().join("packaging/release");
    for arguments in [&["--publish"][..], &["--check"], &["--check", "/no/such/program"]] {
        let output = Command::new(&script).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
    }
}
