//! The one integration binary: everything that needs more than one room.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// Events and what they become, as data.
mod golden;
/// The journal and the small tables.
mod journal;
