//! `ashctl quota`, as far as it goes without a volume.

use crate::program::Ashctl;

#[test]
fn a_volume_is_refused_where_it_would_lose_something_before_anything_is_done() {
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(data.path().join("sessions/67e5")).unwrap();
    let set_up = |arguments: &[&str]| {
        let all = [&["quota", "set-up"], arguments].concat();
        Ashctl::new().env("ASH_DATA_DIR", data.path().to_str().unwrap()).args(all).run()
    };
    let taken = set_up(&["--size", "1"]);
    assert_eq!((taken.status, taken.stdout.as_str()), (5, ""), "{taken:?}");
    assert!(taken.stderr.starts_with("error: there are sessions in "), "{taken:?}");
    assert_eq!(set_up(&["--size", "1M"]).status, 2, "it is too small");
    assert_eq!(set_up(&[]).status, 2, "it has no size");
    let left: Vec<_> = std::fs::read_dir(data.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
