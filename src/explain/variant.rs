//! What-ifs with several values each: every combination is a question of its own.

use super::ask::{AskError, Overrides};
use super::explanation::Explanation;
use crate::catalog::{self, Form};

/// Combinations at the most; a table of more is not read.
pub(super) const MOST_VARIANTS: usize = 64;

/// One combination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The keys that have several values, with the one of this combination, in the order in which they were given.
    pub varied: Vec<(String, String)>,
    /// The what-ifs with one value each.
    pub overrides: Overrides,
}

/// A topic answered for one combination of values.
#[derive(Clone, Debug)]
pub struct Case {
    /// The keys that have several values, with the one of this combination.
    pub varied: Vec<(String, String)>,
    /// The answer.
    pub explanation: Explanation,
}

/// Every combination of the values given as `KEY=A,B,C`, the last key changing fastest; a single one when each key
/// has one value. A value that is itself a list with commas, such as reserved ports, is not taken apart.
///
/// # Errors
/// When a value between commas is empty, or there are too many combinations.
pub fn variants(overrides: &Overrides) -> Result<Vec<Variant>, AskError> {
    let mut variants =
        vec![Variant { varied: Vec::new(), overrides: Overrides { set: Vec::new(), ..overrides.clone() } }];
    for text in &overrides.set {
        let values = values(text)?;
        let count = variants.len().saturating_mul(values.len());
        if count > MOST_VARIANTS {
            return Err(AskError::TooManyVariants(count));
        }
        let several = values.len() > 1;
        let longer = variants.iter().flat_map(|variant| {
            values.iter().map(|(key, value)| {
                let mut variant = variant.clone();
                variant.overrides.set.push(value.map_or_else(|| (*key).to_owned(), |value| format!("{key}={value}")));
                if let Some(value) = value.filter(|_| several) {
                    variant.varied.push((full_name(key), value.trim().to_owned()));
                }
                variant
            })
        });
        variants = longer.collect();
    }
    Ok(variants)
}

/// The key with each of its values; a text without a value is left for the check that refuses it.
fn values(text: &str) -> Result<Vec<(&str, Option<&str>)>, AskError> {
    let Some((key, list)) = text.split_once('=') else { return Ok(vec![(text, None)]) };
    let splits = match catalog::find_by_name(key.trim()) {
        Some(parameter) => !matches!(parameter.form, Form::Ports | Form::Hex),
        None => false,
    };
    if !splits || !list.contains(',') {
        return Ok(vec![(key, Some(list))]);
    }
    if list.split(',').any(|value| value.trim().is_empty()) {
        return Err(AskError::EmptyInList(text.to_owned()));
    }
    Ok(list.split(',').map(|value| (key, Some(value))).collect())
}

fn full_name(key: &str) -> String {
    catalog::find_by_name(key.trim()).map_or_else(|| key.trim().to_owned(), |parameter| parameter.key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[&str]) -> Result<Vec<Variant>, AskError> {
        variants(&Overrides { set: set.iter().map(|text| (*text).to_owned()).collect(), ..Overrides::default() })
    }

    #[test]
    fn every_combination_is_a_question_of_its_own() {
        let variants =
            of(&["tcp_syn_retries=3,4", "tcp_fin_timeout=9", "tcp_syn_linear_timeouts=0,1"]).expect("variants");
        let sets: Vec<_> = variants.iter().map(|variant| variant.overrides.set.join(" ")).collect();
        assert_eq!(
            sets,
            [
                "tcp_syn_retries=3 tcp_fin_timeout=9 tcp_syn_linear_timeouts=0",
                "tcp_syn_retries=3 tcp_fin_timeout=9 tcp_syn_linear_timeouts=1",
                "tcp_syn_retries=4 tcp_fin_timeout=9 tcp_syn_linear_timeouts=0",
                "tcp_syn_retries=4 tcp_fin_timeout=9 tcp_syn_linear_timeouts=1",
            ]
        );
        let varied = variants.last().map(|variant| variant.varied.clone()).expect("a variant");
        assert_eq!(varied.first(), Some(&("net.ipv4.tcp_syn_retries".to_owned(), "4".to_owned())));
        assert_eq!(varied.len(), 2);
    }

    #[test]
    fn a_list_that_is_one_value_stays_whole() {
        let variants = of(&["net.ipv4.ip_local_reserved_ports=8080,9000-9010", "ip_local_port_range=1024 2000"]);
        let variants = variants.expect("variants");
        assert_eq!(variants.len(), 1);
        assert!(variants.iter().all(|variant| variant.varied.is_empty()));
        assert_eq!(of(&["ip_local_port_range=1024 2000,32768 60999"]).expect("variants").len(), 2);
    }

    #[test]
    fn empty_values_and_too_many_combinations_are_refused() {
        assert!(of(&["tcp_syn_retries=3,,4"]).is_err());
        assert!(of(&["tcp_syn_retries=3,"]).is_err());
        let many: Vec<String> = (1..=9).map(|value| value.to_string()).collect();
        let many = many.join(",");
        assert!(of(&[&format!("tcp_syn_retries={many}"), &format!("tcp_synack_retries={many}")]).is_err());
    }
}
