//! Who may read.

use std::path::Path;

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

use super::secret::read_secret;

/// Whose requests are answered: everybody's, or those with a token or a password.
///
/// Kept are SHA-256 digests of what a client must send, never that itself. Comparing digests of one length takes the same
/// time whatever was sent.
#[derive(Clone, Debug, Default)]
pub struct Access {
    bearers: Vec<Key>,
    basics: Vec<Key>,
}

/// The digest of what follows the scheme in `Authorization`.
#[derive(Clone, Debug)]
struct Key(Vec<u8>);

impl Key {
    fn of(sent: &[u8]) -> Self {
        Self(digest(&SHA256, sent).as_ref().to_vec())
    }
}

impl Access {
    /// With the token in a file, which is its one line.
    ///
    /// # Errors
    /// When the file cannot be read, is open to everybody, or does not hold one word.
    pub fn with_bearer_file(mut self, path: &Path) -> anyhow::Result<Self> {
        let content = text(path)?;
        let token = content.trim();
        if token.is_empty() || token.contains(char::is_whitespace) {
            bail!("{} must hold one token without blanks", path.display());
        }
        self.bearers.push(Key::of(token.as_bytes()));
        Ok(self)
    }

    /// With the users in a file, `user:password` a line; empty lines and those that begin with # are skipped.
    ///
    /// # Errors
    /// When the file cannot be read, is open to everybody, or a line has no user and password.
    pub fn with_basic_file(mut self, path: &Path) -> anyhow::Result<Self> {
        let content = text(path)?;
        for (number, line) in content.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            // The line itself is not shown: it may be a password.
            let parts = line.split_once(':').filter(|(user, password)| !user.is_empty() && !password.is_empty());
            if parts.is_none() {
                bail!("{}:{}: not `user:password`", path.display(), number + 1);
            }
            // The client sends the very line in Base64 (RFC 7617).
            self.basics.push(Key::of(BASE64_STANDARD.encode(line).as_bytes()));
        }
        if self.basics.is_empty() {
            bail!("{} holds no `user:password`: nobody could read", path.display());
        }
        Ok(self)
    }

    /// Whether everybody may read.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.bearers.is_empty() && self.basics.is_empty()
    }

    /// Whether a request with this `Authorization` may be answered.
    #[must_use]
    pub(super) fn admits(&self, authorization: Option<&[u8]>) -> bool {
        if self.is_open() {
            return true;
        }
        let Some(authorization) = authorization else { return false };
        let Some(blank) = authorization.iter().position(|byte| *byte == b' ') else { return false };
        let (scheme, sent) = authorization.split_at(blank);
        let keys = match () {
            () if scheme.eq_ignore_ascii_case(b"bearer") => &self.bearers,
            () if scheme.eq_ignore_ascii_case(b"basic") => &self.basics,
            () => return false,
        };
        let sent = Key::of(sent.trim_ascii());
        // Every key is compared, so that the time does not tell which one was right.
        let equal = keys.iter().map(|key| key.0.ct_eq(&sent.0)).reduce(|one, other| one | other);
        equal.is_some_and(bool::from)
    }

    /// What a request that is refused is asked for.
    pub(super) fn challenge(&self) -> &'static str {
        if self.basics.is_empty() { "Bearer" } else { "Basic realm=\"tcpctl\", charset=\"UTF-8\"" }
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    String::from_utf8(read_secret(path)?).with_context(|| format!("{} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn file(folder: &tempfile::TempDir, name: &str, content: &str) -> std::path::PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    #[test]
    fn only_the_right_token_or_password_is_admitted() {
        let folder = tempfile::tempdir().unwrap();
        let open = Access::default();
        assert!(open.is_open() && open.admits(None) && open.admits(Some(b"Bearer x")));
        let bearer = open.with_bearer_file(&file(&folder, "token", "s3cret\n")).unwrap();
        let both =
            bearer.clone().with_basic_file(&file(&folder, "users", "# scrapers\n\nada:pass:word\nbob:x\n")).unwrap();
        let basic = |line: &str| format!("basic {}", BASE64_STANDARD.encode(line));
        for (sent, admitted) in [
            ("Bearer s3cret".to_owned(), true),
            ("bearer  s3cret".to_owned(), true),
            ("Bearer s3cre".to_owned(), false),
            ("Bearer".to_owned(), false),
            ("Bearer ".to_owned(), false),
            ("Digest s3cret".to_owned(), false),
            (basic("ada:pass:word"), true),
            (basic("bob:x"), true),
            (basic("bob:pass:word"), false),
            (basic(":"), false),
            // A token is no password, and a password no token.
            (format!("Bearer {}", BASE64_STANDARD.encode("bob:x")), false),
            (basic("s3cret"), false),
        ] {
            assert_eq!(both.admits(Some(sent.as_bytes())), admitted, "{sent}");
        }
        assert!(!both.admits(None) && !bearer.admits(Some(basic("bob:x").as_bytes())));
        assert_eq!((bearer.challenge(), both.challenge().starts_with("Basic ")), ("Bearer", true));
        assert!(!format!("{both:?}").contains("s3cret"));
    }

    #[test]
    fn files_that_admit_nobody_or_are_no_such_files_are_refused_and_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        for (content, told) in
            [("", "holds no"), ("# a\n", "holds no"), ("a:b\nhunter2\n", ":2: not"), (":x", ":1: not")]
        {
            let error = Access::default().with_basic_file(&file(&folder, "users", content)).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("hunter2"), "{content:?}: {error}");
        }
        for content in ["", " \n", "two words"] {
            assert!(Access::default().with_bearer_file(&file(&folder, "token", content)).is_err(), "{content:?}");
        }
    }
}
