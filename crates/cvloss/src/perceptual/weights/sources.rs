//! Where to look for weights.

use std::{env, ffi::OsString, fmt, path::PathBuf, sync::Arc, time::Duration};

use super::{Transport, Trunk};

/// Where to look for weights, and what is allowed on the way.
///
/// [`Sources::from_env`] reads the variables that Python's `huggingface_hub` reads, so that both find the same files:
///
/// | variable | what it sets | else |
/// |---|---|---|
/// | `CVLOSS_WEIGHTS` | [`folder`](Self::folder) | none |
/// | `HF_HOME` | the folder of the next two | `$XDG_CACHE_HOME/huggingface`, `~/.cache/huggingface` |
/// | `HF_ASSETS_CACHE` | [`assets`](Self::assets) | `$HF_HOME/assets` |
/// | `HF_HUB_CACHE` | [`hub_cache`](Self::hub_cache) | `$HF_HOME/hub` |
/// | `HF_ENDPOINT` | [`endpoint`](Self::endpoint) | `https://huggingface.co` |
/// | `HF_TOKEN` | [`token`](Self::token), unless `HF_HUB_DISABLE_IMPLICIT_TOKEN` | none |
/// | `HF_HUB_OFFLINE` | [`offline`](Self::offline): `1`, `true`, `yes`, `on` | online |
/// | `HF_HUB_DOWNLOAD_TIMEOUT` | [`stall`](Self::stall), in seconds | 30 |
///
/// The token that `hf auth login` keeps in a file is not read: these weights are public.
#[derive(Clone)]
pub struct Sources {
    /// A safetensors file with torchvision's key names, whole or trimmed. It is used and nothing else is looked at; that
    /// it holds the right numbers is the caller's word.
    pub file: Option<PathBuf>,
    /// A folder with such files, `vgg16.safetensors` and so on. Used if the network's file is there.
    pub folder: Option<PathBuf>,
    /// The folder in whose `cvloss` trimmed files are kept. With `None`, nothing is kept.
    pub assets: Option<PathBuf>,
    /// The cache of `huggingface_hub`. It is read, never written.
    pub hub_cache: Option<PathBuf>,
    /// The Hub, or a mirror of it: what comes is verified all the same.
    pub endpoint: String,
    /// Sent to the endpoint, and to no host that it forwards to.
    pub token: Option<Token>,
    /// Ask no server.
    pub offline: bool,
    /// Networks whose pin may have no hash: whatever the server sends is used.
    pub unverified: Vec<Trunk>,
    /// How long nothing may come from the server.
    pub stall: Duration,
    /// How long to wait for another process that fetches the same file.
    pub lock_wait: Duration,
    /// Is told of bytes that come. It is called from another thread, and must not wait for this one.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
    /// What fetches instead of the Hub's client.
    pub transport: Option<Arc<dyn Transport>>,
}

/// How far a download is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Whose weights.
    pub network: Trunk,
    /// Bytes that have come, of this request.
    pub done: u64,
    /// Bytes that are asked for, if that is known.
    pub total: Option<u64>,
}

/// A secret: not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A token as the Hub gives them.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    #[cfg(feature = "hub")]
    pub(super) fn secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("file", &self.file)
            .field("folder", &self.folder)
            .field("assets", &self.assets)
            .field("hub_cache", &self.hub_cache)
            .field("endpoint", &self.endpoint)
            .field("token", &self.token)
            .field("offline", &self.offline)
            .field("unverified", &self.unverified)
            .field("stall", &self.stall)
            .field("lock_wait", &self.lock_wait)
            .field("progress", &self.progress.is_some())
            .field("transport", &self.transport.is_some())
            .finish()
    }
}

impl Sources {
    /// The Hub itself.
    pub const ENDPOINT: &'static str = "https://huggingface.co";

    /// What the environment says.
    pub fn from_env() -> Self {
        Self::from_variables(|name| env::var_os(name), env::home_dir())
    }

    /// Nothing from the environment: caches in a folder that is laid out like `HF_HOME`, the Hub itself, no token.
    pub fn in_folder(home: impl Into<PathBuf>) -> Self {
        let home = home.into();
        Self {
            file: None,
            folder: None,
            assets: Some(home.join("assets")),
            hub_cache: Some(home.join("hub")),
            endpoint: Self::ENDPOINT.into(),
            token: None,
            offline: false,
            unverified: Vec::new(),
            stall: Duration::from_secs(30),
            lock_wait: Duration::from_secs(600),
            progress: None,
            transport: None,
        }
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>, user: Option<PathBuf>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |names: &[&str]| {
            let value = PathBuf::from(names.iter().find_map(|name| set(name))?);
            match (value.strip_prefix("~"), &user) {
                (Ok(rest), Some(user)) => Some(user.join(rest)),
                _ => Some(value),
            }
        };
        let text = |name: &str| Some(set(name)?.to_str()?.trim().to_string());
        let flag = |name: &str| {
            let value = text(name).unwrap_or_default().to_lowercase();
            matches!(value.as_str(), "1" | "true" | "yes" | "on")
        };
        let home = path(&["HF_HOME"]).or_else(|| {
            path(&["XDG_CACHE_HOME"])
                .or_else(|| Some(user.as_ref()?.join(".cache")))
                .map(|cache| cache.join("huggingface"))
        });
        let below = |name: &str| home.as_ref().map(|home| home.join(name));
        let defaults = Self::in_folder("");
        Self {
            folder: path(&["CVLOSS_WEIGHTS"]),
            assets: path(&["HF_ASSETS_CACHE", "HUGGINGFACE_ASSETS_CACHE"])
                .or_else(|| below("assets")),
            hub_cache: path(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"]).or_else(|| below("hub")),
            endpoint: text("HF_ENDPOINT").unwrap_or(defaults.endpoint),
            token: text("HF_TOKEN")
                .filter(|token| !token.is_empty() && !flag("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
                .map(Token),
            offline: flag("HF_HUB_OFFLINE"),
            stall: text("HF_HUB_DOWNLOAD_TIMEOUT")
                .and_then(|seconds| seconds.parse().ok())
                .map_or(defaults.stall, Duration::from_secs),
            ..Self::in_folder("")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Sources {
        Sources::from_variables(
            |name| {
                let found = variables.iter().find(|(key, _)| *key == name)?;
                Some(found.1.into())
            },
            Some("/user".into()),
        )
    }

    #[test]
    fn variables_are_those_of_huggingface_hub() {
        let plain = read(&[]);
        assert_eq!(plain.hub_cache, Some("/user/.cache/huggingface/hub".into()));
        assert_eq!(plain.assets, Some("/user/.cache/huggingface/assets".into()));
        assert_eq!(plain.endpoint, "https://huggingface.co");
        assert!(!plain.offline && plain.token.is_none() && plain.folder.is_none());

        let cache = read(&[("XDG_CACHE_HOME", "/xdg")]);
        assert_eq!(cache.hub_cache, Some("/xdg/huggingface/hub".into()));
        let home = read(&[("XDG_CACHE_HOME", "/xdg"), ("HF_HOME", "~/hf")]);
        assert_eq!(home.hub_cache, Some("/user/hf/hub".into()));
        assert_eq!(home.assets, Some("/user/hf/assets".into()));
        let each = read(&[
            ("HF_HOME", "/hf"),
            ("HF_HUB_CACHE", "/one"),
            ("HUGGINGFACE_HUB_CACHE", "/old"),
            ("HF_ASSETS_CACHE", "/two"),
            ("CVLOSS_WEIGHTS", "/three"),
            ("HF_ENDPOINT", "http://mirror"),
            ("HF_TOKEN", " hf_secret\n"),
            ("HF_HUB_DOWNLOAD_TIMEOUT", "7"),
        ]);
        assert_eq!(each.hub_cache, Some("/one".into()));
        assert_eq!(each.assets, Some("/two".into()));
        assert_eq!(each.folder, Some("/three".into()));
        assert_eq!(each.endpoint, "http://mirror");
        assert_eq!(each.token, Some(Token("hf_secret".into())));
        assert_eq!(each.stall, Duration::from_secs(7));
        assert!(!format!("{each:?}").contains("hf_secret"));

        for on in ["1", "true", "YES", "On"] {
            assert!(read(&[("HF_HUB_OFFLINE", on)]).offline, "{on}");
        }
        for off in ["0", "false", "", "maybe"] {
            assert!(!read(&[("HF_HUB_OFFLINE", off)]).offline, "{off}");
        }
        let no_token = [("HF_TOKEN", "t"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")];
        assert_eq!(read(&no_token).token, None);
        assert_eq!(read(&[("HF_TOKEN", "  ")]).token, None);
    }
}
