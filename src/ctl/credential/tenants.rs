//! `ashctl credential create`, `list` and `delete`: credentials of tenants, which ashd seals to
//! ash-egress and lends to sessions.

use clap::{Args, ValueEnum};
use http::Method;

use super::read;
use crate::ctl::Context;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Format, Output, Times, cell, columns, optional};
use crate::ctl::server::whole;
use crate::id::CredentialId;
use crate::wire::credentials::{CreateCredential, Credential, CredentialKind, Secret};

/// Create a credential of a tenant; its key is typed, or comes by the standard input or from a file
///
/// ashd seals it to ash-egress, keeps nothing else of it, and never shows it.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// For what it is
    #[arg(long = "type", value_enum, default_value_t = Kind::Anthropic)]
    kind: Kind,
    /// What it is for, or whose it is
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// File with the key
    #[arg(long, value_name = "FILE")]
    file: Option<std::path::PathBuf>,
    /// Address of the API, which `model.upstreams` lists; of `custom` it is required
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// Of `custom`: it is sent as `Authorization: Bearer`
    #[arg(long)]
    bearer: bool,
    /// Of `bedrock`: the region of AWS
    #[arg(long, value_name = "REGION", required_if_eq("kind", "bedrock"))]
    region: Option<String>,
    /// Of `custom`: it is for an API that tools in the sandbox ask, not for the model
    #[arg(long)]
    tools: bool,
    /// Of `custom` with `--tools`: header that it is sent in, instead of `Authorization: Bearer`
    #[arg(long, value_name = "NAME", requires = "tools", conflicts_with = "bearer")]
    header: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The configured model API
    Anthropic,
    /// Another one of the same shape; or with `--tools` any API, for tools in the sandbox
    Custom,
    /// OpenAI, for tools in the sandbox
    Openai,
    /// Amazon Bedrock, by one of its API keys
    Bedrock,
}

pub(super) async fn create(context: &Context, create: Create) -> Result<(), Failure> {
    let hint = "`ashctl credential create <FILE` reads it from a file";
    let secret = match &create.file {
        None => read("key", hint)?,
        Some(path) => super::read_file(path, hint)?,
    };
    let request = CreateCredential {
        kind: match create.kind {
            Kind::Anthropic => CredentialKind::Anthropic,
            Kind::Custom => CredentialKind::Custom,
            Kind::Openai => CredentialKind::Openai,
            Kind::Bedrock => CredentialKind::Bedrock,
        },
        key: Secret(secret),
        label: create.label,
        base_url: create.base_url,
        bearer: create.bearer,
        region: create.region,
        tools: create.tools,
        header: create.header,
    };
    let Context { server, output, .. } = context;
    let answer = whole(server.post("/api/credentials", &request).await?).await?;
    output.one(&answer, "credential", id, |credential: Credential| {
        output.line(&credential.id.to_string())?;
        output.note("`ashctl session create --credential ID` has a session use it");
        Ok(())
    })
}

pub(super) async fn list(context: &Context) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let answer = server.get("/api/credentials").await?;
    output.list(&answer, "credentials", id, |credentials| {
        let mut table = columns(["ID", "TYPE", "LABEL", "STATE", "USED", "CREATED"]);
        for credential in credentials {
            table.add_row(row(&credential, output.times));
        }
        table
    })
}

pub(super) async fn delete(context: &Context, credential: CredentialId) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let answer = server.call(Method::DELETE, &format!("/api/credentials/{credential}")).await?;
    deleted(output, &answer, credential)
}

fn deleted(output: &Output, answer: &[u8], credential: CredentialId) -> Result<(), Failure> {
    match output.format {
        Format::Table => output.line("Deleted the credential"),
        Format::Id => output.line(&credential.to_string()),
        Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(answer)),
    }
}

fn id(credential: &Credential) -> String {
    credential.id.to_string()
}

fn row(credential: &Credential, times: Times) -> [String; 6] {
    let kind = match &credential.region {
        Some(region) => format!("{} {region}", credential.kind),
        None if credential.tools && credential.kind == "custom" => "custom tools".to_owned(),
        None => credential.kind.clone(),
    };
    [
        id(credential),
        cell(&kind),
        optional(credential.label.as_deref()),
        if credential.active { "active" } else { "cannot be opened" }.to_owned(),
        credential.last_used_at.map_or_else(|| "never".to_owned(), |at| times.show(at)),
        times.show(credential.created_at),
    ]
}
