//! The chips' checksums, bit by bit: frames are short, and a table would be longer than this file.

/// CRC-5 of the first `bits` bits of `data`: polynomial x⁵+x²+1, start 0x1f, most significant bit first,
/// neither reflected nor inverted. It is not the catalogue's CRC-5/USB, which is both.
pub(crate) fn crc5(data: &[u8], bits: usize) -> u8 {
    let mut crc = 0x1f;
    for bit in 0..bits.min(data.len() * 8) {
        let input = data[bit / 8] >> (7 - bit % 8) & 1;
        let feedback = crc >> 4 & 1 ^ input;
        crc = crc << 1 & 0x1f;
        if feedback == 1 {
            crc ^= 0x05;
        }
    }
    crc
}

/// CRC-5 over whole bytes.
pub(crate) fn crc5_bytes(data: &[u8]) -> u8 {
    crc5(data, data.len() * 8)
}

/// CRC-16 of a job: polynomial 0x1021, start 0xffff, most significant bit first, neither reflected nor
/// inverted (CRC-16/IBM-3740).
pub(crate) fn crc16(data: &[u8]) -> u16 {
    let mut crc: u16 = 0xffff;
    for byte in data {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            let carry = crc & 0x8000 != 0;
            crc <<= 1;
            if carry {
                crc ^= 0x1021;
            }
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_frames_have_their_checksums() {
        assert_eq!(crc5_bytes(&[0x54, 0x05, 0x00, 0x00]), 0x19);
        assert_eq!(crc5_bytes(&[0x52, 0x05, 0x00, 0x00]), 0x0a);
        assert_eq!(
            crc5_bytes(&[0x51, 0x09, 0x00, 0xa4, 0x90, 0, 0xff, 0xff]),
            0x1c
        );
        let mut job = vec![0x21, 0x36, 0x00, 0x01, 0, 0, 0, 0];
        job.extend([0xff; 12]);
        job.extend([0; 32]);
        assert_eq!(crc16(&job), 0x5fd3);
        assert_eq!(
            crc16(b"123456789"),
            0x29b1,
            "check value of CRC-16/IBM-3740"
        );
    }

    #[test]
    fn replies_of_real_chips_leave_no_remainder() {
        for reply in [
            "138790f400001c",
            "7203ea83000398",
            "13700000000006",
            "1800a640029922f991",
        ] {
            assert_eq!(crc5_bytes(&hex::decode(reply).expect("hex")), 0, "{reply}");
        }
    }

    proptest! {
        #[test]
        fn one_wrong_bit_is_always_noticed(
            data in prop::collection::vec(any::<u8>(), 1..20), at in any::<prop::sample::Index>(),
        ) {
            let mut wrong = data.clone();
            let bit = at.index(data.len() * 8);
            wrong[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(crc5_bytes(&data), crc5_bytes(&wrong));
            prop_assert_ne!(crc16(&data), crc16(&wrong));
        }
    }
}
