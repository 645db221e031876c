//! What an administrator may ask of the directory.
