//! A playing that is shown while it goes on.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::lab::Extent;
use super::lab_interrupt::Interrupt;
use super::progress_bar::ProgressBar;
use crate::lab::{Conditions, Expected, Followed, LabError, Proof, prove_once};
use crate::model::{Scenario, forecast};
use crate::report::{render_followed, render_live_head, render_progress};
use crate::ui::cli::context::Context;

/// How often the bar moves by itself.
const REDRAWN: Duration = Duration::from_millis(200);

/// Plays a scenario once and prints its events as they happen.
///
/// The outer error is that of the output; the inner one that of the laboratory.
pub(super) fn play_live(
    scenario: &Scenario,
    extent: Extent,
    interrupt: &Interrupt,
    context: &mut Context<'_>,
) -> std::io::Result<Result<Proof, LabError>> {
    let (sender, followed) = channel();
    let stop = interrupt.stop();
    let conditions = Conditions { follow: Some(sender), stop, ..extent.conditions() };
    thread::scope(|scope| {
        // It owns the sender, so that the events end with it.
        let player = scope.spawn(move || prove_once(scenario, &conditions, extent.horizon_us));
        let shown = show(&followed, scenario, extent, context);
        if shown.is_err() {
            // Nobody sees the rest.
            interrupt.stop().store(true, std::sync::atomic::Ordering::Relaxed);
        }
        let proof = player.join().unwrap_or(Err(LabError::NotReady("its own thread")));
        shown.map(|()| proof)
    })
}

/// Prints what comes until nothing more can.
fn show(
    followed: &Receiver<Followed>,
    scenario: &Scenario,
    extent: Extent,
    context: &mut Context<'_>,
) -> std::io::Result<()> {
    let mut bar = ProgressBar::new();
    let mut expected = Expected::new(&forecast(scenario));
    let mut begun = None;
    write!(context.out, "{}", render_live_head())?;
    context.out.flush()?;
    loop {
        match followed.recv_timeout(REDRAWN) {
            Ok(Followed::Begins(measured)) => {
                begun = Some(Instant::now());
                expected = Expected::new(&forecast(&measured));
            }
            Ok(event) => {
                let line = render_followed(&event, expected.meet(&event), context.ascii);
                if let Some(line) = line {
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
            let next = expected.next();
            let width = context.width.saturating_sub(1);
            bar.draw(&render_progress(elapsed_us, extent.end_us(), next.as_ref(), width, context.ascii));
        }
    }
    bar.clear();
    writeln!(context.out)
}
