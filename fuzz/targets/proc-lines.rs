#![no_main]

tcpctl_fuzz::target!("proc-lines");
