//! A program for the kernel that tells how many half-open connections each listener has.
//!
//! sock_diag tells of a listener's accept queue alone. What waits before it is counted in the socket
//! (`request_sock_queue.qlen`, that `inet_csk_reqsk_queue_is_full` compares with the limit) and can be read by a BPF
//! iterator over the sockets (`net/ipv4/tcp_ipv4.c`, `tcp_reg_info`, since Linux 5.9), which goes through the listeners
//! first. The program is a dozen instructions, written here; where the members lie in this kernel is read from its BTF.

use super::btf::{Btf, BtfError, BtfKind, BtfMember};

/// `TCP_LISTEN`.
const LISTEN: i32 = 10;
/// Numbers of helper functions (`include/uapi/linux/bpf.h`).
const SEQ_WRITE: i32 = 127;
const SKC_TO_TCP_SOCK: i32 = 137;
/// Bytes of a record: the socket's cookie, and the length of the queue.
const RECORD: usize = 16;
const RECORD_BYTES: i32 = 16;

/// The program, ready to be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerProgram {
    /// Its instructions (`struct bpf_insn`).
    pub instructions: Vec<u64>,
    /// BTF number of the iterator's function, to which it is attached.
    pub attach_to: u32,
}

/// One listener's SYN queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerQueue {
    /// The kernel's id for the socket (`sock_gen_cookie`); 0 for one that nobody has asked about yet.
    pub cookie: u64,
    /// Half-open connections. Those of Fast Open are not among them: they are sockets of their own.
    pub half_open: u32,
}

/// Where this kernel keeps what the program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// In the context of the iterator: `meta`, `sk_common`, and in `meta` the file that is read.
    meta: i16,
    socket: i16,
    file: i16,
    /// In `sock_common`.
    state: i16,
    cookie: i16,
    /// In `tcp_sock`.
    half_open: i16,
}

impl ListenerProgram {
    /// Writes the program for the kernel whose types these are.
    ///
    /// # Errors
    /// When the kernel has no such iterator, or keeps what is to be read in another shape.
    pub fn for_kernel(btf: &Btf<'_>) -> Result<Self, BtfError> {
        let layout = Layout {
            meta: offset(btf, "bpf_iter__tcp", "meta", 8)?,
            socket: offset(btf, "bpf_iter__tcp", "sk_common", 8)?,
            file: offset(btf, "bpf_iter_meta", "seq", 8)?,
            state: offset(btf, "sock_common", "skc_state", 1)?,
            cookie: offset(btf, "sock_common", "skc_cookie", 8)?,
            half_open: offset(btf, "tcp_sock", "inet_conn.icsk_accept_queue.qlen", 4)?,
        };
        Ok(Self { instructions: assemble(layout), attach_to: btf.find(BtfKind::Function, "bpf_iter_tcp")? })
    }
}

/// The member's offset, if it is as long as the program takes it to be and near enough for an instruction.
fn offset(btf: &Btf<'_>, structure: &str, member: &str, size: u32) -> Result<i16, BtfError> {
    let found: BtfMember = btf.member(structure, member)?;
    let offset = i16::try_from(found.offset).ok().filter(|_| found.size == size);
    offset.ok_or_else(|| BtfError::NoMember { structure: structure.to_owned(), member: member.to_owned() })
}

/// The instructions. The iterator calls the program for one socket after another; what it returns is 0 to go on, and 1
/// to end the reading here with `EAGAIN` (`bpf_seq_read`, kernel/bpf/bpf_iter.c), which the first socket that does not
/// listen brings about: the listeners come first, and the table of all others is not walked through.
fn assemble(layout: Layout) -> Vec<u64> {
    use Register::{Argument1, Argument2, Argument3, Frame, Kept1, Kept2, Result};
    const COOKIE_AT: i16 = -16;
    const QUEUE_AT: i16 = -8;
    vec![
        load(Width::Double, Kept1, Argument1, layout.meta),
        load(Width::Double, Kept2, Argument1, layout.socket),
        move_number(Result, 0),
        // After the last one it is called without a socket.
        jump_if_equal(Kept2, 0, 16),
        load(Width::Byte, Argument2, Kept2, layout.state),
        move_number(Result, 1),
        jump_unless_equal(Argument2, LISTEN, 13),
        load(Width::Double, Argument2, Kept2, layout.cookie),
        store_double(Frame, COOKIE_AT, Argument2),
        move_register(Argument1, Kept2),
        call(SKC_TO_TCP_SOCK),
        jump_if_equal(Result, 0, 7),
        load(Width::Word, Argument2, Result, layout.half_open),
        store_double(Frame, QUEUE_AT, Argument2),
        load(Width::Double, Argument1, Kept1, layout.file),
        move_register(Argument2, Frame),
        add_number(Argument2, i32::from(COOKIE_AT)),
        move_number(Argument3, RECORD_BYTES),
        call(SEQ_WRITE),
        move_number(Result, 0),
        exit(),
    ]
}

/// What the kernel's program wrote: whole records; a piece at the end is left out.
pub fn decode_listener_queues(bytes: &[u8]) -> impl Iterator<Item = ListenerQueue> {
    let (records, _) = bytes.as_chunks::<RECORD>();
    records.iter().filter_map(|record| {
        let (cookie, length) = record.split_first_chunk::<8>()?;
        let length = u64::from_ne_bytes(*length.first_chunk::<8>()?);
        Some(ListenerQueue { cookie: u64::from_ne_bytes(*cookie), half_open: u32::try_from(length).ok()? })
    })
}

/// The registers that are used, by what the kernel keeps in them at a call.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
enum Register {
    Result = 0,
    Argument1 = 1,
    Argument2 = 2,
    Argument3 = 3,
    /// Calls leave them as they are.
    Kept1 = 6,
    Kept2 = 7,
    /// The end of the stack.
    Frame = 10,
}

/// How much of memory is loaded.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
enum Width {
    Word = 0x00,
    Byte = 0x10,
    Double = 0x18,
}

/// `struct bpf_insn`, whose two registers share a byte in the machine's order of bits.
const fn instruction(code: u8, to: Register, from: Register, offset: i16, number: i32) -> u64 {
    let (to, from) = (to as u8, from as u8);
    let registers = if cfg!(target_endian = "big") { to << 4 | from } else { from << 4 | to };
    let ([o0, o1], [n0, n1, n2, n3]) = (offset.to_ne_bytes(), number.to_ne_bytes());
    u64::from_ne_bytes([code, registers, o0, o1, n0, n1, n2, n3])
}

/// `to = *(from + offset)` (`BPF_LDX | BPF_MEM`).
const fn load(width: Width, to: Register, from: Register, offset: i16) -> u64 {
    instruction(0x61 | width as u8, to, from, offset, 0)
}

/// `*(to + offset) = from` (`BPF_STX | BPF_MEM | BPF_DW`).
const fn store_double(to: Register, offset: i16, from: Register) -> u64 {
    instruction(0x7b, to, from, offset, 0)
}

/// `BPF_ALU64 | BPF_MOV | BPF_X`.
const fn move_register(to: Register, from: Register) -> u64 {
    instruction(0xbf, to, from, 0, 0)
}

/// `BPF_ALU64 | BPF_MOV | BPF_K`.
const fn move_number(to: Register, number: i32) -> u64 {
    instruction(0xb7, to, Register::Result, 0, number)
}

/// `BPF_ALU64 | BPF_ADD | BPF_K`.
const fn add_number(to: Register, number: i32) -> u64 {
    instruction(0x07, to, Register::Result, 0, number)
}

/// Skips so many instructions if the register holds this (`BPF_JMP | BPF_JEQ | BPF_K`).
const fn jump_if_equal(register: Register, number: i32, skip: i16) -> u64 {
    instruction(0x15, register, Register::Result, skip, number)
}

/// Skips so many instructions if it holds anything else (`BPF_JMP | BPF_JNE | BPF_K`).
const fn jump_unless_equal(register: Register, number: i32, skip: i16) -> u64 {
    instruction(0x55, register, Register::Result, skip, number)
}

/// Calls a helper function (`BPF_JMP | BPF_CALL`).
const fn call(function: i32) -> u64 {
    instruction(0x85, Register::Result, Register::Result, 0, function)
}

/// `BPF_JMP | BPF_EXIT`.
const fn exit() -> u64 {
    instruction(0x95, Register::Result, Register::Result, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::super::btf::written::Blob;
    use super::*;
    use proptest::prelude::*;

    const LAYOUT: Layout = Layout { meta: 0, socket: 8, file: 0, state: 18, cookie: 88, half_open: 1024 };

    /// The types that the program asks about, shaped as the kernel's are.
    fn kernel(queue: &str, function: &str) -> Vec<u8> {
        let mut blob = Blob::new();
        let int = blob.add(1, "int", 0, 4, &[0x20]);
        let long = blob.add(1, "long", 0, 8, &[0x40]);
        let byte = blob.add(1, "unsigned char", 0, 1, &[8]);
        let volatile = blob.add(9, "", 0, byte, &[]);
        let pointer = blob.add(2, "", 0, 0, &[]);
        let atomic = blob.structure("", 4, &[("counter", int, 0)]);
        let atomic64 = blob.structure("", 8, &[("counter", long, 0)]);
        let cookie = blob.add(8, "atomic64_t", 0, atomic64, &[]);
        let seq = blob.add(5, "", 1, 8, &[0, pointer, 0]);
        // The union's member has no name here; it gets one by a structure in its place.
        let meta = blob.structure("", 8, &[("meta", pointer, 0)]);
        let file = blob.structure("", 8, &[("seq", pointer, 0)]);
        let socket = blob.structure("", 8, &[("sk_common", pointer, 0)]);
        blob.structure("bpf_iter__tcp", 24, &[("", meta, 0), ("", socket, 8), ("", seq, 16)]);
        blob.structure("bpf_iter_meta", 24, &[("", file, 0)]);
        blob.structure("sock_common", 136, &[("skc_state", volatile, 18), ("skc_cookie", cookie, 88)]);
        let requests = blob.structure("request_sock_queue", 40, &[(queue, atomic, 8)]);
        let connection = blob.structure("inet_connection_sock", 1400, &[("icsk_accept_queue", requests, 1016)]);
        blob.structure("tcp_sock", 2300, &[("inet_conn", connection, 0)]);
        let prototype = blob.add(13, "", 0, 0, &[]);
        blob.add(12, function, 0, prototype, &[]);
        blob.bytes()
    }

    fn program(bytes: &[u8]) -> Result<ListenerProgram, BtfError> {
        ListenerProgram::for_kernel(&Btf::decode(bytes).unwrap())
    }

    #[test]
    fn the_program_reads_where_this_kernel_keeps_things() {
        let program = program(&kernel("qlen", "bpf_iter_tcp")).unwrap();
        assert_eq!(program, ListenerProgram { instructions: assemble(LAYOUT), attach_to: 20 });
    }

    #[test]
    fn a_kernel_that_keeps_other_things_gets_no_program() {
        let error = |bytes: &[u8]| program(bytes).unwrap_err().to_string();
        let member = "its type `tcp_sock` has no plain member `inet_conn.icsk_accept_queue.qlen`";
        assert_eq!(error(&kernel("length", "bpf_iter_tcp")), member);
        assert_eq!(error(&kernel("qlen", "bpf_iter_udp")), "it has no type `bpf_iter_tcp`");
        let mut blob = Blob::new();
        let byte = blob.add(1, "unsigned char", 0, 1, &[8]);
        blob.structure("bpf_iter__tcp", 1, &[("meta", byte, 0)]);
        assert_eq!(error(&blob.bytes()), "its type `bpf_iter__tcp` has no plain member `meta`");
    }

    #[test]
    fn every_jump_goes_to_where_the_answer_has_been_set() {
        let instructions: Vec<[u8; 8]> = assemble(LAYOUT).iter().map(|one| one.to_ne_bytes()).collect();
        let end = instructions.len() - 1;
        assert_eq!(instructions[end][0], 0x95);
        // The last two set the answer to 0 and end.
        assert_eq!(instructions[end - 1], move_number(Register::Result, 0).to_ne_bytes());
        let mut targets = Vec::new();
        for (at, one) in instructions.iter().enumerate().filter(|(_, one)| matches!(one[0], 0x15 | 0x55)) {
            let skip = i16::from_ne_bytes([one[2], one[3]]);
            targets.push(at + 1 + usize::try_from(skip).unwrap());
        }
        assert_eq!(targets, [end, end, end - 1]);
    }

    #[test]
    fn records_are_read_and_a_piece_of_one_is_left_out() {
        let mut bytes: Vec<u8> = [7_u64, 3, 9, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.extend([1; 15]);
        let queues: Vec<ListenerQueue> = decode_listener_queues(&bytes).collect();
        let queue = |cookie, half_open| ListenerQueue { cookie, half_open };
        assert_eq!(queues, [queue(7, 3), queue(9, 0)]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(decode_listener_queues(&bytes).count() <= bytes.len() / RECORD);
        }
    }
}
