//! What pages show of data: moments, JSON, events, the why of a preview. Text and numbers only, ready for a template.

mod fate;
mod json;
mod moment;
mod prose;
mod record;
mod result;
mod row;
mod source;
mod timeline;
mod upload;
mod why;
mod wire;

pub(super) use fate::PastView;
pub(super) use json::{JsonView, Marks, Piece, path_id, pretty};
pub(super) use moment::Moment;
pub(super) use prose::Prose;
pub(super) use result::{ResultView, Shown};
pub(super) use row::{Pill, RowView};
pub(super) use source::{Token, highlight};
pub(super) use timeline::TimelineView;
pub(super) use upload::{AgainView, EndView};
pub(super) use why::Step;
