//! The connection test says in words what is wrong, and stores nothing at CleverTap.

use super::rig::{settings, simulator};
use tapline::delivery::{ConnectionVerdict, Slots, test_connection};
use tapline::settings::{Secret, Settings};

#[tokio::test]
async fn a_good_account_is_let_in_and_nothing_is_stored() {
    let simulator = simulator(&[]).await;
    let test = test_connection(&settings(&simulator.base_url(), "passcode"), &Slots::default()).await;
    assert!(test.is_authorised(), "{test}");
    assert!(test.to_string().starts_with("CleverTap lets Tapline in (http://127.0.0.1:"), "{test}");
    assert_eq!((simulator.tally().uploads, simulator.tally().taken), (1, 0));
    assert!(simulator.received().is_empty());
}

#[tokio::test]
async fn every_other_end_is_a_sentence_of_its_own() {
    type Check = fn(&ConnectionVerdict) -> bool;
    let cases: [(&[&str], &str, Check, &str); 6] = [
        (
            &[],
            "wrong",
            |v| *v == ConnectionVerdict::Unauthorised,
            "does not know this account ID, passcode and region",
        ),
        (&["429"], "right", |v| *v == ConnectionVerdict::Busy, "is busy or has a problem of its own (429)"),
        (&["503"], "right", |v| *v == ConnectionVerdict::Busy, "is busy or has a problem of its own (503)"),
        (&["html"], "right", |v| *v == ConnectionVerdict::NotCleverTap, "but not as CleverTap does"),
        (
            &["404"],
            "right",
            |v| *v == ConnectionVerdict::NotCleverTap,
            "answered (404), but not as CleverTap does",
        ),
        (
            &["reset"],
            "right",
            |v| matches!(v, ConnectionVerdict::Unreachable(_)),
            "can not be reached: connection cut",
        ),
    ];
    for (faults, passcode, check, words) in cases {
        let simulator = simulator(faults).await;
        simulator.set_passcode(Secret::parse("right"));
        let test = test_connection(&settings(&simulator.base_url(), passcode), &Slots::default()).await;
        assert!(check(&test.verdict), "{faults:?}: {test:?}");
        let sentence = test.to_string();
        assert!(sentence.contains(words) && sentence.ends_with('.'), "{faults:?}: {sentence}");
        assert!(!sentence.contains("right") && !sentence.contains("wrong passcode"), "{sentence}");
    }
}

#[tokio::test]
async fn what_is_missing_is_said_without_asking_anyone() {
    let test = test_connection(&Settings::default(), &Slots::default()).await;
    assert_eq!(
        test.to_string(),
        "Not tested: there is no account ID and no passcode yet; enter it on the Settings page."
    );
}
