//! What the CLI asks before it uses a tool, what is answered, and what is remembered of it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::options::{OptionError, SessionOptions, is_rule, wrong};
pub(crate) use crate::wire::permissions::{
    AnswerPermission, PermissionBehavior, PermissionRequest, PermissionResolution,
    ResolvedBehavior, ResolvedBy,
};
use crate::wire::sessions::PermissionMode;

/// Longest message of a denial, in characters: the model reads it.
const MESSAGE_CHARACTERS_MAX: usize = 10_000;

/// Longest list of suggestions that is kept, in bytes.
const SUGGESTIONS_BYTES_MAX: usize = 16 << 10;

/// What the model is told if its client says no without a word.
const DENIED: &str = "The user does not allow this.";

/// What a line of the CLI says of its questions.
#[derive(Debug)]
pub(crate) enum Said<'a> {
    Asks(Asked<'a>),
    /// It does not want to know any more.
    TakesBack {
        request_id: Cow<'a, str>,
    },
}

/// A question of the CLI.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) request_id: Cow<'a, str>,
    pub(crate) tool_name: Cow<'a, str>,
    pub(crate) tool_use_id: Option<Cow<'a, str>>,
    /// A JSON object.
    pub(crate) input: &'a RawValue,
    pub(crate) description: Option<Cow<'a, str>>,
    pub(crate) suggestions: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    request_id: Cow<'a, str>,
    #[serde(borrow, default)]
    request: Option<Request<'a>>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    subtype: Cow<'a, str>,
    #[serde(borrow)]
    tool_name: Cow<'a, str>,
    #[serde(borrow, default)]
    tool_use_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    #[serde(borrow, default)]
    description: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    permission_suggestions: Option<&'a RawValue>,
}

/// Reads a line; `None` if it is about no question.
pub(crate) fn read(line: &[u8]) -> Option<Said<'_>> {
    let Line { kind, request_id, request } = serde_json::from_slice(line).ok()?;
    if kind == "control_cancel_request" {
        return Some(Said::TakesBack { request_id });
    }
    let request = request.filter(|of| kind == "control_request" && of.subtype == "can_use_tool")?;
    let nothing: &RawValue = serde_json::from_str("{}").ok()?;
    Some(Said::Asks(Asked {
        request_id,
        tool_name: request.tool_name,
        tool_use_id: request.tool_use_id,
        input: request.input.unwrap_or(nothing),
        description: request.description,
        suggestions: request
            .permission_suggestions
            .filter(|list| list.get().len() <= SUGGESTIONS_BYTES_MAX),
    }))
}

/// What is answered to a question, in the CLI's words.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verdict {
    pub(crate) behavior: PermissionBehavior,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated_input: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated_permissions: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) interrupt: bool,
}

impl Verdict {
    /// Judges an answer of a client; whether something is remembered is judged with the question.
    pub(crate) fn parse(request: AnswerPermission) -> Result<Self, OptionError> {
        let AnswerPermission { behavior, updated_input, message, interrupt, remember } = request;
        let allows = behavior == PermissionBehavior::Allow;
        let of_deny = "it goes with the behavior `deny`, and only with it";
        let of_allow = "it goes with the behavior `allow`, and only with it";
        if allows && message.is_some() {
            return Err(wrong("message", of_deny));
        }
        if allows && interrupt {
            return Err(wrong("interrupt", of_deny));
        }
        if !allows && updated_input.is_some() {
            return Err(wrong("updatedInput", of_allow));
        }
        if !allows && remember {
            return Err(wrong("remember", of_allow));
        }
        if message.as_ref().is_some_and(|text| text.chars().count() > MESSAGE_CHARACTERS_MAX) {
            return Err(wrong(
                "message",
                format!("{MESSAGE_CHARACTERS_MAX} characters is the most"),
            ));
        }
        let updated_input = updated_input.map(|input| {
            serde_json::value::to_raw_value(&input).expect("an object has a JSON form")
        });
        let message = (!allows).then(|| message.unwrap_or_else(|| DENIED.to_owned()));
        Ok(Self { behavior, updated_input, updated_permissions: None, message, interrupt })
    }

    /// What is answered when nobody did in time.
    pub(crate) fn of_timeout(behavior: PermissionBehavior, seconds: u64) -> Self {
        let denies = behavior == PermissionBehavior::Deny;
        let message = denies.then(|| format!("Nobody allowed this within {seconds} s."));
        Self { behavior, updated_input: None, updated_permissions: None, message, interrupt: false }
    }

    /// What was answered, as it is stored; `None` if nobody answered.
    pub(crate) fn stored(resolution: &PermissionResolution) -> Option<Self> {
        let behavior = match resolution.behavior {
            ResolvedBehavior::Allow => PermissionBehavior::Allow,
            ResolvedBehavior::Deny => PermissionBehavior::Deny,
            ResolvedBehavior::Cancelled => return None,
        };
        let PermissionResolution { updated_input, updated_permissions, message, interrupt, .. } =
            resolution.clone();
        Some(Self { behavior, updated_input, updated_permissions, message, interrupt })
    }

    /// As the CLI reads it.
    pub(crate) fn response(&self) -> Box<RawValue> {
        serde_json::value::to_raw_value(self).expect("a verdict has a JSON form")
    }
}

/// What a session does not ask again.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Memory {
    /// For the CLI, which then knows it until it ends.
    pub(crate) updates: Vec<Value>,
    /// For the CLIs that come after it, as rules of `allowedTools`.
    pub(crate) rules: Vec<String>,
    pub(crate) mode: Option<PermissionMode>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Suggestion {
    AddRules {
        rules: Vec<Rule>,
        behavior: String,
    },
    SetMode {
        mode: String,
    },
    #[serde(other)]
    Other,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    tool_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule_content: Option<String>,
}

impl Memory {
    /// Of what the CLI suggests, what can be kept: rules that allow something, and a mode that asks
    /// less. Nothing is written into the workspace.
    pub(crate) fn of(suggestions: &RawValue) -> Self {
        let list: Vec<Value> = serde_json::from_str(suggestions.get()).unwrap_or_default();
        let mut memory = Self::default();
        for suggestion in list {
            match Suggestion::deserialize(suggestion) {
                Ok(Suggestion::AddRules { rules, behavior }) if behavior == "allow" => {
                    memory.keep_rules(rules);
                }
                Ok(Suggestion::SetMode { mode }) if mode == "acceptEdits" => {
                    memory.mode = Some(PermissionMode::AcceptEdits);
                    memory.updates.push(json!({
                        "type": "setMode", "mode": mode, "destination": "session",
                    }));
                }
                Ok(_) | Err(_) => {}
            }
        }
        memory
    }

    fn keep_rules(&mut self, rules: Vec<Rule>) {
        let written = |rule: &Rule| match &rule.rule_content {
            Some(content) => format!("{}({content})", rule.tool_name),
            None => rule.tool_name.clone(),
        };
        let usable: Vec<Rule> = rules.into_iter().filter(|rule| is_rule(&written(rule))).collect();
        if !usable.is_empty() {
            self.rules.extend(usable.iter().map(written));
            self.updates.push(json!({
                "type": "addRules", "rules": usable, "behavior": "allow", "destination": "session",
            }));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }

    /// The options of the session with it.
    pub(crate) fn added_to(&self, options: &SessionOptions) -> SessionOptions {
        let mut options = options.clone();
        for rule in &self.rules {
            if !options.allowed_tools.contains(rule) {
                options.allowed_tools.push(rule.clone());
            }
        }
        options.permission_mode = self.mode.unwrap_or(options.permission_mode);
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKS: &str = r#"{"request":{"input":{"b":1.50},"tool_name":"Write","subtype":"can_use_tool","tool_use_id":"t","permission_suggestions":[]},"request_id":"q","type":"control_request"}"#;

    #[test]
    fn a_question_is_read_whatever_the_order_of_its_members() {
        let Some(Said::Asks(asked)) = read(ASKS.as_bytes()) else { panic!("no question") };
        assert_eq!((&*asked.request_id, &*asked.tool_name), ("q", "Write"));
        assert_eq!(asked.input.get(), r#"{"b":1.50}"#);
        let back = br#"{"type":"control_cancel_request","request_id":"q"}"#;
        assert!(matches!(read(back), Some(Said::TakesBack { request_id }) if request_id == "q"));
        for other in [
            r#"{"type":"control_request","request_id":"q","request":{"subtype":"hook_callback","tool_name":"x"}}"#,
            r#"{"type":"assistant","request_id":"q"}"#,
            "{}",
        ] {
            assert!(read(other.as_bytes()).is_none(), "{other}");
        }
    }

    fn parse(json: &str) -> Result<String, String> {
        let verdict = Verdict::parse(serde_json::from_str(json).unwrap());
        verdict.map(|verdict| verdict.response().get().to_owned()).map_err(|error| error.field)
    }

    #[test]
    fn an_answer_is_said_in_the_words_of_the_cli() {
        assert_eq!(parse(r#"{"behavior":"allow"}"#).unwrap(), r#"{"behavior":"allow"}"#);
        assert_eq!(
            parse(r#"{"behavior":"allow","updatedInput":{"a":1}}"#).unwrap(),
            r#"{"behavior":"allow","updatedInput":{"a":1}}"#
        );
        assert_eq!(
            parse(r#"{"behavior":"deny","message":"no","interrupt":true}"#).unwrap(),
            r#"{"behavior":"deny","message":"no","interrupt":true}"#
        );
        assert!(parse(r#"{"behavior":"deny"}"#).unwrap().contains(DENIED));
        for (answer, field) in [
            (r#"{"behavior":"allow","message":"x"}"#, "message"),
            (r#"{"behavior":"allow","interrupt":true}"#, "interrupt"),
            (r#"{"behavior":"deny","updatedInput":{}}"#, "updatedInput"),
            (r#"{"behavior":"deny","remember":true}"#, "remember"),
        ] {
            assert_eq!(parse(answer).unwrap_err(), field);
        }
    }

    #[test]
    fn what_is_remembered_holds_for_the_session_and_allows_no_more_than_was_suggested() {
        let suggested = r#"[
            {"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"npm test:*"},{"toolName":"Read"}],"behavior":"allow","destination":"localSettings"},
            {"type":"addRules","rules":[{"toolName":"X"}],"behavior":"deny","destination":"session"},
            {"type":"setMode","mode":"bypassPermissions","destination":"session"},
            {"type":"setMode","mode":"acceptEdits","destination":"userSettings"},
            {"type":"addRules","rules":[{"toolName":"bad\u0007"}],"behavior":"allow"},
            {"type":"of the future"}, 7
        ]"#;
        let memory = Memory::of(serde_json::from_str(suggested).unwrap());
        assert_eq!(memory.rules, ["Bash(npm test:*)", "Read"]);
        assert_eq!(memory.mode, Some(PermissionMode::AcceptEdits));
        assert!(memory.updates.iter().all(|update| update["destination"] == "session"));
        assert_eq!(memory.updates.len(), 2);
        let options = memory.added_to(&memory.added_to(&SessionOptions::default()));
        assert_eq!(options.allowed_tools, memory.rules);
        assert!(Memory::of(serde_json::from_str(r#"{"not":"a list"}"#).unwrap()).is_empty());
    }
}
