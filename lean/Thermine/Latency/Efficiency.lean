module

public import Thermine.Basic.Rational

@[expose] public section

/-!
# Hashing and waiting

A device that waits `w` for every `h` of hashing works the share `h/(h + w)` of its time. Times are rational and
in one unit. This is the model of a *blocking* device; one that hashes on while it waits loses less.
-/

namespace Thermine.Latency

/-- `η`: share of the time in which the device hashes. -/
def efficiency (h w : Rat) : Rat := h / (h + w)

/-- Throughput after waiting has been cut from `w` to `w'`, relative to before. -/
def throughputGain (h w w' : Rat) : Rat := efficiency h w' / efficiency h w

/-- No device hashes more than all the time. -/
theorem efficiency_le_one (h w : Rat) (hh : 0 < h) (hw : 0 ≤ w) : efficiency h w ≤ 1 := by
  unfold efficiency
  rw [Rat.div_def]
  have hpos : 0 < h + w := by grind
  have := Rat.mul_le_mul_of_nonneg_right (show h ≤ h + w by grind) (Rat.le_of_lt (Rat.inv_pos.mpr hpos))
  rwa [Rat.mul_inv_cancel _ (by grind)] at this

/-- It hashes all the time exactly when it never waits. -/
theorem efficiency_eq_one_iff (h w : Rat) (hh : 0 < h) (hw : 0 ≤ w) : efficiency h w = 1 ↔ w = 0 := by
  have hne : h + w ≠ 0 := by grind
  have hne' : h ≠ 0 := by grind
  unfold efficiency
  constructor <;> intro heq <;> grind

/-- Taking all waiting away multiplies the throughput by `(h + w)/h`, and nothing can do more. -/
theorem throughputGain_of_no_waiting (h w : Rat) (hh : 0 < h) (hw : 0 ≤ w) :
    throughputGain h w 0 = (h + w) / h := by
  have hne : h + w ≠ 0 := by grind
  have hne' : h ≠ 0 := by grind
  unfold throughputGain efficiency
  grind

/-- What remains of the waiting bounds the gain: from `w` down to `w'` it is `(h + w)/(h + w')`. -/
theorem throughputGain_eq (h w w' : Rat) (hh : 0 < h) (hw : 0 ≤ w) (hw' : 0 ≤ w') :
    throughputGain h w w' = (h + w) / (h + w') := by
  have hne : h + w ≠ 0 := by grind
  have hne' : h ≠ 0 := by grind
  have hne'' : h + w' ≠ 0 := by grind
  unfold throughputGain efficiency
  grind

/-- No cut of the waiting gains more than taking all of it away. -/
theorem throughputGain_le (h w w' : Rat) (hh : 0 < h) (hw : 0 ≤ w) (hw' : 0 ≤ w') :
    throughputGain h w w' ≤ (h + w) / h := by
  rw [throughputGain_eq h w w' hh hw hw']
  have h1 : 0 < h + w' := by grind
  rw [div_le_iff h1]
  have h2 : (h + w) / h * (h + w') = h + w + (h + w) * w' * h⁻¹ := by grind
  have h3 : 0 ≤ (h + w) * w' * h⁻¹ :=
    Rat.mul_nonneg (Rat.mul_nonneg (by grind) hw') (Rat.le_of_lt (Rat.inv_pos.mpr hh))
  grind

/-- From 175 to 220 is a gain of 44/35, 25.7 %: it takes a device that waited 9 for every 35 of hashing. -/
example : throughputGain 35 9 0 = 44 / 35 ∧ efficiency 35 9 = 35 / 44 := by
  unfold throughputGain efficiency
  grind

end Thermine.Latency

end
