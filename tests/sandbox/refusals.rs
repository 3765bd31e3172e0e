//! Sandboxes that must not start, and what the probe says of one with a hole.

use ash::testing::attacks::Layer;

use crate::fights::arena;

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_does_not_load_starts_no_sandbox() {
    let Some(mut broken) = arena(&[Layer::FilterBytes]).await else { return };
    assert_eq!(broken.refusal().await.as_deref(), Some("FilterRefused"));
    assert_eq!(broken.hard_walls().await, [""; 0]);
    broken.clean_up();
    let mut whole = arena(&[]).await.unwrap();
    assert_eq!(whole.refusal().await, None);
    whole.clean_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_sees_each_hole() {
    let all = ["files", "network", "identity", "seccomp"];
    for (hole, lost) in [
        (None, ""),
        (Some(Layer::Filter), "seccomp"),
        (Some(Layer::Network), "network"),
        (Some(Layer::Privileges), "identity"),
        (Some(Layer::Processes), "files"),
    ] {
        let without: Vec<Layer> = hole.into_iter().collect();
        let Some(mut arena) = arena(&without).await else { return };
        let expected: Vec<&str> = all.into_iter().filter(|wall| *wall != lost).collect();
        assert_eq!(arena.hard_walls().await, expected, "without {hole:?}");
        arena.clean_up();
    }
}
