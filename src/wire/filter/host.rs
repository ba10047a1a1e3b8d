//! Addresses, prefixes, ports and marks, as ss takes them.

use std::net::IpAddr;

use super::condition::Host;

/// The port of a service by its name, where that is known.
pub(super) type Services<'a> = &'a dyn Fn(&str) -> Option<u16>;

/// Words for every address (`get_addr_1` of lib/utils.c in iproute2), besides `*`.
const ANY: [&str; 3] = ["any", "all", "default"];

/// Reads `ADDRESS`, `ADDRESS/PREFIX`, either with `:PORT`, `:PORT` alone, or `*` in the place of either. An IPv6
/// address with a port stands in brackets, and its prefix inside or behind them. Whether `inet:` (`true`) or `inet6:`
/// stands before it comes with it: then only sockets of that family are meant.
pub(super) fn host_of(text: &str, services: Services<'_>) -> Result<(Option<bool>, Host), String> {
    let (family, text) = family_of(text);
    let (address, port) = split(text)?;
    let network = match address {
        "" | "*" => None,
        address if ANY.contains(&address.trim_matches(['[', ']'])) => None,
        address => Some(network_of(address)?),
    };
    if let (Some(wanted), Some((address, _))) = (family, network)
        && wanted != address.is_ipv4()
    {
        let name = if wanted { "inet" } else { "inet6" };
        return Err(format!("`{address}` is not an address of the family `{name}`"));
    }
    Ok((family, Host { network, port: port.map(|port| port_of(port, services)).transpose()?.flatten() }))
}

/// The port of `:443`, `443`, `:https` or `*`, after a family's name or none, which comes with it; an address is refused.
pub(super) fn port_alone(text: &str, services: Services<'_>) -> Result<(Option<bool>, Option<u16>), String> {
    let (family, text) = family_of(text);
    let port = text.strip_prefix("*:").or_else(|| text.strip_prefix(':')).unwrap_or(text);
    if port.contains([':', '.', '[', '/']) {
        return Err(format!("`{text}` is an address; ports are compared here, such as `:443`"));
    }
    Ok((family, port_of(port, services)?))
}

/// `MARK` or `MARK/MASK`, decimal or hexadecimal.
pub(super) fn mark_of(text: &str) -> Result<(u32, u32), String> {
    let number = |text: &str| match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let wrong = || format!("`{text}` is not a mark; expected a number such as 0x1, or one with a mask, 0x1/0x3");
    let (mark, mask) = text.split_once('/').map_or((text, None), |(mark, mask)| (mark, Some(mask)));
    let mask = mask.map_or(Some(u32::MAX), number).ok_or_else(wrong)?;
    Ok((number(mark).ok_or_else(wrong)?, mask))
}

/// Whether IPv4 was named at the beginning, and what follows.
fn family_of(text: &str) -> (Option<bool>, &str) {
    match (text.strip_prefix("inet:"), text.strip_prefix("inet6:")) {
        (Some(rest), _) => (Some(true), rest),
        (_, Some(rest)) => (Some(false), rest),
        _ => (None, text),
    }
}

/// Address and port.
fn split(text: &str) -> Result<(&str, Option<&str>), String> {
    if text.starts_with('[') {
        let Some((_, behind)) = text.split_once(']') else { return Err(format!("`{text}` lacks a closing `]`")) };
        // The port follows a colon behind the bracket, and the prefix may stand in between.
        let port = behind.rsplit_once(':').map(|(_, port)| port);
        let length = text.len() - port.map_or(0, |port| port.len() + 1);
        return Ok((text.get(..length).unwrap_or(text), port));
    }
    // An IPv6 address without brackets is one as a whole.
    let bare = text.split_once('/').map_or(text, |(address, _)| address);
    if bare.matches(':').count() > 1 {
        return Ok((text, None));
    }
    Ok(text.rsplit_once(':').map_or((text, None), |(address, port)| (address, Some(port))))
}

fn network_of(text: &str) -> Result<(IpAddr, u8), String> {
    let unwrapped: String = text.chars().filter(|letter| !matches!(letter, '[' | ']')).collect();
    let (address, prefix) = unwrapped.split_once('/').map_or((&*unwrapped, None), |(a, p)| (a, Some(p)));
    let shortened = prefix.and_then(|_| shortened(address));
    let address: IpAddr = shortened.map_or_else(|| address.parse(), Ok).map_err(|_| no_address(address))?;
    let bits = if address.is_ipv4() { 32 } else { 128 };
    match prefix {
        None => Ok((address, bits)),
        Some(prefix) => match prefix.parse::<u8>() {
            Ok(length) if length <= bits => Ok((address, length)),
            _ => Err(format!("`/{prefix}` is not a prefix length; one of this address is 0 to {bits}")),
        },
    }
}

/// An IPv4 network whose last bytes are left out, as `127` in `127/8`: they are 0.
fn shortened(text: &str) -> Option<IpAddr> {
    let mut bytes = [0; 4];
    let mut given = text.split('.');
    for byte in &mut bytes {
        let Some(part) = given.next() else { break };
        *byte = part.parse().ok()?;
    }
    given.next().is_none().then(|| IpAddr::from(bytes))
}

fn no_address(text: &str) -> String {
    match text {
        text if text.contains('%') => format!("`{text}`: a scope is asked with `dev`, as in `dst fe80::1 dev eth0`"),
        text if text.matches(':').count() > 1 => {
            format!("`{text}` is not an IPv6 address; with a port it stands in brackets, [2001:db8::1]:443")
        }
        text if text.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            format!("`{text}` is not an address; names of hosts are not looked up")
        }
        text => format!("`{text}` is not an address; expected one such as 10.0.0.0/8 or [2001:db8::1]:443"),
    }
}

fn port_of(text: &str, services: Services<'_>) -> Result<Option<u16>, String> {
    if text.is_empty() || text == "*" {
        return Ok(None);
    }
    match text.parse() {
        Ok(port) => Ok(Some(port)),
        Err(_) if text.starts_with(|c: char| c.is_ascii_alphabetic()) => match services(text) {
            Some(port) => Ok(Some(port)),
            None => Err(format!("`{text}` is not a port, nor a TCP service that /etc/services names; give the number")),
        },
        Err(_) => Err(format!("`{text}` is not a port; one is 0 to 65535")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(name: &str) -> Option<u16> {
        (name == "http").then_some(80)
    }

    fn shown(text: &str) -> String {
        match host_of(text, &http) {
            Ok((_, Host { network, port })) => {
                let network = network.map_or("*".to_owned(), |(address, prefix)| format!("{address}/{prefix}"));
                format!("{network} {}", port.map_or("*".to_owned(), |port| port.to_string()))
            }
            Err(error) => error,
        }
    }

    #[test]
    fn hosts_are_taken_as_ss_takes_them() {
        let given = ["10.0.0.0/8", "10.1.2.3:80", "10.0.0.0/8:80", ":443", "*:443", "10.0.0.1:*", "*", "inet:1.2.3.4"];
        let expected = [
            "10.0.0.0/8 *",
            "10.1.2.3/32 80",
            "10.0.0.0/8 80",
            "* 443",
            "* 443",
            "10.0.0.1/32 *",
            "* *",
            "1.2.3.4/32 *",
        ];
        assert_eq!(given.map(shown), expected);
        let given = ["[::1]:443", "[::1]", "::1", "fe80::/10", "[fe80::]/10:22", "[fe80::/10]:22", "::ffff:1.2.3.4"];
        let expected = [
            "::1/128 443",
            "::1/128 *",
            "::1/128 *",
            "fe80::/10 *",
            "fe80::/10 22",
            "fe80::/10 22",
            "::ffff:1.2.3.4/128 *",
        ];
        assert_eq!(given.map(shown), expected);
    }

    #[test]
    fn every_address_has_the_words_of_ss_and_a_family_is_told() {
        assert_eq!(
            ["any", "all", "default", "[any]", "any:80", "[all]:80"].map(shown),
            ["* *", "* *", "* *", "* *", "* 80", "* 80"]
        );
        let family = |text| host_of(text, &http).map(|(family, _)| family);
        assert_eq!(["inet:*", "inet6:[::1]:80", "*"].map(family), [Ok(Some(true)), Ok(Some(false)), Ok(None)]);
    }

    #[test]
    fn the_last_bytes_of_a_network_may_be_left_out() {
        assert_eq!(
            ["127/8", "10.1/16:80", "192.168.3/24"].map(shown),
            ["127.0.0.0/8 *", "10.1.0.0/16 80", "192.168.3.0/24 *"]
        );
        assert_eq!(shown("10.0.0.1:http"), "10.0.0.1/32 80");
        for none in ["127", "300/8", "1.2.3.4.5/8", "10./8", "/8"] {
            assert!(shown(none).contains("is not an address"), "{none}: {}", shown(none));
        }
    }

    #[test]
    fn what_is_no_host_says_why() {
        let given =
            ["example.org", "10.0.0.1:htp", "10.0.0.0/33", "[::1", "1:2:3", "fe80::1%eth0", "1.2.3:4", ":70000"];
        let expected = [
            "`example.org` is not an address; names of hosts are not looked up",
            "`htp` is not a port, nor a TCP service that /etc/services names; give the number",
            "`/33` is not a prefix length; one of this address is 0 to 32",
            "`[::1` lacks a closing `]`",
            "`1:2:3` is not an IPv6 address; with a port it stands in brackets, [2001:db8::1]:443",
            "`fe80::1%eth0`: a scope is asked with `dev`, as in `dst fe80::1 dev eth0`",
            "`1.2.3` is not an address; expected one such as 10.0.0.0/8 or [2001:db8::1]:443",
            "`70000` is not a port; one is 0 to 65535",
        ];
        assert_eq!(given.map(shown), expected);
        assert_eq!(shown("inet6:1.2.3.4"), "`1.2.3.4` is not an address of the family `inet6`");
    }

    #[test]
    fn ports_and_marks_alone() {
        let alone = |text| port_alone(text, &http);
        assert_eq!([":443", "443", "*:443"].map(alone), [const { Ok((None, Some(443))) }; 3]);
        assert_eq!(
            [alone("inet:443"), alone("inet6:443")],
            [Ok((Some(true), Some(443))), Ok((Some(false), Some(443)))]
        );
        assert_eq!([":http", "http"].map(alone), [const { Ok((None, Some(80))) }; 2]);
        assert_eq!(alone("*"), Ok((None, None)));
        assert!(alone("10.0.0.1:443").unwrap_err().contains("is an address"));
        assert_eq!((mark_of("0x1/0x3"), mark_of("7")), (Ok((1, 3)), Ok((7, u32::MAX))));
        assert!(mark_of("x").is_err() && mark_of("1/").is_err());
    }
}
