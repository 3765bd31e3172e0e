//! Agents and what keeps their bundles alive.

use std::collections::BTreeSet;

use super::*;
use crate::id::AgentName;
use crate::store::versions::VERSIONS_MAX;

fn version(name: &str, digest: &str, millis: i64) -> NewVersion {
    NewVersion {
        tenant: DEFAULT_TENANT.to_owned(),
        name: name.parse().unwrap(),
        digest: digest.to_owned(),
        files: 3,
        bytes: 1 << 40,
        path: format!("/agents/{digest}"),
        environment: None,
        allowed_hosts: None,
        limits: None,
        config: None,
        words: VersionWords::default(),
        at: at(millis),
    }
}

fn name(text: &str) -> AgentName {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_deployment_makes_the_agent_and_every_later_one_its_next_version() {
    let Fixture { store, .. } = &Fixture::new();
    let first = store.deploy_agent(version("qa-bot", "d1", 1)).await.unwrap();
    assert_eq!((first.version, first.created_at, first.updated_at), (1, at(1), at(1)));
    assert_eq!(first.bytes, 1 << 40);

    let second = store.deploy_agent(version("qa-bot", "d2", 2)).await.unwrap();
    assert_eq!((second.id, second.version), (first.id, 2));
    assert_eq!((second.created_at, second.updated_at), (at(1), at(2)));
    assert_eq!((second.digest.as_str(), second.path.as_str()), ("d2", "/agents/d2"));

    let found = store.agent(DEFAULT_TENANT, &name("qa-bot")).await.unwrap();
    assert_eq!(found, Some(second));
}

#[tokio::test]
async fn a_deployment_without_variables_keeps_those_that_the_agent_has() {
    let Fixture { store, .. } = &Fixture::new();
    let variables = Environment::from([("A".to_owned(), "\"quoted\"\n".to_owned())]);
    let with = NewVersion { environment: Some(variables.clone()), ..version("a", "d1", 1) };
    store.deploy_agent(with).await.unwrap();
    let kept = store.deploy_agent(version("a", "d2", 2)).await.unwrap();
    assert_eq!(kept.environment, variables);
    let without = NewVersion { environment: Some(Environment::new()), ..version("a", "d3", 3) };
    store.deploy_agent(without).await.unwrap();
    let found = store.agent(DEFAULT_TENANT, &name("a")).await.unwrap().unwrap();
    assert_eq!(found.environment, Environment::new());
}

#[tokio::test]
async fn agents_are_listed_by_name_and_tenants_do_not_see_each_other() {
    let Fixture { store, .. } = &Fixture::new();
    for agent in ["b", "a", "c"] {
        store.deploy_agent(version(agent, "d", 1)).await.unwrap();
    }
    let foreign = NewVersion { tenant: "other".to_owned(), ..version("a", "d9", 1) };
    let foreign = store.deploy_agent(foreign).await.unwrap();

    let listed = store.agents(DEFAULT_TENANT).await.unwrap();
    let names: Vec<_> = listed.iter().map(|agent| agent.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(store.agents("other").await.unwrap(), [foreign]);
    assert_eq!(store.agent("nobody", &name("a")).await.unwrap(), None);
}

#[tokio::test]
async fn a_deleted_agent_is_gone_and_a_new_one_of_its_name_starts_at_version_1() {
    let Fixture { store, .. } = &Fixture::new();
    let first = store.deploy_agent(version("a", "d1", 1)).await.unwrap();
    assert_eq!(
        store.delete_agent(DEFAULT_TENANT, &name("a"), at(9)).await.unwrap().as_ref(),
        Some(&first)
    );
    assert_eq!(store.delete_agent(DEFAULT_TENANT, &name("a"), at(9)).await.unwrap(), None);
    assert_eq!(store.agent(DEFAULT_TENANT, &name("a")).await.unwrap(), None);
    let again = store.deploy_agent(version("a", "d2", 2)).await.unwrap();
    assert_eq!(again.version, 1);
    assert_ne!(again.id, first.id);
}

#[tokio::test]
async fn a_digest_is_in_use_while_an_agent_or_a_session_that_has_not_ended_has_it() {
    let Fixture { store, .. } = &Fixture::new();
    store.deploy_agent(version("a", "agent-1", 1)).await.unwrap();
    store.deploy_agent(version("a", "agent-2", 2)).await.unwrap();
    let session = NewSession { digest: "session".to_owned(), ..new_session() };
    let session = store.create_session(session).await.unwrap();
    let digests =
        |digests: &[&str]| digests.iter().map(|d| (*d).to_owned()).collect::<BTreeSet<_>>();
    let used = store.digests_in_use().await.unwrap();
    assert_eq!(used, digests(&["agent-1", "agent-2", "session"]));

    store.delete_agent(DEFAULT_TENANT, &name("a"), at(9)).await.unwrap();
    assert_eq!(store.digests_in_use().await.unwrap(), digests(&["session"]));

    let ended = SessionChange { status: Some((Status::Ended, at(3))), ..SessionChange::default() };
    store.update_session(session.id, ended).await.unwrap();
    assert_eq!(store.digests_in_use().await.unwrap(), digests(&[]));
}

fn numbers(versions: &[VersionRecord]) -> Vec<u32> {
    versions.iter().map(|version| version.version).collect()
}

#[tokio::test]
async fn a_number_is_never_given_twice_and_the_active_version_is_what_was_activated() {
    let Fixture { store, .. } = &Fixture::new();
    let qa = name("qa");
    for digest in ["d1", "d2"] {
        store.deploy_agent(version("qa", digest, 1)).await.unwrap();
    }
    let added = store.add_version(version("qa", "d3", 2)).await.unwrap();
    let VersionChange::Done(third) = added else { panic!("{added:?}") };
    assert_eq!((third.version, third.active), (3, false));
    let back = VersionName::Number(1);
    let path = |digest: &str| format!("/agents/{digest}");
    let change = store.activate_version(DEFAULT_TENANT, &qa, back, path, at(3)).await.unwrap();
    let VersionChange::Done(agent) = change else { panic!("{change:?}") };
    assert_eq!((agent.version, agent.digest.as_str()), (1, "d1"));
    assert_eq!(agent.path, "/agents/d1");
    let delete = async |which| store.delete_version(DEFAULT_TENANT, &qa, which).await.unwrap();
    assert_eq!(delete(back).await, VersionChange::Active);
    assert!(matches!(delete(VersionName::Id(third.id)).await, VersionChange::Done(_)));
    assert_eq!(delete(VersionName::Number(3)).await, VersionChange::NoVersion);
    assert_eq!(store.deploy_agent(version("qa", "d4", 4)).await.unwrap().version, 4);
    let left = store.versions(DEFAULT_TENANT, &qa).await.unwrap().unwrap();
    assert_eq!(numbers(&left), [4, 2, 1]);
    assert_eq!(store.versions("other", &qa).await.unwrap(), None);
}

#[tokio::test]
async fn who_edits_an_older_version_than_the_active_one_hears_it() {
    let Fixture { store, .. } = &Fixture::new();
    store.deploy_agent(version("qa", "d1", 1)).await.unwrap();
    let edit = async |from, digest| store.edit_agent(from, version("qa", digest, 2)).await.unwrap();
    assert!(matches!(edit(1, "d2").await, VersionChange::Done(agent) if agent.version == 2));
    assert_eq!(edit(1, "d3").await, VersionChange::Moved);
}

#[tokio::test]
async fn only_so_many_versions_are_kept_and_always_the_active_one() {
    let Fixture { store, .. } = &Fixture::new();
    let qa = name("qa");
    store.deploy_agent(version("qa", "d1", 1)).await.unwrap();
    for _another in 0..=VERSIONS_MAX {
        store.add_version(version("qa", "d2", 2)).await.unwrap();
    }
    let left = store.versions(DEFAULT_TENANT, &qa).await.unwrap().unwrap();
    let numbers = numbers(&left);
    assert_eq!(u32::try_from(numbers.len()), Ok(VERSIONS_MAX + 1));
    assert_eq!((numbers.first(), numbers.last()), (Some(&102), Some(&1)));
    assert_eq!(store.digests_in_use().await.unwrap(), ["d1".to_owned(), "d2".to_owned()].into());
}
