//! Who may read the pages, and what a browser may do with them.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// Nothing but our own style sheet, icon and forms.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];
const ASK: &str = "Basic realm=\"navette\", charset=\"UTF-8\"";

/// The digest of the password: comparing digests takes the same time whatever was typed, and however long it was.
#[derive(Clone, Copy)]
pub struct Password([u8; 32]);

impl Password {
    /// A password.
    pub fn new(password: &SecretString) -> Self {
        Self(Sha256::digest(password.expose_secret().as_bytes()).into())
    }

    /// Whether the request carries it, under any user name.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let encoded =
            given.and_then(|value| value.split_once(' ')).filter(|(way, _)| way.eq_ignore_ascii_case("basic"));
        let decoded = encoded.and_then(|(_, text)| BASE64_STANDARD.decode(text.trim()).ok());
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let given = text.split_once(':').map(|(_, password)| password).unwrap_or_default();
        let given: [u8; 32] = Sha256::digest(given.as_bytes()).into();
        given.iter().zip(self.0).fold(0, |differing, (one, other)| differing | (one ^ other)) == 0
    }
}

/// Lets readers in, and tells their browsers the rules.
pub async fn keep(State(password): State<Option<Password>>, request: Request, next: Next) -> Response {
    let mut response = if password.is_some_and(|password| !password.is_in(request.headers())) {
        (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, ASK)], "Mot de passe requis.\n").into_response()
    } else if [Method::GET, Method::HEAD].contains(request.method()) {
        next.run(request).await
    } else {
        StatusCode::METHOD_NOT_ALLOWED.into_response()
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{
        Router,
        body::{Body, to_bytes},
        middleware,
        routing::get,
    };
    use rstest::rstest;
    use tower::ServiceExt as _;

    async fn asked(password: Option<&str>, given: Option<&str>, method: &str) -> (StatusCode, HeaderMap) {
        let password = password.map(SecretString::from).as_ref().map(Password::new);
        let router =
            Router::new().route("/", get(async || "page")).layer(middleware::from_fn_with_state(password, keep));
        let mut request = Request::builder().method(method).uri("/");
        if let Some(given) = given {
            request = request.header("Authorization", given);
        }
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        assert!(head.status != StatusCode::UNAUTHORIZED || !to_bytes(body, 1_000).await.unwrap().starts_with(b"page"));
        (head.status, head.headers)
    }

    fn basic(text: &str) -> String {
        format!("Basic {}", BASE64_STANDARD.encode(text))
    }

    #[rstest]
    #[case::none_is_asked_for(None, None, 200)]
    #[case::right(Some("œuf dur"), Some(basic("anyone:œuf dur")), 200)]
    #[case::right_in_lower_case(Some("x"), Some(basic("a:x").replace("Basic", "basic")), 200)]
    #[case::wrong(Some("x"), Some(basic("a:y")), 401)]
    #[case::longer(Some("x"), Some(basic("a:xx")), 401)]
    #[case::empty(Some("x"), Some(basic("a:")), 401)]
    #[case::missing(Some("x"), None, 401)]
    #[case::another_way(Some("x"), Some("Bearer x".to_owned()), 401)]
    #[case::no_base64(Some("x"), Some("Basic %%%".to_owned()), 401)]
    #[case::no_colon(Some("x"), Some(basic("x")), 401)]
    #[tokio::test]
    async fn who_is_let_in(#[case] password: Option<&str>, #[case] given: Option<String>, #[case] expected: u16) {
        let (status, headers) = asked(password, given.as_deref(), "GET").await;
        assert_eq!(status.as_u16(), expected);
        assert_eq!(headers.contains_key("www-authenticate"), expected == 401);
        for (name, value) in [
            (
                "content-security-policy",
                "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            ),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(headers[name], value);
        }
    }

    #[tokio::test]
    async fn pages_are_read_only() {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            assert_eq!(asked(None, None, method).await.0, StatusCode::METHOD_NOT_ALLOWED);
        }
    }
}
