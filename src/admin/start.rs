//! The first steps of a new installation: where records go, a sample event, its delivery, a source of one's own.
//!
//! Deliberately no memory of which steps were done: how things stand is read off what there is.

use super::event::Stage;
use super::{Admin, AdminError, random_text};
use crate::clock::Millis;
use crate::engine::event::time::render_iso;
use crate::journal::{AppendError, Appended, DedupKey, End, NewEvent, Seq};
use crate::settings::KeyKind;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// How long sending a sample waits for its delivery.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);

/// Where records go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To CleverTap's account.
    CleverTap,
    /// To the sandbox.
    Sandbox,
    /// Nowhere yet: the settings lack this.
    Missing(Vec<&'static str>),
}

/// How the first steps stand.
#[derive(Debug, Clone)]
pub struct StartView {
    /// Where records go.
    pub destination: Destination,
    /// Whether anything was accepted.
    pub has_event: bool,
    /// Whether anything was taken where records go.
    pub is_delivered: bool,
    /// Whether senders have a key to show.
    pub has_key: bool,
    /// When a sender last showed one.
    pub key_used_at: Option<Millis>,
}

/// What comes of sending a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SampleOutcome {
    /// It is stored, here.
    Sent(Seq),
    /// The journal takes nothing at the moment; why.
    Refused(String),
}

impl Admin {
    /// How the first steps stand.
    pub async fn start_view(&self) -> Result<StartView, AdminError> {
        let settings = self.ground.settings.load();
        let missing = settings.0.missing_for_delivery();
        let counts = self.ground.journal.counts();
        let keys = self.keys(KeyKind::WriteKey).await?;
        let destination = match (settings.0.sandbox, missing.is_empty()) {
            (true, _) => Destination::Sandbox,
            (false, true) => Destination::CleverTap,
            (false, false) => Destination::Missing(missing),
        };
        let took = destination == Destination::Sandbox && self.ground.stand_in.taken(0).count > 0;
        Ok(StartView {
            destination,
            has_event: counts.accepted > 0,
            is_delivered: counts.delivered > 0 || took,
            has_key: keys.iter().any(|key| key.in_force),
            key_used_at: keys.iter().filter_map(|key| key.used_at).max(),
        })
    }

    /// Sends a realistic `Order Completed` of a person made up for it, and waits a moment for its delivery.
    pub async fn send_sample(&self) -> Result<SampleOutcome, AdminError> {
        let (body, dedup) = (sample(self.now(), &random_text::<6>()?)?, random_dedup()?);
        let event = NewEvent { dedup, received_at: self.now(), refusal: None, body };
        let journal = &self.ground.journal;
        let seq = match journal.append(vec![event]).await {
            Ok(appended) => match appended.first() {
                Some(Appended::Stored(seq) | Appended::Duplicate(seq)) => *seq,
                None => return Err(AdminError::Interrupted),
            },
            Err(error @ (AppendError::Full { .. } | AppendError::Broken(_))) => {
                return Ok(SampleOutcome::Refused(error.to_string()));
            }
        };
        let end = Instant::now() + PATIENCE;
        while self.ground.delivery.pause().is_none() && Instant::now() < end {
            if self.has_ended(seq).await? {
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(SampleOutcome::Sent(seq))
    }

    async fn has_ended(&self, seq: Seq) -> Result<bool, AdminError> {
        let Some(block) = self.ground.journal.block_from(seq).await? else { return Ok(false) };
        let ends = self.ground.journal.ends(&block).await?;
        Ok(super::event::end_of(&block, &ends, seq).is_some())
    }
}

/// Whether an event was taken where records go: by CleverTap, or by the sandbox.
pub fn is_taken(stage: Stage, code: Option<&str>) -> bool {
    stage == Stage::Delivered || code == Some(End::SANDBOX)
}

/// As ingest would have completed it.
fn sample(now: Millis, number: &str) -> Result<Vec<u8>, AdminError> {
    let at = render_iso(now.0);
    let event = json!({
        "type": "track",
        "event": "Order Completed",
        "messageId": format!("tapline-sample-{number}"),
        "userId": "tapline_sample_user",
        "anonymousId": "tapline_sample_device",
        "timestamp": at,
        "originalTimestamp": at,
        "receivedAt": at,
        "context": { "library": { "name": "tapline-console", "version": env!("CARGO_PKG_VERSION") } },
        "properties": {
            "order_id": format!("sample-{number}"),
            "total": 64.85,
            "currency": "EUR",
            "coupon": "WELCOME",
            "products": [
                { "product_id": "shirt-1", "name": "Cotton shirt", "price": 24.95, "quantity": 2 },
                { "product_id": "socks-3", "name": "Wool socks", "price": 14.95, "quantity": 1 },
            ],
        },
    });
    super::encode("sample", &event)
}

fn random_dedup() -> Result<DedupKey, AdminError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| AdminError::NoRandomness)?;
    Ok(DedupKey(u128::from_le_bytes(bytes)))
}
