//! `ashctl eval`.

use crate::program::ashctl;
use crate::scripted::{Reply, Scripted, json, problem};

const CASE_ID: &str = "5b0f4d1e-2a07-4e0d-8a3e-6a1d5f0c2b11";
const RUN_ID: &str = "3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11";
const RESULT_ID: &str = "0b6ae6f2-5c1c-4c3e-9f0a-6a3e6a0f2f11";

const CASE: &str = r#"{"id":"5b0f4d1e-2a07-4e0d-8a3e-6a1d5f0c2b11","tenantId":"default","agentName":"hello","question":"Where is Paris?","expectedTopics":["Seine"],"expectedNotTopics":null,"checks":[{"type":"regex","value":"^Paris"}],"referenceAnswer":null,"category":"facts","tags":["short","easy"],"chatHistory":null,"isActive":true,"createdAt":"2026-11-22T18:19:06.641Z","updatedAt":"2026-11-22T18:19:06.641Z"}"#;

fn run(status: &str, completed: u32, summary: &str) -> String {
    format!(
        r#"{{"id":"{RUN_ID}","tenantId":"default","agentName":"hello","versionNumber":3,"status":"{status}","totalCases":2,"completedCases":{completed},"filters":null,"summary":{summary},"createdAt":"2026-11-22T18:19:06.641Z","startedAt":"2026-11-22T18:19:07.000Z","completedAt":null}}"#
    )
}

/// A run answers its members beside itself, too.
fn told(status: &str, completed: u32, summary: &str) -> String {
    let run = run(status, completed, summary);
    format!(r#"{{"run":{run},{}"#, run.trim_start_matches('{'))
}

fn summary(passed: u32) -> String {
    format!(
        r#"{{"avgTopicScore":0.75,"avgSafetyScore":1.0,"avgLlmJudgeScore":null,"avgHumanScore":null,"avgLatencyMs":1250.0,"passRate":0.5,"passed":{passed},"errors":0,"inputTokens":120,"outputTokens":30,"costUsd":0.0131}}"#
    )
}

fn result(passed: bool, failures: &str) -> String {
    format!(
        r#"{{"id":"{RESULT_ID}","tenantId":"default","evalRunId":"{RUN_ID}","evalCaseId":"{CASE_ID}","question":"Where is Paris?","referenceAnswer":null,"status":"completed","agentResponse":"Paris","passed":{passed},"topicScore":0.5,"safetyScore":1.0,"llmJudgeScore":null,"failures":{failures},"humanScore":null,"humanNotes":null,"latencyMs":1250,"inputTokens":60,"outputTokens":15,"costUsd":0.006,"error":null,"sessionId":null,"turnId":null,"createdAt":"2026-11-22T18:19:06.641Z","completedAt":"2026-11-22T18:19:09.641Z"}}"#
    )
}

#[test]
fn a_case_is_added_and_its_id_is_the_data() {
    let answer = Reply::Whole(201, format!(r#"{{"case":{CASE}}}"#));
    let server = Scripted::answering("POST /api/agents/hello/eval-cases", answer);
    let arguments = [
        "eval",
        "case",
        "add",
        "hello",
        "Where is Paris?",
        "--topic",
        "Seine",
        "--regex",
        "^Paris",
        "--equals",
        "Paris.",
        "--category",
        "facts",
        "--tag",
        "short",
        "--tag",
        "easy",
    ];
    ashctl(&server, arguments).succeeds(&format!("{CASE_ID}\n"));
    let asked = server.seen().last().unwrap().json();
    let expected = r#"{"question":"Where is Paris?","expectedTopics":["Seine"],"expectedNotTopics":null,"checks":[{"type":"equals","value":"Paris."},{"type":"regex","value":"^Paris"}],"referenceAnswer":null,"category":"facts","tags":["short","easy"],"chatHistory":null,"isActive":true}"#;
    assert_eq!(asked, serde_json::from_str::<serde_json::Value>(expected).unwrap());
}

#[test]
fn cases_are_listed_shown_changed_and_deleted() {
    let list = json(format!(r#"{{"cases":[{CASE}]}}"#));
    let server = Scripted::answering("GET /api/agents/hello/eval-cases?category=a%26b", list);
    ashctl(&server, ["eval", "case", "list", "hello", "--category", "a&b"]).succeeds(
        "ID                                    ACTIVE  CATEGORY  TAGS         QUESTION\n\
         5b0f4d1e-2a07-4e0d-8a3e-6a1d5f0c2b11  yes     facts     short, easy  Where is Paris?\n",
    );
    let path = format!("/api/agents/hello/eval-cases/{CASE_ID}");
    let server = Scripted::answering(&format!("GET {path}"), json(format!(r#"{{"case":{CASE}}}"#)));
    ashctl(&server, ["eval", "case", "show", "hello", CASE_ID, "--full"]).succeeds(
        "id          5b0f4d1e-2a07-4e0d-8a3e-6a1d5f0c2b11\n\
         question    Where is Paris?\n\
         topics      Seine\n\
         not topics  -\n\
         regex       ^Paris\n\
         reference   -\n\
         category    facts\n\
         tags        short, easy\n\
         active      yes\n\
         created     2026-11-22T18:19:06.641Z\n\
         updated     2026-11-22T18:19:06.641Z\n",
    );
    let server =
        Scripted::answering(&format!("PATCH {path}"), json(format!(r#"{{"case":{CASE}}}"#)));
    ashctl(&server, ["eval", "case", "change", "hello", CASE_ID, "--active", "false"])
        .succeeds(&format!("Changed case {CASE_ID}\n"));
    assert_eq!(server.seen().last().unwrap().json(), serde_json::json!({ "isActive": false }));
    let text = "error: nothing is to be changed: name an option\n";
    ashctl(&server, ["eval", "case", "change", "hello", CASE_ID]).ends(2, "", text);
    let server = Scripted::answering(&format!("DELETE {path}"), json(r#"{"deleted":true}"#));
    ashctl(&server, ["eval", "case", "delete", "hello", CASE_ID])
        .succeeds(&format!("Deleted case {CASE_ID}\n"));
}

#[test]
fn cases_are_exported_and_what_was_exported_is_imported() {
    let exported = format!(r#"{{"cases":[{CASE}]}}"#);
    let server =
        Scripted::answering("GET /api/agents/hello/eval-cases/export", json(exported.clone()));
    ashctl(&server, ["eval", "case", "export", "hello"]).succeeds(&format!("{exported}\n"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.json");
    std::fs::write(&file, exported).unwrap();
    let server =
        Scripted::answering("POST /api/agents/hello/eval-cases/import", json(r#"{"imported":1}"#));
    ashctl(&server, ["eval", "case", "import", "hello", file.to_str().unwrap()])
        .succeeds("Imported 1 cases\n");
    let asked = server.seen().last().unwrap().json();
    assert_eq!(asked["cases"][0]["question"], "Where is Paris?");
    assert_eq!(asked["cases"][0].get("id"), None);
}

#[test]
fn a_run_is_started_shown_and_cancelled() {
    let target = "POST /api/agents/hello/eval-runs";
    let server = Scripted::answering(target, Reply::Whole(201, told("pending", 0, "null")));
    let arguments = ["eval", "run", "hello", "--agent-version", "3", "--tag", "easy"];
    ashctl(&server, arguments).succeeds(&format!("{RUN_ID}\n"));
    let asked = server.seen().last().unwrap().json();
    assert_eq!(asked, serde_json::json!({ "versionNumber": 3, "tags": ["easy"] }));

    let path = format!("/api/agents/hello/eval-runs/{RUN_ID}");
    let done = told("completed", 2, &summary(1));
    let server = Scripted::answering(&format!("GET {path}"), json(done));
    ashctl(&server, ["eval", "show", "hello", RUN_ID, "--full"]).succeeds(
        "id            3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11\n\
         version       3\n\
         status        completed\n\
         cases         2/2\n\
         passed        1 (50 %)\n\
         errors        0\n\
         topic score   0.75\n\
         safety score  1.00\n\
         human score   -\n\
         turn          1.2 s\n\
         tokens        120 in, 30 out\n\
         cost          $0.0131\n\
         created       2026-11-22T18:19:06.641Z\n\
         started       2026-11-22T18:19:07.000Z\n\
         completed     -\n",
    );
    let runs = format!(r#"{{"runs":[{}]}}"#, run("completed", 2, &summary(1)));
    let server = Scripted::answering("GET /api/agents/hello/eval-runs", json(runs));
    ashctl(&server, ["eval", "list", "hello", "--full"]).succeeds(
        "ID                                    VERSION  STATUS     CASES  PASSED  COST     CREATED\n\
         3f0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11  3        completed  2/2    1       $0.0131  2026-11-22T18:19:06.641Z\n",
    );
    let cancel = format!("POST {path}/cancel");
    let server = Scripted::answering(&cancel, json(told("cancelled", 0, "null")));
    ashctl(&server, ["eval", "cancel", "hello", RUN_ID])
        .succeeds(&format!("Cancelled run {RUN_ID}\n"));
    let text = "Cannot cancel run with status \"completed\"";
    let server = Scripted::answering(&cancel, problem(400, "eval_state", text));
    ashctl(&server, ["eval", "cancel", "hello", RUN_ID]).ends(5, "", &format!("error: {text}\n"));
}

#[test]
fn a_run_that_is_waited_for_is_a_test() {
    let waited = |passed: u32| {
        let path = format!("/api/agents/hello/eval-runs/{RUN_ID}");
        let results =
            format!(r#"{{"results":[{}]}}"#, result(passed == 2, r#"["expectedTopics: Seine"]"#));
        Scripted::new(move |seen| match seen.line.as_str() {
            "POST /api/agents/hello/eval-runs" => Reply::Whole(201, told("pending", 0, "null")),
            line if line == format!("GET {path}") => json(told("completed", 2, &summary(passed))),
            line if line == format!("GET {path}/results") => json(results.clone()),
            other => panic!("{other}"),
        })
    };
    let table = |verdict: &str| {
        format!(
            "ID                                    RESULT  TOPIC  SAFETY  HUMAN  QUESTION         WHY\n\
             0b6ae6f2-5c1c-4c3e-9f0a-6a3e6a0f2f11  {verdict}  0.50   1.00    -      Where is Paris?  expectedTopics: Seine\n"
        )
    };
    let arguments = ["eval", "run", "hello", "--wait", "--quiet"];
    ashctl(&waited(2), arguments).succeeds(&table("passed"));
    ashctl(&waited(1), arguments).ends(1, &table("failed"), "error: 1 of 2 cases did not pass\n");
}

#[test]
fn two_runs_are_compared_and_a_result_is_scored() {
    let (a, b) = (result(true, "[]"), result(false, "[]"));
    let done = run("completed", 2, &summary(1));
    let comparison = format!(
        r#"{{"comparison":{{"runA":{done},"runB":{done},"results":[{{"caseId":"{CASE_ID}","question":"Where is Paris?","resultA":{a},"resultB":{b}}},{{"caseId":"{CASE_ID}","question":"Why?","resultA":null,"resultB":{b}}}]}}}}"#
    );
    let target = format!("GET /api/agents/hello/eval-runs/compare?runA={RUN_ID}&runB={RUN_ID}");
    let server = Scripted::answering(&target, json(comparison));
    ashctl(&server, ["eval", "compare", "hello", RUN_ID, RUN_ID]).succeeds(
        "CASE                                  VERSION 3  VERSION 3  QUESTION\n\
         5b0f4d1e-2a07-4e0d-8a3e-6a1d5f0c2b11  passed     failed     Where is Paris?\n\
         5b0f4d1e-2a07-4e0d-8a3e-6a1d5f0c2b11  -          failed     Why?\n",
    );
    let target = format!("PATCH /api/agents/hello/eval-results/{RESULT_ID}");
    let server = Scripted::answering(&target, json(format!(r#"{{"result":{a}}}"#)));
    ashctl(&server, ["eval", "score", "hello", RESULT_ID, "4", "--notes", "good"])
        .succeeds(&format!("Scored result {RESULT_ID}\n"));
    let asked = server.seen().last().unwrap().json();
    assert_eq!(asked, serde_json::json!({ "humanScore": 4.0, "humanNotes": "good" }));
    let refused = ashctl(&server, ["eval", "score", "hello", RESULT_ID, "6"]);
    assert_eq!(refused.status, 2);
}
