//! Kernel configurations.

use crate::units::Hz;

/// Finds `CONFIG_HZ` in the text of a kernel configuration; nothing when it is missing or out of range.
///
/// `CONFIG_HZ_250=y` and the like are choices that lead to it and are not read.
#[must_use]
pub fn parse_config_hz(text: &str) -> Option<Hz> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix("CONFIG_HZ="))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_found_among_its_choices() {
        let text = "# CONFIG_HZ_100 is not set\nCONFIG_HZ_250=y\nCONFIG_HZ=250\nCONFIG_SCHED_HRTICK=y\n";
        assert_eq!(parse_config_hz(text).map(Hz::get), Some(250));
    }

    #[test]
    fn a_configuration_without_a_rate_or_with_an_impossible_one_tells_nothing() {
        for text in ["", "CONFIG_HZ_250=y\n", "# CONFIG_HZ=250\n", "CONFIG_HZ=fast\n", "CONFIG_HZ=5\n", "CONFIG_HZ="] {
            assert_eq!(parse_config_hz(text), None, "{text}");
        }
    }
}
