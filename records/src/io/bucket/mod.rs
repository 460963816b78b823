//! Files in a bucket of S3-compatible storage. Nothing in it changes: a file is made whole, read by parts, removed.

mod client;
mod keys;
mod sign;
mod words;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use self::client::{Answer, Client, Request};
use self::sign::encode;
use self::words::{decode, element, elements};

/// Where a bucket is, and whose keys open it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// The server: `https://host`, with a port where it needs one. The bucket goes into the path.
    pub endpoint: String,
    /// The bucket, which is there.
    pub bucket: String,
    /// What stands before names of files; empty for nothing.
    pub prefix: String,
    /// The region that requests are signed for.
    pub region: String,
    /// File with keys as AWS keeps them; without it they are in the environment.
    pub credentials_file: Option<PathBuf>,
    /// PEM file with the authorities that vouch for the server; without it those of the system.
    pub authorities: Option<PathBuf>,
}

impl Remote {
    /// Whether all of it can be what it says.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        let endpoint = &self.endpoint;
        let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
        let Some(host) = rest.map(|rest| rest.trim_end_matches('/')).filter(|host| !host.is_empty()) else {
            return Err(format!("{endpoint:?} is no address of HTTP"));
        };
        if host.contains('@') {
            return Err("keys stand in a file of their own; see `credentials_file`".to_owned());
        }
        if host.contains(['/', '?', '#']) {
            return Err(format!("{endpoint:?} is more than a server: the bucket has a key of its own"));
        }
        let of = |text: &str, more: &str| {
            text.chars().all(|letter| letter.is_ascii_alphanumeric() || more.contains(letter))
        };
        if !(3..=63).contains(&self.bucket.len()) || !of(&self.bucket, "-._") {
            return Err(format!("{:?} is no name of a bucket", self.bucket));
        }
        let parts = self.prefix.split('/');
        if !of(&self.prefix, "-._=/") || parts.into_iter().any(|part| matches!(part, "." | "..")) {
            return Err(format!("prefix {:?}: letters, digits, - . _ = and slashes", self.prefix));
        }
        if self.region.is_empty() || !of(&self.region, "-_") {
            return Err(format!("{:?} is no region", self.region));
        }
        Ok(())
    }
}

/// An open bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    client: Client,
    name: String,
    /// Nothing, or something with a slash at its end.
    prefix: String,
    /// `s3://bucket/prefix/`.
    said: String,
}

impl Bucket {
    pub(super) fn open(remote: &Remote) -> io::Result<Self> {
        remote.check().map_err(|wrong| io::Error::new(io::ErrorKind::InvalidInput, wrong))?;
        let Remote { endpoint, bucket, prefix, region, credentials_file, authorities } = remote;
        let client = Client::new(endpoint, region, credentials_file.as_deref(), authorities.as_deref())?;
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let said = format!("s3://{bucket}/{prefix}");
        Ok(Self { client, name: bucket.clone(), prefix, said })
    }

    pub(super) fn say(&self, name: &str) -> String {
        format!("{}{name}", self.said)
    }

    fn path(&self, name: &str) -> String {
        format!("/{}/{}{}", self.name, encode(&self.prefix, true), encode(name, true))
    }

    /// All of the file `name`.
    pub(super) fn read(&self, name: &str) -> io::Result<Bytes> {
        let path = self.path(name);
        let answer = self.client.send(&Request { path: &path, bytes_max: FILE_BYTES_MAX, ..GET })?;
        if answer.status == 200 { Ok(answer.body) } else { Err(answer.error()) }
    }

    /// The last bytes of the file `name`, as far as there are `length`, and how long all of it is.
    pub(super) fn read_end(&self, name: &str, length: u64) -> io::Result<(Bytes, u64)> {
        let answer = self.range(name, format!("bytes=-{length}"), length)?;
        // `bytes 6-9/10`; a server that gives all of it says nothing.
        let whole = match (answer.status, &answer.content_range) {
            (206, Some(range)) => range.rsplit_once('/').and_then(|(_, length)| length.parse().ok()),
            (416, _) => return Ok((Bytes::new(), 0)),
            (206, None) => None,
            (200, _) => Some(answer.body.len() as u64),
            _ => return Err(answer.error()),
        };
        let whole: u64 =
            whole.ok_or_else(|| io::Error::other("the server does not say how long a file is"))?;
        if answer.body.len() as u64 == whole.min(length) {
            Ok((answer.body, whole))
        } else {
            Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server gives another part than it was asked for",
            ))
        }
    }

    /// `length` bytes of the file `name` from `at`.
    pub(super) fn read_at(&self, name: &str, at: u64, length: u64) -> io::Result<Bytes> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let answer = self.range(name, format!("bytes={at}-{}", at.saturating_add(length - 1)), length)?;
        match answer.status {
            206 if answer.body.len() as u64 == length => Ok(answer.body),
            // It is shorter than it was.
            206 | 416 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ends before")),
            200 => Err(io::Error::new(io::ErrorKind::Unsupported, "the server reads no parts of files")),
            _ => Err(answer.error()),
        }
    }

    fn range(&self, name: &str, range: String, length: u64) -> io::Result<Answer> {
        let path = self.path(name);
        let bytes_max = length.max(ANSWER_BYTES_MAX);
        self.client.send(&Request { path: &path, headers: &[("range", range)], bytes_max, ..GET })
    }

    /// Makes the file `name`, whatever was there.
    pub(super) fn put(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let answer = self.client.send(&Request {
            method: "PUT",
            path: &self.path(name),
            body: Some(content),
            ..GET
        })?;
        done(&answer)
    }

    /// Makes the file `name` unless there is one. Whether there was none.
    pub(super) fn put_new(&self, name: &str, content: &[u8]) -> io::Result<bool> {
        let headers = [("if-none-match", "*".to_owned())];
        let request = Request { method: "PUT", path: &self.path(name), headers: &headers, ..GET };
        let answer = self.client.send(&Request { body: Some(content), ..request })?;
        match answer.status {
            200 => Ok(true),
            // It may be ours, whose answer was lost.
            412 if answer.is_repeated => Ok(self.read(name)? == content),
            412 => Ok(false),
            _ => Err(match answer.error() {
                error if error.kind() == io::ErrorKind::Unsupported => unconditional(),
                error => error,
            }),
        }
    }

    /// Whether the server does what makes one writer lose: `name`, which is there with `content`, is not made anew.
    pub(super) fn prove(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let headers = [("if-none-match", "*".to_owned())];
        let request = Request { method: "PUT", path: &self.path(name), headers: &headers, ..GET };
        let answer = self.client.send(&Request { body: Some(content), ..request })?;
        match answer.status {
            412 => Ok(()),
            200 => Err(unconditional()),
            _ => Err(answer.error()),
        }
    }

    /// Removes the file `name`. One that is not there is removed.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        let answer = self.client.send(&Request { method: "DELETE", path: &self.path(name), ..GET })?;
        match done(&answer) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// Names of files that begin with `begin`, in order, after `after`.
    pub(super) fn list(&self, begin: &str, after: Option<&str>) -> io::Result<Vec<String>> {
        let mut names: Vec<String> = Vec::new();
        let mut after = after.map(|after| format!("{}{after}", self.prefix));
        loop {
            let mut query = vec![
                ("list-type".to_owned(), "2".to_owned()),
                ("encoding-type".to_owned(), "url".to_owned()),
                ("prefix".to_owned(), encode(&format!("{}{begin}", self.prefix), false)),
            ];
            query.extend(after.as_deref().map(|after| ("start-after".to_owned(), encode(after, false))));
            let text = self.ask(&query)?;
            let before = names.len();
            for key in elements(&text, "Key") {
                let key = decode(&key).ok_or_else(|| io::Error::other("the server lists no name"))?;
                after = Some(key.clone());
                names.extend(key.strip_prefix(&self.prefix).map(str::to_owned));
            }
            if element(&text, "IsTruncated").as_deref() != Some("true") || names.len() == before {
                break;
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Gives up what was begun to be written and has no name yet, as far as `is_ours` says so.
    pub(super) fn abandon(&self, is_ours: impl Fn(&str) -> bool) -> io::Result<()> {
        let query =
            vec![("uploads".to_owned(), String::new()), ("prefix".to_owned(), encode(&self.prefix, false))];
        let text = self.ask(&query)?;
        for upload in elements(&text, "Upload") {
            let (Some(key), Some(id)) = (element(&upload, "Key"), element(&upload, "UploadId")) else {
                continue;
            };
            if let Some(name) = key.strip_prefix(&self.prefix).filter(|name| is_ours(name)) {
                self.give_up(name, &id)?;
            }
        }
        Ok(())
    }

    /// Asks the bucket itself.
    fn ask(&self, query: &[(String, String)]) -> io::Result<String> {
        let path = format!("/{}", self.name);
        let answer = self.client.send(&Request { path: &path, query, bytes_max: FILE_BYTES_MAX, ..GET })?;
        if answer.status != 200 {
            return Err(match answer.error() {
                // What is missing is the bucket, and not a file that was replaced.
                error if error.kind() == io::ErrorKind::NotFound => io::Error::other(error.to_string()),
                error => error,
            });
        }
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    fn give_up(&self, name: &str, upload: &str) -> io::Result<()> {
        let query = [("uploadId".to_owned(), encode(upload, false))];
        let request = Request { method: "DELETE", path: &self.path(name), query: &query, ..GET };
        self.client.send(&request).map(drop)
    }
}

/// A file that is being written: in parts where it is long. Until it is finished nobody sees it.
#[derive(Debug)]
pub(super) struct Upload {
    bucket: Arc<Bucket>,
    name: String,
    part: Vec<u8>,
    /// The server's name for it, once a part is there.
    id: Option<String>,
    etags: Vec<String>,
    part_bytes: usize,
}

impl Upload {
    pub(super) fn new(bucket: &Arc<Bucket>, name: &str) -> Self {
        let (bucket, name) = (Arc::clone(bucket), name.to_owned());
        Self { bucket, name, part: Vec::new(), id: None, etags: Vec::new(), part_bytes: PART_BYTES }
    }

    /// It is there, under its name.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.id.is_none() {
            return self.bucket.put(&self.name, &self.part);
        }
        if !self.part.is_empty() {
            self.send_part()?;
        }
        let id = self.id.clone().unwrap_or_default();
        let mut body = String::from("<CompleteMultipartUpload>");
        for (index, etag) in self.etags.iter().enumerate() {
            let etag = etag.replace('&', "&amp;").replace('<', "&lt;");
            body.push_str(&format!("<Part><PartNumber>{}</PartNumber><ETag>{etag}</ETag></Part>", index + 1));
        }
        body.push_str("</CompleteMultipartUpload>");
        let query = [("uploadId".to_owned(), encode(&id, false))];
        let answer = self.post(&query, body.as_bytes())?;
        let text = String::from_utf8_lossy(&answer.body);
        // It begins to answer before it knows how it ends.
        let is_refused = answer.status != 200 || text.contains("<Error>");
        // What was done already, and whose answer was lost, is no upload any more.
        let is_there = answer.is_repeated && element(&text, "Code").as_deref() == Some("NoSuchUpload");
        if is_refused && !(is_there && self.bucket.read_end(&self.name, 1).is_ok()) {
            return Err(io::Error::other(answer.error().to_string()));
        }
        self.id = None;
        Ok(())
    }

    fn send_part(&mut self) -> io::Result<()> {
        let id = match &self.id {
            Some(id) => id.clone(),
            None => {
                let answer = self.post(&[("uploads".to_owned(), String::new())], &[])?;
                done(&answer)?;
                let id = element(&String::from_utf8_lossy(&answer.body), "UploadId");
                self.id.insert(id.ok_or_else(|| io::Error::other("the server begins no upload"))?).clone()
            }
        };
        let query = [
            ("partNumber".to_owned(), (self.etags.len() + 1).to_string()),
            ("uploadId".to_owned(), encode(&id, false)),
        ];
        let path = self.bucket.path(&self.name);
        let request = Request { method: "PUT", path: &path, query: &query, body: Some(&self.part), ..GET };
        let answer = self.bucket.client.send(&request)?;
        done(&answer)?;
        self.etags.push(answer.etag.ok_or_else(|| io::Error::other("the server does not mark a part"))?);
        self.part.clear();
        Ok(())
    }

    fn post(&self, query: &[(String, String)], body: &[u8]) -> io::Result<Answer> {
        let path = self.bucket.path(&self.name);
        self.bucket.client.send(&Request { method: "POST", path: &path, query, body: Some(body), ..GET })
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.part.len() >= self.part_bytes {
            self.send_part()?;
        }
        let taken = bytes.len().min(self.part_bytes - self.part.len());
        self.part.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // What was not finished takes room, and costs.
        if let Some(id) = &self.id {
            let _ = self.bucket.give_up(&self.name, id);
        }
    }
}

/// Whether it was done.
fn done(answer: &Answer) -> io::Result<()> {
    if (200..300).contains(&answer.status) { Ok(()) } else { Err(answer.error()) }
}

fn unconditional() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "the server does not keep to If-None-Match when it writes, and two writers would undo each other's work",
    )
}

const GET: Request<'static> =
    Request { method: "GET", path: "", query: &[], headers: &[], body: None, bytes_max: ANSWER_BYTES_MAX };
/// Bytes of a part: so much waits in memory, and ten thousand of them are a file.
const PART_BYTES: usize = 16 << 20;
/// Of an answer that is no file.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// Of a file of the log, and of a list of a thousand names.
const FILE_BYTES_MAX: u64 = 1 << 28;
