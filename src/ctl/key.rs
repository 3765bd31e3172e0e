//! `ashctl key`: who may come in over TCP.

use clap::Subcommand;
use http::Method;

use super::Context;
use super::failure::Failure;
use super::output::{Format, Output, Times, cell, columns, optional};
use super::server::{understand, whole};
use super::when::seconds;
use crate::id::KeyId;
use crate::scope::Scope;
use crate::wire::keys::{ApiKey, CreateApiKey, CreatedApiKey};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyVerb {
    /// Create an API key and print it, this once
    Create {
        /// What it is for, or whose it is
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
        /// What it may be used for; each includes those before it
        #[arg(long, value_enum, default_value_t)]
        scope: Scope,
        /// How long it is good for, such as `90d` or `12h`; without this, until it is revoked
        #[arg(long, value_name = "TIME", value_parser = seconds)]
        expires: Option<u64>,
    },
    /// List the API keys
    List,
    /// Revoke an API key
    Revoke {
        /// Id of the key
        key: KeyId,
    },
}

pub(crate) async fn run(context: &Context, verb: KeyVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    match verb {
        KeyVerb::Create { label, scope, expires } => {
            let request = CreateApiKey {
                label,
                scope: Some(scope),
                expires_in_seconds: expires,
                tenant_id: None,
            };
            let answer = whole(server.post("/api/api-keys", &request).await?).await?;
            created(output, &answer)
        }
        KeyVerb::List => {
            let answer = server.get("/api/api-keys").await?;
            output.list(
                &answer,
                "keys",
                |key: &ApiKey| key.id.to_string(),
                |keys| {
                    let mut table =
                        columns(["ID", "KEY", "LABEL", "SCOPE", "TENANT", "USED", "EXPIRES"]);
                    for key in keys {
                        table.add_row(row(&key, output.times));
                    }
                    table
                },
            )
        }
        KeyVerb::Revoke { key } => {
            let answer = server.call(Method::DELETE, &format!("/api/api-keys/{key}")).await?;
            match output.format {
                Format::Table => output.line("Revoked the key"),
                Format::Id => output.line(&key.to_string()),
                Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
            }
        }
    }
}

/// The key alone is the data, so that it can go into a file.
fn created(output: &Output, answer: &[u8]) -> Result<(), Failure> {
    match output.format {
        Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(answer)),
        Format::Id => output.line(&understand::<CreatedApiKey>(answer)?.about.id.to_string()),
        Format::Table => {
            let CreatedApiKey { key, about } = understand(answer)?;
            output.line(&key)?;
            let (scope, tenant) = (about.scope.as_str(), about.tenant_id);
            output.note(&format!(
                "{} is good for `{scope}` as tenant {tenant}; this is the only time it is shown",
                about.id
            ));
            Ok(())
        }
    }
}

fn row(key: &ApiKey, times: Times) -> [String; 7] {
    [
        key.id.to_string(),
        format!("{}…", cell(&key.key_prefix)),
        optional(key.label.as_deref()),
        key.scope.as_str().to_owned(),
        cell(&key.tenant_id),
        key.last_used_at.map_or_else(|| "never".to_owned(), |at| times.show(at)),
        key.expires_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
    ]
}
