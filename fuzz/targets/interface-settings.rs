#![no_main]

tcpctl_fuzz::target!("interface-settings");
