//! HOTP (RFC 4226) and base32 (RFC 4648 6).

pub(crate) mod base32 {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

    pub(crate) fn encode(bytes: &[u8]) -> String {
        let mut text = String::new();
        for chunk in bytes.chunks(5) {
            let mut word = [0u8; 8];
            for (place, byte) in word[3..].iter_mut().zip(chunk) {
                *place = *byte;
            }
            let word = u64::from_be_bytes(word);
            for place in 0..(chunk.len() * 8).div_ceil(5) {
                let digit = (word >> (35 - 5 * place)) & 31;
                text.push(char::from(ALPHABET[digit as usize]));
            }
        }
        text
    }

    pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
        let (mut bits, mut word, mut bytes) = (0u32, 0u64, Vec::new());
        for character in text.trim_end_matches('=').bytes() {
            let digit = ALPHABET
                .iter()
                .position(|known| *known == character.to_ascii_uppercase())?;
            word = (word << 5 | digit as u64) & 0xffff;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push((word >> bits) as u8);
            }
        }
        Some(bytes)
    }
}

pub(crate) mod totp {
    pub(crate) fn hotp(secret: &[u8], counter: u64) -> u32 {
        let mut key = [0u8; 64];
        for (place, byte) in key.iter_mut().zip(secret) {
            *place = *byte;
        }
        let inner = [
            key.map(|byte| byte ^ 0x36).as_slice(),
            &counter.to_be_bytes(),
        ]
        .concat();
        let outer = [
            key.map(|byte| byte ^ 0x5c).as_slice(),
            &crypto::digest::sha1(&inner),
        ]
        .concat();
        let mac = crypto::digest::sha1(&outer);
        let offset = usize::from(mac[19] & 15);
        u32::from_be_bytes([
            mac[offset],
            mac[offset + 1],
            mac[offset + 2],
            mac[offset + 3],
        ]) & 0x7fff_ffff
    }
}
