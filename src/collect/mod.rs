//! Reads the kernel through `sys` and `wire` into a `Snapshot`.
