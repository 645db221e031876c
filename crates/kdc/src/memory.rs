//! What a KDC remembers between two requests. All of it may be forgotten: nothing here lets anybody in.

use std::sync::Arc;

use ticket::Recent;
use trust::Span;

/// Authenticators remembered at once. Beyond them the oldest go: a replay gives nothing to who cannot read the
/// answer.
const AUTHENTICATORS: usize = 400_000;

/// Answers remembered at once, of one or two kilobytes each.
const ANSWERS: usize = 16_000;

/// How long a datagram that is sent again gets its first answer: longer than clients try.
const ANSWERED_FOR: Span = Span::seconds(30);

/// The memory of one KDC process.
pub struct Memory {
    /// Authenticators that were accepted, for twice the skew.
    pub(crate) authenticators: Recent<()>,
    /// The tickets that were given, by request.
    pub(crate) answers: Recent<Arc<[u8]>>,
}

impl Memory {
    /// An empty memory for a realm with this skew.
    #[must_use]
    pub fn new(skew: Span) -> Self {
        Self {
            authenticators: Recent::new(skew + skew, AUTHENTICATORS),
            answers: Recent::new(ANSWERED_FOR, ANSWERS),
        }
    }
}
