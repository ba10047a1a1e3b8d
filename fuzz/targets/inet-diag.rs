#![no_main]

tcpctl_fuzz::target!("inet-diag");
