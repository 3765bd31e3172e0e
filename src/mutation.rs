//! Bytes that were right once, for tests of what reads the bytes of others. `PROPTEST_CASES` says
//! how many; the cases that failed once are kept beside the test that they belong to.

use proptest::prelude::*;
use proptest::sample::Index;

/// One change.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Cut(Index),
}

/// What parsers trip over.
const ODD: [&[u8]; 10] = [
    b"\0",
    b"\r\n",
    b"\n\n",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"../",
    b"-1",
    b"99999999999999999999",
    b"[[[[[[[[",
    b"\"\\u0000\"",
];

fn change() -> impl Strategy<Value = Change> {
    let bytes = prop_oneof![
        prop::sample::select(&ODD[..]).prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 1..8),
    ];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        (any::<Index>(), bytes).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<Index>(), 1..16_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (any::<Index>(), 1..64_usize).prop_map(|(at, count)| Change::Repeat(at, count)),
        any::<Index>().prop_map(Change::Cut),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    let end = |at: usize, count: usize| (at + count).min(length);
    match change {
        Change::Set(at, byte) => bytes[at.index(length)] = *byte,
        Change::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
        Change::Insert(at, new) => {
            let at = at.index(length);
            bytes.splice(at..at, new.iter().copied());
        }
        Change::Remove(at, count) => {
            let at = at.index(length);
            bytes.drain(at..end(at, *count));
        }
        Change::Repeat(at, count) => {
            let at = at.index(length);
            let again = bytes[at..end(at, *count)].to_vec();
            bytes.splice(at..at, again);
        }
        Change::Cut(at) => bytes.truncate(at.index(length)),
    }
}

/// One of `seeds` with up to eight changes, or bytes that were never right.
pub(crate) fn mutated(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let changed = (prop::sample::select(seeds), prop::collection::vec(change(), 0..8));
    prop_oneof![
        9 => changed.prop_map(|(mut bytes, changes)| {
            for change in &changes {
                apply(&mut bytes, change);
            }
            bytes
        }),
        1 => prop::collection::vec(any::<u8>(), 0..256),
    ]
}
