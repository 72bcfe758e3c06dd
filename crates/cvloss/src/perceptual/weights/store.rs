//! The store of trimmed files. A file's name holds the SHA-256 of its bytes, so that it verifies itself; it is written
//! under another name and renamed, so that it is there whole or not at all.

use std::{
    fs::{self, File, TryLockError},
    io::{Read, Write},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{
    Pin, Rejected, Trunk, WeightsError, WeightsResult,
    digest::{is_hex, sha256},
    header::{self, Header},
    verify::open,
};

/// A pin's place in the store.
pub(super) struct Store {
    folder: PathBuf,
    network: Trunk,
    /// What names of its files begin with.
    stem: String,
}

/// What is in the store.
#[derive(Default)]
pub(super) struct Found {
    pub(super) file: Option<(PathBuf, Vec<u8>)>,
    pub(super) rejected: Vec<Rejected>,
}

impl Store {
    pub(super) fn new(assets: &Path, pin: &Pin, network: Trunk) -> Self {
        let mut folder = assets.join("cvloss");
        if !pin.is_verifiable() {
            // Never where those look who want verified files.
            folder.push("unverified");
        }
        folder.push(pin.repo.replace('/', "--"));
        folder.push(&pin.revision);
        Self {
            folder,
            network,
            stem: format!("{network}-{}-", pin.key()),
        }
    }

    /// Where files are or would be.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file, if its bytes are what its name says. Others are removed.
    pub(super) fn find(&self) -> Found {
        let mut found = Found::default();
        let entries = fs::read_dir(&self.folder).into_iter().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| self.digest_in(name).is_some())
            .collect();
        names.sort();
        for name in names {
            let path = self.folder.join(&name);
            match self.read(&path, self.digest_in(&name).unwrap_or_default()) {
                Ok(Some(bytes)) => {
                    found.file = Some((path, bytes));
                    break;
                }
                Ok(None) => {}
                Err(why) => {
                    if why.is_about_bytes() || matches!(why, WeightsError::TooLarge { .. }) {
                        // In a folder that cannot be written it stays, and is refused each time.
                        let _ = fs::remove_file(&path);
                    }
                    found.rejected.push(Rejected { path, why });
                }
            }
        }
        found
    }

    fn digest_in<'a>(&self, name: &'a str) -> Option<&'a str> {
        let digest = name
            .strip_prefix(&self.stem)?
            .strip_suffix(".safetensors")?;
        is_hex(digest, 64).then_some(digest)
    }

    fn read(&self, path: &Path, expected: &str) -> WeightsResult<Option<Vec<u8>>> {
        let name = path.display().to_string();
        let limit = self.limit();
        let Some(file) = open(path)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(WeightsError::file(path))?;
        if bytes.len() as u64 > limit {
            return Err(WeightsError::TooLarge { file: name, limit });
        }
        let got = sha256(&bytes);
        if got != expected {
            return Err(WeightsError::Digest {
                file: name,
                what: "the whole",
                expected: expected.into(),
                got,
            });
        }
        Header::parse(&name, &bytes)?.wanted(&name, self.network)?;
        Ok(Some(bytes))
    }

    /// How long a file may be: all tensors in f64, and the longest header.
    fn limit(&self) -> u64 {
        let numbers: usize = self.network.tensors().iter().map(|t| t.elements()).sum();
        8 * numbers as u64 + header::LIMIT + 8
    }

    /// Keeps a verified file, and says where.
    pub(super) fn put(&self, bytes: &[u8]) -> WeightsResult<PathBuf> {
        let path = self
            .folder
            .join(format!("{}{}.safetensors", self.stem, sha256(bytes)));
        fs::create_dir_all(&self.folder).map_err(WeightsError::file(&self.folder))?;
        let mut file = tempfile::Builder::new()
            .prefix(".part-")
            .tempfile_in(&self.folder)
            .map_err(WeightsError::file(&self.folder))?;
        file.write_all(bytes)
            .and_then(|()| file.as_file().sync_all())
            .map_err(WeightsError::file(file.path()))?;
        file.persist(&path)
            .map_err(|error| WeightsError::file(&path)(error.error))?;
        Ok(path)
    }

    /// Waits until no other process, nor thread, fetches the same. `None` if the folder cannot be written: then each
    /// fetches for itself.
    pub(super) fn lock(&self, wait: Duration) -> WeightsResult<Option<File>> {
        let path = self.folder.join(format!(".{}lock", self.stem));
        let opened = fs::create_dir_all(&self.folder).and_then(|()| {
            File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(&path)
        });
        let Ok(file) = opened else {
            return Ok(None);
        };
        let start = Instant::now();
        loop {
            match file.try_lock() {
                // The lock ends with the file.
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::WouldBlock) if start.elapsed() < wait => {
                    thread::sleep(Duration::from_millis(50).min(wait));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(WeightsError::Locked { path, waited: wait });
                }
                // Some network file systems have no locks.
                Err(TryLockError::Error(_)) => return Ok(None),
            }
        }
    }
}
