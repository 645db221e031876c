//! All parties in one process, one clock, one story: tests and nothing else.
