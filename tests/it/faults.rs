//! Faults, injected: what was promised is kept, and what is lost, sent twice or late is counted.
//!
//! What goes wrong at CleverTap is tried in `delivery`; damaged bytes in `journal::damage`.

/// A wall clock that jumps.
mod clock;
/// Disks that are full, refuse, or fail to sync.
mod disk;
/// Senders of numbered calls, and a judge of what became of them.
mod load;
/// A disk of memory as a file system, with a switch for the power.
mod mount;
/// What is on a disk, and what would be after the power went.
mod platter;
/// Deaths at named points of the program.
mod point;
/// Power loss.
mod power;
/// Standing still, too few file handles, a long backlog, and the order of system calls.
mod process;
