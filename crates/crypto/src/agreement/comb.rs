//! Powers of a base that never changes: key generation with g = 2.
//!
//! A plain exponentiation with a 256-bit exponent is 256 squarings and some 80 multiplications. As the
//! base is known, its powers can be kept, and a comb (Lim and Lee, CRYPTO '94) does with 3 squarings and
//! 52 multiplications: a fifth of the cost, for 104 KiB of table (MODP-2048).
//!
//! The exponent is cut into [`TEETH`] rows of equal length, one above the other. A column of bits is
//! a number below 2^[`TEETH`], and the product of the base's powers that its set bits stand for is one
//! entry of a table. The columns are dealt to `blocks` tables of their own, [`COLUMNS_PER_BLOCK`] to each,
//! so that the squarings between neighbouring columns are shared by all blocks.
//!
//! The exponent is secret, so which entry is taken must not show: all entries of a table are read each
//! time and the one wanted is kept by a mask, and every column is multiplied, be it zero.

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::bn::{LibraryFailed, Modulus, Product};

/// Rows of the comb. One more would save 9 multiplications and read twice the table.
const TEETH: usize = 5;

/// Entries of a table.
const ENTRIES: usize = 1 << TEETH;

/// Columns of a table; one squaring less than this is done.
const COLUMNS_PER_BLOCK: usize = 4;

/// The kept powers of one base.
pub(super) struct Comb {
    /// Bits in a row: `blocks * COLUMNS_PER_BLOCK`.
    row: usize,
    blocks: usize,
    /// Machine words in an entry.
    words: usize,
    /// The entries in Montgomery form, block after block.
    table: Vec<u64>,
}

impl Comb {
    /// Prepares `base` (big-endian, below the modulus) for exponents of up to `exponent_len` bytes.
    pub(super) fn new(
        modulus: &Modulus,
        base: &[u8],
        exponent_len: usize,
    ) -> Result<Comb, LibraryFailed> {
        let blocks = (exponent_len * 8).div_ceil(TEETH * COLUMNS_PER_BLOCK);
        let row = blocks * COLUMNS_PER_BLOCK;
        let len = modulus.len();
        let words = len.div_ceil(8);

        let mut one = vec![0; len];
        Product::of_number(modulus, &[1])?.store(&mut one)?;
        // The power of the base that bit 0 of each row of each block stands for.
        let mut powers = vec![vec![0; len]; TEETH * blocks];
        let mut power = Product::of_number(modulus, base)?;
        for (index, stored) in powers.iter_mut().enumerate() {
            if index > 0 {
                for _ in 0..COLUMNS_PER_BLOCK {
                    power.square()?;
                }
            }
            power.store(stored)?;
        }

        let mut table = vec![0; blocks * ENTRIES * words];
        let mut bytes = vec![0; len];
        for (index, entry) in table.chunks_exact_mut(words).enumerate() {
            let (block, column) = (index / ENTRIES, index % ENTRIES);
            let mut product = Product::of_factor(modulus, &one)?;
            for tooth in (0..TEETH).filter(|tooth| column >> tooth & 1 == 1) {
                product.multiply(&powers[tooth * blocks + block])?;
            }
            product.store(&mut bytes)?;
            for (word, bytes) in entry.iter_mut().zip(bytes.chunks(8)) {
                let mut padded = [0; 8];
                padded[..bytes.len()].copy_from_slice(bytes);
                *word = u64::from_le_bytes(padded);
            }
        }
        Ok(Comb {
            row,
            blocks,
            words,
            table,
        })
    }

    /// Fills `out` with the base to the power of `exponent`, both big-endian; `out` is padded on the
    /// left. The time depends on the lengths alone.
    ///
    /// # Panics
    /// When `exponent` is longer than the comb was made for.
    pub(super) fn power(
        &self,
        modulus: &Modulus,
        exponent: &[u8],
        out: &mut [u8],
    ) -> Result<(), LibraryFailed> {
        assert!(exponent.len() * 8 <= TEETH * self.row);
        let mut entry = vec![0; self.words];
        let mut factor = vec![0; self.words * 8];
        let mut product: Option<Product<'_>> = None;
        for column in (0..COLUMNS_PER_BLOCK).rev() {
            if let Some(product) = &mut product {
                product.square()?;
            }
            for block in 0..self.blocks {
                let wanted = self.column(exponent, block * COLUMNS_PER_BLOCK + column);
                self.take(block, wanted, &mut entry);
                for (bytes, word) in factor.chunks_exact_mut(8).zip(&entry) {
                    bytes.copy_from_slice(&word.to_le_bytes());
                }
                let factor = &factor[..modulus.len()];
                match &mut product {
                    Some(product) => product.multiply(factor)?,
                    None => product = Some(Product::of_factor(modulus, factor)?),
                }
            }
        }
        entry.zeroize();
        factor.zeroize();
        product.ok_or(LibraryFailed)?.finish(out)
    }

    /// The bits of the exponent in this column, the lowest row's first.
    fn column(&self, exponent: &[u8], column: usize) -> u8 {
        (0..TEETH).fold(0, |bits, tooth| {
            let index = tooth * self.row + column;
            // Where the rows reach beyond the exponent there are zeros; that depends on its length.
            let byte = exponent
                .len()
                .checked_sub(index / 8 + 1)
                .map_or(0, |at| exponent[at]);
            bits | (byte >> (index % 8) & 1) << tooth
        })
    }

    /// Copies the wanted entry of a block's table, reading all of them alike.
    fn take(&self, block: usize, wanted: u8, entry: &mut [u64]) {
        entry.fill(0);
        let size = ENTRIES * self.words;
        let table = &self.table[block * size..(block + 1) * size];
        for (index, candidate) in table.chunks_exact(self.words).enumerate() {
            let mask = 0u64.wrapping_sub(u64::from((index as u8).ct_eq(&wanted).unwrap_u8()));
            for (word, candidate) in entry.iter_mut().zip(candidate) {
                *word |= candidate & mask;
            }
        }
    }
}
