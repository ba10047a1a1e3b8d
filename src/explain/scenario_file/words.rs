//! The words of the format, one table for each kind; reading, writing and the manual page walk them.

use crate::explain::socket_option::socket_options;
use crate::model::{Action, IcmpError, IpVersion, Number, Segment, Side, SocketOptions, Start};

/// A word with what it stands for.
pub(super) struct Word<T> {
    pub(super) word: &'static str,
    pub(super) value: T,
    /// What it means, as a clause.
    pub(super) says: &'static str,
}

const fn word<T: Copy>(word: &'static str, value: T, says: &'static str) -> Word<T> {
    Word { word, value, says }
}

/// The two ends.
pub(super) const SIDES: [Word<Side>; 2] =
    [word("client", Side::Client, "the end that connects"), word("server", Side::Server, "the end that listens")];

/// How it stands at time 0.
pub(super) const STARTS: [Word<Start>; 5] = [
    word("closed", Start::Closed, "the server listens, the client has no socket yet"),
    word("nothing", Start::Nothing, "nobody has a socket, and nobody listens"),
    word("established", Start::Established, "connected and idle, fresh from the handshake"),
    word("window-closed", Start::WindowClosed, "connected; the client has data, the server's window is closed"),
    word("forgotten", Start::Forgotten, "connected as the client believes; the server has forgotten it and listens"),
];

/// What carries the segments.
pub(super) const FAMILIES: [Word<IpVersion>; 2] = [
    word("ipv4", IpVersion::V4, "IPv4; ICMP errors are those of ICMP"),
    word("ipv6", IpVersion::V6, "IPv6; ICMP errors are those of ICMPv6, of which the kernel makes other errors"),
];

/// Which values settings have that the file does not give.
pub(super) const BASES: [Word<Base>; 2] = [
    word("host", Base::Host, "those of this host"),
    word("defaults", Base::Defaults, "the kernel's defaults, whatever this host has"),
];

/// Where settings come from that the file does not give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Host,
    Defaults,
}

/// What an application does; the options of `setsockopt` stand beside it.
pub(super) const ACTIONS: [Word<Action>; 12] = [
    word("listen", Action::Listen, "listen(); server only, where start is \"nothing\" or the listener died"),
    word(
        "connect",
        Action::Connect,
        "connect(); the server only where start is \"nothing\": both sides then open at once",
    ),
    word("accept", Action::Accept, "accept() takes one connection that waits; server only"),
    word("send", Action::Send, "send() one segment of data, once connected"),
    word("shutdown", Action::Shutdown, "shutdown(SHUT_WR), once connected; the socket stays with the application"),
    word("close", Action::Close, "close(), once connected"),
    word("close-after-peer", Action::CloseAfterPeer, "close(), once the peer has closed"),
    word("abort", Action::Abort, "close() with SO_LINGER of 0 s, once connected: sends a RST"),
    word("die", Action::Die, "the process ends and the kernel closes what it held"),
    word("reboot", Action::Reboot, "the host loses power and is back at once; a server listens again"),
    word("forge-syn", Action::ForgeSyn, "one SYN from no socket, as in a flood; client only"),
    word("setsockopt", Action::SetOptions(NO_OPTIONS), "setsockopt() with the options in sockopt"),
];

/// In place of the options that a call names.
pub(super) const NO_OPTIONS: SocketOptions = SocketOptions {
    syncnt: None,
    user_timeout_ms: 0,
    linger2_s: None,
    keepalive: false,
    keepidle_s: None,
    keepintvl_s: None,
    keepcnt: None,
    defer_accept_s: None,
    rto_max_ms: None,
    rto_min_us: None,
    thin_linear_timeouts: false,
};

/// Kinds of segments.
pub(super) const SEGMENTS: [Word<Segment>; 8] = [
    segment(Segment::Syn, "opens"),
    segment(Segment::SynAck, "opens and acknowledges"),
    segment(Segment::Ack, "acknowledges, and nothing else"),
    segment(Segment::Data, "carries data"),
    segment(Segment::Fin, "closes"),
    segment(Segment::Rst, "refuses or aborts"),
    segment(Segment::Probe, "asks a peer whose window is closed"),
    segment(Segment::Keepalive, "asks an idle peer"),
];

const fn segment(segment: Segment, says: &'static str) -> Word<Segment> {
    word(segment.name(), segment, says)
}

/// ICMP errors, with their types in ICMP and in ICMPv6.
pub(super) const ICMP_ERRORS: [Word<IcmpError>; 5] = [
    icmp(IcmpError::NetUnreachable, "type 3 code 0; over IPv6 type 1 code 0, no route"),
    icmp(IcmpError::HostUnreachable, "type 3 code 1; over IPv6 type 1 code 3"),
    icmp(IcmpError::PortUnreachable, "type 3 code 3; over IPv6 type 1 code 4"),
    icmp(IcmpError::AdminProhibited, "type 3 code 13; over IPv6 type 1 code 1"),
    icmp(IcmpError::TimeExceeded, "type 11 code 0; over IPv6 type 3 code 0"),
];

const fn icmp(error: IcmpError, says: &'static str) -> Word<IcmpError> {
    word(error.name(), error, says)
}

/// A word of the format with its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatWord {
    /// The word.
    pub word: &'static str,
    /// What it means, as a clause.
    pub says: String,
}

/// The words that a key takes, or for `sockopt` the options; none where it takes numbers, durations or texts.
#[must_use]
pub fn format_words(key: &str) -> Vec<FormatWord> {
    fn listed<T>(words: &[Word<T>]) -> Vec<FormatWord> {
        words.iter().map(|word| FormatWord { word: word.word, says: word.says.to_owned() }).collect()
    }
    match key {
        "start" => listed(&STARTS),
        "family" => listed(&FAMILIES),
        "settings" => listed(&BASES),
        "do" => listed(&ACTIONS),
        "segment" => listed(&SEGMENTS),
        "icmp" => listed(&ICMP_ERRORS),
        "sockopt" => socket_options().map(|(word, says)| FormatWord { word, says }).collect(),
        _ => Vec::new(),
    }
}

/// The word of a value; the words of actions are told by their kind alone.
pub(super) fn word_of<T: PartialEq>(words: &'static [Word<T>], value: &T) -> &'static str {
    words.iter().find(|word| word.value == *value).map_or("", |word| word.word)
}

/// The word of an action, whatever options it sets.
pub(super) fn action_word(action: Action) -> &'static str {
    let kind = if matches!(action, Action::SetOptions(_)) { Action::SetOptions(NO_OPTIONS) } else { action };
    word_of(&ACTIONS, &kind)
}

/// What a word means.
pub(super) fn says_of<T: PartialEq>(words: &'static [Word<T>], value: &T) -> &'static str {
    words.iter().find(|word| word.value == *value).map_or("", |word| word.says)
}

/// Below this share of common letters a suggestion confuses more than it helps.
const LEAST_LIKENESS: f32 = 0.65;

/// The value of a word.
///
/// # Errors
/// Names every word, and the one that was probably meant.
pub(super) fn parse_word<T: Copy>(words: &[Word<T>], what: &str, text: &str) -> Result<T, String> {
    if let Some(word) = words.iter().find(|word| word.word == text) {
        return Ok(word.value);
    }
    let known: Vec<&str> = words.iter().map(|word| word.word).collect();
    // `syn` is meant for `SYN`, however little the two have in common letter by letter.
    let cased = known.iter().find(|known| known.eq_ignore_ascii_case(&text.replace('_', "-"))).copied();
    let close = cased.or_else(|| similar::get_close_matches(text, &known, 1, LEAST_LIKENESS).first().copied());
    let meant = close.map_or(String::new(), |close| format!("; did you mean \"{close}\"?"));
    let listed: Vec<String> = known.iter().map(|word| format!("\"{word}\"")).collect();
    Err(format!("`{what}` is \"{text}\"; expected one of {}{meant}", listed.join(", ")))
}

/// A sequence number as the format names it: `fitting`, `fitting+100`, `initial-10`.
///
/// # Errors
/// Says what was expected.
pub(super) fn parse_number(what: &str, text: &str) -> Result<Number, String> {
    let error = || {
        format!(
            "`{what}` is \"{text}\"; expected \"fitting\" or \"initial\", with a distance such as \"fitting-1\" if need be"
        )
    };
    let (make, distance): (fn(i32) -> Number, &str) = match (text.strip_prefix("fitting"), text.strip_prefix("initial"))
    {
        (Some(distance), _) => (Number::Fitting, distance),
        (_, Some(distance)) => (Number::Initial, distance),
        _ => return Err(error()),
    };
    if distance.is_empty() {
        return Ok(make(0));
    }
    let signed = distance.strip_prefix(['+', '-']).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    if !signed {
        return Err(error());
    }
    let out_of_range = |_| format!("`{what}` is \"{text}\"; a distance is between {} and {}", i32::MIN, i32::MAX);
    match distance {
        "+" | "-" => Err(error()),
        _ => distance.parse().map(make).map_err(out_of_range),
    }
}

/// The same number as text.
pub(super) fn number_text(number: Number) -> String {
    let (word, distance) = match number {
        Number::Fitting(distance) => ("fitting", distance),
        Number::Initial(distance) => ("initial", distance),
    };
    if distance == 0 { word.to_owned() } else { format!("{word}{distance:+}") }
}

/// Which of several segments a rule is for: `1`, `1-3`, `2-`.
///
/// # Errors
/// Says what was expected.
pub(super) fn parse_nth(text: &str) -> Result<(u32, Option<u32>), String> {
    let error =
        || format!("`nth` is \"{text}\"; expected one such as 1, \"1-3\" or \"2-\" (the second and all after it)");
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse::<u32>().map_err(|_| error()) } else { Err(error()) }
    };
    let nth = match text.split_once('-') {
        None => number(text).map(|nth| (nth, Some(nth)))?,
        Some((first, "")) => (number(first)?, None),
        Some((first, last)) => (number(first)?, Some(number(last)?)),
    };
    match nth {
        (0, _) => Err(format!("`nth` is \"{text}\"; segments are counted from 1")),
        (first, Some(last)) if last < first => Err(format!("`nth` is \"{text}\"; {last} comes before {first}")),
        nth => Ok(nth),
    }
}

/// The same as text.
pub(super) fn nth_text(nth: (u32, Option<u32>)) -> String {
    match nth {
        (first, Some(last)) if first == last => first.to_string(),
        (first, Some(last)) => format!("{first}-{last}"),
        (first, None) => format!("{first}-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for number in [Number::Fitting(0), Number::Fitting(100), Number::Initial(-10), Number::Fitting(i32::MIN)] {
            assert_eq!(parse_number("seq", &number_text(number)), Ok(number));
        }
        assert_eq!(number_text(Number::Fitting(-1)), "fitting-1");
        for bad in ["", "fit", "fitting1", "fitting+", "fitting+-1", "fitting 1", "initial+2147483648", "7"] {
            assert!(parse_number("seq", bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn ordinals_are_read_as_they_are_written() {
        for nth in [(1, Some(1)), (1, Some(3)), (2, None), (u32::MAX, None)] {
            assert_eq!(parse_nth(&nth_text(nth)), Ok(nth));
        }
        assert!(parse_nth("0").is_err_and(|error| error.contains("from 1")));
        assert!(parse_nth("3-1").is_err_and(|error| error.contains("1 comes before 3")));
        for bad in ["", "-", "-2", "1-2-3", "+1", "one", "1 - 2", "4294967296", "0-", "0-2"] {
            assert!(parse_nth(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn a_word_in_other_letters_is_recognised_and_refused() {
        let error = parse_word(&SEGMENTS, "segment", "syn_ack").map(|_| ()).unwrap_err();
        assert!(error.ends_with("did you mean \"SYN-ACK\"?"), "{error}");
        let error = parse_word(&STARTS, "start", "establised").map(|_| ()).unwrap_err();
        assert!(error.ends_with("did you mean \"established\"?"), "{error}");
    }

    #[test]
    fn every_icmp_error_is_described_by_its_own_types_and_codes() {
        for word in &ICMP_ERRORS {
            let [v4, v6] = IpVersion::BOTH.map(|family| word.value.type_and_code(family));
            let told = format!("type {} code {}; over IPv6 type {} code {}", v4.0, v4.1, v6.0, v6.1);
            assert!(word.says.starts_with(&told), "{}: {}", word.word, word.says);
        }
    }

    #[test]
    fn every_kind_of_action_has_its_own_word() {
        for word in &ACTIONS {
            assert_eq!(action_word(word.value), word.word);
        }
        let options = SocketOptions { keepalive: true, ..NO_OPTIONS };
        assert_eq!(action_word(Action::SetOptions(options)), "setsockopt");
        assert_eq!(NO_OPTIONS, SocketOptions::default());
    }
}
