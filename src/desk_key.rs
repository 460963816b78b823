//! The desk's key: what signs permits and evidence packs, made when it is first wanted.
#![allow(dead_code, reason = "evidence packs and permits use it from the next change on")]

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use cases::change::{Signer, Verifier};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;

use crate::outcome::Failure;

/// What the key is called in the folder of the service.
pub(crate) const NAME: &str = "desk.key";

/// The key in the folder of the service, made when there is none.
pub(crate) fn open(data: &Path) -> Result<Signer, Failure> {
    open_at(&data.join(NAME))
}

/// The key in the file `path`, made when there is none; its public half is put beside it where it is missing.
pub(crate) fn open_at(path: &Path) -> Result<Signer, Failure> {
    let pkcs8 = match read(path) {
        Err(Failure::File(_, error)) if error.kind() == io::ErrorKind::NotFound => {
            make(path)?;
            // Somebody else may have made one in the same moment: the first one counts, for both.
            read(path)?
        }
        read => read?,
    };
    let signer = Signer::parse(&pkcs8).map_err(|why| Failure::Usage(format!("{}: {why}", path.display())))?;
    let beside = public(path);
    let told = signer.verifier().to_string() + "\n";
    if !beside.exists() {
        put(&beside, told.as_bytes(), 0o644)?;
    } else if verifier(&beside)? != signer.verifier() {
        return Err(Failure::Usage(format!(
            "{} is not the public half of {}: one of them was replaced; remove {0} if the key is right",
            beside.display(),
            path.display()
        )));
    }
    Ok(signer)
}

/// What tells the desk's signatures: the public half in the file `path`.
pub(crate) fn verifier(path: &Path) -> Result<Verifier, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::file(path))?;
    Verifier::parse(&text).map_err(|why| Failure::Usage(format!("{}: {why}", path.display())))
}

/// Where the public half of the key in `path` is.
pub(crate) fn public(path: &Path) -> PathBuf {
    path.with_extension("pub")
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut file = fs::File::open(path).map_err(Failure::file(path))?;
    let mode = file.metadata().map_err(Failure::file(path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(Failure::Usage(format!(
            "{} can be read by others (mode {mode:04o}): whoever reads it signs as this desk; chmod 600 it",
            path.display()
        )));
    }
    let mut pkcs8 = Vec::new();
    file.read_to_end(&mut pkcs8).map_err(Failure::file(path))?;
    Ok(pkcs8)
}

fn make(path: &Path) -> Result<(), Failure> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| Failure::Usage("no key can be made: the system gives no random bytes".to_owned()))?;
    put(path, pkcs8.as_ref(), 0o600)
}

/// Writes a whole new file, on disk when this returns; one that is there stays.
fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut hidden = path.as_os_str().to_owned();
    hidden.push(format!(".{}-{}.new", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let hidden = PathBuf::from(hidden);
    // What a process of the same number left behind when it was killed.
    let _ = fs::remove_file(&hidden);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&hidden)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // Unlike a renaming this takes nobody's place.
        match fs::hard_link(&hidden, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    })();
    let _ = fs::remove_file(&hidden);
    written.map_err(Failure::file(path))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(Failure::file(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("ringwall-desk-key-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_key_is_made_once_and_nobody_else_may_read_it() {
        let data = folder("once");
        let first = open(&data).unwrap();
        let again = open(&data).unwrap();
        assert_eq!(first.verifier(), again.verifier());
        let mode = |name| fs::metadata(data.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(NAME), mode("desk.pub")), (0o600, 0o644));
        assert!(verifier(&data.join("desk.pub")).unwrap().is_of("x", b"y", &first.sign("x", b"y")));
        fs::set_permissions(data.join(NAME), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(open(&data).unwrap_err().to_string().contains("can be read by others"));
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn many_who_want_the_first_key_at_once_get_the_same() {
        let data = folder("many");
        let open = || open(&data).unwrap().verifier().to_string();
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|it| it.join().unwrap()).collect()
        });
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn a_public_half_of_another_key_is_told() {
        let (data, other) = (folder("pair"), folder("other"));
        open(&data).unwrap();
        open(&other).unwrap();
        fs::copy(other.join("desk.pub"), data.join("desk.pub")).unwrap();
        assert!(open(&data).unwrap_err().to_string().contains("is not the public half"));
        fs::remove_dir_all(data).unwrap();
        fs::remove_dir_all(other).unwrap();
    }
}
