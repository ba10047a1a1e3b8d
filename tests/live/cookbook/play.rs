//! A section of the document, done from its first line to its last.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tcpctl::model::Settings;
use tcpctl::sys::SysctlFiles;

use super::scene::{Made, Scene};
use crate::case::{CannotRun, Ran};
use crate::cookbook_text::{Act, Call, Section, parse_cookbook};
use crate::place::Place;

/// The figures of the document are those of this tick rate, and of a kernel from this version on.
const HZ: u32 = 250;
const SINCE: (u16, u16) = (6, 15);
/// The variable with which the excerpts are written anew.
const WRITE: &str = "TCPCTL_WRITE_DOCS";
/// Commands that read or write files of the system.
const WITH_FILES: [&str; 5] = ["apply", "diagnose", "lint", "plan", "verify"];

/// Where the commands of a section run: a working directory, and a system's files with nothing in them.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        for name in ["here", "root/etc/sysctl.d"] {
            fs::create_dir_all(folder.path().join(name)).expect("room");
        }
        Self { folder }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn lay(&self, path: &str, text: &str) {
        let path = match path.strip_prefix('/') {
            Some(below) => self.at("root").join(below),
            None => self.at("here").join(path),
        };
        fs::write(path, text).expect("room");
    }

    /// Runs a command as it stands there, with a state directory and, where it reads or writes files of the system, a root
    /// of its own. What it prints is what a terminal shows of it.
    fn run(&self, words: &[String]) -> (String, i32) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcpctl"));
        command.current_dir(self.at("here")).arg("--state-dir").arg(self.at("state")).args(&words[1..]);
        if words.get(1).is_some_and(|verb| WITH_FILES.contains(&verb.as_str())) {
            command.arg("--root").arg(self.at("root"));
        }
        let output = command.output().expect("the program runs");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).expect("UTF-8").replace(&*self.at("root").to_string_lossy(), "");
        (text, output.status.code().expect("it ends by itself"))
    }
}

/// Makes the situation and does what its section says.
pub(super) fn play(place: &Place, id: &str, set_up: fn(&Place) -> Made) -> Ran {
    let (path, text) = read("docs/cookbook.md");
    let (sections, wrong) = parse_cookbook(&text);
    assert!(wrong.is_empty(), "{wrong:#?}");
    let section = sections.iter().find(|section| section.id == id).expect("the situation has its section");
    like_a_new_host(place)?;
    let renewed = follow(section, &mut set_up(place)?)?;
    if std::env::var_os(WRITE).is_some() {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (range, shown) in renewed.into_iter().rev() {
            lines.splice(range, shown);
        }
        fs::write(&path, lines.join("\n") + "\n").expect("room");
    }
    Ok(())
}

/// The one example of the README that takes the kernel. What varies is when something was measured.
pub(super) fn readme(place: &Place) -> Ran {
    const BLOCK: &str = "```console\n# tcpctl ";
    let (_, text) = read("README.md");
    let (_, example) = text.split_once(BLOCK).expect("the README has an example of the laboratory");
    let (example, _) = example.split_once("\n```\n").expect("which ends");
    let text = format!("<!-- situation: readme -->\n<!-- varies: # ✓ -->\n{BLOCK}{example}\n```\n");
    like_a_new_host(place)?;
    follow(&parse_cookbook(&text).0[0], &mut Scene::of("tcpctl")).map(drop)
}

fn read(name: &str) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = fs::read_to_string(&path).expect("a document");
    (path, text)
}

/// Every setting that the model reads has the kernel's default, as far as a namespace has it.
fn like_a_new_host(place: &Place) -> Ran {
    let kernel = place.snapshot().kernel;
    let fits = kernel.version.is_some_and(|version| version.at_least(SINCE.0, SINCE.1));
    if !fits || kernel.hz.is_none_or(|reading| reading.hz.get() != HZ) {
        return Err(CannotRun(format!("the documents have the figures of Linux {}.{}, HZ {HZ}", SINCE.0, SINCE.1)));
    }
    let files = SysctlFiles::new("/proc");
    let mut set = 0;
    for (key, value) in Settings::default().values() {
        let key = key.parse().expect("a key");
        // What is of the whole host is not there, or not to be written.
        set += usize::from(files.write(&key, &value).is_ok());
    }
    assert!(set > 20, "{set} settings of namespace {}", place.inode());
    Ok(())
}

/// What a section shows anew, and where.
type Renewed = Vec<(std::ops::Range<usize>, Vec<String>)>;

fn follow(section: &Section, scene: &mut Scene) -> Result<Renewed, CannotRun> {
    let desk = Desk::new();
    let writes = std::env::var_os(WRITE).is_some();
    let mut renewed = Renewed::new();
    for act in &section.acts {
        match act {
            Act::File { path, text } => desk.lay(path, text),
            Act::Then(step) => scene.go_on(step),
            Act::Call(call) => {
                let (printed, exit) = desk.run(&call.words);
                // Rights that are missing, or a host too busy for the laboratory to tell.
                let of_lab = call.words.get(1).is_some_and(|verb| verb == "lab");
                if exit != call.exit && (exit == 4 || exit == 3 && of_lab) {
                    return Err(CannotRun(printed));
                }
                if writes {
                    renewed.push((call.lines.clone(), call.renewed(&printed, exit, &section.varies)));
                } else {
                    demand(call, &printed, exit, section);
                }
            }
        }
    }
    assert!(scene.left().is_empty(), "the section does not go on to {:?}", scene.left());
    Ok(renewed)
}

fn demand(call: &Call, printed: &str, exit: i32, section: &Section) {
    let complaint = call.complaint(printed, &section.varies);
    let wrong_exit = (exit != call.exit).then(|| format!("it ends with {exit}"));
    if let Some(complaint) = complaint.or(wrong_exit) {
        let at = call.lines.start;
        let command = call.words.join(" ");
        panic!(
            "docs/cookbook.md:{at}: {command}\n{complaint}\n\nIt prints:\n{printed}\n\
             {WRITE}=1 writes the excerpts anew."
        );
    }
}
