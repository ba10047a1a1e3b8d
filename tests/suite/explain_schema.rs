//! The JSON of `tcpctl explain` against its schema in `man/`.

use std::process::Command;

use serde_json::Value;

const SCHEMA: &str = include_str!("../../man/tcpctl-explain.schema.json");

/// Checks values against a schema; stricter than a reader has to be: every field must be described.
struct Validator {
    root: Value,
}

impl Validator {
    fn check(&self, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
        let schema = schema.as_object().ok_or(format!("{place}: the schema is no object"))?;
        if let Some(says) = schema.get("type") {
            check_type(says, value, place)?;
        }
        for (keyword, says) in schema {
            match keyword.as_str() {
                "type" | "description" | "title" | "$schema" | "$defs" => {}
                "$ref" => self.check(self.resolve(says), value, place)?,
                "const" if says == value => {}
                "enum" if says.as_array().is_some_and(|all| all.contains(value)) => {}
                "const" | "enum" => return Err(format!("{place}: {value} is not {says}")),
                "minimum" if value.is_null() || value.as_f64() >= says.as_f64() => {}
                "maximum" if value.is_null() || value.as_f64() <= says.as_f64() => {}
                "minimum" | "maximum" => return Err(format!("{place}: {value} is beyond the {keyword} {says}")),
                "anyOf" => {
                    let tried = says.as_array().unwrap().iter().map(|one| self.check(one, value, place));
                    let errors: Vec<String> = tried.map_while(Result::err).collect();
                    if errors.len() == says.as_array().unwrap().len() {
                        return Err(errors.join("\n  or "));
                    }
                }
                "items" => {
                    for (number, item) in value.as_array().unwrap_or(&Vec::new()).iter().enumerate() {
                        self.check(says, item, &format!("{place}[{number}]"))?;
                    }
                }
                // It is for objects; whether null may stand in their place is up to the type.
                "required" if value.is_null() => {}
                "required" => {
                    for name in says.as_array().unwrap().iter().filter_map(Value::as_str) {
                        value.get(name).ok_or(format!("{place}: {name} is missing"))?;
                    }
                }
                "properties" => {
                    for (name, field) in value.as_object().into_iter().flatten() {
                        let described = says.get(name).ok_or(format!("{place}.{name} is not described"))?;
                        self.check(described, field, &format!("{place}.{name}"))?;
                    }
                }
                other => panic!("the validator does not know the keyword {other}"),
            }
        }
        Ok(())
    }

    fn resolve(&self, reference: &Value) -> &Value {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#')).unwrap();
        self.root.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not in the schema"))
    }
}

fn check_type(says: &Value, value: &Value, place: &str) -> Result<(), String> {
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the validator does not know the type {other}"),
    };
    let one_of: Vec<&str> =
        says.as_str().into_iter().chain(says.as_array().into_iter().flatten().filter_map(Value::as_str)).collect();
    if one_of.into_iter().any(is) { Ok(()) } else { Err(format!("{place}: {value} is not of type {says}")) }
}

fn validator() -> Validator {
    Validator { root: serde_json::from_str(SCHEMA).unwrap() }
}

fn explain(arguments: &[&str]) -> Value {
    let output =
        Command::new(env!("CARGO_BIN_EXE_tcpctl")).args(["--json", "explain"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Checks against one of the definitions and against the whole schema.
pub(super) fn assert_is(definition: &str, value: &Value) {
    let validator = validator();
    let schema = validator.root.pointer(&format!("/$defs/{definition}")).unwrap();
    validator.check(schema, value, "$").unwrap();
    validator.check(&validator.root, value, "$").unwrap();
}

fn topic_ids() -> Vec<String> {
    explain(&[])["topics"].as_array().unwrap().iter().map(|topic| topic["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_topic_is_answered_as_the_schema_says() {
    assert_is("topics", &explain(&[]));
    for id in topic_ids() {
        for premises in [
            &["--defaults", "--kernel", "6.18", "--hz", "250"][..],
            &["--defaults", "--kernel", "4.14", "--hz", "1000", "--rtt", "50ms"],
            &["--sockopt", "TCP_SYNCNT=3", "--backlog", "16", "--mtu", "9000"],
        ] {
            assert_is("explanation", &explain(&[&[id.as_str()], premises].concat()));
        }
    }
}

#[test]
fn every_topic_is_compared_as_the_schema_says() {
    for id in topic_ids() {
        let set = ["--defaults", "--kernel", "6.18", "--set", "tcp_syn_retries=1,2", "--set", "somaxconn=128,4096"];
        let comparison = explain(&[&[id.as_str()], &set[..]].concat());
        assert_is("comparison", &comparison);
        assert_eq!(comparison["comparison"].as_array().map(Vec::len), Some(4));
    }
}

#[test]
fn a_packet_is_decoded_as_the_schema_says() {
    let ipv4 = "45000028000100004006f97bc0000201c000020203e80050000000640000000050020400c1b30000";
    let ipv6 = "60000000001406402001 0db8000000000000000000000001 20010db8000000000000000000000002
                03e8 0050 00000064 00000065 5010 0400 0000 0000";
    for hex in [ipv4, ipv6] {
        assert_is("decoded", &explain(&["segment", "--decode", hex]));
    }
}

#[test]
fn every_scenario_is_simulated_as_the_schema_says() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 3);
    for file in files {
        let what_ifs =
            ["--sockopt", "TCP_USER_TIMEOUT=5000", "--set", "tcp_rmem=4096 131072 6291456", "--kernel", "6.18"];
        let output = Command::new(env!("CARGO_BIN_EXE_tcpctl"))
            .args(["--json", "simulate", "--defaults"])
            .arg(&file)
            .args(what_ifs)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
        let simulation = serde_json::from_slice(&output.stdout).unwrap();
        assert_is("simulation", &simulation);
        assert_eq!(simulation["unused_what_ifs"][0], "net.ipv4.tcp_rmem");
        assert_eq!(simulation["socket_options"].as_array().unwrap().last().unwrap()["source"], "what-if");
    }
}

#[test]
fn the_validator_finds_what_is_missing_foreign_or_wrong() {
    let validator = validator();
    let end = validator.root.pointer("/$defs/end").unwrap();
    let check = |text: &str| validator.check(end, &serde_json::from_str(text).unwrap(), "$");
    assert_eq!(check(r#"{"at_ms":1,"latest_ms":2,"side":"client","outcome":"gone"}"#), Ok(()));
    assert!(check(r#"{"at_ms":1,"latest_ms":2,"side":"client"}"#).unwrap_err().contains("outcome is missing"));
    assert!(check(r#"{"at_ms":1,"latest_ms":2,"side":"peer","outcome":"gone"}"#).unwrap_err().contains("side"));
    assert!(check(r#"{"at_ms":-1,"latest_ms":2,"side":"client","outcome":"gone"}"#).unwrap_err().contains("minimum"));
    assert!(check(r#"{"at_ms":"1","latest_ms":2,"side":"client","outcome":"gone"}"#).unwrap_err().contains("type"));
    assert!(
        check(r#"{"at_ms":1,"latest_ms":2,"side":"client","outcome":"gone","x":0}"#).unwrap_err().contains("described")
    );
}
