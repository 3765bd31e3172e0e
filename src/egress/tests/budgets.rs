//! Budgets, as a sandbox meets them.

use super::*;

/// 100 tokens in, 50 out, of a model for 3 and 15 dollars a million: 1,050,000 units of money.
const ANSWER: &str = r#"{"type":"message","model":"claude-sonnet-4-5","usage":{"input_tokens":100,"output_tokens":50}}"#;

async fn upstream() -> Upstream {
    Upstream::start(|| ([("content-type", "application/json")], ANSWER).into_response()).await
}

impl Rig {
    fn budget(&self, tokens: Option<u64>, money: Option<u64>) {
        let uid = Some(nix::unistd::geteuid().as_raw());
        let budget = Budget { tokens, money };
        let terms = Terms { uid, budget, tenant: "team".to_owned(), ..Terms::default() };
        self.egress.admit(self.session, &self.placeholder, terms);
    }
}

#[tokio::test]
async fn a_session_is_refused_when_its_budget_is_used_up_and_goes_on_when_it_is_raised() {
    let upstream = upstream().await;
    let rig = Rig::before(&upstream);
    rig.budget(Some(151), None);
    // The second begins with a token left: it may overrun.
    for tokens in [150, 300] {
        assert_eq!(rig.message("{}").await.0, StatusCode::OK);
        assert_eq!(rig.egress.meter(rig.session).unwrap().used().tokens.total(), tokens);
    }
    assert_eq!(rig.egress.take_refusal(rig.session), None);
    let (status, headers, body) = rig.message("{}").await;
    assert_eq!(status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(headers["x-should-retry"], "false");
    let (kind, text) = error_of(&body);
    assert_eq!(kind, "billing_error");
    assert!(text.contains("budget_reached") && text.contains("session"), "{text}");
    assert_eq!(rig.egress.take_refusal(rig.session), Some(Denied::Budget(Spent::Session)));
    assert_eq!(rig.egress.take_refusal(rig.session), None, "told once");
    // What costs nothing goes on.
    let count = rig.request("POST", "/v1/messages/count_tokens").body(Full::from("{}")).unwrap();
    assert_eq!(rig.exchange(count).await.0, StatusCode::OK);
    assert_eq!(upstream.seen().len(), 3, "the refused one did not leave the host");

    rig.budget(Some(301), None);
    assert_eq!(rig.message("{}").await.0, StatusCode::OK);
    rig.budget(None, Some(3_150_000));
    assert_eq!(rig.message("{}").await.0, StatusCode::PAYMENT_REQUIRED, "money is counted too");
    rig.budget(None, Some(3_150_001));
    assert_eq!(rig.message("{}").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_tenant_is_refused_when_its_sessions_have_used_its_budget_together() {
    let upstream = upstream().await;
    let rig = Rig::before(&upstream);
    // The rig's session is of no tenant until now; a session keeps the one it began with.
    rig.egress.revoke(rig.session);
    rig.budget(None, None);
    let used = Used { tokens: Tokens { input: 1000, ..Tokens::default() }, money: 0 };
    let tokens = |tokens| Budget { tokens: Some(tokens), money: None };
    rig.egress.allow_tenant("team", tokens(1001), &used);
    rig.egress.allow_tenant("other", tokens(1), &used);
    assert_eq!(rig.message("{}").await.0, StatusCode::OK);
    let (status, _, body) = rig.message("{}").await;
    assert_eq!(status, StatusCode::PAYMENT_REQUIRED);
    assert!(error_of(&body).1.contains("tenant"), "{body}");
    assert_eq!(rig.egress.take_refusal(rig.session), Some(Denied::Budget(Spent::Tenant)));
    rig.egress.allow_tenant("team", tokens(1151), &Used::default());
    assert_eq!(rig.message("{}").await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_answer_that_cannot_be_counted_is_refused_to_a_session_with_a_budget() {
    let compressed = || ([("content-encoding", "gzip")], "not read").into_response();
    let upstream = Upstream::start(compressed).await;
    let rig = Rig::before(&upstream);
    assert_eq!(rig.message("{}").await.0, StatusCode::OK);
    rig.budget(Some(100), None);
    let (status, headers, _) = rig.message("{}").await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
    assert_eq!(headers["x-should-retry"], "false");
    let (head, _) = upstream.seen().remove(0);
    assert_eq!(head.headers["accept-encoding"], "identity");
}

#[tokio::test]
async fn a_stream_that_is_left_early_is_counted() {
    let (upstream, pieces) = Upstream::streaming().await;
    let rig = Rig::before(&upstream);
    rig.budget(Some(1000), None);
    pieces.try_send(Ok("data: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":900,\"output_tokens\":1}}}\n\n")).unwrap();
    let mut client = rig.client().await;
    let request = rig.request("POST", "/v1/messages").body(Full::from("{}")).unwrap();
    let response = client.send_request(request).await.unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!(rig.egress.meter(rig.session).unwrap().used().tokens.total(), 901);
    let long = "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"";
    let text = "word ".repeat(200);
    let event: &'static str = format!("{long}{text}\"}}}}\n\n").leak();
    pieces.send(Ok(event)).await.unwrap();
    body.frame().await.unwrap().unwrap();
    drop((body, client));
    // The line of the exchange comes after the sum is settled.
    let report = loop {
        let report = rig.egress.ledger().report().await;
        if report.entries.iter().any(|entry| entry.subject == Subject::Model) {
            break report;
        }
    };
    let used = report.entries.last().unwrap().used.unwrap();
    assert!(used.tokens.output > 200, "{used:?}");
    assert_eq!(rig.message("{}").await.0, StatusCode::PAYMENT_REQUIRED);
}
