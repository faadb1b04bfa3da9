//! Faults, injected: what was promised is kept, and what is lost, sent twice or late is counted.
//!
//! Each test of what CleverTap does wrong names in its doc comment the change of the program that makes it fail; damaged
//! bytes are tried in `journal::damage`.

/// More than CleverTap takes at once, and users who want more than their share.
mod busy;
/// Personal data and secrets on every path, looked for in everything that is said aloud.
mod canary;
/// Rules and settings that change while events come.
mod change;
/// CleverTap that is slow, busy, broken or not CleverTap.
mod clevertap;
/// A wall clock that jumps.
mod clock;
/// Disks that are full, refuse, or fail to sync.
mod disk;
/// Senders that mean harm, or do it.
mod hostile;
/// Senders of numbered calls, and a judge of what became of them.
mod load;
/// Everything at once against a model of what must hold.
mod model;
/// A disk of memory as a file system, with a switch for the power.
mod mount;
/// CleverTap that is down for long, or refuses everything: hours on the paused clock.
mod outage;
/// What is on a disk, and what would be after the power went.
mod platter;
/// Deaths at named points of the program.
mod point;
/// Power loss.
mod power;
/// Standing still, too few file handles, a long backlog, and the order of system calls.
mod process;
/// Hours of work in little: nothing grows.
mod soak;
/// Repetitions, oversizes, and two people saving at once.
mod storm;
/// The sums of what is accepted and how it ended, and what arrived.
pub(crate) mod sums;
/// Peers that are not CleverTap: certificates, names, redirects.
mod tls;
/// Each user's order, through failures and restarts.
mod turn;
