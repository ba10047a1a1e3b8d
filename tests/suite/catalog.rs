//! The table of sysctls is consistent, row by row.

use std::collections::BTreeSet;

use tcpctl::catalog::{self, Default, Form, Order, Scope, TakesEffect, ValueError};
use tcpctl::explain::{Ask, Overrides, find_topic, scenario_of};
use tcpctl::model::{Segment, Side, Timeline, What, forecast};
use tcpctl::units::{Hz, KernelVersion, SysctlKey, SysctlValues};

const NEWEST: KernelVersion = KernelVersion { major: u16::MAX, minor: 0, patch: 0 };

#[test]
fn every_key_is_written_as_the_kernel_writes_it_and_stands_once() {
    let mut seen = BTreeSet::new();
    for row in catalog::parameters() {
        let key: SysctlKey = row.key.parse().unwrap();
        assert_eq!(key.as_str(), row.key);
        assert!(seen.insert(row.key), "{} stands twice", row.key);
        let other = row.key.replacen("net.ipv4.neigh.", "net.ipv6.neigh.", 1);
        let both = other.starts_with("net.ipv6.neigh.");
        let by_leaf = catalog::find_by_name(row.leaf()).map(|found| found.key);
        assert_eq!(by_leaf, (!both).then_some(row.key), "two keys end alike");
    }
    assert!(seen.len() >= 150, "only {} rows", seen.len());
}

#[test]
fn every_row_says_what_it_is() {
    for row in catalog::parameters() {
        assert!(!row.unit.is_empty(), "{} has no unit", row.key);
        assert!(row.removed.is_some() || !row.affects.is_empty(), "{} does not say what it affects", row.key);
        assert!(!row.affects.ends_with('.') && !row.note.ends_with('.'), "{}: phrases, not sentences", row.key);
    }
}

/// What a key does is shown beside any value of it, so that no text may tell what follows from the default as if that were
/// the value: `when it dies: 924.6 s` beside 8.
#[test]
fn no_text_tells_what_follows_from_the_default_as_if_it_were_the_value() {
    // Times that are constants of the kernel.
    let constants = ["equal 1 s SYN timeouts", "unused for 5 s"];
    for row in catalog::parameters() {
        let bare = constants.iter().fold(row.affects.to_owned(), |text, constant| text.replace(constant, ""));
        let words: Vec<&str> = bare.split([' ', ',', ';', ')', '(']).collect();
        let times = words.windows(2).filter(|pair| ["s", "ms", "min", "h"].contains(&pair[1]));
        let told: Vec<_> = times.filter(|pair| pair[0].parse::<f64>().is_ok()).collect();
        assert!(told.is_empty(), "{}: {told:?} in `{}`", row.key, row.affects);
    }
    // Where a value is told with what follows from it, the value is named.
    let said = |key: &str| catalog::find(key).unwrap();
    assert!(said("net.ipv4.tcp_retries2").misunderstood.contains("924.6 s for 15 with the longest timeout at 120 s"));
    // The kernel compares without a sign.
    assert!(said("net.ipv4.tcp_max_tw_buckets").note.contains("a negative number is no limit"));
}

/// `msecs_to_jiffies()` and back: whole ticks, rounded up.
#[test]
fn times_that_are_kept_in_ticks_are_rounded_up_to_them() {
    let key = "net.ipv4.tcp_invalid_ratelimit";
    let kept = |ms: &str, hz: u32| catalog::rounded_to_ticks(key, ms, Hz::new(hz).unwrap());
    for (ms, hz, wanted) in [("500", 250, "500"), ("501", 250, "504"), ("501", 100, "510"), ("501", 1000, "501")] {
        assert_eq!(kept(ms, hz).as_deref(), Some(wanted), "{ms} at {hz}");
    }
    assert_eq!(kept("-1", 250), None);
    assert_eq!(catalog::rounded_to_ticks("net.ipv4.tcp_fin_timeout", "501", Hz::new(250).unwrap()), None);
    let version = KernelVersion::new(6, 18);
    assert_eq!(catalog::kept_value(key, "501", version, Hz::new(250)).as_deref(), Ok("504"));
}

#[test]
fn versions_stand_in_order() {
    for row in catalog::parameters() {
        assert!(row.removed.is_none_or(|removed| removed > row.since), "{} left before it came", row.key);
        assert!(row.defaults.is_sorted_by(|a, b| a.since < b.since), "{}: defaults are not in order", row.key);
        assert!(row.ranges.is_sorted_by(|a, b| a.since < b.since), "{}: ranges are not in order", row.key);
        if let Some(since) = row.per_namespace_since {
            assert_eq!(row.scope(NEWEST), Scope::Namespace, "{}", row.key);
            assert!(since == KernelVersion::new(0, 0) || since >= row.since, "{}", row.key);
        }
    }
}

#[test]
fn every_default_is_a_value_that_its_kernel_takes() {
    for row in catalog::parameters() {
        let versions = row.defaults.iter().map(|entry| entry.since).chain([row.since, NEWEST]);
        for version in versions.filter(|version| row.exists(*version)) {
            let text = match row.default(version) {
                Some(Default::Constant(text) | Default::ConstantFrom { text, .. }) => text,
                _ => continue,
            };
            if row.takes_effect != TakesEffect::ReadOnly {
                assert_eq!(catalog::check_value(row.key, text, version, None), Ok(()), "{} on {version}", row.key);
            }
        }
    }
}

#[test]
fn ranges_are_for_numbers_and_leave_room() {
    for row in catalog::parameters() {
        for entry in row.ranges {
            assert!(matches!(row.form, Form::Numbers(_)), "{} has a range and is no number", row.key);
            assert!(entry.range.min.as_number(None) < entry.range.max.as_number(None), "{} takes nothing", row.key);
        }
    }
}

#[test]
fn every_row_of_several_numbers_says_how_they_stand_to_each_other_and_is_checked_for_it() {
    let mut rows = 0;
    for row in catalog::parameters() {
        let count = if let Form::Numbers(count) = row.form { count } else { 1 };
        assert_eq!(row.order != Order::Any, count > 1, "{}", row.key);
        if count > 1 {
            rows += 1;
            let value = |numbers: &mut dyn Iterator<Item = usize>| {
                numbers.map(|n| (n * 1000).to_string()).collect::<Vec<_>>().join(" ")
            };
            let check = |text: String| catalog::check_value(row.key, &text, NEWEST, None);
            assert_eq!(check(value(&mut (1..=count))), Ok(()), "{}", row.key);
            let falling = check(value(&mut (1..=count).rev()));
            assert!(matches!(falling, Err(ValueError::NotRising { .. })), "{}: {falling:?}", row.key);
        }
    }
    assert!(rows >= 5, "only {rows} rows");
}

#[test]
fn the_defaults_of_a_kernel_leave_out_what_it_does_not_have() {
    let old = catalog::defaults(KernelVersion::new(4, 14), Some(16 << 20));
    let new = catalog::defaults(KernelVersion::new(6, 18), Some(16 << 20));
    assert!(!old.contains_key("net.ipv4.tcp_syn_linear_timeouts"));
    assert_eq!(new.get("net.ipv4.tcp_syn_linear_timeouts").map(String::as_str), Some("4"));
    assert_eq!(old.get("net.core.somaxconn").map(String::as_str), Some("128"));
    assert_eq!(new.get("net.ipv4.tcp_rmem").map(String::as_str), Some("4096 131072 33554432"));
}

#[test]
fn every_setting_of_the_model_is_in_the_table() {
    for key in tcpctl::model::Settings::keys() {
        assert!(catalog::find(key).is_some(), "{key} is not in the table");
    }
}

/// What is commonly misunderstood is said where people most often are: in every key that the model reads and in those
/// of the folk settings.
#[test]
fn the_keys_that_people_get_wrong_say_so() {
    let said = |key: &str| catalog::find(key).is_some_and(|row| !row.misunderstood.is_empty());
    for key in tcpctl::model::Settings::keys() {
        let plain = ["net.ipv4.tcp_thin_linear_timeouts", "net.ipv4.tcp_tw_reuse_delay"].contains(&key);
        assert!(said(key) || plain, "{key} does not say what is misunderstood about it");
    }
    for key in ["net.ipv4.tcp_mem", "net.ipv4.tcp_rmem", "net.core.rmem_max", "net.ipv4.tcp_tw_recycle"] {
        assert!(said(key), "{key}");
    }
    for row in catalog::parameters() {
        assert!(!row.misunderstood.ends_with('.'), "{}: phrases, not sentences", row.key);
    }
}

#[test]
fn what_no_released_kernel_has_or_heeds_is_known() {
    let version = KernelVersion::new(6, 18);
    let android = catalog::check_value("net.ipv4.tcp_default_init_rwnd", "60", version, None).unwrap_err();
    assert!(android.to_string().ends_with("it is only in Android kernels"), "{android}");
    let idle = |key: &str, version| catalog::find(key).is_some_and(|row| row.is_idle(version));
    assert!(idle("net.ipv4.tcp_low_latency", version) && idle("net.ipv4.tcp_fack", version));
    assert!(idle("net.ipv4.tcp_adv_win_scale", version));
    assert!(!idle("net.ipv4.tcp_adv_win_scale", KernelVersion::new(6, 1)));
}

/// Times and counts that the table tells are those that the model works out with the defaults.
#[test]
fn the_figures_in_the_texts_are_those_of_the_model() {
    let text = |key: &str| {
        let row = catalog::find(key).unwrap();
        format!("{} {} {}", row.affects, row.note, row.misunderstood)
    };
    let played = |topic: &str, version: KernelVersion, set: &[&str]| {
        let set = set.iter().map(|text| (*text).to_owned()).collect();
        let overrides = Overrides { set, ..Overrides::default() };
        let ask = Ask::new(Some(version), Hz::new(250), Some(8 << 20), &SysctlValues::new(), &overrides).unwrap();
        forecast(&scenario_of(find_topic(topic).unwrap(), &ask).unwrap())
    };
    let seconds = |timeline: &Timeline| timeline.end().unwrap().window.at_us / 1_000_000;
    let (old, new) = (KernelVersion::new(6, 1), KernelVersion::new(6, 18));
    let now = played("syn-lost", new, &[]);
    let is_syn = |what: &What| matches!(what, What::Send { segment: Segment::Syn, .. });
    let syns = now.events.iter().filter(|event| event.side == Side::Client && is_syn(&event.what)).count();
    let (before, after) = (seconds(&played("syn-lost", old, &[])), seconds(&now));
    let said = text("net.ipv4.tcp_syn_retries");
    assert!(said.contains(&format!("6 retries are {syns} SYNs and {after} s")), "{syns} {after}: {said}");
    assert!(
        said.contains(&format!("6 give up after {before} s, and with 4 linear timeouts after {after} s")),
        "{before} {after}: {said}"
    );
    let nearest = |timeline: &Timeline| (timeline.end().unwrap().window.at_us + 500_000) / 1_000_000;
    let dead = nearest(&played("data-lost", new, &[]));
    let said = text("net.ipv4.tcp_retries2");
    assert!(said.contains(&format!("after about {dead} s")), "{dead}: {said}");
    let orphan = nearest(&played("fin-lost", new, &["net.ipv4.tcp_orphan_retries=8"]));
    let said = text("net.ipv4.tcp_orphan_retries");
    assert!(said.contains(&format!("8 end it after about {orphan} s")), "{orphan}: {said}");
}
