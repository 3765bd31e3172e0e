//! The reference that is served: it is the committed one, every operation of it is there, and
//! answers as it says.

use serde_json::{Value, json};

use crate::server::Server;

fn document(server: &Server) -> Value {
    let answer = server.send("GET", "/docs/openapi.json", &[("authorization", "")], b"");
    assert_eq!((answer.status, &*answer.content_type), (200, "application/json"));
    answer.body
}

#[test]
fn the_reference_is_open_and_the_committed_one() {
    let server = Server::start();
    let served = document(&server);
    let committed: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    assert_eq!(served, committed);
    assert_eq!(served["openapi"], "3.1.0");
    // The original's path.
    assert_eq!(server.get("/docs/json").body, committed);
    let nothing = server.get("/docs/nothing");
    assert_eq!((nothing.status, &nothing.body["code"]), (404, &json!("not_found")));
}

#[test]
fn the_page_wants_nothing_of_another_host() {
    let server = Server::start();
    let page = server.send("GET", "/docs", &[("authorization", "")], b"");
    assert_eq!((page.status, &*page.content_type), (200, "text/html; charset=utf-8"));
    let (mut text, mut files) = (page.body.as_str().unwrap().to_owned(), 0);
    for file in text.clone().split("=\"docs/").skip(1).filter_map(|rest| rest.split('"').next()) {
        let answer = server.send("GET", &format!("/docs/{file}"), &[("authorization", "")], b"");
        assert_eq!(answer.status, 200, "{file}");
        if file.starts_with("page.") {
            text.push_str(answer.body.as_str().unwrap());
            files += 1;
        }
    }
    assert_eq!(files, 2);
    assert!(!text.contains("://") && !text.contains("innerHTML"), "{text}");
}

/// Of ids that nobody has and with a body that is wrong: every operation refuses, and each
/// refusal is in the document. Without a key it is 401.
#[test]
fn every_operation_is_there_and_refuses_as_it_says() {
    const NOBODY: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    let server = Server::start();
    let document = document(&server);
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let url: String = path
                .split('{')
                .enumerate()
                .map(|(index, part)| match part.split_once('}') {
                    Some((_, rest)) if index > 0 => format!("{NOBODY}{rest}"),
                    _ => part.to_owned(),
                })
                .collect();
            let method = method.to_uppercase();
            let body: &[u8] =
                if operation.get("requestBody").is_some() { b"{\"no\":" } else { b"" };
            let close = ("connection", "close");
            let answer = server.send(&method, &url, &[close], body);
            let mut told = &operation["responses"][answer.status.to_string()];
            if let Some(shared) = told["$ref"].as_str() {
                told = document.pointer(shared.trim_start_matches('#')).unwrap();
            }
            assert!(told.is_object(), "{method} {path}: {} {}", answer.status, answer.body);
            if answer.status >= 400 {
                let codes = &told["content"]["application/problem+json"]["schema"]["properties"]["code"]
                    ["enum"];
                assert!(
                    codes.as_array().unwrap().contains(&answer.body["code"]),
                    "{method} {path}: {}",
                    answer.body
                );
            }
            let stranger = server.send(&method, &url, &[("authorization", ""), close], body);
            let open = operation["security"] == json!([]);
            assert_eq!(stranger.status == 401, !open, "{method} {path}");
            asked += 1;
        }
    }
    assert!(asked > 50, "{asked}");
}
