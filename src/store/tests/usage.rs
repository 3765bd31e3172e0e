//! What turns used: one record for each, of what is beyond those before it.

use super::*;

/// A session whose turn `1` runs.
async fn with_turn(store: &Store, tenant: &str, agent: &str) -> SessionRecord {
    let new = NewSession {
        tenant: tenant.to_owned(),
        agent_name: agent.parse().unwrap(),
        ..new_session()
    };
    let session = store.create_session(new).await.unwrap();
    begin(store, session.key, 1).await;
    session
}

async fn begin(store: &Store, key: i64, ordinal: u64) {
    store.enqueue_turn(key, turn(ordinal)).await.unwrap();
    let running = Some((ordinal, TurnState::Running, at(1)));
    store.append(Append { turn: running, ..step(key, []) }).await.unwrap();
}

async fn end(store: &Store, key: i64, millis: i64, usage: TurnUsage) {
    let turn = Some((usage.ordinal, TurnState::Completed, at(millis)));
    store.append(Append { usage: Some(usage), turn, ..step(key, []) }).await.unwrap();
}

fn used(ordinal: u64, money: u64, sandbox: u64, cpu: Option<u64>) -> TurnUsage {
    let kernel = KernelRecord {
        cpu_microseconds: cpu,
        memory_peak_bytes: cpu.map(|_| 1 << 20),
        read_bytes: cpu,
        written_bytes: None,
    };
    let told = UsedRecord { input: 10, output: 1, money, ..UsedRecord::default() };
    TurnUsage { ordinal, told, told_in_all: money, sandbox, kernel, ..TurnUsage::default() }
}

#[tokio::test]
async fn a_record_has_what_is_beyond_the_one_before_it() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let session = with_turn(store, DEFAULT_TENANT, "a").await;
    let key = session.key;
    let metered = async |money: u64| {
        let entry = NewAuditEntry {
            credential: None,
            session: session.id,
            at: at(1),
            entry: "{}".to_owned(),
            used: Some(UsedRecord { input: money, money, ..UsedRecord::default() }),
        };
        let run = uuid::Uuid::new_v4();
        store.append_audit(NewAudit { run, through: 1, entries: vec![entry] }).await.unwrap();
    };
    metered(100).await;
    end(store, key, 10, used(1, 5, 1, Some(1_000))).await;
    begin(store, key, 2).await;
    metered(130).await;
    end(store, key, 20, used(2, 6, 1, Some(1_500))).await;
    begin(store, key, 3).await;
    // Its sandbox was gone before anybody looked, and the next one counts from nothing.
    end(store, key, 30, used(3, 0, 2, None)).await;
    begin(store, key, 4).await;
    end(store, key, 40, used(4, 1, 2, Some(70))).await;

    let records = store.usage_records(DEFAULT_TENANT, UsageFilter::default(), 10).await.unwrap();
    let figures = |record: &UsageRecord| {
        let sums = &record.sums;
        let UsageSums { metered_tokens, metered_money, kernel, .. } = *sums;
        (sums.told.money, metered_tokens, metered_money, kernel.cpu_microseconds)
    };
    assert_eq!(
        records.iter().rev().map(figures).collect::<Vec<_>>(),
        [(5, 100, 100, Some(1_000)), (6, 30, 30, Some(500)), (0, 0, 0, None), (1, 0, 0, Some(70))]
    );
    let sums = store.usage_sums(DEFAULT_TENANT, UsageFilter::default()).await.unwrap();
    assert_eq!((sums.turns, sums.told.money, sums.metered_money), (4, 12, 130));
    let KernelRecord { cpu_microseconds, memory_peak_bytes, read_bytes, written_bytes } =
        sums.kernel;
    assert_eq!((cpu_microseconds, read_bytes), (Some(1_570), Some(1_570)));
    assert_eq!((memory_peak_bytes, written_bytes), (Some(1 << 20), None));
    assert_eq!(store.told_cost(key).await.unwrap(), 1);
}

#[tokio::test]
async fn records_are_found_by_what_they_are_of_and_belong_to_a_tenant() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let one = with_turn(store, DEFAULT_TENANT, "a").await;
    let two = with_turn(store, DEFAULT_TENANT, "b").await;
    let foreign = with_turn(store, "acme", "a").await;
    let day = 24 * 60 * 60 * 1000;
    for (session, millis) in [(&one, 10), (&two, day), (&foreign, 5)] {
        end(store, session.key, millis, used(1, 1, 1, None)).await;
    }
    let count = async |tenant: &str, filter: UsageFilter| {
        store.usage_sums(tenant, filter).await.unwrap().turns
    };
    let all = UsageFilter::default;
    assert_eq!(count(DEFAULT_TENANT, all()).await, 2);
    assert_eq!(count("acme", all()).await, 1);
    assert_eq!(count("nobody", all()).await, 0);
    let of_session = UsageFilter { session: Some(one.id), ..all() };
    assert_eq!(count(DEFAULT_TENANT, of_session.clone()).await, 1);
    assert_eq!(count("acme", of_session).await, 0);
    let of_agent = UsageFilter { agent: Some("b".parse().unwrap()), ..all() };
    assert_eq!(count(DEFAULT_TENANT, of_agent).await, 1);
    assert_eq!(count(DEFAULT_TENANT, UsageFilter { after: Some(at(10)), ..all() }).await, 1);
    assert_eq!(count(DEFAULT_TENANT, UsageFilter { before: Some(at(11)), ..all() }).await, 1);

    for group in UsageGroup::ALL {
        let groups = store.usage_by(DEFAULT_TENANT, all(), group, 10).await.unwrap();
        let newest = groups.first().unwrap();
        let names = groups.len();
        let (expected, name) = match group {
            UsageGroup::Session => (2, Some(two.id.to_string())),
            UsageGroup::Agent => (2, Some("b".to_owned())),
            UsageGroup::Model => (1, None),
            UsageGroup::Day => (2, Some("2023-11-15".to_owned())),
            UsageGroup::Turn => (2, newest.name.clone()),
        };
        assert_eq!((names, &newest.name, newest.ended_at), (expected, &name, at(day)), "{group:?}");
    }
    let newest = store.usage_by(DEFAULT_TENANT, all(), UsageGroup::Agent, 1).await.unwrap();
    assert_eq!(newest.len(), 1);
}

#[tokio::test]
async fn old_records_are_removed_and_what_comes_next_counts_on() {
    let fixture = Fixture::new();
    let store = &fixture.store;
    let key = with_turn(store, DEFAULT_TENANT, "a").await.key;
    end(store, key, 10, used(1, 5, 1, Some(1_000))).await;
    assert_eq!(store.remove_usage(at(10)).await.unwrap(), 0);
    assert_eq!(store.remove_usage(at(11)).await.unwrap(), 1);
    begin(store, key, 2).await;
    end(store, key, 20, used(2, 5, 1, Some(1_200))).await;
    let sums = store.usage_sums(DEFAULT_TENANT, UsageFilter::default()).await.unwrap();
    assert_eq!((sums.turns, sums.kernel.cpu_microseconds), (1, Some(200)));
}
