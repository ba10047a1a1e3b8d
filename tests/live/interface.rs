//! The terminal interface on a terminal, in a namespace with known sockets: driven by keys, read from its screen, and
//! checked against the kernel from outside.

use std::net::{TcpListener, TcpStream};
use std::process::Command;

use tcpctl::sys::{Namespace, raise_loopback};

use crate::case::{Case, Ran};
use crate::namespaces::Inside;
use crate::place::{Listening, Place};
use crate::program;
use crate::screen::Screen;
use crate::tmux::Tmux;
use crate::tune::cat;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("the interface shows what is in a namespace on every screen", shown),
        Case::new("a profile is applied, kept and rolled back by keys, and the kernel has the values", applied),
        Case::new(
            "in tmux every screen is reached, a profile applied and rolled back, and the shell has its terminal back",
            in_tmux,
        ),
    ]
}

const RETRIES: &str = "net.ipv4.tcp_synack_retries";

fn interface(state_dir: &std::path::Path) -> Screen {
    let mut command = Command::new(program::path());
    command.arg("--state-dir").arg(state_dir).env("TERM", "xterm-256color").env_remove("NO_COLOR");
    command.env("LC_ALL", "C.UTF-8");
    // Nobody's settings.
    command.env("HOME", state_dir).env_remove("XDG_CONFIG_HOME");
    Screen::start(command, 100, 30)
}

fn shown(place: &Place) -> Ran {
    let listener = place.listen("127.0.0.1:0", Listening::with_backlog(7));
    let to = listener.local_addr().unwrap();
    let client = TcpStream::connect(to).unwrap();
    let from = client.local_addr().unwrap();
    let state = tempfile::tempdir().unwrap();
    let mut screen = interface(state.path());
    screen.wait_for(&["[1Overview]", "LIVE", &format!(":{}", to.port())]);
    screen.press("2");
    // One connection waits for accept(), of the eight that fit.
    screen.wait_for(&["[2Listeners]", &format!("127.0.0.1:{}", to.port()), "1/8"]);
    screen.press("3");
    screen.wait_for(&["[3Sockets]", "2 shown", "ESTAB", &from.to_string()]);
    screen.press(&format!("/sport = :{}\r", from.port()));
    screen.wait_for(&["1 shown", &format!("sport = :{}", from.port()), &format!("{from} → {to}")]);
    screen.press("4/syn-lost\r\r");
    screen.wait_for(&["[4Explain]", "syn-lost", "ETIMEDOUT", "tcp_syn_retries"]);
    // The host's value and the one that is asked about stand beside each other.
    screen.press("h");
    screen.wait_for(&["Before and after"]);
    screen.press("6");
    screen.wait_for(&["[6Findings]", "rules"]);
    screen.press("7/synack_retries\r");
    screen.wait_for(&["[7Params]", RETRIES]);
    screen.press("8");
    screen.wait_for(&["[8Lab]", "Laboratory"]);
    screen.press("9");
    screen.wait_for(&["[9Netns]", &format!("{}", place.inode())]);
    screen.press("?");
    screen.wait_for(&["Keys in the namespaces"]);
    screen.press("q");
    assert_eq!(screen.end().code(), Some(0));
    Ok(())
}

fn applied(place: &Place) -> Ran {
    place.set(RETRIES, "5");
    let state = tempfile::tempdir().unwrap();
    let mut screen = interface(state.path());
    screen.wait_for(&["LIVE"]);
    screen.press("5");
    screen.wait_for(&["[5Profiles]", "> ", "anti-syn-flood", "nothing was applied here yet"]);
    screen.press("\r");
    screen.wait_for(&["Plan: anti-syn-flood", "tcp_synack_retries"]);
    // All of it has been seen; the question does not answer itself, and Enter answers nothing.
    screen.press("GA");
    screen.wait_for(&["Apply", "press K"]);
    screen.press("\r");
    screen.wait_for(&["y or Esc answers it"]);
    assert_eq!(cat(RETRIES), "5");
    screen.press("y");
    screen.wait_for(&["UNDONE in", "K keep"]);
    assert_eq!(cat(RETRIES), "2");
    // Who comes back is shown what waits, without asking for it.
    screen.press("q");
    assert_eq!(screen.end().code(), Some(0));
    let mut screen = interface(state.path());
    screen.wait_for(&["[1Overview]", "anti-syn-flood is UNDONE in", "K keep"]);
    // It is kept from any screen.
    screen.press("3");
    screen.wait_for(&["[3Sockets]", "UNDONE in"]);
    screen.press("1K");
    screen.wait_for(&["[1Overview]", "entry 1 is kept"]);
    screen.press("U");
    screen.wait_for(&["Undo anti-syn-flood (entry 1)", "restore"]);
    assert_eq!(cat(RETRIES), "2");
    screen.press("y");
    screen.wait_for(&["rolled back", "read back"]);
    assert_eq!(cat(RETRIES), "5");
    screen.press("q");
    assert_eq!(screen.end().code(), Some(0));
    Ok(())
}

/// A terminal to drive the interface in.
enum Driven {
    /// A shell in tmux.
    Tmux(Tmux),
    /// Our own, where there is no tmux: the same keys and the same texts.
    Own(Screen),
}

impl Driven {
    fn press(&mut self, keys: &str) {
        match self {
            Self::Tmux(tmux) => tmux.press(keys),
            Self::Own(screen) => screen.press(keys),
        }
    }

    fn wait_for(&mut self, texts: &[&str]) -> String {
        match self {
            Self::Tmux(tmux) => tmux.wait_for(texts),
            Self::Own(screen) => screen.wait_for(texts),
        }
    }

    /// Starts the interface as people do, by a command in a shell.
    fn open(state: &std::path::Path) -> Self {
        if !Tmux::is_installed() {
            eprintln!("tmux is not installed; the interface is driven in a terminal of the tests");
            return Self::Own(interface(state));
        }
        let tmux = Tmux::start(80, 24);
        tmux.wait_for(&["shell>"]);
        let command = format!("'{}' --state-dir '{}'; echo ended with $?", program::path().display(), state.display());
        tmux.press(&format!("{command}\r"));
        Self::Tmux(tmux)
    }

    /// Stops the interface as Ctrl-Z does, looks at the shell, and brings it back; and gives it another size.
    fn stops_and_grows(&mut self) {
        let Self::Tmux(tmux) = self else { return };
        tmux.press("\u{1a}");
        tmux.wait_for(&["ended with 1", "shell>"]);
        tmux.press("fg; echo back with $?\r");
        tmux.wait_for(&["[1Overview]", "q quit"]);
        tmux.resize(160, 48);
        tmux.wait_for(&["[1 Overview]", "Peers with most local ports"]);
        tmux.resize(80, 24);
        tmux.wait_for(&["[1Overview]", "q quit"]);
    }

    /// Leaves, and demands a shell that works.
    fn leave(mut self) {
        self.press("q");
        match self {
            Self::Tmux(tmux) => {
                // The shell says so after the program has ended: until then what is typed may be the program's.
                tmux.wait_for(&["back with 0", "shell>"]);
                tmux.press("echo $((6 * 7)) is typed and echoed\r");
                let shell = tmux.wait_for(&["42 is typed and echoed"]);
                assert!(shell.contains("echo $((6 * 7)) is typed"), "the terminal was left without echo:\n{shell}");
                assert!(!shell.contains("Overview"), "the screen of the interface was left:\n{shell}");
            }
            Self::Own(screen) => assert_eq!(screen.end().code(), Some(0)),
        }
    }
}

/// In tmux, since what a terminal makes of the bytes is then judged by one that people use; where it is not installed,
/// in our own, so that nothing is left out.
fn in_tmux(place: &Place) -> Ran {
    place.set(RETRIES, "5");
    let listener = place.listen("127.0.0.1:0", Listening::with_backlog(7));
    let to = listener.local_addr().unwrap();
    let client = TcpStream::connect(to).unwrap();
    let from = client.local_addr().unwrap();
    let other = Other::begin();
    let there = other.listener.local_addr().unwrap();
    let state = tempfile::tempdir().unwrap();
    let mut terminal = Driven::open(state.path());
    terminal.wait_for(&["[1Overview]", "LIVE", &format!(":{}", to.port()), "q quit"]);
    terminal.stops_and_grows();
    terminal.press("2");
    terminal.wait_for(&["[2Listeners]", &format!("127.0.0.1:{}", to.port()), "1/8"]);
    terminal.press("3");
    terminal.wait_for(&["[3Sockets]", "2 shown", "ESTAB", &from.to_string()]);
    terminal.press(&format!("/sport = :{}\r", from.port()));
    terminal.wait_for(&["1 shown", &format!("{from} → {to}")]);
    terminal.press("4/syn-lost\r\r");
    terminal.wait_for(&["[4Explain]", "syn-lost", "ETIMEDOUT", "tcp_syn_retries"]);
    terminal.press("6");
    terminal.wait_for(&["[6Findings]", "rules"]);
    terminal.press("7/synack_retries\r");
    terminal.wait_for(&["[7Params]", RETRIES]);
    terminal.press("8");
    terminal.wait_for(&["[8Lab]", "Laboratory"]);
    terminal.press("9");
    terminal.wait_for(&["[9Netns]", &format!("{}", place.inode())]);
    terminal.press("?");
    terminal.wait_for(&["Keys in the namespaces"]);
    // No file is bound to the other one: it is entered by a process in it.
    enters(&mut terminal, other.inode(), "from now on: network namespace");
    terminal.wait_for(&["LIVE", &format!(":{}", there.port())]);
    enters(&mut terminal, place.inode(), "from now on: network namespace");
    terminal.wait_for(&["LIVE", &format!(":{}", to.port())]);
    enters(&mut terminal, place.inode(), "this is the network namespace that was shown already");
    terminal.press("5");
    terminal.wait_for(&["[5Profiles]", "anti-syn-flood", "nothing was applied here yet"]);
    terminal.press("\r");
    terminal.wait_for(&["Plan: anti-syn-flood", "tcp_synack_retries"]);
    terminal.press("GA");
    terminal.wait_for(&["Apply", "press K"]);
    assert_eq!(cat(RETRIES), "5", "asking writes nothing");
    terminal.press("y");
    terminal.wait_for(&["UNDONE in", "K keep"]);
    assert_eq!(cat(RETRIES), "2", "the kernel has what the screen says");
    terminal.press("K");
    terminal.wait_for(&["entry 1 is kept"]);
    terminal.press("U");
    terminal.wait_for(&["Undo anti-syn-flood (entry 1)", "restore"]);
    assert_eq!(cat(RETRIES), "2", "asking restores nothing");
    terminal.press("y");
    terminal.wait_for(&["rolled back", "read back"]);
    assert_eq!(cat(RETRIES), "5");
    terminal.leave();
    other.inside.end();
    Ok(())
}

/// Another namespace, with a listener and a process in it.
struct Other {
    namespace: Namespace,
    listener: TcpListener,
    inside: Inside,
}

impl Other {
    fn begin() -> Self {
        let namespace = Namespace::fresh().unwrap();
        let (listener, inside) = namespace
            .run(|| {
                raise_loopback().unwrap();
                let there = Place::here(&namespace);
                (there.listen("127.0.0.1:0", Listening::with_backlog(7)), Inside::begin())
            })
            .unwrap();
        Self { namespace, listener, inside }
    }

    fn inode(&self) -> u64 {
        self.namespace.inode().unwrap()
    }
}

/// Enters a namespace from the screen that lists them.
fn enters(terminal: &mut Driven, inode: u64, told: &str) {
    terminal.press(&format!("9/\u{15}{inode}\r"));
    terminal.wait_for(&["1 of ", &format!("netns {inode}"), "processes"]);
    terminal.press("\r");
    terminal.wait_for(&[told, "[1Overview]"]);
}
