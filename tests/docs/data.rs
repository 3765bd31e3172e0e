//! JSON in the pages is JSON, and the example of a stream is one.

use serde_json::Value;

use crate::pages::{assert_none, blocks};

#[test]
fn every_example_of_json_is_json() {
    let examples = blocks("json");
    assert!(examples.len() >= 3);
    let wrong = examples.iter().filter_map(|example| {
        let error = serde_json::from_str::<Value>(&example.text).err()?;
        Some(format!("{}: {error}", example.place))
    });
    assert_none(&wrong.collect::<Vec<_>>());
}

#[test]
fn the_example_of_a_stream_has_growing_ids_and_ends_with_done() {
    let streams = blocks("sse");
    assert!(!streams.is_empty());
    for stream in streams {
        let events: Vec<Vec<&str>> =
            stream.text.trim_end().split("\n\n").map(|event| event.lines().collect()).collect();
        let mut last = 0;
        for lines in &events {
            let [id, event, data] = lines[..] else { panic!("{}: {lines:?}", stream.place) };
            let id: u64 = id.strip_prefix("id: ").unwrap().parse().unwrap();
            assert!(id > last, "{}: {id} behind {last}", stream.place);
            last = id;
            assert!(event.starts_with("event: "), "{}: {event}", stream.place);
            let data = data.strip_prefix("data: ").unwrap();
            // What is cut out is marked.
            let whole = data.contains('…') || serde_json::from_str::<Value>(data).is_ok();
            assert!(whole, "{}: {data}", stream.place);
        }
        let names = [events.first().unwrap()[1], events.last().unwrap()[1]];
        assert_eq!(names, ["event: session_start", "event: done"], "{}", stream.place);
    }
}
