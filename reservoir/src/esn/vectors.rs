//! Loops on the vectors that the processor has, which are found out at run time.

use pulp::Arch;

/// Runs `loops`, compiled for the widest vectors of this processor. What it calls must be inlined into it.
///
/// The bound is what makes a closure one that is called once, by value; handed to `dispatch` itself it would be called
/// through its reference, and not inlined.
#[inline(always)]
pub(super) fn vectorised(arch: Arch, loops: impl FnOnce()) {
    arch.dispatch(loops);
}
