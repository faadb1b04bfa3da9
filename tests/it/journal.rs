//! The journal: what holds for every implementation, and what only a disk can show.

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
/// Retention, and bounds that refuse and recover.
mod room;
/// Journals under test, events and ends to put into them.
mod subject;
