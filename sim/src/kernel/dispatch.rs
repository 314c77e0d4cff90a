//! The one place where the engine is compiled for wider vector instructions than every machine has.
//!
//! # Safety
//!
//! A function with `#[target_feature]` may only be called where the processor has the feature; [`run_tile`] asks
//! the processor each time, right before the call. The body is safe code and the same for all: the wider
//! instructions compute the same integers.
#![allow(unsafe_code)]

use super::tally::Tally;
use super::tile::{Tile, Unseen};

/// Runs a tile with the widest instructions that this processor has.
pub(super) fn run_tile<const W: usize>(tile: &mut Tile<'_, W>, tally: &mut Tally) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the processor has the features, by the line above.
            return unsafe { run_avx512(tile, tally) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has the feature, by the line above.
            return unsafe { run_avx2(tile, tally) };
        }
    }
    tile.run(tally, &mut Unseen);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi2")]
fn run_avx512<const W: usize>(tile: &mut Tile<'_, W>, tally: &mut Tally) {
    tile.run(tally, &mut Unseen);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2<const W: usize>(tile: &mut Tile<'_, W>, tally: &mut Tally) {
    tile.run(tally, &mut Unseen);
}
