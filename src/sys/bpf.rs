//! Programs that the kernel runs over its own lists (`bpf(2)`), as far as an iterator needs them, and what the kernel
//! tells of its types.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use super::ReadError;
use super::proc::describe;

/// The running kernel's own types, in BTF.
const KERNEL_TYPES: &str = "/sys/kernel/btf/vmlinux";
/// The most that is read of them. Distributions have 5 to 10 MiB.
const TYPES_LIMIT: usize = 64 << 20;
/// `SYSFS_MAGIC` (include/uapi/linux/magic.h).
const SYSFS: u64 = 0x6265_6572;

/// Commands, kinds and places of `include/uapi/linux/bpf.h`.
const PROG_LOAD: libc::c_long = 5;
const LINK_CREATE: libc::c_long = 28;
const ITER_CREATE: libc::c_long = 33;
const PROG_TYPE_TRACING: u32 = 26;
const TRACE_ITER: u32 = 28;
/// Bytes that are asked for at a time. The kernel fills them before it answers.
const BUFFER: usize = 4 << 10;
/// How much of the verifier's protocol is read to find its last line.
const LOG: usize = 16 << 10;

/// The part of `union bpf_attr` for `BPF_PROG_LOAD` up to where all kernels with iterators agree.
#[repr(C)]
#[derive(Debug)]
struct LoadAttributes {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 15],
    /// A name ends with a zero.
    prog_name_end: u8,
    prog_ifindex: u32,
    expected_attach_type: u32,
    prog_btf_fd: u32,
    func_info_rec_size: u32,
    func_info: u64,
    func_info_cnt: u32,
    line_info_rec_size: u32,
    line_info: u64,
    line_info_cnt: u32,
    attach_btf_id: u32,
    attach_prog_fd: u32,
    /// So that there is no padding that could hold anything.
    end: u32,
}

/// The same for `BPF_LINK_CREATE`.
#[repr(C)]
#[derive(Debug)]
struct LinkAttributes {
    prog_fd: u32,
    target_fd: u32,
    attach_type: u32,
    flags: u32,
}

/// The same for `BPF_ITER_CREATE`.
#[repr(C)]
#[derive(Debug)]
struct IterAttributes {
    link_fd: u32,
    flags: u32,
}

/// An iterator that the kernel holds. It goes when this value does; nothing of it is left in the system.
#[derive(Debug)]
pub struct BpfIterator {
    link: OwnedFd,
}

/// Why the kernel does not run a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BpfError {
    /// This process may not.
    #[error(
        "the kernel does not let this process load BPF programs ({0}): that takes CAP_BPF and CAP_PERFMON, or root"
    )]
    Denied(String),
    /// The kernel is built without it, or is older than Linux 5.9.
    #[error("the kernel has no BPF iterator for sockets: {0}")]
    Absent(String),
    /// Anything else, with what the verifier said last.
    #[error("the kernel refuses the BPF program: {0}")]
    Refused(String),
    /// It was loaded, and reading failed.
    #[error("reading by the BPF iterator failed: {0}")]
    Failed(String),
}

impl BpfIterator {
    /// Loads a program for an iterator and attaches it.
    ///
    /// `attach_to` is the BTF number of the iterator's function in the kernel, and the license one of those that the
    /// kernel takes for its helper functions (`license_is_gpl_compatible`).
    ///
    /// # Errors
    /// Denied, absent or refused.
    pub fn load(name: [u8; 15], instructions: &[u64], attach_to: u32, license: &CStr) -> Result<Self, BpfError> {
        let program = match load_program(name, instructions, attach_to, license, &mut []) {
            Ok(program) => program,
            Err(error) => {
                let mut log = vec![0; LOG];
                // Once more, for the reason in words. It is written from the beginning, and what does not fit is left out.
                let again = load_program(name, instructions, attach_to, license, &mut log);
                return Err(error_of(&error, again.err().and_then(|_| said_last(&log)).as_deref()));
            }
        };
        let attributes =
            LinkAttributes { prog_fd: number_of(&program), target_fd: 0, attach_type: TRACE_ITER, flags: 0 };
        // The link keeps the program.
        let link = call(LINK_CREATE, &attributes).map_err(|error| error_of(&error, None))?;
        Ok(Self { link })
    }

    /// Runs it over what the calling thread's namespace has, and hands on what it wrote, piece by piece. It ends where
    /// the program returned 1, or at the end of the list.
    ///
    /// # Errors
    /// Failed.
    pub fn read(&self, mut each: impl FnMut(&[u8])) -> Result<(), BpfError> {
        let failed = |error: &io::Error| BpfError::Failed(describe(error));
        let attributes = IterAttributes { link_fd: number_of(&self.link), flags: 0 };
        let mut file = File::from(call(ITER_CREATE, &attributes).map_err(|error| failed(&error))?);
        let mut buffer = vec![0; BUFFER];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(length) => each(buffer.get(..length).unwrap_or_default()),
                // The program said that this is enough. The kernel says the same after a million objects for which
                // nothing was written.
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(&error)),
            }
        }
    }
}

/// Sorts what the kernel answered to a program. `EACCES` is the verifier's, that the program does what it must not.
fn error_of(error: &io::Error, said: Option<&str>) -> BpfError {
    let reason = describe(error);
    match error.raw_os_error() {
        Some(libc::EPERM) => BpfError::Denied(reason),
        Some(libc::ENOSYS) => BpfError::Absent(reason),
        _ => BpfError::Refused(said.map_or(reason.clone(), |said| format!("{reason}: {said}"))),
    }
}

/// The last line of the verifier's protocol before its statistics.
fn said_last(log: &[u8]) -> Option<String> {
    let text = CStr::from_bytes_until_nul(log).ok()?.to_string_lossy();
    let line = text.lines().rev().find(|line| !line.trim().is_empty() && !line.starts_with("processed "));
    line.map(|line| line.trim().to_owned())
}

/// Hands the running kernel's types on, and keeps nothing of them.
///
/// # Errors
/// Absent in a kernel without them (`CONFIG_DEBUG_INFO_BTF`) or where no sysfs is mounted; denied or failed.
pub fn with_kernel_types<T>(act: impl FnOnce(&[u8]) -> T) -> Result<T, ReadError> {
    let path = Path::new(KERNEL_TYPES);
    let read = || -> io::Result<(File, usize)> {
        let file = File::open(path)?;
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        Ok((file, length.min(TYPES_LIMIT)))
    };
    let (file, length) = read().map_err(|error| ReadError::new(path, &error))?;
    if let Some(mapped) = Mapped::of(&file, length) {
        return Ok(act(mapped.bytes()));
    }
    let mut bytes = Vec::with_capacity(length);
    let limit = u64::try_from(TYPES_LIMIT).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut bytes).map_err(|error| ReadError::new(path, &error))?;
    Ok(act(&bytes))
}

/// A file of sysfs as the kernel has it in memory, which takes a tenth of the time that reading it takes.
struct Mapped {
    at: *mut libc::c_void,
    length: usize,
}

impl Mapped {
    /// Nothing where the kernel does not map the file: before Linux 6.16. A file that is no file of sysfs could be made
    /// shorter by others, and is not mapped either.
    #[expect(unsafe_code, reason = "a mapping is memory that the compiler knows nothing of")]
    fn of(file: &File, length: usize) -> Option<Self> {
        use rustix::mm::{MapFlags, ProtFlags, mmap};
        let kind = rustix::fs::fstatfs(file).ok()?.f_type;
        if u64::try_from(kind).ok()? != SYSFS || length == 0 {
            return None;
        }
        // SAFETY: without an address the kernel finds a free place, so that nothing else is covered.
        let at = unsafe { mmap(std::ptr::null_mut(), length, ProtFlags::READ, MapFlags::PRIVATE, file.as_fd(), 0) };
        Some(Self { at: at.ok()?, length })
    }

    #[expect(unsafe_code, reason = "a mapping is memory that the compiler knows nothing of")]
    fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes were mapped there for reading, until this value is dropped; they are the kernel's own
        // read-only data, which never change.
        unsafe { std::slice::from_raw_parts(self.at.cast::<u8>(), self.length) }
    }
}

impl Drop for Mapped {
    #[expect(unsafe_code, reason = "a mapping is memory that the compiler knows nothing of")]
    fn drop(&mut self) {
        // SAFETY: it was mapped by `of`, and no slice of it outlives this value.
        let _ = unsafe { rustix::mm::munmap(self.at, self.length) };
    }
}

fn load_program(
    name: [u8; 15],
    instructions: &[u64],
    attach_to: u32,
    license: &CStr,
    log: &mut [u8],
) -> io::Result<OwnedFd> {
    let too_long = |_| io::Error::from_raw_os_error(libc::E2BIG);
    let attributes = LoadAttributes {
        prog_type: PROG_TYPE_TRACING,
        insn_cnt: u32::try_from(instructions.len()).map_err(too_long)?,
        insns: instructions.as_ptr() as u64,
        license: license.as_ptr() as u64,
        log_level: u32::from(!log.is_empty()),
        log_size: u32::try_from(log.len()).map_err(too_long)?,
        log_buf: if log.is_empty() { 0 } else { log.as_mut_ptr() as u64 },
        kern_version: 0,
        prog_flags: 0,
        prog_name: name,
        prog_name_end: 0,
        prog_ifindex: 0,
        expected_attach_type: TRACE_ITER,
        prog_btf_fd: 0,
        func_info_rec_size: 0,
        func_info: 0,
        func_info_cnt: 0,
        line_info_rec_size: 0,
        line_info: 0,
        line_info_cnt: 0,
        attach_btf_id: attach_to,
        attach_prog_fd: 0,
        end: 0,
    };
    call(PROG_LOAD, &attributes)
}

/// A descriptor as the attributes hold it; a number that cannot be is refused by the kernel.
fn number_of(descriptor: &OwnedFd) -> u32 {
    u32::try_from(descriptor.as_raw_fd()).unwrap_or(u32::MAX)
}

/// The three commands that are used give a new descriptor.
#[expect(unsafe_code, reason = "bpf(2) has no wrapper")]
fn call<T>(command: libc::c_long, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the attributes are one of the structures above, without padding, and outlive the call, as do the
    // instructions, the license and the log that they point to; the kernel reads no more than the given size, and writes
    // into the log alone, no more than its size.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let descriptor = i32::try_from(result).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor, with FD_CLOEXEC, for this call alone.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_the_kernels_layout() {
        assert_eq!(std::mem::offset_of!(LoadAttributes, prog_name), 48);
        assert_eq!(std::mem::offset_of!(LoadAttributes, expected_attach_type), 68);
        assert_eq!(std::mem::offset_of!(LoadAttributes, attach_btf_id), 108);
        assert_eq!(
            (size_of::<LoadAttributes>(), size_of::<LinkAttributes>(), size_of::<IterAttributes>()),
            (120, 16, 8)
        );
    }

    #[test]
    fn refusals_are_told_apart_and_the_verifiers_words_are_kept() {
        let error = |number, said| error_of(&io::Error::from_raw_os_error(number), said);
        assert_eq!(error(libc::EPERM, None), BpfError::Denied("Operation not permitted".to_owned()));
        assert_eq!(error(libc::ENOSYS, None), BpfError::Absent("Function not implemented".to_owned()));
        let log = b"0: R1=ctx()\n0: (95) exit\nR0 !read_ok\nprocessed 1 insns\n\0\0";
        let said = said_last(log);
        assert_eq!(said.as_deref(), Some("R0 !read_ok"));
        let refused = BpfError::Refused("Permission denied: R0 !read_ok".to_owned());
        assert_eq!(error(libc::EACCES, said.as_deref()), refused);
        assert_eq!((said_last(b"\0"), said_last(b"cut off")), (None, None));
    }

    #[test]
    fn a_program_that_ends_without_an_answer_is_not_loaded() {
        // BPF_JMP | BPF_EXIT and nothing else.
        let exit = u64::from_ne_bytes([0x95, 0, 0, 0, 0, 0, 0, 0]);
        assert!(BpfIterator::load([0; 15], &[exit], u32::MAX, c"GPL").is_err());
    }
}
