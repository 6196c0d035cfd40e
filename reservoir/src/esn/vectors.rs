//! Loops on the vectors that the processor has, which are found out at run time.

/// The vectors of this processor; without the feature `simd`, those of every processor of its kind.
#[derive(Clone, Copy)]
pub(super) struct Vectors(#[cfg(feature = "simd")] pulp::Arch);

impl Vectors {
    pub(super) fn found() -> Vectors {
        Vectors(
            #[cfg(feature = "simd")]
            pulp::Arch::new(),
        )
    }

    /// Runs `loops`, compiled for these vectors. What it calls must be inlined into it.
    ///
    /// The bound is what makes a closure one that is called once, by value; handed to `dispatch` itself it would be
    /// called through its reference, and not inlined.
    #[inline(always)]
    pub(super) fn run(self, loops: impl FnOnce()) {
        #[cfg(feature = "simd")]
        self.0.dispatch(loops);
        #[cfg(not(feature = "simd"))]
        loops();
    }
}
