//! The device's rules: container, gesture, PIN, vault seam, sign-in.
