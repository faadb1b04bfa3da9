//! The program beside CleverTap's stand-in, each as its own process, as people run them.

/// A batch arrives as the records that every preview shows.
mod arrival;
/// Calls to send.
mod call;
/// The verbs that start no server.
mod command;
/// Kill -9 under load.
mod crash;
/// A stop in the middle of deliveries.
mod stop;
/// The stream of events across kill -9.
mod stream;
