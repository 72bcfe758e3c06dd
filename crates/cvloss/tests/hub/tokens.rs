//! Who is sent the caller's token.

use cvloss::perceptual::weights::{Sources, Token, WeightsError};
use tempfile::TempDir;

use crate::files::{Known, NETWORK, Rest, assert_right, pin, whole};
use crate::server::{Behaviour, Server};
use crate::{fetch, sources};

#[test]
fn hub_stale_token_is_left_out() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    let folder = TempDir::new().unwrap();
    let behaviour = Behaviour {
        refuse_tokens: true,
        ..Behaviour::default()
    };
    let server = Server::new(file, behaviour);
    let sources = Sources {
        token: Some(Token::new("hf_stale")),
        ..sources(&server, folder.path())
    };
    assert_right(&sources.weights_at(NETWORK, &pin).unwrap().bytes);
    let log = server.log();
    assert_eq!(log[0].authorization.as_deref(), Some("Bearer hf_stale"));
    assert_eq!(log.last().unwrap().authorization, None);
}

#[test]
fn hub_token_stays_with_the_endpoint() {
    let file = whole(Rest::Last);
    let pin = pin(&file, Known::Prefix);
    let folder = TempDir::new().unwrap();
    let behaviour = Behaviour {
        want_token: true,
        ..Behaviour::default()
    };
    let server = Server::new(file, behaviour);
    let error = fetch(&server, folder.path(), &pin).unwrap_err();
    assert!(
        matches!(error, WeightsError::Refused { status: 401, .. }),
        "{error}"
    );
    let before = server.log().len();
    let sources = Sources {
        token: Some(Token::new("hf_good")),
        ..sources(&server, folder.path())
    };
    assert_right(&sources.weights_at(NETWORK, &pin).unwrap().bytes);
    let log = &server.log()[before..];
    assert!(log.len() >= 4);
    for request in log {
        let expected = request.host.starts_with("127.").then_some("Bearer hf_good");
        assert_eq!(request.authorization.as_deref(), expected, "{request:?}");
    }
    assert!(
        log.iter()
            .any(|request| request.host.starts_with("localhost"))
    );
}
