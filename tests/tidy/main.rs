//! What holds for the whole repository: walls between modules, sizes, words, and that code and
//! documents say the same. Each check is a function over texts, tried on a bad example before
//! it is trusted with the repository.

#![expect(
    clippy::case_sensitive_file_extension_comparisons,
    clippy::panic,
    clippy::string_slice,
    reason = "texts of this repository, cut where something was found; a panic is a failed test"
)]

mod changelog;
mod defects;
mod dependencies;
mod documents;
mod files;
mod layers;
mod machine;
mod names;
mod operations;
mod orphans;
mod rust;
mod sizes;
mod unsafety;
mod words;
