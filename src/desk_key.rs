//! The desk's key: what signs permits and evidence packs, made when it is first wanted.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use cases::change::{Signer, Verifier};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;

use crate::files;
use crate::outcome::Failure;

/// What the key is called in the folder of the service.
pub(crate) const NAME: &str = "desk.key";

/// The key in the folder of the service, made when there is none.
#[allow(
    dead_code,
    reason = "permits are signed with it; packs also where the configuration names another place"
)]
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
    let bytes = fs::read(path).map_err(Failure::file(path))?;
    let text = String::from_utf8(bytes).map_err(|_| "it is no text".to_owned());
    text.and_then(|text| Verifier::parse(&text)).map_err(|why| {
        Failure::Usage(format!("{} is no public key of a desk, as `desk.pub` is: {why}", path.display()))
    })
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

/// A file that somebody else made in the same moment is as good.
fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Failure> {
    match files::put_new(path, bytes, mode) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        put => put.map_err(Failure::file(path)),
    }
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
        let private = verifier(&data.join(NAME)).unwrap_err().to_string();
        assert!(private.contains("is no public key of a desk"), "{private}");
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
