//! The clock of the wall is set while ashd runs: what it measures goes by another.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::server::Server;

const DAY_MILLISECONDS: i64 = 86_400_000;

fn set(file: &Path, days: i64) {
    // In one step: it is read all the time.
    let new = file.with_extension("new");
    std::fs::write(&new, (days * DAY_MILLISECONDS).to_string()).unwrap();
    std::fs::rename(new, file).unwrap();
}

#[test]
fn a_clock_that_is_set_changes_neither_turns_nor_their_order_nor_what_rests() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clock");
    set(&file, 0);
    let server = Server::start_in(folder, &[("ASH_TEST_CLOCK", file.to_str().unwrap())]);
    let session = server.session();
    let path = format!("/api/sessions/{session}");
    let before = server.get(&path).body["session"]["createdAt"].as_str().unwrap().to_owned();
    for days in [-400, 3, -2, 700] {
        let text = format!("set by {days}");
        let content = format!("[[chunks:8:40]][[say:{text}]]");
        // A day would be over at once.
        let body =
            json!({ "content": content, "includePartialMessages": true, "timeoutSeconds": 3_600 });
        let (mut events, mut is_set) = (Vec::new(), false);
        for event in server.stream(&session, &body) {
            if event.name == "text_delta" && !std::mem::replace(&mut is_set, true) {
                set(&file, days);
            }
            events.push(event);
        }
        assert!(events.is_sorted_by(|one, next| one.id < next.id), "{events:?}");
        assert!(!events.iter().any(|event| event.name == "error"), "{events:?}");
        let said: String = events.iter().filter_map(|event| event.data["delta"].as_str()).collect();
        assert_eq!(said, text, "every piece once and in order");
        // It was hot, and nobody let it rest for as long as that takes.
        let shown = server.get(&path).body["session"].clone();
        assert_eq!(shown["tier"], "hot", "{shown}");
        let day = |at: &str| at.split_once('T').unwrap().0.to_owned();
        let last = shown["lastActiveAt"].as_str().unwrap();
        assert_ne!(day(last), day(&before), "the clock was set");
        let uptime = server.get("/health").body["uptime"].as_f64().unwrap();
        assert!((0.0..Duration::from_mins(10).as_secs_f64()).contains(&uptime), "{uptime}");
    }
    let messages = server.get(&format!("{path}/messages?limit=100")).body["messages"].clone();
    let told: Vec<_> = messages.as_array().unwrap().iter().map(ToString::to_string).collect();
    let places = [-400, 3, -2, 700]
        .map(|days| told.iter().rposition(|one| one.contains(&format!("set by {days}"))).unwrap());
    assert!(places.is_sorted(), "{places:?}");
    assert_eq!(server.get(&path).body["session"]["createdAt"], before.as_str());
}
