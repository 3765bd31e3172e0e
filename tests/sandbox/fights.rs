//! The attacks, by their kinds. One pair of sandboxes serves all attacks that the same layers
//! hold.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ash::testing::attacks::{Arena, Attack, Fight, Layer, NoArena, Outcome, attacks};

/// Straight to stdout: the harness keeps what a passing test prints.
pub(crate) fn say(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).expect("stdout is open");
}

/// Where the programs are: `ASH_TEST_LIBEXEC`, on a machine that has no cargo.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment")]
pub(crate) fn libexec() -> &'static Path {
    static FOLDER: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| std::env::var_os("ASH_TEST_LIBEXEC").map(PathBuf::from));
    let ours = || Path::new(env!("CARGO_BIN_EXE_ash-attack")).parent();
    FOLDER.as_deref().or_else(ours).expect("a program is in a folder")
}

/// An arena, or `None` and said so.
pub(crate) async fn arena(without: &[Layer]) -> Option<Arena> {
    match Arena::new(libexec(), without).await {
        Ok(arena) => Some(arena),
        Err(NoArena::Impossible(reason)) => {
            say(&format!("SKIP: {reason}"));
            None
        }
        Err(NoArena::Failed(reason)) => panic!("{reason}"),
    }
}

async fn fight(without: &[Layer], attacks: &[Attack]) -> Option<Fight> {
    let mut arena = arena(without).await?;
    let fight = arena.fight(attacks).await;
    if without.is_empty() {
        assert_eq!(arena.left(), Vec::<u32>::new(), "processes are left of a whole sandbox");
    }
    arena.clean_up();
    match fight {
        Ok(fight) => Some(fight),
        Err(error) => panic!("without {without:?}: {error:?}"),
    }
}

async fn all_of(kind: char) {
    let attacks: Vec<Attack> =
        attacks().into_iter().filter(|attack| attack.number.starts_with(kind)).collect();
    assert!(attacks.len() >= 14, "{}", attacks.len());
    let Some(whole) = fight(&[], &attacks).await else { return };
    let mut by_hole: BTreeMap<Vec<Layer>, Vec<Attack>> = BTreeMap::new();
    for attack in &attacks {
        by_hole.entry(attack.without.to_vec()).or_default().push(*attack);
    }
    let mut controls = Fight::new();
    for (hole, attacks) in &by_hole {
        controls.extend(fight(hole, attacks).await.unwrap_or_default());
    }
    let mut wrong = Vec::new();
    for attack in &attacks {
        let number = attack.number;
        match judged(attack, whole.get(number), controls.get(number)) {
            Ok(Verdict::Held) => say(&format!("ok {number} {}", attack.title)),
            Ok(Verdict::Unproved(why)) => say(&format!("SKIP: {number} {}: {why}", attack.title)),
            Err(complaint) => wrong.push(format!("{number} {}: {complaint}", attack.title)),
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

enum Verdict {
    /// Blocked, and the control shows by what.
    Held,
    /// Blocked, but nothing on this machine shows that it would succeed otherwise.
    Unproved(String),
}

fn judged(
    attack: &Attack,
    whole: Option<&Outcome>,
    control: Option<&Outcome>,
) -> Result<Verdict, String> {
    match whole {
        Some(Outcome::Blocked { .. }) => {}
        Some(Outcome::Impossible(why)) => return Ok(Verdict::Unproved(why.clone())),
        other => return Err(format!("is not blocked: {other:?}")),
    }
    match control {
        Some(Outcome::Succeeded(_)) => Ok(Verdict::Held),
        Some(Outcome::Impossible(why)) => Ok(Verdict::Unproved(why.clone())),
        Some(Outcome::Blocked { how, absent: true }) => {
            Ok(Verdict::Unproved(format!("this kernel has no such thing ({how})")))
        }
        other => Err(format!("does not succeed without {}: {other:?}", attack.held_by())),
    }
}

macro_rules! fights {
    ($($name:ident $kind:literal)*) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                all_of($kind).await;
            }
        )*
    };
}

fights! {
    the_files_of_the_host_are_out_of_reach 'F'
    processes_are_out_of_reach_of_each_other 'P'
    the_kernel_shows_as_little_as_possible 'K'
    the_network_of_the_host_is_out_of_reach 'N'
    nobody_takes_more_than_its_share 'R'
}
