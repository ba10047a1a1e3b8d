#![no_main]

tcpctl_fuzz::target!("tcp-info");
