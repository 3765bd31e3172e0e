//! Pages of the log and its two views.

use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn a_page_ends_at_its_rows_or_its_bytes_but_never_before_one_row() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let sized = |sequence, bytes| NewFrame { data: Bytes::from(vec![0; bytes]), ..frame(sequence) };
    store
        .append(step(key, [sized(1, 10), sized(2, 10), sized(3, 100), sized(4, 0)]))
        .await
        .unwrap();
    for (after, limit, bytes_max, expected) in [
        (0, 10, usize::MAX, &[1, 2, 3, 4][..]),
        (0, 3, usize::MAX, &[1, 2, 3]),
        (0, 10, 20, &[1, 2]),
        (0, 10, 19, &[1]),
        (0, 10, 0, &[1]),
        (2, 10, 1, &[3]),
        (2, 10, 100, &[3, 4]),
        (4, 10, usize::MAX, &[]),
        (u64::from(u32::MAX), 10, usize::MAX, &[]),
        (0, 0, usize::MAX, &[]),
    ] {
        let found = store.frames(key, Page { after, limit, bytes_max }).await.unwrap();
        assert_eq!(sequences(&found), expected, "after {after}, {limit} rows, {bytes_max} bytes");
    }
}

#[tokio::test]
async fn a_wide_frame_is_read_while_any_of_its_numbers_is_new() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    store.append(step(key, [NewFrame { width: 5, ..frame(5) }, frame(6)])).await.unwrap();
    for (after, expected) in [(0, &[5, 6][..]), (4, &[5, 6]), (5, &[6]), (6, &[])] {
        let found = store.frames(key, page(after, 10)).await.unwrap();
        assert_eq!(sequences(&found), expected, "after {after}");
    }
}

#[tokio::test]
async fn messages_come_with_the_frame_that_holds_them() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let said =
        |sequence, number, role| NewFrame { message: Some((number, role)), ..frame(sequence) };
    let frames = [said(1, 1, Role::User), frame(2), said(3, 2, Role::Assistant), frame(4)];
    store.append(step(key, frames)).await.unwrap();
    let messages = store.messages(key, page(0, 10)).await.unwrap();
    let seen: Vec<_> =
        messages.iter().map(|m| (m.sequence, m.role, m.at, m.frame.sequence)).collect();
    assert_eq!(seen, [(1, Role::User, at(1), 1), (2, Role::Assistant, at(3), 3)]);
    assert_eq!(&messages[1].frame.data[..], b"frame 3");
    assert_eq!(store.messages(key, page(1, 10)).await.unwrap(), messages[1..]);
    assert_eq!(store.messages(key, page(0, 1)).await.unwrap(), messages[..1]);
    assert_eq!(store.messages(key, page(2, 10)).await.unwrap(), []);
}

#[tokio::test]
async fn the_timeline_is_read_whole_or_by_kind_and_parts_share_their_frame() {
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let entry = |sequence, part, kind| TimelineRow { sequence, part, kind };
    let frames = [
        NewFrame { timeline: vec![entry(1, 0, "text"), entry(2, 65535, "tool_start")], ..frame(1) },
        frame(2),
        NewFrame { timeline: vec![entry(3, 0, "text")], ..frame(3) },
    ];
    store.append(step(key, frames)).await.unwrap();
    let timeline = store.timeline(key, page(0, 10), None).await.unwrap();
    let seen: Vec<_> = timeline
        .iter()
        .map(|entry| (entry.sequence, entry.part, entry.kind.as_str(), entry.frame.sequence))
        .collect();
    assert_eq!(seen, [(1, 0, "text", 1), (2, 65535, "tool_start", 1), (3, 0, "text", 3)]);
    assert_eq!(timeline[0].frame.data.as_ptr(), timeline[1].frame.data.as_ptr());

    let texts = store.timeline(key, page(0, 10), Some("text")).await.unwrap();
    assert_eq!(texts.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 3]);
    let texts = store.timeline(key, page(1, 10), Some("text")).await.unwrap();
    assert_eq!(texts.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [3]);
    assert_eq!(store.timeline(key, page(0, 10), Some("none")).await.unwrap(), []);

    // Two parts of one frame weigh once.
    let narrow = Page { after: 0, limit: 10, bytes_max: "frame 1".len() };
    assert_eq!(store.timeline(key, narrow, None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_log_of_100_000_frames_is_read_in_pages_that_keep_their_size() {
    const FRAMES: u64 = 100_000;
    const BYTES_MAX: usize = 64 << 10;
    let fixture = Fixture::new();
    let (store, key) = (&fixture.store, fixture.session().await.key);
    let data = Bytes::from(vec![b'x'; 300]);
    for first in (1..=FRAMES).step_by(5_000) {
        let frames = (first..first + 5_000).map(|n| NewFrame { data: data.clone(), ..frame(n) });
        store.append(step(key, frames)).await.unwrap();
    }
    let (mut after, mut pages) = (0, 0_usize);
    loop {
        let bounded = Page { after, limit: 1_000, bytes_max: BYTES_MAX };
        let found = store.frames(key, bounded).await.unwrap();
        let Some(last) = found.last() else { break };
        assert!(found.iter().map(|frame| frame.data.len()).sum::<usize>() <= BYTES_MAX);
        let expected: Vec<_> = (after + 1..=last.sequence).collect();
        assert_eq!(sequences(&found), expected);
        after = last.sequence;
        pages += 1;
    }
    assert_eq!(after, FRAMES);
    // 218 frames of 300 bytes fit into a page.
    assert_eq!(pages, 100_000_usize.div_ceil(BYTES_MAX / 300));
}

/// What may be offered: how far beyond the last number, how wide, how many bytes.
fn offers() -> impl Strategy<Value = Vec<(u64, u32, usize)>> {
    let offer = (prop_oneof![9 => Just(0_u64), 1 => 1..3_u64], 0..5_u32, 0..40_usize);
    prop::collection::vec(offer, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_what_a_list_would_be(
        offers in offers(),
        after in 0..120_u64,
        limit in 0..50_u32,
        bytes_max in 0..400_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new();
            let (store, key) = (&fixture.store, fixture.session().await.key);
            let mut model: Vec<NewFrame> = Vec::new();
            for (beyond, width, bytes) in offers {
                let last = model.last().map_or(0, |frame| frame.sequence);
                let offered = NewFrame {
                    width,
                    data: Bytes::from(vec![b'x'; bytes]),
                    ..frame(last + u64::from(width) + beyond)
                };
                let outcome = store.append(step(key, [offered.clone()])).await;
                assert_eq!(outcome.is_ok(), beyond == 0 && width > 0, "{outcome:?}");
                if outcome.is_ok() {
                    model.push(offered);
                }
            }
            let last = model.last().map_or(0, |frame| frame.sequence);
            assert_eq!(store.counters(key).await.unwrap().frame, last);

            let mut bytes = 0;
            let expected: Vec<_> = model
                .iter()
                .filter(|frame| frame.sequence > after)
                .take(usize::try_from(limit).unwrap())
                .enumerate()
                .take_while(|(index, frame)| {
                    bytes += frame.data.len();
                    *index == 0 || bytes <= bytes_max
                })
                .map(|(_, frame)| (frame.sequence, frame.width, frame.data.clone()))
                .collect();
            let found = store.frames(key, Page { after, limit, bytes_max }).await.unwrap();
            let found: Vec<_> =
                found.into_iter().map(|frame| (frame.sequence, frame.width, frame.data)).collect();
            assert_eq!(found, expected);
            store.close().await;
        });
    }
}
