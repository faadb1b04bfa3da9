//! The tracking API over real connections: what is taken, what is refused and how, and what is stored.

mod golden;
mod limit;
mod mutation;
mod pressure;
mod transport;
mod webhook;
