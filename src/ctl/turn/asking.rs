//! A permission that a turn asks for: shown, and on a terminal answered there.

use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};
use std::pin::Pin;

use serde_json::Value;

use super::frame::tool_line;
use crate::ctl::failure::Failure;
use crate::ctl::output::{Format, Output, warn};
use crate::ctl::server::Server;
use crate::ctl::session::permissions::send;
use crate::id::{PermissionId, SessionId};
use crate::os::terminal;
use crate::wire::permissions::{AnswerPermission, PermissionBehavior, PermissionRequest};

/// A permission as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    session: SessionId,
    permission: PermissionId,
    /// The tool and its input, in one line.
    tool: String,
    /// The CLI suggests something to remember.
    can_remember: bool,
}

impl Asked {
    /// Reads the data of an event.
    pub(super) fn read(data: &str) -> Option<Self> {
        let request: PermissionRequest = serde_json::from_str(data).ok()?;
        let input: Value = serde_json::from_str(request.input.get()).ok()?;
        let suggestions = request.suggestions.as_ref().map(|list| list.get());
        Some(Self {
            session: request.session_id,
            permission: request.permission_id,
            tool: tool_line(&serde_json::json!({ "name": request.tool_name, "input": input })),
            can_remember: suggestions.is_some_and(|list| list.trim() != "[]"),
        })
    }

    /// For whoever cannot be asked here.
    pub(crate) fn note(&self) -> String {
        let Self { session, permission, tool, .. } = self;
        format!(
            "permission: {tool}\nit waits: `ashctl session allow {session} {permission}`, or `deny`"
        )
    }

    fn prompt(&self) -> String {
        let always = if self.can_remember { " [a]lways in this session," } else { "" };
        format!("permission: {}\nallow it? [y]es,{always} [n]o, [s]top the turn", self.tool)
    }

    fn answer(&self, line: &str) -> Option<AnswerPermission> {
        let answer = |behavior, remember, interrupt| AnswerPermission {
            behavior,
            updated_input: None,
            message: None,
            interrupt,
            remember,
        };
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => Some(answer(PermissionBehavior::Allow, false, false)),
            "a" | "always" if self.can_remember => {
                Some(answer(PermissionBehavior::Allow, true, false))
            }
            "n" | "no" => Some(answer(PermissionBehavior::Deny, false, false)),
            "s" | "stop" => Some(answer(PermissionBehavior::Deny, false, true)),
            _ => None,
        }
    }
}

/// Where a person answers, one permission after the other; nowhere without a terminal.
pub(super) struct Desk<'a> {
    server: &'a Server,
    is_manned: bool,
    waiting: VecDeque<Asked>,
    now: Now<'a>,
}

enum Now<'a> {
    Nothing,
    Reading(Asked),
    Saying(Pin<Box<dyn Future<Output = Result<bytes::Bytes, Failure>> + 'a>>),
}

impl<'a> Desk<'a> {
    pub(super) fn new(server: &'a Server, output: &Output) -> Self {
        let is_manned =
            output.format == Format::Table && output.message_terminal && io::stdin().is_terminal();
        Self { server, is_manned, waiting: VecDeque::new(), now: Now::Nothing }
    }

    /// Takes a permission that is asked for; gives it back if nobody is here.
    pub(super) fn take(&mut self, asked: Asked, output: &Output) -> Option<Asked> {
        if !self.is_manned {
            return Some(asked);
        }
        self.waiting.push_back(asked);
        self.next(output);
        None
    }

    /// It was answered, here or elsewhere.
    pub(super) fn settled(&mut self, permission: PermissionId, output: &Output) {
        self.waiting.retain(|asked| asked.permission != permission);
        if matches!(&self.now, Now::Reading(asked) if asked.permission == permission) {
            output.note("permission: it was answered elsewhere");
            self.now = Now::Nothing;
            self.next(output);
        }
    }

    fn next(&mut self, output: &Output) {
        if matches!(self.now, Now::Nothing)
            && let Some(asked) = self.waiting.pop_front()
        {
            output.note(&asked.prompt());
            self.now = Now::Reading(asked);
        }
    }

    /// Waits for what is typed, and says it to the server: one step of it, so that it is to be called
    /// again. Cancel-safe: what is typed when nothing is asked is for somebody else.
    pub(super) async fn serve(&mut self, output: &Output) {
        match &mut self.now {
            Now::Nothing => std::future::pending().await,
            Now::Saying(said) => {
                if let Err(failure) = said.await {
                    // Somebody else may have been faster.
                    warn(&failure.text);
                }
                self.now = Now::Nothing;
                self.next(output);
            }
            Now::Reading(asked) => match typed().await.map(|line| asked.answer(&line)) {
                Some(Some(answer)) => {
                    let (session, permission) = (asked.session, asked.permission);
                    let server = self.server;
                    let said = async move { send(server, session, permission, &answer).await };
                    self.now = Now::Saying(Box::pin(said));
                }
                Some(None) => output.note(&asked.prompt()),
                None => {
                    output.note(&asked.note());
                    self.is_manned = false;
                    self.now = Now::Nothing;
                }
            },
        }
    }
}

async fn typed() -> Option<String> {
    terminal::line().await.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = r#"{"sessionId":"67e55044-10b1-426f-9247-bb680e5fe0c8","permissionId":"0198c8a0-1111-4111-8111-111111111111","turnId":null,"toolName":"Write","input":{"file_path":"x"},"suggestions":[],"createdAt":"2026-11-22T10:00:00.000Z","expiresAt":null,"onTimeout":null,"requestId":"q"}"#;

    #[test]
    fn a_permission_is_asked_for_in_words_and_answered_with_a_letter() {
        let asked = Asked::read(DATA).unwrap();
        assert!(asked.prompt().starts_with(r#"permission: Write {"file_path":"x"}"#));
        assert!(asked.note().contains("ashctl session allow 67e55044"), "{}", asked.note());
        assert_eq!(asked.answer(" Y\n").unwrap().behavior, PermissionBehavior::Allow);
        assert!(asked.answer("s").unwrap().interrupt);
        assert!(asked.answer("always").is_none() && asked.answer("").is_none());
        let with = Asked::read(&DATA.replace("[]", r#"[{"type":"setMode"}]"#)).unwrap();
        assert!(with.answer("a").unwrap().remember);
        assert!(Asked::read("{}").is_none());
    }
}
