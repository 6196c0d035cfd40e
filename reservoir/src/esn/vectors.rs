//! Loops compiled for the processor's vector instructions, which are detected at run time.

use pulp::Arch;

/// Runs `loops`, compiled for the widest vectors of this processor. Functions that `loops` calls must be inlined into
/// it.
///
/// The bound `FnOnce` makes the call by value. A closure given to `dispatch` directly is called through a reference
/// and is not inlined.
#[inline(always)]
pub(super) fn vectorised(arch: Arch, loops: impl FnOnce()) {
    arch.dispatch(loops);
}
