//! placeholder
/// Problems in rule files.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {}
impl std::fmt::Display for Diagnostics {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
/// Why everything became what it became.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Trace {}
