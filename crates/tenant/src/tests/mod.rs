//! The party at its boundary: requests in, replies and committed changes out.
