//! Timers over their settings: what is lost, sent again, and given up.

use tcpctl::model::{Action, Host, Scenario, Segment, Settings, Side, SocketOptions};

use super::{Swept, ms, with_settings};

/// Values over which something is swept; the full set has all of them, the default set those before the bar.
struct Over<T: 'static>(&'static [T], &'static [T]);

impl<T: Copy> Over<T> {
    fn each(&self) -> impl Iterator<Item = (T, bool)> {
        self.0.iter().map(|value| (*value, false)).chain(self.1.iter().map(|value| (*value, true)))
    }
}

pub(super) fn syn(host: Host) -> Vec<Swept> {
    let lost = |settings: &Settings| Scenario::connect(host, settings).losing(Side::Client, Segment::Syn);
    let with_options = |options| {
        let mut scenario = lost(&Settings::default());
        scenario.client.options = options;
        scenario
    };
    let mut swept = Vec::new();
    for (retries, full) in Over(&[1, 2, 3, 6], &[4, 5]).each() {
        let settings = with_settings(|settings| settings.syn_retries = retries);
        swept.push((format!("{retries} retries"), full, lost(&settings)));
    }
    for (retries, full) in Over(&[1, 2, 3, 5], &[4]).each() {
        let settings = with_settings(|settings| (settings.syn_retries, settings.syn_linear_timeouts) = (retries, 0));
        swept.push((format!("{retries} retries, none of them linear"), full, lost(&settings)));
    }
    for (linear, full) in Over(&[1, 2], &[3, 6, 10]).each() {
        let settings = with_settings(|settings| (settings.syn_retries, settings.syn_linear_timeouts) = (2, linear));
        swept.push((format!("2 retries, and {linear} linear"), full, lost(&settings)));
    }
    for (user_timeout_ms, full) in Over(&[500, 1500, 2500, 5000], &[1000, 3000, 7777, 10_000, 20_000]).each() {
        let options = SocketOptions { user_timeout_ms, ..SocketOptions::default() };
        swept.push((format!("TCP_USER_TIMEOUT {user_timeout_ms} ms"), full, with_options(options)));
    }
    for (syncnt, full) in Over(&[1, 3], &[2, 5]).each() {
        let options = SocketOptions { syncnt: Some(syncnt), ..SocketOptions::default() };
        swept.push((format!("TCP_SYNCNT {syncnt}"), full, with_options(options)));
    }
    for (rto_max_ms, full) in Over(&[1000, 3000], &[2000, 5000]).each() {
        let settings = with_settings(|settings| {
            (settings.syn_retries, settings.syn_linear_timeouts, settings.rto_max_ms) = (4, 0, rto_max_ms);
        });
        swept.push((format!("4 retries, tcp_rto_max_ms {rto_max_ms}"), full, lost(&settings)));
    }
    swept
}

pub(super) fn syn_ack(host: Host) -> Vec<Swept> {
    let with_retries = |retries| with_settings(|settings| settings.synack_retries = retries);
    let mut swept = Vec::new();
    for (retries, full) in Over(&[0, 1, 2, 3, 5], &[4]).each() {
        let settings = with_retries(retries);
        swept.push((format!("forged SYN, {retries} retries"), full, Scenario::half_open(host, &settings)));
    }
    for (retries, full) in Over(&[1, 2], &[3]).each() {
        let settings = with_settings(|settings| (settings.syn_retries, settings.synack_retries) = (retries, retries));
        let lost = Scenario::connect(host, &settings).losing(Side::Server, Segment::SynAck);
        swept.push((format!("{retries} retries at both ends"), full, lost));
    }
    for (retries, full) in Over(&[1, 2], &[0, 3, 4]).each() {
        let third = Scenario::connect(host, &with_retries(retries)).losing(Side::Client, Segment::Ack);
        swept.push((format!("third segments lost, {retries} retries"), full, third.about(Side::Server)));
    }
    for (rto_max_ms, full) in Over(&[1000], &[2000, 4000]).each() {
        let settings = with_settings(|settings| (settings.synack_retries, settings.rto_max_ms) = (3, rto_max_ms));
        let name = format!("forged SYN, 3 retries, tcp_rto_max_ms {rto_max_ms}");
        swept.push((name, full, Scenario::half_open(host, &settings)));
    }
    swept
}

pub(super) fn data(host: Host) -> Vec<Swept> {
    let lost = |settings: &Settings| {
        Scenario::established(host, settings).silencing(Side::Client).calling(Side::Client, Action::Send)
    };
    let with_options = |options| {
        let mut scenario = lost(&Settings::default());
        scenario.client.options = options;
        scenario
    };
    let mut swept = Vec::new();
    for (retries, full) in Over(&[1, 3, 5, 8], &[2, 4, 6, 7]).each() {
        swept.push((format!("tcp_retries2 {retries}"), full, lost(&with_settings(|s| s.retries2 = retries))));
    }
    for (rtt_ms, full) in Over(&[20, 200], &[1, 5, 50, 100, 400]).each() {
        let scenario = Scenario { rtt_us: ms(rtt_ms), ..lost(&with_settings(|s| s.retries2 = 3)) };
        swept.push((format!("round trip {rtt_ms} ms, 3 retries"), full, scenario));
    }
    for (rto_min_us, full) in Over(&[5000, 100_000], &[1000, 50_000, 500_000]).each() {
        let settings = with_settings(|s| (s.retries2, s.rto_min_us) = (4, rto_min_us));
        swept.push((format!("tcp_rto_min_us {rto_min_us}, 4 retries"), full, lost(&settings)));
    }
    for (rto_max_ms, full) in Over(&[1000], &[2000]).each() {
        let settings = with_settings(|s| (s.retries2, s.rto_max_ms) = (8, rto_max_ms));
        swept.push((format!("tcp_rto_max_ms {rto_max_ms}, 8 retries"), full, lost(&settings)));
    }
    for (user_timeout_ms, full) in Over(&[500, 2000, 5000], &[100, 300, 1000, 3000, 10_000]).each() {
        let options = SocketOptions { user_timeout_ms, ..SocketOptions::default() };
        swept.push((format!("TCP_USER_TIMEOUT {user_timeout_ms} ms"), full, with_options(options)));
    }
    for (early_retrans, full) in Over(&[0], &[4]).each() {
        let settings = with_settings(|s| (s.retries2, s.early_retrans) = (3, early_retrans));
        swept.push((format!("tcp_early_retrans {early_retrans}, 3 retries"), full, lost(&settings)));
    }
    let thin = with_settings(|s| (s.retries2, s.thin_linear_timeouts) = (5, true));
    swept.push(("tcp_thin_linear_timeouts, 5 retries".to_owned(), false, lost(&thin)));
    let options = SocketOptions { rto_max_ms: Some(1000), ..SocketOptions::default() };
    let mut capped = with_options(options);
    capped.client.settings.retries2 = 6;
    swept.push(("TCP_RTO_MAX_MS 1000, 6 retries".to_owned(), false, capped));
    swept
}

pub(super) fn fin(host: Host) -> Vec<Swept> {
    let closing = |settings: &Settings| Scenario::established(host, settings).calling(Side::Client, Action::Close);
    let orphans = |orphan_retries| with_settings(|s| s.orphan_retries = orphan_retries);
    let mut swept = Vec::new();
    for (retries, full) in Over(&[1, 2, 4, 0], &[3, 5, 6]).each() {
        let lost = closing(&orphans(retries)).silencing(Side::Client);
        swept.push((format!("tcp_orphan_retries {retries}"), full, lost));
    }
    for (rtt_ms, full) in Over(&[100], &[20, 300]).each() {
        let lost = closing(&orphans(3)).silencing(Side::Client);
        swept.push((format!("round trip {rtt_ms} ms"), full, Scenario { rtt_us: ms(rtt_ms), ..lost }));
    }
    for (retries, full) in Over(&[1, 3], &[2]).each() {
        let last_ack = closing(&orphans(retries)).calling(Side::Server, Action::CloseAfterPeer);
        let last_ack = last_ack.losing(Side::Server, Segment::Fin).about(Side::Server);
        // The client waits in FIN-WAIT-2 for less than the server goes on.
        let mut last_ack = last_ack;
        last_ack.client.settings.fin_timeout_s = 2;
        swept.push((format!("the server's, tcp_orphan_retries {retries}"), full, last_ack));
    }
    for (retries, full) in Over(&[2], &[1, 3]).each() {
        let acks = closing(&orphans(retries)).losing(Side::Server, Segment::Ack).about(Side::Client);
        swept.push((format!("its ACKs lost, tcp_orphan_retries {retries}"), full, acks));
    }
    swept
}

pub(super) fn fin_wait_2(host: Host) -> Vec<Swept> {
    let alone = |fin_timeout_s| {
        let settings = with_settings(|settings| settings.fin_timeout_s = fin_timeout_s);
        Scenario::closed_alone(host, &settings)
    };
    let mut swept = Vec::new();
    for (seconds, full) in Over(&[1, 5, 60], &[2, 3, 10, 20, 30]).each() {
        swept.push((format!("tcp_fin_timeout {seconds} s"), full, alone(seconds)));
    }
    for (seconds, full) in Over(&[1, 4], &[2, 10, 60]).each() {
        let mut scenario = alone(60);
        scenario.client.options.linger2_s = Some(seconds);
        swept.push((format!("TCP_LINGER2 {seconds} s"), full, scenario));
    }
    for (seconds, full) in Over(&[], &[70, 90]).each() {
        swept.push((format!("tcp_fin_timeout {seconds} s, more than TIME-WAIT's"), full, alone(seconds)));
    }
    swept
}

pub(super) fn time_wait(host: Host) -> Vec<Swept> {
    let close = |settings: &Settings| Scenario::close(host, settings);
    let slow = Scenario { rtt_us: ms(50), ..close(&Settings::default()) };
    let short = with_settings(|settings| settings.fin_timeout_s = 5);
    vec![
        ("60 s".to_owned(), false, close(&Settings::default())),
        ("60 s whatever tcp_fin_timeout says".to_owned(), true, close(&short)),
        ("60 s after a round trip of 50 ms".to_owned(), true, slow),
        ("the last ACK lost".to_owned(), true, close(&Settings::default()).losing_first(Side::Client, Segment::Ack, 2)),
    ]
}
