//! What webhooks are told: signed, to listed receivers only, by addresses that were judged.

use std::net::{Ipv4Addr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::clock::Timestamp;
use crate::id::{DeliveryId, WebhookId};

/// An egress that may tell `receivers` something.
fn egress(public: &[&str], internal: &[&str], stage: Stage) -> Egress {
    let internal: Vec<String> = internal.iter().map(|&text| text.to_owned()).collect();
    let settings = EgressSettings {
        upstream: "http://127.0.0.1:1".parse().unwrap(),
        key: None,
        opening: opening_keys(),
        upstreams: Vec::new(),
        hosts: HostRules::default(),
        receivers: Receivers::new(HostRules::parse(public).unwrap(), &internal).unwrap(),
        prices: Prices::default(),
        limits: limits(),
    };
    Egress::staged(settings, stage).unwrap()
}

fn posting(egress: &Egress, url: &str) -> (Posting, WebhookSecret) {
    let (webhook, secret) = (WebhookId::new(), WebhookSecret::random());
    let sealed = egress.sealing().key.seal_webhook("acme", webhook, url, &secret);
    let (tenant, url) = ("acme".to_owned(), url.to_owned());
    let body = r#"{"type":"webhook.test"}"#.to_owned();
    (Posting { id: DeliveryId::new(), webhook, tenant, url, sealed, body }, secret)
}

fn failure(posted: Posted) -> String {
    match posted {
        Posted::Failed(error) => error,
        Posted::Answered(status) => panic!("it answered {status}"),
    }
}

#[tokio::test]
async fn a_receiver_gets_what_it_can_verify_with_its_secret() {
    let receiver = Upstream::start(|| StatusCode::NO_CONTENT.into_response()).await;
    let egress = egress(&[], &[&receiver.base], Stage::default());
    let (posting, secret) = posting(&egress, &format!("{}/in?a=b", receiver.base));
    assert_eq!(egress.post(&posting).await, Posted::Answered(204));
    assert_eq!(egress.post(&posting).await, Posted::Answered(204));
    let seen = receiver.seen();
    assert_eq!(seen.len(), 2);
    for (head, body) in seen {
        assert_eq!((head.method.as_str(), head.uri.to_string().as_str()), ("POST", "/in?a=b"));
        let header = |name: &str| head.headers[name].to_str().unwrap().to_owned();
        assert_eq!(header("content-type"), "application/json");
        assert!(header("user-agent").starts_with("ash/"));
        assert_eq!(header("webhook-id"), posting.id.to_string());
        let seconds: i64 = header("webhook-timestamp").parse().unwrap();
        assert!((Timestamp::now().as_millis() / 1000 - seconds).abs() < 60, "{seconds}");
        assert_eq!(body, posting.body);
        let text = secret.text();
        let key = STANDARD.decode(text.strip_prefix("whsec_").unwrap()).unwrap();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
        let signed = format!("{}.{seconds}.{}", posting.id, posting.body);
        let signature = header("webhook-signature");
        let tag = STANDARD.decode(signature.strip_prefix("v1,").unwrap()).unwrap();
        ring::hmac::verify(&key, signed.as_bytes(), &tag).unwrap();
    }
}

/// The reference example of Standard Webhooks' libraries.
#[test]
fn a_signature_is_that_of_standard_webhooks() {
    let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
    let signed = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
    let tag = STANDARD.encode(ring::hmac::sign(&key, signed.as_bytes()));
    assert_eq!(tag, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

#[tokio::test]
async fn what_a_receiver_answers_is_told_by_its_status_and_redirects_are_not_followed() {
    let receiver = Upstream::start(|| {
        (StatusCode::FOUND, [("location", "http://127.0.0.1:1/")], "").into_response()
    })
    .await;
    let egress = egress(&[], &[&receiver.base], Stage::default());
    let (posting, _) = posting(&egress, &receiver.base);
    assert_eq!(egress.post(&posting).await, Posted::Answered(302));
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn nothing_is_told_to_an_address_that_is_not_listed_or_with_another_secret() {
    let receiver = Upstream::ok().await;
    let nobody = egress(&["*"], &[], Stage::default());
    let (posting, _) = posting(&nobody, &receiver.base);
    assert!(failure(nobody.post(&posting).await).contains("webhooks.allow"));

    let egress = egress(&[], &[&receiver.base], Stage::default());
    let (ours, _) = self::posting(&egress, &format!("{}/a", receiver.base));
    let url = format!("{}/b", receiver.base);
    for changed in [
        Posting { url, ..ours.clone() },
        Posting { tenant: "other".to_owned(), ..ours.clone() },
        Posting { webhook: WebhookId::new(), ..ours.clone() },
    ] {
        assert!(failure(egress.post(&changed).await).contains("secret"), "{changed:?}");
    }
    assert_eq!(receiver.seen().len(), 0);
    assert_eq!(egress.post(&ours).await, Posted::Answered(200));
}

#[tokio::test]
async fn a_public_name_that_leads_inside_is_not_dialled() {
    let receiver = Upstream::ok().await;
    let address: SocketAddr = receiver.base.trim_start_matches("http://").parse().unwrap();
    let stage = |public: bool| Stage {
        names: [("hooks.example.com".to_owned(), vec![vec![address]])].into(),
        public: if public { vec![Ipv4Addr::LOCALHOST.into()] } else { Vec::new() },
        ..Stage::default()
    };
    let inside = egress(&["hooks.example.com"], &[], stage(false));
    let (posting, _) = posting(&inside, "https://hooks.example.com/a");
    let error = failure(inside.post(&posting).await);
    assert!(error.contains("no public address"), "{error}");
    // A public one has to speak TLS.
    let public = egress(&["hooks.example.com"], &[], stage(true));
    let (posting, _) = self::posting(&public, "https://hooks.example.com/a");
    let error = failure(public.post(&posting).await);
    assert!(!error.contains("no public address"), "{error}");
    assert_eq!(receiver.seen().len(), 0);
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_told_as_that() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let egress = egress(&[], &[&base], Stage::default());
    let (posting, _) = posting(&egress, &base);
    let error = failure(egress.post(&posting).await);
    assert!(error.starts_with("it does not answer"), "{error}");
}
