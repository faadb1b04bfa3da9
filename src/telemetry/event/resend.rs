//! What is sent again. Nothing of this moves a number of its own: its uploads are counted with all others.

use crate::telemetry::Cause;

notes! { "tapline::resend";
    /// Somebody asked for events to be sent again; who, is kept with the job.
    info ResendAsked { job: u64, mode: &'static str }
    "events are to be sent again" [resend.id = job, resend.mode = mode];

    /// A job is begun, or goes on after a restart.
    info ResendBegun { job: u64, from: u64, until: u64 }
    "sending again" [resend.id = job, from, until];

    /// Nothing more comes of a job.
    info ResendEnded { job: u64, state: &'static str, delivered: u64, dead: u64, skipped: u64 }
    "sending again ended" [resend.id = job, resend.state = state, delivered, dead, skipped];

    /// The process stops before they were answered; their events are sent again.
    warn ResendCut {}
    "uploads of a job that sends again were cut; their events are sent again";

    /// Events that were evaluated with this revision are passed over.
    warn KeptRulesUnreadable<'a> { revision: &'a str, error: Cause<'a> }
    "kept rules can not be read" [rules.revision = revision, %error];
}
