//! The same words, asked of this program and of ss: the same sockets.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use crate::case::{CannotRun, Case, Ran};
use crate::place::Place;
use crate::program;
use crate::sockets::settled;

/// The cases of this file.
pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("a filter shows the sockets that ss shows for the same words", same_words),
        Case::new("where ss answers something else than it was asked, the help says so and this does not", unlike_ss),
    ]
}

/// What both are asked. `{4}`, `{6}` and `{b}` stand for the ports of listeners on IPv4, IPv6 and both; `{4h}` for one
/// with half-open connections.
const FILTERS: [&str; 83] = [
    "",
    "src any",
    "dst all",
    "src default",
    "src any:{4}",
    "src [any]",
    "src *",
    "dst *:*",
    "sport = *",
    "dport = :*",
    "sport != *",
    "src *:{4}",
    "src :{4}",
    "src 127.0.0.1",
    "src = 127.0.0.1",
    "dst == 127.0.0.1",
    "src 127.0.0.1:{4}",
    "src 127/8",
    "src 127.0.0.0/8:{4}",
    "src 0/0",
    "src 0.0.0.0/0",
    "src 0.0.0.0",
    "dst 0.0.0.0",
    "src ::/0",
    "src ::1/128",
    "src [::1]",
    "dst [::1]:{6}",
    "src [::]",
    "src [::ffff:127.0.0.1]",
    "dst [::ffff:127.0.0.1]",
    "src [::ffff:127.0.0.1]:{b}",
    "src ::ffff:0:0/96",
    "src inet:*",
    "src inet6:*",
    "src inet:127.0.0.1",
    "dst inet:127.0.0.1",
    "dst inet:*:{b}",
    "src inet6:*:{b}",
    "src inet6:[::ffff:127.0.0.1]",
    "sport = inet:{b}",
    "sport = inet6:{b}",
    "sport = inet6:*",
    "state time-wait src inet6:*",
    "sport = :{4}",
    "sport {4}",
    "sport eq {4}",
    "sport != :{4}",
    "sport neq :{4}",
    "sport gt :{b}",
    "sport >= :{b}",
    "sport lt :{b}",
    "dport <= :{b}",
    "dport = :0",
    "dport != 0",
    "not src 127.0.0.1",
    "! src 127.0.0.1",
    "not not sport = :{4}",
    "not ( sport = :{4} or sport = :{6} )",
    "( sport = :{4} or sport = :{6} ) and not dst [::1]",
    "not sport = :{4} and dst 127.0.0.1",
    "not sport = :{4} dst [::1] or sport = :{b}",
    "sport = :{4} || sport = :{6} && dst [::1]",
    "sport = :{4} | sport = :{6} & dst [::1]",
    "src 127.0.0.1:{4} or src 127.0.0.1:{4h} dst 127.0.0.1",
    "dev lo",
    "dev != lo",
    "autobound",
    "state established",
    "state all",
    "state connected",
    "state synchronized",
    "state bucket",
    "state big",
    "state closed",
    "state syn-recv sport = :{4h}",
    "state syn-recv src [::ffff:127.0.0.1]",
    "state established state time-wait",
    "state connected exclude time-wait exclude syn-recv",
    "exclude time-wait state time-wait",
    "exclude listening state connected",
    "exclude established exclude listening",
    "state all exclude connected",
    "state connected sport = :{4} or dport = :{6} and src [::1]",
];

/// The same with other options than `-a`.
const OPTIONS: [(&str, &str); 14] = [
    ("", ""),
    ("-l", ""),
    ("-4", ""),
    ("-6", ""),
    ("-la", ""),
    ("-al", ""),
    ("-4a", "sport = :{b}"),
    ("-6a", "sport = :{b}"),
    ("-l", "dst 127.0.0.1"),
    ("-l", "state established"),
    ("-la", "state time-wait"),
    ("", "state syn-recv"),
    ("", "exclude established"),
    ("", "sport = :{4h}"),
];

/// A program that lists sockets.
fn ask(program: &mut Command, options: &str, filter: &str) -> Output {
    let options = options.split_whitespace();
    program.args(options).args(filter.split_whitespace()).output().expect("the program runs")
}

/// Both ends of each row, with how many rows have them; ss leaves out the state where only one is asked for. Nothing when
/// it failed. Sockets that are only bound are left out, which ss does not know of before 6.8.
fn rows(output: &Output) -> Option<BTreeMap<(String, String), u32>> {
    let mut rows = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [first, .., local, peer] = words.as_slice()
            && !matches!(*first, "CLOSE" | "UNCONN")
        {
            *rows.entry(((*local).to_owned(), (*peer).to_owned())).or_default() += 1;
        }
    }
    output.status.success().then_some(rows)
}

/// The same of both programs. What moved in between, such as a minisock that came to its end, is asked again.
fn compare(options: &str, filter: &str) -> usize {
    let ours = || ask(Command::new(program::path()).args(["sockets", "-Hn"]), options, filter);
    let mut before = ours();
    loop {
        let theirs = ask(Command::new("ss").arg("-Htn"), options, filter);
        let after = ours();
        let (told, own) = (rows(&theirs), rows(&after));
        if rows(&before) == own {
            let stderr = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
            let said = format!("{}{}", stderr(&theirs), stderr(&after));
            let own = own.unwrap_or_else(|| panic!("{options} {filter}: {said}"));
            assert_eq!(told.as_ref(), Some(&own), "{options} {filter}: {said}");
            return own.len();
        }
        before = after;
    }
}

/// Everything that there is, and how the ports in the filters are called.
fn fill(place: &Place) -> Result<(crate::fill::Fill, impl Fn(&str) -> String), CannotRun> {
    let version = Command::new("ss").arg("-V").output();
    version.map_err(|error| CannotRun(format!("ss is not there: {error}")))?;
    let fill = settled(place);
    let ports: Vec<String> =
        fill.listeners.iter().map(|listener| listener.local_addr().unwrap().port().to_string()).collect();
    let named = [("{4}", 0), ("{4h}", 1), ("{6}", 3), ("{b}", 6)];
    let with_ports =
        move |filter: &str| named.iter().fold(filter.to_owned(), |text, (name, at)| text.replace(name, &ports[*at]));
    Ok((fill, with_ports))
}

fn same_words(place: &Place) -> Ran {
    let (_fill, with_ports) = fill(place)?;
    let mut sizes = std::collections::BTreeSet::new();
    for filter in FILTERS {
        sizes.insert(compare("-a", &with_ports(filter)));
    }
    for (options, filter) in OPTIONS {
        compare(options, &with_ports(filter));
    }
    // Every way to join four conditions without brackets, some of them negated.
    let conditions = ["sport = :{4}", "not dport = :{b}", "src 127.0.0.1", "sport gt :{4h}"];
    let joined = ["or", "and", ""];
    for way in 0..27_usize {
        let joins = [way % 3, way / 3 % 3, way / 9].map(|at| joined[at]);
        let [first, rest @ ..] = conditions;
        let filter = rest.iter().zip(joins).fold(first.to_owned(), |text, (one, join)| format!("{text} {join} {one}"));
        sizes.insert(compare("-a", &with_ports(&filter)));
    }
    // The filters do tell sockets apart.
    assert!(sizes.len() > 25, "{sizes:?}");
    Ok(())
}

fn unlike_ss(place: &Place) -> Ran {
    let (_fill, with_ports) = fill(place)?;
    let count = |filter: &str| {
        let output = place.tcpctl(&["sockets", "-Hna", &with_ports(filter)]);
        rows(&output).unwrap_or_else(|| panic!("{filter}: {}", String::from_utf8_lossy(&output.stderr))).len()
    };
    let all = count("");
    assert_eq!(count("state established exclude established"), 0);
    assert_eq!(count("autobound") + count("not autobound"), all);
    assert_eq!(count("src inet:* or src inet6:*"), all);
    assert_eq!(count("( state established or state time-wait )"), count("state established state time-wait"));
    Ok(())
}
