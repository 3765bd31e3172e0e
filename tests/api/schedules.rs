//! Schedules: when they come, what they become, and what was missed.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::keys::{key, with};
use crate::metrics::{page, value};
use crate::server::{Server, eventually};

const MINUTE: i64 = 60_000;

/// An ashd whose clock is set by what is in a file.
struct Clock {
    server: Server,
    file: PathBuf,
}

fn set(file: &Path, millis: i64) {
    // In one step: it is read all the time.
    let new = file.with_extension("new");
    std::fs::write(&new, millis.to_string()).unwrap();
    std::fs::rename(new, file).unwrap();
}

impl Clock {
    /// Half past something, so that the next minute is far enough.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        set(&file, 0);
        let server = Server::start_in(folder, &[("ASH_TEST_CLOCK", file.to_str().unwrap())]);
        server.deploy("tester");
        Self { server, file }
    }

    /// Whoever waits is told: nobody notices by itself at once that a clock was set.
    fn set(&self, millis: i64) {
        set(&self.file, millis);
        self.create(&json!({ "cron": "0 0 1 1 *", "agentName": "tester", "prompt": "x" }));
    }

    fn create(&self, request: &Value) -> Value {
        let created = self.server.post("/api/schedules", request);
        assert_eq!(created.status, 201, "{created:?}");
        created.body["schedule"].clone()
    }

    fn schedule(&self, id: &str) -> Value {
        self.server.get(&format!("/api/schedules/{id}")).body["schedule"].clone()
    }

    fn jobs(&self) -> Vec<Value> {
        self.server.get("/api/queue").body["items"].as_array().unwrap().clone()
    }

    fn change(&self, id: &str, change: &Value) -> crate::server::Answer {
        let json = [("content-type", "application/json")];
        let body = change.to_string();
        self.server.send("PATCH", &format!("/api/schedules/{id}"), &json, body.as_bytes())
    }
}

fn id(schedule: &Value) -> String {
    schedule["id"].as_str().unwrap().to_owned()
}

/// Milliseconds from now to a moment.
fn until(moment: &Value) -> i64 {
    let moment: jiff::Timestamp = moment.as_str().unwrap().parse().unwrap();
    moment.as_millisecond() - jiff::Timestamp::now().as_millisecond()
}

#[test]
fn a_schedule_becomes_a_job_when_its_time_has_come_and_comes_again() {
    let clock = Clock::start();
    let made = clock.create(&json!({
        "cron": "30 4 * * *", "timezone": "Europe/Vienna", "agentName": "tester",
        "prompt": "[[say:good morning]]", "priority": 7, "maxRetries": 1, "label": "mornings",
    }));
    assert_eq!((&made["enabled"], &made["lastRunAt"]), (&json!(true), &Value::Null));
    assert_eq!((&made["missed"], &made["overlap"]), (&json!("skip"), &json!("skip")));
    let first = made["nextRunAt"].clone();
    let (id, ahead) = (id(&made), until(&first));
    assert!((0..=25 * 60 * MINUTE).contains(&ahead), "{first}");
    clock.set(ahead - MINUTE);
    assert_eq!(clock.jobs(), [] as [Value; 0]);
    clock.set(ahead + 1);
    eventually("its job", || !clock.jobs().is_empty());
    let after = clock.schedule(&id);
    assert_eq!(after["lastOutcome"], "started");
    let more = until(&after["nextRunAt"]) - ahead;
    assert!((23 * 60 * MINUTE..=25 * 60 * MINUTE).contains(&more), "{after}");
    let job = after["lastJobId"].as_str().unwrap();
    eventually("its answer", || clock.jobs()[0]["status"] == "completed");
    let done = clock.jobs()[0].clone();
    assert_eq!((&done["id"], &done["result"]), (&json!(job), &json!("good morning")));
    assert_eq!((&done["priority"], &done["maxRetries"]), (&json!(7), &json!(1)));
    assert_eq!(clock.jobs().len(), 1);

    let run = clock.server.send("POST", &format!("/api/schedules/{id}/run"), &[], b"");
    assert_eq!(run.status, 201, "{run:?}");
    assert_eq!(clock.schedule(&id)["lastJobId"], run.body["item"]["id"]);
    assert_eq!(clock.schedule(&id)["nextRunAt"], after["nextRunAt"], "its times stay");
}

/// By the time that it is looked at they lie more than five minutes back.
#[test]
fn what_was_missed_is_left_out_or_made_up_for_once_as_it_says() {
    let clock = Clock::start();
    let hourly = |missed: &str| {
        let made = clock.create(&json!({
            "cron": "0 * * * *", "agentName": "tester", "prompt": "[[say:x]]", "missed": missed,
        }));
        id(&made)
    };
    let (skips, makes_up) = (hourly("skip"), hourly("run_once"));
    let ahead = until(&clock.schedule(&skips)["nextRunAt"]);
    let folder = clock.server.kill();
    // For three times of both there is no ashd.
    let late = ahead + 2 * 60 * MINUTE + 6 * MINUTE;
    let (file, path) = (folder.path().join("clock"), folder.path().join("clock"));
    set(&file, late);
    let server = Server::start_in(folder, &[("ASH_TEST_CLOCK", path.to_str().unwrap())]);
    let clock = Clock { server, file };
    eventually("both", || {
        [&skips, &makes_up].iter().all(|id| clock.schedule(id)["lastOutcome"].is_string())
    });
    assert_eq!(clock.schedule(&skips)["lastOutcome"], "skipped_missed");
    assert_eq!(clock.schedule(&skips)["lastJobId"], Value::Null);
    assert_eq!(clock.schedule(&makes_up)["lastOutcome"], "started");
    assert_eq!(clock.jobs().len(), 1);
    let seen = page(&clock.server);
    for outcome in ["skipped_missed", "started"] {
        let runs = value(&seen, &format!("ash_schedule_runs_total{{outcome=\"{outcome}\"}}"));
        assert!((runs - 1.0).abs() < f64::EPSILON, "{outcome} in {seen}");
    }
    for id in [&skips, &makes_up] {
        assert!(until(&clock.schedule(id)["nextRunAt"]) > late, "it goes on");
    }
}

#[test]
fn a_run_that_overlaps_is_left_out_or_waits_or_begins_as_it_says() {
    let clock = Clock::start();
    let hourly = |overlap: &str| {
        let made = clock.create(&json!({
            "cron": "0 * * * *", "agentName": "tester", "prompt": "[[hang]]", "overlap": overlap,
        }));
        id(&made)
    };
    let (skips, waits, begins) = (hourly("skip"), hourly("queue"), hourly("allow"));
    let first = until(&clock.schedule(&skips)["nextRunAt"]);
    clock.set(first + 1);
    eventually("three jobs", || clock.jobs().len() == 3);
    let job_of = |id: &str| clock.schedule(id)["lastJobId"].clone();
    let before = [&skips, &waits, &begins].map(|id| job_of(id));
    clock.set(first + 60 * MINUTE + 1);
    let outcome = |id: &str| clock.schedule(id)["lastOutcome"].clone();
    eventually("the second time", || outcome(&skips) == "skipped_overlap");
    eventually("the second time", || outcome(&waits) == "held");
    eventually("the second time", || job_of(&begins) != before[2]);
    assert_eq!((job_of(&skips), job_of(&waits)), (before[0].clone(), before[1].clone()));
    assert_eq!(clock.schedule(&waits)["held"], true);
    assert_eq!(clock.jobs().len(), 4);

    let running = before[1].as_str().unwrap();
    assert_eq!(clock.server.delete(&format!("/api/queue/{running}")).status, 200);
    eventually("the one that waited", || job_of(&waits) != before[1]);
    let after = clock.schedule(&waits);
    assert_eq!((&after["held"], &after["lastOutcome"]), (&json!(false), &json!("started")));
}

#[test]
fn a_schedule_that_is_disabled_does_not_come_and_missed_nothing_when_it_is_enabled() {
    let clock = Clock::start();
    let made = clock.create(&json!({
        "cron": "0 * * * *", "agentName": "tester", "prompt": "[[say:x]]", "missed": "run_once",
    }));
    let (id, ahead) = (id(&made), until(&made["nextRunAt"]));
    let off = clock.change(&id, &json!({ "enabled": false }));
    assert_eq!(off.body["schedule"]["nextRunAt"], Value::Null);
    clock.set(ahead + 60 * MINUTE + 1);
    let on = clock.change(&id, &json!({ "enabled": true, "cron": "30 * * * *", "prompt": "y" }));
    let on = on.body["schedule"].clone();
    assert_eq!((&on["enabled"], &on["prompt"]), (&json!(true), &json!("y")));
    assert!(on["nextRunAt"].as_str().unwrap().contains(":30:00"), "{on}");
    assert!(until(&on["nextRunAt"]) > ahead + 60 * MINUTE, "{on}");
    assert_eq!((clock.jobs(), &on["lastRunAt"]), (Vec::new(), &Value::Null));
    assert_eq!(clock.server.delete(&format!("/api/schedules/{id}")).status, 200);
    let gone = clock.server.get(&format!("/api/schedules/{id}"));
    assert_eq!((gone.status, &gone.body["code"]), (404, &json!("schedule_not_found")));
}

/// A crash behind a time neither loses its job nor makes it twice.
#[test]
fn what_has_come_when_ashd_is_killed_comes_once() {
    let clock = Clock::start();
    let made = clock.create(&json!({
        "cron": "0 * * * *", "agentName": "tester", "prompt": "[[say:x]]", "missed": "run_once",
    }));
    let ahead = until(&made["nextRunAt"]);
    set(&clock.file, ahead + 1);
    // Whether it has noticed by now or not.
    let folder = clock.server.kill();
    let file = folder.path().join("clock");
    for _ in 0..2 {
        set(&file, ahead + 1);
    }
    let path = file.to_str().unwrap().to_owned();
    let server = Server::start_in(folder, &[("ASH_TEST_CLOCK", &path)]);
    let clock = Clock { server, file };
    eventually("its job", || clock.jobs().iter().any(|job| job["status"] == "completed"));
    let clock = {
        let folder = clock.server.kill();
        let server = Server::start_in(folder, &[("ASH_TEST_CLOCK", &path)]);
        Clock { server, file: clock.file }
    };
    clock.set(ahead + MINUTE);
    assert_eq!(clock.jobs().len(), 1);
}

#[test]
fn what_a_schedule_is_made_of_is_judged() {
    let clock = Clock::start();
    let ask = |member: &str, value: Value| {
        let mut request = json!({ "cron": "0 9 * * *", "agentName": "tester", "prompt": "x" });
        request[member] = value;
        let answer = clock.server.post("/api/schedules", &request);
        (answer.status, answer.body["field"].clone())
    };
    assert_eq!(ask("cron", json!("@daily")), (400, json!("cron")));
    assert_eq!(ask("cron", json!("61 * * * *")), (400, json!("cron")));
    assert_eq!(ask("cron", json!("0 0 30 2 *")), (400, json!("cron")));
    assert_eq!(ask("timezone", json!("Mars/Olympus")), (400, json!("timezone")));
    assert_eq!(ask("agentName", json!("nobody")), (404, json!("agent")));
    assert_eq!(ask("prompt", json!("")), (400, json!("prompt")));
    assert_eq!(ask("label", json!("x".repeat(201))), (400, json!("label")));
    assert_eq!(ask("missed", json!("often")).0, 400);
    assert_eq!(ask("overlap", json!("often")).0, 400);
    assert_eq!(ask("maxRetries", json!(41)), (400, json!("maxRetries")));
    let unknown = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    assert_eq!(ask("sessionId", json!(unknown)).0, 404);
    let made = clock.create(&json!({ "cron": "0 9 * * *", "agentName": "tester", "prompt": "x" }));
    let wrong = clock.change(&id(&made), &json!({ "cron": "often" }));
    assert_eq!((wrong.status, &wrong.body["field"]), (400, &json!("cron")));
    let wrong = clock.change(&id(&made), &json!({ "enabled": false, "timezone": "Mars" }));
    assert_eq!((wrong.status, &wrong.body["field"]), (400, &json!("timezone")));
    assert_eq!(clock.schedule(&id(&made)), made);
}

/// Every operation on a schedule, asked for as another tenant.
#[test]
fn a_tenant_sees_and_runs_no_schedule_of_another() {
    let clock = Clock::start();
    let server = &clock.server;
    let made = clock.create(&json!({ "cron": "0 9 * * *", "agentName": "tester", "prompt": "x" }));
    let id = id(&made);
    let (_, theirs) = key(server, &json!({ "tenantId": "theirs", "scope": "admin" }));
    let page = include_str!("../../docs/api.md");
    let mut asked = 0;
    for line in page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')) {
        let (method, path) = line.split_once(' ').unwrap();
        if !path.starts_with("/api/schedules/{id}") {
            continue;
        }
        let answer = with(server, &theirs, method, &path.replace("{id}", &id), b"{}");
        let expected = (404, &json!("schedule_not_found"));
        assert_eq!((answer.status, &answer.body["code"]), expected, "{line}");
        asked += 1;
    }
    assert_eq!(asked, 4);
    assert_eq!(with(server, &theirs, "GET", "/api/schedules", b"").body["schedules"], json!([]));
    let request = made_of(&made);
    let foreign = with(server, &theirs, "POST", "/api/schedules", request.as_bytes());
    assert_eq!((foreign.status, &foreign.body["field"]), (404, &json!("agent")));
    // What comes without anybody is of those who deploy.
    let (_, user) = key(server, &json!({ "scope": "use" }));
    assert_eq!(with(server, &user, "POST", "/api/schedules", request.as_bytes()).status, 403);
    let run = format!("/api/schedules/{id}/run");
    assert_eq!(with(server, &user, "POST", &run, b"").status, 201);
    assert_eq!(clock.schedule(&id)["lastOutcome"], "started");
}

fn made_of(schedule: &Value) -> String {
    let member = |name: &str| schedule[name].clone();
    json!({ "cron": member("cron"), "agentName": member("agentName"), "prompt": "x" }).to_string()
}
