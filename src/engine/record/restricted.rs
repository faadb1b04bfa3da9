//! Names of CleverTap's own events, which nobody else may raise (code 513).

/// The public list, <https://developer.clevertap.com/docs/events-object>, read 2026-11, then the list that CleverTap's
/// Android SDK checks (`ValidationConfig`, `Constants`), read 2026-11; lower case, without white space.
const NAMES: [&str; 24] = [
    "notificationsent",
    "notificationviewed",
    "notificationclicked",
    "notificationdelivered",
    "notificationreplied",
    "utmvisited",
    "applaunched",
    "appuninstalled",
    "appversionchanged",
    "stayed",
    "replysent",
    "experimentrendered",
    "reachableby",
    "identityreset",
    "identityset",
    "identityerror",
    "wzrk_d",
    "notificationbounced",
    "geoclusterentered",
    "geoclusterexited",
    "scoutgoing",
    "scincoming",
    "scend",
    "sccampaignoptout",
];

const LONGEST: usize = 21;

/// Whether a name is one of CleverTap's own, compared without white space and case, as CleverTap does.
#[inline]
pub fn is_restricted(name: &str) -> bool {
    let mut folded = [0u8; LONGEST];
    let mut length = 0;
    for c in name.chars().filter(|c| !c.is_whitespace()) {
        let Some(slot) = folded.get_mut(length) else { return false };
        if !c.is_ascii() {
            return false;
        }
        *slot = (c as u8).to_ascii_lowercase();
        length += 1;
    }
    folded.get(..length).is_some_and(|folded| NAMES.iter().any(|name| name.as_bytes() == folded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_white_space_do_not_hide_a_restricted_name() {
        for name in [
            "App Launched",
            "applaunched",
            " APP\tLaunched ",
            "Notification\u{a0}Delivered",
            "wzrk_d",
            "SCEnd",
        ] {
            assert!(is_restricted(name), "{name}");
        }
        for name in [
            "",
            "App Launched!",
            "App Launches",
            "Application Opened",
            "Stayed Home",
            "notificationdeliveredx",
        ] {
            assert!(!is_restricted(name), "{name}");
        }
    }

    #[test]
    fn the_folding_buffer_fits_the_longest_name() {
        assert_eq!(NAMES.iter().map(|name| name.len()).max(), Some(LONGEST));
    }
}
