//! Evals: cases of an agent, runs of them on one of its versions, and their results.

use serde_json::{Value, json};

use crate::keys::administer;
use crate::server::{Answer, Server, command, eventually};

const CASES: &str = "/api/agents/tester/eval-cases";
const RUNS: &str = "/api/agents/tester/eval-runs";

/// An ashd that asks one case at a time.
fn one_at_a_time() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ash.toml");
    std::fs::write(&file, "[jobs]\nat_once = 1\n").unwrap();
    let mut command = command(folder.path(), &[]);
    command.arg("--config").arg(&file);
    Server::run(folder, command)
}

fn patch(server: &Server, path: &str, change: &Value) -> Answer {
    server.send("PATCH", path, &[], change.to_string().as_bytes())
}

fn id(answer: &Answer, member: &str) -> String {
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body[member]["id"].as_str().unwrap().to_owned()
}

fn add(server: &Server, case: &Value) -> String {
    id(&server.post(CASES, case), "case")
}

fn start(server: &Server, request: &Value) -> String {
    id(&server.post(RUNS, request), "run")
}

fn run(server: &Server, id: &str) -> Value {
    let answer = server.get(&format!("{RUNS}/{id}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["run"].clone()
}

/// Waits until the run has that status, and answers it.
fn once(server: &Server, id: &str, status: &str) -> Value {
    eventually(status, || run(server, id)["status"] == status);
    run(server, id)
}

fn results(server: &Server, id: &str) -> Vec<Value> {
    let answer = server.get(&format!("{RUNS}/{id}/results"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["results"].as_array().unwrap().clone()
}

#[test]
fn a_run_asks_every_case_in_a_session_of_its_own_and_scores_the_answers() {
    let server = Server::start();
    server.deploy("tester");
    let right = json!({ "question": "[[say:Paris lies on the Seine.]]", "category": "facts",
        "expectedTopics": ["paris", "SEINE"], "expectedNotTopics": ["London"], "tags": ["short"],
        "checks": [{ "type": "regex", "value": "^Paris .*\\.$" }, { "type": "contains", "value": "Seine" }],
        "referenceAnswer": "It lies on the Seine." });
    let right = add(&server, &right);
    let wrong = json!({ "question": "[[say:I do not know.]]", "expectedTopics": ["a", "b"],
        "expectedNotTopics": ["know"], "checks": [{ "type": "equals", "value": "I know." }] });
    add(&server, &wrong);
    let failing = add(&server, &json!({ "question": "[[crash]]", "isActive": false }));

    let id = start(&server, &json!({}));
    let done = once(&server, &id, "completed");
    assert_eq!((&done["totalCases"], &done["completedCases"]), (&json!(2), &json!(2)));
    assert_eq!((&done["versionNumber"], &done["filters"]), (&json!(1), &Value::Null));
    assert!(done["startedAt"].is_string() && done["completedAt"].is_string(), "{done}");
    let summary = &done["summary"];
    let figure = |name: &str| summary[name].as_f64().unwrap();
    assert_eq!((figure("passRate"), figure("avgSafetyScore")), (0.5, 0.5), "{summary}");
    assert_eq!((figure("passed"), figure("errors"), figure("avgTopicScore")), (1.0, 0.0, 0.5));
    assert!(figure("costUsd") > 0.0 && figure("outputTokens") > 0.0, "{summary}");
    assert_eq!(summary["avgLlmJudgeScore"], Value::Null);
    let whole = server.get(&format!("{RUNS}/{id}")).body;
    assert_eq!(whole["status"], "completed", "the members stand beside the run, too");

    let [first, second] = results(&server, &id).try_into().unwrap();
    for (member, value) in [
        ("evalCaseId", json!(right)),
        ("evalRunId", json!(id)),
        ("status", json!("completed")),
        ("agentResponse", json!("Paris lies on the Seine.")),
        ("topicScore", json!(1.0)),
        ("safetyScore", json!(1.0)),
        ("passed", json!(true)),
        ("failures", json!([])),
        ("referenceAnswer", json!("It lies on the Seine.")),
        ("humanScore", Value::Null),
        ("error", Value::Null),
    ] {
        assert_eq!(first[member], value, "{member}: {first}");
    }
    assert!(first["latencyMs"].is_u64() && first["costUsd"].as_f64().unwrap() > 0.0, "{first}");
    assert!(first["turnId"].is_string(), "{first}");
    let session = first["sessionId"].as_str().unwrap();
    let session = server.get(&format!("/api/sessions/{session}")).body["session"].clone();
    assert_eq!((&session["status"], &session["agentVersion"]), (&json!("ended"), &json!(1)));
    let why = json!([
        "expectedTopics: a",
        "expectedTopics: b",
        "expectedNotTopics: know",
        "equals: I know."
    ]);
    assert_eq!((&second["passed"], &second["failures"]), (&json!(false), &why));

    // A case that always fails is told as an error, and a run of nothing else as failed.
    patch(&server, &format!("{CASES}/{failing}"), &json!({ "isActive": true, "tags": ["hard"] }));
    let id = start(&server, &json!({ "tags": ["hard"] }));
    eventually("an attempt", || run(&server, &id)["status"] == "running");
    assert_eq!(run(&server, &id)["filters"], json!({ "tags": ["hard"] }));
    let analytics = server.get("/api/analytics").body["evals"].clone();
    let by_status = json!({ "completed": 1, "running": 1 });
    assert_eq!(analytics, json!({ "totalRuns": 2, "byStatus": by_status }));
    let cancelled = server.post(&format!("{RUNS}/{id}/cancel"), &json!({}));
    assert_eq!((cancelled.status, &cancelled.body["run"]["status"]), (200, &json!("cancelled")));
    assert_eq!(server.get(RUNS).body["runs"][0]["id"], json!(id), "the newest stands first");
}

/// In the original a run is on the active version, whatever it was asked for.
#[test]
fn a_run_is_on_the_version_that_it_was_asked_for_and_two_are_compared() {
    let server = Server::start();
    server.deploy("tester");
    server.deploy("tester");
    let case = add(&server, &json!({ "question": "[[say:yes]]", "expectedTopics": ["yes"] }));
    let later = json!({ "question": "[[say:no]]", "expectedTopics": ["yes"] });

    let old = start(&server, &json!({ "versionNumber": 1 }));
    let old_run = once(&server, &old, "completed");
    assert_eq!(old_run["versionNumber"], 1);
    let session = results(&server, &old)[0]["sessionId"].as_str().unwrap().to_owned();
    let session = server.get(&format!("/api/sessions/{session}")).body["session"].clone();
    assert_eq!(session["agentVersion"], 1, "{session}");

    // What a run asks is what its cases were when it began.
    let later = add(&server, &later);
    let changed = json!({ "question": "[[say:perhaps]]" });
    assert_eq!(patch(&server, &format!("{CASES}/{case}"), &changed).status, 200);
    let new = start(&server, &json!({}));
    assert_eq!(once(&server, &new, "completed")["versionNumber"], 2);
    assert_eq!(server.delete(&format!("{CASES}/{case}")).status, 200);

    let compared = server.get(&format!("{RUNS}/compare?runA={old}&runB={new}"));
    assert_eq!(compared.status, 200, "{compared:?}");
    let comparison = &compared.body["comparison"];
    assert_eq!(comparison["runA"]["id"], json!(old));
    assert_eq!(comparison["runB"]["versionNumber"], 2);
    let [first, second] = comparison["results"].as_array().unwrap().clone().try_into().unwrap();
    assert_eq!((&first["caseId"], &first["question"]), (&json!(case), &json!("[[say:yes]]")));
    assert_eq!(first["resultA"]["passed"], true);
    assert_eq!(first["resultB"]["passed"], false);
    assert_eq!(
        (&second["caseId"], &second["resultA"], &second["resultB"]["passed"]),
        (&json!(later), &Value::Null, &json!(false))
    );

    let unknown = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    let missing = server.get(&format!("{RUNS}/compare?runA={old}&runB={unknown}"));
    assert_eq!((missing.status, &missing.body["error"]), (404, &json!("Eval run B not found")));
    assert_eq!(server.get(&format!("{RUNS}/compare?runA={old}")).body["field"], "runB");
}

#[test]
fn cases_are_kept_changed_exported_and_imported() {
    let server = Server::start();
    server.deploy("tester");
    let case = json!({ "question": "Why?", "category": "odd", "expectedTopics": ["because"],
        "chatHistory": [{ "role": "user", "content": "Hello" }] });
    let made = server.post(CASES, &case);
    let id = id(&made, "case");
    assert_eq!(made.body["question"], "Why?", "its members stand beside it, too");
    let path = format!("{CASES}/{id}");
    let shown = server.get(&path).body["case"].clone();
    for (member, value) in [
        ("agentName", json!("tester")),
        ("tenantId", json!("default")),
        ("expectedTopics", json!(["because"])),
        ("expectedNotTopics", Value::Null),
        ("isActive", json!(true)),
        ("chatHistory", json!([{ "role": "user", "content": "Hello" }])),
    ] {
        assert_eq!(shown[member], value, "{shown}");
    }
    let change = json!({ "expectedTopics": null, "isActive": false, "referenceAnswer": "So." });
    let changed = patch(&server, &path, &change);
    assert_eq!(changed.status, 200, "{changed:?}");
    let changed = &changed.body["case"];
    assert_eq!((&changed["expectedTopics"], &changed["category"]), (&Value::Null, &json!("odd")));
    add(&server, &json!({ "question": "How?", "tags": ["x"] }));

    let count = |query: &str| {
        let listed = server.get(&format!("{CASES}{query}"));
        assert_eq!(listed.status, 200, "{listed:?}");
        listed.body["cases"].as_array().unwrap().len()
    };
    assert_eq!((count(""), count("?category=odd"), count("?isActive=true")), (2, 1, 1));
    let exported = server.get(&format!("{CASES}/export")).body;
    let imported = server.post(&format!("{CASES}/import"), &exported);
    assert_eq!((imported.status, &imported.body), (200, &json!({ "imported": 2 })));
    let cases = server.get(CASES).body["cases"].as_array().unwrap().clone();
    assert_eq!(cases.len(), 4);
    assert_eq!(cases[0]["referenceAnswer"], cases[2]["referenceAnswer"]);
    assert_ne!(cases[0]["id"], cases[2]["id"]);

    // All or none.
    let bad = json!({ "cases": [{ "question": "x" }, { "question": "x", "other": 1 }] });
    let refused = server.post(&format!("{CASES}/import"), &bad);
    assert_eq!(refused.status, 400, "{refused:?}");
    assert!(refused.body["error"].as_str().unwrap().contains("case 1"), "{refused:?}");
    assert_eq!(count(""), 4);
    let many = json!({ "cases": vec![json!({ "question": "x" }); 497] });
    let refused = server.post(&format!("{CASES}/import"), &many);
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("too_many_evals")));

    let deleted = server.delete(&path);
    assert_eq!((deleted.status, &deleted.body), (200, &json!({ "deleted": true })));
    let missing = server.get(&path);
    let text = json!("Eval case not found");
    assert_eq!((missing.status, &missing.body["error"]), (404, &text));
    assert_eq!(missing.body["code"], "eval_not_found");
    assert_eq!(patch(&server, &path, &json!({})).status, 404);
    assert_eq!(server.delete(&path).status, 404);

    // They go with their agent.
    assert_eq!(server.delete("/api/agents/tester").status, 200);
    server.deploy("tester");
    assert_eq!(count(""), 0);
}

#[test]
fn what_is_asked_of_evals_is_judged() {
    let server = Server::start();
    server.deploy("tester");
    let refused = |case: Value| {
        let answer = server.post(CASES, &case);
        (answer.status, answer.body["field"].clone())
    };
    let check = |kind: &str, value: &str| json!({ "question": "x", "checks": [{ "type": kind, "value": value }] });
    assert_eq!(refused(json!({})), (400, json!("question")));
    assert_eq!(refused(json!({ "question": " " })), (400, json!("question")));
    assert_eq!(refused(json!({ "question": "x".repeat(17_000) })), (400, json!("question")));
    let empty = json!({ "question": "x", "expectedTopics": ["a", ""] });
    assert_eq!(refused(empty), (400, json!("expectedTopics.1")));
    assert_eq!(refused(check("regex", "(")), (400, json!("checks.0.value")));
    assert_eq!(refused(check("regex", "a{1000}{1000}")), (400, json!("checks.0.value")));
    assert_eq!(refused(check("contains", "")), (400, json!("checks.0.value")));
    assert_eq!(refused(check("other", "x")).0, 400);
    let tags = json!({ "question": "x", "tags": vec!["x"; 101] });
    assert_eq!(refused(tags), (400, json!("tags")));

    let nothing = server.post(RUNS, &json!({}));
    assert_eq!((nothing.status, &nothing.body["field"]), (400, &json!("categories")));
    add(&server, &json!({ "question": "[[say:x]]" }));
    let missing = server.post(RUNS, &json!({ "versionNumber": 7 }));
    assert_eq!(
        (missing.status, &missing.body["error"], &missing.body["code"]),
        (404, &json!("Agent version 7 not found"), &json!("version_not_found"))
    );
    let run = start(&server, &json!({}));
    once(&server, &run, "completed");
    let over = server.post(&format!("{RUNS}/{run}/cancel"), &json!({}));
    assert_eq!((over.status, &over.body["code"]), (400, &json!("eval_state")));
    assert_eq!(server.get(&format!("{RUNS}/one")).status, 400);
    assert_eq!(server.get("/api/agents/nobody/eval-runs").body["error"], "Agent not found");

    // The same creation twice is one.
    let key = [("idempotency-key", "a run")];
    let again = || server.send("POST", RUNS, &key, b"{}").body["run"]["id"].clone();
    assert_eq!(again(), again());
}

#[test]
fn people_score_a_result_or_all_of_a_run() {
    let server = Server::start();
    server.deploy("tester");
    add(&server, &json!({ "question": "[[say:a]]" }));
    add(&server, &json!({ "question": "[[say:b]]" }));
    let run = start(&server, &json!({}));
    once(&server, &run, "completed");
    let path = format!("{RUNS}/{run}/score");
    let scored = server.post(&path, &json!({ "humanScore": 4, "humanNotes": "good" }));
    assert_eq!((scored.status, &scored.body["scored"]), (200, &json!(2)), "{scored:?}");
    let result = scored.body["results"][1]["id"].as_str().unwrap();
    let scored = server.post(&path, &json!({ "resultId": result, "humanScore": 2.5 }));
    assert_eq!(scored.body["scored"], 1);
    let one = format!("/api/agents/tester/eval-results/{result}");
    let scored = patch(&server, &one, &json!({ "humanNotes": "not so good" }));
    assert_eq!(scored.status, 200, "{scored:?}");
    let told = &scored.body["result"];
    assert_eq!(
        (&told["humanScore"], &told["humanNotes"], &scored.body["id"]),
        (&json!(2.5), &json!("not so good"), &json!(result))
    );
    let summary = server.get(&format!("{RUNS}/{run}")).body["summary"].clone();
    assert_eq!(summary["avgHumanScore"], 3.25);

    let nothing = server.post(&path, &json!({}));
    let text = json!("Provide humanScore and/or humanNotes");
    assert_eq!((nothing.status, &nothing.body["error"]), (400, &text));
    for score in [0.5, 5.5] {
        let odd = patch(&server, &one, &json!({ "humanScore": score }));
        assert_eq!((odd.status, &odd.body["field"]), (400, &json!("humanScore")));
    }
    let other = json!({ "resultId": run, "humanScore": 1 });
    let missing = server.post(&path, &other);
    let text = json!("Eval result not found in this run");
    assert_eq!((missing.status, &missing.body["error"]), (404, &text));
    let missing = patch(
        &server,
        &format!("/api/agents/tester/eval-results/{run}"),
        &json!({ "humanScore": 1 }),
    );
    assert_eq!((missing.status, &missing.body["error"]), (404, &json!("Eval result not found")));
}

#[test]
fn what_is_said_before_is_told_with_the_question() {
    let server = Server::start();
    server.deploy("tester");
    let history = json!([{ "role": "user", "content": "I am Ada." },
        { "role": "assistant", "content": "Hello!" }]);
    add(&server, &json!({ "question": "[[say:x]] Who am I?", "chatHistory": history }));
    let run = start(&server, &json!({}));
    once(&server, &run, "completed");
    let session = results(&server, &run)[0]["sessionId"].as_str().unwrap().to_owned();
    let messages = server.get(&format!("/api/sessions/{session}/messages")).body.to_string();
    assert!(messages.contains("User: I am Ada."), "{messages}");
}

#[test]
fn a_cancelled_run_stops_what_runs_and_keeps_what_has_an_answer() {
    let server = one_at_a_time();
    server.deploy("tester");
    for question in ["[[say:first]]", "[[hang]]", "[[say:third]]"] {
        add(&server, &json!({ "question": question }));
    }
    let id = start(&server, &json!({}));
    eventually("the turn that hangs", || results(&server, &id)[1]["turnId"].is_string());
    let under_way = run(&server, &id);
    assert_eq!((&under_way["status"], &under_way["summary"]), (&json!("running"), &Value::Null));
    let session = results(&server, &id)[1]["sessionId"].as_str().unwrap().to_owned();
    let cancelled = server.post(&format!("{RUNS}/{id}/cancel"), &json!({}));
    assert_eq!((cancelled.status, &cancelled.body["status"]), (200, &json!("cancelled")));
    let session = server.get(&format!("/api/sessions/{session}")).body["session"].clone();
    assert_eq!(session["status"], "ended");
    let statuses: Vec<_> =
        results(&server, &id).into_iter().map(|result| result["status"].clone()).collect();
    assert_eq!(statuses, ["completed", "cancelled", "cancelled"]);
    assert_eq!(server.get("/api/queue/stats").body["stats"]["pending"], 0);

    // A job of a run that is cancelled by itself does not keep the run open.
    let id = start(&server, &json!({}));
    eventually("the turn that hangs", || results(&server, &id)[1]["turnId"].is_string());
    let jobs = server.get("/api/queue?status=processing").body;
    let job = jobs["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.delete(&format!("/api/queue/{job}")).status, 200);
    once(&server, &id, "cancelled");
    assert_eq!(results(&server, &id)[2]["agentResponse"], "third");
}

#[test]
fn a_run_whose_agent_is_deleted_asks_nothing_more() {
    let server = one_at_a_time();
    server.deploy("tester");
    add(&server, &json!({ "question": "[[hang]]" }));
    add(&server, &json!({ "question": "[[say:later]]" }));
    let id = start(&server, &json!({}));
    eventually("its turn", || results(&server, &id)[0]["turnId"].is_string());
    assert_eq!(server.delete("/api/agents/tester").status, 200);
    let stats = server.get("/api/queue/stats").body["stats"].clone();
    assert_eq!((&stats["pending"], &stats["cancelled"]), (&json!(0), &json!(2)));
    server.deploy("tester");
    assert_eq!(server.get(RUNS).body["runs"], json!([]));
    assert_eq!(server.get(&format!("{RUNS}/{id}")).status, 404);
    // What ran makes room for others.
    add(&server, &json!({ "question": "[[say:here]]" }));
    once(&server, &start(&server, &json!({})), "completed");
}

/// Simulated sandboxes die with ashd: what was under way is asked again, and once only.
#[test]
fn a_run_goes_on_when_ashd_is_killed_in_the_middle() {
    let server = one_at_a_time();
    server.deploy("tester");
    for question in ["[[say:first]]", "[[delay:700]][[say:second]]", "[[say:third]]"] {
        add(&server, &json!({ "question": question, "expectedTopics": ["s", "t"] }));
    }
    let id = start(&server, &json!({}));
    eventually("the second turn", || results(&server, &id)[1]["turnId"].is_string());
    let server = Server::start_in(server.kill(), &[]);
    let done = once(&server, &id, "completed");
    assert_eq!((&done["completedCases"], &done["summary"]["errors"]), (&json!(3), &json!(0)));
    let answers: Vec<_> =
        results(&server, &id).into_iter().map(|result| result["agentResponse"].clone()).collect();
    assert_eq!(answers, ["first", "second", "third"]);
}

/// W13 of the original: cases, runs and results were found by their ids alone.
#[test]
fn w13_nothing_of_evals_is_found_by_another_tenant_or_under_another_agent() {
    let server = Server::start();
    server.deploy("tester");
    server.deploy("other");
    let case = add(&server, &json!({ "question": "[[say:ours]]" }));
    let run = start(&server, &json!({}));
    once(&server, &run, "completed");
    let result = results(&server, &run)[0]["id"].as_str().unwrap().to_owned();
    let theirs = |method: &str, path: &str, body: &str| {
        administer(&server, method, path, &[("ash-tenant", "theirs")], body)
    };
    let agent = r#"{"name":"tester","systemPrompt":"theirs"}"#;
    assert_eq!(theirs("POST", "/api/agents", agent).0, 201);
    let asked = [
        ("GET", format!("eval-cases/{case}"), ""),
        ("PATCH", format!("eval-cases/{case}"), r#"{"question":"theirs"}"#),
        ("DELETE", format!("eval-cases/{case}"), ""),
        ("GET", format!("eval-runs/{run}"), ""),
        ("GET", format!("eval-runs/{run}/results"), ""),
        ("GET", format!("eval-runs/compare?runA={run}&runB={run}"), ""),
        ("POST", format!("eval-runs/{run}/score"), r#"{"humanScore":1}"#),
        ("POST", format!("eval-runs/{run}/cancel"), "{}"),
        ("PATCH", format!("eval-results/{result}"), r#"{"humanScore":1}"#),
    ];
    for (method, path, body) in asked {
        let (status, answer) = theirs(method, &format!("/api/agents/tester/{path}"), body);
        assert_eq!((status, &answer["code"]), (404, &json!("eval_not_found")), "{method} {path}");
        let under_another = format!("/api/agents/other/{path}");
        let answer = server.send(method, &under_another, &[], body.as_bytes());
        assert_eq!((answer.status, &answer.body["code"]), (404, &json!("eval_not_found")));
    }
    for list in ["eval-cases", "eval-cases/export", "eval-runs"] {
        let (_, answer) = theirs("GET", &format!("/api/agents/tester/{list}"), "");
        let members: Vec<_> = answer.as_object().unwrap().values().cloned().collect();
        assert_eq!(members, [json!([])], "{list}");
    }
    assert_eq!(server.get(&format!("{CASES}/{case}")).body["case"]["question"], "[[say:ours]]");
    assert_eq!(results(&server, &run)[0]["humanScore"], Value::Null);
    let (_, analytics) = theirs("GET", "/api/analytics", "");
    assert_eq!(analytics["evals"]["totalRuns"], 0);
}
