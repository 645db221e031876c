//! A Temporary Access Pass is posted (protocols A.5.6).
