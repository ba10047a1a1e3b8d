//! Which addresses are this host's own, as `/proc/net` tells; and what the functions of the kernel are called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The IPv4 networks that are local: `/proc/net/fib_trie`, where a prefix stands above the line that says `LOCAL`. A
/// network stands there once a table; each is given once.
#[must_use]
pub fn parse_local_ipv4(text: &str) -> Vec<(IpAddr, u8)> {
    let (mut found, mut address) = (Vec::new(), None::<Ipv4Addr>);
    for line in text.lines() {
        let line = line.trim_start();
        if let Some(leaf) = line.strip_prefix("|-- ") {
            address = leaf.trim().parse().ok();
        } else if let Some(route) = line.strip_prefix('/') {
            let mut words = route.split_whitespace();
            let prefix = words.next().and_then(|prefix| prefix.parse().ok()).filter(|prefix| *prefix <= 32);
            if let (Some(address), Some(prefix), Some("LOCAL")) = (address, prefix, words.nth(1))
                && !found.contains(&(address.into(), prefix))
            {
                found.push((address.into(), prefix));
            }
        }
    }
    found
}

/// The IPv6 addresses of `/proc/net/if_inet6`.
#[must_use]
pub fn parse_local_ipv6(text: &str) -> Vec<(IpAddr, u8)> {
    let address = |line: &str| u128::from_str_radix(line.split_whitespace().next()?, 16).ok();
    text.lines().filter_map(address).map(|bits| (Ipv6Addr::from(bits).into(), 128)).collect()
}

/// A function of `/proc/kallsyms`: its address and its name. Nothing for data, and where addresses are hidden.
#[must_use]
pub fn parse_kernel_function(line: &str) -> Option<(u64, &str)> {
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok().filter(|address| *address != 0)?;
    let is_code = matches!(words.next()?, "t" | "T" | "w" | "W");
    words.next().filter(|_| is_code).map(|name| (address, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_networks_are_those_that_the_kernel_calls_so() {
        let text = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 127.0.0.0/8 2 0 2\n           |-- 127.0.0.0\n              /8 host LOCAL\n           |-- 127.0.0.1\n              /32 host LOCAL\n        |-- 127.255.255.255\n           /32 link BROADCAST\nLocal:\n           |-- 127.0.0.1\n              /32 host LOCAL\n";
        let expected = [("127.0.0.0", 8), ("127.0.0.1", 32)].map(|(text, prefix)| (text.parse().unwrap(), prefix));
        assert_eq!(parse_local_ipv4(text), expected);
        assert_eq!(parse_local_ipv4("|-- x\n/8 host LOCAL\n|-- 1.2.3.4\n/99 host LOCAL\n/"), []);
        let text = "00000000000000000000000000000001 01 80 10 80       lo\nx\n";
        assert_eq!(parse_local_ipv6(text), [("::1".parse().unwrap(), 128)]);
    }

    #[test]
    fn only_functions_with_an_address_count() {
        assert_eq!(parse_kernel_function("ffffffff81000000 T tcp_v4_rcv"), Some((0xffff_ffff_8100_0000, "tcp_v4_rcv")));
        assert_eq!(parse_kernel_function("ffffffffc0000000 t nf_hook\t[nf]").map(|(_, name)| name), Some("nf_hook"));
        for other in ["0000000000000000 T tcp_v4_rcv", "ffffffff81000000 D tcp_hashinfo", "", "x T y", "1 T"] {
            assert_eq!(parse_kernel_function(other), None, "{other}");
        }
    }
}
