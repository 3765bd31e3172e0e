//! `ashctl session attachment`.

use serde_json::json;

use crate::program::ashctl;
use crate::scripted::{Reply, Scripted, json as reply, problem};
use crate::sessions::ONE;

const ID: &str = "1f0d2c7e-3b8a-4f51-9d39-0a5f0f7c2b11";

fn attachment() -> String {
    json!({
        "id": ID, "tenantId": "default", "sessionId": ONE, "filename": "report.pdf",
        "mimeType": "application/pdf", "size": 2048, "path": "attachments/report.pdf",
        "createdAt": "2026-11-20T08:00:00.000Z",
    })
    .to_string()
}

#[test]
fn a_file_is_attached_under_its_name_or_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.pdf");
    std::fs::write(&file, b"%PDF\xff").unwrap();
    let answer = format!(r#"{{"attachment":{}}}"#, attachment());
    let server = Scripted::new(move |_| Reply::Whole(201, answer.clone()));
    let words = ["session", "attachment", "add", ONE, file.to_str().unwrap()];
    ashctl(&server, words).ends(
        0,
        &format!("{ID}\n"),
        "it is `attachments/report.pdf` of the workspace\n",
    );
    let other = ["--name", "q3.pdf", "--type", "application/pdf", "-q"];
    ashctl(&server, [&words[..], &other].concat()).succeeds(&format!("{ID}\n"));
    let target = format!("POST /api/sessions/{ONE}/attachments");
    assert_eq!(server.lines(), [&*target, &*target]);
    let content = "JVBERv8=";
    assert_eq!(server.seen()[0].json(), json!({ "filename": "report.pdf", "content": content }));
    assert_eq!(
        server.seen()[1].json(),
        json!({ "filename": "q3.pdf", "content": content, "mimeType": "application/pdf" })
    );
    let missing = ashctl(&server, ["session", "attachment", "add", ONE, "/nowhere/at/all"]);
    assert_eq!((missing.status, server.lines().len()), (2, 2), "{missing:?}");
}

#[test]
fn attachments_are_listed_for_people_and_for_programs() {
    let list = format!(r#"{{"attachments":[{}]}}"#, attachment());
    let server = Scripted::new(move |_| reply(list.clone()));
    let words = ["session", "attachment", "list", ONE];
    ashctl(&server, [&words[..], &["--full"]].concat()).succeeds(&format!(
        "ID                                    SIZE      TYPE             ATTACHED                  PATH\n\
         {ID}  2.00 KiB  application/pdf  2026-11-20T08:00:00.000Z  attachments/report.pdf\n"
    ));
    ashctl(&server, [&words[..], &["-o", "jsonl"]].concat())
        .succeeds(&format!("{}\n", attachment()));
}

#[test]
fn an_attachment_is_printed_as_it_is_and_removed() {
    let server = Scripted::new(|seen| {
        if seen.line.starts_with("GET ") { reply("%PDF\n\u{1b}[31m") } else { reply("{}") }
    });
    ashctl(&server, ["session", "attachment", "get", ID]).succeeds("%PDF\n\u{1b}[31m");
    ashctl(&server, ["session", "attachment", "rm", ID]).succeeds("Removed the attachment\n");
    let target = format!("/api/attachments/{ID}");
    assert_eq!(server.lines(), [format!("GET {target}"), format!("DELETE {target}")]);
    let server = Scripted::new(|_| problem(404, "attachment_not_found", "Attachment not found"));
    let said = ashctl(&server, ["session", "attachment", "get", ID]);
    assert_eq!((said.status, said.stdout.as_str()), (4, ""), "{said:?}");
}
