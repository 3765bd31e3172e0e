//! Sessions with a credential of their tenant: whose key goes where, and what happens without it.

use zeroize::Zeroizing;

use super::super::sealing::CredentialFault;
use super::*;
use crate::id::CredentialId;

const TENANT_KEY: &str = "sk-ant-api03-of-the-tenant";

fn secret(key: &str) -> TenantSecret {
    TenantSecret {
        key: Zeroizing::new(key.to_owned()),
        base_url: None,
        bearer: false,
        used_for: Use::Model,
        header: None,
    }
}

impl Rig {
    /// In front of `upstream`, with the host's key, and `others` that credentials may be for.
    fn before_several(upstream: &Upstream, others: &[&Upstream]) -> Self {
        let egress = Egress::new(EgressSettings {
            upstream: upstream.base.parse().unwrap(),
            key: Some(ModelKey::api_key(KEY).unwrap()),
            opening: opening_keys(),
            upstreams: others.iter().map(|other| other.base.parse().unwrap()).collect(),
            hosts: HostRules::default(),
            receivers: Receivers::default(),
            prices: Prices::default(),
            limits: limits(),
        });
        Self::serving(egress.unwrap(), HostRules::default())
    }

    /// Admits the session again, with a credential that `tenant` sealed.
    fn lend(&self, tenant: &str, secret: &TenantSecret) -> CredentialId {
        let id = CredentialId::new();
        let sealed = self.egress.sealing().key.seal(tenant, id, secret);
        self.admit_with(Some(Lent { id, sealed: Some(sealed) }));
        id
    }

    fn admit_with(&self, credential: Option<Lent>) {
        let uid = Some(nix::unistd::geteuid().as_raw());
        let terms = Terms { uid, tenant: "acme".to_owned(), credential, ..Terms::default() };
        self.egress.admit(self.session, &self.placeholder, terms);
    }

    /// A request is refused for the credential, with the host's key or not.
    async fn is_refused(&self, fault: CredentialFault) {
        let (status, headers, body) = self.message("{}").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
        assert_eq!(headers["x-should-retry"], "false");
        let (kind, text) = error_of(&body);
        assert_eq!(kind, "authentication_error");
        assert!(text.starts_with("credential_unavailable: "), "{text}");
        let denied = Some(Denied::Credential(fault));
        assert_eq!(self.egress.take_refusal(self.session), denied);
        assert_eq!(self.egress.take_refusal(self.session), None);
    }
}

#[tokio::test]
async fn the_key_of_the_tenant_takes_the_place_of_the_hosts_and_is_named_in_the_audit() {
    let upstream = Upstream::ok().await;
    let rig = Rig::before_several(&upstream, &[]);
    let credential = rig.lend("acme", &secret(TENANT_KEY));
    assert_eq!(rig.message("{}").await.0, StatusCode::OK);
    rig.lend("acme", &secret("sk-ant-oat01-of-the-tenant"));
    assert_eq!(rig.message("{}").await.0, StatusCode::OK);
    rig.admit_with(None);
    assert_eq!(rig.message("{}").await.0, StatusCode::OK);
    let seen = upstream.seen();
    assert_eq!(seen[0].0.headers["x-api-key"], TENANT_KEY);
    assert!(!seen[0].0.headers.contains_key("authorization"));
    assert_eq!(seen[1].0.headers["authorization"], "Bearer sk-ant-oat01-of-the-tenant");
    assert!(!seen[1].0.headers.contains_key("x-api-key"));
    assert_eq!(seen[2].0.headers["x-api-key"], KEY);
    let report = rig.egress.ledger().report().await;
    assert_eq!(report.entries[0].credential, Some(credential));
}

#[tokio::test]
async fn a_credential_of_another_model_api_goes_there_and_to_listed_ones_only() {
    let (upstream, other, unlisted) =
        (Upstream::ok().await, Upstream::ok().await, Upstream::ok().await);
    let rig = Rig::before_several(&upstream, &[&other]);
    let to = |base: &str, bearer| TenantSecret {
        base_url: Some(base.to_owned()),
        bearer,
        ..secret("of-a-gateway")
    };
    rig.lend("acme", &to(&format!("{}/", other.base), false));
    assert_eq!(rig.message("{}").await.0, StatusCode::OK);
    rig.lend("acme", &to(&other.base, true));
    assert_eq!(rig.message("{}").await.0, StatusCode::OK);
    let seen = other.seen();
    assert_eq!(seen[0].0.headers["x-api-key"], "of-a-gateway");
    assert_eq!(seen[1].0.headers["authorization"], "Bearer of-a-gateway");
    rig.lend("acme", &to(&unlisted.base, false));
    rig.is_refused(CredentialFault::Upstream).await;
    assert!(upstream.seen().is_empty() && unlisted.seen().is_empty());
}

#[tokio::test]
async fn without_its_credential_a_session_gets_nothing_and_never_the_hosts_key() {
    let upstream = Upstream::ok().await;
    let rig = Rig::before_several(&upstream, &[]);
    let id = CredentialId::new();
    rig.admit_with(Some(Lent { id, sealed: None }));
    rig.is_refused(CredentialFault::Deleted).await;
    // Of another tenant, of another host, and what is none.
    rig.lend("other", &secret(TENANT_KEY));
    rig.is_refused(CredentialFault::Sealed).await;
    let foreign = opening_keys().sealing().key.seal("acme", id, &secret(TENANT_KEY));
    for sealed in [foreign, Sealed::new(b"ASHC\x02".to_vec())] {
        rig.admit_with(Some(Lent { id, sealed: Some(sealed) }));
        rig.is_refused(CredentialFault::Sealed).await;
    }
    assert!(upstream.seen().is_empty());
    // What was refused does not stay so.
    rig.lend("acme", &secret(TENANT_KEY));
    assert_eq!(rig.message("{}").await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_upstream_that_sends_the_key_of_the_tenant_back_does_not_get_it_inside() {
    let upstream = Upstream::start(|| ([("x-echo", TENANT_KEY)], "{}").into_response()).await;
    let rig = Rig::before_several(&upstream, &[]);
    rig.lend("acme", &secret(TENANT_KEY));
    let (status, headers, _) = rig.message("{}").await;
    assert_eq!(status, StatusCode::OK);
    assert!(!headers.contains_key("x-echo"));
}

/// Another request than a message, by the session.
async fn asks(rig: &Rig, method: &str, target: &str) -> StatusCode {
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", "api.ash.invalid")
        .header("authorization", format!("Bearer {}", rig.placeholder.expose()))
        .body(Full::from("{}"))
        .unwrap();
    let mut client = rig.client().await;
    let response = timeout(SOON, client.send_request(request)).await.unwrap().unwrap();
    let status = response.status();
    response.into_body().collect().await.unwrap();
    status
}

#[tokio::test]
async fn a_key_of_bedrock_signs_invocations_and_what_they_cost_is_counted() {
    let stream = [
        r#"{"type":"message_start","message":{"model":"claude-sonnet-4-5","usage":{"input_tokens":100,"output_tokens":1}}}"#,
        r#"{"type":"message_delta","usage":{"output_tokens":9}}"#,
    ];
    let stream = stream.map(frames::tests::frame).concat();
    let bedrock = Upstream::start(move || {
        ([("content-type", "application/vnd.amazon.eventstream")], stream.clone()).into_response()
    })
    .await;
    let upstream = Upstream::ok().await;
    let rig = Rig::before_several(&upstream, &[&bedrock]);
    let path = "/model/eu.anthropic.claude-sonnet-4-5/invoke-with-response-stream";
    assert_eq!(asks(&rig, "POST", path).await, StatusCode::NOT_FOUND, "without such a credential");
    rig.lend(
        "acme",
        &TenantSecret {
            base_url: Some(bedrock.base.clone()),
            bearer: true,
            used_for: Use::Bedrock,
            ..secret("ABSK-of-the-tenant")
        },
    );
    assert_eq!(asks(&rig, "POST", path).await, StatusCode::OK);
    let (head, _) = bedrock.seen()[0].clone();
    assert_eq!(head.headers["authorization"], "Bearer ABSK-of-the-tenant");
    assert_eq!(head.uri.path(), path);
    let report = rig.egress.ledger().report().await;
    let used = report.entries.last().and_then(|entry| entry.used).unwrap();
    assert_eq!(used.tokens.total(), 109);
    // Never the host's key for the rest.
    assert_eq!(rig.message("{}").await.0, StatusCode::NOT_FOUND);
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_key_for_tools_goes_to_their_api_and_the_model_keeps_the_hosts() {
    let (upstream, api) = (Upstream::ok().await, Upstream::ok().await);
    let rig = Rig::before_several(&upstream, &[&api]);
    let tools = |header: Option<&str>| TenantSecret {
        base_url: Some(api.base.clone()),
        bearer: true,
        used_for: Use::Tools,
        header: header.map(str::to_owned),
        ..secret("of-the-tools")
    };
    rig.lend("acme", &tools(None));
    assert_eq!(asks(&rig, "POST", "/tools/chat/completions?a=b").await, StatusCode::OK);
    assert_eq!(asks(&rig, "GET", "/tools/../v1/messages").await, StatusCode::NOT_FOUND);
    assert_eq!(rig.message("{}").await.0, StatusCode::OK);
    rig.lend("acme", &tools(Some("x-tool-key")));
    assert_eq!(asks(&rig, "DELETE", "/tools/things/1").await, StatusCode::OK);
    let seen = api.seen();
    assert_eq!(seen[0].0.uri.to_string(), "/chat/completions?a=b");
    assert_eq!(seen[0].0.headers["authorization"], "Bearer of-the-tools");
    assert_eq!((seen[1].0.method.as_str(), seen[1].0.uri.path()), ("DELETE", "/things/1"));
    assert_eq!(seen[1].0.headers["x-tool-key"], "of-the-tools");
    assert!(!seen[1].0.headers.contains_key("authorization"), "nor the placeholder");
    assert_eq!(upstream.seen()[0].0.headers["x-api-key"], KEY, "the host's");
    // What is for an API of its own never goes to the model's.
    rig.lend("acme", &TenantSecret { base_url: None, ..tools(None) });
    rig.is_refused(CredentialFault::Upstream).await;
}
