//! Attachments of sessions.

use super::*;
use crate::id::AttachmentId;

const ROOM: AttachmentRoom = AttachmentRoom { count: 2, bytes: 100 };

fn record(session: SessionId, path: &str, size: u64) -> AttachmentRecord {
    AttachmentRecord {
        id: AttachmentId::new(),
        session,
        filename: "a".to_owned(),
        path: path.to_owned(),
        mime_type: "text/plain".to_owned(),
        size,
        message: Some("m".to_owned()),
        created_at: at(1),
    }
}

#[tokio::test]
async fn an_attachment_has_a_path_of_its_own_and_is_seen_when_it_is_complete() {
    let fixture = Fixture::new();
    let (store, session) = (&fixture.store, fixture.session().await);
    let begin = async |record: &AttachmentRecord| {
        store.begin_attachment(session.key, record.clone(), ROOM).await.unwrap()
    };
    let one = record(session.id, "attachments/a", 60);
    assert_eq!(begin(&one).await, Begun::Yes);
    assert_eq!(store.attachments(session.key).await.unwrap(), []);
    assert_eq!(begin(&record(session.id, "attachments/a", 1)).await, Begun::PathTaken);
    assert_eq!(begin(&record(session.id, "attachments/b", 41)).await, Begun::NoRoom);
    store.complete_attachment(one.id).await.unwrap();
    let two = record(session.id, "attachments/b", 40);
    assert_eq!(begin(&two).await, Begun::Yes);
    assert_eq!(begin(&record(session.id, "attachments/c", 0)).await, Begun::NoRoom);
    // ashd died while it was written.
    store.remove_incomplete_attachments().await.unwrap();
    assert_eq!(store.attachments(session.key).await.unwrap(), std::slice::from_ref(&one));
    assert_eq!(store.attachment(DEFAULT_TENANT, one.id).await.unwrap(), Some(one.clone()));
    assert_eq!(store.attachment("other", one.id).await.unwrap(), None);
    store.remove_attachment(one.id).await.unwrap();
    assert_eq!(store.attachment(DEFAULT_TENANT, one.id).await.unwrap(), None);
}
