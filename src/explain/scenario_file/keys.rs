//! Every key of the format with its meaning: what the manual page is made from.

/// A table of the format.
#[derive(Debug)]
pub struct FormatTable {
    /// Its header, or nothing for the top of the file.
    pub header: &'static str,
    /// What it is for.
    pub says: &'static str,
    /// Its keys.
    pub keys: &'static [FormatKey],
}

/// A key of a table.
#[derive(Debug)]
pub struct FormatKey {
    /// The key.
    pub key: &'static str,
    /// A value, as it is written.
    pub example: &'static str,
    /// What it means, and what leaving it out means, in sentences.
    pub says: &'static str,
}

const fn key(key: &'static str, example: &'static str, says: &'static str) -> FormatKey {
    FormatKey { key, example, says }
}

/// The format, table by table.
pub const FORMAT: &[FormatTable] = &[
    FormatTable {
        header: "",
        says: "These stand before the first table.",
        keys: &[
            key("summary", "\"a SYN that is overtaken by its copy\"", "One line: what the scenario shows. Required."),
            key("about", "\"client\"", "The side whose end counts. Without it the client."),
            key("start", "\"closed\"", "How it stands at time 0. Without it \"closed\"."),
            key("rtt", "\"50ms\"", "Round-trip time, half of it each way, at most 1h. Without it 0s."),
            key("family", "\"ipv4\"", "What carries the segments. Without it \"ipv4\"."),
            key(
                "settings",
                "\"host\"",
                "Which values those sysctls have that the file does not give. Without it \"host\".",
            ),
        ],
    },
    FormatTable {
        header: "[kernel]",
        says: "The kernel of both ends; what is left out is this host's.",
        keys: &[
            key("version", "\"6.18\"", "Its version, 4.14 or newer."),
            key("hz", "250", "Its tick rate, 24 to 1200, or \"any\": windows then cover 100, 250, 300 and 1000."),
        ],
    },
    FormatTable {
        header: "[sysctl]",
        says: "Sysctls of both ends: the key in quotes, then a number, or a text for several numbers. The kernel's own \
               ranges hold. [client.sysctl] and [server.sysctl] give those of one end, and win.",
        keys: &[],
    },
    FormatTable {
        header: "[client], [server]",
        says: "What one end has for itself.",
        keys: &[
            key("sysctl", "{ \"net.ipv4.tcp_syn_retries\" = 3 }", "Sysctls of this end alone."),
            key(
                "sockopt",
                "{ TCP_USER_TIMEOUT = 5000 }",
                "Socket options from the beginning, under their names in tcp(7) and socket(7), with the numbers that \
                 setsockopt() takes.",
            ),
            key(
                "measured",
                "{ rto = \"204ms\", rtt = \"30us\" }",
                "What the connection has measured, as ss -ti shows it. Without it the connection is fresh from its \
                 handshake.",
            ),
        ],
    },
    FormatTable {
        header: "[client.measured], [server.measured]",
        says: "Both are required.",
        keys: &[
            key("rto", "\"204ms\"", "The retransmission timeout, not backed off."),
            key("rtt", "\"30us\"", "The smoothed round-trip time."),
        ],
    },
    FormatTable {
        header: "[listener]",
        says: "The server's listening socket.",
        keys: &[
            key("backlog", "4096", "The number given to listen(), before somaxconn. Without it 4096."),
            key("waiting", "0", "Connections of others that wait for accept() from the beginning. Without it none."),
            key(
                "joining",
                "0",
                "Connections of others that join them between the client's SYN and its third segment. Without it none.",
            ),
        ],
    },
    FormatTable {
        header: "[[call]]",
        says: "What an application does; any number of them up to 64, and those at one time in the order of the file.",
        keys: &[
            key("at", "\"1.5s\"", "When. Without it at time 0."),
            key("side", "\"client\"", "Who. Required."),
            key("do", "\"connect\"", "What. Required."),
            key(
                "sockopt",
                "{ SO_KEEPALIVE = 1 }",
                "For \"setsockopt\": the options that it sets. Those that it does not name stay as they are.",
            ),
        ],
    },
    FormatTable {
        header: "[[wire]]",
        says: "What happens to segments on their way. Where several rules fit, each is done; a segment that none is \
               for arrives after half a round trip. Exactly one of lose, delay and duplicate is given.",
        keys: &[
            key("from", "\"client\"", "Who sends them. Required."),
            key("segment", "\"SYN\"", "Which kind. Without it every kind."),
            key(
                "nth",
                "\"1-3\"",
                "Which of that kind, counted from 1 as the side sends them: 1, \"1-3\", \"2-\" for the second and all \
                 after it. Without it each.",
            ),
            key("after", "\"1s\"", "Only those that leave at this time or later."),
            key("until", "\"10s\"", "Only those that leave before this time."),
            key("lose", "true", "They never arrive."),
            key("delay", "\"300ms\"", "They take so much longer, and may be overtaken."),
            key("duplicate", "\"20ms\"", "They arrive, and once more so much later."),
        ],
    },
    FormatTable {
        header: "[[inject]]",
        says: "What comes to an end from outside, as if the other end or a router had sent it: a segment, or an ICMP \
               error.",
        keys: &[
            key("at", "\"2s\"", "When it arrives. Without it at time 0."),
            key("to", "\"server\"", "Where it arrives. Required."),
            key("segment", "\"RST\"", "Which kind of segment."),
            key(
                "seq",
                "\"fitting+100\"",
                "Its sequence number: \"fitting\" is what the receiver expects next, \"initial\" where the other end \
                 began, either with a distance. Without it \"fitting\".",
            ),
            key(
                "ack",
                "\"fitting\"",
                "What it acknowledges: \"fitting\" is all that the receiver has sent, \"initial\" where the receiver \
                 began, either with a distance, or \"none\". Without it \"none\" for SYN and RST, else \"fitting\".",
            ),
            key("icmp", "\"host-unreachable\"", "Which ICMP error, about what this end last sent."),
            key(
                "in-call",
                "true",
                "Whether the ICMP error arrives in the middle of a system call on the socket, as it does where the \
                 network answers at once: the kernel then only takes a note. Without it false.",
            ),
        ],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::explain::scenario_file::raw::RawScenario;

    /// The keys that the parser names when it meets one that it does not know, by the header of their table.
    fn known_to_the_parser() -> BTreeMap<&'static str, Vec<String>> {
        let texts = [
            ("", "zzz = 1"),
            ("[kernel]", "[kernel]\nzzz = 1"),
            ("[client], [server]", "[client]\nzzz = 1"),
            ("[client.measured], [server.measured]", "[server.measured]\nzzz = 1"),
            ("[listener]", "[listener]\nzzz = 1"),
            ("[[call]]", "[[call]]\nzzz = 1"),
            ("[[wire]]", "[[wire]]\nzzz = 1"),
            ("[[inject]]", "[[inject]]\nzzz = 1"),
        ];
        let known = texts.map(|(header, text)| {
            let error = toml::from_str::<RawScenario>(text).expect_err("an unknown key").message().to_owned();
            assert!(error.starts_with("unknown field `zzz`"), "{error}");
            let names = error.split('`').skip(3).step_by(2).map(str::to_owned);
            (header, names.collect())
        });
        BTreeMap::from(known)
    }

    #[test]
    fn every_key_of_the_parser_is_described_and_every_described_key_is_one() {
        let mut known = known_to_the_parser();
        // Tables are described by their own headers.
        let tables = ["kernel", "sysctl", "client", "server", "listener", "call", "wire", "inject"];
        known.entry("").and_modify(|keys| keys.retain(|key| !tables.contains(&key.as_str())));
        for table in FORMAT.iter().filter(|table| !table.keys.is_empty()) {
            let described: Vec<&str> = table.keys.iter().map(|key| key.key).collect();
            assert_eq!(known.remove(table.header).expect("a table of the parser"), described, "{}", table.header);
        }
        assert!(known.is_empty(), "{known:?}");
        for table in tables {
            assert!(FORMAT.iter().any(|described| described.header.contains(&format!("[{table}]"))), "{table}");
        }
    }
}
