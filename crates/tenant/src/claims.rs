//! What tokens say (protocols A.3.1).
