//! From the journal to CleverTap: lanes, batches, answers, retries, pauses, restarts.
//!
//! `rig` holds what all of them start with, `script` a CleverTap that answers as told on the paused clock. Over HTTP the
//! peer is the simulator, or a socket that answers what no HTTP server would.

mod answer;
mod bench;
mod client;
mod connection;
mod deletion;
mod fault;
mod order;
mod pause;
mod reach;
mod resend;
mod restart;
mod retry;
pub(crate) mod rig;
pub(crate) mod script;
mod settle;
mod stall;
mod token;
