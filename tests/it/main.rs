//! The one integration binary: everything that needs more than one room.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

/// What holds for arbitrary valid rules over arbitrary events.
mod any_rules;
/// The REST API, as its callers see it.
mod api;
/// The data directory in a file and back: `tapline backup`, `restore`, `verify`.
mod backup;
/// Deleting a person, through every way in and through kills.
mod deletion;
/// From the journal to CleverTap.
mod delivery;
/// What is said of rules that are wrong, as data.
mod diagnostics;
/// What another set of rules would make of the same events: `tapline diff`.
mod diff;
/// The program beside CleverTap's stand-in, from Segment's calls to CleverTap's records.
mod end_to_end;
/// What goes wrong around the program: power, disks, processes, clocks.
mod faults;
/// Events and what they become, as data.
mod golden;
/// The tracking API over real connections.
mod ingest;
/// The journal and the small tables.
mod journal;
/// One layout for rule files: `tapline fmt`.
mod layout;
/// What lints say, for every event.
mod lint;
/// Slips of the hand.
mod mistake;
/// What the packs' own cases catch when a pack is changed.
mod mutants;
/// The whole way from HTTP to CleverTap's stand-in.
mod pipeline;
/// What holds for every event, however odd.
mod properties;
/// Rules that change on disk while the program runs.
mod reload;
/// Sending events again: the API, the command line, the console, kill -9.
mod replay;
/// Cases next to rules, and what codes mean: `tapline test` and `tapline explain`.
mod rule_test;
/// The examples of rules/README.md.
mod rules_page;
/// The schemas of rule files: `tapline schema`.
mod schema;
/// Scripts, what they reach and where they end.
mod script;
/// The program as a process: starting, ending, exit codes.
mod serve;
/// The stand-in for CleverTap.
mod simulator;
/// A rules directory to start from: `tapline init`.
mod starter;
/// What tests stand on.
mod support;
/// What the process says about itself: lines and numbers.
mod telemetry;
/// Walls, homes, sizes, and the truth of READMEs.
mod tidy;
/// `tapline transform`.
mod transform;
/// A file of events straight to CleverTap's stand-in: `tapline upload`.
mod upload;
/// The console, as a browser sees it.
mod web;
