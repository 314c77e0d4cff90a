//! Pages: the smallest thing that is read, checked and decompressed as a whole.

use compact_str::CompactString;
use pco::standalone::{simple_compress, simple_decompress_into};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};
use std::collections::BTreeMap;

/// A page is closed when it holds this many numbers. No block has more points.
pub(super) const PAGE_POINTS: usize = 8_192;
/// A page of texts is closed when it holds this many bytes.
pub(super) const PAGE_TEXT_BYTES: usize = 256 * 1024;
/// No page is larger than this once decompressed; a text may be 1 MiB.
const PLAIN_BYTES_MAX: usize = 64 << 20;
const ZSTD_LEVEL: i32 = 1;

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Codec {
    /// Residuals of integers.
    Ints = 0,
    /// Doubles that are no decimals.
    Floats = 1,
    /// Booleans.
    Bits = 2,
    /// Texts.
    Texts = 3,
    /// Qualities.
    Bytes = 4,
}

impl Codec {
    pub(super) fn from_code(code: u32) -> Option<Self> {
        [Self::Ints, Self::Floats, Self::Bits, Self::Texts, Self::Bytes].get(code as usize).copied()
    }
}

/// A page in memory.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PageData {
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Bits(Vec<bool>),
    Texts(Vec<CompactString>),
    Bytes(Vec<u8>),
}

impl PageData {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Ints(numbers) => numbers.len(),
            Self::Floats(numbers) => numbers.len(),
            Self::Bits(bits) => bits.len(),
            Self::Texts(texts) => texts.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    pub(super) fn codec(&self) -> Codec {
        match self {
            Self::Ints(_) => Codec::Ints,
            Self::Floats(_) => Codec::Floats,
            Self::Bits(_) => Codec::Bits,
            Self::Texts(_) => Codec::Texts,
            Self::Bytes(_) => Codec::Bytes,
        }
    }

    /// Compresses. `level` is pco's, 0 to 12.
    pub(super) fn encode(&self, level: usize) -> Result<Vec<u8>, String> {
        match self {
            // What pco would look for has been taken away already.
            Self::Ints(numbers) => compress(numbers, level, ModeSpec::Classic, DeltaSpec::NoOp),
            Self::Floats(numbers) => compress(numbers, level, ModeSpec::Auto, DeltaSpec::Auto),
            Self::Bits(bits) => {
                let mut bytes = vec![0_u8; bits.len().div_ceil(8)];
                for (idx, _) in bits.iter().enumerate().filter(|(_, bit)| **bit) {
                    bytes[idx / 8] |= 1 << (idx % 8);
                }
                squeeze(&bytes)
            }
            Self::Texts(texts) => squeeze(&plain_texts(texts)),
            Self::Bytes(bytes) => squeeze(bytes),
        }
    }

    /// Decompresses a page of `count` numbers.
    pub(super) fn decode(codec: Codec, count: usize, bytes: &[u8]) -> Result<Self, String> {
        match codec {
            Codec::Ints => decompress(bytes, count).map(Self::Ints),
            Codec::Floats => decompress(bytes, count).map(Self::Floats),
            Codec::Bits => {
                let packed = stretch(bytes, count.div_ceil(8))?;
                Ok(Self::Bits((0..count).map(|i| packed[i / 8] >> (i % 8) & 1 == 1).collect()))
            }
            Codec::Texts => texts(bytes, count).map(Self::Texts),
            Codec::Bytes => stretch(bytes, count).map(Self::Bytes),
        }
    }
}

/// Compresses numbers as pco sees fit; for the index, whose columns are all different.
pub(super) fn compress_column<T: pco::data_types::Number>(numbers: &[T]) -> Result<Vec<u8>, String> {
    compress(numbers, 4, ModeSpec::Auto, DeltaSpec::Auto)
}

fn compress<T: pco::data_types::Number>(
    numbers: &[T],
    level: usize,
    mode: ModeSpec,
    delta: DeltaSpec,
) -> Result<Vec<u8>, String> {
    let config = ChunkConfig::default().with_compression_level(level).with_mode_spec(mode).with_delta_spec(delta);
    simple_compress(numbers, &config).map_err(|error| error.to_string())
}

/// The `count` numbers in `bytes`.
pub(super) fn decompress<T: pco::data_types::Number>(bytes: &[u8], count: usize) -> Result<Vec<T>, String> {
    let mut numbers = vec![T::default(); count];
    let progress = simple_decompress_into(bytes, &mut numbers).map_err(|error| error.to_string())?;
    if progress.n_processed == count {
        Ok(numbers)
    } else {
        Err(format!("{} numbers of {count}", progress.n_processed))
    }
}

fn squeeze(plain: &[u8]) -> Result<Vec<u8>, String> {
    zstd::bulk::compress(plain, ZSTD_LEVEL).map_err(|error| error.to_string())
}

fn stretch(bytes: &[u8], len: usize) -> Result<Vec<u8>, String> {
    let plain = zstd::bulk::decompress(bytes, len).map_err(|error| error.to_string())?;
    if plain.len() == len { Ok(plain) } else { Err(format!("{} bytes of {len}", plain.len())) }
}

/// A dictionary, then one number into it for each text; the length of all comes first.
fn plain_texts(texts: &[CompactString]) -> Vec<u8> {
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    let mut dictionary: Vec<&str> = Vec::new();
    let mut codes = Vec::with_capacity(texts.len());
    for text in texts {
        let next = dictionary.len() as u32;
        let code = *numbers.entry(text).or_insert_with(|| {
            dictionary.push(text);
            next
        });
        codes.push(code);
    }
    let mut plain = Vec::new();
    plain.extend((dictionary.len() as u32).to_le_bytes());
    for text in dictionary {
        plain.extend((text.len() as u32).to_le_bytes());
        plain.extend(text.as_bytes());
    }
    // One plane of bytes after the other: the high ones are all zero.
    for shift in [0, 8, 16, 24] {
        plain.extend(codes.iter().map(|code| (code >> shift) as u8));
    }
    plain
}

fn texts(bytes: &[u8], count: usize) -> Result<Vec<CompactString>, String> {
    let size = zstd::zstd_safe::get_frame_content_size(bytes).ok().flatten().unwrap_or(u64::MAX);
    let size = usize::try_from(size).ok().filter(|size| *size <= PLAIN_BYTES_MAX).ok_or("a page too large")?;
    let plain = stretch(bytes, size)?;
    let short = || "texts that end early".to_owned();
    let mut rest = plain.as_slice();
    let number = |rest: &mut &[u8]| -> Result<usize, String> {
        let (head, tail) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        *rest = tail;
        Ok(u32::from_le_bytes(*head) as usize)
    };
    let entries = number(&mut rest)?;
    let mut dictionary = Vec::with_capacity(entries.min(PAGE_POINTS));
    for _ in 0..entries {
        let len = number(&mut rest)?;
        let (text, tail) = rest.split_at_checked(len).ok_or_else(short)?;
        rest = tail;
        dictionary.push(CompactString::from_utf8(text).map_err(|error| error.to_string())?);
    }
    if rest.len() != 4 * count {
        return Err(short());
    }
    let code = |i: usize| (0..4).map(|plane| usize::from(rest[plane * count + i]) << (8 * plane)).sum::<usize>();
    (0..count)
        .map(|i| dictionary.get(code(i)).cloned().ok_or_else(|| "a text not in the dictionary".to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(page: &PageData) {
        let bytes = page.encode(8).unwrap();
        assert_eq!(&PageData::decode(page.codec(), page.len(), &bytes).unwrap(), page);
    }

    proptest! {
        #[test]
        fn every_page_comes_back(
            ints in prop::collection::vec(any::<i64>(), 1..300),
            floats in prop::collection::vec(-1e300..1e300_f64, 1..300),
            bits in prop::collection::vec(any::<bool>(), 1..300),
            texts in prop::collection::vec("[a-c]{0,3}|.{30}", 1..300),
            bytes in prop::collection::vec(any::<u8>(), 1..300),
        ) {
            check(&PageData::Ints(ints));
            check(&PageData::Floats(floats));
            check(&PageData::Bits(bits));
            check(&PageData::Texts(texts.into_iter().map(CompactString::from).collect()));
            check(&PageData::Bytes(bytes));
        }

        #[test]
        fn a_page_of_foreign_bytes_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for codec in [Codec::Ints, Codec::Floats, Codec::Bits, Codec::Texts, Codec::Bytes] {
                drop(PageData::decode(codec, 100, &bytes));
            }
        }
    }
}
