//! Flags about how events are delivered: how much at once, and for how long they are tried.

use crate::app::{DeliveryPolicy, RetryPolicy, SlotPolicy};
use std::time::Duration;

/// More than any account of CleverTap's is known to take.
const MOST_IN_FLIGHT: usize = 100;

/// How events are delivered.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Delivery")]
pub(super) struct DeliveryArgs {
    /// Requests in flight at CleverTap in all, which takes 15 of an account by default
    #[arg(long, env = "TAPLINE_REQUESTS_IN_FLIGHT", value_name = "COUNT", default_value_t = SlotPolicy::default().in_flight)]
    requests_in_flight: usize,
    /// How many of them may be uploads of events; fewer go while CleverTap is busy. The others are for connection tests,
    /// deletions and resends
    #[arg(long, env = "TAPLINE_UPLOADS_IN_FLIGHT", value_name = "COUNT", default_value_t = SlotPolicy::default().lanes)]
    uploads_in_flight: usize,
    /// The longest wait in seconds before an upload is tried again, save where CleverTap asks for more
    #[arg(long, env = "TAPLINE_RETRY_CAP", value_name = "SECONDS", default_value_t = RetryPolicy::default().cap.as_secs(), value_parser = clap::value_parser!(u64).range(1..=86_400))]
    retry_cap: u64,
    /// Seconds for which a record is tried before it becomes a dead letter; outages that are shorter do not count
    #[arg(long, env = "TAPLINE_RETRY_FOR", value_name = "SECONDS", default_value_t = RetryPolicy::default().age_limit.as_secs(), value_parser = clap::value_parser!(u64).range(1..))]
    retry_for: u64,
}

impl DeliveryArgs {
    /// The policy, if the numbers fit together.
    pub(super) fn policy(&self) -> Result<DeliveryPolicy, String> {
        let Self { requests_in_flight, uploads_in_flight, .. } = *self;
        let defaults = DeliveryPolicy::default();
        let most = defaults.slots.lanes;
        if !(1..=most).contains(&uploads_in_flight) {
            return Err(format!(
                "expected --uploads-in-flight to be from 1 to {most}, found {uploads_in_flight}"
            ));
        }
        if !(uploads_in_flight + 1..=MOST_IN_FLIGHT).contains(&requests_in_flight) {
            return Err(format!(
                "expected --requests-in-flight to be above --uploads-in-flight ({uploads_in_flight}) and at most \
                 {MOST_IN_FLIGHT}, found {requests_in_flight}"
            ));
        }
        let slots = SlotPolicy { in_flight: requests_in_flight, lanes: uploads_in_flight, ..defaults.slots };
        let (cap, age_limit) = (Duration::from_secs(self.retry_cap), Duration::from_secs(self.retry_for));
        let base = defaults.retry.base.min(cap);
        Ok(DeliveryPolicy {
            slots,
            retry: RetryPolicy { base, cap, age_limit, ..defaults.retry },
            ..defaults
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        delivery: DeliveryArgs,
    }

    fn policy(flags: &[&str]) -> Result<DeliveryPolicy, String> {
        Flags::try_parse_from([&["flags"], flags].concat()).unwrap().delivery.policy()
    }

    #[test]
    fn without_flags_it_is_the_policy_of_the_program() {
        assert_eq!(policy(&[]), Ok(DeliveryPolicy::default()));
    }

    #[test]
    fn each_flag_sets_its_own_number() {
        let policy = policy(&[
            "--requests-in-flight",
            "6",
            "--uploads-in-flight",
            "4",
            "--retry-cap",
            "9",
            "--retry-for",
            "70",
        ]);
        let policy = policy.unwrap();
        assert_eq!((policy.slots.in_flight, policy.slots.lanes), (6, 4));
        assert_eq!((policy.retry.cap.as_secs(), policy.retry.age_limit.as_secs()), (9, 70));
    }

    #[test]
    fn something_is_left_for_what_is_not_an_upload() {
        for flags in [
            ["--requests-in-flight", "12"],
            ["--requests-in-flight", "101"],
            ["--uploads-in-flight", "0"],
            ["--uploads-in-flight", "13"],
        ] {
            assert!(policy(&flags).is_err(), "{flags:?}");
        }
    }
}
