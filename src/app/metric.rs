//! How everything stands, asked of the rooms whenever `/metrics` is.

use super::App;
use crate::delivery::LANES;
use crate::telemetry::{
    DeliveryStanding, EventStanding, Exposition, JournalStanding, RulesStanding, Standing,
};

/// Everything `/metrics` shows.
pub(super) fn exposition(app: &App) -> Exposition {
    let app = app.clone();
    app.telemetry.clone().exposition(move || standing(&app))
}

fn standing(app: &App) -> Standing {
    let (counts, usage, plan) = (app.journal.counts(), app.journal.usage(), app.rules.plan());
    Standing {
        events: EventStanding {
            accepted: counts.accepted,
            delivered: counts.delivered,
            filtered: counts.filtered,
            failed: counts.failed,
            dead: counts.dead,
            pending: counts.pending,
        },
        journal: JournalStanding {
            writable: app.journal.broken().is_none(),
            full: app.journal.full().is_some(),
            bytes: usage.disk_bytes,
            pending_bytes: usage.pending_bytes,
            damaged_events: usage.lost_events,
            first_kept: app.journal.kept_from().0,
            free_bytes: usage.free_bytes,
        },
        delivery: DeliveryStanding {
            paused: app.delivery.pause().is_some(),
            in_flight: app.delivery.in_flight() as u64,
            limit: app.delivery.limit().map_or(LANES, |limit| limit.now) as u64,
            backlog: app.delivery.backlog().iter().sum::<usize>() as u64,
        },
        rules: RulesStanding {
            newest_is_live: app.rules.problem().is_none(),
            pack: plan.pack().to_owned(),
            revision: plan.revision().to_owned(),
        },
    }
}
