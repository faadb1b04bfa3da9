//! CleverTap's regions and the address uploads go to.
//!
//! Source: <https://developer.clevertap.com/docs/common-api-components>, read 2026-11; `sk1` is not in that table but in
//! Segment's own destination.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a CleverTap account lives. A wrong region is answered 401 even with good credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Region {
    /// Europe, CleverTap's default.
    Eu1,
    /// India.
    In1,
    /// Singapore.
    Sg1,
    /// United States.
    Us1,
    /// Indonesia.
    Aps3,
    /// Middle East.
    Mec1,
    /// Listed by Segment, not by CleverTap.
    Sk1,
}

impl Region {
    /// Every region, in the order shown.
    pub const ALL: [Self; 7] =
        [Self::Eu1, Self::In1, Self::Sg1, Self::Us1, Self::Aps3, Self::Mec1, Self::Sk1];

    /// Reads a region as settings of other products write it too: any case, `in.` or `in` for `in1`, `eu` for `eu1`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
        Self::ALL.into_iter().find(|region| {
            let name = region.as_str();
            text == name || name.trim_end_matches(|c: char| c.is_ascii_digit()) == text
        })
    }

    /// Reads the region from an address of CleverTap's dashboard, as `https://eu1.dashboard.clevertap.com/…`, with or
    /// without the scheme. None where it is no such address, or one that names no region.
    ///
    /// Source: <https://developer.clevertap.com/docs/common-api-components>, read 2026-11, which has each region beside
    /// its dashboard.
    pub fn of_dashboard(address: &str) -> Option<Self> {
        let host = dashboard_host(address)?;
        let name = host.strip_suffix(DASHBOARD)?.strip_suffix('.')?;
        Self::ALL.into_iter().find(|region| region.as_str() == name)
    }

    /// Whether this is an address of CleverTap's dashboard, be its region known or not.
    pub fn is_dashboard(address: &str) -> bool {
        dashboard_host(address).is_some()
    }

    /// The name used in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eu1 => "eu1",
            Self::In1 => "in1",
            Self::Sg1 => "sg1",
            Self::Us1 => "us1",
            Self::Aps3 => "aps3",
            Self::Mec1 => "mec1",
            Self::Sk1 => "sk1",
        }
    }

    /// The name people know.
    pub fn label(self) -> &'static str {
        match self {
            Self::Eu1 => "Europe",
            Self::In1 => "India",
            Self::Sg1 => "Singapore",
            Self::Us1 => "United States",
            Self::Aps3 => "Indonesia",
            Self::Mec1 => "Middle East",
            Self::Sk1 => "sk1 (listed by Segment only)",
        }
    }

    /// The host. Europe's is the bare one.
    pub fn host(self) -> String {
        match self {
            Self::Eu1 => "api.clevertap.com".to_owned(),
            other => format!("{}.api.clevertap.com", other.as_str()),
        }
    }

    /// Scheme and host, no trailing slash.
    pub fn base_url(self) -> String {
        format!("https://{}", self.host())
    }
}

/// What all addresses of the dashboard end with.
const DASHBOARD: &str = "dashboard.clevertap.com";

/// The host of an address, in lower case, if it is the dashboard's.
fn dashboard_host(address: &str) -> Option<String> {
    let address = address.trim().to_ascii_lowercase();
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let host = rest.unwrap_or(&address).split(['/', '?', '#', ':']).next().unwrap_or_default();
    let is_it = host == DASHBOARD || host.strip_suffix(DASHBOARD).is_some_and(|start| start.ends_with('.'));
    is_it.then(|| host.to_owned())
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An `http` or `https` address with a host and nothing behind the path; kept without a trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Checks an address. The error says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_end_matches('/');
        let expected = || format!("expected an address like `https://in1.api.clevertap.com`, found `{text}`");
        let rest =
            text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(expected)?;
        let host = rest.split('/').next().unwrap_or_default();
        let clean = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if host.is_empty() || !host.chars().all(clean) || rest.contains(['?', '#', ' ']) {
            return Err(expected());
        }
        Ok(Self(text.to_owned()))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<BaseUrl> for String {
    fn from(url: BaseUrl) -> Self {
        url.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_read_from_an_address_of_the_dashboard_and_from_nothing_else() {
        for (address, region, is_dashboard) in [
            ("https://eu1.dashboard.clevertap.com/x/y?z=1#a", Some(Region::Eu1), true),
            (" HTTPS://IN1.Dashboard.CleverTap.com ", Some(Region::In1), true),
            ("aps3.dashboard.clevertap.com/login", Some(Region::Aps3), true),
            ("https://mec1.dashboard.clevertap.com:443/", Some(Region::Mec1), true),
            ("https://dashboard.clevertap.com/login", None, true),
            ("https://xx9.dashboard.clevertap.com/", None, true),
            ("https://a.in1.dashboard.clevertap.com/", None, true),
            ("https://in1.dashboard.clevertap.com.example.com/", None, false),
            ("https://example.com/in1.dashboard.clevertap.com", None, false),
            ("https://in1.api.clevertap.com", None, false),
            ("in1dashboard.clevertap.com", None, false),
            ("ABC-123-4XYZ", None, false),
            ("", None, false),
        ] {
            assert_eq!(Region::of_dashboard(address), region, "{address}");
            assert_eq!(Region::is_dashboard(address), is_dashboard, "{address}");
        }
    }
}
