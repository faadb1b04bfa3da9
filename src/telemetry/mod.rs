//! What the process says about itself: lines on stderr for people or machines, and numbers at `/metrics`.
//!
//! Each thing that happens is one type in `event/`, with one method, `tell`: it writes the line, if there is one, and moves
//! the numbers that belong to it. So a line and its number can not drift apart, and what is said stands in one room.
//! How things stand at a moment, as what is pending, is no event: it is a [`Standing`], asked for at every scrape.
//!
//! First thing to know: nothing told may hold an event, a record, a key or a passcode. Fields are numbers, words out of
//! fixed lists ([`Word`]) and the program's own words for what failed ([`Cause`]); labels are words out of fixed lists only.
//! Deliberately no network: nothing is sent anywhere.

pub(crate) mod event;

mod cause;
mod exposition;
mod line;
mod log;
mod meter;
mod repeat;
mod standing;
mod word;

pub use cause::Cause;
pub use exposition::Exposition;
pub use log::{Format, start};
pub use meter::{DeliveryTotals, Telemetry};
pub use standing::{DeliveryStanding, EventStanding, JournalStanding, RulesStanding, Standing};
pub use word::{Listed, Word};
