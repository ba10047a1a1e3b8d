//! Everything that needs no privilege: one module per area.
