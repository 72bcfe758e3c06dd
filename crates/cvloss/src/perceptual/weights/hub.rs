//! The Hub, through `hf-hub`.
//!
//! Files are read as streams, and never through that crate's cache: version 1.0 stores a body of status 403 or 500, a
//! short one or a damaged one under the file's name and hands it out from then on, and lets the server choose paths.
//! A stream checks the status, can be stopped when a server sends more than was asked for, and can be given up when
//! nothing comes; `hf-hub` has no timeout of its own.

use std::{error::Error, time::Duration};

use futures_util::StreamExt;
use hf_hub::{HFClient, HFError, split_id};
use tokio::{runtime, time::timeout};

use super::{
    Sources, Token, Transport, TransportRequest, WeightsError, WeightsResult, obtain::Sink,
};

/// The Hub's client.
#[derive(Clone, Debug)]
pub struct Hub {
    endpoint: String,
    token: Option<Token>,
    stall: Duration,
}

impl Hub {
    /// A client for the endpoint of `sources`, with its token and patience.
    pub fn of(sources: &Sources) -> Self {
        Self {
            endpoint: sources.endpoint.clone(),
            token: sources.token.clone(),
            stall: sources.stall,
        }
    }

    fn run(&self, request: &TransportRequest, sink: &mut Sink<'_>) -> WeightsResult<()> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| connection(request, error.to_string()))?;
        let mut result = runtime.block_on(self.stream(request, self.token.as_ref(), sink));
        if self.token.is_some() && matches!(result, Err(WeightsError::Refused { status: 401, .. }))
        {
            // The Hub refuses a token that has expired even where none is needed.
            result = runtime.block_on(self.stream(request, None, sink));
        }
        // A look-up of a host name may hang: do not wait for it.
        runtime.shutdown_background();
        result
    }

    async fn stream(
        &self,
        request: &TransportRequest,
        token: Option<&Token>,
        sink: &mut Sink<'_>,
    ) -> WeightsResult<()> {
        // All that hf-hub 1.0 would take from the environment is given, since 1.1 takes nothing from there. Without a
        // token it would look for one; a line break cannot be sent, so that nothing is.
        let client = HFClient::builder()
            .endpoint(&self.endpoint)
            .token(token.map_or("\n", Token::secret))
            .cache_dir(std::env::temp_dir())
            .cache_enabled(false)
            .user_agent(concat!("cvloss/", env!("CARGO_PKG_VERSION")))
            .retry_max_attempts(3)
            .build()
            .map_err(|error| self.error(request, error))?;
        let (owner, name) = split_id(&request.repo);
        let repository = client.model(owner, name);
        let response = repository
            .download_file_stream()
            .filename(&request.file)
            .revision(&request.revision)
            .maybe_range(request.range.clone())
            .send();
        let stalled = |_| WeightsError::Stalled {
            pin: address(request),
            waited: self.stall,
        };
        let (total, mut stream) = timeout(self.stall, response)
            .await
            .map_err(stalled)?
            .map_err(|error| self.error(request, error))?;
        while let Some(chunk) = timeout(self.stall, stream.next()).await.map_err(stalled)? {
            let chunk = chunk.map_err(|error| self.error(request, error))?;
            sink(&chunk, total)?;
        }
        Ok(())
    }

    fn error(&self, request: &TransportRequest, error: HFError) -> WeightsError {
        let pin = address(request);
        match error {
            HFError::AuthRequired { context } | HFError::Forbidden { context } => {
                WeightsError::Refused {
                    pin,
                    status: context.status.as_u16(),
                    message: context
                        .server_message
                        .unwrap_or_else(|| "it gives no reason".into()),
                }
            }
            HFError::EntryNotFound { .. }
            | HFError::RepoNotFound { .. }
            | HFError::RevisionNotFound { .. } => WeightsError::NotFound { pin },
            HFError::RateLimited { retry_after, .. } => {
                WeightsError::RateLimited { pin, retry_after }
            }
            // Asked for a range that begins beyond the file's end.
            HFError::Http { context } if context.status.as_u16() == 416 => WeightsError::Size {
                file: pin,
                expected: request.range.as_ref().map_or(0, |range| range.end),
                got: 0,
            },
            HFError::Http { context } => WeightsError::Status {
                pin,
                status: context.status.as_u16(),
            },
            error => connection(request, causes(&error)),
        }
    }
}

impl Transport for Hub {
    /// Blocks. It runs on a thread of its own, so that it may be called where there is a runtime already.
    fn read(&self, request: &TransportRequest, sink: &mut Sink<'_>) -> WeightsResult<()> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| self.run(request, sink));
            thread.join().unwrap_or_else(|_| {
                Err(connection(request, "the download's thread panicked".into()))
            })
        })
    }
}

fn address(request: &TransportRequest) -> String {
    let TransportRequest {
        repo,
        revision,
        file,
        ..
    } = request;
    format!("{repo}@{revision}/{file}")
}

fn connection(request: &TransportRequest, message: String) -> WeightsError {
    WeightsError::Connection {
        pin: address(request),
        message,
    }
}

/// An error with its causes, each once.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text += &format!(": {cause_text}");
        }
        source = cause.source();
    }
    text
}
