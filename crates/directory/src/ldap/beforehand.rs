//! What can be told of a message before it is answered.

use wire::ldap::{Filter, Message, Operation, Scope};

use super::bind;
use super::write::is_password;
use crate::schema::{Attribute, Index};

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

/// Whether a message is a search for one entry, or for those with one value, or a change without a password: what it asks for
/// is worked out in no time, and nothing is hashed.
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
        Operation::AddRequest(request) => request.attributes.iter().all(is_plain),
        Operation::ModifyRequest(request) => {
            request.changes.iter().all(|one| is_plain(&one.attribute))
        }
        _ => false,
    })
}

/// Whether an attribute is neither a password nor looks through other entries to be checked.
fn is_plain(given: &wire::ldap::Attribute<'_>) -> bool {
    Attribute::by_name(given.description)
        .is_some_and(|attribute| !is_password(attribute) && attribute.row().index != Index::Linked)
}

#[cfg(test)]
mod tests {
    use wire::ldap::{AddRequest, Control, SearchRequest};

    use super::*;

    #[test]
    fn a_search_for_one_value_is_quick_and_so_is_a_change_without_a_password() {
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
        let add = |description| {
            let attribute = wire::ldap::Attribute {
                description,
                values: vec![b"value".as_slice()],
            };
            let (name, attributes) = ("CN=a,DC=corp", vec![attribute]);
            quick(Operation::AddRequest(AddRequest { name, attributes }))
        };
        assert!(add("description") && add("uidNumber"));
        assert!(!add("unicodePwd") && !add("userPassword") && !add("USERPASSWORD"));
        assert!(
            !add("member")
                && !add("msDS-KeyCredentialLink")
                && !add("2.5.4.35")
                && !add("nobody's")
        );
        assert!(!is_quick(b"0"));
        let mut ordered = Message::new(1, search(Scope::Subtree, value, "DC=corp"));
        ordered.controls.push(Control::new("1.2.3", None));
        assert!(!is_quick(&ordered.encode()));
    }
}
