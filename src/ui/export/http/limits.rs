//! What a client may take of the server: time, space and places.

use std::time::Duration;

/// Connections at once. When all places are taken, the one that has waited longest for its client's next word is closed
/// in favour of the new one: who only holds a place loses it first.
pub(super) const CONNECTIONS: usize = 512;

/// Connections that may wait in the kernel for a place: a few scrapers more or less at once lose no SYN.
pub(super) const BACKLOG: i32 = 1024;

/// Requests that are being answered at once; more are answered with 503.
pub(super) const IN_FLIGHT: usize = 256;

/// From the first moment until a request's head has come in whole, TLS included; also how long a connection may rest
/// between two requests.
pub(super) const HEAD: Duration = Duration::from_secs(10);

/// How long a client may take to fetch an answer, as far as the kernel does not hold it for the client.
pub(super) const FETCH: Duration = Duration::from_secs(10);

/// How long a request waits for a reading; Prometheus itself gives up after 10 s unless told otherwise.
pub(super) const READING: Duration = Duration::from_secs(9);

/// Bytes of a request's head.
pub(super) const HEAD_BYTES: usize = 16 * 1024;

/// Fields in it.
pub(super) const HEAD_FIELDS: usize = 64;

/// How long answers under way may take to end once the program is told to stop.
pub(super) const STOPPING: Duration = Duration::from_secs(10);

/// Rest after the system had no descriptor or memory for a connection.
pub(super) const RECOVERY: Duration = Duration::from_millis(100);
