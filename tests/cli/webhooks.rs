//! `ashctl webhook`.

use crate::program::ashctl;
use crate::scripted::{Reply, Scripted, json, problem};

const ID: &str = "5b0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11";
const DELIVERY_ID: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

const WEBHOOK: &str = r#"{"id":"5b0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11","tenantId":"default","url":"https://hooks.example.com/ash","events":["turn.ended","job.ended"],"label":"ops","enabled":true,"disabledReason":null,"disabledAt":null,"failures":0,"waiting":3,"createdAt":"2026-11-22T18:19:06.641Z"}"#;

fn delivery(status: &str, attempts: u32, answer: &str, error: &str) -> String {
    format!(
        r#"{{"id":"{DELIVERY_ID}","webhookId":"{ID}","event":"webhook.test","status":"{status}","attempts":{attempts},"payload":{{"type":"webhook.test"}},"responseStatus":{answer},"error":{error},"createdAt":"2026-11-22T18:19:06.641Z","dueAt":null,"attemptedAt":null,"completedAt":null}}"#
    )
}

#[test]
fn a_webhook_is_added_and_its_secret_is_the_data() {
    let created = format!(r#"{{"secret":"whsec_AAAA","webhook":{WEBHOOK}}}"#);
    let server = Scripted::answering("POST /api/webhooks", Reply::Whole(201, created));
    let url = "https://hooks.example.com/ash";
    let add = ["webhook", "add", url, "--event", "turn.ended", "--event", "job.ended"];
    let add = [&add[..], &["--label", "ops", "--quiet"]].concat();
    ashctl(&server, add.clone()).succeeds("whsec_AAAA\n");
    let asked = server.seen().last().unwrap().json();
    let expected = r#"{"url":"https://hooks.example.com/ash","events":["turn.ended","job.ended"],"label":"ops"}"#;
    assert_eq!(asked, serde_json::from_str::<serde_json::Value>(expected).unwrap());
    ashctl(&server, [&add[..], &["-o", "id"]].concat()).succeeds(&format!("{ID}\n"));
}

#[test]
fn webhooks_are_listed_and_one_that_is_disabled_says_why() {
    let off = WEBHOOK.replace(
        r#""enabled":true,"disabledReason":null"#,
        r#""enabled":false,"disabledReason":"its receiver answered 410""#,
    );
    let list = format!(r#"{{"webhooks":[{WEBHOOK},{off}]}}"#);
    let server = Scripted::answering("GET /api/webhooks", json(list));
    ashctl(&server, ["webhook", "list", "--full"]).succeeds(
        "ID                                    URL                            LABEL  EVENTS                STATE                                WAITING  CREATED\n\
         5b0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11  https://hooks.example.com/ash  ops    turn.ended job.ended  enabled                              3        2026-11-22T18:19:06.641Z\n\
         5b0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11  https://hooks.example.com/ash  ops    turn.ended job.ended  disabled: its receiver answered 410  3        2026-11-22T18:19:06.641Z\n",
    );
}

#[test]
fn a_webhook_is_shown() {
    let target = "GET /api/webhooks/5b0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11";
    let server = Scripted::answering(target, json(format!(r#"{{"webhook":{WEBHOOK}}}"#)));
    ashctl(&server, ["webhook", "show", ID, "--full"]).succeeds(
        "id        5b0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11\n\
         url       https://hooks.example.com/ash\n\
         label     ops\n\
         events    turn.ended job.ended\n\
         state     enabled\n\
         failures  0\n\
         waiting   3\n\
         created   2026-11-22T18:19:06.641Z\n",
    );
}

#[test]
fn what_a_webhook_was_told_is_listed() {
    let target =
        "GET /api/webhooks/5b0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11/deliveries?limit=5&status=failed";
    let failed = delivery("failed", 10, "503", r#""it answered 503""#);
    let server = Scripted::answering(target, json(format!(r#"{{"deliveries":[{failed}]}}"#)));
    let list = ["webhook", "deliveries", ID, "--status", "failed", "--limit", "5", "--full"];
    ashctl(&server, list).succeeds(
        "ID                                    EVENT         STATUS  TRIED  CREATED                   NEXT  ANSWER\n\
         7c9e6679-7425-40de-944b-e07fc1f90ae7  webhook.test  failed  10     2026-11-22T18:19:06.641Z  -     it answered 503\n",
    );
}

#[test]
fn a_trial_says_what_came_of_it() {
    let put = format!(r#"{{"delivery":{}}}"#, delivery("pending", 0, "null", "null"));
    let ask = |outcome: String| {
        let put = put.clone();
        Scripted::new(move |seen| {
            if seen.line == format!("POST /api/webhooks/{ID}/test") {
                Reply::Whole(201, put.clone())
            } else {
                assert_eq!(seen.line, format!("GET /api/webhooks/{ID}/deliveries?limit=500"));
                json(format!(r#"{{"deliveries":[{outcome}]}}"#))
            }
        })
    };
    let server = ask(delivery("delivered", 1, "204", "null"));
    ashctl(&server, ["webhook", "test", ID]).succeeds("Delivered; it answered 204\n");
    let server = ask(delivery("pending", 1, "500", r#""it answered 500""#));
    ashctl(&server, ["webhook", "test", ID]).ends(
        1,
        "",
        "error: the webhook was not reached: it answered 500\n\
         hint: it is tried again; `ashctl webhook deliveries` shows what comes of it\n",
    );
}

#[test]
fn a_webhook_is_enabled_disabled_and_removed() {
    let one = format!(r#"{{"webhook":{WEBHOOK}}}"#);
    let target = "PATCH /api/webhooks/5b0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11";
    let server = Scripted::answering(target, json(one));
    ashctl(&server, ["webhook", "enable", ID]).succeeds(&format!("Enabled webhook {ID}\n"));
    let enabled = serde_json::json!({ "enabled": true });
    assert_eq!(server.seen().last().unwrap().json(), enabled);
    ashctl(&server, ["webhook", "disable", ID]).succeeds(&format!("Disabled webhook {ID}\n"));
    let target = "DELETE /api/webhooks/5b0f1a52-7d0e-4d43-9f0e-0b8e2c9a7c11";
    let server = Scripted::answering(target, json(r#"{"deleted":true}"#));
    ashctl(&server, ["webhook", "remove", ID]).succeeds(&format!("Removed webhook {ID}\n"));
    let text = "there is no such webhook";
    let server = Scripted::answering(target, problem(404, "webhook_not_found", text));
    ashctl(&server, ["webhook", "remove", ID]).ends(4, "", &format!("error: {text}\n"));
}
