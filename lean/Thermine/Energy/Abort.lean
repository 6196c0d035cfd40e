module

@[expose] public section

/-!
# Rounds saved by an early abort

A candidate costs `n` rounds. A filter looks after `k` of them, at a price of `m` rounds per candidate, and lets
the share `c` of the candidates go on. Everything is a rational number; `k` need not be whole, so that a mean
number of rounds may stand for it.
-/

namespace Thermine.Energy

/-- Rounds spent per candidate: `k` before the look, the look itself, and the rest for those that are kept. -/
def roundsPerCandidate (n k c m : Rat) : Rat := k + (n - k) * c + m

/-- Share of the rounds that the filter leaves out. It says nothing of the shares that are lost with them. -/
def rawSaving (n k c m : Rat) : Rat := 1 - roundsPerCandidate n k c m / n

/-- The saving in its two parts: what the abort leaves out, less what the look costs. -/
theorem rawSaving_eq (n k c m : Rat) (hn : n ≠ 0) :
    rawSaving n k c m = (1 - k / n) * (1 - c) - m / n := by
  unfold rawSaving roundsPerCandidate
  grind

/-- Whoever looks after `k` of `n` rounds saves at most the share `1 - k/n` of them. -/
theorem rawSaving_le (n k c m : Rat) (hn : 0 < n) (hk : k ≤ n) (hc : 0 ≤ c) (hm : 0 ≤ m) :
    rawSaving n k c m ≤ 1 - k / n := by
  have h : 0 ≤ ((n - k) * c + m) / n := by
    rw [Rat.div_def]
    exact Rat.mul_nonneg (Rat.add_nonneg (Rat.mul_nonneg (by grind) hc) hm)
      (Rat.le_of_lt (Rat.inv_pos.mpr hn))
  unfold rawSaving roundsPerCandidate
  grind

/-- The bound is reached only where the filter keeps nothing, hence finds nothing, and costs nothing. -/
theorem rawSaving_eq_bound_iff (n k c m : Rat) (hn : 0 < n) (hk : k < n) (hc : 0 ≤ c) (hm : 0 ≤ m) :
    rawSaving n k c m = 1 - k / n ↔ c = 0 ∧ m = 0 := by
  have hnk : 0 < n - k := by grind
  have hprod : 0 ≤ (n - k) * c := Rat.mul_nonneg (Rat.le_of_lt hnk) hc
  constructor
  · intro h
    have hsum : (n - k) * c + m = 0 := by
      unfold rawSaving roundsPerCandidate at h
      grind
    have hm0 : m = 0 := by grind
    have hc0 : (n - k) * c = 0 := by grind
    exact ⟨by grind, hm0⟩
  · rintro ⟨rfl, rfl⟩
    unfold rawSaving roundsPerCandidate
    grind

/-- Of 64 rounds, a look after the fifth saves at most 59/64 = 92.1875 %, whatever the filter. -/
theorem rawSaving_le_59_64 (c m : Rat) (hc : 0 ≤ c) (hm : 0 ≤ m) : rawSaving 64 5 c m ≤ 59 / 64 := by
  have h := rawSaving_le 64 5 c m (by decide) (by decide) hc hm
  grind

/-- A filter on finished hashes has looked at every round: it saves none, and its own price is a loss. -/
theorem rawSaving_of_share_filter (n c m : Rat) (hn : 0 < n) : rawSaving n n c m = -(m / n) := by
  unfold rawSaving roundsPerCandidate
  grind

/-- In particular the saving of a filter on finished hashes is never positive. -/
theorem rawSaving_of_share_filter_nonpos (n c m : Rat) (hn : 0 < n) (hm : 0 ≤ m) :
    rawSaving n n c m ≤ 0 := by
  rw [rawSaving_of_share_filter n c m hn, Rat.div_def]
  have := Rat.mul_nonneg hm (Rat.le_of_lt (Rat.inv_pos.mpr hn))
  grind

/-- Keep 4 % of the candidates after 5 of 64 rounds, at no price: 88.5 % of the rounds are left out. -/
example : rawSaving 64 5 (1 / 25) 0 = 177 / 200 := by unfold rawSaving roundsPerCandidate; grind

end Thermine.Energy

end
