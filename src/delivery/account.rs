//! The CleverTap account uploads go to, read from the settings.

use crate::settings::{Secret, Settings};

/// Everything an upload needs to know of the account. `Debug` does not show the passcode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Scheme and host, no trailing slash.
    pub base_url: String,
    /// Sent as `X-CleverTap-Account-Id`.
    pub id: String,
    /// Sent as `X-CleverTap-Passcode`.
    pub passcode: Secret,
    /// Whether it is no account of CleverTap's, but the built-in stand-in: what that takes is not delivered.
    pub is_sandbox: bool,
}

/// Why there is no account to send to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Settings are missing.
    #[error("there is no {} yet; enter it on the Settings page", missing.join(" and no "))]
    Missing {
        /// What is missing, as [`Settings::missing_for_delivery`] says.
        missing: Vec<&'static str>,
    },
    /// A setting can not be sent.
    #[error("the {field} holds a character that can not be sent; copy it again from CleverTap's dashboard")]
    Unsendable {
        /// Which.
        field: &'static str,
    },
}

impl Account {
    /// Where records go by these settings: to the sandbox while that is on, else to what is set.
    pub fn in_force(settings: &Settings) -> Result<Self, AccountError> {
        match Secret::parse("sandbox").filter(|_| settings.sandbox) {
            Some(passcode) => {
                Ok(Self { base_url: String::new(), id: "sandbox".to_owned(), passcode, is_sandbox: true })
            }
            None => Self::of(settings),
        }
    }

    /// CleverTap's account, as it is set.
    pub fn of(settings: &Settings) -> Result<Self, AccountError> {
        let (Some(id), Some(passcode)) = (&settings.account_id, &settings.passcode) else {
            return Err(AccountError::Missing { missing: settings.missing_for_delivery() });
        };
        for (field, text) in [("account ID", id.as_str()), ("passcode", passcode.expose())] {
            if !text.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
                return Err(AccountError::Unsendable { field });
            }
        }
        Ok(Self {
            base_url: settings.base_url(),
            id: id.clone(),
            passcode: passcode.clone(),
            is_sandbox: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(id: Option<&str>, passcode: Option<&str>) -> Settings {
        Settings {
            account_id: id.map(str::to_owned),
            passcode: passcode.and_then(Secret::parse),
            ..Settings::default()
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = |id, passcode| Account::of(&settings(id, passcode)).unwrap_err().to_string();
        assert_eq!(error(None, Some("x")), "there is no account ID yet; enter it on the Settings page");
        assert_eq!(
            error(None, None),
            "there is no account ID and no passcode yet; enter it on the Settings page"
        );
        assert!(error(Some("a"), Some("pass\ncode")).starts_with("the passcode holds a character"));
    }

    #[test]
    fn the_passcode_is_not_shown() {
        let account = Account::of(&settings(Some("ACCOUNT"), Some("canary"))).unwrap();
        assert!(!format!("{account:?}").contains("canary"));
    }
}
