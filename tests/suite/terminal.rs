//! The terminal interface on a pseudo-terminal: it ends in order, and the terminal is as it was.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, waitid, waitpid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running interface and the other end of its terminal.
struct Session {
    child: Child,
    master: File,
    /// Kept open, so that the terminal's state can be looked at after the end.
    slave: OwnedFd,
    output: Receiver<Vec<u8>>,
    seen: Vec<u8>,
    /// What is read instead of the host: an empty proc file system.
    _proc: tempfile::TempDir,
    /// Home of a user without settings.
    home: tempfile::TempDir,
}

impl Session {
    /// Starts the interface and waits for its first frame.
    fn start(environment: &[(&str, &str)]) -> Self {
        Self::start_at(tempfile::tempdir().unwrap(), &[], environment)
    }

    /// The same with arguments.
    fn start_with(arguments: &[&str]) -> Self {
        Self::start_at(tempfile::tempdir().unwrap(), arguments, &[])
    }

    /// The same at home somewhere. It has a process group of its own, as a shell would give it.
    fn start_at(home: tempfile::TempDir, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::start_sized((80, 24), home, arguments, environment)
    }

    /// The same on a terminal of so many columns and rows.
    fn start_sized(
        (columns, rows): (u16, u16),
        home: tempfile::TempDir,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let (master, slave) = terminal();
        tcsetwinsize(&slave, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let proc = tempfile::tempdir().unwrap();
        let stdio = || Stdio::from(slave.try_clone().unwrap());
        let child = Command::new(env!("CARGO_BIN_EXE_tcpctl"))
            .arg("--proc")
            .arg(proc.path())
            .args(arguments)
            .env_remove("NO_COLOR")
            .env_remove("XDG_CONFIG_HOME")
            .env("HOME", home.path())
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .envs(environment.iter().copied())
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .process_group(0)
            .spawn()
            .unwrap();
        let master = File::from(master);
        let (sender, output) = channel();
        let mut reader = master.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let mut session = Self { child, master, slave, output, seen: Vec::new(), _proc: proc, home };
        session.wait_for("Against limits");
        session
    }

    /// Waits until the terminal was sent this text.
    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !String::from_utf8_lossy(&self.seen).contains(text) {
            let more = self.output.recv_timeout(deadline.saturating_duration_since(Instant::now()));
            self.seen.extend(more.unwrap_or_else(|_| panic!("no `{text}` in {}", String::from_utf8_lossy(&self.seen))));
        }
    }

    fn is_cooked(&self) -> bool {
        let modes = tcgetattr(self.slave.as_fd()).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end, though not for ever.
    fn exit_code(&mut self) -> Option<i32> {
        exit_code(&mut self.child)
    }

    /// Forgets what was sent so far, and what follows until nothing comes for a while.
    fn forget(&mut self) {
        while self.output.recv_timeout(Duration::from_millis(1500)).is_ok() {}
        self.seen.clear();
    }

    /// Leaves, and hands out the screen as it stood, without the blanks and colours of what changed on it.
    fn leaves_a_screen(&mut self) -> String {
        self.press("Q");
        self.wait_for("\u{1b}[?1049l");
        self.wait_for("q quit\r\n");
        String::from_utf8_lossy(&self.seen).rsplit_once("\u{1b}[?1049l").unwrap().1.to_owned()
    }

    fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until it is stopped, and demands a terminal as a shell expects it.
    fn is_stopped(&mut self) {
        let pid = Pid::from_child(&self.child);
        let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
        assert!(status.stopped(), "{status:?}");
        self.wait_for("\u{1b}[?1049l");
        self.wait_for("\u{1b}[?25h");
        assert!(self.is_cooked(), "the shell would get a raw terminal");
    }

    /// What the settings file of the user holds.
    fn settings(&self) -> Option<String> {
        std::fs::read_to_string(self.home.path().join(".config/tcpctl/interface.toml")).ok()
    }

    /// Waits for the end and demands a terminal as it was before.
    fn ends_in_order_with(mut self, code: i32) -> String {
        assert_eq!(self.exit_code(), Some(code));
        assert!(self.is_cooked(), "the terminal was left raw");
        self.wait_for("\u{1b}[?1049l");
        self.wait_for("\u{1b}[?25h");
        let sent = String::from_utf8_lossy(&self.seen).into_owned();
        // Mouse, focus and marks of pasted text are the next program's.
        for mode in ["1000", "1006", "1004", "2004"] {
            let (on, off) = (format!("\u{1b}[?{mode}h"), format!("\u{1b}[?{mode}l"));
            assert!(sent.rfind(&off) >= sent.rfind(&on), "mode {mode} was left on");
        }
        sent
    }
}

/// Waits for a program's end; one that does not end is ended.
fn exit_code(child: &mut Child) -> Option<i32> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("it did not end");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_key_leaves_and_gives_the_terminal_back() {
    let mut session = Session::start(&[]);
    assert!(!session.is_cooked());
    session.press("q");
    session.ends_in_order_with(0);
}

#[test]
fn leaving_with_a_capital_q_prints_the_screen_as_text() {
    let mut session = Session::start(&[]);
    let kept = session.leaves_a_screen();
    assert!(kept.contains("[1Overview]"), "{kept}");
    session.ends_in_order_with(0);
}

#[test]
fn each_signal_that_ends_it_gives_the_terminal_back() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130), (Signal::HUP, 129), (Signal::QUIT, 131)] {
        let session = Session::start(&[]);
        session.signal(signal);
        session.ends_in_order_with(code);
    }
}

#[test]
fn a_lost_terminal_ends_it() {
    let Session { mut child, master, slave, output, .. } = Session::start(&[]);
    // Its reader holds a copy of the master, so the terminal hangs up only when that one ends as well.
    drop((output, slave));
    drop(master);
    // The reader notices that nobody listens with the next bytes, which come with the next clock. The program hears of
    // it by the terminal alone: it leads no session, so no signal tells it.
    let before = processor_time(&child);
    let pid = Pid::from_child(&child);
    let ended = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
    assert!(ended.is_some());
    // Until it is waited for, the kernel tells what it took. One that reads a lost terminal again and again takes all.
    let spent = processor_time(&child).saturating_sub(before);
    assert_eq!(exit_code(&mut child), Some(129));
    assert!(spent < Duration::from_millis(500), "{spent:?} of a processor after the terminal was lost");
}

/// What a program has taken of a processor so far.
fn processor_time(child: &Child) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
    // Fields 14 and 15 of proc(5); the name before them may hold anything.
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(1000 * ticks / rustix::param::clock_ticks_per_second())
}

#[test]
fn without_a_screen_it_prints_and_without_a_keyboard_it_says_so() {
    let home = tempfile::tempdir().unwrap();
    let proc = tempfile::tempdir().unwrap();
    let tcpctl = |stdout: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tcpctl"));
        command.arg("--proc").arg(proc.path()).env("HOME", home.path()).env("TERM", "xterm-256color");
        let mut child = command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        let code = exit_code(&mut child);
        let output = child.wait_with_output().unwrap();
        (code, String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, printed, _) = tcpctl(Stdio::piped());
    assert_eq!(code, Some(0), "{printed}");
    assert!(!printed.is_empty() && !printed.contains('\u{1b}'), "{printed:?}");
    let status =
        Command::new(env!("CARGO_BIN_EXE_tcpctl")).arg("--proc").arg(proc.path()).arg("status").output().unwrap();
    // The heading ends with the time, which goes on from one run to the next.
    let first = |text: &str| text.lines().next().and_then(|line| Some(line.rsplit_once(" · ")?.0.to_owned()));
    assert!(first(&printed).is_some(), "{printed}");
    assert_eq!(first(&printed), first(&String::from_utf8(status.stdout).unwrap()));
    let (_master, slave) = terminal();
    let (code, _, said) = tcpctl(Stdio::from(slave));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("tcpctl status") && said.contains("terminal"), "{said}");
}

/// Both ends of a terminal.
fn terminal() -> (OwnedFd, OwnedFd) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap();
    let slave = rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    (master, slave)
}

#[test]
fn without_colour_no_colour_is_sent() {
    let mut session = Session::start(&[("NO_COLOR", "1")]);
    session.press("q");
    let sent = session.ends_in_order_with(0);
    let codes: Vec<&str> =
        sent.split("\u{1b}[").skip(1).filter_map(|rest| rest.split_once('m')).map(|(code, _)| code).collect();
    let codes = codes.into_iter().filter(|code| code.chars().all(|letter| letter.is_ascii_digit() || letter == ';'));
    for code in codes {
        assert!(!code.is_empty(), "an empty style command wipes reverse and bold");
        assert!(!code.starts_with("38") && !code.starts_with("48"), "colour {code}");
    }
}

#[test]
fn a_terminal_that_does_not_know_its_size_is_taken_for_one_of_80_by_24() {
    let mut session = Session::start_sized((0, 0), tempfile::tempdir().unwrap(), &[], &[]);
    let screen = session.leaves_a_screen();
    let screen = screen.trim_start_matches("\u{1b}[?25h");
    assert_eq!(screen.lines().filter(|line| !line.is_empty()).map(|line| line.chars().count()).max(), Some(80));
    session.ends_in_order_with(0);
}

#[test]
fn a_locale_or_a_terminal_without_more_than_ascii_gets_ascii() {
    for variable in [("LC_ALL", "C"), ("TERM", "dumb")] {
        let mut session = Session::start(&[variable]);
        assert!(session.leaves_a_screen().is_ascii(), "{variable:?}");
        session.ends_in_order_with(0);
    }
}

#[test]
fn what_is_pasted_comes_marked_and_presses_no_key() {
    let mut session = Session::start(&[]);
    session.press("\u{1b}[200~q\u{1b}[201~");
    // Blanks that stood there already are not sent again.
    session.wait_for("pasted");
    session.press("q");
    session.ends_in_order_with(0);
}

#[test]
fn a_file_of_settings_that_is_not_there_yet_is_made_when_there_is_something_to_remember() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("mine.toml");
    let mut session = Session::start_at(home, &["--config", file.to_str().unwrap()], &[]);
    assert!(!file.exists());
    session.press(":set interval 2s\rq");
    assert_eq!(session.exit_code(), Some(0));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "interval = \"2s\"\n");
}

#[test]
fn a_frozen_screen_sends_not_one_byte() {
    let mut session = Session::start(&[]);
    session.press("f");
    session.wait_for("FROZEN");
    // The frame that says so may come in several parts; after it nothing does.
    while session.output.recv_timeout(Duration::from_millis(500)).is_ok() {}
    assert_eq!(session.output.recv_timeout(Duration::from_secs(3)).ok(), None);
    session.press("q");
    session.ends_in_order_with(0);
}

#[test]
fn ctrl_z_and_a_stop_from_outside_give_the_terminal_back_and_come_again() {
    for by_key in [true, false] {
        let mut session = Session::start(&[]);
        if by_key {
            session.press("\u{1a}");
        } else {
            session.signal(Signal::TSTP);
        }
        session.is_stopped();
        session.forget();
        session.signal(Signal::CONT);
        session.wait_for("\u{1b}[?1049h");
        session.wait_for("\u{1b}[?1000h");
        // All of it is drawn anew.
        session.wait_for("[1Overview]");
        session.wait_for("Against limits");
        assert!(!session.is_cooked());
        session.press("q");
        session.ends_in_order_with(0);
    }
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_gives_the_terminal_back_before_it_is_told() {
    let mut session = Session::start(&[("TCPCTL_STUMBLE", "1"), ("RUST_BACKTRACE", "0")]);
    session.press("\u{c}");
    session.wait_for("stumbled, as was asked");
    let sent = session.ends_in_order_with(101);
    let (_, after) = sent.rsplit_once("\u{1b}[?1049l").unwrap();
    assert!(after.contains("stumbled, as was asked"), "{after}");
}

#[test]
fn a_still_screen_sends_next_to_nothing_and_one_that_nobody_looks_at_nothing() {
    let mut session = Session::start_with(&["--interval", "2s"]);
    let bytes_in = |session: &Session, time: Duration| {
        let until = Instant::now() + time;
        let mut bytes = 0;
        while let Ok(more) = session.output.recv_timeout(until.saturating_duration_since(Instant::now())) {
            bytes += more.len();
        }
        bytes
    };
    session.forget();
    let live = bytes_in(&session, Duration::from_secs(6));
    assert!(live < 6 * 200, "{live} bytes in 6 s");
    session.press("\u{1b}[O");
    session.wait_for("PAUSED");
    session.forget();
    assert_eq!(bytes_in(&session, Duration::from_secs(3)), 0, "another window is in front");
    session.press("\u{1b}[I");
    session.wait_for("LIVE");
    session.press("q");
    session.ends_in_order_with(0);
}

#[test]
fn it_survives_any_size_at_any_moment() {
    let mut session = Session::start(&[]);
    for (at, key) in "123456789?i1xS2o7\r4\rhlG:help\r/x\r".chars().cycle().take(90).enumerate() {
        let (columns, rows) = ([1, 300, 80, 40, 61, 160, 2][at % 7], [1, 100, 24, 10, 15, 48, 3, 9][at % 8]);
        tcsetwinsize(&session.slave, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        session.signal(Signal::WINCH);
        session.press(key.encode_utf8(&mut [0; 4]));
    }
    // This leaves from everywhere, a line that is typed included.
    session.press("\u{3}");
    session.ends_in_order_with(0);
}

#[test]
fn the_mouse_is_asked_for_presses_alone_and_not_at_all_with_no_mouse() {
    let mut session = Session::start(&[]);
    // The second tab, with button 0 at column 14 of row 2.
    session.press("\u{1b}[<0;14;2M\u{1b}[<0;14;2m");
    session.wait_for("[2Listeners]");
    session.press("q");
    let sent = session.ends_in_order_with(0);
    assert!(sent.contains("\u{1b}[?1000h") && sent.contains("\u{1b}[?1006h"));
    assert!(!sent.contains("\u{1b}[?1003h") && !sent.contains("\u{1b}[?1002h"), "every movement would be sent");
    let mut session = Session::start_with(&["--no-mouse"]);
    session.press("q");
    assert!(!session.ends_in_order_with(0).contains("\u{1b}[?1000h"));
}

#[test]
fn what_is_copied_goes_to_the_clipboard_of_the_terminal() {
    let mut session = Session::start(&[]);
    session.press(":copy command\r");
    // `tcpctl status`
    session.wait_for("\u{1b}]52;c;dGNwY3RsIHN0YXR1cw==\u{1b}\\");
    session.press("q");
    session.ends_in_order_with(0);
}

#[test]
fn what_was_chosen_is_remembered_and_nothing_else_is_written() {
    let mut session = Session::start(&[]);
    session.press("2346791");
    session.wait_for("[1Overview]");
    session.press("+:set columns peer dies\rmq");
    // The home outlives the session.
    assert_eq!(session.exit_code(), Some(0));
    let settings = session.settings().unwrap();
    assert_eq!(settings, "columns = [\"peer\", \"dies\"]\ninterval = \"2s\"\nmouse = false\n");
    let home = std::mem::replace(&mut session.home, tempfile::tempdir().unwrap());
    let mut again = Session::start_at(home, &["--interval", "5s"], &[]);
    // The command line wins, and is not written.
    assert!(again.leaves_a_screen().contains("LIVE 5s"));
    assert_eq!(again.exit_code(), Some(0));
    assert_eq!(again.settings().unwrap(), settings);
    let home = std::mem::replace(&mut again.home, tempfile::tempdir().unwrap());
    let mut third = Session::start_at(home, &[], &[]);
    assert!(third.leaves_a_screen().contains("LIVE 2s"));
    assert!(!third.ends_in_order_with(0).contains("\u{1b}[?1000h"), "the mouse was given up");
}

#[test]
fn a_broken_file_that_nobody_named_is_said_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let directory = home.path().join(".config/tcpctl");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("interface.toml"), "mouse = true\nthem = \"mono\"\n").unwrap();
    let mut session = Session::start_at(home, &[], &[]);
    session.wait_for("settings left out");
    session.press("+q");
    session.wait_for("settings are not remembered");
    session.ends_in_order_with(0);
}

#[test]
fn a_broken_file_that_was_named_is_refused_with_its_place() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("mine.toml");
    std::fs::write(&file, "mouse = true\nthem = \"mono\"\n").unwrap();
    let run = |arguments: &[&str]| {
        let (master, slave) = terminal();
        let output = Command::new(env!("CARGO_BIN_EXE_tcpctl"))
            .args(arguments)
            .stdin(Stdio::from(slave.try_clone().unwrap()))
            .stdout(Stdio::from(slave))
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        drop(master);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let path = file.to_str().unwrap();
    let (code, said) = run(&["--config", path]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("mine.toml:2:1: there is no setting `them`"), "{said}");
    let (code, said) = run(&["--config", "/no/such/file"]);
    assert_eq!(code, Some(2), "{said}");
    let (code, said) = run(&["--config", path, "status"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("for the terminal interface"), "{said}");
}

#[test]
fn nothing_is_written_to_the_home_directory() {
    let mut session = Session::start(&[]);
    session.press("3469q");
    assert_eq!(session.exit_code(), Some(0));
    assert_eq!(std::fs::read_dir(session.home.path()).unwrap().count(), 0);
}
