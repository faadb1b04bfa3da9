//! API tokens: how programs show who they are.
//!
//! A token is 256 random bits behind the prefix `tap_`, shown once; the store holds its SHA-256. `TAPLINE_API_TOKEN`
//! stands beside the stored ones and can not be revoked here.

use super::{Admin, AdminError, Digest, Permission, UserName, decode, encode, random_text};
use crate::clock::Millis;
use crate::journal::Table;
use crate::settings::Secret;
use crate::telemetry::event::{ApiTokenMade, ApiTokenRevoked};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Noting every use would be a disk write per call.
const NOTED_EVERY: Duration = Duration::from_secs(60);
/// What a token may do until there are roles. Only `TAPLINE_API_TOKEN`, which whoever runs the machine has set, may also
/// take backups and write rules.
const MAY: [Permission; 5] = [
    Permission::SeeEvents,
    Permission::Preview,
    Permission::Resend,
    Permission::EditSettings,
    Permission::DeletePersons,
];

/// A token as stored in [`Table::ApiTokens`] under its SHA-256, and as listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiToken {
    version: u32,
    /// A public name to revoke it by.
    pub id: String,
    /// What it is for, in its maker's words.
    pub name: String,
    /// The last four characters.
    pub ending: String,
    /// Who made it.
    pub created_by: UserName,
    /// Since when.
    pub created_at: Millis,
    /// When it was last used, to the minute.
    pub used_at: Option<Millis>,
    /// What it may do.
    may: Vec<Permission>,
}

/// A program that has shown a good token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiCaller {
    /// The token's name.
    pub name: String,
    may: Vec<Permission>,
}

impl ApiCaller {
    /// Whether it may do this.
    pub fn may(&self, permission: Permission) -> bool {
        permission == Permission::Anyone || self.may.contains(&permission)
    }
}

impl Admin {
    /// Who shows this token, if it is one.
    pub async fn api_caller(&self, token: &str) -> Result<Option<ApiCaller>, AdminError> {
        let digest = Digest::of(token);
        if let Some(given) = self.ground.environment.api_token()
            && Digest::of(given.expose()) == digest
        {
            return Ok(Some(ApiCaller {
                name: "TAPLINE_API_TOKEN".to_owned(),
                may: [&MAY[..], &[Permission::Backup, Permission::WriteRules]].concat(),
            }));
        }
        let now = self.now();
        self.stored(move |store| {
            // The lookup is by digest, so its time says nothing of how much of a guess was right.
            let Some(bytes) = store.get(Table::ApiTokens, digest.as_bytes())? else {
                return Ok(None);
            };
            let mut token: ApiToken = decode("API token", &bytes)?;
            let noted = token.used_at.map_or(i64::MIN, |at| at.0);
            if now.0.saturating_sub(noted) >= NOTED_EVERY.as_millis() as i64 {
                token.used_at = Some(now);
                // Swapped, so that a token revoked meanwhile does not come back; losing the note is fine.
                store.swap(
                    Table::ApiTokens,
                    digest.as_bytes(),
                    Some(&bytes),
                    Some(&encode("API token", &token)?),
                )?;
            }
            Ok(Some(ApiCaller { name: token.name, may: token.may }))
        })
        .await
    }

    /// Makes a token and gives the number with which the page may show it once; see [`Admin::handed_over`].
    pub async fn create_api_token(&self, user: &UserName, name: &str) -> Result<String, AdminError> {
        let text = format!("tap_{}", random_text::<32>()?);
        let secret = Secret::parse(&text).ok_or(AdminError::NoRandomness)?;
        let digest = Digest::of(&text);
        let name: String = name.trim().chars().filter(|c| !c.is_control()).take(60).collect();
        let token = ApiToken {
            version: 1,
            id: digest.short(),
            name: if name.is_empty() { "unnamed".to_owned() } else { name },
            ending: secret.ending().unwrap_or_default().to_owned(),
            created_by: user.clone(),
            created_at: self.now(),
            used_at: None,
            may: MAY.to_vec(),
        };
        ApiTokenMade { user, token: &token.id }.tell();
        self.stored(move |store| {
            Ok(store.put(Table::ApiTokens, digest.as_bytes(), Some(&encode("API token", &token)?))?)
        })
        .await?;
        self.hand_over(user, BTreeMap::from([("api_token".to_owned(), secret)]))
    }

    /// The stored tokens, newest first.
    pub async fn api_tokens(&self) -> Result<Vec<ApiToken>, AdminError> {
        self.stored(|store| {
            let mut tokens = Vec::new();
            for (_, bytes) in store.list(Table::ApiTokens)? {
                tokens.push(decode::<ApiToken>("API token", &bytes)?);
            }
            tokens.sort_by_key(|token| std::cmp::Reverse(token.created_at));
            Ok(tokens)
        })
        .await
    }

    /// Whether `TAPLINE_API_TOKEN` is set.
    pub fn api_token_is_given(&self) -> bool {
        self.ground.environment.api_token().is_some()
    }

    /// Revokes a token by its public name; says whether there was one.
    pub async fn revoke_api_token(&self, id: &str) -> Result<bool, AdminError> {
        let id = id.to_owned();
        self.stored(move |store| {
            for (key, bytes) in store.list(Table::ApiTokens)? {
                if decode::<ApiToken>("API token", &bytes)?.id == id {
                    store.put(Table::ApiTokens, &key, None)?;
                    ApiTokenRevoked { token: &id }.tell();
                    return Ok(true);
                }
            }
            Ok(false)
        })
        .await
    }
}
