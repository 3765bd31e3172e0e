//! A database of every version of the schema loads for ever.

mod before_10;
mod since_10;

use std::fs;

use before_10::{
    a_key, fill_archive, fill_audit, fill_budget, fill_hosts, fill_limits, fill_more,
    fill_transcript,
};
pub(super) use before_10::{assert_filled, fill};
use since_10::{
    a_credential, fill_attachment, fill_evals, fill_jobs, fill_logs, fill_schedules, fill_usage,
    fill_versions, fill_webhooks,
};

use super::super::connection::newest_version;
use super::*;

const VERSION_1_SESSION: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";
const VERSION_4_SESSION: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

/// What that version of the schema has written; never to be made anew.
pub(super) fn fixture_of(version: i64) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/store/v{version}.db"))
}

/// A copy of it, opened.
fn released(version: i64) -> (TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ash.db");
    fs::copy(fixture_of(version), &path).unwrap();
    let store = Store::open(&path).unwrap();
    (directory, store)
}

#[tokio::test]
#[ignore = "writes the fixture of a new version of the schema"]
async fn record_this_version() {
    let newest = newest_version();
    let path = fixture_of(newest);
    assert!(!path.exists(), "a fixture is never made anew");
    let fixture = Fixture::new();
    fill(&fixture.store).await;
    fill_more(&fixture.store).await;
    fill_transcript(&fixture.store).await;
    fill_hosts(&fixture.store).await;
    fixture.store.create_key(a_key()).await.unwrap();
    fill_audit(&fixture.store).await;
    fill_archive(&fixture.store).await;
    fill_budget(&fixture.store).await;
    fill_limits(&fixture.store).await;
    fill_versions(&fixture.store).await;
    fill_usage(&fixture.store).await;
    assert!(fixture.store.create_credential(a_credential(), 1).await.unwrap());
    fill_attachment(&fixture.store).await;
    fill_jobs(&fixture.store).await;
    fill_logs(&fixture.store).await;
    fill_evals(&fixture.store).await;
    fill_webhooks(&fixture.store).await;
    fill_schedules(&fixture.store).await;
    fixture.store.close().await;
    fs::copy(fixture.path(), path).unwrap();
}
