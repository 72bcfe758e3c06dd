//! The sources, one after the other.

use std::{
    fs,
    io::Write,
    ops::Range,
    path::{Path, PathBuf},
};

use super::{
    Pin, Progress, Sources, Trunk, WeightsError, WeightsResult,
    digest::is_hex,
    store::Store,
    verify::{self, open},
};

/// No file with one of these networks comes near this.
const LARGEST: u64 = 1 << 30;
/// How often the same is asked for before giving up.
const ATTEMPTS: usize = 2;

/// Where weights were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A file that the caller named.
    File,
    /// The store of trimmed files.
    Store,
    /// The cache of `huggingface_hub`.
    HubCache,
    /// The Hub, just now.
    Hub,
}

/// Why weights may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// They match the pin's SHA-256.
    Pinned,
    /// The caller named the file.
    Given,
    /// The pin has no hash, and the caller allowed that.
    Unverified,
}

/// A file that was there and was not used.
#[derive(Debug)]
#[non_exhaustive]
pub struct Rejected {
    /// Which file.
    pub path: PathBuf,
    /// Why.
    pub why: WeightsError,
}

/// A network's weights as a safetensors file: the tensors of [`Trunk::tensors`] and no others.
#[derive(Debug)]
#[non_exhaustive]
pub struct WeightFile {
    /// Whose weights.
    pub network: Trunk,
    /// The file's bytes: the very ones that were verified.
    pub bytes: Vec<u8>,
    /// The file with these bytes, or the one that the caller named, which may hold more. There is none if the store
    /// cannot be written. Whoever opens it later trusts that nobody changed it since; `bytes` are free of that.
    pub path: Option<PathBuf>,
    /// Where they were found.
    pub origin: Origin,
    /// Why they may be believed.
    pub trust: Trust,
    /// Files on the way that did not match, and errors of writing to the store.
    pub rejected: Vec<Rejected>,
}

/// A file, or a part of it, on the Hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportRequest {
    /// `owner/name`.
    pub repo: String,
    /// A commit or a branch.
    pub revision: String,
    /// The file in the repository.
    pub file: String,
    /// Which bytes; all if absent.
    pub range: Option<Range<u64>>,
}

/// What takes bytes as they come, and the total if it is known. Its error ends the request.
pub type Sink<'a> = dyn FnMut(&[u8], Option<u64>) -> WeightsResult<()> + Send + 'a;

/// A way to the Hub, or to something like it. It need not be trusted: what it hands over is verified.
pub trait Transport: Send + Sync {
    /// Hands the bytes to the sink, in order.
    ///
    /// # Errors
    ///
    /// Those of the server and the connection, and the sink's.
    fn read(&self, request: &TransportRequest, sink: &mut Sink<'_>) -> WeightsResult<()>;
}

impl Sources {
    /// The weights of a network, from where its own pin says.
    ///
    /// # Errors
    ///
    /// See [`WeightsError`]. A file that the caller named and that is not usable is an error, and no other source is
    /// tried.
    pub fn weights(&self, network: Trunk) -> WeightsResult<WeightFile> {
        self.weights_at(network, &network.pin())
    }

    /// The weights of a network from another place: a repository of one's own, say.
    ///
    /// # Errors
    ///
    /// As [`Self::weights`].
    pub fn weights_at(&self, network: Trunk, pin: &Pin) -> WeightsResult<WeightFile> {
        pin.check()?;
        if let Some(path) = self.named_file(network)? {
            return Ok(WeightFile {
                network,
                bytes: verify::given(&path, network)?,
                path: Some(path),
                origin: Origin::File,
                trust: Trust::Given,
                rejected: Vec::new(),
            });
        }
        if !pin.is_verifiable() && !self.unverified.contains(&network) {
            return Err(WeightsError::Unverified {
                network: network.name(),
                pin: pin.address(),
            });
        }
        let mut search = Search {
            sources: self,
            network,
            pin,
            store: self
                .assets
                .as_deref()
                .map(|assets| Store::new(assets, pin, network)),
            rejected: Vec::new(),
        };
        search.run()
    }

    fn named_file(&self, network: Trunk) -> WeightsResult<Option<PathBuf>> {
        if let Some(file) = &self.file {
            return Ok(Some(file.clone()));
        }
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        let path = folder.join(format!("{network}.safetensors"));
        Ok(open(&path)?.map(|_| path))
    }
}

/// One search.
struct Search<'a> {
    sources: &'a Sources,
    network: Trunk,
    pin: &'a Pin,
    store: Option<Store>,
    rejected: Vec<Rejected>,
}

impl Search<'_> {
    fn run(&mut self) -> WeightsResult<WeightFile> {
        if let Some(file) = self.stored() {
            return Ok(file);
        }
        // Whoever waited here may find what the other has fetched.
        let _lock = match &self.store {
            Some(store) => store.lock(self.sources.lock_wait)?,
            None => None,
        };
        if let Some(file) = self.stored() {
            return Ok(file);
        }
        if let Some(bytes) = self.cached() {
            return Ok(self.keep(bytes, Origin::HubCache));
        }
        let bytes = self.fetch()?;
        Ok(self.keep(bytes, Origin::Hub))
    }

    fn stored(&mut self) -> Option<WeightFile> {
        let found = self.store.as_ref()?.find();
        self.rejected.extend(found.rejected);
        let (path, bytes) = found.file?;
        Some(self.file(bytes, Some(path), Origin::Store))
    }

    /// What `huggingface_hub` has, if it has the whole file.
    fn cached(&mut self) -> Option<Vec<u8>> {
        let path = self.cache_path()?;
        let name = path.display().to_string();
        let result = open(&path).and_then(|file| {
            file.map(|mut file| verify::whole(&name, self.pin, self.network, &mut file))
                .transpose()
        });
        match result {
            Ok(bytes) => bytes,
            Err(why) => {
                self.rejected.push(Rejected { path, why });
                None
            }
        }
    }

    fn cache_path(&self) -> Option<PathBuf> {
        let Pin {
            repo,
            revision,
            file,
            ..
        } = self.pin;
        let folder = self
            .sources
            .hub_cache
            .as_ref()?
            .join(format!("models--{}", repo.replace('/', "--")));
        let commit = match self.pin.commit() {
            Some(commit) => commit.to_string(),
            None => {
                let text = fs::read_to_string(folder.join("refs").join(revision)).ok()?;
                let commit = text.trim();
                is_hex(commit, 40).then(|| commit.to_string())?
            }
        };
        Some(folder.join("snapshots").join(commit).join(file))
    }

    /// Keeps what was found, if the store can be written.
    fn keep(&mut self, bytes: Vec<u8>, origin: Origin) -> WeightFile {
        let path = match self.store.as_ref().map(|store| store.put(&bytes)) {
            Some(Ok(path)) => Some(path),
            Some(Err(why)) => {
                let path = self.store_folder();
                self.rejected.push(Rejected { path, why });
                None
            }
            None => None,
        };
        self.file(bytes, path, origin)
    }

    fn store_folder(&self) -> PathBuf {
        let folder = self.store.as_ref().map(|store| store.folder());
        folder.unwrap_or(Path::new("")).to_path_buf()
    }

    fn file(&mut self, bytes: Vec<u8>, path: Option<PathBuf>, origin: Origin) -> WeightFile {
        WeightFile {
            network: self.network,
            bytes,
            path,
            origin,
            trust: match self.pin.is_verifiable() {
                true => Trust::Pinned,
                false => Trust::Unverified,
            },
            rejected: std::mem::take(&mut self.rejected),
        }
    }

    fn fetch(&self) -> WeightsResult<Vec<u8>> {
        if self.sources.offline {
            return Err(self.offline("offline use is asked for"));
        }
        match &self.sources.transport {
            Some(transport) => self.fetch_by(transport.as_ref()),
            #[cfg(feature = "hub")]
            None => self.fetch_by(&super::Hub::of(self.sources)),
            #[cfg(not(feature = "hub"))]
            None => Err(self.offline("this program was built without the feature `hub`")),
        }
    }

    fn offline(&self, why: &'static str) -> WeightsError {
        let mut looked: Vec<String> = [
            self.sources.folder.clone(),
            self.store.is_some().then(|| self.store_folder()),
            self.cache_path(),
        ]
        .into_iter()
        .flatten()
        .map(|path| path.display().to_string())
        .collect();
        for Rejected { why, .. } in &self.rejected {
            looked.push(format!("(rejected: {why})"));
        }
        WeightsError::Offline {
            network: self.network.name(),
            why,
            looked: looked.join(", "),
            command: self.pin.prefetch_command(),
        }
    }

    /// The parts that are wanted, if they can be verified and the server has parts; else the whole file.
    fn fetch_by(&self, transport: &dyn Transport) -> WeightsResult<Vec<u8>> {
        if verify::has_parts(self.pin) {
            let mut read = |range: Range<u64>| self.part(transport, range);
            match again(|| verify::parts(self.pin, self.network, &mut read)) {
                Err(WeightsError::NoParts { .. }) => {}
                // Perhaps the pinned part is wrong, perhaps what came: the whole has a hash of its own.
                Err(error) if error.is_about_bytes() && self.pin.sha256.is_some() => {}
                result => return result,
            }
        }
        again(|| self.whole(transport))
    }

    fn request(&self, range: Option<Range<u64>>) -> TransportRequest {
        let Pin {
            repo,
            revision,
            file,
            ..
        } = self.pin.clone();
        TransportRequest {
            repo,
            revision,
            file,
            range,
        }
    }

    fn progress(&self, done: u64, total: Option<u64>) {
        if let Some(progress) = &self.sources.progress {
            progress(Progress {
                network: self.network,
                done,
                total,
            });
        }
    }

    /// A part in memory. A server that sends more than that has sent the whole file, and is stopped there.
    fn part(&self, transport: &dyn Transport, range: Range<u64>) -> WeightsResult<Vec<u8>> {
        let length = range.end - range.start;
        if length > LARGEST {
            return Err(self.too_large());
        }
        let mut bytes = Vec::new();
        transport.read(&self.request(Some(range)), &mut |chunk, _| {
            if (bytes.len() + chunk.len()) as u64 > length {
                return Err(WeightsError::NoParts {
                    pin: self.pin.address(),
                });
            }
            bytes.extend_from_slice(chunk);
            self.progress(bytes.len() as u64, Some(length));
            Ok(())
        })?;
        Ok(bytes)
    }

    /// The whole file, in a file without a name that nobody else can open.
    fn whole(&self, transport: &dyn Transport) -> WeightsResult<Vec<u8>> {
        let name = self.pin.address();
        let folder = self.store_folder();
        let mut file = tempfile::tempfile_in(&folder)
            .or_else(|_| tempfile::tempfile())
            .map_err(WeightsError::file(&folder))?;
        let mut done = 0;
        transport.read(&self.request(None), &mut |chunk, total| {
            done += chunk.len() as u64;
            if done > LARGEST {
                return Err(self.too_large());
            }
            file.write_all(chunk).map_err(WeightsError::file(&folder))?;
            self.progress(done, total);
            Ok(())
        })?;
        verify::whole(&name, self.pin, self.network, &mut file)
    }

    fn too_large(&self) -> WeightsError {
        WeightsError::TooLarge {
            file: self.pin.address(),
            limit: LARGEST,
        }
    }
}

/// Tries once more what may succeed then.
fn again<T>(mut attempt: impl FnMut() -> WeightsResult<T>) -> WeightsResult<T> {
    for _ in 1..ATTEMPTS {
        match attempt() {
            Err(error) if error.is_transient() => {}
            result => return result,
        }
    }
    attempt()
}
