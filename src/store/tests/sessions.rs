//! Sessions: their rows, their lists, their uids.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::*;

const BLOCK: Range<u32> = 100_000..100_004;

fn with_uid(block: Range<u32>) -> NewSession {
    NewSession { uid_block: Some(block), ..new_session() }
}

fn all() -> SessionFilter {
    SessionFilter { agent: None, status: None, limit: 100, offset: 0, after: None }
}

fn ending(millis: i64) -> SessionChange {
    SessionChange { status: Some((Status::Ended, at(millis))), ..SessionChange::default() }
}

async fn create_uid(store: &Store) -> SessionRecord {
    store.create_session(with_uid(BLOCK)).await.unwrap()
}

#[tokio::test]
async fn a_session_reads_back_as_it_was_made() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let parent = fixture.session().await;
    let new = NewSession {
        model: Some("opus".to_owned()),
        placeholder: "sk-placeholder".to_owned(),
        parent: Some(parent.id),
        agent_version: u32::MAX,
        ..with_uid(BLOCK)
    };
    let made = store.create_session(new.clone()).await.unwrap();
    let found = store.session(DEFAULT_TENANT, new.id).await.unwrap().unwrap();
    assert_eq!(found, made);
    assert_eq!((found.id, found.parent, found.uid), (new.id, Some(parent.id), Some(BLOCK.start)));
    assert_eq!((&found.options, &found.environment), (&new.options, &new.environment));
    assert_eq!((found.model, found.agent_version), (new.model, u32::MAX));
    assert_eq!((found.created_at, found.last_active_at), (at(0), at(0)));
    assert_eq!((found.bridge_stored, found.sandbox_generation), (0, 0));
    assert_eq!(store.session("other", new.id).await.unwrap(), None);
    assert_eq!(store.session(DEFAULT_TENANT, SessionId::new()).await.unwrap(), None);
}

#[tokio::test]
async fn an_id_or_a_placeholder_is_given_once() {
    let Fixture { store, .. } = &Fixture::new();
    let new = NewSession { placeholder: "p".to_owned(), ..new_session() };
    store.create_session(new.clone()).await.unwrap();
    let same_id = NewSession { placeholder: "q".to_owned(), ..new.clone() };
    let same_placeholder = NewSession { id: SessionId::new(), ..new };
    for twice in [same_id, same_placeholder] {
        assert!(matches!(store.create_session(twice).await, Err(StoreError::Exists)));
    }
    assert_eq!(store.sessions(DEFAULT_TENANT, all()).await.unwrap().1, 1);
}

#[tokio::test]
async fn a_change_changes_what_it_names_and_nothing_else() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let made = fixture.session().await;
    store.update_session(made.id, SessionChange::default()).await.unwrap();
    assert_eq!(store.session(DEFAULT_TENANT, made.id).await.unwrap().as_ref(), Some(&made));

    let change = SessionChange {
        status: Some((Status::Paused, at(5))),
        last_active_at: Some(at(6)),
        sandbox_generation: Some(2),
        bridge_stored: Some(9),
        model: Some(Some("haiku".to_owned())),
        environment: Some(Environment::new()),
        budget: Some(BudgetRecord { tokens: Some(7), money: None }),
        options: Some(r#"{"a":1}"#.to_owned()),
    };
    store.update_session(made.id, change).await.unwrap();
    let expected = SessionRecord {
        status: Status::Paused,
        last_active_at: at(6),
        sandbox_generation: 2,
        bridge_stored: 9,
        options: r#"{"a":1}"#.to_owned(),
        model: Some("haiku".to_owned()),
        environment: Environment::new(),
        budget: BudgetRecord { tokens: Some(7), money: None },
        ..made
    };
    let found = store.session(DEFAULT_TENANT, expected.id).await.unwrap();
    assert_eq!(found, Some(expected));
    let unknown = store.update_session(SessionId::new(), SessionChange::default()).await;
    assert!(matches!(unknown, Err(StoreError::NoSuchSession)));
}

#[tokio::test]
async fn sessions_are_listed_newest_first_by_page_with_the_total_of_all_pages() {
    let Fixture { store, .. } = &Fixture::new();
    let mut ids = Vec::new();
    for millis in [1, 3, 2, 3] {
        let new = NewSession { created_at: at(millis), ..new_session() };
        ids.push(store.create_session(new).await.unwrap().id);
    }
    store.create_session(NewSession { tenant: "other".to_owned(), ..new_session() }).await.unwrap();
    let newest_first = [ids[3], ids[1], ids[2], ids[0]];
    for (limit, offset, expected) in [
        (100, 0, &newest_first[..]),
        (2, 0, &newest_first[..2]),
        (2, 1, &newest_first[1..3]),
        (2, 3, &newest_first[3..]),
        (2, 4, &[]),
        (0, 0, &[]),
    ] {
        let filter = SessionFilter { limit, offset, ..all() };
        let (sessions, total) = store.sessions(DEFAULT_TENANT, filter).await.unwrap();
        let listed: Vec<_> = sessions.iter().map(|session| session.id).collect();
        assert_eq!((&listed[..], total), (expected, 4), "limit {limit}, offset {offset}");
    }
    // Page by page, each behind the last of the one before; moments may be the same.
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let filter = SessionFilter { limit: 1, after, ..all() };
        let (sessions, total) = store.sessions(DEFAULT_TENANT, filter).await.unwrap();
        assert_eq!(total, 4);
        let Some(last) = sessions.last() else { break };
        seen.extend(sessions.iter().map(|session| session.id));
        after = Some((last.created_at, last.key));
    }
    assert_eq!(seen, newest_first);
}

#[tokio::test]
async fn a_list_is_filtered_by_agent_and_status() {
    let Fixture { store, .. } = &Fixture::new();
    for (agent, status) in
        [("a", Status::Active), ("a", Status::Paused), ("b", Status::Active), ("b", Status::Error)]
    {
        let agent_name = agent.parse().unwrap();
        store.create_session(NewSession { agent_name, status, ..new_session() }).await.unwrap();
    }
    for (agent, status, expected) in [
        (None, None, 4),
        (Some("a"), None, 2),
        (None, Some(Status::Active), 2),
        (Some("b"), Some(Status::Error), 1),
        (Some("a"), Some(Status::Error), 0),
        (Some("c"), None, 0),
    ] {
        let filter =
            SessionFilter { agent: agent.map(|name| name.parse().unwrap()), status, ..all() };
        let (sessions, total) = store.sessions(DEFAULT_TENANT, filter).await.unwrap();
        assert_eq!((sessions.len(), total), (expected, u64::try_from(expected).unwrap()));
        for session in sessions {
            assert!(agent.is_none_or(|agent| agent == session.agent_name.as_str()));
            assert!(status.is_none_or(|status| status == session.status));
        }
    }
    let counts = store.session_counts().await.unwrap();
    let expected = BTreeMap::from([(Status::Active, 2), (Status::Paused, 1), (Status::Error, 1)]);
    assert_eq!(counts, expected);
}

#[tokio::test]
async fn every_session_that_has_not_ended_is_live() {
    let Fixture { store, .. } = &Fixture::new();
    let mut expected = Vec::new();
    for status in Status::ALL {
        let made = store.create_session(NewSession { status, ..new_session() }).await.unwrap();
        if status != Status::Ended {
            expected.push(made);
        }
    }
    assert_eq!(store.live_sessions().await.unwrap(), expected);
}

#[tokio::test]
async fn only_what_is_to_be_taken_up_is_read() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let mut made = Vec::new();
    for status in [Status::Active, Status::Stopped, Status::Active, Status::Ended] {
        made.push(store.create_session(NewSession { status, ..new_session() }).await.unwrap());
    }
    let [waits, lives, rests, ended] = made.try_into().unwrap();
    store.enqueue_turn(waits.key, turn(1)).await.unwrap();
    let living = vec![ended.id, lives.id, SessionId::new(), waits.id];
    let found = store.sessions_to_take_up(living).await.unwrap();
    assert_eq!(found, [waits.clone(), lives]);
    assert_eq!(store.sessions_to_take_up(Vec::new()).await.unwrap(), [waits]);
    assert_eq!(store.starting_sessions().await.unwrap(), []);
    let begun = store.create_session(new_session()).await.unwrap();
    assert_eq!(store.starting_sessions().await.unwrap(), [begun]);
    assert_eq!(rests.status, Status::Active);
}

#[tokio::test]
async fn a_session_gets_the_lowest_uid_that_owns_no_workspace() {
    let Fixture { store, .. } = &Fixture::new();
    let mut made = Vec::new();
    for expected in BLOCK {
        let session = create_uid(store).await;
        assert_eq!(session.uid, Some(expected));
        made.push(session.id);
    }
    let refused = store.create_session(with_uid(BLOCK)).await;
    assert!(matches!(refused, Err(StoreError::NoFreeUid { block }) if block == BLOCK));

    // An end alone does not free it: the workspace is still there.
    store.update_session(made[2], ending(1)).await.unwrap();
    assert!(store.create_session(with_uid(BLOCK)).await.is_err());

    store.mark_workspace_removed(made[2]).await.unwrap();
    store.mark_workspace_removed(made[1]).await.unwrap();
    assert_eq!(create_uid(store).await.uid, Some(BLOCK.start + 1));
    assert_eq!(create_uid(store).await.uid, Some(BLOCK.start + 2));
    assert!(store.create_session(with_uid(BLOCK)).await.is_err());

    store.remove_session(made[3]).await.unwrap();
    assert_eq!(create_uid(store).await.uid, Some(BLOCK.start + 3));
    let unknown = store.mark_workspace_removed(SessionId::new()).await;
    assert!(matches!(unknown, Err(StoreError::NoSuchSession)));
}

#[tokio::test]
async fn a_creation_that_fails_takes_no_uid() {
    let Fixture { store, .. } = &Fixture::new();
    let first = create_uid(store).await;
    for _ in 0..10 {
        let twice = NewSession { id: first.id, ..with_uid(BLOCK) };
        assert!(matches!(store.create_session(twice).await, Err(StoreError::Exists)));
    }
    let mut rest = BTreeSet::new();
    for _ in 1..4 {
        rest.insert(create_uid(store).await.uid.unwrap());
    }
    assert_eq!(rest, (BLOCK.start + 1..BLOCK.end).collect());
}

#[tokio::test]
async fn another_block_of_uids_or_an_empty_one_is_no_trouble() {
    let Fixture { store, .. } = &Fixture::new();
    assert_eq!(create_uid(store).await.uid, Some(BLOCK.start));
    for block in [5..7, 100_001..100_003, 4_000_000_000..4_000_000_002] {
        for expected in block.clone() {
            let made = store.create_session(with_uid(block.clone())).await.unwrap();
            assert_eq!(made.uid, Some(expected));
        }
        let refused = store.create_session(with_uid(block)).await;
        assert!(matches!(refused, Err(StoreError::NoFreeUid { .. })), "{refused:?}");
    }
    #[expect(clippy::reversed_empty_ranges, reason = "as a configuration may have it")]
    for block in [7..7, 9..7] {
        let refused = store.create_session(with_uid(block)).await;
        assert!(matches!(refused, Err(StoreError::NoFreeUid { .. })), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_made_at_the_same_time_share_no_uid_even_over_a_restart() {
    let fixture = Fixture::new();
    let mut creations = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let store = fixture.store.clone();
        creations.spawn(async move { store.create_session(with_uid(100..400)).await.unwrap().uid });
    }
    let held: BTreeSet<_> = creations.join_all().await.into_iter().map(Option::unwrap).collect();
    assert_eq!(held, (100..300).collect());
    fixture.store.close().await;

    let store = Store::open(&fixture.path()).unwrap();
    let made = store.create_session(with_uid(100..400)).await.unwrap();
    assert_eq!(made.uid, Some(300));
}

#[tokio::test]
async fn ended_sessions_show_up_for_cleaning_until_their_workspace_is_gone() {
    let Fixture { store, .. } = &Fixture::new();
    let mut ids = Vec::new();
    for millis in [30, 10, 20] {
        let made = store.create_session(new_session()).await.unwrap();
        store.update_session(made.id, ending(millis)).await.unwrap();
        // A second end does not prolong anything.
        store.update_session(made.id, ending(millis + 1000)).await.unwrap();
        ids.push(made.id);
    }
    store.create_session(new_session()).await.unwrap();
    let to_clean = async |before| {
        let found = store.ended_sessions_with_workspace(at(before)).await.unwrap();
        found.iter().map(|session| session.id).collect::<Vec<_>>()
    };
    assert_eq!(to_clean(10).await, []);
    assert_eq!(to_clean(30).await, [ids[1], ids[2]]);
    assert_eq!(to_clean(31).await, [ids[1], ids[2], ids[0]]);
    store.mark_workspace_removed(ids[1]).await.unwrap();
    assert_eq!(to_clean(31).await, [ids[2], ids[0]]);

    let back = SessionChange { status: Some((Status::Active, at(40))), ..SessionChange::default() };
    store.update_session(ids[2], back).await.unwrap();
    assert_eq!(to_clean(31).await, [ids[0]]);
}

#[tokio::test]
async fn a_session_that_has_ended_meanwhile_is_told_as_such() {
    let fixture = Fixture::new();
    let key = fixture.session().await.key;
    assert_eq!(fixture.store.live_counters(key).await.unwrap(), Counters::default());
    let status = Some((Status::Ended, at(2)));
    fixture.store.append(Append { status, ..step(key, []) }).await.unwrap();
    let refused = fixture.store.live_counters(key).await;
    assert!(matches!(refused, Err(StoreError::SessionEnded)), "{refused:?}");
}

#[tokio::test]
async fn a_parked_session_is_found_by_nobody_and_claimed_once() {
    let Fixture { store, .. } = &Fixture::new();
    let parked = NewSession { tenant: NOBODY.to_owned(), ..with_uid(BLOCK) };
    let made = store.create_session(parked).await.unwrap();
    assert!(made.is_parked());
    assert_eq!(store.session(DEFAULT_TENANT, made.id).await.unwrap(), None);
    assert_eq!(store.sessions(DEFAULT_TENANT, all()).await.unwrap().1, 0);
    assert!(store.live_sessions().await.unwrap().is_empty());
    assert!(store.session_counts().await.unwrap().is_empty());
    let half_made = store.starting_sessions().await.unwrap();
    assert_eq!(half_made, std::slice::from_ref(&made));

    let budget = BudgetRecord { tokens: Some(5), money: None };
    let wanted = NewSession {
        options: r#"{"b":2}"#.to_owned(),
        model: Some("opus".to_owned()),
        budget,
        created_at: at(7),
        ..new_session()
    };
    store.claim_session(made.id, wanted.clone()).await.unwrap();
    let found = store.session(DEFAULT_TENANT, made.id).await.unwrap().unwrap();
    let expected = SessionRecord {
        tenant: DEFAULT_TENANT.to_owned(),
        status: Status::Active,
        options: wanted.options.clone(),
        model: wanted.model.clone(),
        budget,
        created_at: at(7),
        last_active_at: at(7),
        ..made.clone()
    };
    assert_eq!(found, expected);
    assert!(store.starting_sessions().await.unwrap().is_empty());

    let again = store.claim_session(made.id, wanted.clone()).await;
    assert!(matches!(again, Err(StoreError::NoSuchSession)), "{again:?}");
    let other = store.create_session(new_session()).await.unwrap();
    let taken = store.claim_session(other.id, wanted).await;
    assert!(matches!(taken, Err(StoreError::NoSuchSession)), "it was never parked: {taken:?}");
}
