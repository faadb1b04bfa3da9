//! Flags about how events are delivered: how much at once, and for how long they are tried.

use crate::settings::{Limit, Limits};

/// How events are delivered. What is not given is as saved in the console, or the program's own value.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Delivery")]
pub(super) struct DeliveryArgs {
    /// Requests in flight at CleverTap in all, which takes 15 of an account [default: as saved, else 15]
    #[arg(long, env = "TAPLINE_REQUESTS_IN_FLIGHT", value_name = "COUNT")]
    requests_in_flight: Option<u64>,
    /// How many of them may be uploads of events; fewer go while CleverTap is busy. The others are for connection tests,
    /// deletions and resends [default: as saved, else 12]
    #[arg(long, env = "TAPLINE_UPLOADS_IN_FLIGHT", value_name = "COUNT")]
    uploads_in_flight: Option<u64>,
    /// The longest wait in seconds before an upload is tried again, save where CleverTap asks for more [default: as saved,
    /// else 300]
    #[arg(long, env = "TAPLINE_RETRY_CAP", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    retry_cap: Option<u64>,
    /// Seconds for which a record is tried before it becomes a dead letter; outages that are shorter do not count
    /// [default: as saved, else 86400]
    #[arg(long, env = "TAPLINE_RETRY_FOR", value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    retry_for: Option<u64>,
}

impl DeliveryArgs {
    /// Adds what is given to `limits`, if the numbers fit together.
    pub(super) fn add_to(&self, limits: &mut Limits) -> Result<(), String> {
        limits.set(Limit::RequestsInFlight, self.requests_in_flight);
        limits.set(Limit::UploadsInFlight, self.uploads_in_flight);
        limits.set(Limit::RetryCap, self.retry_cap);
        limits.set(Limit::RetryFor, self.retry_for);
        let (uploads, requests) =
            (limits.in_force(Limit::UploadsInFlight), limits.in_force(Limit::RequestsInFlight));
        let (least, most) = Limit::UploadsInFlight.range();
        if !(least..=most).contains(&uploads) {
            return Err(format!(
                "expected --uploads-in-flight to be from {least} to {most}, found {uploads}"
            ));
        }
        let (_, most) = Limit::RequestsInFlight.range();
        // What is saved in the console instead of a flag is fitted to the flag.
        let is_given = self.requests_in_flight.is_some();
        if is_given && !(uploads + 1..=most).contains(&requests) {
            return Err(format!(
                "expected --requests-in-flight to be above --uploads-in-flight ({uploads}) and at most {most}, \
                 found {requests}"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::DeliveryPolicy;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        delivery: DeliveryArgs,
    }

    fn limits(flags: &[&str]) -> Result<Limits, String> {
        let mut limits = Limits::default();
        let flags = Flags::try_parse_from([&["flags"], flags].concat()).unwrap();
        flags.delivery.add_to(&mut limits).map(|()| limits)
    }

    #[test]
    fn without_flags_nothing_stands_above_what_is_saved() {
        assert_eq!(limits(&[]), Ok(Limits::default()));
    }

    #[test]
    fn what_is_called_the_programs_own_value_is_its_policy() {
        let policy = DeliveryPolicy::default();
        let own = |limit: Limit| limit.default_value();
        assert_eq!(policy.slots.in_flight as u64, own(Limit::RequestsInFlight));
        assert_eq!(policy.slots.lanes as u64, own(Limit::UploadsInFlight));
        assert_eq!(policy.retry.cap.as_secs(), own(Limit::RetryCap));
        assert_eq!(policy.retry.age_limit.as_secs(), own(Limit::RetryFor));
    }

    #[test]
    fn each_flag_sets_its_own_number() {
        let limits = limits(&[
            "--requests-in-flight",
            "6",
            "--uploads-in-flight",
            "4",
            "--retry-cap",
            "9",
            "--retry-for",
            "70",
        ]);
        let limits = limits.unwrap();
        let set = Limit::ALL.map(|limit| limits.get(limit));
        assert_eq!(set, [Some(6), Some(4), Some(9), Some(70), None, None]);
    }

    #[test]
    fn something_is_left_for_what_is_not_an_upload() {
        for flags in [
            ["--requests-in-flight", "12"],
            ["--requests-in-flight", "101"],
            ["--uploads-in-flight", "0"],
            ["--uploads-in-flight", "13"],
        ] {
            assert!(limits(&flags).is_err(), "{flags:?}");
        }
    }
}
