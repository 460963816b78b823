//! The file of SQLite: who may read it, how it is written, and what is done when it is copied.

use std::os::unix::fs::PermissionsExt as _;

use sqlx::Row as _;

use super::*;

fn run<F: Future<Output = ()>>(name: &str, story: impl FnOnce(std::path::PathBuf) -> F) {
    let folder = std::env::temp_dir().join(format!("ringwall-files-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(story(folder.join("cases.db")));
    fs::remove_dir_all(folder).unwrap();
}

fn mode(path: &Path, ending: &str) -> u32 {
    let path = format!("{}{ending}", path.display());
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn every_connection_waits_for_the_disk() {
    run("pragmas", |path| async move {
        let store = Store::open(path.to_str().unwrap()).await.unwrap();
        let mut held = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            let mut connection = store.pool.acquire().await.unwrap();
            let row = sqlx::query("PRAGMA synchronous").fetch_one(&mut *connection).await.unwrap();
            assert_eq!(row.try_get::<i64, _>(0).unwrap(), 2, "FULL");
            let row = sqlx::query("PRAGMA journal_mode").fetch_one(&mut *connection).await.unwrap();
            assert_eq!(row.try_get::<String, _>(0).unwrap(), "wal");
            let row = sqlx::query("PRAGMA busy_timeout").fetch_one(&mut *connection).await.unwrap();
            assert_eq!(row.try_get::<i64, _>(0).unwrap(), 10_000);
            held.push(connection);
        }
        assert_eq!(store.pool.size(), CONNECTIONS_MAX);
        drop(held);
        store.close().await;
    });
}

#[test]
fn nobody_else_reads_what_customers_write() {
    run("modes", |path| async move {
        let store = Store::open(path.to_str().unwrap()).await.unwrap();
        store.write().await.unwrap().commit().await.unwrap();
        assert_eq!(["", "-wal", "-shm"].map(|ending| mode(&path, ending)), [0o600; 3]);
        // One of a former version, left by a crash, with what stands beside it.
        for ending in ["", "-wal", "-shm"] {
            let path = format!("{}{ending}", path.display());
            fs::set_permissions(path, Permissions::from_mode(0o644)).unwrap();
        }
        let second = Store::open(path.to_str().unwrap()).await.unwrap();
        assert_eq!(["", "-wal", "-shm"].map(|ending| mode(&path, ending)), [0o600; 3]);
        second.close().await;
        store.close().await;
    });
}

#[test]
fn a_copy_is_of_one_moment_and_damage_is_told() {
    run("copy", |path| async move {
        let store = Store::open(path.to_str().unwrap()).await.unwrap();
        let service = Service::sample();
        for at in 0..50 {
            let title = format!("question {at}");
            store.desk().open("Acme", Kind::Question, State::New, &title, done(&service, at)).await.unwrap();
        }
        let copied = path.with_file_name("copy.db");
        // A writer in the middle of something is not waited for, and not in it.
        let writing = store.write().await.unwrap();
        store.copy_to(&copied).await.unwrap();
        drop(writing);
        let copy = Store::open(copied.to_str().unwrap()).await.unwrap();
        assert_eq!(list(&copy).await, list(&store).await);
        assert_eq!(copy.damages().await.unwrap(), Vec::<String>::new());
        copy.close().await;
        // Overwritten in the middle, as a bad disk does.
        let mut bytes = fs::read(&copied).unwrap();
        let middle = (bytes.len() / 2) & !4_095;
        bytes[middle..middle + 4_096].fill(0xa5);
        fs::write(&copied, bytes).unwrap();
        match Store::open(copied.to_str().unwrap()).await {
            Ok(copy) => {
                assert!(copy.damages().await.map_or(true, |damages| !damages.is_empty()));
                copy.close().await;
            }
            Err(error) => assert!(error.to_string().contains("malformed"), "{error}"),
        }
        store.close().await;
    });
}
