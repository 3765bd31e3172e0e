//! `ashctl deploy`.

use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::program::{Ashctl, ashctl};
use crate::scripted::{Reply, Scripted, Seen, problem};

const AGENT: &str = r#"{"id":"0198c8a0-1111-4111-8111-111111111111","name":"qa-bot","version":1,"path":"/x","createdAt":"2026-11-20T08:00:00.000Z","updatedAt":"2026-11-22T10:00:00.000Z","tenantId":"default","digest":"sha256:abc","files":2,"bytes":1500}"#;

const DEPLOYED: &str = "Deployed agent \"qa-bot\" (v1)\n2 files, 1.46 KiB, sha256:abc\n";

fn server() -> Scripted {
    Scripted::new(|_| Reply::Whole(201, format!(r#"{{"agent":{AGENT}}}"#)))
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("qa bot.").suffix(".x").tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

/// The files of an uploaded archive.
fn files(seen: &Seen) -> Vec<(String, String)> {
    let mut archive = tar::Archive::new(seen.body.as_slice());
    let files = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = String::new();
        entry.read_to_string(&mut content).unwrap();
        (entry.path().unwrap().display().to_string(), content)
    });
    files.collect()
}

fn environment(seen: &Seen) -> Option<serde_json::Value> {
    let json = URL_SAFE_NO_PAD.decode(seen.header("ash-agent-env")?).unwrap();
    Some(serde_json::from_slice(&json).unwrap())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_folder_is_deployed() {
    let folder = folder(&[("CLAUDE.md", "Be brief."), ("docs/a.md", "a")]);
    let server = server();
    ashctl(&server, ["deploy", text(folder.path()), "--name", "qa-bot"]).succeeds(DEPLOYED);
    let seen = &server.seen()[0];
    assert_eq!(seen.line, "PUT /api/agents/qa-bot/bundle");
    assert_eq!(seen.header("content-type"), Some("application/x-tar"));
    assert_eq!(environment(seen), None);
    let expected = [("CLAUDE.md", "Be brief."), ("docs/a.md", "a")];
    assert_eq!(files(seen), expected.map(|(path, text)| (path.to_owned(), text.to_owned())));
}

#[test]
fn an_agent_is_named_after_its_folder() {
    let folder = folder(&[("CLAUDE.md", "")]);
    let server = server();
    let said = Ashctl::new().server(&server).directory(folder.path()).args(["deploy", "."]).run();
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    let name = name.replace([' ', '.'], "-");
    said.ends(0, DEPLOYED, &format!("The name is that of the folder: {name}\n"));
    assert_eq!(server.lines(), [format!("PUT /api/agents/{name}/bundle")]);
}

#[test]
fn what_ashignore_names_is_left_out_and_counted() {
    let folder =
        folder(&[("CLAUDE.md", ""), (".ashignore", "*.log\n"), ("a.log", ""), ("b.log", "")]);
    let server = server();
    ashctl(&server, ["deploy", text(folder.path()), "--name", "qa-bot"]).ends(
        0,
        DEPLOYED,
        "Left out by .ashignore: 2 entries\n",
    );
    let paths: Vec<String> = files(&server.seen()[0]).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, [".ashignore", "CLAUDE.md"]);
}

#[test]
fn variables_are_read_from_files_that_stay_here() {
    let folder = folder(&[
        ("CLAUDE.md", ""),
        (".env", "A=file\nB=file\nC=file\n"),
        (".env.local", "B=local\nC=local\n"),
        ("docs/.env", "X=1"),
    ]);
    let server = server();
    ashctl(&server, ["deploy", text(folder.path()), "-n", "qa-bot", "-e", "C=flag"]).ends(
        0,
        DEPLOYED,
        "Read, and not sent as a file: .env (A, B, C)\n\
         Read, and not sent as a file: .env.local (B, C)\n",
    );
    let seen = &server.seen()[0];
    let expected = serde_json::json!({"A": "file", "B": "local", "C": "flag"});
    assert_eq!(environment(seen), Some(expected));
    let paths: Vec<String> = files(seen).into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["CLAUDE.md", "docs/.env"]);
}

#[test]
fn a_deploy_can_be_quiet_and_for_programs() {
    let folder = folder(&[("CLAUDE.md", "")]);
    let server = server();
    let said = Ashctl::new()
        .server(&server)
        .directory(folder.path())
        .args(["deploy", ".", "-q", "-o", "id"])
        .run();
    said.succeeds("qa-bot\n");
    ashctl(&server, ["deploy", text(folder.path()), "-qo", "jsonl"])
        .succeeds(&format!("{AGENT}\n"));
}

#[test]
fn a_large_folder_is_streamed() {
    let folder = folder(&[("CLAUDE.md", "")]);
    let large = vec![7_u8; 8 << 20];
    std::fs::write(folder.path().join("large.bin"), &large).unwrap();
    let server = server();
    ashctl(&server, ["deploy", text(folder.path()), "-n", "qa-bot"]).succeeds(DEPLOYED);
    let seen = &server.seen()[0];
    assert_eq!(seen.header("transfer-encoding"), Some("chunked"));
    assert!(seen.complete && seen.body.len() > large.len());
}

#[test]
fn a_folder_that_is_no_agent_is_refused_here() {
    let folder = folder(&[("README.md", "")]);
    let server = server();
    ashctl(&server, ["deploy", text(folder.path()), "-n", "qa-bot"]).ends(
        2,
        "",
        "error: agent directory must contain CLAUDE.md\n\
         hint: write what the agent is to do into CLAUDE.md\n",
    );
    assert_eq!(server.lines().len(), 0);
    let said = ashctl(&server, ["deploy", "/nowhere/at/all"]);
    assert_eq!(said.status, 2, "{said:?}");
}

#[test]
fn a_folder_that_the_server_refuses_is_a_bad_request() {
    let folder = folder(&[("CLAUDE.md", "")]);
    let server = Scripted::new(|_| problem(413, "body_too_large", "the folder is too large"));
    ashctl(&server, ["deploy", text(folder.path()), "-n", "qa-bot"]).ends(
        5,
        "",
        "error: the folder is too large\n",
    );
}

#[test]
fn a_bad_line_of_variables_is_named_but_not_shown() {
    let folder = folder(&[("CLAUDE.md", ""), (".env", "# ok\nhunter2\n")]);
    let said = ashctl(&server(), ["deploy", text(folder.path()), "-n", "qa-bot"]);
    let expected =
        format!("error: line 2 of `{}/.env` is not `NAME=VALUE`\n", folder.path().display());
    said.ends(2, "", &expected);
}

#[test]
fn hosts_go_along_or_stay_as_they_are() {
    let folder = folder(&[("CLAUDE.md", "x")]);
    let both = ["--allow-host", "github.com", "--allow-host", "*.npmjs.org"];
    for (options, sent) in
        [(&[][..], None), (&both, Some("github.com,*.npmjs.org")), (&["--allow-host="], Some(""))]
    {
        let server = server();
        let deploy = ["deploy", text(folder.path()), "--name", "qa-bot"];
        ashctl(&server, [&deploy[..], options].concat()).succeeds(DEPLOYED);
        assert_eq!(server.seen()[0].header("ash-agent-hosts"), sent, "{options:?}");
    }
}
