//! What is printed where, in which colors.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use nix::pty::{Winsize, openpty};

use crate::program::Ashctl;
use crate::scripted::{Reply, Scripted, event, json};
use crate::sessions::ONE;

/// Runs `ashctl` with a terminal as its standard output, and tells what reached it.
fn on_a_terminal(ashctl: Ashctl) -> String {
    on_a_terminal_of(ashctl, None)
}

/// The same with that many columns.
fn on_a_terminal_of(mut ashctl: Ashctl, columns: Option<u16>) -> String {
    let size =
        columns.map(|columns| Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 });
    let terminal = openpty(size.as_ref(), None).unwrap();
    ashctl.command.stdin(Stdio::null()).stdout(Stdio::from(terminal.slave)).stderr(Stdio::null());
    let mut child = ashctl.command.spawn().unwrap();
    // The last one who holds the terminal open is the program.
    drop(ashctl);
    let seen = read_to_end(terminal.master);
    assert!(child.wait().unwrap().success(), "{seen}");
    seen.replace("\r\n", "\n")
}

/// All that comes until the other end of a terminal is closed, which Linux tells as an error.
fn read_to_end(master: OwnedFd) -> String {
    let mut seen = vec![];
    let mut file = std::fs::File::from(master);
    let mut chunk = [0; 4096];
    while let Ok(bytes @ 1..) = file.read(&mut chunk) {
        seen.extend_from_slice(&chunk[..bytes]);
    }
    String::from_utf8(seen).unwrap()
}

fn hostile() -> Scripted {
    Scripted::new(|seen| {
        if seen.line.ends_with("/messages") {
            Reply::Events(vec![
                event("text_delta", r#"{"delta":"a\u001b"}"#),
                event("text_delta", r#"{"delta":"]0;x\u0007[31mb\u009b2J"}"#),
                event("done", "{}"),
            ])
        } else {
            json("{\"agents\":[],\"x\":\"\u{9b}2J\"}")
        }
    })
}

#[test]
fn a_terminal_gets_deltas_and_no_control_sequences() {
    let server = hostile();
    let seen = on_a_terminal(Ashctl::new().server(&server).args(["send", ONE, "Hi"]));
    assert_eq!(seen, "a]0;x[31mb\n");
    assert_eq!(server.seen()[0].json()["includePartialMessages"], true);
}

#[test]
fn a_pipe_gets_every_byte() {
    let said = Ashctl::new().server(&hostile()).args(["send", ONE, "Hi"]).run();
    said.succeeds("a\u{1b}]0;x\u{7}[31mb\u{9b}2J\n");
}

#[test]
fn json_on_a_terminal_is_the_same_value_without_control_characters() {
    let server = hostile();
    let list = || Ashctl::new().server(&server).args(["agent", "list", "-o", "json"]);
    assert_eq!(on_a_terminal(list()), "{\"agents\":[],\"x\":\"\\u009b2J\"}\n");
    list().run().succeeds("{\"agents\":[],\"x\":\"\u{9b}2J\"}\n");
}

#[test]
fn a_terminal_has_colors_unless_they_are_not_wanted() {
    let server = hostile();
    let list = || Ashctl::new().server(&server).env("TERM", "xterm").args(["agent", "list"]);
    let header = "NAME  VERSION  FILES  SIZE  DEPLOYED";
    assert_eq!(on_a_terminal(list()), format!("\u{1b}[1m{header}\u{1b}[0m\n"));
    assert_eq!(on_a_terminal(list().env("NO_COLOR", "1")), format!("{header}\n"));
    list().run().succeeds(&format!("{header}\n"));
}

#[test]
fn a_list_is_no_wider_than_the_terminal_unless_it_may_be() {
    let server = hostile();
    let list = |format| Ashctl::new().server(&server).args(["agent", "list", "-o", format]);
    let narrow = |ashctl| on_a_terminal_of(ashctl, Some(20));
    assert_eq!(narrow(list("table")), "NAME  VERSION  FILE…\n");
    let all = "NAME  VERSION  FILES  SIZE  DEPLOYED  CREATED  ID  DIGEST\n";
    assert_eq!(narrow(list("wide")), all);
    assert_eq!(on_a_terminal_of(list("table"), Some(36)), "NAME  VERSION  FILES  SIZE  DEPLOYED\n");
    list("wide").run().succeeds(all);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let agent = r#"{"name":"x"}"#;
    let agents = vec![agent; 20_000].join(",");
    let server = Scripted::new(move |_| json(format!(r#"{{"agents":[{agents}]}}"#)));
    let mut child = Ashctl::new().server(&server).args(["agent", "list", "-o", "jsonl"]).start();
    let mut first = [0; 12];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    crate::program::said(child).succeeds("");
}

#[test]
fn a_full_disk_is_a_failure() {
    let mut ashctl = Ashctl::new().server(&hostile()).args(["agent", "list"]);
    let server = hostile();
    ashctl = ashctl.server(&server);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = ashctl.command.stdout(Stdio::from(full)).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: the standard output cannot be written: "), "{stderr}");
}
