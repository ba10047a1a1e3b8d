#![no_main]

tcpctl_fuzz::target!("kernel-addresses");
