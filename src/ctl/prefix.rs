//! Session ids that are cut short.

use std::fmt::Write as _;

use super::exit::Exit;
use super::failure::Failure;
use super::server::{Server, understand};
use crate::id::SessionId;
use crate::wire::sessions::{Session, SessionList};

/// Sessions asked for at a time.
const PAGE_SESSIONS: usize = 500;

/// Most pages that are asked for. Beyond them a prefix is no way to name a session.
const PAGES_MAX: usize = 100;

/// Most candidates that an error names.
const CANDIDATES_MAX: usize = 5;

/// The session that `text` means: its whole id, or a prefix that no other session has.
pub(crate) async fn resolve(server: &Server, text: &str) -> Result<SessionId, Failure> {
    let text = text.to_ascii_lowercase();
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    // Spares the way to the server, and keeps a mistyped word from being "no such session".
    if text.is_empty() || !text.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return Err(Failure::usage(format!("`{text}` is not the id of a session"))
            .hint("`ashctl session list` shows the ids; the first characters are enough"));
    }
    let mut sessions: Vec<Session> = vec![];
    for _ in 0..PAGES_MAX {
        let target = format!("/api/sessions?limit={PAGE_SESSIONS}&offset={}", sessions.len());
        let answer = server.get(&target).await?;
        let page: SessionList = understand(&answer)?;
        let last = page.sessions.is_empty();
        sessions.extend(page.sessions);
        if last || sessions.len() as u64 >= page.total {
            break;
        }
    }
    pick(&text, &sessions)
}

fn pick(prefix: &str, sessions: &[Session]) -> Result<SessionId, Failure> {
    let mut matching: Vec<&Session> =
        sessions.iter().filter(|session| session.id.to_string().starts_with(prefix)).collect();
    // A session that was made while the pages were read moves the others onto the next page.
    matching.dedup_by_key(|session| session.id);
    match matching.as_slice() {
        [] => Err(Failure::new(Exit::NotFound, format!("no session starts with `{prefix}`"))
            .hint("`ashctl session list` shows all sessions")),
        [session] => Ok(session.id),
        several => {
            let mut text = format!("{} sessions start with `{prefix}`:", several.len());
            for session in several.iter().take(CANDIDATES_MAX) {
                let Session { id, agent_name, status, .. } = session;
                write!(text, "\n  {id}  {agent_name}  {}", status.as_str())
                    .expect("a text takes more text");
            }
            if several.len() > CANDIDATES_MAX {
                text.push_str("\n  …");
            }
            Err(Failure::usage(text).hint("give more characters of the id"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(id: &str) -> Session {
        let json = serde_json::json!({
            "id": id, "agentName": "qa-bot", "agentVersion": 1, "sandboxId": "s", "status": "active",
            "createdAt": "2026-11-22T10:00:00.000Z", "lastActiveAt": "2026-11-22T10:00:00.000Z",
            "tenantId": "default", "runnerId": null, "parentSessionId": null, "model": null,
            "config": {},
        });
        serde_json::from_value(json).unwrap()
    }

    const ONE: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    const TWO: &str = "67e5aaaa-10b1-426f-9247-bb680e5fe0c8";

    #[test]
    fn a_prefix_that_one_session_has_means_it() {
        let sessions = [session(ONE), session(TWO)];
        assert_eq!(pick("67e55", &sessions).unwrap().to_string(), ONE);
        assert_eq!(pick("67e5aaaa-1", &sessions).unwrap().to_string(), TWO);
    }

    #[test]
    fn a_session_that_was_listed_twice_is_one() {
        assert_eq!(pick("67e5", &[session(ONE), session(ONE)]).unwrap().to_string(), ONE);
    }

    #[test]
    fn an_ambiguous_prefix_names_the_candidates() {
        let failure = pick("67e5", &[session(ONE), session(TWO)]).unwrap_err();
        assert_eq!(
            failure.text,
            format!(
                "2 sessions start with `67e5`:\n  {ONE}  qa-bot  active\n  {TWO}  qa-bot  active"
            )
        );
        assert_eq!(failure.exit, Exit::Usage);
    }

    #[test]
    fn a_prefix_that_nobody_has_is_not_found() {
        assert_eq!(pick("0", &[session(ONE)]).unwrap_err().exit, Exit::NotFound);
    }
}
