use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::shelves::{Recipe, Shelves};
use crate::clock::Timestamp;
use crate::id::SessionId;
use crate::session::Status;
use crate::session::pool::PoolSettings;
use crate::store::{BudgetRecord, NewSession, UsedRecord};

const KEEP: Duration = Duration::from_mins(15);

fn settings(per_agent: usize, max: usize) -> PoolSettings {
    PoolSettings { per_agent, max, keep: KEEP }
}

fn recipe(tenant: &str, agent: &str, label: &str) -> Recipe {
    Recipe {
        tenant: tenant.to_owned(),
        agent: agent.to_owned(),
        version: 1,
        digest: "d".to_owned(),
        label: label.to_owned(),
        environment: BTreeMap::new(),
        limits: BTreeMap::new(),
        cli: "2".to_owned(),
        plain: label == "plain",
    }
}

fn sample() -> NewSession {
    NewSession {
        id: SessionId::new(),
        tenant: String::new(),
        agent_name: "a".parse().unwrap(),
        agent_version: 1,
        digest: "d".to_owned(),
        status: Status::Starting,
        options: "{}".to_owned(),
        environment: BTreeMap::new(),
        allowed_hosts: Vec::new(),
        model: None,
        uid_block: None,
        placeholder: String::new(),
        parent: None,
        job: None,
        budget: BudgetRecord::default(),
        used: UsedRecord::default(),
        created_at: Timestamp::from_millis(0),
    }
}

/// Shelves, and a clock that goes on by a second with every question.
struct Fixture {
    shelves: Shelves<u32>,
    now: Instant,
    next: u32,
}

impl Fixture {
    fn new() -> Self {
        Self { shelves: Shelves::default(), now: Instant::now(), next: 1 }
    }

    fn tick(&mut self) -> Instant {
        self.now += Duration::from_secs(1);
        self.now
    }

    fn want(&mut self, recipe: &Recipe) {
        let now = self.tick();
        assert_eq!(self.shelves.want(recipe, sample(), now), [0; 0]);
    }

    /// Parks what is due; answers its recipe's label and what had to go.
    fn fill(&mut self, settings: PoolSettings) -> Option<(String, Option<u32>)> {
        let now = self.tick();
        let due = self.shelves.due(settings, now)?;
        assert_eq!(self.shelves.filled(&due.recipe, Some(self.next), now), None);
        self.next += 1;
        Some((due.recipe.label, due.instead_of))
    }

    fn outdated(&mut self, settings: PoolSettings) -> Vec<u32> {
        let now = self.tick();
        self.shelves.outdated(settings, now, |_| false)
    }
}

fn plain() -> Recipe {
    recipe("t", "a", "plain")
}

#[test]
fn what_was_asked_for_is_parked_and_given_once() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.fill(settings(1, 4)), None);
    fixture.want(&plain());
    assert_eq!(fixture.fill(settings(1, 4)), Some(("plain".to_owned(), None)));
    assert_eq!(fixture.fill(settings(1, 4)), None, "one for each agent");
    assert_eq!(fixture.shelves.take(&plain()), Some(1));
    assert_eq!(fixture.shelves.take(&plain()), None);
    assert_eq!(fixture.fill(settings(1, 4)), Some(("plain".to_owned(), None)));
}

#[test]
fn nothing_but_the_same_is_given() {
    let mut fixture = Fixture::new();
    fixture.want(&plain());
    fixture.fill(settings(1, 4));
    for other in [
        Recipe { tenant: "other".to_owned(), ..plain() },
        Recipe { agent: "b".to_owned(), ..plain() },
        Recipe { version: 2, ..plain() },
        Recipe { digest: "e".to_owned(), ..plain() },
        Recipe { label: "x".to_owned(), ..plain() },
        Recipe { environment: BTreeMap::from([("A".to_owned(), "1".to_owned())]), ..plain() },
        Recipe { limits: BTreeMap::from([("tasks".to_owned(), 64)]), ..plain() },
        Recipe { cli: "3".to_owned(), ..plain() },
    ] {
        assert_eq!(fixture.shelves.take(&other), None, "{other:?}");
    }
    assert_eq!(fixture.shelves.take(&plain()), Some(1));
}

#[test]
fn options_are_parked_when_they_come_again() {
    let mut fixture = Fixture::new();
    let odd = recipe("t", "a", "odd");
    fixture.want(&odd);
    assert_eq!(fixture.fill(settings(1, 4)), None);
    fixture.want(&odd);
    assert_eq!(fixture.fill(settings(1, 4)), Some(("odd".to_owned(), None)));
}

#[test]
fn a_pool_that_is_off_parks_nothing_and_ends_what_there_is() {
    let mut fixture = Fixture::new();
    fixture.want(&plain());
    for off in [settings(0, 4), settings(4, 0)] {
        assert_eq!(fixture.fill(off), None);
    }
    fixture.fill(settings(1, 4));
    assert_eq!(fixture.outdated(settings(1, 4)), [0; 0]);
    assert_eq!(fixture.outdated(settings(0, 4)), [1]);
}

#[test]
fn the_host_has_at_most_so_many() {
    let mut fixture = Fixture::new();
    for agent in ["a", "b", "c"] {
        fixture.want(&recipe("t", agent, "plain"));
    }
    assert!(fixture.fill(settings(2, 3)).is_some());
    assert!(fixture.fill(settings(2, 3)).is_some());
    assert!(fixture.fill(settings(2, 3)).is_some());
    assert_eq!(fixture.fill(settings(2, 3)), None);
    assert_eq!(fixture.shelves.parked().count(), 3);
    assert_eq!(fixture.outdated(settings(2, 1)).len(), 2, "the limit was lowered");
}

#[test]
fn what_is_asked_for_twice_takes_the_room_of_what_nobody_asks_for() {
    let mut fixture = Fixture::new();
    fixture.want(&plain());
    fixture.fill(settings(1, 1));
    let other = recipe("t", "b", "plain");
    fixture.want(&other);
    assert_eq!(fixture.fill(settings(1, 1)), None);
    fixture.want(&plain());
    fixture.want(&other);
    assert_eq!(fixture.fill(settings(1, 1)), None, "they take turns");
    fixture.want(&other);
    assert_eq!(fixture.fill(settings(1, 1)), Some(("plain".to_owned(), Some(1))));
    assert_eq!(fixture.shelves.take(&other), Some(2));
}

#[test]
fn what_nobody_asks_for_is_ended_and_forgotten() {
    let mut fixture = Fixture::new();
    fixture.want(&plain());
    fixture.fill(settings(1, 4));
    fixture.now += KEEP;
    assert_eq!(fixture.outdated(settings(1, 4)), [1]);
    assert!(fixture.shelves.is_empty());
}

#[test]
fn what_is_old_is_replaced() {
    let mut fixture = Fixture::new();
    fixture.want(&plain());
    fixture.fill(settings(1, 4));
    for _ in 0..9 {
        fixture.now += KEEP / 2;
        fixture.want(&plain());
    }
    assert_eq!(fixture.outdated(settings(1, 4)), [1]);
    assert!(fixture.fill(settings(1, 4)).is_some());
}

#[test]
fn what_is_on_its_way_when_its_agent_changes_is_given_back() {
    let mut fixture = Fixture::new();
    fixture.want(&plain());
    fixture.want(&recipe("other", "a", "plain"));
    let now = fixture.tick();
    let due = fixture.shelves.due(settings(1, 4), now).unwrap();
    assert_eq!(due.recipe.tenant, "other");
    assert_eq!(fixture.shelves.filled(&due.recipe, Some(7), now), None);
    let due = fixture.shelves.due(settings(1, 4), now).unwrap();
    assert_eq!(fixture.shelves.forget_agent("t", "a"), [0; 0]);
    assert_eq!(fixture.shelves.filled(&due.recipe, Some(8), now), Some(8));
    assert_eq!(fixture.shelves.forget_agent("other", "a"), [7], "of that tenant alone");
    // Likewise when everything is to go.
    fixture.want(&plain());
    let due = fixture.shelves.due(settings(1, 4), now).unwrap();
    assert_eq!(fixture.shelves.clear(), [0; 0]);
    assert_eq!(fixture.shelves.filled(&due.recipe, Some(9), now), Some(9));
}

#[test]
fn what_could_not_be_parked_is_left_alone_for_a_while() {
    let mut fixture = Fixture::new();
    fixture.want(&plain());
    let now = fixture.tick();
    let due = fixture.shelves.due(settings(1, 4), now).unwrap();
    assert_eq!(fixture.shelves.filled(&due.recipe, None, now), None);
    assert_eq!(fixture.fill(settings(1, 4)), None);
    fixture.now += Duration::from_mins(1);
    assert!(fixture.fill(settings(1, 4)).is_some());
}

#[test]
fn only_so_many_recipes_are_remembered() {
    let mut fixture = Fixture::new();
    fixture.want(&plain());
    fixture.fill(settings(1, 4));
    for number in 1..256 {
        fixture.want(&recipe("t", &format!("b{number}"), "plain"));
    }
    let now = fixture.tick();
    let last = recipe("t", "last", "plain");
    assert_eq!(fixture.shelves.want(&last, sample(), now), [1], "what it had parked is ended");
    assert_eq!(fixture.shelves.take(&plain()), None);
}
