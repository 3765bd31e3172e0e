//! Jobs: prompts that run in the background, in a session of their own or one that is named.

use serde_json::{Value, json};

use crate::keys::administer;
use crate::server::{Server, command, eventually};

/// An ashd that runs one job at a time.
fn one_at_a_time() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ash.toml");
    std::fs::write(&file, "[jobs]\nat_once = 1\n").unwrap();
    let mut command = command(folder.path(), &[]);
    command.arg("--config").arg(&file);
    Server::run(folder, command)
}

fn create(server: &Server, request: &Value) -> String {
    let created = server.post("/api/queue", request);
    assert_eq!(created.status, 201, "{created:?}");
    created.body["item"]["id"].as_str().unwrap().to_owned()
}

fn prompt(server: &Server, prompt: &str) -> String {
    create(server, &json!({ "agentName": "tester", "prompt": prompt }))
}

fn job(server: &Server, id: &str) -> Value {
    let answer = server.get(&format!("/api/queue/{id}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["item"].clone()
}

/// Waits until the job has that status, and answers it.
fn once(server: &Server, id: &str, status: &str) -> Value {
    eventually(status, || job(server, id)["status"] == status);
    job(server, id)
}

fn session_status(server: &Server, job: &Value) -> Value {
    let session = job["sessionId"].as_str().unwrap();
    server.get(&format!("/api/sessions/{session}")).body["session"]["status"].clone()
}

#[test]
fn a_job_runs_in_a_session_of_its_own_and_its_answer_is_kept() {
    let server = Server::start();
    server.deploy("tester");
    let id = prompt(&server, "[[say:in the background]]");
    let done = once(&server, &id, "completed");
    assert_eq!(
        (&done["result"], &done["error"], &done["retryCount"], &done["maxRetries"]),
        (&json!("in the background"), &Value::Null, &json!(0), &json!(3))
    );
    assert!(done["completedAt"].is_string() && done["startedAt"].is_string(), "{done}");
    assert_eq!(done["dueAt"], Value::Null);
    assert_eq!(session_status(&server, &done), "ended");
    let session = done["sessionId"].as_str().unwrap();
    let messages = server.get(&format!("/api/sessions/{session}/messages")).body;
    assert!(messages.to_string().contains("in the background"), "{messages}");

    let listed = server.get("/api/queue?status=completed&limit=10").body;
    assert_eq!(listed["items"][0]["id"], json!(id));
    assert_eq!(server.get("/api/queue?status=failed").body["items"], json!([]));
    let stats = server.get("/api/queue/stats").body["stats"].clone();
    let counts =
        json!({ "pending": 0, "processing": 0, "completed": 1, "failed": 0, "cancelled": 0 });
    assert_eq!(stats, counts);
}

#[test]
fn a_job_in_a_named_session_is_a_turn_of_it() {
    let server = Server::start();
    let session = server.session();
    server.say(&session, "my number is 7041");
    let request =
        json!({ "agentName": "tester", "prompt": "[[recall]]", "sessionId": session.as_str() });
    let done = once(&server, &create(&server, &request), "completed");
    assert!(done["result"].as_str().unwrap().contains("7041"), "{done}");
    assert_eq!(done["sessionId"], json!(session));
    assert_eq!(session_status(&server, &done), "active");
}

#[test]
fn a_job_that_fails_is_tried_again_after_a_pause_and_fails_in_the_end() {
    let server = Server::start();
    server.deploy("tester");
    let id = prompt(&server, "[[crash]]");
    eventually("a retry", || job(&server, &id)["retryCount"] == 1);
    let waiting = once(&server, &id, "pending");
    assert!(waiting["error"].is_string() && waiting["dueAt"].is_string(), "{waiting}");
    assert_eq!(session_status(&server, &waiting), "ended");
    let cancelled = server.delete(&format!("/api/queue/{id}"));
    assert_eq!((cancelled.status, &cancelled.body["item"]["status"]), (200, &json!("cancelled")));

    let request = json!({ "agentName": "tester", "prompt": "[[crash]]", "maxRetries": 0 });
    let failed = once(&server, &create(&server, &request), "failed");
    assert!(failed["error"].is_string() && failed["completedAt"].is_string(), "{failed}");
    assert_eq!((&failed["result"], &failed["retryCount"]), (&Value::Null, &json!(0)));
}

#[test]
fn the_most_urgent_job_is_next_and_the_oldest_of_its_like() {
    let server = one_at_a_time();
    server.deploy("tester");
    let running = prompt(&server, "[[hang]]");
    once(&server, &running, "processing");
    let later = |priority: u32| {
        create(
            &server,
            &json!({ "agentName": "tester", "prompt": "[[say:x]]", "priority": priority }),
        )
    };
    let jobs = [later(0), later(5), later(9), later(5)];
    assert_eq!(server.get("/api/queue/stats").body["stats"]["pending"], 4);
    assert_eq!(server.delete(&format!("/api/queue/{running}")).status, 200);
    let started = jobs.map(|id| {
        let done = once(&server, &id, "completed");
        done["startedAt"].as_str().unwrap().to_owned()
    });
    let [slow, first, urgent, second] = started;
    assert!(urgent < first && first < second && second < slow);
}

#[test]
fn a_running_job_is_cancelled_with_its_session_and_one_that_is_over_is_not() {
    let server = Server::start();
    server.deploy("tester");
    let id = prompt(&server, "[[hang]]");
    eventually("its turn", || job(&server, &id)["turnId"].is_string());
    let cancelled = server.delete(&format!("/api/queue/{id}"));
    assert_eq!((cancelled.status, &cancelled.body["item"]["status"]), (200, &json!("cancelled")));
    assert_eq!(session_status(&server, &job(&server, &id)), "ended");
    assert_eq!(job(&server, &id)["status"], "cancelled");

    let again = server.delete(&format!("/api/queue/{id}"));
    assert_eq!((again.status, &again.body["code"]), (400, &json!("job_state")));

    // In a session of somebody's own only the turn ends.
    let session = server.session();
    let request =
        json!({ "agentName": "tester", "prompt": "[[hang]]", "sessionId": session.as_str() });
    let id = create(&server, &request);
    eventually("its turn", || job(&server, &id)["turnId"].is_string());
    assert_eq!(server.delete(&format!("/api/queue/{id}")).status, 200);
    let busy = || server.get(&format!("/api/sessions/{session}")).body["session"]["busy"].clone();
    eventually("the end of its turn", || busy() == false);
    assert_eq!(server.say(&session, "[[say:on]]"), "on");
}

#[test]
fn what_is_asked_of_a_job_is_judged_when_it_is_asked() {
    let server = Server::start();
    let session = server.session();
    let ask = |request: Value| {
        let answer = server.post("/api/queue", &request);
        (answer.status, answer.body["field"].clone())
    };
    let with = |member: &str, value: Value| {
        let mut request = json!({ "agentName": "tester", "prompt": "x" });
        request[member] = value;
        ask(request)
    };
    assert_eq!(with("agentName", json!("nobody")), (404, json!("agent")));
    assert_eq!(with("prompt", json!("")), (400, json!("prompt")));
    assert_eq!(with("prompt", json!("x".repeat(500_001))), (400, json!("prompt")));
    assert_eq!(with("maxRetries", json!(41)), (400, json!("maxRetries")));
    assert_eq!(with("priority", json!(1_000_001)), (400, json!("priority")));
    assert_eq!(with("priority", json!(-1)).0, 400);
    assert_eq!(with("other", json!(1)).0, 400);
    let unknown = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    assert_eq!(with("sessionId", json!(unknown)).0, 404);
    server.deploy("another");
    let request = json!({ "agentName": "another", "prompt": "x", "sessionId": session.as_str() });
    assert_eq!(ask(request), (400, json!("agentName")));
    server.delete(&format!("/api/sessions/{session}"));
    assert_eq!(with("sessionId", json!(session)).0, 400);

    let missing = server.get(&format!("/api/queue/{unknown}"));
    assert_eq!((missing.status, &missing.body["code"]), (404, &json!("job_not_found")));
    assert_eq!(server.delete(&format!("/api/queue/{unknown}")).status, 404);
    assert_eq!(server.get("/api/queue/one").status, 400);
    assert_eq!(server.get("/api/queue?status=odd").body["field"], "status");
    assert_eq!(server.get("/api/queue?limit=501").body["field"], "limit");
}

/// W13 of the original: another tenant's item ran a prompt in this tenant's session.
#[test]
fn w13_a_job_of_another_tenant_neither_runs_here_nor_is_seen() {
    let server = Server::start();
    let session = server.session();
    let id = prompt(&server, "[[say:ours]]");
    once(&server, &id, "completed");
    let theirs = |method: &str, path: &str, body: &str| {
        administer(&server, method, path, &[("ash-tenant", "theirs")], body)
    };
    let request = json!({ "agentName": "tester", "prompt": "x", "sessionId": session.as_str() });
    assert_eq!(theirs("POST", "/api/queue", &request.to_string()).0, 404);
    let agent = r#"{"name":"tester","systemPrompt":"theirs"}"#;
    assert_eq!(theirs("POST", "/api/agents", agent).0, 201);
    let (status, body) = theirs("POST", "/api/queue", &request.to_string());
    assert_eq!((status, &body["code"]), (404, &json!("session_not_found")));
    for method in ["GET", "DELETE"] {
        assert_eq!(theirs(method, &format!("/api/queue/{id}"), "").0, 404);
    }
    assert_eq!(theirs("GET", "/api/queue", "").1["items"], json!([]));
    assert_eq!(theirs("GET", "/api/queue/stats", "").1["stats"]["completed"], 0);
}

/// Simulated sandboxes die with ashd: the attempt is told as interrupted, and counted.
#[test]
fn a_job_that_ran_when_ashd_was_killed_is_taken_up_by_the_next() {
    let server = one_at_a_time();
    server.deploy("tester");
    let running = prompt(&server, "[[hang]]");
    eventually("its turn", || job(&server, &running)["turnId"].is_string());
    let waiting = prompt(&server, "[[say:later]]");
    let first = job(&server, &running)["sessionId"].clone();
    let server = Server::start_in(server.kill(), &[]);
    once(&server, &waiting, "completed");
    eventually("a retry", || job(&server, &running)["retryCount"] == 1);
    let messages = server.get(&format!("/api/sessions/{}/messages", first.as_str().unwrap())).body;
    let prompts = messages["messages"].as_array().unwrap().iter();
    assert_eq!(prompts.filter(|message| message["role"] == "user").count(), 1, "{messages}");
}
