//! What can be told of a message before it is answered.

use wire::ldap::{Filter, Message, Operation, Scope};

use super::bind;

/// Longer requests may ask for much.
const SHORT: usize = 1_024;

/// Whether a message is answered by what the client's certificate is worth.
#[must_use]
pub fn asks_for_certificate(message: &[u8]) -> bool {
    let message = Message::decode(message);
    message.is_ok_and(|message| match message.operation {
        Operation::BindRequest(request) => bind::is_external(&request.authentication),
        _ => false,
    })
}

/// Whether a message is a search for one entry, or for those with one value: it is answered in no time, and hashes and writes
/// nothing.
#[must_use]
pub fn is_quick(message: &[u8]) -> bool {
    if message.len() > SHORT {
        return false;
    }
    Message::decode(message).is_ok_and(|message| match message.operation {
        Operation::SearchRequest(request) => {
            let one = request.scope == Scope::Base || matches!(request.filter, Filter::Equality(_));
            one && message.controls.is_empty()
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use wire::ldap::{Control, SearchRequest};

    use super::*;

    #[test]
    fn a_search_for_one_value_is_quick_and_nothing_else_is() {
        let value: Filter<'_> = "(sAMAccountName=alice)".parse().unwrap();
        let any: Filter<'_> = "(sAMAccountName=*)".parse().unwrap();
        let search = |scope, filter, base| {
            Operation::SearchRequest(SearchRequest {
                base,
                scope,
                deref_aliases: 0,
                size_limit: 0,
                time_limit: 0,
                types_only: false,
                filter,
                attributes: Vec::new(),
            })
        };
        let quick = |operation| is_quick(&Message::new(1, operation).encode());
        assert!(quick(search(Scope::Subtree, value.clone(), "DC=corp")));
        assert!(quick(search(Scope::Base, any.clone(), "DC=corp")));
        assert!(!quick(search(Scope::Subtree, any, "DC=corp")));
        let long = "CN=a,".repeat(300);
        assert!(!quick(search(Scope::Subtree, value.clone(), &long)));
        assert!(!quick(Operation::UnbindRequest));
        assert!(!is_quick(b"0"));
        let mut ordered = Message::new(1, search(Scope::Subtree, value, "DC=corp"));
        ordered.controls.push(Control::new("1.2.3", None));
        assert!(!is_quick(&ordered.encode()));
    }
}
