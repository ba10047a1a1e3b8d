//! Idle peers and closed windows.

use tcpctl::model::{Action, Host, Scenario, Settings, Side, SocketOptions, Start};

use super::{Part, Swept, established, ms, with_settings};

const fn kept(keepidle_s: u32, keepintvl_s: u32, keepcnt: u8) -> SocketOptions {
    SocketOptions {
        syncnt: None,
        user_timeout_ms: 0,
        linger2_s: None,
        keepalive: true,
        keepidle_s: Some(keepidle_s),
        keepintvl_s: Some(keepintvl_s),
        keepcnt: Some(keepcnt),
        defer_accept_s: None,
        rto_max_ms: None,
        rto_min_us: None,
        thin_linear_timeouts: false,
    }
}

/// Idle, interval, count, and whether only the full set has it.
const KEEPALIVES: &[(u32, u32, u8, bool)] = &[
    (1, 1, 1, false),
    (1, 1, 3, false),
    (2, 3, 2, false),
    (1, 1, 9, true),
    (1, 5, 2, true),
    (3, 1, 2, true),
    (5, 2, 1, true),
    (10, 10, 2, true),
];

pub(super) fn keepalive(host: Host) -> Vec<Swept> {
    let with = |options| {
        let mut scenario = established(host).silencing(Side::Client);
        scenario.client.options = options;
        scenario
    };
    let mut swept: Vec<Swept> = KEEPALIVES
        .iter()
        .map(|(idle, interval, count, full)| {
            (format!("keepalive {idle}/{interval}/{count}"), *full, with(kept(*idle, *interval, *count)))
        })
        .collect();
    for (user_timeout_ms, full) in [(1500, false), (500, true), (2500, true), (4000, true)] {
        let options = SocketOptions { user_timeout_ms, ..kept(1, 1, 5) };
        swept.push((format!("keepalive 1/1/5, TCP_USER_TIMEOUT {user_timeout_ms} ms"), full, with(options)));
    }
    let settings = with_settings(|settings| {
        (settings.keepalive_time_s, settings.keepalive_intvl_s, settings.keepalive_probes) = (2, 1, 2);
    });
    let mut by_sysctl = Scenario::established(host, &settings).silencing(Side::Client);
    by_sysctl.client.options.keepalive = true;
    swept.push(("keepalive by sysctls 2/1/2".to_owned(), false, by_sysctl));
    swept
}

pub(super) fn window(host: Host) -> Vec<Swept> {
    let gone = |settings: &Settings| Scenario::beginning(host, settings, Start::WindowClosed).silencing(Side::Client);
    let mut swept = Vec::new();
    for (retries, full) in [(1, false), (3, false), (5, false), (2, true), (4, true), (6, true)] {
        swept.push((format!("tcp_retries2 {retries}"), full, gone(&with_settings(|s| s.retries2 = retries))));
    }
    for (user_timeout_ms, full) in [(1000, false), (500, true), (3000, true), (6000, true)] {
        let mut scenario = gone(&Settings::default());
        scenario.client.options.user_timeout_ms = user_timeout_ms;
        swept.push((format!("TCP_USER_TIMEOUT {user_timeout_ms} ms"), full, scenario));
    }
    for (rtt_ms, full) in [(50, false), (200, true)] {
        let scenario = Scenario { rtt_us: ms(rtt_ms), ..gone(&with_settings(|s| s.retries2 = 3)) };
        swept.push((format!("round trip {rtt_ms} ms, 3 retries"), full, scenario));
    }
    swept
}

pub(super) fn alive(host: Host) -> Vec<Part> {
    let keeping = |options| {
        let mut scenario = established(host);
        scenario.client.options = options;
        scenario
    };
    let window = || Scenario::beginning(host, &Settings::default(), Start::WindowClosed);
    vec![
        ("keepalive 1/1/2", 3600, keeping(kept(1, 1, 2))),
        ("keepalive 2/1/1", 5000, keeping(kept(2, 1, 1))),
        ("keepalive, and data now and then", 5000, {
            keeping(kept(1, 1, 2)).calling_at(ms(700), Side::Client, Action::Send).calling_at(
                ms(2300),
                Side::Client,
                Action::Send,
            )
        }),
        ("closed window", 6000, window()),
        ("closed window, round trip 50 ms", 6000, Scenario { rtt_us: ms(50), ..window() }),
    ]
}
