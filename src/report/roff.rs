//! Text for manual pages.

/// The day that pages bear: that of the newest entry of the change log that users can get, and not the day on which a
/// page was made, so that the same sources make the same pages.
const DATE: &str = "2026-11-23";
/// Bytes of a line of input, above which mandoc and people complain.
const COLUMNS: usize = 80;

/// Sentences, each on a line of its own, as roff likes them.
pub(super) fn sentences(text: &str) -> String {
    escaped(text).replace(". ", ".\n")
}

/// Text with the signs escaped that roff takes for its own.
pub(super) fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines =
        text.split('\n').map(|line| if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() });
    lines.collect::<Vec<_>>().join("\n")
}

/// The same inside the quotes of a macro's argument.
pub(super) fn argument(text: &str) -> String {
    escaped(text).replace('"', "\\(dq")
}

/// A page as `mandoc -Tlint` likes it: with a title of our own for `name`, such as `tcpctl-status.1`, lines of at most 80
/// bytes where text is filled, and no blanks at their ends. What is shown stays the same.
#[must_use]
pub fn tidy_manual(name: &str, page: &str) -> String {
    // An empty line between two breaks is what clap makes of a paragraph; one space says the same.
    let page = page.replace(".br\n\n.br\n", ".sp\n");
    let mut text = String::with_capacity(page.len());
    // Whether lines stay as they are, and whether this one is the tag of a paragraph, which is one line.
    let (mut verbatim, mut tag) = (false, false);
    for line in page.lines().map(str::trim_end) {
        match line.split(' ').next().unwrap_or_default() {
            ".TH" => text.push_str(&title(name)),
            macro_name if macro_name.starts_with('.') => {
                verbatim = match macro_name {
                    ".EX" | ".nf" => true,
                    ".EE" | ".fi" => false,
                    _ => verbatim,
                };
                text.push_str(line);
            }
            _ if verbatim || tag => text.push_str(line),
            _ => text.push_str(&filled(line)),
        }
        text.push('\n');
        tag = line == ".TP";
    }
    text
}

fn title(name: &str) -> String {
    let (name, section) = name.rsplit_once('.').unwrap_or((name, "1"));
    let volume = match section {
        "5" => "File Formats",
        "7" => "Miscellaneous Information",
        _ => "User Commands",
    };
    format!(".TH {} {section} \"{DATE}\" \"tcpctl\" \"{volume}\"", name.to_uppercase().replace('-', "\\-"))
}

/// A line of text in several, broken at blanks, none of which begins as a request does.
fn filled(line: &str) -> String {
    if line.len() <= COLUMNS {
        return line.to_owned();
    }
    let mut text = String::with_capacity(line.len());
    let mut at = 0;
    for word in line.split(' ') {
        let fits = at + 1 + word.len() <= COLUMNS;
        if at > 0 && (fits || word.is_empty() || word.starts_with(['.', '\''])) {
            text.push(' ');
            at += 1;
        } else if at > 0 {
            text.truncate(text.trim_end().len());
            text.push('\n');
            at = 0;
        }
        text.push_str(word);
        at += word.len();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_where_text_is_filled_and_nowhere_else() {
        let long = "word ".repeat(30);
        let tidy = tidy_manual("tcpctl-x.5", &format!(".TH x 5\n.TP\n{long}\n{long}\n.EX\n{long}\n.EE\na .b {long}\n"));
        let lines: Vec<&str> = tidy.lines().collect();
        assert_eq!(lines[0], ".TH TCPCTL\\-X 5 \"2026-11-23\" \"tcpctl\" \"File Formats\"");
        assert_eq!((lines[2], lines[3].len(), lines[4].len()), (long.trim_end(), 79, 69));
        assert_eq!(lines[6], long.trim_end());
        assert!(lines[8].starts_with("a .b word"), "{tidy}");
        let words = |text: &str| text.split_whitespace().filter(|word| *word == "word").count();
        assert_eq!(words(&tidy), 120);
        assert_eq!(tidy_manual("tcpctl-x.5", &tidy), tidy);
    }

    #[test]
    fn no_line_begins_as_a_request_by_being_broken() {
        let line = format!("{} .so it goes on and on", "word ".repeat(15));
        assert!(filled(&line).lines().all(|line| !line.starts_with('.')), "{}", filled(&line));
    }
}
