//! The journal: what holds for every implementation, and what only a disk can show.

/// Backups, and what is made of them again.
mod backup;
/// What holds for every journal and every store.
mod conformance;
/// Kill -9 under load.
mod crash;
/// Damaged bytes, and what goes on all the same.
mod damage;
/// Failing, slow and full disks; rotation; a second opener.
mod disk;
/// Erased events: hidden at once, then gone from the disk.
mod erasure;
/// What earlier versions wrote.
mod fixture;
/// Erased events, for every journal.
mod forget;
/// Deaths inside backup, restore and repair.
mod half;
/// A death at a named point between two steps.
mod point;
/// A damaged data directory that is repaired.
mod repair;
/// Retention, and bounds that refuse and recover.
mod room;
/// Finding events by what they are about.
mod search;
/// What damage does when a start comes before any repair.
mod shield;
/// Journals under test, events and ends to put into them.
pub(crate) mod subject;
/// Repetitions after a restart.
mod window;
/// A process that writes until something ends it.
pub(crate) mod writer;
