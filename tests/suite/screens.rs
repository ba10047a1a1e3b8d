//! The screens of the terminal interface: keys and readings in, text out.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use tcpctl::diagnose::Input;
use tcpctl::snapshot::{
    Capabilities, Counters, Drops, Gap, GapKind, HzReading, HzSource, Kernel, Listener, Netns, PortUse, Process,
    SCHEMA_VERSION, Snapshot, SocketSource, Sockets, SoftnetCpu, SysctlReading, Sysctls,
};
use tcpctl::tune::{
    Action as Done, JournalEntry, JournalKey, JournalOutcome, Keeping, Outcome, Plan, PlanKind, Profiles, Receipt,
    Written, plan_profile, plan_rollback,
};
use tcpctl::ui::tui::{
    Context, Effect, Event, KEYS, Key, Now, Place, ProfileEntry, State, Theme, TuneReply, TuneRequest, Verified, draw,
    update, valid_bindings,
};
use tcpctl::units::{Hz, TcpState};

use crate::screen_lists;

pub(crate) const START_UNIX_MS: u64 = 1_795_348_800_000;
pub(crate) const COLOUR: Theme = Theme { mono: false, ascii: false };

/// A host whose nginx does not accept fast enough, `seconds` after the start.
pub(crate) fn busy_host(seconds: u64) -> Snapshot {
    let states = TcpState::ALL.map(|state| {
        let count = match state {
            TcpState::Estab => 18_204,
            TcpState::SynSent => 4,
            TcpState::SynRecv => 37 + seconds % 5,
            TcpState::FinWait2 => 88,
            TcpState::TimeWait => 21_904 + 100 * seconds,
            TcpState::CloseWait => 3,
            TcpState::Listen => 3,
            _ => 0,
        };
        (state, count)
    });
    let listeners = vec![
        listener("127.0.0.1", 5432, (0, 244), Some((1410, "postgres")), 0),
        listener("10.0.0.7", 9100, (0, 4096), None, 0),
        listener(
            "::",
            443,
            (u32::try_from(100 * seconds).unwrap().min(512), 511),
            Some((1203, "nginx")),
            412 * seconds,
        ),
    ];
    let ports = vec![PortUse {
        source: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7)),
        destination: IpAddr::V4(Ipv4Addr::new(10, 0, 3, 9)),
        destination_port: 5432,
        used: 24_000,
        time_wait: 21_904,
        inodes: Vec::new(),
        processes: Vec::new(),
    }];
    Snapshot {
        schema: SCHEMA_VERSION,
        taken_unix_ms: START_UNIX_MS + 1000 * seconds,
        monotonic_ms: 5_000_000 + 1000 * seconds,
        hostname: Some("db-7".into()),
        boot_id: None,
        redacted: None,
        kernel: Kernel {
            release: Some("6.18.3-test".into()),
            version: Some("6.18.3".parse().unwrap()),
            hz: Some(HzReading { hz: Hz::new(250).unwrap(), source: HzSource::Config("/proc/config.gz".into()) }),
        },
        netns: Netns { inode: Some(4_026_531_840), name: None, initial: Some(true), cookie: None },
        capabilities: Capabilities { euid: 0, effective: Some(u64::MAX) },
        memory_kib: Some(16 << 20),
        sysctls: sysctls(),
        counters: counters(seconds),
        sockets: Some(Sockets {
            source: SocketSource::SockDiag,
            states: BTreeMap::from(states),
            listeners,
            ports,
            addresses: Some(Vec::new()),
            half_open_resent: None,
            samples: None,
        }),
        gaps: vec![Gap::new(
            "/proc/<pid>/fd",
            GapKind::Denied,
            "permission denied for 41 processes",
            "the owner of 1 listener is unknown; run as root or with CAP_SYS_PTRACE",
        )],
    }
}

fn listener(address: &str, port: u16, queue: (u32, u32), owner: Option<(i32, &str)>, drops: u64) -> Listener {
    let address: IpAddr = address.parse().unwrap();
    Listener {
        address,
        port,
        v6_only: (address == IpAddr::V6(Ipv6Addr::UNSPECIFIED)).then_some(false),
        interface: 0,
        device: None,
        half_open_own: false,
        accept_queue: Some(queue.0),
        backlog: Some(queue.1),
        half_open: if port == 443 { 37 } else { 0 },
        shares_port: 1,
        drops: Drops::Total(u32::try_from(drops).unwrap()),
        inode: u64::from(port) + 70_000,
        uid: 33,
        cookie: u64::from(port) + 1000,
        processes: owner.into_iter().map(|(pid, name)| Process { pid, name: name.into() }).collect(),
    }
}

fn sysctls() -> Sysctls {
    let value = |text: &str| SysctlReading::Value(text.into());
    let readings = [
        ("net.ipv4.tcp_syn_retries", value("6")),
        ("net.ipv4.tcp_syn_linear_timeouts", value("4")),
        ("net.ipv4.tcp_synack_retries", value("5")),
        ("net.ipv4.tcp_syncookies", value("1")),
        ("net.ipv4.tcp_max_syn_backlog", value("1024")),
        ("net.core.somaxconn", value("4096")),
        ("net.core.netdev_max_backlog", value("1000")),
        ("net.ipv4.tcp_abort_on_overflow", value("0")),
        ("net.ipv4.tcp_rto_max_ms", value("120000")),
        ("net.ipv4.tcp_fin_timeout", value("60")),
        ("net.ipv4.tcp_max_tw_buckets", value("262144")),
        ("net.ipv4.tcp_tw_reuse", value("2")),
        ("net.ipv4.tcp_tw_reuse_delay", value("1000")),
        ("net.ipv4.tcp_timestamps", value("1")),
        ("net.ipv4.ip_local_port_range", value("32768 60999")),
        ("net.ipv4.ip_local_reserved_ports", value("")),
        ("net.ipv4.tcp_max_orphans", value("65536")),
        ("net.ipv4.tcp_mem", SysctlReading::Absent),
    ];
    Sysctls { readings: readings.map(|(key, reading)| (key.parse().unwrap(), reading)).into_iter().collect() }
}

fn counters(seconds: u64) -> Counters {
    let at = |per_second: u64| i64::try_from(per_second * seconds).unwrap();
    let group = |name: &str, counters: &[(&str, u64)]| {
        let counters = counters.iter().map(|(name, rate)| ((*name).to_owned(), at(*rate))).collect();
        BTreeMap::from([(name.to_owned(), counters)])
    };
    let tcp = [
        ("RetransSegs", 300),
        ("OutSegs", 39_000),
        ("InSegs", 41_000),
        ("OutRsts", 3),
        ("EstabResets", 1),
        ("AttemptFails", 0),
        ("PassiveOpens", 600),
        ("ActiveOpens", 690),
    ];
    let tcp_ext = [
        ("ListenDrops", 412),
        ("ListenOverflows", 412),
        ("TCPReqQFullDrop", 0),
        ("TCPReqQFullDoCookies", 0),
        ("SyncookiesSent", 0),
        ("SyncookiesRecv", 0),
        ("TCPTimeWaitOverflow", 0),
        ("TCPAbortOnMemory", 0),
    ];
    let sockstat = [("tw", 21_992), ("orphan", 12), ("mem", 105_472), ("inuse", 18_300), ("alloc", 18_400)];
    let sockstat = sockstat.map(|(name, value)| (name.to_owned(), value)).into_iter().collect();
    Counters {
        snmp: Some(group("Tcp", &tcp)),
        netstat: Some(group("TcpExt", &tcp_ext)),
        sockstat: Some(BTreeMap::from([("TCP".to_owned(), sockstat)])),
        softnet: Some(vec![SoftnetCpu { cpu: Some(0), processed: 9, dropped: 0, time_squeeze: 0 }]),
        queues: Some(Vec::new()),
    }
}

/// A host on which little could be read.
pub(crate) fn blind_host(seconds: u64) -> Snapshot {
    let mut snapshot = busy_host(seconds);
    snapshot.hostname = None;
    snapshot.kernel = Kernel { release: None, version: None, hz: None };
    snapshot.capabilities = Capabilities { euid: 1000, effective: Some(0) };
    snapshot.counters.netstat = None;
    snapshot.counters.softnet = None;
    snapshot.sockets = None;
    snapshot
        .sysctls
        .readings
        .insert("net.ipv4.tcp_max_orphans".parse().unwrap(), SysctlReading::Unreadable("EIO".into()));
    let denied = |source: &str, consequence: &str| Gap::new(source, GapKind::Denied, "permission denied", consequence);
    snapshot.gaps = vec![
        denied("sock_diag", "sockets and listeners are unknown; run it in the host's namespace"),
        denied("/proc/net/netstat", "drop counters are unknown"),
    ];
    snapshot
}

/// Adds what rules read and the others do not show: counters that rest, and settings that are not there.
pub(crate) fn know_all(snapshot: &mut Snapshot) {
    let rests = |group: &mut Option<BTreeMap<String, BTreeMap<String, i64>>>, of: &str, name: &str| {
        group.get_or_insert_default().entry(of.to_owned()).or_default().entry(name.to_owned()).or_insert(0);
    };
    for input in tcpctl::diagnose::RULES.iter().flat_map(|rule| rule.reads) {
        match *input {
            Input::TcpExt(name) => rests(&mut snapshot.counters.netstat, "TcpExt", name),
            Input::Tcp(name) => rests(&mut snapshot.counters.snmp, "Tcp", name),
            _ => {}
        }
    }
    let mem = "188220 250961 376440".to_owned();
    snapshot.sysctls.readings.insert("net.ipv4.tcp_mem".parse().unwrap(), SysctlReading::Value(mem));
    for key in tcpctl::diagnose::keys() {
        snapshot.sysctls.readings.entry(key.parse().unwrap()).or_insert(SysctlReading::Absent);
    }
}

/// A host without any connection, listener or trouble.
pub(crate) fn idle_host(seconds: u64) -> Snapshot {
    let mut snapshot = busy_host(seconds);
    snapshot.counters = counters(0);
    snapshot.gaps = Vec::new();
    know_all(&mut snapshot);
    if let Some(sockets) = &mut snapshot.sockets {
        sockets.listeners.clear();
        sockets.ports.clear();
        sockets.states.values_mut().for_each(|count| *count = 0);
    }
    if let Some(tcp) = snapshot.counters.sockstat.as_mut().and_then(|sockstat| sockstat.get_mut("TCP")) {
        tcp.values_mut().for_each(|value| *value = 0);
    }
    snapshot
}

pub(crate) fn new_state(theme: Theme, size: (u16, u16)) -> State {
    State::new(theme, size, Now { unix_ms: START_UNIX_MS, utc_offset_s: 0 })
}

/// A state that has seen a host for some seconds.
pub(crate) fn watching(theme: Theme, size: (u16, u16), seconds: u64, host: fn(u64) -> Snapshot) -> State {
    let mut state = new_state(theme, size);
    for second in 0..=seconds {
        update(&mut state, Event::Clock(Now { unix_ms: START_UNIX_MS + 1000 * second, utc_offset_s: 0 }));
        let effects = update(&mut state, Event::Read(Arc::new(host(second))));
        answer_all(&mut state, effects);
    }
    state
}

/// Answers what is asked of collector and tuning, as their threads would. Writes are returned.
pub(crate) fn answer_all(state: &mut State, mut effects: Vec<Effect>) -> Vec<Arc<Plan>> {
    let mut written = Vec::new();
    while let Some(effect) = effects.pop() {
        if let Effect::Want(want) = &effect
            && let Some(found) = screen_lists::found(want)
        {
            effects.extend(update(state, Event::Found(found)));
        }
        if let Effect::Tune(request) = effect {
            if let TuneRequest::CarryOut(plan) = &request {
                written.push(Arc::clone(plan));
            }
            effects.extend(update(state, Event::Tuned(Box::new(answer(request)))));
        }
    }
    written
}

pub(crate) fn drawn(state: &State) -> Buffer {
    let (columns, rows) = state.size();
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    draw(state, &mut buffer);
    buffer
}

/// The screen as a terminal gets it.
fn on_terminal(state: &State) -> Buffer {
    let (columns, rows) = state.size();
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(state, frame.buffer_mut())).unwrap();
    terminal.backend().buffer().clone()
}

pub(crate) fn rows(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width).max(1);
    let row = |cells: &[ratatui::buffer::Cell]| cells.iter().map(ratatui::buffer::Cell::symbol).collect::<String>();
    buffer.content.chunks(width).map(|cells| row(cells).trim_end().to_owned()).collect()
}

pub(crate) fn text(state: &State) -> String {
    rows(&drawn(state)).join("\n")
}

pub(crate) fn press(state: &mut State, key: Key) -> Vec<Effect> {
    update(state, Event::Key(key))
}

/// Presses keys and answers what they ask of tuning, as the tuning thread would. Writes are returned.
pub(crate) fn type_keys(state: &mut State, keys: impl IntoIterator<Item = Key>) -> Vec<Arc<Plan>> {
    let mut written = Vec::new();
    for key in keys {
        let effects = press(state, key);
        written.extend(answer_all(state, effects));
    }
    written
}

pub(crate) fn characters(text: &str) -> impl Iterator<Item = Key> {
    text.chars().map(|letter| match letter {
        '\n' => Key::Enter,
        '\t' => Key::Tab,
        '\u{1b}' => Key::Escape,
        other => Key::Char(other),
    })
}

/// Made once, as the model plays every clock for it.
static FLOOD_PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| {
    let profile = Profiles::vendor().resolve("anti-syn-flood").unwrap().unwrap();
    Arc::new(plan_profile(&profile, &busy_host(3)))
});

static ROLLBACK_PLAN: LazyLock<Arc<Plan>> =
    LazyLock::new(|| Arc::new(plan_rollback(&journal()[0], &journal(), &busy_host(3), false)));

/// A state of 80×24 that has seen three seconds of the busy host.
static WATCHING: LazyLock<State> = LazyLock::new(|| watching(COLOUR, (80, 24), 3, busy_host));

pub(crate) fn journal() -> Vec<JournalEntry> {
    let keys = [JournalKey {
        key: "net.ipv4.tcp_synack_retries".parse().unwrap(),
        before: "7".into(),
        after: "5".into(),
        demands: Vec::new(),
    }];
    let elsewhere = |id, boot_id: &str, netns| JournalEntry {
        schema: 1,
        id,
        action: Done::Apply,
        profile: "anti-syn-flood".into(),
        started_unix_ms: START_UNIX_MS - 86_400_000,
        uid: 0,
        login_uid: None,
        why: None,
        boot_id: boot_id.into(),
        netns,
        netns_cookie: None,
        netns_name: None,
        kernel: None,
        keys: keys.clone().into(),
        held: Vec::new(),
        left: Vec::new(),
        persist: None,
        confirm: None,
        steps: Vec::new(),
        outcome: Some(JournalOutcome::Applied),
    };
    let older = [elsewhere(2, "b", 7), elsewhere(1, "a", 4_026_531_840)];
    let mut entries = vec![JournalEntry {
        schema: 1,
        id: 4,
        action: Done::Apply,
        profile: "anti-syn-flood".into(),
        started_unix_ms: START_UNIX_MS - 3_600_000,
        uid: 0,
        login_uid: None,
        why: None,
        boot_id: "b".into(),
        netns: 4_026_531_840,
        netns_cookie: None,
        netns_name: None,
        kernel: None,
        keys: keys.clone().into(),
        held: Vec::new(),
        left: Vec::new(),
        persist: None,
        confirm: None,
        steps: Vec::new(),
        outcome: Some(JournalOutcome::Applied),
    }];
    entries.extend(older);
    entries
}

pub(crate) fn answer(request: TuneRequest) -> TuneReply {
    match request {
        TuneRequest::List | TuneRequest::Enter(_) => TuneReply::Listed {
            profiles: vec![
                ProfileEntry {
                    name: "anti-syn-flood".into(),
                    summary: Ok("Withstand SYN floods: wider queues, cookies, half-open entries that die sooner".into()),
                    origin: "built in".into(),
                    profile: Some(Arc::new(Profiles::vendor().resolve("anti-syn-flood").unwrap().unwrap())),
                },
                ProfileEntry {
                    name: "broken".into(),
                    summary: Err("/etc/tcpctl/profiles.d/broken.toml:3:1: expected a table".into()),
                    origin: "/etc/tcpctl/profiles.d/broken.toml".into(),
                    profile: None,
                },
            ],
            history: Ok(journal()),
            place: Some(tcpctl::tune::Place { boot_id: "b".into(), netns: 4_026_531_840, netns_cookie: None }),
        },
        TuneRequest::PlanProfile(_) | TuneRequest::PlanValues(_) => TuneReply::Planned(Ok(Arc::clone(&FLOOD_PLAN))),
        TuneRequest::PlanRollback => TuneReply::Planned(Ok(Arc::clone(&ROLLBACK_PLAN))),
        TuneRequest::Verify(_) => {
            TuneReply::Verified(Ok(Arc::new(Verified { plan: Plan::clone(&FLOOD_PLAN), kept: Keeping::default() })))
        }
        TuneRequest::Keep(entry) => TuneReply::Kept(Ok(entry)),
        TuneRequest::CarryOut(plan) => TuneReply::Done(Ok(Receipt {
            entry: Some(5),
            kind: plan.kind,
            profile: plan.profile.clone(),
            left: Vec::new(),
            file: None,
            file_left: None,
            file_on_confirm: None,
            confirm_until_unix_ms: None,
            written: plan
                .changes
                .iter()
                .map(|change| Written {
                    key: change.key.clone(),
                    before: change.before.clone(),
                    wrote: change.after.clone(),
                    read_back: change.after.clone(),
                })
                .collect(),
            outcome: Outcome::Applied,
        })),
    }
}

pub(crate) fn assert_screen(name: &str, state: &State) {
    insta::assert_snapshot!(name, rows(&on_terminal(state)).join("\n"));
}

pub(crate) const SIZES: [(u16, u16); 4] = [(80, 24), (160, 48), (60, 15), (40, 10)];

#[test]
fn the_overview_answers_at_every_size() {
    for size in SIZES {
        assert_screen(&format!("overview_{}x{}", size.0, size.1), &watching(COLOUR, size, 8, busy_host));
    }
}

#[test]
fn a_host_without_trouble_says_so() {
    assert_screen("overview_idle", &watching(COLOUR, (80, 24), 8, idle_host));
}

#[test]
fn before_the_second_reading_rates_are_not_known_yet() {
    assert_screen("overview_first_reading", &watching(COLOUR, (80, 24), 0, busy_host));
    assert_screen("overview_before_any_reading", &new_state(COLOUR, (80, 24)));
}

#[test]
fn what_could_not_be_read_is_a_gap_on_every_screen() {
    for size in SIZES {
        assert_screen(&format!("overview_gaps_{}x{}", size.0, size.1), &watching(COLOUR, size, 3, blind_host));
    }
    let mut state = watching(COLOUR, (80, 24), 3, blind_host);
    press(&mut state, Key::Char('2'));
    assert_screen("listeners_gaps", &state);
    press(&mut state, Key::Char('i'));
    assert_screen("gaps_page", &state);
}

/// A host with so many sockets that they are counted and not walked through, without `/proc/net/sockstat`.
fn host_with_many_sockets(seconds: u64) -> Snapshot {
    let mut snapshot = busy_host(seconds);
    let sockets = snapshot.sockets.as_mut().unwrap();
    (sockets.source, sockets.addresses) = (SocketSource::Masked, None);
    sockets.ports.clear();
    sockets.states.remove(&TcpState::Close);
    snapshot.counters.sockstat = None;
    snapshot
}

#[test]
fn what_was_not_counted_is_no_zero() {
    let shown = |host, size| rows(&drawn(&watching(COLOUR, size, 8, host))).join("\n");
    let line = |text: &str, of: &str| {
        let found = text.lines().find(|line| line.contains(of)).unwrap_or_else(|| panic!("{of}\n{text}"));
        let (_, rest) = found.split_once(of).unwrap();
        rest.split_whitespace().next().unwrap_or_default().to_owned()
    };
    for size in [(80, 24), (160, 48)] {
        let [many, idle] = [host_with_many_sockets, idle_host].map(|host| shown(host, size));
        let limits = ["ports, fullest peer", "  TIME-WAIT ", "  CLOSE "];
        assert_eq!(limits.map(|of| line(&many, of)), ["?"; 3], "{many}");
        assert_eq!(limits.map(|of| line(&idle, of)), ["0"; 3], "{idle}");
    }
    let wide = [host_with_many_sockets, idle_host].map(|host| shown(host, (160, 48)));
    let said = wide.map(|text| ["? not counted", "none: no connection with"].map(|words| text.contains(words)));
    assert_eq!(said, [[true, false], [false, true]]);
}

/// A host whose kernel does not let this process read a few settings.
fn host_with_hidden_settings(seconds: u64) -> Snapshot {
    let mut snapshot = busy_host(seconds);
    for leaf in ["tcp_syn_retries", "tcp_syncookies", "ip_local_reserved_ports"] {
        let key = format!("net.ipv4.{leaf}").parse().unwrap();
        snapshot.sysctls.readings.insert(key, SysctlReading::Unreadable("EACCES".into()));
    }
    snapshot
}

#[test]
fn no_default_stands_in_for_a_setting_that_could_not_be_read() {
    let state = watching(COLOUR, (160, 48), 3, host_with_hidden_settings);
    let screen = text(&state);
    let row = |label: &str| screen.lines().find(|line| line.contains(label)).unwrap_or_else(|| panic!("{screen}"));
    let ports = row("10.0.3.9:5432");
    assert!(ports.contains(" ? ") && !ports.contains("28232"), "{ports}");
    let queue = row("SYN-RECV :");
    assert!(queue.contains(" ? ") && !queue.contains("512"), "{queue}");
    for (label, shown) in [("connect gives up", "2m11s"), ("ports per peer", "28232"), ("connects per peer", "470")] {
        assert!(row(label).contains('?') && !row(label).contains(shown), "{}", row(label));
    }
}

#[test]
fn a_reading_that_fails_makes_the_picture_stale_and_leaves_a_hole() {
    let mut state = watching(COLOUR, (80, 24), 60, busy_host);
    for second in 61..=90 {
        update(&mut state, Event::Clock(Now { unix_ms: START_UNIX_MS + 1000 * second, utc_offset_s: 0 }));
        update(&mut state, Event::ReadFailed("cannot enter the network namespace `blue`: it is gone".into()));
    }
    let screen = text(&state);
    assert!(screen.contains("STALE 30s"), "{screen}");
    assert!(screen.contains("it is gone"), "{screen}");
    let accept_queue = screen.lines().find(|line| line.contains("accept queue :443")).unwrap();
    assert!(accept_queue.contains("█???"), "{screen}");
}

#[test]
fn the_listeners_answer_at_every_size() {
    for size in SIZES {
        let mut state = watching(COLOUR, size, 8, busy_host);
        press(&mut state, Key::Char('2'));
        assert_screen(&format!("listeners_{}x{}", size.0, size.1), &state);
    }
    let mut state = watching(COLOUR, (60, 15), 8, busy_host);
    type_keys(&mut state, characters("2\n"));
    assert_screen("listener_page_60x15", &state);
}

#[test]
fn the_selection_stays_with_its_listener_when_the_order_changes() {
    let mut state = WATCHING.clone();
    type_keys(&mut state, characters("2jj"));
    let selected = |state: &State| rows(&drawn(state)).into_iter().find(|row| row.starts_with('>')).unwrap();
    let before = selected(&state);
    press(&mut state, Key::Char('s'));
    press(&mut state, Key::Char('s'));
    press(&mut state, Key::Char('s'));
    assert!(text(&state).contains("sort port"));
    assert_eq!(selected(&state), before);
    update(&mut state, Event::Resize(160, 48));
    update(&mut state, Event::Resize(80, 24));
    assert_eq!(selected(&state), before);
}

#[test]
fn enter_on_a_queue_opens_its_listener() {
    let mut state = watching(COLOUR, (80, 24), 8, busy_host);
    press(&mut state, Key::Enter);
    assert_eq!(state.context(), Context::Listeners);
    assert!(rows(&drawn(&state)).iter().any(|row| row.starts_with(">✗ *:443")), "{}", text(&state));
}

#[test]
fn a_profile_leads_to_its_plan_and_the_plan_to_its_question() {
    let mut state = WATCHING.clone();
    type_keys(&mut state, characters("5"));
    assert_screen("profiles_80x24", &state);
    type_keys(&mut state, characters("\n"));
    assert_screen("plan_80x24", &state);
    // Every change and every effect is on the screen, so there is nothing to scroll to first.
    type_keys(&mut state, characters("A"));
    assert_screen("question_80x24", &state);
    let written = type_keys(&mut state, characters("y"));
    assert_eq!(written.iter().map(|plan| plan.kind).collect::<Vec<_>>(), [PlanKind::Apply]);
    assert_screen("applied_80x24", &state);
}

#[test]
fn plans_and_questions_fit_other_sizes() {
    for size in [(160, 48), (60, 15), (40, 10)] {
        let mut state = watching(COLOUR, size, 3, busy_host);
        type_keys(&mut state, characters("5\n"));
        assert_screen(&format!("plan_{}x{}", size.0, size.1), &state);
        for _ in 0..20 {
            press(&mut state, Key::PageDown);
        }
        type_keys(&mut state, characters("A"));
        assert_screen(&format!("question_{}x{}", size.0, size.1), &state);
    }
}

#[test]
fn a_plan_whose_effects_were_not_on_the_screen_yet_is_not_carried_out() {
    let mut state = watching(COLOUR, (60, 10), 3, busy_host);
    type_keys(&mut state, characters("5\nA"));
    assert_eq!(state.context(), Context::Plan);
    assert!(text(&state).contains("look at all changes and effects first"), "{}", text(&state));
    type_keys(&mut state, characters("GA"));
    assert_eq!(state.context(), Context::Question);
}

#[test]
fn undoing_shows_what_it_writes_and_asks() {
    let mut state = WATCHING.clone();
    type_keys(&mut state, characters("5\tU"));
    assert_eq!(state.context(), Context::Question);
    assert_screen("rollback_80x24", &state);
    assert!(type_keys(&mut state, characters("\u{1b}")).is_empty());
    assert!(text(&state).contains("nothing was written"));
    let written = type_keys(&mut state, characters("Uy"));
    assert_eq!(written.iter().map(|plan| plan.kind).collect::<Vec<_>>(), [PlanKind::Rollback(4)]);
}

#[test]
fn enter_and_a_second_a_answer_nothing() {
    let mut state = WATCHING.clone();
    let written = type_keys(&mut state, characters("5\nGAA\nAYU5q"));
    assert!(written.is_empty());
    assert_eq!(state.context(), Context::Question);
}

#[test]
fn without_rights_the_question_does_not_open_and_the_row_says_why() {
    fn unprivileged(seconds: u64) -> Snapshot {
        let mut snapshot = busy_host(seconds);
        snapshot.capabilities = Capabilities { euid: 1000, effective: Some(0) };
        snapshot
    }
    let mut state = watching(COLOUR, (80, 24), 3, unprivileged);
    type_keys(&mut state, characters("5\nGA"));
    assert_eq!(state.context(), Context::Plan);
    assert!(text(&state).contains("read-only: uid 1000 lacks CAP_NET_ADMIN"), "{}", text(&state));
    type_keys(&mut state, characters("U"));
    assert_eq!(state.context(), Context::Plan);
}

#[test]
fn a_frozen_picture_does_not_move_while_history_goes_on() {
    let mut state = watching(COLOUR, (80, 24), 8, busy_host);
    type_keys(&mut state, characters("f\u{1b}"));
    let frozen = text(&state);
    assert!(frozen.contains("FROZEN 12:00:08 <1m"), "{frozen}");
    state.take_dirty();
    for second in 9..30 {
        update(&mut state, Event::Clock(Now { unix_ms: START_UNIX_MS + 1000 * second, utc_offset_s: 0 }));
        update(&mut state, Event::Read(Arc::new(idle_host(second))));
    }
    assert!(!state.take_dirty(), "a frozen screen costs nothing");
    assert_eq!(text(&state), frozen);
    press(&mut state, Key::Char('f'));
    assert!(text(&state).contains("LIVE 1s"));
    assert!(!text(&state).contains("412/s  "), "{}", text(&state));
}

#[test]
fn the_help_page_is_made_from_the_table() {
    let mut state = WATCHING.clone();
    press(&mut state, Key::Char('?'));
    assert_screen("help_80x24", &state);
    update(&mut state, Event::Resize(80, 80));
    let page = text(&state);
    for binding in KEYS {
        let valid = binding.valid_in(Context::Overview);
        let row = binding.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let start: String = binding.help.chars().take(50).collect();
        let listed = page.lines().any(|line| line.starts_with(&format!("   {row:<13}{start}")));
        assert_eq!(listed, valid, "{row} {}", binding.help);
    }
}

/// Brings a state into a context.
pub(crate) fn state_in(context: Context, size: (u16, u16)) -> State {
    let mut state = WATCHING.clone();
    // The overview is one list of lines where there is no room for tables.
    let size = if context == Context::Overview { (size.0.max(80), size.1.max(24)) } else { size };
    update(&mut state, Event::Resize(size.0, size.1));
    let keys = match context {
        Context::Overview => "",
        Context::OverviewText => {
            // As wide as is asked for, and not high enough for tables.
            update(&mut state, Event::Resize(size.0, 20));
            ""
        }
        Context::Entry => "5\t\n",
        Context::Listeners => "2",
        Context::ListenerDetail => "2\n",
        Context::ProfileList => "5",
        Context::ProfileHistory => "5\t",
        Context::Plan => "5\n",
        Context::Question => "5\nGA",
        Context::Help => "?",
        Context::Gaps => "i",
        Context::Sockets => "3",
        Context::SocketPage => "3\n",
        Context::Topics => "4",
        Context::TopicPage => "4\n",
        Context::Findings => "6",
        Context::FindingPage => "6\n",
        Context::Parameters => "7",
        Context::ParameterPage => "7\n",
        Context::Lab => "8",
        Context::LabPage => "8\n",
        Context::Namespaces => "9",
        Context::ProfileValues => "5v",
        Context::Verification => "5V",
        Context::Prompt => ":",
    };
    type_keys(&mut state, characters(keys));
    assert_eq!(state.context(), context);
    state
}

#[test]
fn the_footer_lists_exactly_what_is_valid() {
    for &context in Context::ALL {
        let footer = rows(&drawn(&state_in(context, (250, 50)))).pop().unwrap();
        let mut wanted: Vec<String> = Vec::new();
        for place in [Place::Footer, Place::Pinned] {
            let entries = valid_bindings(context).filter(|binding| binding.place == place);
            wanted.extend(entries.map(|binding| format!("{} {}", binding.shown, binding.label)));
        }
        let listed: Vec<&str> = footer.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect();
        assert_eq!(listed, wanted, "{}", context.name());
    }
}

#[test]
fn every_valid_key_does_something_and_every_other_says_so() {
    for &context in Context::ALL {
        let start = state_in(context, (80, 24));
        for &key in KEYS.iter().flat_map(|binding| binding.keys) {
            let mut state = start.clone();
            press(&mut state, key);
            let typed = context == Context::Prompt && matches!(key, Key::Char(_));
            let valid = typed || valid_bindings(context).any(|row| row.keys.contains(&key));
            assert_eq!(text(&state).contains("does nothing in"), !valid, "{key} in {}", context.name());
        }
    }
}

#[test]
fn a_key_that_no_row_has_says_where_keys_are_listed() {
    let mut state = WATCHING.clone();
    press(&mut state, Key::Char('z'));
    assert!(text(&state).contains("z has no meaning here; ? lists the keys"));
    press(&mut state, Key::Char('2'));
    assert!(!text(&state).contains("has no meaning"), "the answer to an earlier key is gone with the next one");
}

#[test]
fn keys_for_the_outside_ask_for_effects() {
    let mut state = WATCHING.clone();
    assert!(matches!(press(&mut state, Key::Char('r')).as_slice(), [Effect::ReadNow]));
    assert!(matches!(press(&mut state, Key::Char('+')).as_slice(), [Effect::SetInterval(2000)]));
    assert!(matches!(press(&mut state, Key::Char('-')).as_slice(), [Effect::SetInterval(1000)]));
    assert!(matches!(press(&mut state, Key::Control('z')).as_slice(), [Effect::Suspend]));
    assert!(matches!(press(&mut state, Key::Control('l')).as_slice(), [Effect::Redraw]));
    assert!(matches!(press(&mut state, Key::Control('c')).as_slice(), [Effect::Quit]));
    assert!(matches!(press(&mut state, Key::Char('Q')).as_slice(), [Effect::QuitKeepingScreen]));
    assert!(press(&mut state, Key::Escape).is_empty(), "Esc never quits");
}

#[test]
fn without_colour_exactly_one_row_is_reversed_and_marked() {
    for keys in ["", "2", "5", "5\t"] {
        let mut state = watching(Theme { mono: true, ascii: false }, (80, 24), 8, busy_host);
        type_keys(&mut state, characters(keys));
        let buffer = drawn(&state);
        for cell in &buffer.content {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{keys:?}");
        }
        let reversed =
            |row: &[ratatui::buffer::Cell]| row.iter().all(|cell| cell.modifier.contains(Modifier::REVERSED));
        let marked: Vec<&str> =
            buffer.content.chunks(80).filter(|row| reversed(row)).map(|row| row[0].symbol()).collect();
        assert_eq!(marked, [">"], "{keys:?}");
        // The colours of the other theme carry nothing that the text does not say.
        let mut coloured = watching(COLOUR, (80, 24), 8, busy_host);
        type_keys(&mut coloured, characters(keys));
        assert_eq!(text(&coloured), text(&state));
    }
}

#[test]
fn in_ascii_every_character_is_ascii() {
    for keys in ["", "2", "5", "5\n", "5\nGA", "?", "i"] {
        for host in [busy_host, blind_host] {
            let mut state = watching(Theme { mono: true, ascii: true }, (80, 24), 8, host);
            type_keys(&mut state, characters(keys));
            assert!(text(&state).is_ascii(), "{}", text(&state));
        }
    }
    assert_screen("overview_ascii", &watching(Theme { mono: true, ascii: true }, (80, 24), 8, busy_host));
}

#[test]
fn no_screen_breaks_at_any_size() {
    let contexts = Context::ALL.iter().map(|context| state_in(*context, (80, 24)));
    let mut states: Vec<State> = contexts.collect();
    states.push(new_state(COLOUR, (80, 24)));
    states.push(watching(COLOUR, (80, 24), 3, blind_host));
    for state in &mut states {
        let sizes = (1..=250).step_by(23).flat_map(|width| (1..=80).step_by(11).map(move |height| (width, height)));
        for (width, height) in sizes.chain((38..=41).flat_map(|width| (9..=15).map(move |height| (width, height)))) {
            update(state, Event::Resize(width, height));
            let screen = rows(&drawn(state));
            if width >= 40 && height >= 10 {
                let footer = screen.last().unwrap();
                let pinned = match state.context() {
                    Context::Question => "q",
                    Context::Prompt => "Ctrl-C",
                    _ => "?",
                };
                assert!(footer.contains(pinned), "{width}×{height}: {footer}");
                assert!(screen[0].starts_with(' '), "{width}×{height}: {}", screen[0]);
            }
        }
    }
}

#[test]
fn words_leave_the_footer_whole_and_keys_last() {
    for &context in Context::ALL {
        let mut state = state_in(context, (80, 24));
        for width in 40..120 {
            update(&mut state, Event::Resize(width, 24));
            let context = state.context();
            let footer = rows(&drawn(&state)).pop().unwrap();
            for part in footer.split("  ").map(str::trim).filter(|part| !part.is_empty()) {
                let known = valid_bindings(context)
                    .any(|binding| part == binding.shown || part == format!("{} {}", binding.shown, binding.label));
                assert!(known, "{width}: `{part}` in `{footer}`");
            }
        }
    }
}

fn any_key() -> impl Strategy<Value = Key> {
    let listed: Vec<Key> = KEYS.iter().flat_map(|binding| binding.keys).copied().collect();
    prop_oneof![8 => prop::sample::select(listed), 1 => any::<char>().prop_map(Key::Char)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn only_y_after_a_question_writes_and_nothing_panics(
        steps in prop::collection::vec((any_key(), 0_u8..40), 1..80),
    ) {
        let mut state = WATCHING.clone();
        let mut asked = false;
        let mut second = 3;
        for (step, (key, what)) in steps.into_iter().enumerate() {
            match what {
                0 => drop(update(&mut state, Event::Resize(60, 15))),
                1 => drop(update(&mut state, Event::Resize(100, 60))),
                2 | 3 => {
                    second += 1;
                    update(&mut state, Event::Read(Arc::new(busy_host(second))));
                }
                4 => drop(update(&mut state, Event::ReadFailed("gone".into()))),
                _ => {}
            }
            let question = state.context() == Context::Question;
            let written = type_keys(&mut state, [key]);
            prop_assert!(written.is_empty() || (question && asked && key == Key::Char('y')));
            asked |= matches!(key, Key::Char('A' | 'U'));
            if step % 4 == 0 {
                drawn(&state);
            }
        }
    }
}
