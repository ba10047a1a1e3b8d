//! The rules as data. Each line here is a decision; a change of one is a change of the design.

/// Which room may use which. A room that is not here does not exist, and a row without a folder is an error too.
/// Every room may use itself. `tune/host` are the files of [`TUNE_HOST`].
pub(crate) const EDGES: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("catalog", &["units"]),
    ("model", &["units"]),
    ("explain", &["units", "catalog", "model"]),
    ("wire", &["units"]),
    ("trace", &["units", "wire"]),
    ("snapshot", &["units", "catalog"]),
    ("sys", &["units"]),
    ("collect", &["units", "catalog", "wire", "snapshot", "sys"]),
    ("diagnose", &["units", "catalog", "model", "snapshot"]),
    ("tune", &["units", "catalog", "snapshot", "model"]),
    ("tune/host", &["units", "catalog", "snapshot", "model", "tune", "sys"]),
    ("lab", &["units", "model", "wire", "sys"]),
    ("report", &["units", "catalog", "wire", "snapshot", "model", "explain", "diagnose", "tune", "lab", "trace"]),
    ("ui", &[]),
    ("ui/cli", EDGE_OF_THE_PROGRAM),
    ("ui/tui", EDGE_OF_THE_PROGRAM),
    ("ui/export", EDGE_OF_THE_PROGRAM),
];

/// What the edges of the program may use: everything but the kernel itself and its bytes, and not each other.
const EDGE_OF_THE_PROGRAM: &[&str] = &[
    "units",
    "catalog",
    "model",
    "snapshot",
    "collect",
    "explain",
    "diagnose",
    "tune",
    "tune/host",
    "lab",
    "report",
    "trace",
];

/// The files of `tune` that touch the host: they write settings, keep the journal, and read the administrator's
/// profiles. The others are pure.
pub(crate) const TUNE_HOST: &[&str] = &["apply", "journal", "rollback", "store", "persist"];

/// Single paths that may cross a border which [`EDGES`] keeps shut: (file, path). One that its file does not use any
/// more fails the test.
pub(crate) const ENTRIES: &[(&str, &str)] = &[
    // Without a command on a terminal, the command line hands over to the terminal interface.
    // What it is given and gives back comes along.
    ("src/ui/cli/run.rs", "crate::ui::tui::main"),
    ("src/ui/cli/run.rs", "crate::ui::tui::Settings"),
    ("src/ui/cli/run.rs", "crate::ui::tui::Remembered"),
    ("src/ui/cli/run.rs", "crate::ui::tui::Options"),
    ("src/ui/cli/run.rs", "crate::ui::tui::Ending"),
    // A command gives up what it does not need before it begins.
    ("src/ui/cli/run.rs", "crate::sys::Confinement"),
    ("src/ui/cli/run.rs", "crate::sys::confine"),
    ("src/ui/cli/run.rs", "crate::sys::keep_rights"),
    ("src/ui/cli/rights.rs", "crate::sys::Confinement"),
    ("src/ui/cli/rights.rs", "crate::sys::Rights"),
    ("src/ui/cli/rights.rs", "crate::sys::keep_rights"),
    ("src/ui/cli/commands/serve.rs", "crate::sys::Confinement"),
    ("src/ui/cli/commands/serve.rs", "crate::sys::confine"),
    ("src/ui/cli/commands/serve.rs", "crate::sys::keep_rights"),
    // The verb parses and reads, the export room writes the file or answers over HTTP.
    ("src/ui/cli/commands/serve.rs", "crate::ui::export::Readers"),
    ("src/ui/cli/commands/serve.rs", "crate::ui::export::replace_file"),
    ("src/ui/cli/commands/serve.rs", "crate::ui::export::Access"),
    ("src/ui/cli/commands/serve.rs", "crate::ui::export::Doors"),
    ("src/ui/cli/commands/serve.rs", "crate::ui::export::Page"),
    ("src/ui/cli/commands/serve.rs", "crate::ui::export::Tls"),
    ("src/ui/cli/commands/serve.rs", "crate::ui::export::serve_pages"),
    ("src/ui/cli/drawing.rs", "crate::ui::export::Readers"),
    ("src/ui/cli/drawing.rs", "crate::ui::export::replace_file"),
    ("src/ui/cli/commands/solve.rs", "crate::ui::export::create_file"),
    ("src/ui/tui/run.rs", "crate::ui::export::create_file"),
    ("src/ui/cli/commands/snapshot.rs", "crate::ui::export::Readers"),
    ("src/ui/cli/commands/snapshot.rs", "crate::ui::export::check_replaceable"),
    ("src/ui/cli/commands/snapshot.rs", "crate::ui::export::replace_file_with"),
    ("src/ui/cli/commands/lab_capture.rs", "crate::ui::export::Readers"),
    ("src/ui/cli/commands/lab_capture.rs", "crate::ui::export::check_replaceable"),
    ("src/ui/cli/commands/lab_capture.rs", "crate::ui::export::replace_file"),
    // A packet given on the command line goes through the decoder of packets and nowhere else.
    ("src/ui/cli/commands/explain.rs", "crate::wire::decode_packet"),
    ("src/ui/cli/commands/explain.rs", "crate::wire::parse_hex"),
    // The interval between two readings hangs on what they cost.
    ("src/ui/cli/pace.rs", "crate::sys::process_cpu_us"),
    // Ctrl-C ends a playing in order, and signals are system calls.
    ("src/ui/cli/commands/lab_interrupt.rs", "crate::sys::HeldSignals"),
    ("src/ui/cli/commands/lab_interrupt.rs", "crate::sys::Rights"),
    ("src/ui/cli/commands/lab_interrupt.rs", "crate::sys::TerminalSignal"),
    ("src/ui/cli/commands/lab_interrupt.rs", "crate::sys::keep_rights"),
    ("src/ui/cli/commands/lab_interrupt.rs", "crate::sys::stop_process_group"),
    // The program's one way in.
    ("src/main.rs", "crate::ui::cli::main"),
    // Leaving and stopping the screen takes signals, and those are system calls.
    // What a reading cost tells how long to rest before the next one.
    ("src/ui/tui/collector.rs", "crate::sys::process_cpu_us"),
    ("src/ui/tui/watch.rs", "crate::sys::HeldSignals"),
    ("src/ui/tui/watch.rs", "crate::sys::TerminalSignal"),
    ("src/ui/tui/watch.rs", "crate::sys::stop_process_group"),
    ("src/ui/tui/watch.rs", "crate::sys::wait_for_hangup"),
];

/// Rooms without I/O, clock or environment.
pub(crate) const PURE: &[&str] =
    &["units", "catalog", "model", "explain", "wire", "snapshot", "diagnose", "report", "trace", "tune"];

/// What a pure room may not name. A path is matched by its beginning, part by part; a last part that ends
/// in `*` by its beginning; a single word wherever it stands.
pub(crate) const IMPURE: &[&str] = &[
    "std::fs",
    "std::net::Tcp*",
    "std::net::Udp*",
    "std::os",
    "std::process",
    "std::env",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "SystemTime::now",
    "Instant::now",
    // Their order changes from run to run, and output must not.
    "HashMap",
    "HashSet",
];

/// Crates that make system calls, and the rooms that may use them.
pub(crate) const DOORS: &[(&str, &[&str])] = &[
    ("libc", &["sys"]),
    // The journal is opened below a directory handle and locked, which the standard library cannot.
    ("rustix", &["sys"]),
    ("netlink_sys", &["sys"]),
    ("procfs", &["sys", "collect", "wire"]),
    ("crossterm", &["ui/cli", "ui/tui"]),
    ("ratatui", &["ui/tui"]),
    ("clap", &["ui/cli"]),
    // HTTP and what secures it have one place.
    ("tokio", &["ui/export"]),
    ("hyper", &["ui/export"]),
    ("hyper_util", &["ui/export"]),
    ("http_body_util", &["ui/export"]),
    ("tokio_rustls", &["ui/export"]),
    ("ring", &["ui/export"]),
    ("socket2", &["ui/export"]),
    ("anyhow", &["ui/cli", "ui/tui", "ui/export"]),
];

/// Files that still use one of [`DOORS`] from another room. This list only shrinks: an entry that is no longer needed
/// fails the test.
pub(crate) const DOORS_LEFT_OPEN: &[(&str, &str)] = &[];

/// Lines that a file may have, its tests not counted.
pub(crate) const FILE_LINES: usize = 500;

/// Files that are still longer, with the most lines they may have. This list only shrinks: an entry that is no
/// longer needed fails the test.
pub(crate) const LONGER_FILES: &[(&str, usize)] = &[];

/// Names that say nothing of what is inside.
pub(crate) const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "manager", "misc"];

/// Texts that no file of the tree may hold, spelt in two halves so that this file passes.
pub(crate) const BANNED_TEXTS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/tmp/br", "ief"),
    concat!("/tmp/", "wt"),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("#[ign", "ore"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
];
