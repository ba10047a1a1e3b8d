//! The manual page of stored snapshots, made from the table of their form.

use super::roff::{escaped, sentences};
use crate::snapshot::SNAPSHOT_FORMAT;

const BEFORE: &str = r#".TH TCPCTL\-SNAPSHOT 5 "" "tcpctl" "File Formats"
.SH NAME
tcpctl\-snapshot \- stored snapshots of tcpctl
.SH DESCRIPTION
.B tcpctl snapshot
.I FILE
writes what the reading commands need to one JSON document, and
.B \-\-from
.I FILE
reads it in place of the host;
.B tcpctl fleet
reads many.
A file whose name ends in
.I .gz
is compressed by gzip, and one that is compressed is read under any name.
.PP
Documents of older versions stay readable, and what they lack is unknown and not zero.
Fields may be added; a reader passes over those that it does not know.
What is null could not be read, and the gaps say why.
A document is at most 1 GiB long, unpacked.
.PP
In what follows names that stand in each other have dots between them, [] stands behind a list, and a word in capitals for a
name that is not fixed.
.SH FIELDS
"#;

const AFTER: &str = r#".SH EXAMPLES
Two readings, five seconds apart, with every socket, for somebody else to look at:
.PP
.EX
tcpctl snapshot \-\-sockets \-\-redact incident.json.gz
tcpctl diagnose \-\-from incident.json.gz \-v
.EE
.SH SEE ALSO
.BR tcpctl (1),
.BR tcpctl\-snapshot (1),
.BR tcpctl\-fleet (1),
.BR gzip (1),
.BR sock_diag (7)
"#;

/// The manual page tcpctl-snapshot(5).
#[must_use]
pub fn render_snapshot_manual() -> String {
    let mut page = BEFORE.to_owned();
    for table in SNAPSHOT_FORMAT {
        page.push_str(&format!(".SS {}\n{}\n", escaped(table.title), sentences(table.says)));
        for field in table.fields {
            page.push_str(&format!(".TP\n.B {}\n{}.\n", escaped(field.path), sentences(field.says)));
        }
    }
    page.push_str(AFTER);
    page
}
