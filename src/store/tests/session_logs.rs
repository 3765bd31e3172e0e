//! Logs of a session: the newest lines, within their bounds.

use super::super::session_logs::{BYTES_MAX, LINES_MAX};
use super::*;

pub(super) fn line(text: &str) -> NewLogLine {
    NewLogLine { at: at(11), source: LogSource::Stderr, text: text.to_owned() }
}

async fn say(store: &Store, key: i64, logs: Vec<NewLogLine>) {
    store.append(Append { logs, ..step(key, []) }).await.unwrap();
}

#[tokio::test]
async fn lines_are_numbered_without_gaps_and_read_from_any_place() {
    let fixture = Fixture::new();
    let (key, other) = (fixture.session().await.key, fixture.session().await.key);
    let store = &fixture.store;
    say(store, key, vec![line("a"), line("")]).await;
    say(store, other, vec![line("x")]).await;
    say(store, key, vec![line("c")]).await;
    let texts = async |after| -> Vec<(u64, String)> {
        let lines = store.logs(key, after).await.unwrap();
        lines.into_iter().map(|line| (line.line, line.text)).collect()
    };
    let expected = [(0, "a"), (1, ""), (2, "c")].map(|(line, text)| (line, text.to_owned()));
    assert_eq!(texts(None).await, expected);
    assert_eq!(texts(Some(0)).await, expected[1..]);
    assert_eq!(texts(Some(9)).await, []);
}

#[tokio::test]
async fn the_oldest_lines_go() {
    let fixture = Fixture::new();
    let key = fixture.session().await.key;
    let store = &fixture.store;
    for _batch in 0..12 {
        say(store, key, vec![line("x"); 1_000]).await;
    }
    let lines = store.logs(key, None).await.unwrap();
    assert_eq!((lines.len() as u64, lines[0].line), (LINES_MAX, 12_000 - LINES_MAX));
    let large = "y".repeat(8 << 10);
    for _batch in 0..12 {
        say(store, key, vec![line(&large); 64]).await;
    }
    let lines = store.logs(key, None).await.unwrap();
    let bytes: usize = lines.iter().map(|line| line.text.len()).sum();
    assert_eq!(bytes as u64, BYTES_MAX);
    assert_eq!(lines.last().unwrap().line, 12_000 + 12 * 64 - 1);
    say(store, key, vec![line(&"z".repeat(9 << 20))]).await;
    assert_eq!(store.logs(key, None).await.unwrap().len(), 1, "the last is kept");
}
