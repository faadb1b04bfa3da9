//! Where uploads go: to CleverTap, or to the built-in stand-in while the sandbox is on.

use crate::admin::{StandIn, Taken};
use crate::delivery::{Account, Answer, CleverTap, NoAnswer, NoAnswerKind, Reply, Uploader};
use crate::simulator::Sandbox;
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;

/// Sends to whichever of the two an account names.
pub(super) struct Junction {
    pub(super) clevertap: CleverTap,
    pub(super) sandbox: Arc<Sandbox>,
}

#[async_trait]
impl Uploader for Junction {
    async fn upload(&self, account: &Account, body: Bytes) -> Reply {
        if !account.is_sandbox {
            return self.clevertap.upload(account, body).await;
        }
        let (status, body) = self.sandbox.upload(&body);
        Reply::Answer(Answer { status, retry_after: None, body: body.into(), whole: true })
    }

    async fn delete(&self, account: &Account, body: Bytes) -> Reply {
        if account.is_sandbox {
            // Delivery asks for leave to send to CleverTap before it deletes, so this does not come.
            let detail = "persons are not deleted in the sandbox".to_owned();
            return Reply::NoAnswer(NoAnswer { kind: NoAnswerKind::Unsendable, detail });
        }
        self.clevertap.delete(account, body).await
    }
}

/// What the console shows of the stand-in.
pub(super) struct Window(pub(super) Arc<Sandbox>);

impl StandIn for Window {
    fn taken(&self, most: usize) -> Taken {
        Taken {
            count: self.0.count(),
            records: self.0.newest(most),
            people: self.0.people(most).iter().map(ToString::to_string).collect(),
        }
    }
}
