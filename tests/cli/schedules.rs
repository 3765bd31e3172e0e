//! `ashctl schedule`.

use crate::program::ashctl;
use crate::scripted::{Reply, Scripted, json, problem};

const ID: &str = "6a0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11";

const SCHEDULE: &str = r#"{"id":"6a0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11","tenantId":"default","label":"mornings","cron":"0 9 * * 1-5","timezone":"Europe/Vienna","agentName":"hello","sessionId":null,"prompt":"Greet the morning shift.","priority":0,"maxRetries":3,"missed":"run_once","overlap":"skip","enabled":true,"nextRunAt":"2026-12-01T08:00:00.000Z","held":false,"lastRunAt":"2026-11-30T08:00:00.004Z","lastOutcome":"started","lastJobId":"3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11","createdAt":"2026-11-22T18:19:06.641Z"}"#;

fn one() -> String {
    format!(r#"{{"schedule":{SCHEDULE}}}"#)
}

#[test]
fn a_schedule_is_added_and_its_id_is_the_data() {
    let server = Scripted::answering("POST /api/schedules", Reply::Whole(201, one()));
    let add = ["schedule", "add", "0 9 * * 1-5", "hello", "Greet.", "--missed", "run-once"];
    let add = [&add[..], &["--timezone", "Europe/Vienna", "--label", "mornings", "-q"]].concat();
    ashctl(&server, add).succeeds(&format!("{ID}\n"));
    let asked = server.seen().last().unwrap().json();
    let expected = r#"{"cron":"0 9 * * 1-5","timezone":"Europe/Vienna","agentName":"hello","prompt":"Greet.","priority":0,"maxRetries":3,"missed":"run_once","overlap":"skip","label":"mornings"}"#;
    assert_eq!(asked, serde_json::from_str::<serde_json::Value>(expected).unwrap());
}

#[test]
fn schedules_are_listed_with_their_next_times() {
    let list = format!(r#"{{"schedules":[{SCHEDULE}]}}"#);
    let server = Scripted::answering("GET /api/schedules", json(list));
    ashctl(&server, ["schedule", "list", "--full"]).succeeds(
        "ID                                    AGENT  TIMES        ZONE           NEXT                      LAST                      OUTCOME  LABEL\n\
         6a0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11  hello  0 9 * * 1-5  Europe/Vienna  2026-12-01T08:00:00.000Z  2026-11-30T08:00:00.004Z  started  mornings\n",
    );
}

#[test]
fn a_schedule_is_shown_with_its_prompt() {
    let target = "GET /api/schedules/6a0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11";
    let server = Scripted::answering(target, json(one()));
    ashctl(&server, ["schedule", "show", ID, "--full"]).succeeds(
        "id        6a0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11\n\
         label     mornings\n\
         agent     hello\n\
         session   -\n\
         times     0 9 * * 1-5\n\
         zone      Europe/Vienna\n\
         missed    run_once\n\
         overlap   skip\n\
         priority  0\n\
         retries   3\n\
         next      2026-12-01T08:00:00.000Z\n\
         last      2026-11-30T08:00:00.004Z\n\
         outcome   started\n\
         job       3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11\n\
         created   2026-11-22T18:19:06.641Z\n\
         \n\
         Greet the morning shift.\n",
    );
}

#[test]
fn a_schedule_is_run_disabled_enabled_and_removed() {
    let server = Scripted::new(|seen| {
        match seen.line.split_once(' ').unwrap() {
        ("POST", _) => Reply::Whole(
            201,
            r#"{"item":{"id":"3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11","tenantId":"default","agentName":"hello","sessionId":null,"turnId":null,"prompt":"x","status":"pending","priority":0,"retryCount":0,"maxRetries":3,"result":null,"error":null,"createdAt":"2026-11-22T18:19:06.641Z","dueAt":null,"startedAt":null,"completedAt":null}}"#.to_owned(),
        ),
        ("PATCH", _) if seen.json()["enabled"] == true => json(one()),
        ("PATCH", _) => json(one().replace(r#""2026-12-01T08:00:00.000Z""#, "null")),
        ("DELETE", _) => json(r#"{"deleted":true}"#),
        other => problem(500, "internal", &format!("{other:?}")),
    }
    });
    ashctl(&server, ["schedule", "run", ID]).succeeds("3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11\n");
    assert_eq!(server.lines().last().unwrap(), &format!("POST /api/schedules/{ID}/run"));
    ashctl(&server, ["schedule", "disable", ID]).succeeds(&format!("Disabled schedule {ID}\n"));
    let enabled = format!("Enabled schedule {ID}; it comes at 2026-12-01T08:00:00.000Z\n");
    ashctl(&server, ["schedule", "enable", ID]).succeeds(&enabled);
    ashctl(&server, ["schedule", "remove", ID]).succeeds(&format!("Removed schedule {ID}\n"));
    let target = "DELETE /api/schedules/6a0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11";
    let text = "there is no such schedule";
    let server = Scripted::answering(target, problem(404, "schedule_not_found", text));
    ashctl(&server, ["schedule", "remove", ID]).ends(4, "", &format!("error: {text}\n"));
}
