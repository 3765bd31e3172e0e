//! `ashctl usage`, `ashctl top`, `ashctl drain` and `ashctl attach`.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::program::{Ashctl, ashctl};
use crate::scripted::{Reply, Scripted, Step, event, json};
use crate::sessions::ONE;

const TWO: &str = "0a7e5504-10b1-426f-9247-bb680e5fe0c8";

/// Two looks, two seconds apart: the first session used one and a half of them.
fn host() -> Scripted {
    let looks = AtomicUsize::new(0);
    Scripted::new(move |_| {
        let look = looks.fetch_add(1, Ordering::Relaxed) as u64;
        json(
            json!({"at": format!("2026-11-22T10:00:0{}.000Z", look * 2), "sessions": [
                {"session": TWO, "agent": "hello", "status": "active", "tier": "hibernated",
                 "inputTokens": 0, "outputTokens": 0, "costUsd": 0.0, "queuedTurns": 0},
                {"session": ONE, "agent": "qa-bot", "status": "active", "tier": "hot",
                 "cpuMicroseconds": 7_000_000 + look * 1_500_000, "memoryBytes": 300 << 20, "tasks": 21,
                 "inputTokens": 41_000, "outputTokens": 830, "costUsd": 0.125, "queuedTurns": 2,
                 "turn": TWO, "turnSince": "2026-11-22T09:58:00.000Z"},
            ]})
            .to_string(),
        )
    })
}

#[test]
fn what_sessions_use_is_one_table_where_nobody_watches() {
    ashctl(&host(), ["top", "--delay", "0.2"]).succeeds(
        "SESSION                               AGENT   STATUS      CPU %  MEMORY      TASKS  IN   OUT  COST     TURN\n\
         67e55044-10b1-426f-9247-bb680e5fe0c8  qa-bot  active      75.0   300.00 MiB  21     41k  830  $0.1250  2 min, 2 queued\n\
         0a7e5504-10b1-426f-9247-bb680e5fe0c8  hello   hibernated  -      -           -      -    -    -        -\n",
    );
    let some = ["top", "--once", "-d", "0.2", "--sort", "memory", "-n", "1", "-o", "id"];
    ashctl(&host(), some).succeeds(&format!("{ONE}\n"));
    let said = ashctl(&host(), ["top", "-d", "0.2", "-o", "json"]);
    let told: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(
        (&told["sessions"][0]["cpuPercent"], &told["sessions"][0]["turnSeconds"]),
        (&json!(75.0), &json!(122))
    );
    assert_eq!(ashctl(&host(), ["top", "-d", "0"]).status, 2);
}

#[test]
fn what_turns_used_is_added_up_and_told() {
    let stats = json!({"totalInputTokens": 1200, "totalOutputTokens": 80, "totalCacheCreationTokens": 10,
        "totalCacheReadTokens": 4000, "totalToolCalls": 3, "totalMessages": 9,
        "totalComputeSeconds": 12.5, "totalTurns": 2, "totalCostUsd": 0.0131,
        "totalCpuSeconds": 3.25, "peakMemoryBytes": 314_572_800, "totalReadBytes": null});
    let none = json!({"totalInputTokens": 0, "totalOutputTokens": 0, "totalCacheCreationTokens": 0,
        "totalCacheReadTokens": 0, "totalToolCalls": 0, "totalMessages": 1, "totalComputeSeconds": 0.0});
    let answer = json!({"stats": stats, "keptSince": null, "groups": [
        {"name": "hello", "lastAt": "2026-11-22T10:00:00.000Z", "stats": stats},
        {"name": null, "lastAt": "2026-11-22T10:00:00.000Z", "stats": none},
    ]});
    let server =
        Scripted::answering("GET /api/usage/stats?groupBy=agent", json(answer.to_string()));
    ashctl(&server, ["usage", "--full"]).succeeds(
        "AGENT  TURNS  IN    CACHED  OUT  COST     TOOLS  TIME    CPU    PEAK        LAST\n\
         hello  2      1200  4010    80   $0.0131  3      12.5 s  3.2 s  300.00 MiB  2026-11-22T10:00:00.000Z\n\
         -      0      0     0       0    $0.0000  0      0.0 s   -      -           2026-11-22T10:00:00.000Z\n",
    );
    ashctl(&server, ["usage", "-o", "id"]).succeeds("hello\n-\n");
    let server = Scripted::new(move |_| json(answer.to_string()));
    let asked =
        ["usage", "--by", "turn", "--session", ONE, "--agent", "hello", "-n", "5", "-o", "json"];
    assert_eq!(ashctl(&server, asked).status, 0);
    let target =
        format!("GET /api/usage/stats?groupBy=turn&sessionId={ONE}&agentName=hello&limit=5");
    assert_eq!(server.lines(), [target]);
    assert_eq!(ashctl(&server, ["usage", "--since", "soon"]).status, 2);
}

fn drain(since: Option<&str>, busy: usize) -> Value {
    let one = json!({"session": ONE, "agent": "qa-bot", "turn": TWO, "queuedTurns": 1,
                     "turnSince": "2020-01-01T00:00:00.000Z"});
    json!({"since": since, "busy": vec![one; busy]})
}

#[test]
fn a_drain_waits_for_what_runs_and_tells_it() {
    let since = Some("2026-11-22T10:00:00.000Z");
    let asked = AtomicUsize::new(0);
    let server = Scripted::new(move |seen| match seen.line.as_str() {
        "POST /api/drain" => json(drain(since, 1).to_string()),
        "GET /api/drain" => {
            let busy = usize::from(asked.fetch_add(1, Ordering::Relaxed) == 0);
            json(drain(since, busy).to_string())
        }
        _ => {
            let ended = r#"{"number":1,"at":"2026-11-22T10:00:00.000Z","event":"turn.ended"}"#;
            Reply::Events(vec![event("turn.ended", ended), event("turn.ended", ended)])
        }
    });
    let said = ashctl(&server, ["drain"]);
    assert_eq!(
        (said.status, said.stdout.as_str()),
        (0, "Drained: nothing new is taken, and no turn runs\n")
    );
    let told = format!("waiting for 1 session:\n  {ONE}  qa-bot  runs for ");
    assert!(said.stderr.starts_with(&told) && said.stderr.ends_with(" d, 1 queued\n"), "{said:?}");
}

#[test]
fn a_drain_that_takes_too_long_fails_and_goes_on() {
    let since = Some("2026-11-22T10:00:00.000Z");
    let server = Scripted::new(move |seen| match seen.line.as_str() {
        "GET /api/events?follow=true&last=0" => Reply::Events(vec![Step::Until("GET /never")]),
        _ => json(drain(since, 1).to_string()),
    });
    ashctl(&server, ["drain", "--timeout", "1", "-q"]).ends(
        1,
        "",
        "error: turns still run after 1 s; nothing new is taken\n\
         hint: `ashctl top` shows them, `ashctl drain` waits on, `ashctl drain --undo` ends it\n",
    );
    ashctl(&server, ["drain", "--no-wait"])
        .succeeds("Draining: nothing new is taken, 1 session is busy\n");
    let undone = Scripted::answering("DELETE /api/drain", json(drain(None, 0).to_string()));
    ashctl(&undone, ["drain", "--undo"]).succeeds("New sessions and messages are taken\n");
}

#[test]
fn who_attaches_sees_users_answers_and_ends() {
    let said = r#"{"type":"assistant","message":{"content":[{"type":"text","text":"Hello"}]}}"#;
    let asked = AtomicUsize::new(0);
    let server = Scripted::new(move |_| {
        // Behind what there is the session has ended.
        if asked.fetch_add(1, Ordering::Relaxed) > 0 {
            return Reply::Whole(204, String::new());
        }
        Reply::Events(vec![
            event("session_start", "{}"),
            event("user_message", r#"{"type":"user","content":"Hi\nyou"}"#),
            event("message", said),
            event("done", "{}"),
            event("user_message", r#"{"type":"user","content":"Again"}"#),
            event("error", r#"{"error":"the sandbox is gone"}"#),
            event("done", "{}"),
        ])
    });
    ashctl(&server, ["attach", ONE]).ends(
        0,
        "Hello\n",
        "> Hi\n> you\n> Again\nthe turn failed: the sandbox is gone\nthe session has ended\n",
    );
    let lines = server.lines();
    let target = format!("GET /api/sessions/{ONE}/stream?includePartialMessages=false");
    assert_eq!(lines, [target.as_str(), target.as_str()]);
    assert!(server.seen()[1].header("last-event-id").is_some());
}

#[test]
fn who_leaves_interrupts_nothing() {
    let server = Scripted::new(|_| {
        Reply::Events(vec![event("text_delta", r#"{"delta":"so far"}"#), Step::Until("GET /never")])
    });
    let mut child = Ashctl::new().server(&server).args(["attach", ONE]).start();
    {
        use std::io::Read as _;
        let mut seen = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut seen).unwrap();
    }
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let left = format!("left session {ONE}, which goes on\n");
    crate::program::said(child).ends(0, "\n", &left);
    assert_eq!(server.lines().len(), 1, "nothing but the stream was asked for");
}
