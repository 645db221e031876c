//! Requests that a device signs (protocols A.7.2, A.7.3).
