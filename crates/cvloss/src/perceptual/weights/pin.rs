//! Where weights are on the Hub, and how to tell that they are the right ones.

use super::{
    Trunk, WeightsError, WeightsResult,
    digest::{is_hex, sha256},
};

/// A file of a repository on the Hub, with what it must be.
///
/// The pins of this crate are [`Trunk::pin`]. A pin of one's own is a way to use another repository, also a private
/// one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// `owner/name`.
    pub repo: String,
    /// A commit of 40 hexadecimal digits. A branch is possible for pins without a hash only.
    pub revision: String,
    /// The safetensors file in the repository.
    pub file: String,
    /// The SHA-256 of the whole file.
    pub sha256: Option<String>,
    /// A part at the file's beginning that holds the header and all wanted tensors: with it, nothing else is fetched.
    pub prefix: Option<Prefix>,
    /// The SHA-256 of the wanted tensors' bytes, one after the other in the order of [`Trunk::tensors`]. It tells the
    /// right weights from others in any file, and lets them be fetched alone from anywhere in it.
    pub tensors: Option<String>,
}

/// The beginning of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// How many bytes.
    pub length: u64,
    /// Their SHA-256.
    pub sha256: String,
}

impl Trunk {
    /// Where its weights are on the Hub.
    pub fn pin(self) -> Pin {
        Pin::of(self)
    }
}

impl Pin {
    /// The pin of a network. `docs/weights.md` of the repository says what is known of each.
    pub(super) fn of(network: Trunk) -> Self {
        let unknown = |repo: &str, file: &str| Self {
            repo: repo.into(),
            revision: "main".into(),
            file: file.into(),
            sha256: None,
            prefix: None,
            tensors: None,
        };
        match network {
            Trunk::Vgg16 => Self {
                repo: "timm/vgg16.tv_in1k".into(),
                revision: "b8d8aa2dd860af9233c8c67385a8097fd6c35d3f".into(),
                file: "model.safetensors".into(),
                sha256: Some(
                    "57b026918159a6bf9faf8405c3a551903768e7138989d9c6224a14227203fad8".into(),
                ),
                prefix: Some(Prefix {
                    length: 58_861_562,
                    sha256: "d7d175e1efcf3c245e9f8f2dd2643071784a0867e18e7ace320ddc2836fae3ff"
                        .into(),
                }),
                tensors: None,
            },
            Trunk::Vgg19 => unknown("timm/vgg19.tv_in1k", "model.safetensors"),
            Trunk::AlexNet => unknown("theunnecessarythings/vision_models", "alexnet.safetensors"),
            Trunk::SqueezeNet => unknown(
                "theunnecessarythings/vision_models",
                "squeezenet1_1.safetensors",
            ),
        }
    }

    /// Whether there is a hash of anything.
    pub fn is_verifiable(&self) -> bool {
        self.sha256.is_some() || self.prefix.is_some() || self.tensors.is_some()
    }

    /// `owner/name@revision/file`.
    pub fn address(&self) -> String {
        format!("{}@{}/{}", self.repo, self.revision, self.file)
    }

    /// How to put the whole file into the cache that is shared with Python.
    pub fn prefetch_command(&self) -> String {
        let Self {
            repo,
            revision,
            file,
            ..
        } = self;
        format!("hf download {repo} {file} --revision {revision}")
    }

    /// A name for all that a pin says, as part of a file's name.
    pub(super) fn key(&self) -> String {
        let mut text = self.address();
        if let Some(sha256) = &self.sha256 {
            text += &format!(" file {sha256}");
        }
        if let Some(Prefix { length, sha256 }) = &self.prefix {
            text += &format!(" prefix {length} {sha256}");
        }
        if let Some(sha256) = &self.tensors {
            text += &format!(" tensors {sha256}");
        }
        sha256(text.as_bytes())[..8].to_string()
    }

    /// The commit, if the revision is one.
    pub(super) fn commit(&self) -> Option<&str> {
        is_hex(&self.revision, 40).then_some(&self.revision)
    }

    /// Refuses what would leave folders, or pins a hash to something that can change.
    pub(super) fn check(&self) -> WeightsResult<()> {
        let fail = |message: String| {
            Err(WeightsError::Pin {
                pin: self.address(),
                message,
            })
        };
        let names: Vec<&str> = self.repo.split('/').collect();
        if names.len() != 2 || !names.iter().all(|name| is_name(name)) {
            return fail(format!("the repository {:?} is not owner/name", self.repo));
        }
        if !self.file.split('/').all(is_name) {
            return fail(format!("the file {:?} is not a path in it", self.file));
        }
        if !is_name(&self.revision) {
            return fail(format!("{:?} is no revision", self.revision));
        }
        let prefix = self.prefix.as_ref().map(|prefix| &prefix.sha256);
        for hash in [&self.sha256, &self.tensors]
            .into_iter()
            .flatten()
            .chain(prefix)
        {
            if !is_hex(hash, 64) {
                return fail(format!("{hash:?} is not a SHA-256 of 64 lower-case digits"));
            }
        }
        if (self.sha256.is_some() || self.prefix.is_some()) && self.commit().is_none() {
            return fail(format!(
                "a hash of a file goes with a commit of 40 digits, not with {:?}",
                self.revision
            ));
        }
        Ok(())
    }
}

/// One part of a path that stays where it is.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pins_of_networks_are_well_formed() {
        for network in Trunk::ALL {
            network.pin().check().unwrap();
        }
        assert!(Trunk::Vgg16.pin().is_verifiable());
        // Change when somebody has looked: docs/weights.md says how.
        assert!(!Trunk::Vgg19.pin().is_verifiable());
    }

    #[test]
    fn pins_that_leave_folders_are_refused() {
        let good = Trunk::Vgg16.pin();
        type Change = fn(&mut Pin);
        let changes: [(Change, &str); 9] = [
            (|pin| pin.repo = "vgg16".into(), "owner/name"),
            (|pin| pin.repo = "../vgg16".into(), "owner/name"),
            (|pin| pin.repo = "a/b/c".into(), "owner/name"),
            (|pin| pin.file = "../model.safetensors".into(), "not a path"),
            (|pin| pin.file = "/etc/passwd".into(), "not a path"),
            (|pin| pin.file = "a\\..\\b".into(), "not a path"),
            (|pin| pin.revision = "..".into(), "no revision"),
            (|pin| pin.revision = "main".into(), "goes with a commit"),
            (|pin| pin.sha256 = Some("abc".into()), "is not a SHA-256"),
        ];
        for (change, part) in changes {
            let mut pin = good.clone();
            change(&mut pin);
            let error = pin.check().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
            assert_ne!(pin.key(), good.key());
        }
    }
}
