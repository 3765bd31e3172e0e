//! The `OpenAPI` document, `docs/openapi.json`: made of the table of operations, the types of the
//! wire, what stands beside them (`described`) and the prose of `docs/api.md`. It is made when the
//! tests are; ashd serves the bytes.
//!
//! A new operation needs a line in `described()` of the file with its types:
//!
//! ```text
//! operation(Operation::GetThing, "Tells about a thing.")
//!     .answers::<ThingEnvelope>(200)
//!     .refuses(&[Code::ThingNotFound]),
//! ```
//!
//! then `make openapi` writes the document again. What holds for many is known here: ids in the
//! path, the key, the scope, a body that is too large, a store that fails.

mod described;
mod document;
mod prose;
mod tests;

pub(super) use described::{Described, flag, one_of, operation, text, uuid, whole};

/// Every description, from beside the types.
fn all() -> Vec<Described> {
    [
        super::agents::described(),
        super::attachments::described(),
        super::audit::described(),
        super::budgets::described(),
        super::config::described(),
        super::credentials::described(),
        super::database::described(),
        super::drain::described(),
        super::evals::described(),
        super::exec::described(),
        super::health::described(),
        super::jobs::described(),
        super::keys::described(),
        super::lifecycle::described(),
        super::load::described(),
        super::logs::described(),
        super::permissions::described(),
        super::reference::described(),
        super::schedules::described(),
        super::sessions::described(),
        super::turns::described(),
        super::usage::described(),
        super::webhooks::described(),
        super::workspace::described(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
