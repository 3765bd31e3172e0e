//! What `ashctl session` does with a workspace, its rest and its options: the real `ashctl` with a
//! real `ashd` whose sandboxes are simulated.

use crate::simulated::{Ashd, text};

#[test]
fn files_go_in_and_out() {
    let ashd = Ashd::start();
    let session = ashd.session();
    let place = |name: &str| ashd.folder.path().join(name);
    std::fs::write(place("data.csv"), "a,b\n1,2\n").unwrap();
    ashd.prints(&["session", "put", &session, text(&place("data.csv")), "in/data.csv"]);
    assert_eq!(ashd.prints(&["session", "files", &session, "in/data.csv"]), "a,b\n1,2\n");
    let saved = place("workspace.tar.gz");
    ashd.prints(&["session", "pull", &session, text(&saved)]);
    assert!(std::fs::metadata(&saved).unwrap().len() > 0);
    ashd.prints(&["session", "rm", &session, "in/data.csv"]);
    let gone = ashd.run(&["session", "files", &session, "in/data.csv"]);
    assert_eq!((gone.status, gone.stdout.as_str()), (4, ""), "{gone:?}");
    ashd.prints(&["session", "push", &session, text(&saved)]);
    assert_eq!(ashd.prints(&["session", "files", &session, "in/data.csv"]), "a,b\n1,2\n");
}

#[test]
fn an_attachment_lies_in_the_workspace_until_it_is_removed() {
    let ashd = Ashd::start();
    let session = ashd.session();
    let file = ashd.folder.path().join("report.txt");
    std::fs::write(&file, "all is well\n").unwrap();
    let id = ashd.prints(&["session", "attachment", "add", &session, text(&file), "-q"]);
    let listed = ashd.prints(&["session", "attachment", "list", &session, "-o", "id"]);
    assert_eq!(listed, id);
    let read = ashd.prints(&["session", "attachment", "get", id.trim_end()]);
    assert_eq!(read, "all is well\n");
    let inside = ashd.prints(&["session", "files", &session, "attachments/report.txt"]);
    assert_eq!(inside, "all is well\n");
    ashd.prints(&["session", "attachment", "rm", id.trim_end()]);
    assert_eq!(ashd.prints(&["session", "attachment", "list", &session, "-o", "id"]), "");
}

#[test]
fn a_command_ends_as_it_would_have_ended_here() {
    let ashd = Ashd::start();
    let session = ashd.session();
    let words = ["session", "exec", &session, "--"];
    let said = ashd.run(&[&words[..], &["sh", "-c", "echo out; echo err >&2; exit 7"]].concat());
    assert_eq!((said.status, said.stdout.as_str()), (7, "out\n"), "{said:?}");
    assert!(said.stderr.contains("err\n"), "{said:?}");
}

#[test]
fn a_session_rests_wakes_and_is_configured() {
    let ashd = Ashd::start();
    let session = ashd.session();
    for (verb, done) in [("pause", "Paused"), ("resume", "Resumed"), ("stop", "Stopped")] {
        let said = ashd.prints(&["session", verb, &session]);
        assert_eq!(said, format!("{done} session {session}\n"));
    }
    ashd.prints(&["session", "config", &session, "--model", "haiku"]);
    ashd.prints(&["session", "budget", &session, "--tokens", "900000"]);
    let shown = ashd.prints(&["session", "show", &session, "-o", "json"]);
    assert!(shown.contains(r#""model":"haiku""#) && shown.contains("900000"), "{shown}");
    ashd.run(&["send", &session, "[[say:awake]]"]).succeeds("awake\n");
    let told = ashd.prints(&["session", "timeline", &session, "--type", "text", "-o", "jsonl"]);
    assert!(told.contains("awake") && told.lines().count() == 1, "{told}");
    let people = ashd.prints(&["session", "timeline", &session]);
    assert!(people.starts_with("NUMBER  WHEN"), "{people}");
    assert!(people.contains("turn_complete"), "{people}");
}

#[test]
fn what_is_counted_is_told_by_the_figure_and_for_all() {
    let ashd = Ashd::start();
    let session = ashd.session();
    ashd.run(&["send", &session, "[[say:hi]]"]).succeeds("hi\n");
    let figures = ashd.prints(&["usage", "--by", "figure", "--session", &session]);
    assert!(figures.starts_with("ENDED ") && figures.contains("turn "), "{figures}");
    let all = ashd.prints(&["usage", "--by", "tenant", "--since", "1d"]);
    assert!(all.contains("sessions    1\n") && all.contains("states      1 active\n"), "{all}");
    assert_eq!(ashd.run(&["usage", "--by", "tenant", "-n", "3"]).status, 2);
    assert!(ashd.prints(&["metrics"]).contains("# TYPE ash_up gauge\n"));
}

#[test]
fn credentials_of_tenants_are_kept_apart() {
    let ashd = Ashd::start();
    let create = ["credential", "create", "--label", "theirs", "-q", "--tenant", "acme"];
    let made = ashd.ashctl(&create).stdin("sk-ant-theirs\n").run();
    assert_eq!(made.status, 0, "{made:?}");
    let list = ["credential", "list", "-o", "id"];
    assert_eq!(ashd.prints(&list), "");
    let theirs = [&list[..], &["--tenant", "acme"]].concat();
    assert_eq!(ashd.prints(&theirs), made.stdout);
    let id = made.stdout.trim_end();
    assert_eq!(ashd.run(&["credential", "delete", id]).status, 4);
    ashd.prints(&["credential", "delete", id, "--tenant", "acme"]);
    assert_eq!(ashd.prints(&theirs), "");
}
