#![doc = include_str!("README.md")]

pub mod engine;

#[cfg(feature = "server")]
pub mod clock;
#[cfg(feature = "server")]
pub mod point;
#[cfg(feature = "server")]
pub mod settings;

#[cfg(feature = "server")]
pub mod rulebook;

#[cfg(feature = "server")]
pub mod journal;

#[cfg(feature = "server")]
pub mod ingest;

#[cfg(feature = "server")]
pub mod delivery;

#[cfg(feature = "server")]
pub mod backfill;

#[cfg(feature = "server")]
pub mod simulator;

#[cfg(feature = "server")]
pub mod admin;

#[cfg(feature = "server")]
pub mod resend;

#[cfg(feature = "server")]
mod sse;

#[cfg(feature = "server")]
pub mod web;

#[cfg(feature = "server")]
pub mod api;

#[cfg(feature = "server")]
pub mod telemetry;

#[cfg(feature = "server")]
pub mod app;

#[cfg(feature = "server")]
pub mod cli;
