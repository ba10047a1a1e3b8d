//! The cases of the model's grid, in one place: a test shows them as numbers and a bench times them.

use tcpctl::model::{Action, Host, Measured, Scenario, Segment, Settings, Side, Start};
use tcpctl::units::{Hz, KernelVersion};

/// One table: a scenario for every value down and across, on every kernel.
pub(crate) struct Table {
    /// What is played and how it ends.
    pub(crate) title: &'static str,
    /// What varies from line to line, with its values.
    pub(crate) down: (&'static str, &'static [i32]),
    /// What varies from column to column, with its values.
    pub(crate) across: (&'static str, &'static [i32]),
    /// The kernels it is played on.
    pub(crate) kernels: &'static [KernelVersion],
    /// Whose segments are counted, and which.
    pub(crate) counted: (Side, Segment),
    /// The scenario for a value down and one across.
    pub(crate) scenario: fn(Host, i32, i32) -> Scenario,
}

/// One of the 4.19 series whose SYNs are limited with the wrong base.
const FOUR_19_100: KernelVersion = KernelVersion { major: 4, minor: 19, patch: 100 };

/// Kernels of which each has a rule that the one before does not have: the count alone, the limit with the wrong base,
/// the limit with the right one, linear timeouts, `tcp_rto_max_ms`, and the present.
const KERNELS: &[KernelVersion] = &[
    KernelVersion::new(4, 14),
    FOUR_19_100,
    KernelVersion::new(5, 4),
    KernelVersion::new(6, 5),
    KernelVersion::new(6, 15),
    KernelVersion::new(6, 18),
];
/// The last kernel without `tcp_rto_max_ms`, the first with it, and the present.
const RTO_MAX_KERNELS: &[KernelVersion] =
    &[KernelVersion::new(6, 14), KernelVersion::new(6, 15), KernelVersion::new(6, 18)];
/// Every history of `TCP_USER_TIMEOUT` in SYN_SENT.
const USER_TIMEOUT_KERNELS: &[KernelVersion] = &[
    KernelVersion::new(4, 14),
    KernelVersion::new(4, 19),
    FOUR_19_100,
    KernelVersion::new(5, 3),
    KernelVersion::new(5, 4),
    KernelVersion::new(6, 5),
    KernelVersion::new(6, 18),
];
const PRESENT: &[KernelVersion] = &[KernelVersion::new(6, 18)];

const RETRIES_1_TO_7: &[i32] = &[1, 2, 3, 4, 5, 6, 7];
const RETRIES_0_TO_15: &[i32] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
const RTT_MS: &[i32] = &[0, 10, 50, 100, 200, 500];
const RTO_MAX_S: &[i32] = &[1, 2, 5, 10, 30, 60, 120];
const USER_TIMEOUT_MS: &[i32] = &[500, 1000, 2500, 5000, 10_000, 30_000];

/// The grid.
pub(crate) const TABLES: &[Table] = &[
    Table {
        title: "connect, every SYN lost",
        down: ("tcp_syn_linear_timeouts", &[0, 1, 4, 10]),
        across: ("tcp_syn_retries", RETRIES_1_TO_7),
        kernels: KERNELS,
        counted: (Side::Client, Segment::Syn),
        scenario: |host, linear, retries| {
            syn_lost(host, settings(|s| (s.syn_retries, s.syn_linear_timeouts) = (u(retries), u(linear))))
        },
    },
    Table {
        title: "connect, every SYN lost, at other tick rates (0: not known)",
        down: ("HZ", &[100, 250, 300, 1000, 0]),
        across: ("tcp_syn_retries", RETRIES_1_TO_7),
        kernels: PRESENT,
        counted: (Side::Client, Segment::Syn),
        scenario: |host, hz, retries| {
            syn_lost(Host { hz: Hz::new(u(hz)), ..host }, settings(|s| s.syn_retries = u(retries)))
        },
    },
    Table {
        title: "connect, every SYN lost, no linear timeouts",
        down: ("tcp_rto_max_ms/1000", RTO_MAX_S),
        across: ("tcp_syn_retries", RETRIES_1_TO_7),
        kernels: RTO_MAX_KERNELS,
        counted: (Side::Client, Segment::Syn),
        scenario: |host, rto_max_s, retries| {
            syn_lost(
                host,
                settings(|s| {
                    (s.syn_retries, s.syn_linear_timeouts, s.rto_max_ms) = (u(retries), 0, u(rto_max_s) * 1000)
                }),
            )
        },
    },
    Table {
        title: "connect, every SYN lost, 4 linear timeouts",
        down: ("tcp_rto_max_ms/1000", RTO_MAX_S),
        across: ("tcp_syn_retries", RETRIES_1_TO_7),
        kernels: RTO_MAX_KERNELS,
        counted: (Side::Client, Segment::Syn),
        scenario: |host, rto_max_s, retries| {
            syn_lost(
                host,
                settings(|s| {
                    (s.syn_retries, s.syn_linear_timeouts, s.rto_max_ms) = (u(retries), 4, u(rto_max_s) * 1000)
                }),
            )
        },
    },
    Table {
        title: "connect, every SYN lost, 6 retries",
        down: ("TCP_USER_TIMEOUT ms", USER_TIMEOUT_MS),
        across: ("tcp_syn_linear_timeouts", &[0, 4]),
        kernels: USER_TIMEOUT_KERNELS,
        counted: (Side::Client, Segment::Syn),
        scenario: |host, user_timeout_ms, linear| {
            let mut scenario = syn_lost(host, settings(|s| s.syn_linear_timeouts = u(linear)));
            scenario.client.options.user_timeout_ms = u(user_timeout_ms);
            scenario
        },
    },
    Table {
        title: "half-open entry that nobody completes",
        down: ("tcp_synack_retries", &[0, 1, 2, 3, 4, 5, 6, 7]),
        across: ("tcp_rto_max_ms/1000", &[2, 120]),
        kernels: &[
            KernelVersion::new(4, 14),
            FOUR_19_100,
            KernelVersion::new(5, 4),
            KernelVersion::new(6, 5),
            KernelVersion::new(6, 15),
            KernelVersion::new(6, 18),
            KernelVersion::new(6, 19),
        ],
        counted: (Side::Server, Segment::SynAck),
        scenario: |host, retries, rto_max_s| {
            Scenario::half_open(
                host,
                &settings(|s| (s.synack_retries, s.rto_max_ms) = (u(retries), u(rto_max_s) * 1000)),
            )
        },
    },
    Table {
        title: "data lost",
        down: ("tcp_retries2", RETRIES_0_TO_15),
        across: ("RTT ms", RTT_MS),
        kernels: KERNELS,
        counted: (Side::Client, Segment::Data),
        scenario: |host, retries, rtt_ms| data_lost(host, rtt_ms, settings(|s| s.retries2 = u(retries))),
    },
    Table {
        title: "data lost on a connection whose RTO has come down to the round trip and 200 ms",
        down: ("tcp_retries2", &[3, 5, 6, 8, 10, 12, 15]),
        across: ("RTT ms", RTT_MS),
        kernels: PRESENT,
        counted: (Side::Client, Segment::Data),
        scenario: |host, retries, rtt_ms| {
            let mut scenario = data_lost(host, rtt_ms, settings(|s| s.retries2 = u(retries)));
            // A whole number of ticks above.
            let rto_us = (scenario.rtt_us + 200_000) / 4000 * 4000 + 4000;
            scenario.client.measured = Some(Measured { rto_us, srtt_us: scenario.rtt_us });
            scenario
        },
    },
    Table {
        title: "data lost, RTT 0, at other tick rates (0: not known)",
        down: ("HZ", &[100, 250, 300, 1000, 0]),
        across: ("tcp_retries2", &[3, 5, 6, 8, 15]),
        kernels: PRESENT,
        counted: (Side::Client, Segment::Data),
        scenario: |host, hz, retries| {
            data_lost(Host { hz: Hz::new(u(hz)), ..host }, 0, settings(|s| s.retries2 = u(retries)))
        },
    },
    Table {
        title: "data lost, RTT 0",
        down: ("tcp_rto_max_ms/1000", RTO_MAX_S),
        across: ("tcp_retries2", &[3, 5, 8, 10, 12, 15]),
        kernels: RTO_MAX_KERNELS,
        counted: (Side::Client, Segment::Data),
        scenario: |host, rto_max_s, retries| {
            data_lost(host, 0, settings(|s| (s.retries2, s.rto_max_ms) = (u(retries), u(rto_max_s) * 1000)))
        },
    },
    Table {
        title: "data lost, 5 retries",
        down: ("tcp_rto_min_us/1000", &[5, 50, 100, 200]),
        across: ("RTT ms", RTT_MS),
        kernels: &[KernelVersion::new(6, 5), KernelVersion::new(6, 18)],
        counted: (Side::Client, Segment::Data),
        scenario: |host, rto_min_ms, rtt_ms| {
            data_lost(host, rtt_ms, settings(|s| (s.retries2, s.rto_min_us) = (5, u(rto_min_ms) * 1000)))
        },
    },
    Table {
        title: "data lost",
        down: ("TCP_USER_TIMEOUT ms", USER_TIMEOUT_MS),
        across: ("RTT ms", RTT_MS),
        kernels: &[KernelVersion::new(4, 14), KernelVersion::new(4, 19), KernelVersion::new(6, 18)],
        counted: (Side::Client, Segment::Data),
        scenario: |host, user_timeout_ms, rtt_ms| {
            let mut scenario = data_lost(host, rtt_ms, Settings::default());
            scenario.client.options.user_timeout_ms = u(user_timeout_ms);
            scenario
        },
    },
    Table {
        title: "close, every FIN lost",
        down: ("tcp_orphan_retries", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        across: ("RTT ms", RTT_MS),
        kernels: &[KernelVersion::new(4, 14), KernelVersion::new(6, 18)],
        counted: (Side::Client, Segment::Fin),
        scenario: |host, retries, rtt_ms| {
            let scenario = Scenario::established(host, &settings(|s| s.orphan_retries = u(retries)));
            at_rtt(scenario.calling(Side::Client, Action::Close).silencing(Side::Client), rtt_ms)
        },
    },
    Table {
        title: "idle, peer gone, keepalive every 75 s",
        down: ("tcp_keepalive_time", &[2, 10, 60, 600, 7200]),
        across: ("tcp_keepalive_probes", &[1, 3, 9]),
        kernels: &[KernelVersion::new(4, 14), KernelVersion::new(6, 18)],
        counted: (Side::Client, Segment::Keepalive),
        scenario: |host, idle_s, probes| {
            idle(host, settings(|s| (s.keepalive_time_s, s.keepalive_probes) = (i64::from(idle_s), u(probes))))
        },
    },
    Table {
        title: "idle, peer gone, keepalive after 2 s, every 1 s, 3 probes",
        down: ("TCP_USER_TIMEOUT ms", &[0, 500, 1000, 2500, 5000, 10_000]),
        across: ("RTT ms", &[0]),
        kernels: &[KernelVersion::new(4, 14), KernelVersion::new(6, 18)],
        counted: (Side::Client, Segment::Keepalive),
        scenario: |host, user_timeout_ms, _| {
            let mut scenario = idle(host, Settings::default());
            let options = &mut scenario.client.options;
            (options.keepidle_s, options.keepintvl_s, options.keepcnt) = (Some(2), Some(1), Some(3));
            options.user_timeout_ms = u(user_timeout_ms);
            scenario
        },
    },
    Table {
        title: "close, and the peer never closes: FIN-WAIT-2",
        down: ("tcp_fin_timeout", &[-1, 0, 1, 5, 59, 60, 61, 70, 90, 120, 150]),
        across: ("RTT ms", &[0, 50, 200, 500]),
        kernels: KERNELS,
        counted: (Side::Client, Segment::Fin),
        scenario: |host, fin_timeout_s, rtt_ms| {
            at_rtt(Scenario::closed_alone(host, &settings(|s| s.fin_timeout_s = i64::from(fin_timeout_s))), rtt_ms)
        },
    },
    Table {
        title: "window closed, peer gone",
        down: ("tcp_retries2", RETRIES_0_TO_15),
        across: ("RTT ms", RTT_MS),
        kernels: &[KernelVersion::new(4, 14), KernelVersion::new(6, 18)],
        counted: (Side::Client, Segment::Probe),
        scenario: |host, retries, rtt_ms| {
            at_rtt(window_closed(host, settings(|s| s.retries2 = u(retries))).silencing(Side::Client), rtt_ms)
        },
    },
    Table {
        title: "window closed, peer answers",
        down: ("TCP_USER_TIMEOUT ms", &[0, 500, 1000, 2500, 6000, 8000, 30_000]),
        across: ("RTT ms", &[0, 50, 200]),
        kernels: &[KernelVersion::new(4, 14), KernelVersion::new(6, 18)],
        counted: (Side::Client, Segment::Probe),
        scenario: |host, user_timeout_ms, rtt_ms| {
            let mut scenario = window_closed(host, Settings::default());
            scenario.client.options.user_timeout_ms = u(user_timeout_ms);
            at_rtt(scenario, rtt_ms)
        },
    },
];

impl Table {
    /// The scenario of a cell at 250 ticks a second.
    pub(crate) fn cell(&self, version: KernelVersion, down: i32, across: i32) -> Scenario {
        (self.scenario)(Host { version, hz: Hz::new(250) }, down, across)
    }
}

/// A value of an axis that has no negative ones.
fn u(value: i32) -> u32 {
    value.unsigned_abs()
}

fn settings(edit: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    edit(&mut settings);
    settings
}

fn at_rtt(scenario: Scenario, rtt_ms: i32) -> Scenario {
    Scenario { rtt_us: u64::from(u(rtt_ms)) * 1000, ..scenario }
}

fn syn_lost(host: Host, settings: Settings) -> Scenario {
    Scenario::connect(host, &settings).losing(Side::Client, Segment::Syn)
}

fn data_lost(host: Host, rtt_ms: i32, settings: Settings) -> Scenario {
    at_rtt(Scenario::established(host, &settings).calling(Side::Client, Action::Send).silencing(Side::Client), rtt_ms)
}

fn idle(host: Host, settings: Settings) -> Scenario {
    let mut scenario = Scenario::established(host, &settings).silencing(Side::Client);
    scenario.client.options.keepalive = true;
    scenario
}

fn window_closed(host: Host, settings: Settings) -> Scenario {
    Scenario::beginning(host, &settings, Start::WindowClosed)
}
