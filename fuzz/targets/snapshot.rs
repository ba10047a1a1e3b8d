#![no_main]

tcpctl_fuzz::target!("snapshot");
