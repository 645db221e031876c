//! The shape of a token answer (protocols A.3.1).
