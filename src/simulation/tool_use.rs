//! The model uses a tool: the host may be asked, the tool works, the model hears what it gave.

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncWrite};

use super::cli::{Cli, Halt};
use super::directive::pieces;
use super::messages::{Block, Delta, StreamEvent, tokens};
use super::tell::fresh;
use super::tools::{Outcome, Permission, permission, use_tool};
use super::turn::{Finish, Turn};

impl<R, W> Cli<R, W>
where
    R: AsyncBufRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    /// Asks for a tool, uses it, and gives its result to the model.
    pub(super) async fn use_a_tool(
        &mut self,
        turn: &mut Turn,
        name: &str,
        input: &Value,
    ) -> Result<Option<Finish>, Halt> {
        self.begin(turn);
        let tool_id = format!("toolu_simulated{:06}{:04}", self.messages, turn.begun.len());
        let block = Block::ToolUse { id: &tool_id, name, input };
        let (id, index) = self.begin_block(turn, block);
        let text = input.to_string();
        for partial_json in std::iter::once("").chain(pieces(&text, 2)) {
            let delta = Delta::Input { partial_json };
            self.tell_event(&id, StreamEvent::ContentBlockDelta { index, delta });
        }
        turn.usage.output_tokens += tokens(text.len());
        self.end_block(turn, &id, block);
        self.end_message(turn, "tool_use");

        let outcome = match self.permit(turn, &tool_id, name, input).await? {
            Ok(input) => use_tool(name, &input, &self.options.directory).await,
            Err(told) => {
                turn.denials.push(json!({
                    "tool_name": name, "tool_use_id": tool_id, "tool_input": input,
                }));
                Outcome::failure(told)
            }
        };
        self.tell_outcome(&tool_id, &outcome);
        turn.returned = Some(format!("{name} returned: {}", outcome.content));
        if name == "StructuredOutput" && !outcome.is_error {
            return Ok(Some(Finish::Structured(input.clone())));
        }
        Ok(self
            .options
            .max_turns
            .filter(|most| turn.begun.len() >= *most)
            .map(|most| Finish::MaxTurns { most }))
    }

    fn tell_outcome(&mut self, tool_id: &str, outcome: &Outcome) {
        let mut content = json!([{
            "tool_use_id": tool_id, "type": "tool_result", "content": outcome.content,
        }]);
        if outcome.is_error {
            content[0]["is_error"] = json!(true);
        }
        let meta = json!([{"id": tool_id, "permission_decision": {
            "decision": if outcome.is_error { "reject" } else { "accept" },
            "source": "config", "reason_type": "mode",
        }}]);
        self.tell_user(&content, Some(&outcome.detail), Some(meta));
    }

    /// The input to use the tool with, or why it must not be used.
    async fn permit(
        &mut self,
        turn: &mut Turn,
        tool_id: &str,
        name: &str,
        input: &Value,
    ) -> Result<Result<Value, String>, Halt> {
        match permission(self.options.permission_mode, name, input) {
            Permission::Allowed => return Ok(Ok(input.clone())),
            Permission::Denied(told) => return Ok(Err(told)),
            Permission::Asked if !self.options.host_answers => {
                return Ok(Err(format!(
                    "Claude requested permissions to use {name}, but you haven't granted it yet."
                )));
            }
            Permission::Asked => {}
        }
        let id = fresh();
        self.output.line(&json!({"type": "control_request", "request_id": id, "request": {
            "subtype": "can_use_tool", "tool_name": name, "display_name": name, "input": input,
            "description": input.get("file_path").or(input.get("command")),
            "permission_suggestions": [
                {"type": "setMode", "mode": "acceptEdits", "destination": "session"},
            ],
            "tool_use_id": tool_id,
        }}));
        turn.is_asking = true;
        let answer = match self.await_answer(&id).await {
            Ok(answer) => answer,
            Err(halt) => {
                if matches!(halt, Halt::Interrupted) {
                    self.output.line(&json!({"type": "control_cancel_request", "request_id": id}));
                }
                return Err(halt);
            }
        };
        let response = answer.get("response");
        let text = |name: &str| response.and_then(|response| response.get(name)?.as_str());
        if text("behavior") == Some("allow") {
            turn.is_asking = false;
            let updated = response.and_then(|response| response.get("updatedInput"));
            return Ok(Ok(updated.unwrap_or(input).clone()));
        }
        if response.and_then(|response| response.get("interrupt")) == Some(&json!(true)) {
            return Err(Halt::Interrupted);
        }
        turn.is_asking = false;
        let error = answer.get("error").and_then(Value::as_str);
        Ok(Err(match error {
            Some(error) => format!("Tool permission request failed: Error: {error}"),
            None => text("message").unwrap_or("The user refused.").to_owned(),
        }))
    }
}
