//! Randomness from the cryptographic library.

/// Fills `bytes` from the cryptographic library's generator, which the operating system seeds.
///
/// # Panics
/// When the operating system has no randomness to give: no key may be made then.
pub fn fill(bytes: &mut [u8]) {
    #[allow(
        clippy::expect_used,
        reason = "without randomness there is nothing safe to go on with"
    )]
    aws_lc_rs::rand::fill(bytes).expect("the operating system gives random bytes");
}
