//! `ashctl job`.

use crate::program::ashctl;
use crate::scripted::{Reply, Scripted, json, problem};

const ID: &str = "3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11";

const JOB: &str = r#"{"id":"3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11","tenantId":"default","agentName":"hello","sessionId":"ae739b21-0a27-4f25-8a1e-ce2a09125cbb","turnId":null,"prompt":"Greet the night shift.\nAll of them.","status":"completed","priority":5,"retryCount":1,"maxRetries":3,"result":"Good evening!","error":null,"createdAt":"2026-11-22T18:19:06.641Z","dueAt":null,"startedAt":"2026-11-22T18:19:06.652Z","completedAt":"2026-11-22T18:19:09.120Z"}"#;

fn item() -> String {
    format!(r#"{{"item":{JOB}}}"#)
}

#[test]
fn a_job_is_created_and_its_id_is_the_data() {
    let server = Scripted::answering("POST /api/queue", Reply::Whole(201, item()));
    let arguments = ["job", "create", "hello", "Greet.", "--priority", "5", "--retries", "1"];
    ashctl(&server, arguments).succeeds(&format!("{ID}\n"));
    let asked = server.seen().last().unwrap().json();
    let expected = r#"{"agentName":"hello","prompt":"Greet.","priority":5,"maxRetries":1}"#;
    assert_eq!(asked, serde_json::from_str::<serde_json::Value>(expected).unwrap());
}

#[test]
fn jobs_are_listed_for_people_and_for_programs() {
    let target = "GET /api/queue?limit=10&status=completed";
    let server = Scripted::answering(target, json(format!(r#"{{"items":[{JOB}]}}"#)));
    let list = ["job", "list", "--status", "completed", "--limit", "10", "--full"];
    ashctl(&server, list).succeeds(
        "ID                                    AGENT  STATUS     TRIED  CREATED                   PROMPT\n\
         3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11  hello  completed  1/3    2026-11-22T18:19:06.641Z  Greet the night shift.\n",
    );
    ashctl(&server, [&list[..], &["-o", "id"]].concat()).succeeds(&format!("{ID}\n"));
    ashctl(&server, [&list[..], &["-o", "jsonl"]].concat()).succeeds(&format!("{JOB}\n"));
}

#[test]
fn a_job_is_shown_with_its_answer() {
    let server =
        Scripted::answering("GET /api/queue/3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11", json(item()));
    ashctl(&server, ["job", "show", ID, "--full"]).succeeds(
        "id         3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11\n\
         agent      hello\n\
         session    ae739b21-0a27-4f25-8a1e-ce2a09125cbb\n\
         status     completed\n\
         tried      1/3\n\
         priority   5\n\
         created    2026-11-22T18:19:06.641Z\n\
         started    2026-11-22T18:19:06.652Z\n\
         completed  2026-11-22T18:19:09.120Z\n\
         due        -\n\
         prompt     Greet the night shift.\n\
         error      -\n\
         \n\
         Good evening!\n",
    );
}

#[test]
fn a_job_is_cancelled_and_one_that_is_over_is_told() {
    let target = "DELETE /api/queue/3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11";
    let server = Scripted::answering(target, json(item()));
    ashctl(&server, ["job", "cancel", ID]).succeeds(&format!("Cancelled job {ID}\n"));
    let text = "Cannot cancel item with status \"completed\"";
    let server = Scripted::answering(target, problem(400, "job_state", text));
    ashctl(&server, ["job", "cancel", ID]).ends(5, "", &format!("error: {text}\n"));
}

#[test]
fn jobs_are_counted() {
    let stats = r#"{"stats":{"pending":1,"processing":2,"completed":3,"failed":4,"cancelled":5}}"#;
    let server = Scripted::answering("GET /api/queue/stats", json(stats));
    ashctl(&server, ["job", "stats"]).succeeds(
        "STATUS      JOBS\n\
         pending     1\n\
         processing  2\n\
         completed   3\n\
         failed      4\n\
         cancelled   5\n",
    );
}
