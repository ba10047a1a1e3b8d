//! The manual page of the topics of `explain`, made from their table. It has no times: those are the host's.

use super::roff::{escaped, sentences};
use crate::explain::{InLab, Topic, topics};

const BEFORE: &str = r#".TH TCPCTL\-TOPICS 7 "" "tcpctl" "Miscellaneous Information"
.SH NAME
tcpctl\-topics \- the topics of tcpctl explain
.SH DESCRIPTION
.B tcpctl explain
.I TOPIC
answers a question about what the kernel's TCP does, and when, with the settings of this host, those of a stored snapshot,
or any others;
.B tcpctl lab
.I TOPIC
plays it on this host's own kernel beside what was predicted.
Here is what each topic asks, which settings its answer follows from, what is commonly said about it and what the kernel does.
"#;

const AFTER: &str = r#".SH SEE ALSO
.BR tcpctl (1),
.BR tcpctl\-explain (1),
.BR tcpctl\-lab (1),
.BR tcpctl\-rules (7),
.BR tcp (7)
"#;

/// The manual page tcpctl-topics(7).
#[must_use]
pub fn render_topics_manual() -> String {
    let mut page = BEFORE.to_owned();
    let mut group = None;
    for topic in topics() {
        if group != Some(topic.group) {
            group = Some(topic.group);
            page.push_str(&format!(".SH {}\n", escaped(&topic.group.title().to_uppercase())));
        }
        page.push_str(&entry(topic));
    }
    page.push_str(AFTER);
    page
}

fn entry(topic: &Topic) -> String {
    let mut text = format!(".SS {}\n{}\n", escaped(topic.id), sentences(topic.question));
    for folklore in topic.folklore {
        text.push_str(&format!(".TP\nSaid\n{}\n", sentences(folklore.said)));
        text.push_str(&format!(".TP\nThe kernel\n{}\n", sentences(folklore.kernel)));
    }
    let laboratory = match topic.in_lab() {
        InLab::Plays => format!("tcpctl lab {}", topic.id),
        InLab::Cannot(why) => format!("not played: {why}"),
    };
    for (label, value) in
        [("Settings", topic.keys.join(", ")), ("Laboratory", laboratory), ("Follows", topic.sources.join(", "))]
    {
        if !value.is_empty() {
            text.push_str(&format!(".TP\n{label}\n{}\n", sentences(&value)));
        }
    }
    text
}
