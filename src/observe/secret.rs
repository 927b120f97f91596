//! Text that may hold a secret, such as a URL with a password: used as it is, shown without it.

use std::fmt;

use serde::Deserialize;

/// An address that may hold a password, or a token. `Debug` and `Display` show an address without
/// user information and query, and nothing of a token; [`Secret::reveal`] gives it whole.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes an address.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The address as it is; never to be logged or printed.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rest, query) = match self.0.find(['?', '#']) {
            Some(at) => (&self.0[..at], "?…"),
            None => (&self.0[..], ""),
        };
        let Some((scheme, rest)) = rest.split_once("://") else {
            // A path is no secret; any other text without a scheme may be a token.
            return f.write_str(if rest.starts_with("sqlite:") { rest } else { "…" });
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // The last `@` ends the user information, even where a password holds another one.
        match authority.rsplit_once('@') {
            Some((_, host)) => write!(f, "{scheme}://…@{host}{path}{query}"),
            None => write!(f, "{scheme}://{authority}{path}{query}"),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        for (whole, shown) in [
            ("https://cdc.example/cards", "https://cdc.example/cards"),
            ("https://u:p%40ss@cdc.example:8443/x?token=1", "https://…@cdc.example:8443/x?…"),
            ("postgres://u:p@ss@db/tombolo", "postgres://…@db/tombolo"),
            ("sqlite:data/tombolo.db", "sqlite:data/tombolo.db"),
            ("http://h?key=secret@x", "http://h?…"),
            ("Bearer abc", "…"),
        ] {
            let secret = Secret::new(whole);
            assert_eq!(secret.to_string(), shown);
            assert_eq!(format!("{secret:?}"), shown);
            assert_eq!(secret.reveal(), whole);
        }
    }
}
