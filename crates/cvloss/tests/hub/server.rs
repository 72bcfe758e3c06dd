//! A Hub on this machine: it forwards from one host name to another as the real one does, keeps a log of requests, and
//! misbehaves on demand.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::files::{COMMIT, sha256};

/// What goes wrong with a body.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Another status, with a page that says so.
    Status(u16),
    /// Status 200 and a page instead of the file.
    Page(&'static str),
    /// So many bytes, and that is said to be all.
    Short(usize),
    /// So many bytes, then the connection ends.
    Cut(usize),
    /// A bit is flipped there.
    Flip(usize),
    /// `Range` is ignored: status 200 and the whole file.
    NoRange,
    /// Pieces with pauses, so long in all.
    Slow(Duration),
    /// No byte at all, for so long.
    Hang(Duration),
}

/// How the server behaves.
#[derive(Clone, Default)]
pub(crate) struct Behaviour {
    /// Faults of bodies, one after the other; then none.
    pub(crate) faults: VecDeque<Fault>,
    /// The fault of all bodies after that.
    pub(crate) always: Option<Fault>,
    /// Refuses requests that carry a token.
    pub(crate) refuse_tokens: bool,
    /// Refuses requests that do not.
    pub(crate) want_token: bool,
    /// Sends no redirect.
    pub(crate) direct: bool,
    /// `ETag` and commit that try to leave the cache.
    pub(crate) evil_names: bool,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) host: String,
    pub(crate) range: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) user_agent: String,
}

struct State {
    file: Vec<u8>,
    behaviour: Mutex<Behaviour>,
    log: Mutex<Vec<Request>>,
    /// Bytes of the file that were sent.
    sent: Mutex<usize>,
    stop: AtomicBool,
    address: SocketAddr,
}

pub(crate) struct Server {
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn new(file: Vec<u8>, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = Arc::new(State {
            file,
            behaviour: Mutex::new(behaviour),
            log: Mutex::default(),
            sent: Mutex::default(),
            stop: AtomicBool::new(false),
            address: listener.local_addr().unwrap(),
        });
        let shared = state.clone();
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.stop.load(Ordering::Relaxed) {
                    return;
                }
                let shared = shared.clone();
                // A client that goes away is no failure of the server.
                thread::spawn(move || drop(shared.serve(stream.unwrap())));
            }
        });
        Self {
            state,
            thread: Some(thread),
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.state.address)
    }

    pub(crate) fn log(&self) -> Vec<Request> {
        self.state.log.lock().unwrap().clone()
    }

    /// Requests for bodies of the file.
    pub(crate) fn gets(&self) -> Vec<Request> {
        let is_body = |r: &Request| r.method == "GET" && r.path.starts_with("/cdn/");
        self.log().into_iter().filter(is_body).collect()
    }

    pub(crate) fn sent(&self) -> usize {
        *self.state.sent.lock().unwrap()
    }

    pub(crate) fn set(&self, behaviour: Behaviour) {
        *self.state.behaviour.lock().unwrap() = behaviour;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.state.address));
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl State {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let mut request = Request {
            method: words.next().unwrap_or_default().into(),
            path: words.next().unwrap_or_default().into(),
            host: String::new(),
            range: None,
            authorization: None,
            user_agent: String::new(),
        };
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(':') else {
                break;
            };
            let value = value.trim().to_string();
            match name.to_lowercase().as_str() {
                "host" => request.host = value,
                "range" => request.range = Some(value),
                "authorization" => request.authorization = Some(value),
                "user-agent" => request.user_agent = value,
                _ => {}
            }
        }
        if request.method.is_empty() {
            return Ok(());
        }
        self.log.lock().unwrap().push(request.clone());
        let mut answer = Answer {
            stream,
            head: request.method == "HEAD",
        };
        let result = self.answer(&request, &mut answer);
        // Read on until the client closes, so that it is not told of a broken connection before it has read all.
        answer.stream.shutdown(Shutdown::Write)?;
        answer
            .stream
            .set_read_timeout(Some(Duration::from_secs(1)))?;
        let mut rest = [0; 1024];
        while matches!(reader.read(&mut rest), Ok(1..)) {}
        result
    }

    fn answer(&self, request: &Request, answer: &mut Answer) -> std::io::Result<()> {
        let behaviour = self.behaviour.lock().unwrap().clone();
        let token = request.authorization.is_some();
        let resolve = ["main", COMMIT]
            .map(|revision| format!("/someone/model/resolve/{revision}/model.safetensors"));
        if resolve.contains(&request.path) {
            if (token && behaviour.refuse_tokens) || (!token && behaviour.want_token) {
                return answer.page(401, "{\"error\":\"Invalid credentials\"}");
            }
            let (etag, commit) = match behaviour.evil_names {
                true => ("../../../../../evil".into(), "../../../../evil".into()),
                false => (sha256(&self.file), COMMIT.to_string()),
            };
            let names = vec![
                format!("X-Repo-Commit: {commit}"),
                format!("X-Linked-ETag: \"{etag}\""),
                format!("ETag: \"{etag}\""),
                format!("X-Linked-Size: {}", self.file.len()),
            ];
            if behaviour.direct {
                return self.body(request, &names, answer);
            }
            // Another host: the address's other name.
            let port = self.address.port();
            let mut lines = names;
            // As the Hub's: a client that believes it goes to other hosts, which firewalls may not let through.
            lines.push(format!("X-Xet-Hash: {}", sha256(&self.file)));
            lines.push(format!("Location: http://localhost:{port}/cdn/model"));
            return answer.send(302, &lines, b"");
        }
        if request.path == "/cdn/model" {
            return self.body(request, &[], answer);
        }
        answer.page(404, "Entry not found")
    }

    fn body(
        &self,
        request: &Request,
        names: &[String],
        answer: &mut Answer,
    ) -> std::io::Result<()> {
        let fault = {
            let mut behaviour = self.behaviour.lock().unwrap();
            match answer.head {
                true => None,
                false => behaviour.faults.pop_front().or(behaviour.always.clone()),
            }
        };
        let size = self.file.len();
        let range = request.range.as_ref().and_then(|range| {
            let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
            Some((from.parse::<usize>().ok()?, to.parse::<usize>().ok()?))
        });
        let (status, from, to) = match range {
            _ if matches!(fault, Some(Fault::NoRange)) => (200, 0, size),
            Some((from, _)) if from >= size => return answer.page(416, "beyond the end"),
            Some((from, to)) => (206, from, size.min(to + 1)),
            None => (200, 0, size),
        };
        let mut lines = names.to_vec();
        if status == 206 {
            lines.push(format!("Content-Range: bytes {from}-{}/{size}", to - 1));
        }
        let body = &self.file[from..to];
        let count = |bytes: usize| *self.sent.lock().unwrap() += bytes;
        match fault {
            None | Some(Fault::NoRange) => {
                if !answer.head {
                    count(body.len());
                }
                answer.send(status, &lines, body)
            }
            Some(Fault::Status(status)) => answer.page(status, "<Error>no</Error>"),
            Some(Fault::Page(page)) => answer.page(200, page),
            Some(Fault::Short(length)) => answer.send(status, &lines, &body[..length]),
            Some(Fault::Cut(length)) => {
                answer.head(status, &lines, body.len())?;
                answer.stream.write_all(&body[..length])
            }
            Some(Fault::Flip(at)) => {
                let mut body = body.to_vec();
                body[at] ^= 4;
                answer.send(status, &lines, &body)
            }
            Some(Fault::Slow(time)) => {
                answer.head(status, &lines, body.len())?;
                let pieces = 20;
                for piece in body.chunks(body.len().div_ceil(pieces)) {
                    thread::sleep(time / pieces as u32);
                    answer.stream.write_all(piece)?;
                }
                count(body.len());
                Ok(())
            }
            Some(Fault::Hang(time)) => {
                answer.head(status, &lines, body.len())?;
                thread::sleep(time);
                Ok(())
            }
        }
    }
}

struct Answer {
    stream: TcpStream,
    head: bool,
}

impl Answer {
    fn head(&mut self, status: u16, lines: &[String], length: usize) -> std::io::Result<()> {
        let mut text = format!("HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\n");
        for line in lines {
            text += line;
            text += "\r\n";
        }
        text += "Accept-Ranges: bytes\r\nConnection: close\r\n\r\n";
        self.stream.write_all(text.as_bytes())
    }

    fn send(&mut self, status: u16, lines: &[String], body: &[u8]) -> std::io::Result<()> {
        self.head(status, lines, body.len())?;
        match self.head {
            true => Ok(()),
            false => self.stream.write_all(body),
        }
    }

    fn page(&mut self, status: u16, page: &str) -> std::io::Result<()> {
        self.send(status, &["Content-Type: text/html".into()], page.as_bytes())
    }
}
