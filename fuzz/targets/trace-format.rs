#![no_main]

tcpctl_fuzz::target!("trace-format");
