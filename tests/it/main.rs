//! The one integration binary: what needs several rooms, or the whole program.

/// From the journal to CleverTap.
mod delivery;
/// The stand-in for CleverTap.
mod simulator;
