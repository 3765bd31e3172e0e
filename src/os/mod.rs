//! Linux, as far as the standard library leaves it out. Nothing here knows Ash.

pub(crate) mod aside;
pub(crate) mod cgroup;
pub(crate) mod chunks;
pub(crate) mod copy;
pub(crate) mod fd;
pub(crate) mod fs;
pub(crate) mod own;
pub(crate) mod pack;
pub(crate) mod peer;
pub(crate) mod process;
pub(crate) mod quota;
#[cfg(test)]
mod races;
pub(crate) mod socket;
pub(crate) mod sys;
pub(crate) mod terminal;
