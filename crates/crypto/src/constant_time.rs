//! Comparing secrets without telling by the time taken where they differ.

use subtle::ConstantTimeEq;

/// Whether two byte strings are equal. The time depends on their lengths alone, which are no secret.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}
