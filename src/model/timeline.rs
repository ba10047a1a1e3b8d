//! Windows.

/// When something happens: not before `at_us`, not after `latest_us`.
///
/// `at_us` is the nominal time (every kernel timer fires exactly when asked), which is also the earliest,
/// since the timer wheel is never early. `latest_us` is the worst that the wheel can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// Nominal time in microseconds.
    pub at_us: u64,
    /// Latest time in microseconds.
    pub latest_us: u64,
}
