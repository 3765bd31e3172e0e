//! `ashctl webhook`: addresses that are told what happens.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use comfy_table::Table;
use http::Method;
use tokio::time::{Instant, sleep};

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::output::{Format, Output, Times, cell, columns, optional};
use super::server::{Server, understand, whole};
use crate::id::{DeliveryId, WebhookId};
use crate::wire::webhooks::{
    ChangeWebhook, CreateWebhook, CreatedWebhook, Delivery, DeliveryEnvelope, DeliveryList,
    DeliveryStatus, Webhook, WebhookEvent,
};

/// Most deliveries in a list: the server's own limit.
const LIMIT_MAX: u32 = 500;

/// How long a trial is waited for: what egress allows a receiver, and a little for the way.
const TRIAL_MAX: Duration = Duration::from_secs(30);

/// How often it is asked meanwhile.
const ASKED_AGAIN: Duration = Duration::from_millis(250);

#[derive(Debug, Subcommand)]
pub(crate) enum WebhookVerb {
    Add(AddVerb),
    /// List the webhooks
    List,
    /// Show a webhook
    Show {
        /// Id of the webhook
        webhook: WebhookId,
    },
    /// Have a webhook told again, at once of what waits for it
    Enable {
        /// Id of the webhook
        webhook: WebhookId,
    },
    /// Have a webhook told nothing until it is enabled again
    Disable {
        /// Id of the webhook
        webhook: WebhookId,
    },
    /// Remove a webhook, and what waits for it
    Remove {
        /// Id of the webhook
        webhook: WebhookId,
    },
    /// List what a webhook was told, the newest first
    Deliveries {
        /// Id of the webhook
        webhook: WebhookId,
        /// Only those
        #[arg(long, value_enum)]
        status: Option<Wanted>,
        /// Most deliveries that are listed
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(LIMIT_MAX)))]
        limit: u32,
    },
    /// Tell a webhook something to try it, and wait for what comes of it
    Test {
        /// Id of the webhook
        webhook: WebhookId,
    },
}

/// Add a webhook and print the secret that signs what it is told, this once
#[derive(Debug, Args)]
pub(crate) struct AddVerb {
    /// Address of the receiver, which `webhooks.allow` or `webhooks.internal` lists
    url: String,
    /// Of what it is told; repeat it for more. Without this: of everything
    #[arg(long = "event", value_enum, value_name = "EVENT")]
    events: Vec<Event>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Event {
    /// A session has another status
    #[value(name = "session.changed")]
    SessionChanged,
    /// A turn is over
    #[value(name = "turn.ended")]
    TurnEnded,
    /// A tool waits for a permission
    #[value(name = "permission.requested")]
    PermissionRequested,
    /// A job is over
    #[value(name = "job.ended")]
    JobEnded,
    /// Nothing is left of a budget
    #[value(name = "budget.reached")]
    BudgetReached,
}

impl From<Event> for WebhookEvent {
    fn from(event: Event) -> Self {
        match event {
            Event::SessionChanged => Self::SessionChanged,
            Event::TurnEnded => Self::TurnEnded,
            Event::PermissionRequested => Self::PermissionRequested,
            Event::JobEnded => Self::JobEnded,
            Event::BudgetReached => Self::BudgetReached,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Wanted {
    Pending,
    Delivered,
    Failed,
}

impl From<Wanted> for DeliveryStatus {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Pending => Self::Pending,
            Wanted::Delivered => Self::Delivered,
            Wanted::Failed => Self::Failed,
        }
    }
}

pub(crate) async fn run(context: &Context, verb: WebhookVerb) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    match verb {
        WebhookVerb::Add(add) => {
            let events = add.events.into_iter().map(Into::into).collect::<Vec<_>>();
            let events = (!events.is_empty()).then_some(events);
            let request = CreateWebhook { url: add.url, events, label: add.label };
            let answer = whole(server.post("/api/webhooks", &request).await?).await?;
            added(output, &answer)
        }
        WebhookVerb::List => {
            let answer = server.get("/api/webhooks").await?;
            output.list(&answer, "webhooks", id, |webhooks| table(webhooks, output.times))
        }
        WebhookVerb::Show { webhook } => {
            let answer = server.get(&target(webhook, "")).await?;
            output.one(&answer, "webhook", id, |webhook: Webhook| shown(output, &webhook))
        }
        WebhookVerb::Enable { webhook } => {
            enabled(context, webhook, true, &format!("Enabled webhook {webhook}")).await
        }
        WebhookVerb::Disable { webhook } => {
            enabled(context, webhook, false, &format!("Disabled webhook {webhook}")).await
        }
        WebhookVerb::Remove { webhook } => {
            let answer = server.call(Method::DELETE, &target(webhook, "")).await?;
            match output.format {
                Format::Table => output.line(&format!("Removed webhook {webhook}")),
                Format::Id => output.line(&webhook.to_string()),
                Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&answer)),
            }
        }
        WebhookVerb::Deliveries { webhook, status, limit } => {
            let status = status.map_or_else(String::new, |status| {
                format!("&status={}", DeliveryStatus::from(status).as_str())
            });
            let answer =
                server.get(&target(webhook, &format!("/deliveries?limit={limit}{status}"))).await?;
            let id = |delivery: &Delivery| delivery.id.to_string();
            output.list(&answer, "deliveries", id, |list| deliveries(list, output.times))
        }
        WebhookVerb::Test { webhook } => test(context, webhook).await,
    }
}

fn target(webhook: WebhookId, below: &str) -> String {
    format!("/api/webhooks/{webhook}{below}")
}

/// The secret alone is the data, so that it can go into a file.
fn added(output: &Output, answer: &[u8]) -> Result<(), Failure> {
    match output.format {
        Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(answer)),
        Format::Id => output.line(&understand::<CreatedWebhook>(answer)?.webhook.id.to_string()),
        Format::Table => {
            let CreatedWebhook { secret, webhook } = understand(answer)?;
            output.line(&secret)?;
            output.note(&format!(
                "webhook {} is signed with this secret; it is the only time that it is shown. \
                 `ashctl webhook test {}` tries it",
                webhook.id, webhook.id
            ));
            Ok(())
        }
    }
}

async fn enabled(
    context: &Context,
    webhook: WebhookId,
    enabled: bool,
    text: &str,
) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let change = ChangeWebhook { enabled: Some(enabled), ..ChangeWebhook::default() };
    let answer = whole(server.patch(&target(webhook, ""), &change).await?).await?;
    output.one(&answer, "webhook", id, |_: Webhook| output.line(text))
}

/// A trial that fails is tried again by the server; here its first attempt counts.
async fn test(context: &Context, webhook: WebhookId) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let asked = server.call(Method::POST, &target(webhook, "/test")).await?;
    let put: DeliveryEnvelope = understand(&asked)?;
    let delivery = tried(server, webhook, put.delivery.id).await?;
    let json = serde_json::json!({ "delivery": &delivery }).to_string();
    let delivered = delivery.status == DeliveryStatus::Delivered;
    let (said, error) = (delivery.response_status, delivery.error.unwrap_or_default());
    let id = |delivery: &Delivery| delivery.id.to_string();
    output.one(json.as_bytes(), "delivery", id, |_: Delivery| match said {
        Some(status) if delivered => output.line(&format!("Delivered; it answered {status}")),
        _ => Ok(()),
    })?;
    if delivered {
        return Ok(());
    }
    let failure = Failure::new(Exit::Failure, format!("the webhook was not reached: {error}"));
    Err(failure.hint("it is tried again; `ashctl webhook deliveries` shows what comes of it"))
}

async fn tried(
    server: &Server,
    webhook: WebhookId,
    wanted: DeliveryId,
) -> Result<Delivery, Failure> {
    let end = Instant::now() + TRIAL_MAX;
    loop {
        let answer =
            server.get(&target(webhook, &format!("/deliveries?limit={LIMIT_MAX}"))).await?;
        let DeliveryList { deliveries } = understand(&answer)?;
        match deliveries.into_iter().find(|delivery| delivery.id == wanted) {
            Some(delivery) if delivery.attempts > 0 => return Ok(delivery),
            _ if Instant::now() >= end => {
                let text = "it was not tried within 30 seconds: others wait before it, or ash-egress is not there";
                return Err(Failure::new(Exit::Failure, text));
            }
            _ => sleep(ASKED_AGAIN).await,
        }
    }
}

fn id(webhook: &Webhook) -> String {
    webhook.id.to_string()
}

fn shown(output: &Output, webhook: &Webhook) -> Result<(), Failure> {
    let events: Vec<&str> = webhook.events.iter().map(|event| event.as_str()).collect();
    let mut table = Table::new();
    table
        .add_row(["id", &webhook.id.to_string()])
        .add_row(["url", &cell(&webhook.url)])
        .add_row(["label", &optional(webhook.label.as_deref())])
        .add_row(["events", &events.join(" ")])
        .add_row(["state", &state(webhook)])
        .add_row(["failures", &webhook.failures.to_string()])
        .add_row(["waiting", &webhook.waiting.to_string()])
        .add_row(["created", &output.times.show(webhook.created_at)]);
    output.table(table)
}

fn table(webhooks: Vec<Webhook>, times: Times) -> Table {
    let mut table = columns(["ID", "URL", "LABEL", "EVENTS", "STATE", "WAITING", "CREATED"]);
    for webhook in webhooks {
        let events: Vec<&str> = webhook.events.iter().map(|event| event.as_str()).collect();
        table.add_row([
            webhook.id.to_string(),
            cell(&webhook.url),
            optional(webhook.label.as_deref()),
            events.join(" "),
            state(&webhook),
            webhook.waiting.to_string(),
            times.show(webhook.created_at),
        ]);
    }
    table
}

fn state(webhook: &Webhook) -> String {
    match &webhook.disabled_reason {
        Some(reason) => cell(&format!("disabled: {reason}")),
        None if webhook.failures > 0 => format!("{} failures in a row", webhook.failures),
        None => "enabled".to_owned(),
    }
}

fn deliveries(deliveries: Vec<Delivery>, times: Times) -> Table {
    let mut table = columns(["ID", "EVENT", "STATUS", "TRIED", "CREATED", "NEXT", "ANSWER"]);
    for delivery in deliveries {
        let answer = match (&delivery.error, delivery.response_status) {
            (Some(error), _) => cell(error),
            (None, Some(status)) => status.to_string(),
            (None, None) => "-".to_owned(),
        };
        table.add_row([
            delivery.id.to_string(),
            delivery.event.as_str().to_owned(),
            delivery.status.as_str().to_owned(),
            delivery.attempts.to_string(),
            times.show(delivery.created_at),
            delivery.due_at.map_or_else(|| "-".to_owned(), |at| at.to_string()),
            answer,
        ]);
    }
    table
}
