//! The cookies of one sign-in at one server.
//!
//! The jar is for a single origin and lives in memory: what the server sets it gets back, until it takes it
//! away. Every page of ours sets its cookies for the whole host.

use http::header::{HeaderMap, SET_COOKIE};
use zeroize::Zeroizing;

/// More cookies than any of our servers sets.
const MOST: usize = 32;

/// The cookies of one origin.
#[derive(Default)]
pub(crate) struct Jar(Vec<(String, Zeroizing<String>)>);

impl Jar {
    /// Takes what a server sets, and lets go of what it removes.
    pub(crate) fn take(&mut self, headers: &HeaderMap) {
        for value in headers
            .get_all(SET_COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
        {
            let mut parts = value.split(';');
            let Some((name, content)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let (name, content) = (name.trim(), content.trim());
            let mut attributes = parts.filter_map(|part| part.trim().split_once('='));
            let removed = attributes.any(|(name, age)| {
                name.eq_ignore_ascii_case("max-age")
                    && age.trim().parse::<i64>().is_ok_and(|age| age <= 0)
            });
            self.0.retain(|(known, _)| known != name);
            if !removed && !name.is_empty() && self.0.len() < MOST {
                self.0
                    .push((name.to_owned(), Zeroizing::new(content.to_owned())));
            }
        }
    }

    /// The `Cookie` header that gives them back; `None` when there is none to give.
    pub(crate) fn header(&self) -> Option<Zeroizing<String>> {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(name, content)| format!("{name}={}", content.as_str()))
            .collect();
        (!pairs.is_empty()).then(|| Zeroizing::new(pairs.join("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(SET_COOKIE, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn what_is_set_comes_back_until_it_is_taken_away() {
        let mut jar = Jar::default();
        jar.take(&headers(&["a=1; Path=/; Secure; HttpOnly", "b=x=y"]));
        assert_eq!(jar.header().unwrap().as_str(), "a=1; b=x=y");
        jar.take(&headers(&["a=2; Max-Age=600", "b=; Max-Age=0"]));
        assert_eq!(jar.header().unwrap().as_str(), "a=2");
        jar.take(&headers(&["a=; max-age=-1"]));
        assert!(jar.header().is_none());
    }
}
