//! A server of a database that does not answer: which one, and what stands between.

use std::io;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AnyConnection, Connection as _};

/// Why nothing came from the server at `place` for as long as a pool waits, which itself says only that it waited.
pub(super) async fn why(place: &str) -> sqlx::Error {
    let why = match tokio::time::timeout(PATIENCE, AnyConnection::connect(place)).await {
        // It answers again: what was waited for is all that can be said.
        Ok(Ok(_)) => "it did not answer in time".to_owned(),
        Ok(Err(sqlx::Error::Io(error))) => error.to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it does not answer".to_owned(),
    };
    sqlx::Error::Io(io::Error::other(format!("{}: {why}", server(place))))
}

/// Host and port, without whoever logs in and the password.
fn server(place: &str) -> String {
    place.parse::<PgConnectOptions>().map_or_else(
        |_| "its server".to_owned(),
        |options| match options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", options.get_host(), options.get_port()),
        },
    )
}

const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_down_is_named_and_its_password_is_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let said = runtime.block_on(async {
            sqlx::any::install_default_drivers();
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let said = why(&format!("postgres://desk:secret@127.0.0.1:{port}/cases")).await.to_string();
            assert!(said.contains(&format!("127.0.0.1:{port}: ")), "{said}");
            said
        });
        assert!(said.to_lowercase().contains("refused") && !said.contains("secret"), "{said}");
    }
}
