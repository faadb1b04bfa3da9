//! The journal: what holds for every implementation, and what only a disk can show.

/// Kill -9 under load.
mod crash;
/// What holds for every journal and every store.
mod conformance;
/// Failing, slow and full disks; damage; rotation; a second opener.
mod disk;
/// Journals under test, events and ends to put into them.
mod subject;
