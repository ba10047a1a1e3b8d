//! Reads Rust source far enough for the checks: tokens without comments and literals' contents, and the paths in them.

/// One token of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its text; empty for text literals, whose contents are nobody's business here.
    pub(crate) text: String,
    /// Line, from 1.
    pub(crate) line: usize,
}

/// Kinds of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name or keyword.
    Word,
    /// A number.
    Number,
    /// A text or character literal.
    Literal,
    /// `::` or a single character.
    Mark,
}

impl Token {
    /// Whether this is that word or mark.
    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Mark) && self.text == text
    }
}

/// Cuts a source into tokens. Comments vanish.
pub(crate) fn tokenize(source: &str) -> Vec<Token> {
    Cutter { characters: source.chars().collect(), at: 0, line: 1, tokens: Vec::new() }.run()
}

struct Cutter {
    characters: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Cutter {
    fn peek(&self, ahead: usize) -> char {
        self.characters.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn step(&mut self) -> char {
        let character = self.peek(0);
        self.at += 1;
        self.line += usize::from(character == '\n');
        character
    }

    fn push(&mut self, kind: Kind, text: String, line: usize) {
        self.tokens.push(Token { kind, text, line });
    }

    fn run(mut self) -> Vec<Token> {
        while self.at < self.characters.len() {
            let line = self.line;
            match (self.peek(0), self.peek(1)) {
                ('/', '/') => self.skip_line(),
                ('/', '*') => self.skip_block(),
                ('"', _) => self.text_literal(line),
                ('\'', _) => self.quote(line),
                ('r', '"' | '#') if self.raw_hashes(1).is_some() => self.raw_literal(1, line),
                ('b' | 'c', 'r') if self.raw_hashes(2).is_some() => self.raw_literal(2, line),
                ('b' | 'c', '"') => {
                    self.step();
                    self.text_literal(line);
                }
                ('b', '\'') => {
                    self.step();
                    self.quote(line);
                }
                (first, _) if first.is_ascii_digit() => self.number(line),
                (first, _) if first.is_alphabetic() || first == '_' => self.word(line),
                (':', ':') => {
                    self.at += 2;
                    self.push(Kind::Mark, "::".to_owned(), line);
                }
                (first, _) => {
                    self.step();
                    if !first.is_whitespace() {
                        self.push(Kind::Mark, first.to_string(), line);
                    }
                }
            }
        }
        self.tokens
    }

    fn skip_line(&mut self) {
        while self.at < self.characters.len() && self.peek(0) != '\n' {
            self.at += 1;
        }
    }

    fn skip_block(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.characters.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => {
                    depth += 1;
                    self.at += 2;
                }
                ('*', '/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                _ => {
                    self.step();
                }
            }
        }
    }

    fn text_literal(&mut self, line: usize) {
        self.step();
        while self.at < self.characters.len() {
            match self.step() {
                '\\' => {
                    self.step();
                }
                '"' => break,
                _ => {}
            }
        }
        self.push(Kind::Literal, String::new(), line);
    }

    /// Number of `#` of a raw literal whose `#`s start at this offset; nothing when it is not one.
    fn raw_hashes(&self, offset: usize) -> Option<usize> {
        let hashes = (0..).take_while(|index| self.peek(offset + index) == '#').count();
        (self.peek(offset + hashes) == '"').then_some(hashes)
    }

    fn raw_literal(&mut self, offset: usize, line: usize) {
        let hashes = self.raw_hashes(offset).unwrap_or(0);
        self.at += offset + hashes + 1;
        while self.at < self.characters.len() {
            if self.step() == '"' && (0..hashes).all(|index| self.peek(index) == '#') {
                self.at += hashes;
                break;
            }
        }
        self.push(Kind::Literal, String::new(), line);
    }

    /// A character literal or a lifetime.
    fn quote(&mut self, line: usize) {
        self.step();
        if self.peek(0) == '\\' || self.peek(1) == '\'' {
            if self.step() == '\\' {
                self.step();
            }
            while self.at < self.characters.len() && self.step() != '\'' {}
            self.push(Kind::Literal, String::new(), line);
        }
    }

    fn number(&mut self, line: usize) {
        let mut text = String::new();
        loop {
            let next = self.peek(0);
            let point = next == '.' && self.peek(1).is_ascii_digit() && !text.contains('.');
            if !(next.is_alphanumeric() || next == '_' || point) {
                break;
            }
            text.push(self.step());
        }
        self.push(Kind::Number, text, line);
    }

    fn word(&mut self, line: usize) {
        let mut text = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            text.push(self.step());
        }
        self.push(Kind::Word, text, line);
    }
}

/// The tokens that are not under `#[cfg(test)]`, and how many lines the rest takes.
pub(crate) fn without_tests(tokens: &[Token]) -> (Vec<Token>, usize) {
    const GATE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut test_lines = 0;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let gated = GATE.iter().enumerate().all(|(offset, text)| tokens.get(at + offset).is_some_and(|t| t.is(text)));
        if gated {
            let end = item_end(tokens, at + GATE.len());
            let last = tokens.get(end.saturating_sub(1)).map_or(token.line, |t| t.line);
            test_lines += last + 1 - token.line;
            at = end;
        } else {
            kept.push(token.clone());
            at += 1;
        }
    }
    (kept, test_lines)
}

/// The index after the item that starts here: after its `;` or the brace that closes its body.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            _ if token.kind != Kind::Mark => {}
            "{" | "(" | "[" => depth += 1,
            "}" if depth <= 1 => return offset + 1,
            "}" | ")" | "]" => depth = depth.saturating_sub(1),
            ";" if depth == 0 => return offset + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// A path as written in the source, made absolute, with the line it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    /// Its parts. Paths into this crate start with `crate`.
    pub(crate) parts: Vec<String>,
    /// The line.
    pub(crate) line: usize,
}

/// Every path of two or more parts, of `use` trees and of inline paths alike. `module` is where the file
/// stands in the crate; `super` and `self` are resolved against it and against inline modules.
pub(crate) fn paths(tokens: &[Token], module: &[String]) -> Vec<Path> {
    let mut found = Vec::new();
    let mut here: Vec<String> = module.to_vec();
    let mut braces: Vec<bool> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next_is = |offset: usize, text: &str| tokens.get(at + offset).is_some_and(|t| t.is(text));
        if token.is("mod") && next_is(2, "{") {
            here.push(tokens.get(at + 1).map(|t| t.text.clone()).unwrap_or_default());
            braces.push(true);
            at += 3;
        } else if token.is("{") {
            braces.push(false);
            at += 1;
        } else if token.is("}") {
            if braces.pop() == Some(true) {
                here.pop();
            }
            at += 1;
        } else if token.kind == Kind::Word && next_is(1, "::") {
            let mut whole = Vec::new();
            at = tree(tokens, at, &[], &mut whole);
            found.extend(whole.into_iter().map(|path| Path { parts: resolve(&path.parts, &here), ..path }));
        } else {
            at += 1;
        }
    }
    found
}

/// Reads one `use` tree or inline path; returns the index after it.
fn tree(tokens: &[Token], start: usize, stem: &[String], found: &mut Vec<Path>) -> usize {
    let mut parts = stem.to_vec();
    let mut at = start;
    while let Some(token) = tokens.get(at) {
        let line = token.line;
        if token.is("{") {
            at += 1;
            while let Some(token) = tokens.get(at) {
                if token.is("}") {
                    return at + 1;
                }
                at = if token.is(",") { at + 1 } else { tree(tokens, at, &parts, found) };
            }
            return at;
        }
        if token.kind == Kind::Word || token.is("*") {
            parts.push(token.text.clone());
            at += 1;
            if tokens.get(at).is_some_and(|t| t.is("::")) {
                at += 1;
                // A turbofish ends the path.
                if tokens.get(at).is_some_and(|t| t.kind == Kind::Word || t.is("{") || t.is("*")) {
                    continue;
                }
            }
            if tokens.get(at).is_some_and(|t| t.is("as")) {
                at += if stem.is_empty() { 0 } else { 2 };
            }
            found.push(Path { parts, line });
            return at;
        }
        at += 1;
        break;
    }
    at
}

/// Makes `super`, `self` and the crate's own name absolute.
fn resolve(parts: &[String], here: &[String]) -> Vec<String> {
    let mut base: Vec<String> = here.to_vec();
    let mut rest = parts.iter().peekable();
    match rest.peek().map(|part| part.as_str()) {
        Some("crate" | "tcpctl") => {
            rest.next();
            base.clear();
        }
        Some("self" | "super") => {
            while let Some(part) = rest.next_if(|part| matches!(part.as_str(), "self" | "super")) {
                if part == "super" {
                    base.pop();
                }
            }
        }
        _ => return parts.to_vec(),
    }
    std::iter::once("crate".to_owned()).chain(base).chain(rest.cloned()).collect()
}

mod tests {
    use super::{Kind, paths, tokenize, without_tests};

    fn words(source: &str) -> Vec<String> {
        tokenize(source).into_iter().filter(|t| t.kind == Kind::Word).map(|t| t.text).collect()
    }

    fn found(source: &str, module: &[&str]) -> Vec<String> {
        let module: Vec<String> = module.iter().map(|&part| part.to_owned()).collect();
        paths(&tokenize(source), &module).into_iter().map(|path| path.parts.join("::")).collect()
    }

    #[test]
    fn comments_and_literals_hide_what_is_in_them() {
        assert_eq!(
            words("a // b\n/* c /* d */ e */ f \"g\\\" h\" r#\"i\" j\"# b\"k\" 'l' '\\'' b'm' n"),
            ["a", "f", "n"]
        );
    }

    #[test]
    fn a_lifetime_is_not_the_start_of_a_character() {
        assert_eq!(words("fn x<'a>(y: &'a str) -> &'a str { 'z' }"), ["fn", "x", "a", "y", "a", "str", "a", "str"]);
    }

    #[test]
    fn numbers_keep_their_point_and_ranges_do_not_become_one() {
        let numbers = |source| -> Vec<String> {
            tokenize(source).into_iter().filter(|t| t.kind == Kind::Number).map(|t| t.text).collect()
        };
        assert_eq!(numbers("1.5 0..4 2f64 0xff x.0.1"), ["1.5", "0", "4", "2f64", "0xff", "0.1"]);
    }

    #[test]
    fn lines_are_counted_through_every_literal() {
        let last = tokenize("\"a\nb\" r\"\n\" /*\n*/ x").into_iter().next_back().map(|t| t.line);
        assert_eq!(last, Some(4));
    }

    #[test]
    fn nested_use_trees_are_taken_apart() {
        assert_eq!(
            found("use crate::{model::{Host, Window as W}, units::Hz, wire::*};", &["diagnose"]),
            ["crate::model::Host", "crate::model::Window", "crate::units::Hz", "crate::wire::*"]
        );
    }

    #[test]
    fn inline_paths_count_like_imports() {
        assert_eq!(
            found("fn f() { let x = crate::sys::now(); std::fs::read::<u8>(p) }", &["a"]),
            ["crate::sys::now", "std::fs::read"]
        );
    }

    #[test]
    fn climbing_out_of_a_room_is_seen() {
        assert_eq!(found("use super::super::sys::now;", &["diagnose", "rules"]), ["crate::sys::now"]);
        assert_eq!(
            found("mod tests { use super::super::x; } use super::y;", &["a", "b"]),
            ["crate::a::x", "crate::a::y"]
        );
    }

    #[test]
    fn test_modules_are_left_out_and_their_lines_counted() {
        let (kept, lines) = without_tests(&tokenize("a();\n#[cfg(test)]\nmod tests {\n fn b() { }\n}\nc();\n"));
        assert_eq!(
            kept.iter().filter(|t| t.kind == Kind::Word).map(|t| t.text.as_str()).collect::<Vec<_>>(),
            ["a", "c"]
        );
        assert_eq!(lines, 4);
    }
}
