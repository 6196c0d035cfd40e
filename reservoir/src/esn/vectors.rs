//! Loops compiled for the processor's vector instructions, which are detected at run time.

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
    /// The bound `FnOnce` makes the call by value. A closure given to `dispatch` directly is called through a reference
    /// and is not inlined.
    #[inline(always)]
    pub(super) fn run(self, loops: impl FnOnce()) {
        #[cfg(feature = "simd")]
        self.0.dispatch(loops);
        #[cfg(not(feature = "simd"))]
        loops();
    }
}
