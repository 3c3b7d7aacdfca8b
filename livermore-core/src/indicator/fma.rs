//! Run-time use of the processor's fused multiply-add.
//!
//! `f64::mul_add` is exact everywhere, but on x86-64 a portable build calls a library function for it: three to five
//! times slower. Code run through [`fused`] is compiled a second time for processors with AVX2 and FMA. The results are
//! the same bits either way.

/// Runs `f` with hardware fused multiply-add where there is one.
///
/// `f` and all it calls must be `#[inline(always)]`: what is not inlined is not compiled for the better processor.
#[inline(always)]
pub(super) fn fused<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    if let Some(avx2) = fearless_simd::Level::new().as_avx2() {
        use fearless_simd::Simd;
        return avx2.vectorize(f);
    }
    portable(f)
}

/// Out of line, so that only the path taken is part of the caller's code.
#[inline(never)]
pub(super) fn portable<R>(f: impl FnOnce() -> R) -> R {
    f()
}
