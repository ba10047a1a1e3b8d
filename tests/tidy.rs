//! Holds the tree to its design: borders between rooms, purity, module docs, sizes, names.
//!
//! The rules are data in `tidy/rules.rs`. Each check is a function from texts to complaints, and has a test
//! of its own that shows it complaining.

#![expect(clippy::expect_used, clippy::panic, reason = "a tree that cannot be read fails the test")]

#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rules::{
    BANNED_TEXTS, DOORS, DOORS_LEFT_OPEN, EDGES, EMPTY_NAMES, ENTRIES, FILE_LINES, IMPURE, LONGER_FILES, PURE,
    TUNE_HOST,
};
use source::{Kind, Token, paths, tokenize, without_tests};

/// One source file, as the checks take it.
struct File {
    /// Path from the root of the package, with `/`.
    path: String,
    text: String,
    tokens: Vec<Token>,
    /// The tokens outside `#[cfg(test)]`.
    shipped: Vec<Token>,
    /// Lines outside `#[cfg(test)]`.
    shipped_lines: usize,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        let tokens = tokenize(text);
        let (mut shipped, test_lines) = without_tests(&tokens);
        let mut shipped_lines = text.lines().count() - test_lines;
        if path.ends_with("/tests.rs") {
            shipped.clear();
            shipped_lines = 0;
        }
        Self { path: path.to_owned(), text: text.to_owned(), tokens, shipped, shipped_lines }
    }

    /// The modules it stands in: `["diagnose", "rules"]` for `src/diagnose/rules/mod.rs`.
    fn module(&self) -> Vec<String> {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        let parts = inside.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main"));
        parts.map(str::to_owned).collect()
    }

    fn is_mod(&self) -> bool {
        self.path.ends_with("/mod.rs")
    }
}

/// The room of a module path (without `crate`): the first part, or the first two under `ui`, and the half of
/// `tune` that touches the host apart from the rest of it. Nothing for the crate root.
fn room(module: &[String]) -> Option<String> {
    let mut parts = module.iter().map(String::as_str);
    let first = parts.next()?;
    match (first, parts.next()) {
        ("ui", Some(second @ ("cli" | "tui" | "export"))) => Some(format!("ui/{second}")),
        ("tune", Some(second)) if TUNE_HOST.contains(&second) => Some("tune/host".to_owned()),
        _ => Some(first.to_owned()),
    }
}

/// Every path that crosses a border which the table does not open.
fn border_complaints(file: &File) -> Vec<String> {
    let own = room(&file.module());
    // The crate root lists the rooms and links to them in its doc; it has no code.
    let Some(own) = own.or_else(|| file.path.ends_with("main.rs").then(|| "ui".to_owned())) else { return Vec::new() };
    let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == own) else {
        return vec![format!("{}: there is no room `{own}` in the table of edges", file.path)];
    };
    let mut complaints = Vec::new();
    for path in paths(&file.tokens, &file.module()) {
        let Some((root, inside)) = path.parts.split_first() else { continue };
        let Some(target) = (root == "crate").then(|| room(inside)).flatten() else { continue };
        let written = path.parts.join("::");
        let entry = ENTRIES.iter().any(|(from, to)| *from == file.path && is_or_is_in(&written, to));
        // A mod.rs exports its own files, those that touch the host included.
        let own_half = file.is_mod() && own == "tune" && target == "tune/host";
        if target != own && !allowed.contains(&target.as_str()) && !entry && !own_half {
            complaints.push(format!("{}:{}: `{own}` may not use `{target}` ({written})", file.path, path.line));
        }
    }
    complaints
}

/// Whether a path is that item, or something in it such as a variant.
fn is_or_is_in(path: &str, item: &str) -> bool {
    path.strip_prefix(item).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Entries of the list of exceptions that their file does not use.
fn entry_complaints(file: &File) -> Vec<String> {
    let used: Vec<String> = paths(&file.tokens, &file.module()).iter().map(|path| path.parts.join("::")).collect();
    let own = ENTRIES.iter().filter(|(from, to)| *from == file.path && !used.iter().any(|path| is_or_is_in(path, to)));
    own.map(|(from, to)| format!("{from}: the entry {to} is not used any more; remove it")).collect()
}

/// Whether a written path falls under a banned one.
fn falls_under(parts: &[String], banned: &str) -> bool {
    let banned: Vec<&str> = banned.split("::").collect();
    let matches = |(part, wanted): (&String, &&str)| match wanted.strip_suffix('*') {
        Some(stem) => part.starts_with(stem),
        None => part == wanted,
    };
    // `SystemTime::now` is meant after any import, `std::fs` from its root.
    let starts = if banned.first() == Some(&"std") { 1 } else { parts.len() };
    (0..starts).any(|start| {
        let rest = parts.get(start..).unwrap_or_default();
        rest.len() >= banned.len() && rest.iter().zip(&banned).all(matches)
    })
}

/// Input, output, clock, environment and unordered maps in a pure room. Its tests may use what they like.
fn purity_complaints(file: &File) -> Vec<String> {
    let Some(own) = room(&file.module()).filter(|own| PURE.contains(&own.as_str())) else { return Vec::new() };
    let mut complaints = Vec::new();
    for path in paths(&file.shipped, &file.module()) {
        for banned in IMPURE.iter().filter(|banned| banned.contains("::") && falls_under(&path.parts, banned)) {
            complaints.push(format!("{}:{}: `{own}` is pure and may not name `{banned}`", file.path, path.line));
        }
    }
    for token in &file.shipped {
        for banned in IMPURE.iter().filter(|banned| token.is(banned)) {
            complaints.push(format!("{}:{}: `{own}` is pure and may not name `{banned}`", file.path, token.line));
        }
    }
    complaints
}

/// Crates with a door to the outside, used in a room that must not have one: (file, line, room, crate).
fn open_doors(file: &File) -> Vec<(String, usize, String, &'static str)> {
    let Some(own) = room(&file.module()) else { return Vec::new() };
    let mut found = Vec::new();
    for path in paths(&file.shipped, &file.module()) {
        for (door, rooms) in DOORS {
            if path.parts.first().is_some_and(|root| root == door) && !rooms.contains(&own.as_str()) {
                found.push((file.path.clone(), path.line, own.clone(), *door));
            }
        }
    }
    found
}

/// Doors left open that no exception names, and exceptions for doors that are shut by now.
fn door_complaints(files: &[File], exceptions: &[(&str, &str)]) -> Vec<String> {
    let found: Vec<_> = files.iter().flat_map(open_doors).collect();
    let mut complaints = Vec::new();
    for (path, line, own, door) in &found {
        if !exceptions.contains(&(path.as_str(), door)) {
            complaints.push(format!("{path}:{line}: `{own}` may not use the crate `{door}`"));
        }
    }
    for (path, door) in exceptions {
        if !found.iter().any(|(file, _, _, open)| file == path && open == door) {
            complaints.push(format!("{path}: the exception for `{door}` is not needed any more; remove it"));
        }
    }
    complaints
}

/// `unsafe` outside `sys`.
fn unsafe_complaints(file: &File) -> Vec<String> {
    let own = room(&file.module());
    let guilty = file.tokens.iter().filter(|token| token.is("unsafe") && own.as_deref() != Some("sys"));
    guilty.map(|token| format!("{}:{}: `unsafe` outside `sys`", file.path, token.line)).collect()
}

/// Floating point in the model, whose results must be exact.
fn float_complaints(file: &File) -> Vec<String> {
    if room(&file.module()).as_deref() != Some("model") {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    let mut after_point = false;
    for token in &file.tokens {
        let number = token.kind == Kind::Number && !token.text.starts_with("0x");
        let literal = number && !after_point && (token.text.contains('.') || token.text.ends_with("f64"));
        if literal || token.is("f32") || token.is("f64") {
            complaints.push(format!("{}:{}: floating point in the model (`{}`)", file.path, token.line, token.text));
        }
        after_point = token.is(".");
    }
    complaints
}

/// The opening doc of a file; a mod.rs says what the room is for, must not do, and mirrors, and has no logic.
fn doc_complaints(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    if !file.text.starts_with("//! ") {
        complaints.push(format!("{}: does not open with a `//!` doc", file.path));
    }
    if file.is_mod() {
        let doc: Vec<&str> = file.text.lines().take_while(|line| line.starts_with("//!")).collect();
        for wanted in ["//! For: ", "//! Must not: ", "//! Mirrors: "] {
            if !doc.iter().any(|line| line.starts_with(wanted)) {
                let wanted = wanted.trim_start_matches("//! ").trim_end();
                complaints.push(format!("{}: its doc has no line that starts with `{wanted}`", file.path));
            }
        }
        const ITEMS: &[&str] =
            &["fn", "struct", "enum", "trait", "impl", "const", "static", "type", "union", "macro_rules"];
        for token in file.tokens.iter().filter(|token| ITEMS.iter().any(|item| token.is(item))) {
            let at = format!("{}:{}", file.path, token.line);
            complaints.push(format!("{at}: a mod.rs holds doc, modules and exports, but here is a `{}`", token.text));
        }
    }
    complaints
}

/// `pub use …::*`, which hides what a room exports.
fn glob_complaints(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut public = false;
    let mut importing = false;
    for token in &file.shipped {
        match token.text.as_str() {
            "pub" => public = true,
            "use" => importing = public,
            "*" if importing => complaints.push(format!("{}:{}: a glob re-export", file.path, token.line)),
            ";" => (public, importing) = (false, false),
            "fn" | "struct" | "enum" | "mod" | "const" | "trait" | "type" | "static" => public = false,
            _ => {}
        }
    }
    complaints
}

/// Files that are too long, and exceptions that are not needed any more.
fn size_complaints(files: &[File], exceptions: &[(&str, usize)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files {
        let lines = file.shipped_lines;
        let limit = exceptions.iter().find(|(path, _)| *path == file.path).map_or(FILE_LINES, |(_, limit)| *limit);
        if lines > limit {
            complaints.push(format!("{}: {lines} lines without its tests, {limit} are allowed", file.path));
        }
    }
    for (path, _) in exceptions {
        if files.iter().find(|file| file.path == *path).is_none_or(|file| file.shipped_lines <= FILE_LINES) {
            complaints.push(format!("{path}: the exception for its length is not needed any more; remove it"));
        }
    }
    complaints
}

/// Folders of `src` without mod.rs, a file beside a folder of its name, and names that say nothing.
fn layout_complaints(files: &[String]) -> Vec<String> {
    let mut complaints = BTreeSet::new();
    let known: BTreeSet<&str> = files.iter().map(String::as_str).collect();
    for path in files {
        for part in path.split('/') {
            let stem = part.split('.').next().unwrap_or(part).to_lowercase();
            if EMPTY_NAMES.contains(&stem.as_str()) {
                complaints.insert(format!("{path}: `{stem}` says nothing of what is inside"));
            }
        }
        let Some(inside) = path.strip_prefix("src/").filter(|path| path.ends_with(".rs")) else { continue };
        if let Some((folder, _)) = inside.rsplit_once('/') {
            if !known.contains(format!("src/{folder}/mod.rs").as_str()) {
                complaints.insert(format!("src/{folder}: a folder without mod.rs"));
            }
            if known.contains(format!("src/{folder}.rs").as_str()) {
                complaints.insert(format!("src/{folder}.rs: stands beside a folder of its name"));
            }
        }
    }
    complaints.into_iter().collect()
}

/// Paths of build machines and marks of unfinished work.
fn text_complaints(path: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for banned in BANNED_TEXTS.iter().filter(|banned| line.contains(**banned)) {
            complaints.push(format!("{path}:{}: `{banned}`", number + 1));
        }
    }
    complaints
}

/// Rows of the table of edges without a room, and rooms without a row.
fn table_complaints(rooms: &BTreeSet<String>) -> Vec<String> {
    let rows: BTreeSet<String> = EDGES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let idle = rows.difference(rooms).map(|row| format!("the table of edges has a row `{row}`, the tree no such room"));
    let targets = EDGES.iter().flat_map(|(_, allowed)| allowed.iter());
    let unknown = targets.filter(|target| !rows.contains(**target)).map(|target| format!("no row for `{target}`"));
    idle.chain(unknown).collect()
}

/// Every file of the package, as paths from its root; what the build makes is left out.
fn tree() -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        let entries = std::fs::read_dir(folder).expect("the folder can be listed");
        let mut entries: Vec<PathBuf> = entries.map(|entry| entry.expect("the entry can be read").path()).collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let inside = path.strip_prefix(root).expect("the walk stays below its root");
            // The fuzzers make and remove files while they run.
            let made = ["fuzz/corpus", "fuzz/artifacts", "fuzz/coverage"].map(Path::new);
            if matches!(name, ".git" | "target") || made.contains(&inside) {
                continue;
            }
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.push(inside.to_str().expect("file names are UTF-8").to_owned());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    walk(root, root, &mut found);
    found
}

fn read(path: &str) -> String {
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&whole).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

fn sources() -> Vec<File> {
    let paths = tree().into_iter().filter(|path| path.starts_with("src/") && path.ends_with(".rs"));
    paths.map(|path| File::new(&path, &read(&path))).collect()
}

fn demand_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// The complaints of one check over the whole of `src`.
fn over_sources(check: fn(&File) -> Vec<String>) -> Vec<String> {
    sources().iter().flat_map(check).collect()
}

#[test]
fn rooms_use_only_what_the_table_allows() {
    demand_none(&over_sources(border_complaints));
}

#[test]
fn every_entry_through_a_border_is_in_use() {
    demand_none(&over_sources(entry_complaints));
}

#[test]
fn the_table_of_edges_names_the_rooms_that_exist() {
    demand_none(&table_complaints(&sources().iter().filter_map(|file| room(&file.module())).collect()));
}

#[test]
fn pure_rooms_do_no_input_or_output_and_read_no_clock() {
    demand_none(&over_sources(purity_complaints));
}

#[test]
fn crates_that_reach_outside_stay_in_their_rooms() {
    demand_none(&door_complaints(&sources(), DOORS_LEFT_OPEN));
}

#[test]
fn only_sys_is_unsafe() {
    demand_none(&over_sources(unsafe_complaints));
}

#[test]
fn the_model_has_no_floating_point() {
    demand_none(&over_sources(float_complaints));
}

#[test]
fn every_file_opens_with_its_doc_and_every_mod_file_is_only_a_table_of_contents() {
    demand_none(&over_sources(doc_complaints));
}

#[test]
fn nothing_is_exported_by_a_glob() {
    demand_none(&over_sources(glob_complaints));
}

#[test]
fn files_are_short_enough_to_read() {
    demand_none(&size_complaints(&sources(), LONGER_FILES));
}

#[test]
fn folders_have_a_mod_file_and_names_say_what_is_inside() {
    demand_none(&layout_complaints(&tree()));
}

#[test]
fn no_file_names_a_build_machine_or_is_left_unfinished() {
    let mut complaints = Vec::new();
    for path in tree() {
        let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path)).expect("the file can be read");
        // What is not text (a capture, an image) holds no such marks that a reader could see.
        if let Ok(text) = String::from_utf8(bytes) {
            complaints.extend(text_complaints(&path, &text));
        }
    }
    demand_none(&complaints);
}

#[test]
fn the_changelog_has_a_place_for_the_next_release() {
    let changelog = read("CHANGELOG.md");
    assert!(changelog.lines().any(|line| line == "## [Unreleased]"), "CHANGELOG.md has no `## [Unreleased]`");
}

#[test]
fn the_readme_names_the_two_commands_that_set_everything_up() {
    let readme = read("README.md");
    for command in ["cargo run --release", "cargo test"] {
        assert!(readme.contains(command), "README.md does not name `{command}`");
    }
}

/// The checks themselves, on small texts: each must complain, and must be quiet about its neighbour.
mod checks {
    use super::*;

    fn first(complaints: &[String]) -> &str {
        complaints.first().map_or("", String::as_str)
    }

    #[test]
    fn a_border_crossed_by_import_path_or_climb_is_found() {
        for text in [
            "use crate::sys::Clock;",
            "use crate::{units::Hz, sys::Clock};",
            "fn f() { crate::sys::now() }",
            "#[cfg(test)] mod tests { use crate::sys::Clock; }",
        ] {
            let complaints = border_complaints(&File::new("src/diagnose/rules/one.rs", text));
            assert_eq!(complaints.len(), 1, "{text}");
        }
        let complaints = border_complaints(&File::new("src/diagnose/one.rs", "use super::super::sys::Clock;"));
        assert_eq!(first(&complaints), "src/diagnose/one.rs:1: `diagnose` may not use `sys` (crate::sys::Clock)");
    }

    #[test]
    fn an_allowed_edge_and_a_comment_are_no_complaint() {
        let text =
            "//! See [`crate::sys::Clock`].\nuse crate::{units::Hz, model::{Host, Window}};\nuse super::Finding;";
        assert_eq!(border_complaints(&File::new("src/diagnose/one.rs", text)), Vec::<String>::new());
    }

    #[test]
    fn the_edges_of_the_program_do_not_use_each_other_but_through_their_entries() {
        let entry = "fn f() { crate::ui::tui::main(a) }";
        assert!(border_complaints(&File::new("src/ui/cli/run.rs", entry)).is_empty());
        assert_eq!(border_complaints(&File::new("src/ui/cli/context.rs", entry)).len(), 1);
        assert_eq!(border_complaints(&File::new("src/ui/cli/run.rs", "use crate::ui::tui::State;")).len(), 1);
        assert_eq!(border_complaints(&File::new("src/ui/tui/x.rs", "use crate::sys::Clock;")).len(), 1);
    }

    #[test]
    fn an_entry_that_its_file_does_not_use_is_found() {
        let idle = |text| entry_complaints(&File::new("src/ui/cli/run.rs", text)).len();
        assert_eq!(idle("fn f() { crate::ui::tui::main(a) }") + 1, idle(""));
        assert_eq!(idle("fn f() { crate::ui::tui::mainly(a) }"), idle(""));
        assert_eq!(idle("fn f() { crate::ui::tui::Ending::Quit }") + 1, idle(""));
        assert!(entry_complaints(&File::new("src/ui/cli/args.rs", "")).is_empty());
    }

    #[test]
    fn only_half_of_tune_reaches_the_kernel() {
        assert!(border_complaints(&File::new("src/tune/apply.rs", "use crate::sys::write_sysctl;")).is_empty());
        assert_eq!(border_complaints(&File::new("src/tune/plan.rs", "use crate::sys::write_sysctl;")).len(), 1);
        assert_eq!(border_complaints(&File::new("src/tune/plan.rs", "use super::journal::Entry;")).len(), 1);
        assert!(border_complaints(&File::new("src/tune/mod.rs", "pub use self::journal::Entry;")).is_empty());
    }

    #[test]
    fn a_room_without_a_row_and_a_row_without_a_room_are_found() {
        assert_eq!(border_complaints(&File::new("src/cloud/one.rs", "")).len(), 1);
        let mut rooms: BTreeSet<String> = EDGES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(table_complaints(&rooms), Vec::<String>::new());
        rooms.remove("lab");
        assert_eq!(table_complaints(&rooms).len(), 1);
    }

    #[test]
    fn impure_names_are_found_in_pure_rooms_only_and_not_in_their_tests() {
        for text in [
            "use std::fs;",
            "use std::{env, fmt};",
            "use std::net::{IpAddr, TcpStream};",
            "fn f() { std::process::exit(1) }",
            "fn f() { SystemTime::now(); }",
            "use std::collections::{BTreeMap, HashMap};",
        ] {
            assert!(!purity_complaints(&File::new("src/model/one.rs", text)).is_empty(), "{text}");
            assert_eq!(purity_complaints(&File::new("src/sys/one.rs", text)), Vec::<String>::new(), "{text}");
            assert_eq!(purity_complaints(&File::new("src/tune/journal.rs", text)), Vec::<String>::new(), "{text}");
            let tested = format!("#[cfg(test)]\nmod tests {{ {text} }}");
            assert_eq!(purity_complaints(&File::new("src/model/one.rs", &tested)), Vec::<String>::new(), "{text}");
        }
        let quiet = "use std::{fmt, net::IpAddr, time::Duration};\n// std::fs\nconst A: &str = \"std::fs\";";
        assert_eq!(purity_complaints(&File::new("src/model/one.rs", quiet)), Vec::<String>::new());
    }

    #[test]
    fn a_system_call_outside_its_room_is_found() {
        let complaints = |path: &str, text: &str, exceptions: &[(&str, &str)]| {
            door_complaints(&[File::new(path, text)], exceptions).len()
        };
        let text = "fn f() { libc::getuid() }";
        assert_eq!(complaints("src/collect/one.rs", text, &[]), 1);
        assert_eq!(complaints("src/sys/one.rs", text, &[]), 0);
        assert_eq!(complaints("src/collect/one.rs", "use crate::libc_like::x;", &[]), 0);
        let exception = [("src/collect/one.rs", "libc")];
        assert_eq!(complaints("src/collect/one.rs", text, &exception), 0);
        assert_eq!(complaints("src/collect/one.rs", "", &exception), 1, "an exception that is not needed");
    }

    #[test]
    fn unsafe_and_floating_point_are_found() {
        assert_eq!(unsafe_complaints(&File::new("src/wire/one.rs", "fn f() { unsafe { g() } }")).len(), 1);
        assert!(unsafe_complaints(&File::new("src/sys/one.rs", "fn f() { unsafe { g() } }")).is_empty());
        assert!(unsafe_complaints(&File::new("src/wire/one.rs", "// unsafe\n#![deny(unsafe_code)]")).is_empty());
        for text in ["const A: f64 = x;", "let a = 1.5;", "let a = 2f64;", "fn f(x: f32) {}"] {
            assert!(!float_complaints(&File::new("src/model/one.rs", text)).is_empty(), "{text}");
            assert!(float_complaints(&File::new("src/report/one.rs", text)).is_empty(), "{text}");
        }
        assert!(float_complaints(&File::new("src/model/one.rs", "// 1.5\nlet a = 0..4; pair.0.1; 0x1f32;")).is_empty());
    }

    #[test]
    fn missing_docs_and_logic_in_a_mod_file_are_found() {
        let good = "//! Room.\n//!\n//! For: a.\n//! Must not: b.\n//! Mirrors: c.\n\nmod one;\npub use one::One;\n";
        assert_eq!(doc_complaints(&File::new("src/model/mod.rs", good)), Vec::<String>::new());
        let complaints = doc_complaints(&File::new("src/model/mod.rs", &good.replace("Mirrors: ", "Like: ")));
        assert_eq!(first(&complaints), "src/model/mod.rs: its doc has no line that starts with `Mirrors:`");
        assert_eq!(doc_complaints(&File::new("src/model/mod.rs", &format!("{good}fn f() {{}}"))).len(), 1);
        assert_eq!(doc_complaints(&File::new("src/model/one.rs", "use std::fmt;")).len(), 1);
    }

    #[test]
    fn glob_re_exports_are_found() {
        assert_eq!(glob_complaints(&File::new("src/model/mod.rs", "pub use one::*;")).len(), 1);
        assert_eq!(glob_complaints(&File::new("src/model/mod.rs", "pub(crate) use one::{self, two::*};")).len(), 1);
        let quiet = "use one::*; pub fn f(a: u8) -> u8 { use b::*; a * 2 } pub use c::C;";
        assert_eq!(glob_complaints(&File::new("src/model/one.rs", quiet)), Vec::<String>::new());
    }

    #[test]
    fn long_files_and_idle_exceptions_are_found() {
        let long = File::new("src/model/one.rs", &"x\n".repeat(FILE_LINES + 1));
        let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(FILE_LINES), "y\n".repeat(99));
        let short = File::new("src/model/two.rs", &tested);
        let files = [long, short];
        assert_eq!(size_complaints(&files, &[]), ["src/model/one.rs: 501 lines without its tests, 500 are allowed"]);
        assert_eq!(size_complaints(&files, &[("src/model/one.rs", 501)]), Vec::<String>::new());
        assert_eq!(size_complaints(&files, &[("src/model/one.rs", 501), ("src/model/two.rs", 600)]).len(), 1);
    }

    #[test]
    fn bad_layout_is_found() {
        let complaints = |paths: &[&str]| layout_complaints(&paths.iter().map(|&p| p.to_owned()).collect::<Vec<_>>());
        assert_eq!(complaints(&["src/a/mod.rs", "src/a/b.rs", "tests/x/y.rs"]), Vec::<String>::new());
        assert_eq!(complaints(&["src/a/b.rs"]), ["src/a: a folder without mod.rs"]);
        assert_eq!(complaints(&["src/a/mod.rs", "src/a.rs"]), ["src/a.rs: stands beside a folder of its name"]);
        assert_eq!(complaints(&["tests/helpers/x.rs"]).len(), 1);
        assert_eq!(complaints(&["src/a/mod.rs", "src/a/misc.rs"]).len(), 1);
    }

    #[test]
    fn banned_texts_are_found_with_their_line() {
        for banned in BANNED_TEXTS {
            let complaints = text_complaints("a.md", &format!("one\n  {banned} two\n"));
            assert_eq!(complaints, [format!("a.md:2: `{banned}`")]);
        }
        assert_eq!(text_complaints("a.md", "fine"), Vec::<String>::new());
    }
}
