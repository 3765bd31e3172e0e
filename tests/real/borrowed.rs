//! Credentials that are not for the usual model API: Bedrock, to which the real Claude Code speaks, and
//! APIs of tools. The secret is with egress; inside there is an address and a placeholder.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::world::{MODEL_KEY, World, claude};

const KEY: &str = "ABSK-the-key-of-this-tenant";

/// A request: its line and its headers, in lower case but for the line.
type Seen = Arc<Mutex<Vec<String>>>;

/// What an API answers, its type and its body, given the path and the body of a request.
type Answers = dyn Fn(&str, &[u8]) -> (String, Vec<u8>) + Send + Sync;

/// An API that answers with `answer`.
fn api(
    answer: impl Fn(&str, &[u8]) -> (String, Vec<u8>) + Send + Sync + 'static,
) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (seen, answer) = (Seen::default(), Arc::new(answer));
    let noted = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (seen, answer) = (Arc::clone(&noted), Arc::clone(&answer));
            std::thread::spawn(move || serve(stream, &seen, &*answer));
        }
    });
    (base, seen)
}

fn serve(stream: TcpStream, seen: &Seen, answer: &Answers) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut line, mut head) = (String::new(), String::new());
        if stream.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        while !head.ends_with("\r\n\r\n") && head != "\r\n" {
            if stream.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let head = head.to_lowercase();
        let body = if head.contains("transfer-encoding: chunked") {
            chunked(&mut stream)
        } else {
            let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
            let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
            stream.read_exact(&mut body).unwrap();
            body
        };
        seen.lock().unwrap().push(format!("{line}{head}"));
        let path = line.split(' ').nth(1).unwrap_or_default();
        let (kind, body) = answer(path, &body);
        let length = body.len();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
        let said = stream.get_mut().write_all(&[head.as_bytes(), &body].concat());
        if said.is_err() {
            return;
        }
    }
}

fn chunked(stream: &mut impl std::io::BufRead) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let length = usize::from_str_radix(line.trim(), 16).unwrap();
        let mut piece = vec![0; length + 2];
        stream.read_exact(&mut piece).unwrap();
        body.extend_from_slice(&piece[..length]);
        if length == 0 {
            return body;
        }
    }
}

/// The checksum of each frame, which the client looks at.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let table = |byte: u32| {
        (0..8).fold(
            byte,
            |value, _| if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 },
        )
    };
    let sum = bytes
        .iter()
        .fold(u32::MAX, |sum, byte| (sum >> 8) ^ table((sum & 0xff) ^ u32::from(*byte)));
    (!sum).to_be_bytes()
}

/// An event of the Messages API as Bedrock sends it.
fn frame(event: &str) -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [
        (":event-type", "chunk"),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ] {
        headers.push(u8::try_from(name.len()).unwrap());
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let payload = json!({ "bytes": STANDARD.encode(event) }).to_string();
    let number = |number: usize| u32::try_from(number).unwrap().to_be_bytes();
    let mut frame = [number(16 + headers.len() + payload.len()), number(headers.len())].concat();
    frame.extend_from_slice(&checksum(&frame));
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&checksum(&frame));
    frame
}

/// Bedrock in front of a stand-in for the model API, whose address is told when it is known.
fn bedrock() -> (String, Seen, Arc<OnceLock<String>>) {
    let model = Arc::new(OnceLock::<String>::new());
    let told = Arc::clone(&model);
    let (base, seen) = api(move |path, body| {
        let streams = path.ends_with("-with-response-stream");
        let mut body: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(body["anthropic_version"], "bedrock-2023-05-31", "{path}");
        body["model"] = path.split('/').nth(2).into();
        body["stream"] = streams.into();
        let messages = format!("http://{}/v1/messages", told.get().unwrap());
        let mut answer =
            ureq::post(messages).header("x-api-key", MODEL_KEY).send_json(&body).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        if !streams {
            return ("application/json".to_owned(), text.into_bytes());
        }
        let events = text.lines().filter_map(|line| line.strip_prefix("data: "));
        ("application/vnd.amazon.eventstream".to_owned(), events.flat_map(frame).collect())
    });
    (base, seen, model)
}

/// A world with these as `model.upstreams`.
fn world(upstreams: &[&str]) -> Option<World> {
    let more = format!("[model]\nupstreams = {}\n", json!(upstreams));
    Some(World::with(claude()?, tempfile::tempdir().unwrap(), &more))
}

/// A session of the agent `tester` with a credential of its tenant.
fn session_with(world: &World, request: &Value) -> String {
    let made = world.post("/api/credentials", request);
    assert_eq!(made.status, 201, "{made:?}");
    assert!(!made.body.to_string().contains(KEY), "{made:?}");
    world.deploy("tester");
    world.session_of(&json!({ "agent": "tester", "credentialId": made.body["credential"]["id"] }))
}

fn exec(world: &World, session: &str, command: &str) -> String {
    let answer =
        world.post(&format!("/api/sessions/{session}/exec"), &json!({ "command": command }));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["stdout"].as_str().unwrap().to_owned()
}

#[test]
fn claude_code_speaks_to_bedrock_with_a_key_that_it_never_has() {
    let (base, seen, model) = bedrock();
    let Some(mut world) = world(&[&base]) else { return };
    model.set(world.model.address().to_string()).unwrap();
    let session = session_with(
        &world,
        &json!({ "type": "bedrock", "key": KEY, "region": "eu-central-1", "baseUrl": base }),
    );
    assert!(world.say(&session, "My name is Ada. [[say:once]]").contains("once"));
    let looked = world.bash(&session, &format!("env | grep -c {KEY}; echo $AWS_REGION"));
    assert_eq!(looked.lines().collect::<Vec<_>>(), ["0", "eu-central-1"], "{looked}");
    // It stays so in another sandbox, and in one that another ashd finds.
    assert_eq!(world.post(&format!("/api/sessions/{session}/stop"), &json!({})).status, 200);
    assert!(world.say(&session, "[[recall]]").contains("My name is Ada."));
    world.crash(|_| {});
    assert!(world.say(&session, "[[say:again]]").contains("again"));
    let requests = seen.lock().unwrap().clone();
    assert!(requests.len() >= 4, "{requests:#?}");
    for request in &requests {
        let is = |part: &str| request.contains(part);
        assert!(is("POST /model/eu.anthropic.") && is("/invoke"), "{request}");
        assert!(is(&format!("authorization: bearer {}", KEY.to_lowercase())), "{request}");
    }
    let used = world.state(&session)["usage"]["outputTokens"].as_u64();
    assert!(used > Some(0), "what Bedrock answers is counted");
    world.end();
}

#[test]
fn tools_ask_an_api_whose_key_is_not_inside() {
    let (base, seen) = api(|path, _| {
        ("application/json".to_owned(), json!({ "path": path }).to_string().into_bytes())
    });
    let Some(world) = world(&[&base, &format!("{base}/v1")]) else { return };
    let openai = session_with(
        &world,
        &json!({ "type": "openai", "key": KEY, "baseUrl": format!("{base}/v1") }),
    );
    // By Claude Code's own tool, and by a command of a client.
    let ask = "curl -sS $OPENAI_BASE_URL/chat/completions -H \"Authorization: Bearer $OPENAI_API_KEY\" -d '{}'";
    let told = r#"{"path":"/v1/chat/completions"}"#;
    assert_eq!(world.bash(&openai, ask).trim(), told);
    assert_eq!(exec(&world, &openai, ask).trim(), told);
    assert_eq!(exec(&world, &openai, &format!("env | grep -c {KEY}")).trim(), "0");
    let out = "curl -sS -o /dev/null -w '%{http_code}' --path-as-is $OPENAI_BASE_URL/../v1/x -H \"Authorization: Bearer $OPENAI_API_KEY\"";
    assert_eq!(exec(&world, &openai, out), "404");
    let nobody = "curl -sS -o /dev/null -w '%{http_code}' $OPENAI_BASE_URL/x";
    assert_eq!(exec(&world, &openai, nobody), "401");

    let custom = json!({
        "type": "custom", "key": KEY, "baseUrl": base, "tools": true, "header": "X-Tool-Key",
    });
    let custom = session_with(&world, &custom);
    let ask =
        "curl -sS -X DELETE $ASH_CUSTOM_BASE_URL/things/1 -H \"X-Api-Key: $ASH_CUSTOM_API_KEY\"";
    assert_eq!(exec(&world, &custom, ask).trim(), r#"{"path":"/things/1"}"#);
    // The model keeps the host's key.
    assert!(world.say(&custom, "[[say:yes]]").contains("yes"));

    let requests = seen.lock().unwrap().clone();
    assert_eq!(requests.len(), 3, "{requests:#?}");
    let key = KEY.to_lowercase();
    for request in &requests[..2] {
        assert!(request.contains(&format!("authorization: bearer {key}\r\n")), "{request}");
    }
    assert!(requests[2].starts_with("DELETE /things/1 "), "{}", requests[2]);
    assert!(requests[2].contains(&format!("x-tool-key: {key}\r\n")), "{}", requests[2]);
    assert!(!requests.iter().any(|request| request.contains("sk-ant-ash-")), "no placeholder");
    world.end();
}
