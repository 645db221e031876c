//! Modular arithmetic through aws-lc: the one module of this crate with `unsafe` code.
//!
//! Why it exists: PKINIT's MODP agreement in safe Rust costs two and a half times as much, and
//! aws-lc-rs offers none. What is called is the library's own constant-time exponentiation and its
//! Montgomery multiplication, the same that its RSA uses.
//!
//! What makes it sound:
//! - Every BIGNUM, context and Montgomery context is owned by one of the structs below, made from a
//!   pointer that was checked to be non-null, and freed once, in `drop`.
//! - Slices go in with their own length and come out through `BN_bn2bin_padded` and
//!   `BN_bn2le_padded`, which write exactly the length they are given or fail.
//! - A [`Modulus`] is never written after it was made, and the library takes it by pointer to const,
//!   so threads may share it.
//! - Every return value is checked.
//!
//! What keeps it constant-time: numbers from [`Bn::from_be`] keep the width of the
//! slice that they came from, leading zeros included, and the library's time depends on widths alone.
#![allow(
    unsafe_code,
    reason = "aws-lc's modular exponentiation has no safe binding (dependencies.md 3)"
)]

use std::ptr::{NonNull, null_mut};

use aws_lc_sys as aws;

/// The library failed: it has no memory. What was computed so far is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LibraryFailed;

/// The library returns 1 for success.
fn succeeded(returned: std::ffi::c_int) -> Result<(), LibraryFailed> {
    if returned == 1 {
        Ok(())
    } else {
        Err(LibraryFailed)
    }
}

/// A number, cleared when it is dropped.
struct Bn(NonNull<aws::BIGNUM>);

// SAFETY: a BIGNUM is plain memory without ties to the thread that made it, and this is its only owner.
unsafe impl Send for Bn {}
// SAFETY: through a shared reference only `as_ptr` is reachable, and the library does not write to what
// it takes by pointer to const.
unsafe impl Sync for Bn {}

impl Bn {
    fn new() -> Result<Bn, LibraryFailed> {
        // SAFETY: takes nothing; null is handled.
        let bn = unsafe { aws::BN_new() };
        NonNull::new(bn).map(Bn).ok_or(LibraryFailed)
    }

    /// The number of these big-endian bytes, as wide as they are.
    fn from_be(bytes: &[u8]) -> Result<Bn, LibraryFailed> {
        // SAFETY: pointer and length are those of a live slice; null as destination asks for a new
        // BIGNUM, and a null result is handled.
        let bn = unsafe { aws::BN_bin2bn(bytes.as_ptr(), bytes.len(), null_mut()) };
        NonNull::new(bn).map(Bn).ok_or(LibraryFailed)
    }

    /// Becomes the number of these little-endian bytes, as wide as they are.
    fn set_le(&mut self, bytes: &[u8]) -> Result<(), LibraryFailed> {
        // SAFETY: pointer and length are those of a live slice, and the destination is owned and
        // exclusively borrowed. The result is the destination or null.
        let bn = unsafe { aws::BN_le2bn(bytes.as_ptr(), bytes.len(), self.as_mut_ptr()) };
        if bn.is_null() {
            Err(LibraryFailed)
        } else {
            Ok(())
        }
    }

    /// Fills `out` with the number, big-endian, padded with zeros on the left.
    fn write_be(&self, out: &mut [u8]) -> Result<(), LibraryFailed> {
        // SAFETY: pointer and length are those of a live, exclusively borrowed slice, of which exactly
        // that length is written.
        succeeded(unsafe { aws::BN_bn2bin_padded(out.as_mut_ptr(), out.len(), self.as_ptr()) })
    }

    /// Fills `out` with the number, little-endian, padded with zeros on the right.
    fn write_le(&self, out: &mut [u8]) -> Result<(), LibraryFailed> {
        // SAFETY: as in `write_be`.
        succeeded(unsafe { aws::BN_bn2le_padded(out.as_mut_ptr(), out.len(), self.as_ptr()) })
    }

    fn as_ptr(&self) -> *const aws::BIGNUM {
        self.0.as_ptr()
    }

    fn as_mut_ptr(&mut self) -> *mut aws::BIGNUM {
        self.0.as_ptr()
    }
}

impl Drop for Bn {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the library, is owned here and freed nowhere else.
        unsafe { aws::BN_clear_free(self.0.as_ptr()) }
    }
}

/// Scratch space of the library.
struct Context(NonNull<aws::BN_CTX>);

impl Context {
    fn new() -> Result<Context, LibraryFailed> {
        // SAFETY: takes nothing; null is handled.
        let context = unsafe { aws::BN_CTX_new() };
        NonNull::new(context).map(Context).ok_or(LibraryFailed)
    }

    fn as_mut_ptr(&mut self) -> *mut aws::BN_CTX {
        self.0.as_ptr()
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the library, is owned here and freed nowhere else.
        unsafe { aws::BN_CTX_free(self.0.as_ptr()) }
    }
}

/// A Montgomery context, read-only once made.
struct Montgomery(NonNull<aws::BN_MONT_CTX>);

// SAFETY: as for `Bn`: plain memory with one owner, and only ever passed by pointer to const.
unsafe impl Send for Montgomery {}
// SAFETY: as above.
unsafe impl Sync for Montgomery {}

impl Montgomery {
    fn new(modulus: &Bn, context: &mut Context) -> Result<Montgomery, LibraryFailed> {
        // SAFETY: both pointers are live; the library copies the modulus. Null is handled.
        let montgomery =
            unsafe { aws::BN_MONT_CTX_new_for_modulus(modulus.as_ptr(), context.as_mut_ptr()) };
        NonNull::new(montgomery)
            .map(Montgomery)
            .ok_or(LibraryFailed)
    }

    fn as_ptr(&self) -> *const aws::BN_MONT_CTX {
        self.0.as_ptr()
    }
}

impl Drop for Montgomery {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the library, is owned here and freed nowhere else.
        unsafe { aws::BN_MONT_CTX_free(self.0.as_ptr()) }
    }
}

/// An odd modulus with what the library precomputes for it.
pub(super) struct Modulus {
    number: Bn,
    montgomery: Montgomery,
    len: usize,
}

impl Modulus {
    /// From an odd number, big-endian, whose first byte is not zero.
    pub(super) fn new(bytes: &[u8]) -> Result<Modulus, LibraryFailed> {
        let number = Bn::from_be(bytes)?;
        let montgomery = Montgomery::new(&number, &mut Context::new()?)?;
        Ok(Modulus {
            number,
            montgomery,
            len: bytes.len(),
        })
    }

    /// Length in bytes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Fills `out` with `base` to the power of `exponent`, all big-endian; `out` is padded on the left.
    /// The time depends on the lengths alone.
    ///
    /// Fails when `base` is not below the modulus or `out` is shorter than the modulus.
    pub(super) fn power(
        &self,
        base: &[u8],
        exponent: &[u8],
        out: &mut [u8],
    ) -> Result<(), LibraryFailed> {
        let base = Bn::from_be(base)?;
        let exponent = Bn::from_be(exponent)?;
        let mut result = Bn::new()?;
        let mut context = Context::new()?;
        // SAFETY: all pointers are live, the two written through are exclusively owned, and the
        // Montgomery context belongs to this modulus.
        succeeded(unsafe {
            aws::BN_mod_exp_mont_consttime(
                result.as_mut_ptr(),
                base.as_ptr(),
                exponent.as_ptr(),
                self.number.as_ptr(),
                context.as_mut_ptr(),
                self.montgomery.as_ptr(),
            )
        })?;
        result.write_be(out)
    }
}

/// A product in the making, in Montgomery form. Factors come little-endian, of the modulus's length,
/// below it, and in Montgomery form too: what [`Product::store`] gave.
pub(super) struct Product<'a> {
    modulus: &'a Modulus,
    value: Bn,
    factor: Bn,
    context: Context,
}

impl<'a> Product<'a> {
    /// Begins with `number` (big-endian, below the modulus), which is brought into Montgomery form.
    pub(super) fn of_number(modulus: &'a Modulus, number: &[u8]) -> Result<Self, LibraryFailed> {
        let mut product = Product {
            modulus,
            value: Bn::new()?,
            factor: Bn::from_be(number)?,
            context: Context::new()?,
        };
        // SAFETY: all pointers are live, and the two written through are exclusively owned.
        succeeded(unsafe {
            aws::BN_to_montgomery(
                product.value.as_mut_ptr(),
                product.factor.as_ptr(),
                modulus.montgomery.as_ptr(),
                product.context.as_mut_ptr(),
            )
        })?;
        Ok(product)
    }

    /// Begins with a factor.
    pub(super) fn of_factor(modulus: &'a Modulus, factor: &[u8]) -> Result<Self, LibraryFailed> {
        let mut product = Product {
            modulus,
            value: Bn::new()?,
            factor: Bn::new()?,
            context: Context::new()?,
        };
        product.value.set_le(factor)?;
        Ok(product)
    }

    /// Multiplies by a factor.
    pub(super) fn multiply(&mut self, factor: &[u8]) -> Result<(), LibraryFailed> {
        self.factor.set_le(factor)?;
        self.multiply_by(self.factor.as_ptr())
    }

    /// Squares.
    pub(super) fn square(&mut self) -> Result<(), LibraryFailed> {
        self.multiply_by(self.value.as_ptr())
    }

    /// `factor` must point to one of this product's own numbers.
    fn multiply_by(&mut self, factor: *const aws::BIGNUM) -> Result<(), LibraryFailed> {
        let value = self.value.as_mut_ptr();
        // SAFETY: all pointers are live; the library allows result and operands to be the same.
        succeeded(unsafe {
            aws::BN_mod_mul_montgomery(
                value,
                value,
                factor,
                self.modulus.montgomery.as_ptr(),
                self.context.as_mut_ptr(),
            )
        })
    }

    /// Writes the product as a factor; `out` has the modulus's length.
    pub(super) fn store(&self, out: &mut [u8]) -> Result<(), LibraryFailed> {
        self.value.write_le(out)
    }

    /// Leaves Montgomery form and fills `out` with the number, big-endian, padded on the left.
    pub(super) fn finish(mut self, out: &mut [u8]) -> Result<(), LibraryFailed> {
        // SAFETY: all pointers are live, and the two written through are exclusively owned.
        succeeded(unsafe {
            aws::BN_from_montgomery(
                self.factor.as_mut_ptr(),
                self.value.as_ptr(),
                self.modulus.montgomery.as_ptr(),
                self.context.as_mut_ptr(),
            )
        })?;
        self.factor.write_be(out)
    }
}
