//! A flood that is shown while it is played.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::progress_bar::ProgressBar;
use crate::lab::{FloodConditions, FloodFollowed, FloodOutlook, FloodPlan, FloodProof, LabError, prove_floods};
use crate::report::FloodLive;
use crate::ui::cli::context::Context;

/// How often the bar moves by itself.
const REDRAWN: Duration = Duration::from_millis(200);

/// Plays floods side by side and prints what is seen of them as it happens.
///
/// The outer error is that of the output; the inner one that of the laboratory.
pub(super) fn play_floods_live(
    plans: &[FloodPlan],
    conditions: FloodConditions,
    context: &mut Context<'_>,
) -> std::io::Result<Result<Vec<FloodProof>, LabError>> {
    let outlooks: Vec<FloodOutlook> = plans.iter().map(FloodOutlook::new).collect();
    let stop = std::sync::Arc::clone(&conditions.stop);
    let (sender, followed) = channel();
    let conditions = FloodConditions { follow: Some(sender), ..conditions };
    thread::scope(|scope| {
        // It owns the sender, so that what is told ends with it.
        let player = scope.spawn(move || prove_floods(plans, &conditions));
        let shown = show(&followed, outlooks, context);
        if shown.is_err() {
            // Nobody sees the rest.
            stop.store(true, Ordering::Relaxed);
        }
        let proofs = player.join().unwrap_or(Err(LabError::NotReady("its own thread")));
        shown.map(|()| proofs)
    })
}

/// Prints what comes until nothing more can.
fn show(
    followed: &Receiver<FloodFollowed>,
    outlooks: Vec<FloodOutlook>,
    context: &mut Context<'_>,
) -> std::io::Result<()> {
    let mut bar = ProgressBar::new();
    let mut live = FloodLive::new(outlooks, context.ascii);
    let mut begun = None;
    write!(context.out, "{}", live.head())?;
    context.out.flush()?;
    loop {
        match followed.recv_timeout(REDRAWN) {
            Ok(seen) => {
                begun = begun.or_else(|| Some(Instant::now()));
                if let Some(line) = live.meet(&seen) {
                    bar.clear();
                    write!(context.out, "{line}")?;
                    context.out.flush()?;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if let Some(begun) = begun.filter(|_| bar.is_drawn()) {
            let elapsed_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            bar.draw(&live.progress(elapsed_us, context.width.saturating_sub(1)));
        }
    }
    bar.clear();
    writeln!(context.out)
}
