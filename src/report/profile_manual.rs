//! The manual page of the profile format, made from its tables.

use super::roff::{argument, escaped, sentences};
use crate::tune::{Function, Operator, PROFILE_FORMAT, ProfileTable, ProfileWord, Quantity};

const BEFORE: &str = r#".TH TCPCTL\-PROFILE 5 "" "tcpctl" "File Formats"
.SH NAME
tcpctl\-profile \- tuning profiles of tcpctl
.SH DESCRIPTION
A profile says which values of sysctls are wanted, and why.
It is a TOML file of at most 256 KiB; its name without
.I .toml
is the name of the profile.
Profiles are built into
.BR tcpctl (1);
files in
.I /etc/tcpctl/profiles.d
are read as well and win by name.
.PP
A word that is not listed here, a key that tcpctl does not know and a value that the kernel would refuse are mistakes:
they are reported with file, line and column, and nothing is done.
"#;

const VALUES: &str = r#".SH VALUES
.TP
.B _
In a vector: the number stays as it is.
.TP
.B default
Alone: what this kernel sets the key to by itself.
.TP
.BI { FORMULA }
A number that is worked out for the host: whole and decimal numbers, with KiB, MiB or GiB behind them, the signs
+ \- * / and brackets, and the names below.
It is worked out exactly and rounded down at the very end.
A formula that divides by 0 or leaves 127 bits is a mistake like any other.
"#;

const EXAMPLE: &str = r#".SH EXAMPLE
.EX
summary = "A busy proxy behind a flood filter"
extends = "anti\-syn\-flood"
notes = ["Set the proxy's listen() backlog to 16384 as well."]

[keys."net.core.somaxconn"]
at\-least = 16384
reason = "bursts of 10000 connections while the proxy reloads"
source = "Documentation/networking/ip\-sysctl.rst"
risk = "a longer accept queue can hold clients that have given up"

[keys."net.ipv4.tcp_rmem"]
at\-least = "_ _ {roundup(2.5 * bdp, 64KiB)}"
when = { memory\-at\-least = "4GiB" }
reason = "uploads over long paths"
source = "Documentation/networking/ip\-sysctl.rst"
.EE
.SH FILES
.TP
.I /etc/tcpctl/profiles.d/*.toml
Profiles of the administrator.
.TP
.I /var/lib/tcpctl
The journal of what was applied, from which
.B tcpctl rollback
restores.
.SH SEE ALSO
.BR tcpctl (1),
.BR tcpctl\-profiles (1),
.BR tcpctl\-plan (1),
.BR tcp (7),
.BR sysctl.d (5)
"#;

/// The manual page tcpctl-profile(5).
#[must_use]
pub fn render_profile_manual() -> String {
    let mut page = BEFORE.to_owned();
    for table in PROFILE_FORMAT {
        page.push_str(&section(table));
    }
    page.push_str(VALUES);
    for quantity in Quantity::ALL {
        page.push_str(&format!(".TP\n.B {}\n{}.\n", escaped(quantity.word()), escaped(quantity.says())));
    }
    for function in Function::ALL {
        let (form, says) = function.says();
        page.push_str(&format!(".TP\n.B {}\n{}.\n", escaped(form), escaped(says)));
    }
    page.push_str(EXAMPLE);
    page
}

fn section(table: &ProfileTable) -> String {
    let mut text = format!(".SS {}\n{}\n", escaped(table.title), sentences(table.says));
    table.words.iter().for_each(|word| text.push_str(&entry(word)));
    text
}

fn entry(word: &ProfileWord) -> String {
    let operator = Operator::ALL.into_iter().find(|operator| operator.word() == word.word);
    let says = operator.map_or(word.says, Operator::says);
    let example = argument(word.example);
    format!(
        ".TP\n.B {}\n{}\n.br\nExample:\n.BR \"{}\" \" = {example}\"\n",
        escaped(word.word),
        sentences(says),
        escaped(word.word)
    )
}
