#![no_main]

tcpctl_fuzz::target!("lab-record");
