//! Reading and working out one formula, without recursion: what was read is kept in the order in which it is worked out.

use std::collections::BTreeSet;

use super::number::Fraction;
use super::premises::{Premises, Quantity};

/// The most words and signs of a formula.
const MOST_TOKENS: usize = 64;
/// The most digits of a number, so that one never overflows on its own.
const MOST_DIGITS: usize = 18;

/// A formula that was read whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formula {
    /// In the order of working them out (reverse Polish notation), each with its byte in the text.
    steps: Vec<(Step, usize)>,
    /// What was read.
    text: String,
}

/// What is wrong with the text of a formula.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormulaError {
    /// The byte in the text at which it is.
    pub at: usize,
    /// What is wrong, and what was expected.
    pub message: String,
}

/// Why a formula has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unworkable {
    /// This quantity is not known here.
    Unknown(Quantity),
    /// It cannot be worked out: a division by 0, or a number beyond 127 bits.
    Wrong(FormulaError),
}

/// A function by its name in a formula.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// The least of two or more.
    Min,
    /// The greatest of two or more.
    Max,
    /// The first, raised to a multiple of the second.
    RoundUp,
    /// The least power of two that is not below it.
    PowerOfTwo,
}

impl Function {
    /// Every function, in the order in which they are documented.
    pub const ALL: [Self; 4] = [Self::Min, Self::Max, Self::RoundUp, Self::PowerOfTwo];

    /// The name in a formula.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::RoundUp => "roundup",
            Self::PowerOfTwo => "pow2",
        }
    }

    /// How it is written and what it gives.
    #[must_use]
    pub const fn says(self) -> (&'static str, &'static str) {
        match self {
            Self::Min => ("min(A, B, …)", "the least of two or more: A is what is wished for, the others are bounds"),
            Self::Max => ("max(A, B, …)", "the greatest of two or more, likewise"),
            Self::RoundUp => ("roundup(A, STEP)", "A raised to a multiple of STEP"),
            Self::PowerOfTwo => ("pow2(A)", "the least power of two that is not below A"),
        }
    }

    const fn takes(self, arguments: usize) -> bool {
        match self {
            Self::Min | Self::Max => arguments >= 2,
            Self::RoundUp => arguments == 2,
            Self::PowerOfTwo => arguments == 1,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Number(Fraction),
    Quantity(Quantity),
    Sign(char),
    /// With so many arguments.
    Call(Function, usize),
}

/// What waits for its operands while reading.
#[derive(Clone, Copy)]
enum Waiting {
    Sign(char, usize),
    Bracket(usize),
    Call { function: Function, at: usize, arguments: usize },
}

/// What keeps a formula from what it is after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What it is after, rounded down to a whole number.
    pub wished: i128,
    /// The argument that counts instead, as it stands in the text.
    pub by: String,
}

/// What may put another result in the place of a function's: the function, its byte in the text, its arguments, and its
/// own result.
type Choose<'a> = dyn FnMut(Function, usize, &[Fraction], Fraction) -> Fraction + 'a;

impl Formula {
    /// Reads a formula.
    ///
    /// # Errors
    /// The first mistake, with the byte at which it is.
    pub fn parse(text: &str) -> Result<Self, FormulaError> {
        let mut reader = Reader { text, steps: Vec::new(), waiting: Vec::new(), operand_next: true };
        let mut tokens = 0_usize;
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let first = rest.chars().next().unwrap_or(' ');
            if first.is_whitespace() {
                at += first.len_utf8();
                continue;
            }
            tokens += 1;
            if tokens > MOST_TOKENS {
                return Err(error(at, format!("the formula is too long; at most {MOST_TOKENS} words and signs")));
            }
            at += reader.token(rest, first, at)?;
        }
        reader.finish()
    }

    /// The quantities it speaks of.
    #[must_use]
    pub fn quantities(&self) -> BTreeSet<Quantity> {
        let named = self.steps.iter().filter_map(|(step, _)| match step {
            Step::Quantity(quantity) => Some(*quantity),
            _ => None,
        });
        named.collect()
    }

    /// Its result, rounded down to a whole number at the very end.
    ///
    /// # Errors
    /// A quantity that is not known, a division by 0, a number that does not fit.
    pub fn work_out(&self, premises: &Premises) -> Result<i128, Unworkable> {
        self.run(premises, &mut |_, _, _, result| result)
    }

    /// What it would be if the first argument of every `holds` ([`Function::Min`] or [`Function::Max`]) were its result:
    /// that one is what is wished for, and the others are bounds.
    ///
    /// # Errors
    /// As [`Self::work_out`].
    pub fn wished(&self, premises: &Premises, holds: Function) -> Result<i128, Unworkable> {
        self.run(premises, &mut |function, _, arguments, result| {
            arguments.first().copied().filter(|_| function == holds).unwrap_or(result)
        })
    }

    /// The bound that keeps it from what is wished for; nothing where none does, or it cannot be worked out.
    #[must_use]
    pub fn bound(&self, premises: &Premises, holds: Function) -> Option<Bound> {
        let mut by = None;
        let given = self.run(premises, &mut |function, at, arguments, result| {
            if function == holds && arguments.first() != Some(&result) {
                by = arguments.iter().position(|argument| *argument == result).map(|place| (at, place));
            }
            result
        });
        let wished = self.wished(premises, holds).ok()?;
        let (at, place) = by.filter(|_| given != Ok(wished))?;
        Some(Bound { wished, by: self.argument(at, place)?.to_owned() })
    }

    /// The text of an argument of the function whose name is at this byte.
    fn argument(&self, at: usize, place: usize) -> Option<&str> {
        let open = at + self.text.get(at..)?.find('(')? + 1;
        let (mut depth, mut begin, mut seen) = (0_usize, open, 0);
        for (offset, sign) in self.text.get(open..)?.char_indices() {
            let here = open + offset;
            match sign {
                ',' | ')' if depth == 0 && seen == place => return self.text.get(begin..here).map(str::trim),
                ',' if depth == 0 => (seen, begin) = (seen + 1, here + 1),
                '(' => depth += 1,
                ')' => depth = depth.checked_sub(1)?,
                _ => {}
            }
        }
        None
    }

    /// Works it out; `choose` may put another result in the place of a function's, which it is given with the function's
    /// place and arguments.
    fn run(&self, premises: &Premises, choose: &mut Choose<'_>) -> Result<i128, Unworkable> {
        let mut stack: Vec<Fraction> = Vec::new();
        for (step, at) in &self.steps {
            let result = match step {
                Step::Number(number) => *number,
                Step::Quantity(quantity) => premises.quantity(*quantity).ok_or(Unworkable::Unknown(*quantity))?,
                Step::Call(Function::PowerOfTwo, _) => power_of_two(pop(&mut stack, *at)?, *at)?,
                Step::Sign(sign) => {
                    let (right, left) = (pop(&mut stack, *at)?, pop(&mut stack, *at)?);
                    by_sign(*sign, left, right, *at)?
                }
                Step::Call(function, arguments) => {
                    let mut result = pop(&mut stack, *at)?;
                    let mut given = vec![result];
                    for _ in 1..*arguments {
                        let left = pop(&mut stack, *at)?;
                        given.push(left);
                        result = of_two(*function, left, result, *at)?;
                    }
                    given.reverse();
                    choose(*function, *at, &given, result)
                }
            };
            stack.push(result);
        }
        pop(&mut stack, 0).map(Fraction::floor)
    }
}

fn error(at: usize, message: impl Into<String>) -> FormulaError {
    FormulaError { at, message: message.into() }
}

fn wrong(at: usize, message: impl Into<String>) -> Unworkable {
    Unworkable::Wrong(error(at, message))
}

fn too_large(at: usize) -> Unworkable {
    wrong(at, "the result is too large to be worked out exactly")
}

/// The last operand. Reading has seen to it that there is one.
fn pop(stack: &mut Vec<Fraction>, at: usize) -> Result<Fraction, Unworkable> {
    stack.pop().ok_or_else(|| wrong(at, "a number is missing"))
}

fn by_sign(sign: char, left: Fraction, right: Fraction, at: usize) -> Result<Fraction, Unworkable> {
    let result = match sign {
        '+' => left.plus(right),
        '-' => left.minus(right),
        '*' => left.times(right),
        _ if right.is_zero() => return Err(wrong(at, "this divides by 0")),
        _ => left.over(right),
    };
    result.ok_or_else(|| too_large(at))
}

fn of_two(function: Function, left: Fraction, right: Fraction, at: usize) -> Result<Fraction, Unworkable> {
    let left_is_less = left.is_less_than(right).ok_or_else(|| too_large(at))?;
    match function {
        Function::Min => Ok(if left_is_less { left } else { right }),
        Function::Max => Ok(if left_is_less { right } else { left }),
        Function::RoundUp | Function::PowerOfTwo => {
            if !Fraction::whole(0).is_less_than(right).ok_or_else(|| too_large(at))? {
                return Err(wrong(at, "the step of roundup must be more than 0"));
            }
            let steps = left.over(right).and_then(Fraction::ceiling).ok_or_else(|| too_large(at))?;
            right.times(Fraction::whole(steps)).ok_or_else(|| too_large(at))
        }
    }
}

fn power_of_two(number: Fraction, at: usize) -> Result<Fraction, Unworkable> {
    let number = number.ceiling().ok_or_else(|| too_large(at))?.max(1);
    let power = number.unsigned_abs().checked_next_power_of_two().and_then(|power| i128::try_from(power).ok());
    power.map(Fraction::whole).ok_or_else(|| too_large(at))
}

/// Sorts what is read into the order of working it out (the shunting-yard way).
struct Reader<'a> {
    text: &'a str,
    steps: Vec<(Step, usize)>,
    waiting: Vec<Waiting>,
    /// Whether a number, a name or an opening bracket has to come next.
    operand_next: bool,
}

impl Reader<'_> {
    /// Takes one word or sign; its length in bytes.
    fn token(&mut self, rest: &str, first: char, at: usize) -> Result<usize, FormulaError> {
        let word = |inside: fn(char) -> bool| rest.find(|c| !inside(c)).unwrap_or(rest.len());
        match first {
            '0'..='9' => {
                let length = word(|c| c.is_ascii_alphanumeric() || c == '.');
                let number = number(rest.get(..length).unwrap_or(rest)).map_err(|message| error(at, message))?;
                self.operand(Step::Number(number), at)?;
                Ok(length)
            }
            'a'..='z' | 'A'..='Z' => {
                let length = word(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
                self.name(rest.get(..length).unwrap_or(rest), at)?;
                Ok(length)
            }
            '+' | '-' | '*' | '/' | '(' | ')' | ',' => self.sign(first, at).map(|()| 1),
            other => Err(error(at, format!("`{other}` is no part of a formula; {WANTED}"))),
        }
    }

    fn operand(&mut self, step: Step, at: usize) -> Result<(), FormulaError> {
        if !self.operand_next {
            return Err(error(at, "a sign is missing before this; expected one of + - * /"));
        }
        self.steps.push((step, at));
        self.operand_next = false;
        Ok(())
    }

    fn name(&mut self, name: &str, at: usize) -> Result<(), FormulaError> {
        if let Some(quantity) = Quantity::ALL.into_iter().find(|quantity| quantity.word() == name) {
            return self.operand(Step::Quantity(quantity), at);
        }
        let Some(function) = Function::ALL.into_iter().find(|function| function.word() == name) else {
            let words: Vec<&str> =
                Quantity::ALL.map(Quantity::word).into_iter().chain(Function::ALL.map(Function::word)).collect();
            return Err(error(at, format!("there is no `{name}`; expected one of {}", words.join(", "))));
        };
        if !self.operand_next {
            return Err(error(at, "a sign is missing before this; expected one of + - * /"));
        }
        let behind = self.text.get(at + name.len()..).unwrap_or_default();
        if !behind.trim_start().starts_with('(') {
            return Err(error(at, format!("`{name}` is a function; expected {}", function.says().0)));
        }
        self.waiting.push(Waiting::Call { function, at, arguments: 1 });
        Ok(())
    }

    fn sign(&mut self, sign: char, at: usize) -> Result<(), FormulaError> {
        match (sign, self.operand_next) {
            ('(', true) => {
                // The bracket of a function is that function's own.
                let of_call = matches!(self.waiting.last(), Some(Waiting::Call { at: name, function, .. })
                    if self.text.get(name + function.word().len()..at).is_some_and(|gap| gap.trim().is_empty()));
                if !of_call {
                    self.waiting.push(Waiting::Bracket(at));
                }
            }
            ('(', false) => return Err(error(at, "a sign is missing before this; expected one of + - * /")),
            (_, true) => return Err(error(at, format!("a number or name is missing before `{sign}`"))),
            (')' | ',', false) => self.close(sign, at)?,
            (_, false) => {
                while let Some(Waiting::Sign(before, place)) = self.waiting.last().copied() {
                    if binds(before) < binds(sign) {
                        break;
                    }
                    self.waiting.pop();
                    self.steps.push((Step::Sign(before), place));
                }
                self.waiting.push(Waiting::Sign(sign, at));
                self.operand_next = true;
            }
        }
        Ok(())
    }

    /// Ends what is inside a bracket, or an argument of a function.
    fn close(&mut self, sign: char, at: usize) -> Result<(), FormulaError> {
        self.settle_signs();
        match (sign, self.waiting.pop()) {
            (')', Some(Waiting::Bracket(_))) => {}
            (')', Some(Waiting::Call { function, at: name, arguments })) => {
                if !function.takes(arguments) {
                    let ((form, _), word) = (function.says(), function.word());
                    let given = if arguments == 1 { "1 argument".to_owned() } else { format!("{arguments} arguments") };
                    return Err(error(name, format!("`{word}` is given {given}; expected {form}")));
                }
                self.steps.push((Step::Call(function, arguments), name));
            }
            (',', Some(Waiting::Call { function, at: name, arguments })) => {
                self.waiting.push(Waiting::Call { function, at: name, arguments: arguments + 1 });
                self.operand_next = true;
            }
            (',', _) => return Err(error(at, "a comma is for the arguments of a function")),
            _ => return Err(error(at, "this bracket was never opened")),
        }
        Ok(())
    }

    fn settle_signs(&mut self) {
        while let Some(Waiting::Sign(sign, place)) = self.waiting.last().copied() {
            self.waiting.pop();
            self.steps.push((Step::Sign(sign), place));
        }
    }

    fn finish(mut self) -> Result<Formula, FormulaError> {
        if self.operand_next {
            return Err(error(self.text.len(), format!("the formula ends too early; {WANTED}")));
        }
        self.settle_signs();
        match self.waiting.pop() {
            None => Ok(Formula { steps: self.steps, text: self.text.to_owned() }),
            Some(Waiting::Sign(_, at) | Waiting::Bracket(at) | Waiting::Call { at, .. }) => {
                Err(error(at, "the bracket that opens here is never closed"))
            }
        }
    }
}

const WANTED: &str = "expected a number, a name such as memory or bdp, a bracket, or one of + - * /";

const fn binds(sign: char) -> u8 {
    match sign {
        '*' | '/' => 2,
        _ => 1,
    }
}

/// A number such as `1.25` or `64KiB`.
fn number(text: &str) -> Result<Fraction, String> {
    let wrong = || format!("`{text}` is not a number; expected one such as 3, 1.25, 64KiB, 16MiB or 1GiB");
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(split).ok_or_else(wrong)?;
    let factor: i128 = match unit {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if (digits.contains('.') && fraction.is_empty()) || whole.len() + fraction.len() > MOST_DIGITS {
        return Err(wrong());
    }
    let top: i128 = format!("{whole}{fraction}").parse().map_err(|_| wrong())?;
    let bottom = 10_i128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    Fraction::new(top, bottom).and_then(|number| number.times(Fraction::whole(factor))).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Premises = Premises {
        memory_bytes: Some(16 << 30),
        cpus: Some(8),
        rtt_us: Some(100_000),
        bandwidth_bit_s: Some(1_000_000_000),
    };

    fn worked(text: &str) -> i128 {
        Formula::parse(text).unwrap().work_out(&HOST).unwrap()
    }

    fn mistake(text: &str) -> (usize, String) {
        let error = Formula::parse(text).unwrap_err();
        (error.at, error.message)
    }

    #[test]
    fn signs_bind_as_everywhere_and_rounding_comes_last() {
        assert_eq!(worked("2 + 3 * 4"), 14);
        assert_eq!(worked("(2 + 3) * 4"), 20);
        assert_eq!(worked("10 - 4 - 3"), 3);
        assert_eq!(worked("7 / 2 * 2"), 7, "a half is kept until the end");
        assert_eq!(worked("7 / 2"), 3);
        assert_eq!(worked("1 - 3"), -2);
    }

    #[test]
    fn quantities_and_functions_are_those_of_the_host_and_the_user() {
        assert_eq!(worked("bdp"), 12_500_000);
        assert_eq!(worked("roundup(1.25 * bdp / 0.6, 64KiB)"), 26_083_328);
        assert_eq!(worked("max(131072, 32768 * cpus)"), 262_144);
        assert_eq!(worked("min(memory / 8, 1GiB)"), 1 << 30);
        assert_eq!(worked("min(3, 1, 2) + max(1, 2, 3, 0)"), 4);
        assert_eq!(worked("pow2(5000 * rtt)"), 512);
        assert_eq!(worked("pow2(max((1), pow2 (3)))"), 4);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        assert_eq!(mistake("2 +").0, 3);
        assert_eq!(mistake("2 3"), (2, "a sign is missing before this; expected one of + - * /".into()));
        assert_eq!(mistake("(2").1, "the bracket that opens here is never closed");
        assert_eq!(mistake("2)"), (1, "this bracket was never opened".into()));
        assert_eq!(mistake("1, 2").1, "a comma is for the arguments of a function");
        assert_eq!(mistake("min(1)").1, "`min` is given 1 argument; expected min(A, B, …)");
        assert_eq!(mistake("3 * min").0, 4);
        assert_eq!(mistake("-1").1, "a number or name is missing before `-`");
        assert!(mistake("ram").1.starts_with("there is no `ram`; expected one of memory, cpus"));
        assert!(mistake("1.").1.contains("is not a number"));
        assert!(mistake("1MB").1.contains("64KiB"));
        assert!(mistake("2 ^ 3").1.starts_with("`^` is no part"));
        assert!(mistake("9999999999999999999").1.contains("is not a number"));
        assert!(mistake(&"1+".repeat(40)).1.contains("too long"));
        assert!(mistake("()").1.contains("missing before `)`"));
        assert!(mistake("").1.contains("ends too early"));
    }

    #[test]
    fn what_cannot_be_worked_out_says_why_and_where() {
        let fails = |text: &str, premises: &Premises| Formula::parse(text).unwrap().work_out(premises).unwrap_err();
        assert_eq!(fails("8 / (cpus - 8)", &HOST), wrong(2, "this divides by 0"));
        assert_eq!(fails("roundup(1, 0)", &HOST), wrong(0, "the step of roundup must be more than 0"));
        assert_eq!(fails("2 * bdp", &Premises::default()), Unworkable::Unknown(Quantity::Bdp));
        let huge = ["999999999999999999"; 5].join(" * ");
        assert!(matches!(fails(&huge, &HOST), Unworkable::Wrong(error) if error.message.contains("too large")));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_any_formula_ends(text in "[0-9a-z+*/(),. -]{0,40}", cpus in 0..4_u64) {
            if let Ok(formula) = Formula::parse(&text) {
                let _ = formula.work_out(&Premises { cpus: Some(cpus), ..HOST });
            }
        }
    }

    #[test]
    fn a_bound_that_holds_a_formula_is_named_with_what_was_wished_for() {
        let premises = Premises {
            memory_bytes: Some(8 << 30),
            rtt_us: Some(100_000),
            bandwidth_bit_s: Some(10_000_000_000),
            ..Premises::default()
        };
        let bound = |text: &str, holds| Formula::parse(text).unwrap().bound(&premises, holds);
        let held =
            bound("roundup(min(2 * bdp, memory / (64 + max(64, 2)), 2147418112), 64KiB)", Function::Min).unwrap();
        assert_eq!((held.wished, held.by.as_str()), (250_019_840, "memory / (64 + max(64, 2))"));
        assert_eq!(bound("min(bdp / 100, memory)", Function::Min), None, "no bound is reached");
        assert_eq!(bound("min(1000, memory, 10)", Function::Max), None, "there is no max");
        assert_eq!(bound("max(cpus, 3)", Function::Max), None, "what is not known is not wished for");
        let up = bound("max(10, memory / 1GiB) + min(5, 3)", Function::Max);
        assert_eq!(up, None, "8 is less than 10");
        let up = bound("max(memory / 1GiB, 10)", Function::Max).unwrap();
        assert_eq!((up.wished, up.by.as_str()), (8, "10"));
    }
}
