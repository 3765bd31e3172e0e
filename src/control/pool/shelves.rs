//! What is parked and what is worth parking: plain bookkeeping, without a clock or a sandbox.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::session::pool::PoolSettings;
use crate::store::NewSession;

/// Recipes that are remembered: a host that serves more kinds of sessions at the same time keeps
/// the ones asked for last.
const SHELVES_MAX: usize = 256;

/// Age from which a parked sandbox is replaced: what its CLI found when it came up, the date among
/// it, is told to the model.
const AGE_MAX: Duration = Duration::from_hours(1);

/// How long a recipe is left alone that could not be parked.
const FAILED_PAUSE: Duration = Duration::from_mins(1);

/// What must be the same for a session to be given a parked sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recipe {
    pub(super) tenant: String,
    pub(super) agent: String,
    pub(super) version: u32,
    pub(super) digest: String,
    /// That of the options which the CLI starts with.
    pub(super) label: String,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) limits: BTreeMap<String, u64>,
    /// The CLI's path and version.
    pub(super) cli: String,
    /// Nobody chose an option: the next session of the agent is likely to be the same.
    pub(super) plain: bool,
}

impl Recipe {
    fn is_of(&self, tenant: &str, agent: &str) -> bool {
        self.tenant == tenant && self.agent == agent
    }
}

/// One recipe, and what is parked of it.
#[derive(Debug)]
struct Shelf<P> {
    recipe: Recipe,
    /// A session of it, as it was asked for last.
    sample: NewSession,
    wanted: Instant,
    /// The time before.
    wanted_before: Option<Instant>,
    parked: Vec<(P, Instant)>,
    /// One is on its way.
    filling: bool,
    not_before: Option<Instant>,
}

impl<P> Shelf<P> {
    fn count(&self) -> usize {
        self.parked.len() + usize::from(self.filling)
    }

    /// Whether another session of it may be expected.
    fn is_worth_it(&self, keep: Duration, now: Instant) -> bool {
        let recent = |at: Instant| now.duration_since(at) < keep;
        recent(self.wanted) && (self.recipe.plain || self.wanted_before.is_some_and(recent))
    }
}

/// What is to be parked next, and what has to go for it.
#[derive(Debug)]
pub(super) struct Due<P> {
    pub(super) recipe: Recipe,
    pub(super) sample: NewSession,
    pub(super) instead_of: Option<P>,
}

/// Everything that is parked.
#[derive(Debug)]
pub(super) struct Shelves<P> {
    list: Vec<Shelf<P>>,
}

impl<P> Default for Shelves<P> {
    fn default() -> Self {
        Self { list: Vec::new() }
    }
}

impl<P> Shelves<P> {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn parked(&self) -> impl Iterator<Item = &P> {
        self.list.iter().flat_map(|shelf| shelf.parked.iter().map(|(parked, _)| parked))
    }

    pub(super) fn filling(&self) -> usize {
        self.list.iter().filter(|shelf| shelf.filling).count()
    }

    fn shelf(&mut self, recipe: &Recipe) -> Option<&mut Shelf<P>> {
        self.list.iter_mut().find(|shelf| shelf.recipe == *recipe)
    }

    /// Somebody asks for one. The oldest recipe is forgotten for a new one; what was parked of it
    /// is answered.
    #[must_use]
    pub(super) fn want(&mut self, recipe: &Recipe, sample: NewSession, now: Instant) -> Vec<P> {
        if let Some(shelf) = self.shelf(recipe) {
            shelf.wanted_before = Some(shelf.wanted);
            shelf.wanted = now;
            shelf.sample = sample;
            return Vec::new();
        }
        let mut forgotten = Vec::new();
        if self.list.len() >= SHELVES_MAX
            && let Some(oldest) = (0..self.list.len()).min_by_key(|index| self.list[*index].wanted)
        {
            let shelf = self.list.swap_remove(oldest);
            forgotten.extend(shelf.parked.into_iter().map(|(parked, _)| parked));
        }
        self.list.push(Shelf {
            recipe: recipe.clone(),
            sample,
            wanted: now,
            wanted_before: None,
            parked: Vec::new(),
            filling: false,
            not_before: None,
        });
        forgotten
    }

    /// The one that is parked for longest: it is the most likely to be up.
    pub(super) fn take(&mut self, recipe: &Recipe) -> Option<P> {
        let shelf = self.shelf(recipe)?;
        (!shelf.parked.is_empty()).then(|| shelf.parked.remove(0).0)
    }

    /// What to park next: of the recipes that are worth it and have room, the one that was asked for
    /// last. One without room gets that of a recipe which nobody asked for while it was asked for
    /// twice.
    pub(super) fn due(&mut self, settings: PoolSettings, now: Instant) -> Option<Due<P>> {
        if settings.is_off() {
            return None;
        }
        let mut order: Vec<usize> = (0..self.list.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(self.list[*index].wanted));
        for index in order {
            let shelf = &self.list[index];
            let waits = shelf.not_before.is_some_and(|moment| now < moment);
            if waits || shelf.filling || !shelf.is_worth_it(settings.keep, now) {
                continue;
            }
            let recipe = shelf.recipe.clone();
            let agents = |other: &Shelf<P>| other.recipe.is_of(&recipe.tenant, &recipe.agent);
            let all: usize = self.list.iter().map(Shelf::count).sum();
            let of_agent: usize =
                self.list.iter().filter(|other| agents(other)).map(Shelf::count).sum();
            let agent_is_full = of_agent >= settings.per_agent;
            let instead_of = if agent_is_full || all >= settings.max {
                let among = |other: &Shelf<P>| !agent_is_full || agents(other);
                let Some(victim) = self.passed_over(index, among) else { continue };
                Some(self.list[victim].parked.remove(0).0)
            } else {
                None
            };
            let shelf = &mut self.list[index];
            shelf.filling = true;
            return Some(Due { recipe, sample: shelf.sample.clone(), instead_of });
        }
        None
    }

    /// The shelf with something on it that was asked for longest ago, if the one at `index` was
    /// asked for twice since.
    fn passed_over(&self, index: usize, among: impl Fn(&Shelf<P>) -> bool) -> Option<usize> {
        let twice_since = self.list[index].wanted_before?;
        let others = (0..self.list.len()).filter(|other| {
            let shelf = &self.list[*other];
            *other != index
                && among(shelf)
                && !shelf.parked.is_empty()
                && shelf.wanted < twice_since
        });
        others.min_by_key(|other| self.list[*other].wanted)
    }

    /// What was due is parked, or could not be; given back if nobody wants it any more.
    pub(super) fn filled(&mut self, recipe: &Recipe, parked: Option<P>, now: Instant) -> Option<P> {
        let Some(shelf) = self.shelf(recipe).filter(|shelf| shelf.filling) else { return parked };
        shelf.filling = false;
        match parked {
            Some(parked) => shelf.parked.push((parked, now)),
            None => shelf.not_before = Some(now + FAILED_PAUSE),
        }
        None
    }

    /// Takes out what is not worth being kept, or is dead, or is too much.
    pub(super) fn outdated(
        &mut self,
        settings: PoolSettings,
        now: Instant,
        is_dead: impl Fn(&P) -> bool,
    ) -> Vec<P> {
        let mut out = Vec::new();
        let mut room = if settings.is_off() { 0 } else { settings.max };
        for shelf in &mut self.list {
            let keep = shelf.is_worth_it(settings.keep, now);
            let most = settings.per_agent.min(room);
            let (kept, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut shelf.parked)
                .into_iter()
                .enumerate()
                .partition(|(index, (parked, since))| {
                    let fresh = now.duration_since(*since) < AGE_MAX;
                    keep && fresh && *index < most && !is_dead(parked)
                });
            if gone.iter().any(|(_, (parked, _))| is_dead(parked)) {
                // What let it fail, a script of the agent perhaps, is still there.
                shelf.not_before = Some(now + FAILED_PAUSE);
            }
            shelf.parked = kept.into_iter().map(|(_, parked)| parked).collect();
            room -= shelf.parked.len().min(room);
            out.extend(gone.into_iter().map(|(_, (parked, _))| parked));
        }
        self.list
            .retain(|shelf| shelf.count() > 0 || now.duration_since(shelf.wanted) < settings.keep);
        out
    }

    /// Forgets an agent; answers what was parked of it.
    pub(super) fn forget_agent(&mut self, tenant: &str, agent: &str) -> Vec<P> {
        self.forget(|recipe| recipe.is_of(tenant, agent))
    }

    /// Forgets a recipe.
    pub(super) fn forget_recipe(&mut self, recipe: &Recipe) -> Vec<P> {
        self.forget(|other| other == recipe)
    }

    fn forget(&mut self, which: impl Fn(&Recipe) -> bool) -> Vec<P> {
        let mut out = Vec::new();
        self.list.retain_mut(|shelf| {
            let gone = which(&shelf.recipe);
            if gone {
                out.extend(std::mem::take(&mut shelf.parked).into_iter().map(|(parked, _)| parked));
            }
            !gone
        });
        out
    }

    /// Takes out everything; the recipes are remembered. What is on its way is not wanted.
    pub(super) fn clear(&mut self) -> Vec<P> {
        let mut out = Vec::new();
        for shelf in &mut self.list {
            shelf.filling = false;
            out.extend(std::mem::take(&mut shelf.parked).into_iter().map(|(parked, _)| parked));
        }
        out
    }
}
