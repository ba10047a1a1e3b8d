#![no_main]

tcpctl_fuzz::target!("drop-in");
