//! Text for manual pages.

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
