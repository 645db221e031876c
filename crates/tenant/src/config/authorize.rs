//! The first page (protocols A.5.1).
