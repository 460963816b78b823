//! A copy of the whole database while others write, and whether what is there is whole.

use std::path::Path;

use sqlx::Row as _;

use super::{Error, Store};

impl Store {
    /// Whether it is a file of SQLite; otherwise it is a server's.
    pub async fn is_file(&self) -> Result<bool, Error> {
        Ok(self.pool.acquire().await?.backend_name() == "SQLite")
    }

    /// Writes all of it, as it is at one moment, to the file `to`, which is empty or not there; others go on writing.
    /// The caller has it brought to the disk.
    ///
    /// # Errors
    /// It is not a file but a server's, or the copy cannot be written.
    pub async fn copy_to(&self, to: &Path) -> Result<(), Error> {
        if !self.is_file().await? {
            return Err(Error::Refused("the database is a server's: it is copied by pg_dump".to_owned()));
        }
        let to = to.to_str().ok_or_else(|| Error::Refused(format!("{}: not UTF-8", to.display())))?;
        sqlx::query("VACUUM INTO $1").bind(to).execute(&self.pool).await?;
        Ok(())
    }

    /// What is wrong with the file, in the words of SQLite; a server looks after its own.
    ///
    /// # Errors
    /// It cannot be asked.
    pub async fn damages(&self) -> Result<Vec<String>, Error> {
        if !self.is_file().await? {
            return Ok(Vec::new());
        }
        let rows = sqlx::query("PRAGMA integrity_check").fetch_all(&self.pool).await?;
        let said: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, sqlx::Error>>()?;
        Ok(if said == ["ok"] { Vec::new() } else { said })
    }

    /// Says that the spool has begun anew: what comes from it is counted from one again. Alerts that are there are known by
    /// their ids.
    ///
    /// # Errors
    /// It is not kept.
    pub async fn begin_spool_anew(&self) -> Result<(), Error> {
        let mut writing = self.write().await?;
        writing.reach_spool(0).await?;
        writing.commit().await
    }
}
