//! What a shell offers behind TAB.

use crate::program::{Ashctl, Said};
use crate::scripted::{Scripted, json};
use crate::sessions::session;

/// What bash would ask with the last of `words` under the cursor.
fn offered(server: Option<&Scripted>, words: &[&str]) -> Vec<String> {
    let mut program = Ashctl::new().env("COMPLETE", "bash").env("_CLAP_IFS", "\n");
    program = match server {
        Some(server) => program.server(server),
        None => program.env("ASH_SOCKET", "/nonexistent/admin.sock"),
    };
    let index = (words.len() - 1).to_string();
    let arguments = ["--"].into_iter().chain(words.iter().copied());
    let Said { status, stdout, stderr } =
        program.env("_CLAP_COMPLETE_INDEX", &index).args(arguments).run();
    assert_eq!((status, stderr.as_str()), (0, ""));
    stdout.lines().map(str::to_owned).collect()
}

/// The same without the options, which may stand anywhere.
fn values(server: Option<&Scripted>, words: &[&str]) -> Vec<String> {
    let mut offered = offered(server, words);
    offered.retain(|word| !word.starts_with('-'));
    offered
}

#[test]
fn commands_and_options_need_no_daemon() {
    assert_eq!(offered(None, &["ashctl", "dep"]), ["deploy"]);
    assert!(
        offered(None, &["ashctl", "session", "create", "--mo"]).contains(&"--model".to_owned())
    );
    assert!(values(None, &["ashctl", "agent", "show", ""]).is_empty(), "nobody to ask");
}

#[test]
fn the_agents_that_there_are_are_offered() {
    let agents = r#"{"agents":[
        {"id":"0198c8a0-1111-4111-8111-111111111111","name":"qa-bot","version":3,"path":"/x","createdAt":"2026-11-20T08:00:00.000Z","updatedAt":"2026-11-22T10:00:00.000Z","tenantId":"default","env":{},"digest":"sha256:abc","files":1,"bytes":4},
        {"id":"0198c8a0-1111-4111-8111-111111111112","name":"ops","version":1,"path":"/x","createdAt":"2026-11-20T08:00:00.000Z","updatedAt":"2026-11-22T10:00:00.000Z","tenantId":"default","env":{},"digest":"sha256:abc","files":1,"bytes":4}]}"#;
    let server = Scripted::answering("GET /api/agents", json(agents));
    assert_eq!(values(Some(&server), &["ashctl", "agent", "show", ""]), ["qa-bot", "ops"]);
    assert_eq!(values(Some(&server), &["ashctl", "session", "create", "o"]), ["ops"]);
}

#[test]
fn the_sessions_that_there_are_are_offered() {
    let id = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    let list = format!(r#"{{"sessions":[{}],"total":1}}"#, session(id));
    let server = Scripted::answering("GET /api/sessions?limit=100", json(list));
    assert_eq!(values(Some(&server), &["ashctl", "session", "end", "67"]), [id]);
}
