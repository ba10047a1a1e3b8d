//! One reading for however many ask.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use hyper::body::Bytes;
use tokio::sync::oneshot;

use super::limits;

/// The metrics of one reading, in the formats that a client may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Prometheus' text format.
    pub classic: String,
    /// OpenMetrics.
    pub open: String,
}

/// A reading as it is answered with; clones share the bytes.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) classic: Bytes,
    pub(super) open: Bytes,
}

/// What was read, or why nothing could be.
pub(super) type Answered = Result<Arc<Shared>, String>;

/// Somebody who waits for a reading.
struct Asked {
    at: Instant,
    to: oneshot::Sender<Answered>,
}

/// The door to the thread that reads.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    ask: Sender<Asked>,
}

impl Reader {
    /// Starts the thread. It reads when somebody asks and no reading is recent enough, one at a time, so that all who ask
    /// meanwhile share the next. It ends with the last clone of this.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(
        max_age: Duration,
        read: impl FnMut() -> Result<Page, String> + Send + 'static,
    ) -> anyhow::Result<(Self, oneshot::Receiver<()>)> {
        // Without a bound: who has gone still stands in it until its turn, and must not take the place of who is there.
        let (ask, asked) = channel();
        // Dropped with the thread, whatever ended it.
        let (alive, ended) = oneshot::channel();
        let run = move || {
            let _alive: oneshot::Sender<()> = alive;
            answer_all(&asked, max_age, read);
        };
        thread::Builder::new().name("reader".to_owned()).spawn(run).context("cannot start the thread that reads")?;
        Ok((Self { ask }, ended))
    }

    /// A reading that began no longer than the greatest age before now.
    ///
    /// # Errors
    /// Why there is none, for the client to read.
    pub(super) async fn page(&self) -> Answered {
        let (to, answered) = oneshot::channel();
        let ended = || "the thread that reads has ended".to_owned();
        self.ask.send(Asked { at: Instant::now(), to }).map_err(|_| ended())?;
        match tokio::time::timeout(limits::READING, answered).await {
            Ok(Ok(answered)) => answered,
            Ok(Err(_)) => Err(ended()),
            Err(_) => Err(format!("the reading takes longer than {} s", limits::READING.as_secs())),
        }
    }
}

fn answer_all(asked: &Receiver<Asked>, max_age: Duration, mut read: impl FnMut() -> Result<Page, String>) {
    let mut last: Option<(Instant, Answered)> = None;
    for one in asked {
        // Whoever has gone is not read for.
        if one.to.is_closed() {
            continue;
        }
        let recent = last.as_ref().filter(|(began, _)| *began + max_age >= one.at);
        let answered = match recent {
            Some((_, answered)) => answered.clone(),
            None => {
                let began = Instant::now();
                let answered =
                    read().map(|page| Arc::new(Shared { classic: page.classic.into(), open: page.open.into() }));
                last.insert((began, answered)).1.clone()
            }
        };
        // Nobody is left to tell when this fails.
        let _ = one.to.send(answered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn who_asks_while_one_is_read_shares_the_next_reading_and_who_has_gone_costs_none() {
        let readings = Arc::new(AtomicU32::new(0));
        let (ask, asked) = channel();
        let count = Arc::clone(&readings);
        let read = move || {
            let number = count.fetch_add(1, Ordering::Relaxed);
            Ok(Page { classic: number.to_string(), open: String::new() })
        };
        let now = Instant::now();
        let later = now + Duration::from_secs(3600);
        let mut waiting = Vec::new();
        for (at, stays) in [(now, true), (now, true), (later, false), (later, true), (later, true)] {
            let (to, answered) = oneshot::channel();
            ask.send(Asked { at, to }).unwrap();
            waiting.extend(stays.then_some(answered));
        }
        drop(ask);
        answer_all(&asked, Duration::from_secs(1), read);
        let texts: Vec<String> = waiting
            .into_iter()
            .map(|answered| String::from_utf8_lossy(&answered.blocking_recv().unwrap().unwrap().classic).into_owned())
            .collect();
        // A reading is never of the future: those who ask in an hour each get one of their own here.
        assert_eq!(texts, ["0", "0", "1", "2"]);
        assert_eq!(readings.load(Ordering::Relaxed), 3);
    }
}
