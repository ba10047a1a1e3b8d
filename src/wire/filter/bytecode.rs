//! `INET_DIAG_REQ_BYTECODE`: conditional jumps forward.
//!
//! An operation goes on by `yes` bytes where its condition holds and by `no` bytes where it does not. A socket passes
//! when the program ends exactly at its end, and is left out when it jumps 4 bytes beyond.

use std::net::IpAddr;

use super::condition::{Condition, End, Host};

/// `INET_DIAG_BC_*` of `include/uapi/linux/inet_diag.h`.
const JMP: u8 = 1;
const S_GE: u8 = 2;
const S_LE: u8 = 3;
const D_GE: u8 = 4;
const D_LE: u8 = 5;
const AUTO: u8 = 6;
const S_COND: u8 = 7;
const D_COND: u8 = 8;
const DEV_COND: u8 = 9;
const MARK_COND: u8 = 10;
const CGROUP_COND: u8 = 13;
/// `AF_UNSPEC`, `AF_INET`, `AF_INET6`.
const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
/// Bytes of `struct inet_diag_bc_op`.
const OPERATION: usize = 4;
/// The longest program: `no` and the length of an attribute are 16 bits.
const LONGEST: usize = 65_000;

/// What is to be compiled. Parts that always hold have been taken out of the lists.
pub(super) enum Step<'a> {
    Always,
    Is(&'a Condition, bool),
    All(Vec<Step<'a>>),
    Any(Vec<Step<'a>>),
}

/// Where an operation goes on.
type Label = usize;

struct Operation {
    code: u8,
    arguments: Vec<u8>,
    no: Label,
}

/// A program whose jumps still go to labels.
pub(super) struct Program {
    operations: Vec<Operation>,
    /// The operation that each label stands before; nothing for the one that leaves a socket out.
    labels: Vec<Option<usize>>,
}

/// The label beyond the end.
const REFUSE: Label = 0;

impl Program {
    /// Compiles; nothing when the program would be too long.
    pub(super) fn of(step: &Step<'_>) -> Option<Self> {
        let mut program = Self { operations: Vec::new(), labels: vec![None] };
        program.add(step, REFUSE);
        (program.length() <= LONGEST).then_some(program)
    }

    fn length(&self) -> usize {
        self.operations.iter().map(Operation::length).sum()
    }

    fn new_label(&mut self) -> Label {
        self.labels.push(None);
        self.labels.len() - 1
    }

    /// The next operation is where this label stands.
    fn place(&mut self, label: Label) {
        if let Some(at) = self.labels.get_mut(label) {
            *at = Some(self.operations.len());
        }
    }

    fn jump(&mut self, to: Label) {
        self.operations.push(Operation { code: JMP, arguments: Vec::new(), no: to });
    }

    /// Goes on behind itself where the step holds, and at `no` where it does not.
    fn add(&mut self, step: &Step<'_>, no: Label) {
        match step {
            Step::Always => {}
            Step::Is(condition, true) => self.ask(condition, no),
            Step::Is(condition, false) => {
                let next = self.new_label();
                self.ask(condition, next);
                self.jump(no);
                self.place(next);
            }
            Step::All(steps) => steps.iter().for_each(|step| self.add(step, no)),
            Step::Any(steps) => {
                let end = self.new_label();
                for step in steps {
                    let next = self.new_label();
                    self.add(step, next);
                    self.jump(end);
                    self.place(next);
                }
                self.jump(no);
                self.place(end);
            }
        }
    }

    fn ask(&mut self, condition: &Condition, no: Label) {
        let (code, arguments) = match condition {
            // Not an operation; taken out before.
            Condition::State(_) => return,
            Condition::Host(end, host) => (end.pick(S_COND, D_COND), host_condition(host)),
            Condition::PortFrom(end, port) => (end.pick(S_GE, D_GE), port_argument(*port)),
            Condition::PortTo(end, port) => (end.pick(S_LE, D_LE), port_argument(*port)),
            Condition::Device(named) => {
                let index = named.number.and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
                (DEV_COND, index.to_ne_bytes().to_vec())
            }
            Condition::Mark { mark, mask } => (MARK_COND, [mark.to_ne_bytes(), mask.to_ne_bytes()].concat()),
            Condition::Cgroup(named) => (CGROUP_COND, named.number.unwrap_or(0).to_ne_bytes().to_vec()),
            Condition::Autobound => (AUTO, Vec::new()),
        };
        self.operations.push(Operation { code, arguments, no });
    }

    /// The bytes, with jumps as distances.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let total = self.length();
        let mut starts = Vec::with_capacity(self.operations.len());
        let mut at = 0;
        for operation in &self.operations {
            starts.push(at);
            at += operation.length();
        }
        let mut bytes = Vec::with_capacity(total);
        for (operation, start) in self.operations.iter().zip(&starts) {
            let target = match self.labels.get(operation.no).copied().flatten() {
                // A label behind the last operation is the end of the program.
                Some(index) => starts.get(index).copied().unwrap_or(total),
                None => total + OPERATION,
            };
            let yes = u8::try_from(operation.length()).unwrap_or(u8::MAX);
            let no = u16::try_from(target - start).unwrap_or(u16::MAX);
            bytes.extend([operation.code, yes]);
            bytes.extend(no.to_ne_bytes());
            bytes.extend(&operation.arguments);
        }
        bytes
    }
}

impl Operation {
    fn length(&self) -> usize {
        OPERATION + self.arguments.len()
    }
}

impl End {
    const fn pick(self, local: u8, remote: u8) -> u8 {
        match self {
            Self::Local => local,
            Self::Remote => remote,
        }
    }
}

/// A port stands in the place of a second operation's `no`.
fn port_argument(port: u16) -> Vec<u8> {
    [[0, 0], port.to_ne_bytes()].concat()
}

/// `struct inet_diag_hostcond`. A port alone is asked so too, since `INET_DIAG_BC_S_EQ` is not in every kernel.
fn host_condition(host: &Host) -> Vec<u8> {
    let (family, prefix, address) = match host.network {
        None => (AF_UNSPEC, 0, Vec::new()),
        Some((IpAddr::V4(address), prefix)) => (AF_INET, prefix, address.octets().to_vec()),
        Some((IpAddr::V6(address), prefix)) => (AF_INET6, prefix, address.octets().to_vec()),
    };
    let mut bytes = vec![family, prefix, 0, 0];
    bytes.extend(host.port.map_or(-1, i32::from).to_ne_bytes());
    bytes.extend(address);
    bytes
}
