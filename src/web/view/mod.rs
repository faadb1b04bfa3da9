//! What pages show of data: moments, JSON, events, the why of a preview. Text and numbers only, ready for a template.

mod json;
mod moment;
mod prose;
mod result;
mod row;
mod source;
mod upload;
mod why;

pub(super) use json::{JsonView, Piece, path_id, pretty};
pub(super) use moment::Moment;
pub(super) use prose::Prose;
pub(super) use result::ResultView;
pub(super) use row::{Pill, RowView};
pub(super) use source::{Token, highlight};
pub(super) use upload::{AgainView, EndView, UploadView};
pub(super) use why::Step;
