//! Segment's tracking API: calls in, one durable append per request, and only then 200.
//!
//! It takes what Segment's own API takes, so that SDKs need nothing but another host. It deliberately maps nothing: an
//! accepted event is stored as it came, completed with the times, the type and the batch's shared parts.
//!
//! First thing to know: one bad call is answered 400; a bad call inside a batch is stored as *Failed on ingest*, with a
//! pointer to what is wrong, while its neighbours go on and the batch is answered 200.
//!
//! Who may send is said in `admission.rs`: who shows a write key, and Segment's webhook by its signature.
//!
//! Source of the API: <https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/>, read 2026-11.

mod admission;
mod answer;
mod body;
mod budget;
mod code;
mod envelope;
mod explanation;
mod gzip;
mod incoming;
mod intake;
mod key;
mod limit;
mod receive;
mod shared;
mod signature;
mod stamp;

pub use explanation::explanations;
pub use limit::Limits;

use crate::clock::Clock;
use crate::engine::event::CallKind;
use crate::journal::Journal;
use crate::settings::LiveSettings;
use crate::telemetry::Telemetry;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use budget::Budget;
use code::Code;
use std::sync::Arc;

/// Takes Segment calls in. One is shared by all server threads.
pub struct Ingest {
    clock: Arc<dyn Clock>,
    settings: Arc<LiveSettings>,
    journal: Arc<dyn Journal>,
    limits: Limits,
    budget: Budget,
    telemetry: Telemetry,
}

impl Ingest {
    /// Ingest into `journal`, letting in whoever shows a key that is in force by `settings`, and telling `telemetry` about it.
    pub fn new(
        clock: Arc<dyn Clock>,
        settings: Arc<LiveSettings>,
        journal: Arc<dyn Journal>,
        limits: Limits,
        telemetry: Telemetry,
    ) -> Self {
        let budget = Budget::new(limits.in_flight_bytes);
        telemetry.expect_answers::<Code>();
        Self { clock, settings, journal, limits, budget, telemetry }
    }
}

/// What a path takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// One call of this kind, whatever `type` its body names: the path is what the sender chose on purpose.
    Single(CallKind),
    /// `{"batch":[…]}`.
    Batch,
    /// What Segment's Webhooks destinations post: one call, or an array of calls, each naming its own type.
    /// Source: <https://segment.com/docs/connections/destinations/catalog/webhooks/>, read 2026-11.
    Webhook,
}

impl Endpoint {
    /// The methods it takes, as the `Allow` header lists them.
    fn methods(self) -> &'static str {
        match self {
            Self::Single(_) | Self::Batch => answer::METHODS,
            // Webhooks (Actions) lets its user choose among these.
            // Source: <https://segment.com/docs/connections/destinations/catalog/actions-webhook/>, read 2026-11.
            Self::Webhook => "POST, PUT, PATCH, OPTIONS",
        }
    }
}

/// Segment's paths and the short ones its SDKs use, below `/v1/`.
const ENDPOINTS: [(&str, Endpoint); 16] = [
    ("identify", Endpoint::Single(CallKind::Identify)),
    ("i", Endpoint::Single(CallKind::Identify)),
    ("track", Endpoint::Single(CallKind::Track)),
    ("t", Endpoint::Single(CallKind::Track)),
    ("page", Endpoint::Single(CallKind::Page)),
    ("p", Endpoint::Single(CallKind::Page)),
    ("screen", Endpoint::Single(CallKind::Screen)),
    ("s", Endpoint::Single(CallKind::Screen)),
    ("group", Endpoint::Single(CallKind::Group)),
    ("g", Endpoint::Single(CallKind::Group)),
    ("alias", Endpoint::Single(CallKind::Alias)),
    ("a", Endpoint::Single(CallKind::Alias)),
    ("batch", Endpoint::Batch),
    ("b", Endpoint::Batch),
    ("import", Endpoint::Batch),
    ("webhooks/segment", Endpoint::Webhook),
];

/// Adds the routes. What else is asked for below `/v1/` is answered as a sender understands it, not with a page.
pub fn configure(ingest: Arc<Ingest>) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        for (name, endpoint) in ENDPOINTS {
            let receive =
                move |ingest, request, payload| receive::receive(endpoint, ingest, request, payload);
            let refuse = move |ingest, payload| receive::refuse_method(endpoint, ingest, payload);
            let mut resource = web::resource(format!("/v1/{name}"))
                .app_data(web::Data::from(Arc::clone(&ingest)))
                .route(web::post().to(receive))
                .route(web::method(Method::OPTIONS).to(answer::preflight))
                .default_service(web::to(refuse));
            if endpoint == Endpoint::Webhook {
                resource = resource.route(web::put().to(receive)).route(web::patch().to(receive));
            }
            config.service(resource);
        }
        let elsewhere = web::resource("/v1/{path:.*}").app_data(web::Data::from(ingest));
        config.service(elsewhere.default_service(web::to(receive::refuse_path)));
    }
}
