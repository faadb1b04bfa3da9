//! The integration tests, in one binary because linking several takes longer than running them.

/// The tracking API.
mod ingest;
/// What tests stand on.
mod support;
