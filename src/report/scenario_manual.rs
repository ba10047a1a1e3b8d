//! The manual page of the scenario format, made from its tables.

use std::collections::BTreeSet;

use super::roff::{argument, escaped, sentences};
use crate::explain::{FORMAT, FormatKey, FormatTable, format_words};

const BEFORE: &str = r#".TH TCPCTL\-SCENARIO 5 "" "tcpctl" "File Formats"
.SH NAME
tcpctl\-scenario \- scenarios of tcpctl simulate
.SH DESCRIPTION
A scenario says what two ends of a TCP connection, the wire between them and the world around them do;
.B tcpctl simulate
.I FILE
says what the kernel makes of it, and when.
It is a TOML file.
.B tcpctl explain
.I TOPIC
.B \-\-scenario
prints that of a topic as a start.
.PP
Times and durations are texts with a unit: "30us", "50ms", "1.5s", "2m", "1h"; at most a day.
A word that is not listed here, a value that the kernel would refuse and a scenario that contradicts itself are mistakes:
they are reported with file, line and column, and nothing is played.
"#;

const AFTER: &str = r#".SH WHICH VALUE COUNTS
A what\-if of the command line
.RB ( \-\-set ,
.BR \-\-sockopt ,
.BR \-\-kernel ,
.BR \-\-hz ,
.BR \-\-rtt )
wins over the file, the file over this host, and this host over the kernel's defaults.
With settings = "defaults" or
.B \-\-defaults
this host's sysctls do not count.
.SH EXAMPLE
The first SYN is late by more than the retransmission timeout, so that its copy overtakes it:
.PP
.EX
"#;

const LAST: &str = r#".EE
.SH SEE ALSO
.BR tcpctl\-simulate (1),
.BR tcpctl\-explain (1),
.BR tcp (7),
.BR socket (7)
"#;

/// The manual page tcpctl-scenario(5) with this scenario as its example.
#[must_use]
pub fn render_scenario_manual(example: &str) -> String {
    let mut page = BEFORE.to_owned();
    let mut listed = BTreeSet::new();
    for table in FORMAT {
        page.push_str(&section(table, &mut listed));
    }
    page.push_str(AFTER);
    page.push_str(&escaped(example));
    page.push_str(LAST);
    page
}

/// A table; the words of a key are listed where it comes first.
fn section(table: &FormatTable, listed: &mut BTreeSet<&'static str>) -> String {
    let title = if table.header.is_empty() { "At the top" } else { table.header };
    let mut text = format!(".SS {}\n{}\n", escaped(title), sentences(table.says));
    for key in table.keys {
        text.push_str(&entry(key, listed.insert(key.key)));
    }
    text
}

fn entry(key: &FormatKey, first: bool) -> String {
    let mut text = format!(".TP\n.BR {} \" = {}\"\n{}\n", escaped(key.key), argument(key.example), sentences(key.says));
    let words = format_words(key.key);
    match (words.as_slice(), first) {
        ([], _) => {}
        (_, false) => text.push_str("The same as above.\n"),
        (words, true) => {
            // Options are keys themselves, words stand in quotes.
            let quote = if key.key == "sockopt" { "" } else { "\\(dq" };
            text.push_str("One of:\n.RS\n");
            for word in words {
                text.push_str(&format!(".TP\n.B \"{quote}{}{quote}\"\n{}.\n", escaped(word.word), escaped(&word.says)));
            }
            text.push_str(".RE\n");
        }
    }
    text
}
