//! SYN floods on the kernel and in the model. The forged SYNs never leave the private namespaces.

use std::time::Duration;

use serde_json::Value;
use tcpctl::lab::{
    FLOOD_MOST, FloodBench, FloodConditions, FloodCounts, FloodPlan, LabError, flood, judge_flood, prove_floods,
};
use tcpctl::model::{Flood, FloodClient, FloodForecast, Host, Outcome, Settings, Span, forecast_flood};

use crate::case::{CannotRun, Case, Ran};
use crate::connect::host;
use crate::place::Place;

/// SYNs per second that the model is told; every flood here is over long before a timer could matter.
const RATE: u64 = 100_000;
/// What the laboratory may be late in noticing, as in its own comparisons.
const NOTICED: Duration = Duration::from_millis(100);

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a flood leaves what the model says, for every backlog and every value of tcp_syncookies", |place| {
            every_backlog_and_cookie(place)
        }),
        Case::new("a flood leaves what the model says, for every tcp_max_syn_backlog", every_max_syn_backlog),
        Case::new("a flood of 20000 SYNs is counted to the last one", most),
        Case::new("pruning leaves what the model says of 18, 11 and 10 requests and of a full queue", every_pruning),
        Case::new("a flood that goes on refills the queue as often as the model says", lasting),
        Case::new("a third segment that finds the accept queue full is ignored and tried again", |_| overflow(false)),
        Case::new("a third segment that finds the accept queue full is reset if that is set", |_| overflow(true)),
        Case::new("a client is served by a cookie while the queue is full", served_by_cookie),
        Case::new("a client without cookies gets in when the requests have died", |place| waiting_client(place, 0)),
        Case::new("the command plays a flood beside the prediction", command),
        Case::new("the command floods over IPv6 as well", command_over_ipv6),
        Case::new("the command plays a flood without and with a profile", command_with_profile),
        Case::new("a wrong prediction of a flood is found out", wrong_prediction),
        Case::new("a client without cookies gets in when pruning has made room", |place| waiting_client(place, 5)),
    ]
}

fn cannot(error: &LabError) -> CannotRun {
    CannotRun(error.to_string())
}

/// What the model says of a flood on the kernel that runs.
fn predicted(place: &Place, settings: &Settings, backlog: u32, count: u32) -> Result<FloodForecast, CannotRun> {
    predicted_at(place, settings, backlog, count, RATE)
}

fn predicted_at(
    place: &Place,
    settings: &Settings,
    backlog: u32,
    count: u32,
    rate_per_s: u64,
) -> Result<FloodForecast, CannotRun> {
    let kernel = place.snapshot().kernel;
    let version = kernel.version.ok_or_else(|| CannotRun("the kernel version could not be read".into()))?;
    let host = Host { version, hz: kernel.hz.map(|reading| reading.hz) };
    let client = FloodClient::default();
    Ok(forecast_flood(&Flood {
        host,
        settings: settings.clone(),
        asked: backlog,
        rate_per_s,
        count: count.into(),
        client,
        pace: None,
    }))
}

/// Floods the kernel and the model and demands the same counts.
fn demand(place: &Place, settings: &Settings, backlog: u32, count: u32) -> Ran {
    let said = predicted(place, settings, backlog, count)?;
    let seen = flood(settings, i32::try_from(backlog).unwrap(), count).map_err(|error| cannot(&error))?;
    let queue_full_drops = if said.drops_count_as_full() { said.dropped } else { 0 };
    let expected = FloodCounts {
        half_open: said.half_open_peak,
        // A request whose first timer has fired meanwhile has sent another one.
        syn_acks: seen.syn_acks.max(said.taken + said.cookies_sent),
        cookies_sent: said.cookies_sent,
        listen_drops: said.dropped,
        listen_overflows: 0,
        queue_full_cookies: said.cookies_sent,
        queue_full_drops,
    };
    assert_eq!(
        seen, expected,
        "backlog {backlog}, cookies {}, max_syn_backlog {}",
        settings.syncookies, settings.max_syn_backlog
    );
    Ok(())
}

fn every_backlog_and_cookie(place: &Place) -> Ran {
    for backlog in [0, 8, 128, 1000] {
        for syncookies in [0, 1, 2, 3] {
            demand(place, &Settings { syncookies, ..Settings::default() }, backlog, 1500)?;
        }
    }
    // somaxconn cuts what the application asks for.
    demand(place, &Settings { somaxconn: 100, ..Settings::default() }, 1000, 300)
}

fn every_max_syn_backlog(place: &Place) -> Ran {
    for max_syn_backlog in [-1, 0, 1, 3, 16, 64, 171, 172, 4096] {
        for syncookies in [0, 1] {
            demand(place, &Settings { syncookies, max_syn_backlog, ..Settings::default() }, 128, 300)?;
        }
    }
    Ok(())
}

fn most(place: &Place) -> Ran {
    let settings = Settings { somaxconn: 65_535, ..Settings::default() };
    demand(place, &settings, 1000, FLOOD_MOST)?;
    assert!(matches!(flood(&settings, 1000, FLOOD_MOST + 1), Err(LabError::NotPlayable(_))));
    Ok(())
}

/// All of them at once, each in namespaces of its own, since it takes 8 s.
fn every_pruning(place: &Place) -> Ran {
    let said: Vec<_> = [18, 11, 10].map(|count| predicted(place, &Settings::default(), 20, count)).into();
    let full = predicted(place, &without_cookies(), 128, 200)?;
    std::thread::scope(|scope| {
        let mut runs: Vec<_> = Vec::new();
        for (said, count) in said.into_iter().zip([18, 11, 10]) {
            runs.push(scope.spawn(move || pruning(&said?, count)));
        }
        runs.push(scope.spawn(|| refill(&full)));
        runs.into_iter().try_for_each(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn without_cookies() -> Settings {
    Settings { syncookies: 0, ..Settings::default() }
}

/// The requests are watched until each has had its third timer: 7 s, at most 0.6 s late on any common tick rate.
fn pruning(said: &FloodForecast, count: u32) -> Ran {
    let mut bench = FloodBench::build(&Settings::default(), 20).map_err(|error| cannot(&error))?;
    bench.send(count).map_err(|error| cannot(&error))?;
    let levels = bench.watch(Duration::from_millis(8500)).map_err(|error| cannot(&error))?;
    assert_eq!(levels.first().map(|(_, level)| *level), Some(said.half_open_peak), "{levels:?}");
    assert_eq!(levels.last().map(|(_, level)| *level), Some(said.half_open_after_pruning), "{levels:?}");
    if let Some((changed, _)) = levels.get(1) {
        assert!((Duration::from_secs(7)..Duration::from_millis(7600) + NOTICED).contains(changed), "{levels:?}");
    }
    Ok(())
}

/// A queue of 129 is pruned to 64; what comes then fills it again, and is young, so that nobody goes before 15 s.
fn refill(said: &FloodForecast) -> Ran {
    let mut bench = FloodBench::build(&without_cookies(), 128).map_err(|error| cannot(&error))?;
    bench.send(200).map_err(|error| cannot(&error))?;
    let levels = bench.watch(Duration::from_millis(8500)).map_err(|error| cannot(&error))?;
    assert_eq!(levels.last().map(|(_, level)| *level), Some(said.half_open_after_pruning), "{levels:?}");
    bench.send(200).map_err(|error| cannot(&error))?;
    let seen = bench.counts().map_err(|error| cannot(&error))?;
    let room = said.half_open_peak - said.half_open_after_pruning;
    assert_eq!((seen.half_open, seen.queue_full_drops), (said.half_open_peak, said.dropped + 200 - room));
    Ok(())
}

/// Requests without retries live 1 s, so that a flood of 3 s fills the queue three times.
fn lasting(place: &Place) -> Ran {
    let settings = Settings { synack_retries: 0, ..Settings::default() };
    let rate = 500;
    let said = predicted_at(place, &settings, 128, 1500, rate)?;
    let mut bench = FloodBench::build(&settings, 128).map_err(|error| cannot(&error))?;
    bench.send_paced(1500, rate).map_err(|error| cannot(&error))?;
    let seen = bench.counts().map_err(|error| cannot(&error))?;
    assert_eq!(said.spans, [Span { least: 1113, most: 1113 }, Span::default(), Span::default()]);
    assert_eq!((seen.cookies_sent, seen.listen_drops), (said.cookies_sent, said.dropped));
    Ok(())
}

/// Of two clients whose SYNs were taken, only one has a place in the accept queue. The model's course of the other one
/// has a SYN-ACK at 1 s, whose answer is another try, and the next one not before 3 s.
fn overflow(abort_on_overflow: bool) -> Ran {
    let settings = Settings { abort_on_overflow, syncookies: 0, ..Settings::default() };
    let mut bench = FloodBench::build(&settings, 1).map_err(|error| cannot(&error))?;
    let first = bench.connect_at_once(1).map_err(|error| cannot(&error))?;
    let two = bench.connect_at_once(2).map_err(|error| cannot(&error))?;
    let errors: Vec<_> = two.iter().filter_map(|socket| socket.take_error().expect("SO_ERROR")).collect();
    let seen = bench.counts().map_err(|error| cannot(&error))?;
    assert_eq!((seen.listen_overflows, seen.listen_drops, seen.syn_acks), (1, 1, 3));
    if abort_on_overflow {
        let kinds: Vec<_> = errors.iter().map(std::io::Error::kind).collect();
        assert_eq!((kinds, seen.half_open), (vec![std::io::ErrorKind::ConnectionReset], 0));
    } else {
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(seen.half_open, 1);
        bench.watch(Duration::from_millis(2500)).map_err(|error| cannot(&error))?;
        let later = bench.counts().map_err(|error| cannot(&error))?;
        assert_eq!((later.listen_overflows, later.half_open, later.syn_acks), (2, 1, 4));
    }
    drop((first, two));
    Ok(())
}

fn served_by_cookie(place: &Place) -> Ran {
    let settings = Settings::default();
    let said = predicted(place, &settings, 8, 40)?;
    let mut bench = FloodBench::build(&settings, 8).map_err(|error| cannot(&error))?;
    bench.send(40).map_err(|error| cannot(&error))?;
    let took = bench.connect(Duration::from_secs(3)).map_err(|error| cannot(&error))?;
    assert!(took.is_some_and(|took| took < Duration::from_secs(1)), "{took:?}");
    assert!(said.legitimate.by_cookie);
    let seen = bench.counts().map_err(|error| cannot(&error))?;
    // Its own cookie is no part of the flood.
    assert_eq!((seen.cookies_sent, seen.half_open), (said.cookies_sent + 1, said.half_open_peak));
    Ok(())
}

fn waiting_client(place: &Place, synack_retries: u32) -> Ran {
    let settings = Settings { syncookies: 0, synack_retries, ..Settings::default() };
    let said = predicted(place, &settings, 8, 40)?.legitimate;
    assert_eq!(said.outcome, Outcome::Established);
    let mut bench = FloodBench::build(&settings, 8).map_err(|error| cannot(&error))?;
    bench.send(40).map_err(|error| cannot(&error))?;
    let (first, last) = (Duration::from_micros(said.at.at_us), Duration::from_micros(said.at.latest_us) + NOTICED);
    let took = bench.connect(last + NOTICED).map_err(|error| cannot(&error))?;
    assert!(took.is_some_and(|took| (first..=last).contains(&took)), "{took:?} is not in {}", said.at);
    Ok(())
}

/// Runs the command, which must find that kernel and model agree.
fn lab(place: &Place, arguments: &[&str]) -> Result<Value, CannotRun> {
    let output = place.tcpctl(&[&["lab", "syn-flood", "--json"], arguments].concat());
    if output.status.code() == Some(4) {
        return Err(CannotRun(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let answer: Value = serde_json::from_slice(&output.stdout).expect("the output is JSON");
    if answer["conclusive"] == false {
        return Err(CannotRun("the flood was not sent at its pace, twice".into()));
    }
    assert_eq!(output.status.code(), Some(0), "{answer:#}");
    assert_eq!(answer["agrees"], true);
    Ok(answer)
}

/// Requests without retries are gone after 1 s, and so is the flood.
fn command(place: &Place) -> Ran {
    short_flood(place, &[], "ipv4")
}

fn command_over_ipv6(place: &Place) -> Ran {
    short_flood(place, &["--ipv6"], "ipv6")
}

fn short_flood(place: &Place, besides: &[&str], family: &str) -> Ran {
    let options = ["--count", "300", "--set", "tcp_synack_retries=0", "--rtt", "20ms"];
    let answer = lab(place, &[&options, besides].concat())?;
    assert_eq!(answer["flood"]["family"], family);
    let row = |figure: &str| {
        let rows = answer["rows"].as_array().expect("rows");
        rows.iter().find(|row| row["figure"] == figure).expect("a row").clone()
    };
    for (figure, number) in [("half_open_peak", 129), ("cookies_sent", 171), ("syn_acks_sent", 300), ("dropped", 0)] {
        assert_eq!(row(figure)["measured"], number, "{figure}");
    }
    assert!(row("last_gone")["measured"]["until_us"].as_u64().expect("it went") > 1_000_000);
    let client = &answer["client"];
    assert_eq!((&client["outcome"], &client["by_cookie"]), (&"established".into(), &true.into()));
    assert!(client["took_us"].as_u64().expect("an answer") >= 20_000);
    let pinned = answer["settings"][1]["values"].as_array().expect("settings");
    assert!(pinned.contains(&serde_json::json!(["net.ipv4.tcp_synack_retries", "0"])), "{pinned:?}");
    Ok(())
}

/// Without cookies the client waits until the requests are dead, 3 s old; the profile has cookies, and this process's
/// own namespace does not have them afterwards.
fn command_with_profile(place: &Place) -> Ran {
    place.set("net.ipv4.tcp_syncookies", "0");
    let options = ["--count", "300", "--set", "tcp_synack_retries=1", "--profile", "anti-syn-flood"];
    let answer = lab(place, &options)?;
    let (without, with) = (&answer["without"]["client"], &answer["with"]["client"]);
    assert!(without["took_us"].as_u64().is_none_or(|took_us| took_us > 2_000_000), "{without}");
    assert!(without["syns_dropped"].as_u64().expect("a number") >= 3, "{without}");
    assert!(with["took_us"].as_u64().is_some_and(|took_us| took_us < 1_000_000), "{with}");
    assert_eq!((&with["by_cookie"], &with["syns_dropped"]), (&true.into(), &0.into()));
    let left_out = answer["left_out"].as_array().expect("a list");
    assert!(left_out.iter().any(|left| left["key"] == "net.core.netdev_max_backlog"), "{left_out:?}");
    let conclusion = answer["conclusion"].as_str().expect("a sentence");
    assert!(conclusion.contains("by a cookie") && conclusion.contains("shut out"), "{conclusion}");
    assert_eq!(place.snapshot().sysctls.value("net.ipv4.tcp_syncookies"), Some("0"));
    Ok(())
}

/// What was played with one setting is held against the prediction for another.
fn wrong_prediction(place: &Place) -> Ran {
    let settings = Settings { synack_retries: 0, ..Settings::default() };
    let plan = FloodPlan::new(host(place)?, &settings, Some(20), Some(1000), Some(100), 0).expect("a flood");
    let proof = prove_floods(core::slice::from_ref(&plan), &FloodConditions::default())
        .map_err(|error| cannot(&error))?
        .pop()
        .expect("one");
    if !proof.conclusive {
        return Err(CannotRun("the flood was not sent at its pace, twice".into()));
    }
    assert!(proof.agrees(), "{:#?}", proof.rows);
    let wrong = |edit: fn(&mut FloodPlan)| {
        let mut played = proof.played.clone();
        edit(&mut played.plan);
        !judge_flood(played).agrees()
    };
    assert!(wrong(|plan| plan.backlog = 21));
    assert!(wrong(|plan| plan.settings.syncookies = 0));
    assert!(wrong(|plan| plan.settings.synack_retries = 1));
    Ok(())
}
