//! Columns to words of the domain. What does not read back is damage, not a default.

use std::collections::BTreeMap;
use std::str::FromStr;

use bytes::Bytes;
use rusqlite::types::{Type, ValueRef};
use serde::de::DeserializeOwned;

use super::database::{self, Row};
use super::record::Environment;
use crate::clock::Timestamp;

/// Why a column could not be read; fits after "the database is damaged: ".
#[derive(Debug, thiserror::Error)]
enum ColumnError {
    #[error("`{text}` is none of the known words")]
    UnknownWord { text: String },
    #[error("it is no map of variables")]
    Environment { source: serde_json::Error },
    #[error("it is no list of texts")]
    Texts { source: serde_json::Error },
    #[error("it is no map of numbers")]
    Numbers { source: serde_json::Error },
    #[error("it is not what it is to be")]
    Json { source: serde_json::Error },
}

pub(super) fn timestamp(row: &Row<'_>, column: usize) -> database::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

pub(super) fn maybe_timestamp(row: &Row<'_>, column: usize) -> database::Result<Option<Timestamp>> {
    Ok(row.get::<Option<i64>>(column)?.map(Timestamp::from_millis))
}

/// A text that a newtype checks.
pub(super) fn parsed<T>(row: &Row<'_>, column: usize) -> database::Result<T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.get_ref(column)?.as_str()?.parse().map_err(|error| broken(column, error))
}

pub(super) fn maybe_parsed<T>(row: &Row<'_>, column: usize) -> database::Result<Option<T>>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => parsed(row, column).map(Some),
    }
}

/// A text that is one of a closed set.
pub(super) fn word<T>(
    row: &Row<'_>,
    column: usize,
    parse: fn(&str) -> Option<T>,
) -> database::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| broken(column, ColumnError::UnknownWord { text: text.to_owned() }))
}

pub(super) fn bytes(row: &Row<'_>, column: usize) -> database::Result<Bytes> {
    Ok(Bytes::copy_from_slice(row.get_ref(column)?.as_blob()?))
}

/// Of a shape that something else knows.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> database::Result<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|source| broken(column, ColumnError::Json { source }))
}

pub(super) fn environment(row: &Row<'_>, column: usize) -> database::Result<Environment> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|source| broken(column, ColumnError::Environment { source }))
}

pub(super) fn environment_text(environment: &Environment) -> String {
    serde_json::to_string(environment).expect("a map of strings is always JSON")
}

pub(super) fn texts(row: &Row<'_>, column: usize) -> database::Result<Vec<String>> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|source| broken(column, ColumnError::Texts { source }))
}

pub(super) fn texts_text(texts: &[String]) -> String {
    serde_json::to_string(texts).expect("a list of strings is always JSON")
}

pub(super) fn numbers(row: &Row<'_>, column: usize) -> database::Result<BTreeMap<String, u64>> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|source| broken(column, ColumnError::Numbers { source }))
}

pub(super) fn numbers_text(numbers: &BTreeMap<String, u64>) -> String {
    serde_json::to_string(numbers).expect("a map of numbers is always JSON")
}

fn broken(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> database::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)).into()
}
