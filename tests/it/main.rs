
/// The journal and the small tables.
mod journal;
