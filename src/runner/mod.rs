//! One host's live sessions: a task per session drives its sandbox; everybody else holds a
//! [`handle::Handle`], asks through a bounded channel and reads the session's [`feed`].

mod archiving;
mod audit;
mod budget;
mod claim;
mod configure;
mod disk;
mod driver;
mod ending;
pub(crate) mod feed;
pub(crate) mod handle;
pub(crate) mod host;
mod jail;
mod limit;
mod live;
mod log;
mod notices;
pub(crate) mod permissions;
pub(crate) mod pressure;
mod queue;
mod recovery;
mod rest;
pub(crate) mod seats;
pub(crate) mod span;
mod spent;
mod transcript;

pub(crate) use archiving::ArchivingError;
pub(crate) use host::{Host, HostPolicy, HostSettings, RecoverError};
