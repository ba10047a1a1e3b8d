//! A sequence diagram in Mermaid's language, which GitHub, GitLab and many wikis draw.

use super::answer::render_window;
use super::diagram_caption::{Caption, Pictured};
use super::sequence::{Arrow, Mark, Part, rows};
use crate::model::Side;

/// The diagram of a course; nothing when there is none.
#[must_use]
pub fn render_mermaid<'a>(pictured: impl Into<Pictured<'a>>) -> Option<String> {
    let pictured = pictured.into();
    let timeline = pictured.timeline?;
    let caption = Caption::of(&pictured, timeline);
    let mut text = format!("---\ntitle: {}\n---\nsequenceDiagram\n", quoted(&caption.title));
    text.push_str("    participant client\n    participant server\n");
    for line in &caption.above {
        text.push_str(&format!("    Note over client,server: {}\n", escape(line)));
    }
    for row in rows(&timeline.events) {
        match row.arrow {
            None => {
                for side in Side::BOTH {
                    text.push_str(&note(side, row.mark(side)));
                }
            }
            Some(arrow) => {
                let (near, far) = (arrow.from, arrow.from.other());
                text.push_str(&state_note(near, row.mark(near)));
                text.push_str(&message(&arrow, row.mark(near), row.mark(far)));
                text.push_str(&state_note(far, row.mark(far)));
            }
        }
    }
    for line in &caption.below {
        text.push_str(&format!("    Note over client,server: {}\n", escape(line)));
    }
    Some(text)
}

/// A segment with the time at which it leaves, and that at which it arrives where it takes time.
fn message(arrow: &Arrow, near: &Mark, far: &Mark) -> String {
    let (from, to) = (arrow.from.name(), arrow.from.other().name());
    let (left, arrived) = (time(near), time(far));
    let label = arrow.label();
    match arrow.part {
        Part::Whole if left == arrived => format!("    {from}->>{to}: {label} ({left})\n"),
        Part::Whole => format!("    {from}->>{to}: {label} ({left}, arrives {arrived})\n"),
        Part::Lost => format!("    {from}-x{to}: {label} ({left}), lost\n"),
        // Mermaid cannot slant an arrow: an open one leaves, a dotted one comes in.
        Part::Leaves => format!("    {from}-){to}: {label} leaves ({left})\n"),
        Part::Arrives => format!("    {from}-->>{to}: {label} arrives ({arrived})\n"),
    }
}

/// A change of state or a failed call with its time.
fn note(side: Side, mark: &Mark) -> String {
    let state = mark.state.map(|state| state.to_string());
    let words: Vec<String> = state.into_iter().chain((!mark.note.is_empty()).then(|| mark.note.clone())).collect();
    if words.is_empty() {
        return String::new();
    }
    format!("    Note over {}: {} ({})\n", side.name(), escape(&words.join(", ")), time(mark))
}

/// The state beside a segment, whose time stands at the segment.
fn state_note(side: Side, mark: &Mark) -> String {
    mark.state.map_or_else(String::new, |state| format!("    Note over {}: {state}\n", side.name()))
}

fn time(mark: &Mark) -> String {
    match mark.window {
        None => String::new(),
        Some(window) if window.latest_us == 0 => "0s".to_owned(),
        Some(window) => render_window(window, false),
    }
}

/// Text as a message or note takes it: a semicolon ends a statement, `#` begins an entity.
fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        match character {
            '#' => escaped.push_str("#35;"),
            ';' => escaped.push_str("#59;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '\n' | '\r' => escaped.push(' '),
            other => escaped.push(other),
        }
        escaped
    })
}

/// Text between double quotes as YAML takes it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mermaid_keeps_for_itself_is_escaped() {
        assert_eq!(escape("a; b # c <d>"), "a#59; b #35; c #lt;d#gt;");
        assert_eq!(quoted("say \"no\""), "\"say \\\"no\\\"\"");
    }
}
