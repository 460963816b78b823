//! Fetches what a feed names, if it is new: over HTTP or HTTPS, within bounds of time and size.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use ureq::http::{HeaderMap, StatusCode, header};
use ureq::{Body, http};

use super::Known;

/// What is fetched, and how far that may go.
pub(crate) struct Wanted<'a> {
    pub(crate) url: &'a str,
    pub(crate) seconds_max: u32,
    pub(crate) bytes_max: u64,
    /// PEM file with the authorities that are believed.
    pub(crate) authorities: Option<&'a Path>,
    /// File with the value of the Authorization header.
    pub(crate) authorization_file: Option<&'a Path>,
}

/// What came.
pub(crate) enum Fetched {
    /// Nothing new.
    Same,
    /// The file is there; these are its marks.
    New { etag: Option<String>, last_modified: Option<String> },
}

impl Wanted<'_> {
    /// Fetches it into `to`, unless it is still what `known` marks. The error says in words what is wrong.
    pub(crate) fn fetch(&self, known: &Known, to: &Path) -> Result<Fetched, String> {
        let patience = Duration::from_secs(u64::from(self.seconds_max));
        let agent =
            outgoing::agent(self.url, self.authorities, |config| config.timeout_global(Some(patience)))
                .map_err(|error| error.to_string())?;
        let authorization = self.authorization()?;
        let mut url = self.url.to_owned();
        for _ in 0..=REDIRECTS_MAX {
            let mut request = agent.get(&url);
            if let Some(value) = &authorization {
                request = request.header(header::AUTHORIZATION, value);
            }
            if known.url == self.url {
                if let Some(etag) = &known.etag {
                    request = request.header(header::IF_NONE_MATCH, etag);
                }
                if let Some(moment) = &known.last_modified {
                    request = request.header(header::IF_MODIFIED_SINCE, moment);
                }
            }
            let mut response = request.call().map_err(|error| error.to_string())?;
            match response.status() {
                StatusCode::OK => return self.take(&mut response, to),
                StatusCode::NOT_MODIFIED => return Ok(Fetched::Same),
                status if status.is_redirection() => url = next(&url, response.headers())?,
                status => return Err(format!("the answer is {status}")),
            }
        }
        Err("it is redirected too often".to_owned())
    }

    fn take(&self, response: &mut http::Response<Body>, to: &Path) -> Result<Fetched, String> {
        let mark =
            |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (etag, last_modified) = (mark(header::ETAG), mark(header::LAST_MODIFIED));
        // A bound of our own: what is packed small may be large.
        let body = response.body_mut().with_config().limit(u64::MAX).reader();
        let mut file = File::create(to).map_err(|error| error.to_string())?;
        let copied =
            io::copy(&mut body.take(self.bytes_max + 1), &mut file).map_err(|error| error.to_string())?;
        if copied > self.bytes_max {
            return Err(format!("it is larger than {} MiB", self.bytes_max >> 20));
        }
        Ok(Fetched::New { etag, last_modified })
    }

    fn authorization(&self) -> Result<Option<String>, String> {
        let Some(path) = self.authorization_file else { return Ok(None) };
        let value = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Some(value.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// Where an answer from `url` sends us: only from HTTPS to HTTPS on the same host, since a list is believed for where it
/// comes from.
fn next(url: &str, headers: &HeaderMap) -> Result<String, String> {
    let to = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = |url: &str| {
        url.strip_prefix("https://")
            .and_then(|rest| rest.split(['/', '?', '#']).next())
            .map(str::to_ascii_lowercase)
    };
    let Some(own) = host(url) else {
        return Err(format!("it is redirected to {to:?}, and HTTP is not redirected"));
    };
    if to.starts_with('/') && !to.starts_with("//") {
        return Ok(format!("https://{own}{to}"));
    }
    if host(to).as_ref() == Some(&own) {
        return Ok(to.to_owned());
    }
    Err(format!("it is redirected to {to:?}, which is not HTTPS on the same host"))
}

const REDIRECTS_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_on_the_host_and_on_https() {
        let sent = |url: &str, to: &str| {
            let headers = HeaderMap::from_iter([(header::LOCATION, to.parse().unwrap())]);
            next(url, &headers).ok()
        };
        let own = "https://lists.example.com/a";
        assert_eq!(sent(own, "/b").as_deref(), Some("https://lists.example.com/b"));
        assert_eq!(sent(own, "https://LISTS.example.com/b").as_deref(), Some("https://LISTS.example.com/b"));
        for to in [
            "http://lists.example.com/b",
            "https://lists.example.com.evil.example/",
            "https://lists.example.com@evil.example/",
            "//evil.example/b",
            "https://lists.example.com:8443/b",
            "file:///etc/passwd",
            "",
        ] {
            assert_eq!(sent(own, to), None, "{to}");
        }
        assert_eq!(sent("http://lists.example.com/a", "/b"), None);
    }
}
