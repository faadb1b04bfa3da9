//! What tests stand on. Nothing here decides whether a test passes.

pub(crate) mod app;
pub(crate) mod copy;
pub(crate) mod figure;
pub(crate) mod http;
pub(crate) mod journal;
pub(crate) mod process;
pub(crate) mod stand;
pub(crate) mod tail;
pub(crate) mod vital;
