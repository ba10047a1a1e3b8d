//! The kernel's TCP timers, queues and port search as pure functions: settings in, timelines out.
//!
//! For: saying what the kernel will do and when, by its own rules, version by version.
//! Must not: do I/O, read a clock or the environment, use floating point, or fail.
//! Mirrors: `net/ipv4/tcp_timer.c`, `inet_connection_sock.c`, `tcp_minisocks.c`, `inet_hashtables.c` and
//! `kernel/time/timer.c`; each file cites the functions it follows.

mod clock;
mod consequence;
mod constants;
mod endpoint;
mod flood;
mod flood_client;
mod flood_course;
mod flood_moment;
mod forecast;
mod host;
mod isn;
mod live;
mod mss;
mod options;
mod packet;
mod pending;
mod phases;
mod play;
mod port;
mod queue;
mod rto;
mod scenario;
mod script;
mod settings;
mod timeline;
mod timeout;
mod timer;
mod wheel;

pub use clock::{
    FinWait2Life, KeepaliveClock, KeepaliveExpiry, ProbeClock, ProbeExpiry, QueueFill, RetransmitClock,
    RetransmitExpiry, SocketHold, SynAckClock, SynAckExpiry, SynClock, SynExpiry, TIME_WAIT_US, fin_wait2_life,
};
pub use consequence::{Answer, CONSEQUENCES, Consequence, ConsequenceRule, consequences, half_open_ages};
pub use flood::{Flood, FloodForecast, PlayedPace, Span, SteadyFlood, forecast_flood};
pub use flood_client::{FloodClient, Legitimate};
pub use flood_moment::{FloodMoments, FloodSums, flood_moments};
pub use forecast::forecast;
pub use host::Host;
pub use isn::{ISN_TICK_NS, isn_advance, isn_wrap_us};
pub use live::{
    Activity, Assumption, KnownOptions, LiveEnd, LiveForecast, LiveNext, NextStep, Progress, Unless, WhyUnknown,
    forecast_live,
};
pub use mss::{IpVersion, SegmentSizes, arrival_ppm, segment_sizes};
pub use options::SocketOptions;
pub use port::{PortBudget, port_budget};
pub use queue::{LimitedBy, QueueLimits, queue_limits};
pub use rto::{RoundTrips, Timeouts, timeouts};
pub use scenario::{Endpoint, Listener, Measured, Scenario, Start};
pub use script::{Action, Call, Fate, IcmpError, Injected, Injection, Number, WireRule};
pub use settings::{KnownSettings, Settings};
pub use timeline::{End, Errno, Event, Outcome, Segment, Side, Timeline, What, Window};
pub use wheel::{WheelWait, wheel_wait};
