//! From words to an expression: `not` holds for the one condition behind it, and everything else is joined from left to
//! right as ss does, `or` no less than `and`, written or not (`exprlist` of misc/ssfilter.y, iproute2 6.1).

use core::ops::Range;
use std::net::{IpAddr, Ipv6Addr};

use super::condition::{Condition, End, Host, Named};
use super::error::{FilterError, did_you_mean};
use super::expression::{Expression, Filter};
use super::host::{Services, host_of, mark_of, port_alone};
use super::lexer::{Comparison, Token, TokenKind, tokenize};
use super::states::{NONE, states_of};
use crate::wire::StateMask;

/// Words that begin a condition.
const SUBJECTS: [&str; 11] =
    ["state", "exclude", "excl", "src", "dst", "sport", "dport", "dev", "fwmark", "cgroup", "autobound"];
/// How deep brackets and negations may stand in each other.
const DEPTH: usize = 64;
/// How often `and` and `or` may take turns without brackets, each of which is a level of its own.
const TURNS: usize = 512;

/// Reads a filter in the words of ss(8). `state` and `exclude` at the beginning say which states are shown, several
/// of them together, as in ss; anywhere else they are conditions like any other.
///
/// # Errors
/// With the place and what was expected there.
///
/// ```
/// use tcpctl::wire::parse_filter;
///
/// assert!(parse_filter("state time-wait and dport = :443").is_ok());
/// let error = parse_filter("dport = :443 and sporf = :80").unwrap_err();
/// assert!(error.to_string().contains("sport"), "{error}");
/// ```
pub fn parse_filter(text: &str) -> Result<Filter, FilterError> {
    parse_filter_with(text, &|_| None)
}

/// The same, where ports may also be named as these services.
///
/// # Errors
/// With the place and what was expected there.
pub fn parse_filter_with(text: &str, services: &dyn Fn(&str) -> Option<u16>) -> Result<Filter, FilterError> {
    let tokens = tokenize(text);
    let mut parser = Parser { text, tokens: &tokens, services, at: 0, depth: 0 };
    let states = parser.leading_states()?;
    let expression = if parser.peek().is_none() { Expression::All(Vec::new()) } else { parser.joined()? };
    match parser.peek() {
        Some(token) => Err(parser.mistake(&token.place, "there is no `(` for this `)`")),
        None => Ok(Filter { text: text.to_owned(), states, expression }),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Token<'a>],
    services: Services<'a>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    fn take_if(&mut self, kind: TokenKind) -> bool {
        let found = self.peek().is_some_and(|token| token.kind == kind);
        self.at += usize::from(found);
        found
    }

    fn mistake(&self, place: &Range<usize>, message: impl Into<String>) -> FilterError {
        FilterError::new(self.text, place, message)
    }

    /// Behind the last word.
    fn end(&self) -> Range<usize> {
        let end = self.tokens.last().map_or(0, |token| token.place.end);
        end..end
    }

    /// The next word, which must be there.
    fn word(&mut self, expected: &str) -> Result<&'a Token<'a>, FilterError> {
        match self.peek() {
            Some(token) if token.kind == TokenKind::Word => {
                self.at += 1;
                Ok(token)
            }
            Some(token) => Err(self.mistake(&token.place, format!("expected {expected} instead of `{}`", token.text))),
            None => Err(self.mistake(&self.end(), format!("it ends where {expected} is expected"))),
        }
    }

    /// `state A state B exclude C …` and an `and` behind it, which changes nothing.
    fn leading_states(&mut self) -> Result<Option<StateMask>, FilterError> {
        let mut states = None;
        while let Some(subject) = self.peek().filter(|token| is_state_word(token)) {
            self.at += 1;
            let named = self.states()?;
            states = Some(if is_exclusion(subject) {
                states.unwrap_or(StateMask::ALL).without(named)
            } else {
                states.unwrap_or(NONE).and(named)
            });
        }
        match self.peek() {
            Some(token) if states.is_some() && token.kind == TokenKind::Or => {
                let message = "states at the beginning hold for the whole filter; put what `or` joins in brackets: \
                               ( state … or … )";
                Err(self.mistake(&token.place, message))
            }
            Some(token) if states.is_some() && token.kind == TokenKind::And => {
                self.at += 1;
                match self.peek() {
                    None => Err(self.mistake(&self.end(), "it ends where a condition is expected")),
                    Some(second) if is_state_word(second) => {
                        let message = "a socket is in one state only; leave out the `and` to show both";
                        Err(self.mistake(&token.place, message))
                    }
                    Some(_) => Ok(states),
                }
            }
            _ => Ok(states),
        }
    }

    fn states(&mut self) -> Result<StateMask, FilterError> {
        self.take_if(TokenKind::Compare(Comparison::Equal));
        let word = self.word("a state such as `syn-recv`")?;
        states_of(word.text).map_err(|message| self.mistake(&word.place, message))
    }

    /// Conditions joined from left to right, so that `A or B and C` is `( A or B ) and C`.
    fn joined(&mut self) -> Result<Expression, FilterError> {
        let mut left = self.one()?;
        let mut turns = 0;
        loop {
            let token = self.peek();
            let either = self.take_if(TokenKind::Or);
            let is_written = either || self.take_if(TokenKind::And);
            match self.peek().map(|token| token.kind) {
                None | Some(TokenKind::Close) if !is_written => return Ok(left),
                _ => {}
            }
            let right = self.one()?;
            left = match (left, either) {
                (Expression::Any(mut parts), true) => {
                    parts.push(right);
                    Expression::Any(parts)
                }
                (Expression::All(mut parts), false) => {
                    parts.push(right);
                    Expression::All(parts)
                }
                (left, _) => {
                    turns += 1;
                    if let Some(token) = token.filter(|_| turns > TURNS) {
                        let message = format!("`and` and `or` take turns more than {TURNS} times");
                        return Err(self.mistake(&token.place, message));
                    }
                    let both = vec![left, right];
                    if either { Expression::Any(both) } else { Expression::All(both) }
                }
            };
        }
    }

    fn one(&mut self) -> Result<Expression, FilterError> {
        let Some(token) = self.peek() else {
            return Err(self.mistake(&self.end(), "it ends where a condition is expected"));
        };
        self.at += 1;
        match token.kind {
            TokenKind::Not => self.deeper(token, |parser| Ok(Expression::Not(Box::new(parser.one()?)))),
            TokenKind::Open => self.deeper(token, |parser| {
                let inner = parser.joined()?;
                if parser.take_if(TokenKind::Close) {
                    return Ok(inner);
                }
                Err(parser.mistake(&token.place, "there is no `)` for this `(`"))
            }),
            TokenKind::Word => self.condition(token),
            _ => Err(self.mistake(&token.place, format!("expected a condition instead of `{}`", token.text))),
        }
    }

    fn deeper(
        &mut self,
        token: &Token<'_>,
        read: impl FnOnce(&mut Self) -> Result<Expression, FilterError>,
    ) -> Result<Expression, FilterError> {
        if self.depth == DEPTH {
            return Err(self.mistake(&token.place, format!("it is nested deeper than {DEPTH} levels")));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn condition(&mut self, subject: &Token<'_>) -> Result<Expression, FilterError> {
        match subject.text.to_ascii_lowercase().as_str() {
            "state" => self.states().map(|states| Expression::Is(Condition::State(states))),
            "exclude" | "excl" => self.states().map(|states| negated(Condition::State(states))),
            "src" => self.host(End::Local),
            "dst" => self.host(End::Remote),
            "sport" => self.port(End::Local),
            "dport" => self.port(End::Remote),
            "dev" => self.named("a device", Condition::Device),
            "cgroup" => self.named("the path of a cgroup", Condition::Cgroup),
            "fwmark" => self.mark(),
            "autobound" => Ok(Expression::Is(Condition::Autobound)),
            _ => Err(self.mistake(&subject.place, unknown(subject.text))),
        }
    }

    /// A comparison, `=` where none is written.
    fn comparison(&mut self) -> Comparison {
        match self.peek().map(|token| token.kind) {
            Some(TokenKind::Compare(comparison)) => {
                self.at += 1;
                comparison
            }
            _ => Comparison::Equal,
        }
    }

    /// The same where only `=` and `!=` make sense: whether it is `!=`.
    fn differs(&mut self) -> Result<bool, FilterError> {
        let at = self.peek();
        match (self.comparison(), at) {
            (Comparison::NotEqual, _) => Ok(true),
            (Comparison::Equal, _) | (_, None) => Ok(false),
            (_, Some(token)) => Err(self
                .mistake(&token.place, format!("`{}` compares ports; here only `=` and `!=` make sense", token.text))),
        }
    }

    fn host(&mut self, end: End) -> Result<Expression, FilterError> {
        let differs = self.differs()?;
        let word = self.word("an address such as 10.0.0.0/8")?;
        let (family, host) = host_of(word.text, self.services).map_err(|message| self.mistake(&word.place, message))?;
        Ok(of_family(family, end, unless(differs, Condition::Host(end, host))))
    }

    fn named(&mut self, what: &str, condition: impl Fn(Named) -> Condition) -> Result<Expression, FilterError> {
        let differs = self.differs()?;
        let word = self.word(what)?;
        let named = Named { name: word.text.to_owned(), number: None, place: word.place.clone() };
        Ok(unless(differs, condition(named)))
    }

    fn mark(&mut self) -> Result<Expression, FilterError> {
        let differs = self.differs()?;
        let word = self.word("a mark such as 0x1")?;
        let (mark, mask) = mark_of(word.text).map_err(|message| self.mistake(&word.place, message))?;
        Ok(unless(differs, Condition::Mark { mark, mask }))
    }

    fn port(&mut self, end: End) -> Result<Expression, FilterError> {
        let comparison = self.comparison();
        let word = self.word("a port such as :443")?;
        let wrong = |message: String| self.mistake(&word.place, message);
        let (family, port) = port_alone(word.text, self.services).map_err(wrong)?;
        let is = |host| Condition::Host(end, Host { network: None, port: host });
        let Some(number) = port else {
            return match comparison {
                Comparison::Equal => Ok(of_family(family, end, Expression::Is(is(None)))),
                Comparison::NotEqual => Ok(negated(is(None))),
                _ => Err(wrong("every port is meant by `*`; expected one, such as :443".to_owned())),
            };
        };
        let none = |way: &str| wrong(format!("no port is {way} than {number}"));
        let compared = match comparison {
            Comparison::Equal => Expression::Is(is(port)),
            Comparison::NotEqual => negated(is(port)),
            Comparison::GreaterOrEqual => Expression::Is(Condition::PortFrom(end, number)),
            Comparison::LessOrEqual => Expression::Is(Condition::PortTo(end, number)),
            Comparison::Greater => {
                let from = number.checked_add(1).ok_or_else(|| none("greater"))?;
                Expression::Is(Condition::PortFrom(end, from))
            }
            Comparison::Less => {
                let to = number.checked_sub(1).ok_or_else(|| none("less"))?;
                Expression::Is(Condition::PortTo(end, to))
            }
        };
        Ok(of_family(family, end, compared))
    }
}

fn is_exclusion(token: &Token<'_>) -> bool {
    token.text.eq_ignore_ascii_case("exclude") || token.text.eq_ignore_ascii_case("excl")
}

fn is_state_word(token: &Token<'_>) -> bool {
    token.kind == TokenKind::Word && (token.text.eq_ignore_ascii_case("state") || is_exclusion(token))
}

fn unless(differs: bool, condition: Condition) -> Expression {
    if differs { negated(condition) } else { Expression::Is(condition) }
}

fn negated(condition: Condition) -> Expression {
    Expression::Not(Box::new(Expression::Is(condition)))
}

/// The same for sockets of one family alone, as `inet:` and `inet6:` say. The kernel takes an IPv4 address to mean
/// IPv4-mapped ones as well, which are of IPv6 sockets, and nothing but these has an IPv6 address.
fn of_family(ipv4: Option<bool>, end: End, condition: Expression) -> Expression {
    let any = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    let ipv6 = Condition::Host(end, Host { network: Some((any, 0)), port: None });
    match ipv4 {
        None => condition,
        Some(true) => Expression::All(vec![condition, negated(ipv6)]),
        Some(false) => Expression::All(vec![condition, Expression::Is(ipv6)]),
    }
}

/// What is wrong with a word that begins no condition.
fn unknown(word: &str) -> String {
    if states_of(word).is_ok() {
        return format!("`{word}` is a state; did you mean `state {word}`?");
    }
    if host_of(word, &|_| None).is_ok_and(|(_, host)| host.network.is_some() || host.port.is_some()) {
        return format!("`{word}` must say of which end it is: `src {word}` or `dst {word}`");
    }
    let hint = did_you_mean(word, &SUBJECTS);
    if !hint.is_empty() {
        return format!("`{word}` is not a condition{hint}");
    }
    format!("`{word}` is not a condition; conditions begin with {}", SUBJECTS.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An expression in brackets and signs.
    fn shown(expression: &Expression) -> String {
        let list =
            |parts: &[Expression], sign: &str| format!("({})", parts.iter().map(shown).collect::<Vec<_>>().join(sign));
        match expression {
            Expression::Is(Condition::State(states)) => format!("state {:#x}", states.bits()),
            Expression::Is(Condition::Host(end, host)) => {
                let network = host.network.map_or(String::new(), |(address, prefix)| format!("{address}/{prefix}"));
                format!("{end:?} {network}:{}", host.port.map_or("*".to_owned(), |port| port.to_string()))
            }
            Expression::Is(Condition::PortFrom(end, port)) => format!("{end:?} from {port}"),
            Expression::Is(Condition::PortTo(end, port)) => format!("{end:?} to {port}"),
            Expression::Is(Condition::Device(named) | Condition::Cgroup(named)) => named.name.clone(),
            Expression::Is(Condition::Mark { mark, mask }) => format!("mark {mark:#x}/{mask:#x}"),
            Expression::Is(Condition::Autobound) => "autobound".to_owned(),
            Expression::Not(inner) => format!("!{}", shown(inner)),
            Expression::All(parts) => list(parts, " & "),
            Expression::Any(parts) => list(parts, " | "),
        }
    }

    fn read(text: &str) -> String {
        let filter = parse_filter(text).unwrap_or_else(|error| panic!("{error}"));
        let states = filter.states.map_or(String::new(), |states| format!("[{:#x}] ", states.bits()));
        states + &shown(&filter.expression)
    }

    fn refused(text: &str) -> String {
        parse_filter(text).unwrap_err().to_string()
    }

    #[test]
    fn conditions_are_joined_from_left_to_right_as_ss_does() {
        assert_eq!(read("sport = :1 or sport = :2 dport :3"), "((Local :1 | Local :2) & Remote :3)");
        assert_eq!(
            read("sport :1 dport :2 or sport :3 and dport :4"),
            "(((Local :1 & Remote :2) | Local :3) & Remote :4)"
        );
        assert_eq!(read("sport :1 or ( sport :2 dport :3 )"), "(Local :1 | (Local :2 & Remote :3))");
        assert_eq!(read("sport :1 or sport :2 or sport :3"), "(Local :1 | Local :2 | Local :3)");
        let long = |times| format!("sport :1{}", " or sport :2 and sport :3".repeat(times));
        assert!(parse_filter(&long(256)).is_ok() && refused(&long(257)).contains("take turns more than 512 times"));
        assert_eq!(read("not sport :1 and dport :2"), "(!Local :1 & Remote :2)");
        assert_eq!(read("!(sport :1|sport :2)&&! dport != :3"), "(!(Local :1 | Local :2) & !!Remote :3)");
    }

    #[test]
    fn every_condition_is_read() {
        assert_eq!(read("sport gt :1024 dport <= 80"), "(Local from 1025 & Remote to 80)");
        assert_eq!(read("src 10.0.0.0/8 dst [::1]:443"), "(Local 10.0.0.0/8:* & Remote ::1/128:443)");
        assert_eq!(read("dst != 10.0.0.1:80"), "!Remote 10.0.0.1/32:80");
        assert_eq!(read("src any or dst all:80"), "(Local :* | Remote :80)");
        assert_eq!(read("src inet:10.0.0.1"), "(Local 10.0.0.1/32:* & !Local ::/0:*)");
        assert_eq!(
            read("dst inet6:*:80 or sport = inet:22"),
            "((Remote :80 & Remote ::/0:*) | (Local :22 & !Local ::/0:*))"
        );
        assert_eq!(read("dev eth0 and dev != if2"), "(eth0 & !if2)");
        assert_eq!(
            read("fwmark = 0x1/0x3 cgroup /system.slice autobound"),
            "(mark 0x1/0x3 & /system.slice & autobound)"
        );
        assert_eq!(read(""), "()");
    }

    #[test]
    fn states_at_the_beginning_add_up_and_elsewhere_are_conditions() {
        assert_eq!(read("state established state syn-recv sport :1"), "[0x100a] Local :1");
        assert_eq!(read("exclude time-wait"), "[0x3fbe] ()");
        assert_eq!(read("state all excl listening and sport :1"), "[0x3bfe] Local :1");
        assert_eq!(read("sport :1 state established"), "(Local :1 & state 0x2)");
        assert_eq!(read("( state established or sport :1 )"), "(state 0x2 | Local :1)");
    }

    #[test]
    fn mistakes_are_shown_at_their_place() {
        insta::assert_snapshot!(refused("state syn-revc sport = :80"), @r"
        the filter cannot be applied: `syn-revc` is not a state; did you mean `syn-recv`?
          state syn-revc sport = :80
                ^^^^^^^^
        ");
        insta::assert_snapshot!(refused("sprt = :80"), @r"
        the filter cannot be applied: `sprt` is not a condition; did you mean `sport`?
          sprt = :80
          ^^^^
        ");
        insta::assert_snapshot!(refused("dport = :http"), @r"
        the filter cannot be applied: `http` is not a port, nor a TCP service that /etc/services names; give the number
          dport = :http
                  ^^^^^
        ");
        insta::assert_snapshot!(refused("( sport = :80 or dport = :80"), @r"
        the filter cannot be applied: there is no `)` for this `(`
          ( sport = :80 or dport = :80
          ^
        ");
        insta::assert_snapshot!(refused("sport = :80 )"), @r"
        the filter cannot be applied: there is no `(` for this `)`
          sport = :80 )
                      ^
        ");
        insta::assert_snapshot!(refused("sport ="), @r"
        the filter cannot be applied: it ends where a port such as :443 is expected
          sport =
                 ^
        ");
        insta::assert_snapshot!(refused("state listening or sport :1"), @r"
        the filter cannot be applied: states at the beginning hold for the whole filter; put what `or` joins in brackets: ( state … or … )
          state listening or sport :1
                          ^^
        ");
    }

    #[test]
    fn words_that_stand_alone_are_put_right() {
        assert!(refused("established").contains("did you mean `state established`?"));
        assert!(refused("10.0.0.1").contains("`src 10.0.0.1` or `dst 10.0.0.1`"));
        assert!(refused("dport gt :65535").contains("no port is greater than 65535"));
        assert!(refused("sport lt 0").contains("no port is less than 0"));
        assert!(refused("dst > 10.0.0.1").contains("`>` compares ports"));
        assert!(refused("sport :1 and").contains("it ends where a condition is expected"));
        assert!(refused("state listening and state closed").contains("leave out the `and`"));
        assert!(refused("state listening and").contains("it ends where a condition is expected"));
        assert_eq!(read("state listening and sport :1"), "[0x400] Local :1");
        assert!(refused("sport :1 or").contains("it ends where a condition is expected"));
        assert!(refused("sport :1 or or").contains("expected a condition instead of `or`"));
        assert!(refused(&"(".repeat(70)).contains("nested deeper"));
        assert!(refused("xyzzy").contains("conditions begin with state, exclude"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z0-9:/.\\[\\]()!&|<>=* ü-]{0,60}") {
            if let Err(error) = parse_filter(&text) {
                proptest::prop_assert!(text.get(error.place.clone()).is_some(), "{error}");
            }
        }

        #[test]
        fn words_of_the_language_in_any_order_do_not_make_it_panic(
            words in proptest::collection::vec(proptest::sample::select(vec![
                "state", "exclude", "established", "sport", "dport", "=", "!=", ">", ":80", "src", "dst", "10.0.0.1/8",
                "[::1]:4", "(", ")", "and", "or", "not", "dev", "eth0", "fwmark", "1/2", "autobound", "*",
            ]), 0..12)
        ) {
            let _ = parse_filter(&words.join(" "));
        }
    }
}
