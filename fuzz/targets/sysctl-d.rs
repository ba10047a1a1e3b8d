#![no_main]

tcpctl_fuzz::target!("sysctl-d");
