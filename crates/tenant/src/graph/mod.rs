//! What is known as Graph, as far as clients need it (protocols A.15.2).

pub(crate) mod hello_methods;
pub(crate) mod users;
