//! One input, one decoder: it must come back, with little memory and in little time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::allocation::allocated_by;
use crate::decoders::Decoder;

/// Time of its own that a thread may take for one input. What takes longer in a build without optimisation is no work
/// that grows with the input; nothing else that runs on the machine counts.
const CPU_MOST: Duration = Duration::from_secs(10);
/// Allocations for each byte of an input, and whatever its length: work that no clock measures.
const CALLS_A_BYTE: u64 = 64;
const CALLS_ALWAYS: u64 = 400_000;

thread_local! {
    static EXAMINED: Cell<bool> = const { Cell::new(false) };
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What runs now, by the number of its thread: the watcher ends what never comes back.
static RUNNING: Mutex<BTreeMap<i32, Running>> = Mutex::new(BTreeMap::new());

struct Running {
    decoder: &'static str,
    input: Vec<u8>,
    begun: Duration,
}

/// Keeps the words of a panic that is looked for, and lets others be printed.
pub(crate) fn catch_words() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if EXAMINED.get() {
            SAID.set(info.to_string());
        } else {
            others(info);
        }
    }));
}

/// Runs a decoder on an input.
///
/// # Errors
/// What it did that it may not do. The input is kept then, and the words say where.
pub(crate) fn examine(decoder: &'static Decoder, input: &[u8], origin: &str) -> Result<(), String> {
    if std::env::var_os("TCPCTL_HOSTILE_KEEP").is_some() {
        // For what ends the process at once, as an overflow of the stack does.
        keep(decoder.name, "last", input);
    }
    let thread = rustix::thread::gettid().as_raw_nonzero().get();
    let begun = own_time();
    let running = Running { decoder: decoder.name, input: input.to_vec(), begun };
    lock().insert(thread, running);
    EXAMINED.set(true);
    let mut came_back = Ok(());
    let allocated = allocated_by(|| came_back = catch_unwind(AssertUnwindSafe(|| (decoder.run)(input))));
    EXAMINED.set(false);
    lock().remove(&thread);
    let took = own_time().saturating_sub(begun);
    let bytes_most = decoder.bytes_always + decoder.bytes_a_byte * input.len();
    let calls_most = CALLS_ALWAYS + CALLS_A_BYTE * u64::try_from(input.len()).unwrap_or(u64::MAX);
    let fault = match came_back {
        Err(_) => SAID.take(),
        Ok(()) if allocated.peak_bytes > bytes_most => {
            format!("it held {} bytes at once, and {bytes_most} are allowed", allocated.peak_bytes)
        }
        Ok(()) if allocated.calls > calls_most => {
            format!("it allocated {} times, and {calls_most} times are allowed", allocated.calls)
        }
        Ok(()) if took > CPU_MOST => format!("it took {took:?} of processor time, and {CPU_MOST:?} are allowed"),
        Ok(()) => return Ok(()),
    };
    Err(told(decoder.name, input, origin, &fault))
}

fn told(decoder: &str, input: &[u8], origin: &str, fault: &str) -> String {
    let kept = keep(decoder, origin, input);
    let length = input.len();
    format!(
        "{decoder}, {origin}, {length} bytes: {fault}\nthe input is in {}; once it is mended, move it to \
tests/data/hostile/{decoder}/",
        kept.display()
    )
}

/// Writes an input where it can be found again.
fn keep(decoder: &str, origin: &str, input: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
    fs::create_dir_all(&folder).ok();
    let path = folder.join(format!("{decoder}-{}.bin", origin.replace([' ', '/'], "-")));
    fs::write(&path, input).ok();
    path
}

fn lock() -> std::sync::MutexGuard<'static, BTreeMap<i32, Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Processor time of the calling thread.
fn own_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Processor time of another thread of this process.
fn time_of(thread: i32) -> Option<Duration> {
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// Ends the process when an input takes ten times what it may: it would never come back.
pub(crate) fn watch() {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_secs(1));
            for (thread, running) in lock().iter() {
                if time_of(*thread).is_some_and(|now| now.saturating_sub(running.begun) > 10 * CPU_MOST) {
                    eprintln!("{}", told(running.decoder, &running.input, "endless", "it does not come back"));
                    std::process::exit(101);
                }
            }
        }
    });
}
