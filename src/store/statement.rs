//! What SQL needs to be written once for both databases: arguments, rows, and a transaction that speaks either dialect.
//!
//! Only three things differ between the dialects here: how to upsert, how to lock the rows one reads, and how decimals
//! are kept (see `schema/`).
//!
//! Statements of many rows come in powers of two, so that there are few of them and each connection keeps them all
//! prepared. That is worth more than it seems: the client leaves Nagle's algorithm on, and the message that closes a
//! statement has no answer, so what follows it would wait 40 ms for the server's delayed acknowledgement.

use std::str::FromStr;

use chrono::{NaiveDate, NaiveDateTime, Timelike};
use rust_decimal::Decimal;
use sqlx::mysql::{MySqlDatabaseError, MySqlRow};
use sqlx::sqlite::{SqliteError, SqliteRow};
use sqlx::{AssertSqlSafe, ColumnIndex, Decode, MySql, Row as _, Sqlite, Type};

/// Divided by what the caller does next.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The database cannot be reached or cannot work now: the same again, later.
    #[error("the database is away: {0}")]
    Away(#[source] sqlx::Error),
    /// Lost a race for a lock or a unique key: the same again, at once.
    #[error("lost a race for a row: {0}")]
    Contended(#[source] sqlx::Error),
    /// A value does not fit its column: never again as it is.
    #[error("the database refused a value: {0}")]
    Data(#[source] sqlx::Error),
    /// The tables or our statements are wrong: someone has to look.
    #[error("{0}")]
    Broken(#[source] sqlx::Error),
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match &error {
            E::Io(_) | E::Tls(_) | E::Protocol(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
                Self::Away(error)
            }
            E::Database(told) => {
                if let Some(mysql) = told.try_downcast_ref::<MySqlDatabaseError>() {
                    match (mysql.number(), mysql.code().unwrap_or_default()) {
                        // duplicate key, lock wait time-out, deadlock
                        (1062 | 1205 | 1213, _) => Self::Contended(error),
                        // too many connections, shutting down, killed, read-only, disk full
                        (1040 | 1053 | 1203 | 1290 | 1317 | 1836 | 1021 | 1114, _) => Self::Away(error),
                        (1366, _) => Self::Data(error),
                        (_, state) if state.starts_with("22") => Self::Data(error),
                        (_, state) if state.starts_with("08") => Self::Away(error),
                        _ => Self::Broken(error),
                    }
                } else if told.is_unique_violation() {
                    Self::Contended(error)
                } else if let Some(code) = sqlite_code(told.as_ref()) {
                    match code {
                        5 | 6 => Self::Contended(error),
                        // I/O error, disk full, cannot open
                        10 | 13 | 14 => Self::Away(error),
                        // too big, wrong type
                        18 | 20 => Self::Data(error),
                        _ => Self::Broken(error),
                    }
                } else {
                    Self::Broken(error)
                }
            }
            _ => Self::Broken(error),
        }
    }
}

/// The primary result code; the extended ones carry it in their lowest byte.
fn sqlite_code(error: &dyn sqlx::error::DatabaseError) -> Option<i32> {
    error.try_downcast_ref::<SqliteError>()?;
    error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

/// A value on its way into a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    Null,
    Int(i64),
    Text(String),
    Decimal(Decimal),
    Date(NaiveDate),
    Time(NaiveDateTime),
}

impl Arg {
    /// For DECIMAL(…,4) columns. All four places are kept, so that the text in `SQLite` is canonical.
    pub fn quantity(mut value: Decimal) -> Self {
        value.rescale(4);
        Self::Decimal(value)
    }

    /// For DECIMAL(…,2) columns.
    pub fn hours(mut value: Decimal) -> Self {
        value.rescale(2);
        Self::Decimal(value)
    }

    /// For DECIMAL(…,8) columns.
    pub fn piece_hours(mut value: Decimal) -> Self {
        value.rescale(8);
        Self::Decimal(value)
    }

    /// For DATETIME columns, which hold whole seconds.
    pub fn second(value: NaiveDateTime) -> Self {
        Self::Time(value.with_nanosecond(0).unwrap_or(value))
    }
}

macro_rules! arg_from {
    ($($from:ty => $variant:ident),*) => {$(
        impl From<$from> for Arg {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}
arg_from!(i64 => Int, bool => Int, String => Text, &str => Text, &String => Text, NaiveDate => Date, NaiveDateTime => Time);

impl<T: Into<Arg>> From<Option<T>> for Arg {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// `args![a, b, c]`: a row of arguments.
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::statement::Arg::from($value)),*] };
}
pub(super) use args;

/// Binds and runs on either connection; the two arms are the same text for two types.
macro_rules! bound {
    ($db:ident, $sql:expr, $args:expr) => {{
        let mut query = sqlx::query::<$db>(AssertSqlSafe($sql));
        for arg in $args {
            query = match arg {
                Arg::Null => query.bind(None::<String>),
                Arg::Int(value) => query.bind(value),
                Arg::Text(value) => query.bind(value),
                Arg::Decimal(value) => bind_decimal!($db, query, value),
                Arg::Date(value) => query.bind(value),
                Arg::Time(value) => query.bind(value),
            };
        }
        query
    }};
}
macro_rules! bind_decimal {
    (MySql, $query:expr, $value:expr) => {
        $query.bind($value)
    };
    (Sqlite, $query:expr, $value:expr) => {
        $query.bind($value.to_string())
    };
}

/// Arguments of one statement: `SQLite` takes 32 766, `MySQL` 65 535.
const BINDS_MAX: usize = 30_000;

/// Keys of one `IN (…)`, a power of two.
const IN_LIST_MAX: usize = 1024;

/// Prepared statements that a connection keeps; there are about twenty kinds, most in up to eleven sizes.
pub const STATEMENTS_KEPT: usize = 300;

/// A type that both databases can give.
pub trait Field: for<'r> Decode<'r, MySql> + Type<MySql> + for<'r> Decode<'r, Sqlite> + Type<Sqlite> {}
impl<T> Field for T where T: for<'r> Decode<'r, MySql> + Type<MySql> + for<'r> Decode<'r, Sqlite> + Type<Sqlite> {}

/// A row as either database gave it.
pub enum Row {
    MySql(MySqlRow),
    Sqlite(SqliteRow),
}

impl Row {
    pub fn get<T: Field>(&self, column: &str) -> Result<T, DbError>
    where
        for<'c> &'c str: ColumnIndex<MySqlRow> + ColumnIndex<SqliteRow>,
    {
        Ok(match self {
            Self::MySql(row) => row.try_get(column)?,
            Self::Sqlite(row) => row.try_get(column)?,
        })
    }

    pub fn decimal(&self, column: &str) -> Result<Decimal, DbError> {
        let missing = || DbError::Broken(sqlx::Error::Decode(format!("{column} is NULL").into()));
        self.decimal_if_any(column)?.ok_or_else(missing)
    }

    pub fn decimal_if_any(&self, column: &str) -> Result<Option<Decimal>, DbError> {
        match self {
            Self::MySql(row) => Ok(row.try_get(column)?),
            Self::Sqlite(row) => {
                let text: Option<String> = row.try_get(column)?;
                let number = text.as_deref().map(Decimal::from_str).transpose();
                number.map_err(|e| DbError::Broken(sqlx::Error::Decode(e.into())))
            }
        }
    }
}

/// Either kind of transaction. Dropped uncommitted it rolls back.
pub enum Transaction {
    MySql(sqlx::Transaction<'static, MySql>),
    Sqlite(sqlx::Transaction<'static, Sqlite>),
}

impl Transaction {
    pub async fn commit(self) -> Result<(), DbError> {
        match self {
            Self::MySql(tx) => tx.commit().await?,
            Self::Sqlite(tx) => tx.commit().await?,
        }
        Ok(())
    }

    pub async fn execute(&mut self, sql: impl Into<String>, args: Vec<Arg>) -> Result<(), DbError> {
        match self {
            Self::MySql(tx) => bound!(MySql, sql.into(), args).execute(&mut **tx).await.map(|_| ())?,
            Self::Sqlite(tx) => bound!(Sqlite, sql.into(), args).execute(&mut **tx).await.map(|_| ())?,
        }
        Ok(())
    }

    pub async fn rows(&mut self, sql: impl Into<String>, args: Vec<Arg>) -> Result<Vec<Row>, DbError> {
        Ok(match self {
            Self::MySql(tx) => {
                let rows = bound!(MySql, sql.into(), args).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Row::MySql).collect()
            }
            Self::Sqlite(tx) => {
                let rows = bound!(Sqlite, sql.into(), args).fetch_all(&mut **tx).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
        })
    }

    pub async fn row(&mut self, sql: impl Into<String>, args: Vec<Arg>) -> Result<Option<Row>, DbError> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// What to put behind a SELECT whose rows will be changed. `SQLite` has one writer, so nothing needs locking there.
    pub fn for_update(&self) -> &'static str {
        match self {
            Self::MySql(_) => " FOR UPDATE",
            Self::Sqlite(_) => "",
        }
    }

    /// `SELECT … WHERE … IN (keys)`: `sql` ends in the condition's column, `tail` follows the list.
    pub async fn rows_in<K: Into<Arg>>(
        &mut self,
        sql: &str,
        keys: impl IntoIterator<Item = K>,
        tail: &str,
    ) -> Result<Vec<Row>, DbError> {
        self.rows_in_after(sql, Vec::new(), keys, tail).await
    }

    /// The same, with `first` for the marks that stand before the list.
    pub async fn rows_in_after<K: Into<Arg>>(
        &mut self,
        sql: &str,
        first: Vec<Arg>,
        keys: impl IntoIterator<Item = K>,
        tail: &str,
    ) -> Result<Vec<Row>, DbError> {
        let keys: Vec<Arg> = keys.into_iter().map(Into::into).collect();
        let mut found = Vec::new();
        for keys in keys.chunks(IN_LIST_MAX) {
            // The last key again and again finds nothing more.
            let mut keys = keys.to_vec();
            keys.resize(
                keys.len().next_power_of_two(),
                keys.last().cloned().unwrap_or(Arg::Null),
            );
            let list = marks(keys.len());
            let args = [first.as_slice(), &keys].concat();
            found.extend(self.rows(format!("{sql} IN {list}{tail}"), args).await?);
        }
        Ok(found)
    }

    /// Inserts rows; `columns` is the list as SQL writes it.
    pub async fn insert(&mut self, table: &str, columns: &str, rows: Vec<Vec<Arg>>) -> Result<(), DbError> {
        self.write(table, columns, rows, "").await
    }

    /// Inserts rows, or overwrites all but the key of those that are there.
    pub async fn upsert(&mut self, table: &str, key: &str, columns: &str, rows: Vec<Vec<Arg>>) -> Result<(), DbError> {
        let (mut tail, new) = match self {
            Self::MySql(_) => (" ON DUPLICATE KEY UPDATE ".to_owned(), ["VALUES(", ")"]),
            Self::Sqlite(_) => (format!(" ON CONFLICT ({key}) DO UPDATE SET "), ["excluded.", ""]),
        };
        let is_key = |column: &&str| key.split(", ").any(|part| part == *column);
        let assignments: Vec<String> = columns
            .split(", ")
            .filter(|column| !is_key(column))
            .map(|column| format!("{column} = {}{column}{}", new[0], new[1]))
            .collect();
        tail.push_str(&assignments.join(", "));
        self.write(table, columns, rows, &tail).await
    }

    async fn write(&mut self, table: &str, columns: &str, rows: Vec<Vec<Arg>>, tail: &str) -> Result<(), DbError> {
        let width = columns.split(',').count();
        let tuple = marks(width);
        let mut rows = rows.into_iter();
        while rows.len() > 0 {
            let portion = portion(rows.len(), BINDS_MAX / width);
            let chunk: Vec<Vec<Arg>> = rows.by_ref().take(portion).collect();
            let values = vec![tuple.as_str(); chunk.len()].join(", ");
            let sql = format!("INSERT INTO {table} ({columns}) VALUES {values}{tail}");
            self.execute(sql, chunk.into_iter().flatten().collect()).await?;
        }
        Ok(())
    }
}

/// How many of `left` rows go into the next statement.
fn portion(left: usize, most: usize) -> usize {
    1 << left.min(most).ilog2()
}

/// `(?, ?, ?)`
fn marks(count: usize) -> String {
    format!("({})", vec!["?"; count].join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cut_into_powers_of_two_that_fit() {
        let cut = |mut left: usize, most| {
            let mut portions = Vec::new();
            while left > 0 {
                portions.push(portion(left, most));
                left -= portion(left, most);
            }
            portions
        };
        assert_eq!(cut(500, 4000), [256, 128, 64, 32, 16, 4]);
        assert_eq!(cut(1000, 300), [256, 256, 256, 128, 64, 32, 8]);
        assert_eq!(cut(1, 4000), [1]);
    }
}
