//! A mirror that others wrote, `olah`, over a git repository: an independent server.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// The running mirror; it ends with this.
pub(crate) struct Olah {
    process: Child,
    port: u16,
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=test", "-c", "user.email=test"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}

impl Olah {
    /// Serves a repository `someone/model` with that file; also says which commit it is.
    pub(crate) fn new(program: &str, folder: &Path, file: &[u8]) -> (Self, String) {
        let repository = folder.join("mirrors/models/someone/model");
        fs::create_dir_all(&repository).unwrap();
        fs::write(repository.join("model.safetensors"), file).unwrap();
        git(&repository, &["init", "-q", "-b", "main"]);
        git(&repository, &["add", "."]);
        git(&repository, &["commit", "-q", "-m", "weights"]);
        let commit = git(&repository, &["rev-parse", "HEAD"]);

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let configuration = folder.join("olah.toml");
        let text = format!(
            "[basic]\nhost = \"127.0.0.1\"\nport = {port}\nrepos-path = {:?}\nmirrors-path = [{:?}]\n\
             mirror-scheme = \"http\"\nmirror-netloc = \"127.0.0.1:{port}\"\n\
             mirror-lfs-netloc = \"127.0.0.1:{port}\"\n[accessibility]\noffline = true\n",
            folder.join("repos"),
            folder.join("mirrors")
        );
        fs::write(&configuration, text).unwrap();
        let process = Command::new(program)
            .arg("-c")
            .arg(&configuration)
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "olah does not start"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        (server, commit)
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Olah {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}
