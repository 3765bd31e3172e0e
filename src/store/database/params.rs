//! What is bound to a statement.

use rusqlite::ToSql;
use rusqlite::types::Value;

/// Values in the order of their numbers.
pub(in crate::store) trait Params {
    fn with<R>(self, each: impl FnOnce(&[&dyn ToSql]) -> R) -> R;
}

impl<T: ToSql, const N: usize> Params for [T; N] {
    fn with<R>(self, each: impl FnOnce(&[&dyn ToSql]) -> R) -> R {
        each(&self.each_ref().map(|value| value as &dyn ToSql))
    }
}

impl Params for &[&dyn ToSql] {
    fn with<R>(self, each: impl FnOnce(&[&dyn ToSql]) -> R) -> R {
        each(self)
    }
}

impl Params for Vec<Value> {
    fn with<R>(self, each: impl FnOnce(&[&dyn ToSql]) -> R) -> R {
        let values: Vec<_> = self.iter().map(|value| value as &dyn ToSql).collect();
        each(&values)
    }
}
