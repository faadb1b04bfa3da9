//! Where records go: the host and the account, as the settings in force have them. Never the passcode.

use super::Admin;

/// Where records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wire {
    /// Scheme and host of CleverTap's API, perhaps with a path; no trailing slash.
    pub base_url: String,
    /// The account; none where it is not set.
    pub account_id: Option<String>,
}

impl Wire {
    /// The host with its port, and the path that stands before `/1/upload`.
    pub fn host_and_path(&self) -> (&str, &str) {
        let rest = self.base_url.split_once("://").map_or(self.base_url.as_str(), |(_, rest)| rest);
        rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""))
    }
}

impl Admin {
    /// Where records go at the moment.
    pub fn wire(&self) -> Wire {
        let settings = self.ground.settings.load();
        Wire { base_url: settings.0.base_url(), account_id: settings.0.account_id.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_perhaps_a_path() {
        for (base_url, expected) in [
            ("https://in1.api.clevertap.com", ("in1.api.clevertap.com", "")),
            ("http://127.0.0.1:9000/proxy/ct", ("127.0.0.1:9000", "/proxy/ct")),
        ] {
            let wire = Wire { base_url: base_url.to_owned(), account_id: None };
            assert_eq!(wire.host_and_path(), expected);
        }
    }
}
