#![no_main]

tcpctl_fuzz::target!("btf");
