//! One turn: the user's message, what the script says to it, and the result.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncWrite};
use tokio::time::Instant;

use super::Ending;
use super::cli::{Cli, Halt, UserMessage};
use super::directive::{Directive, chunks, counted_text, parse, pieces};
use super::messages::{Block, Delta, Message, Stop, StreamEvent, Usage, tokens};
use super::refusal::Refusal;
use super::tell::{Special, fresh};

/// What a thinking block is signed with.
const SIGNATURE: &str = "c2ltdWxhdGVk";

/// What the CLI says in the user's name after an interruption.
const INTERRUPTED: &str = "[Request interrupted by user]";
const INTERRUPTED_TOOL: &str = "[Request interrupted by user for tool use]";

/// A message of the model that has begun.
#[derive(Debug)]
struct OpenMessage {
    id: String,
    /// Of the next block.
    index: usize,
    /// What was said of the block that is being said.
    partial: Option<String>,
}

/// What is known of the running turn.
#[derive(Debug)]
pub(super) struct Turn {
    /// From 1, over the whole conversation.
    number: usize,
    text: String,
    /// UUIDs of the messages it answers.
    pub(super) asked: Vec<String>,
    pub(super) started: Instant,
    open: Option<OpenMessage>,
    pub(super) begun: Vec<String>,
    pub(super) usage: Usage,
    pub(super) denials: Vec<Value>,
    /// A tool waits for the user's permission.
    pub(super) is_asking: bool,
    /// The text that becomes the result.
    pub(super) said: String,
    /// What the last tool gave back, until the model said something about it.
    pub(super) returned: Option<String>,
    /// A turn that nobody asked for follows; `true` if the CLI is busy until then.
    background: Option<bool>,
}

/// How a turn went.
#[derive(Debug)]
pub(super) enum Finish {
    Completed,
    Structured(Value),
    MaxTurns { most: usize },
    Refused(Refusal),
    Interrupted { in_tool: bool },
}

impl Turn {
    fn new(number: usize, text: String, asked: Vec<String>) -> Self {
        let usage = Usage { input_tokens: tokens(text.len()), ..Usage::default() };
        Self {
            number,
            text,
            asked,
            started: Instant::now(),
            open: None,
            begun: Vec::new(),
            usage,
            denials: Vec::new(),
            is_asking: false,
            said: String::new(),
            returned: None,
            background: None,
        }
    }

    /// What the API reports when a message begins.
    pub(super) fn usage_begun(&self) -> Usage {
        Usage { output_tokens: 1, ..self.usage }
    }
}

impl<R, W> Cli<R, W>
where
    R: AsyncBufRead + Unpin + Send,
    W: AsyncWrite + Unpin + Send,
{
    /// Answers the messages, all in one turn.
    pub(super) async fn turn(&mut self, messages: Vec<UserMessage>) -> Result<(), Ending> {
        let asked: Vec<String> = messages.iter().filter_map(|m| m.uuid.clone()).collect();
        let texts: Vec<&str> = messages.iter().map(|message| message.text.as_str()).collect();
        let text = texts.join("\n");
        let number = self.conversation.user_texts().len() + 1;
        for message in messages {
            if let Some(uuid) = &message.uuid {
                self.tell_lifecycle(uuid, "started");
            }
            let uuid = message.uuid.unwrap_or_else(fresh);
            self.conversation.add("user", &uuid, &message.message);
            self.conversation.say(message.text);
        }
        let background = self.lead(Turn::new(number, text, asked)).await?;
        if let Some(busy) = background {
            if !busy {
                self.rest().await?;
                self.is_busy = true;
                self.tell_state("running");
            }
            let number = self.conversation.user_texts().len();
            let text = "[[say:The background task has finished.]]".to_owned();
            self.lead(Turn::new(number, text, Vec::new())).await?;
        }
        if self.queue.is_empty() {
            self.rest().await?;
        }
        Ok(())
    }

    /// From the head of a turn to its result.
    async fn lead(&mut self, mut turn: Turn) -> Result<Option<bool>, Ending> {
        self.tell_init();
        let finish = match self.play(&mut turn).await {
            Ok(finish) => finish,
            Err(Halt::Interrupted) => self.abort(&mut turn),
            Err(Halt::Ended(ending)) => return Err(ending),
        };
        self.tell_result(&turn, &finish).await;
        for uuid in &turn.asked {
            self.tell_lifecycle(uuid, "completed");
        }
        Ok(turn.background)
    }

    async fn rest(&mut self) -> Result<(), Ending> {
        self.is_busy = false;
        self.tell_state("idle");
        self.settle().await
    }

    async fn play(&mut self, turn: &mut Turn) -> Result<Finish, Halt> {
        self.tell_requesting(turn);
        let directives = parse(&turn.text);
        let cut = chunks(&directives);
        let mut has_answered = false;
        for directive in &directives {
            let text = match directive {
                Directive::Say(_) | Directive::Bytes(_) => directive.text(),
                Directive::Recall => Some(self.recall(turn)),
                Directive::Options => {
                    Some(self.options.told(&self.conversation.session_id).to_string())
                }
                Directive::EchoSystem => {
                    Some(self.options.system_prompt.clone().unwrap_or_default())
                }
                Directive::Flood(count) => {
                    self.say(turn, &"x".repeat(*count), Some((*count, Duration::ZERO))).await?;
                    has_answered = true;
                    None
                }
                Directive::Delay(pause) => {
                    self.pause(Some(*pause)).await?;
                    None
                }
                Directive::Think(text) => {
                    self.think(turn, text);
                    None
                }
                Directive::Tool { name, input } => {
                    if let Some(finish) = self.use_a_tool(turn, name, input).await? {
                        return Ok(finish);
                    }
                    has_answered = false;
                    None
                }
                Directive::Unknown => {
                    let id = &self.conversation.session_id;
                    self.output.line(&json!({
                        "type": "frame_from_the_future", "subtype": "unheard_of",
                        "payload": {"turn": turn.number}, "uuid": fresh(), "session_id": id,
                    }));
                    None
                }
                Directive::Error { status } => {
                    return Ok(self.refused(turn, Refusal::of_status(*status, &self.options.model)));
                }
                Directive::ErrorTimes { status, times } => {
                    let refusal = Refusal::of_status(*status, &self.options.model);
                    let times = u32::try_from(*times).unwrap_or(u32::MAX);
                    if times > self.options.max_retries || !refusal.is_retried {
                        return Ok(self.refused(turn, refusal));
                    }
                    self.tell_retries(&refusal, times);
                    None
                }
                Directive::Drop => {
                    return Ok(self.refused(turn, Refusal::of_connection()));
                }
                Directive::Exit(code) => {
                    self.settle().await?;
                    return Err(Halt::Ended(Ending::exited(*code)));
                }
                Directive::Crash => {
                    self.settle().await?;
                    return Err(Halt::Ended(Ending::Killed));
                }
                Directive::Hang => {
                    self.begin(turn);
                    self.pause(None).await?;
                    None
                }
                Directive::Background { busy } => {
                    turn.background = Some(*busy);
                    None
                }
                // The CLI recovers by itself; and how texts are cut is known by now.
                Directive::MidstreamError | Directive::DropMidstream | Directive::Chunks { .. } => {
                    None
                }
            };
            if let Some(text) = text {
                self.say(turn, &text, cut).await?;
                has_answered = true;
            }
        }
        if !has_answered {
            let text = match (turn.returned.take(), cut) {
                (Some(returned), _) => returned,
                (None, Some((count, _))) => counted_text(count),
                (None, None) => format!("Turn {}: you said \"{}\".", turn.number, turn.text),
            };
            self.say(turn, &text, cut).await?;
        }
        self.end_message(turn, "end_turn");
        Ok(Finish::Completed)
    }

    fn recall(&self, turn: &Turn) -> String {
        let texts = self.conversation.user_texts();
        let earlier = texts.get(..turn.number.saturating_sub(1)).unwrap_or_default();
        if earlier.is_empty() {
            return "You said nothing earlier.".to_owned();
        }
        let quotes: Vec<String> = earlier.iter().map(|text| format!("\"{text}\"")).collect();
        format!("Earlier you said: {}.", quotes.join(", "))
    }

    /// Begins a message of the model unless one is open.
    pub(super) fn begin(&mut self, turn: &mut Turn) {
        if turn.open.is_some() {
            return;
        }
        let id = format!("msg_simulated{:015}", self.messages);
        self.messages += 1;
        if !turn.begun.is_empty() {
            self.tell_requesting(turn);
        }
        let model = self.options.model.clone();
        let message = Message::begun(&id, &model, turn.usage_begun());
        self.tell_event(&id, StreamEvent::MessageStart { message });
        turn.begun.push(id.clone());
        turn.open = Some(OpenMessage { id, index: 0, partial: None });
    }

    /// Begins a block; the id of its message and its index.
    pub(super) fn begin_block(&mut self, turn: &mut Turn, block: Block<'_>) -> (String, usize) {
        self.begin(turn);
        let open = turn.open.as_mut().expect("it was just begun");
        open.partial = Some(String::new());
        let (id, index) = (open.id.clone(), open.index);
        let no_input = json!({});
        let content_block = block.empty(&no_input);
        self.tell_event(&id, StreamEvent::ContentBlockStart { index, content_block });
        (id, index)
    }

    /// Tells a finished block.
    pub(super) fn end_block(&mut self, turn: &mut Turn, id: &str, block: Block<'_>) {
        self.tell_block(turn, id, block, &Special::default());
        if let Some(open) = &mut turn.open {
            open.partial = None;
            let index = open.index;
            open.index += 1;
            self.tell_event(id, StreamEvent::ContentBlockStop { index });
        }
    }

    pub(super) fn end_message(&mut self, turn: &mut Turn, stop_reason: &str) {
        if let Some(open) = turn.open.take() {
            let delta = Stop { stop_reason: Some(stop_reason), stop_sequence: None };
            let usage = turn.usage;
            self.tell_event(&open.id, StreamEvent::MessageDelta { delta, usage });
            self.tell_event(&open.id, StreamEvent::MessageStop);
        }
    }

    /// A text block, in pieces if asked.
    async fn say(
        &mut self,
        turn: &mut Turn,
        text: &str,
        cut: Option<(usize, Duration)>,
    ) -> Result<(), Halt> {
        let (count, pause) = cut.unwrap_or((1, Duration::ZERO));
        let (id, index) = self.begin_block(turn, Block::Text { text });
        if self.options.partial_messages || !pause.is_zero() {
            for (number, text) in pieces(text, count).enumerate() {
                if number > 0 {
                    self.pause(Some(pause)).await?;
                }
                let delta = Delta::Text { text };
                self.tell_event(&id, StreamEvent::ContentBlockDelta { index, delta });
                if let Some(partial) = turn.open.as_mut().and_then(|open| open.partial.as_mut()) {
                    partial.push_str(text);
                }
                if self.output.is_full() {
                    self.glance().await?;
                }
            }
        }
        turn.usage.output_tokens += tokens(text.len());
        text.clone_into(&mut turn.said);
        self.end_block(turn, &id, Block::Text { text });
        Ok(())
    }

    fn think(&mut self, turn: &mut Turn, text: &str) {
        let block = Block::Thinking { thinking: text, signature: SIGNATURE };
        let (id, index) = self.begin_block(turn, block);
        let estimate = tokens(text.len());
        self.tell_thinking(estimate, estimate);
        let delta = Delta::Thinking { thinking: text };
        self.tell_event(&id, StreamEvent::ContentBlockDelta { index, delta });
        self.tell_thinking(estimate + 1, 1);
        let delta = Delta::Signature { signature: SIGNATURE };
        self.tell_event(&id, StreamEvent::ContentBlockDelta { index, delta });
        turn.usage.output_tokens += estimate;
        self.end_block(turn, &id, block);
    }

    /// The API refuses, again and again, and the CLI gives up.
    fn refused(&mut self, turn: &mut Turn, refusal: Refusal) -> Finish {
        if refusal.is_retried {
            self.tell_retries(&refusal, self.options.max_retries);
        }
        turn.open = None;
        let special = Special { aborted: false, refusal: Some(&refusal) };
        let block = Block::Text { text: &refusal.text };
        self.tell_block(turn, &fresh(), block, &special);
        Finish::Refused(refusal)
    }

    /// What an interrupted turn leaves behind.
    fn abort(&mut self, turn: &mut Turn) -> Finish {
        let in_tool = turn.is_asking;
        let open = turn.open.take();
        let partial = open.as_ref().and_then(|open| open.partial.as_deref());
        if let (Some(open), Some(text)) = (&open, partial)
            && !text.is_empty()
        {
            let special = Special { aborted: true, refusal: None };
            self.tell_block(turn, &open.id, Block::Text { text }, &special);
        }
        let text = if in_tool { INTERRUPTED_TOOL } else { INTERRUPTED };
        self.tell_user(&json!([{"type": "text", "text": text}]), None, None);
        if let Some(open) = &open {
            let mut from = open.index;
            if partial.is_some() {
                self.tell_event(&open.id, StreamEvent::ContentBlockStop { index: open.index });
                from += 1;
            }
            let delta = Stop { stop_reason: None, stop_sequence: None };
            let usage = turn.usage_begun();
            let stop = StreamEvent::MessageDelta { delta, usage };
            self.tell_abandoned(&open.id, stop, from);
        }
        Finish::Interrupted { in_tool }
    }
}
