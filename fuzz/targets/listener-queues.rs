#![no_main]

tcpctl_fuzz::target!("listener-queues");
