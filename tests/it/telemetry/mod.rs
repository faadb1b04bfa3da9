//! What the process says about itself, and that it is true, bounded and silent about people.

mod exposition;
mod log;
mod scrape;
mod truth;
