//! The journal: what holds for every implementation, and what only a disk can show.

/// What holds for every journal and every store.
mod conformance;
/// Kill -9 under load.
mod crash;
/// Failing, slow and full disks; damage; rotation; a second opener.
mod disk;
/// Journals under test, events and ends to put into them.
mod subject;
