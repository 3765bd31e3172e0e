//! `ashctl session permissions`, `allow` and `deny`: what a session asks before it uses a tool.

use std::path::PathBuf;

use clap::Args;

use super::create::read_json;
use crate::ctl::Context;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Format, cell, columns};
use crate::ctl::prefix::resolve;
use crate::ctl::server::{Server, understand, whole};
use crate::id::{PermissionId, SessionId};
use crate::wire::permissions::{
    AnswerPermission, PermissionAnswered, PermissionBehavior, PermissionList, PermissionRequest,
};

/// Longest input of a tool in a table, in characters.
const INPUT_CHARACTERS_MAX: usize = 120;

/// Let a session use a tool that it asks for
#[derive(Debug, Args)]
pub(crate) struct Allow {
    /// Id of the session, or its first characters
    session: String,
    /// Id of the permission; not needed if the session asks for one only
    permission: Option<PermissionId>,
    /// JSON file with another input for the tool, an object
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Do not ask again for the like in this session
    #[arg(long)]
    remember: bool,
}

/// Refuse a session a tool that it asks for; the agent goes on without it
#[derive(Debug, Args)]
pub(crate) struct Deny {
    /// Id of the session, or its first characters
    session: String,
    /// Id of the permission; not needed if the session asks for one only
    permission: Option<PermissionId>,
    /// What the agent is told
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Stop the turn, too
    #[arg(long)]
    interrupt: bool,
}

pub(super) async fn list(context: &Context, session: &str) -> Result<(), Failure> {
    let session = resolve(&context.server, session).await?;
    let answer = context.server.get(&format!("/api/sessions/{session}/permissions")).await?;
    let output = &context.output;
    let id = |open: &PermissionRequest| open.permission_id.to_string();
    output.list(&answer, "permissions", id, |open| {
        let mut table = columns(["PERMISSION", "TOOL", "ASKED", "EXPIRES", "INPUT"]);
        for request in open {
            let expires = match (request.expires_at, request.on_timeout) {
                (Some(at), Some(PermissionBehavior::Allow)) => format!("{at} (allow)"),
                (Some(at), _) => format!("{at} (deny)"),
                (None, _) => "-".to_owned(),
            };
            let input: String = request.input.get().chars().take(INPUT_CHARACTERS_MAX).collect();
            table.add_row([
                request.permission_id.to_string(),
                cell(&request.tool_name),
                output.times.show(request.created_at),
                expires,
                cell(&input),
            ]);
        }
        table
    })
}

pub(super) async fn allow(context: &Context, allow: Allow) -> Result<(), Failure> {
    let updated_input = allow.input.as_deref().map(read_json).transpose()?;
    let answer = AnswerPermission {
        behavior: PermissionBehavior::Allow,
        updated_input,
        message: None,
        interrupt: false,
        remember: allow.remember,
    };
    settle(context, &allow.session, allow.permission, &answer).await
}

pub(super) async fn deny(context: &Context, deny: Deny) -> Result<(), Failure> {
    let answer = AnswerPermission {
        behavior: PermissionBehavior::Deny,
        updated_input: None,
        message: deny.message,
        interrupt: deny.interrupt,
        remember: false,
    };
    settle(context, &deny.session, deny.permission, &answer).await
}

async fn settle(
    context: &Context,
    session: &str,
    permission: Option<PermissionId>,
    answer: &AnswerPermission,
) -> Result<(), Failure> {
    let Context { server, output, .. } = context;
    let session = resolve(server, session).await?;
    let permission = match permission {
        Some(permission) => permission,
        None => the_only(server, session).await?,
    };
    let said = send(server, session, permission, answer).await?;
    match output.format {
        Format::Table => {
            let answered: PermissionAnswered = understand(&said)?;
            output.line(match answered.behavior {
                PermissionBehavior::Allow => "Allowed",
                PermissionBehavior::Deny => "Denied",
            })?;
            for rule in answered.remembered {
                output.note(&format!("not asked again in this session: {rule}"));
            }
            Ok(())
        }
        Format::Id => output.line(&permission.to_string()),
        Format::Json | Format::Jsonl => output.json(&String::from_utf8_lossy(&said)),
    }
}

/// Answers a question.
pub(crate) async fn send(
    server: &Server,
    session: SessionId,
    permission: PermissionId,
    answer: &AnswerPermission,
) -> Result<bytes::Bytes, Failure> {
    let target = format!("/api/sessions/{session}/permissions/{permission}");
    whole(server.post(&target, answer).await?).await
}

async fn the_only(server: &Server, session: SessionId) -> Result<PermissionId, Failure> {
    let answer = server.get(&format!("/api/sessions/{session}/permissions")).await?;
    let list: PermissionList = understand(&answer)?;
    match list.permissions.as_slice() {
        [one] => Ok(one.permission_id),
        open => Err(Failure::usage(format!(
            "the session asks for {} permissions: say which is meant",
            open.len()
        ))
        .hint(format!("`ashctl session permissions {session}` lists them"))),
    }
}
