module

@[expose] public section

/-!
# How two savings go together

A saving `s` is a multiplier `1/(1 - s)` of what the same energy buys. Independent improvements multiply their
multipliers; their savings neither add, nor may a gain be put in the place of a saving.
-/

namespace Thermine.Energy

/-- What the same energy buys after a saving of `s`, relative to before. Of no meaning at `s = 1`. -/
def multiplier (s : Rat) : Rat := 1 / (1 - s)

/-- The saving that belongs to a multiplier. -/
def savingOfMultiplier (m : Rat) : Rat := 1 - 1 / m

/-- A gain of `g`, such as 25 % more throughput from the same power, is a saving of `g/(1 + g)`. -/
theorem savingOfMultiplier_of_gain (g : Rat) (hg : 0 ≤ g) : savingOfMultiplier (1 + g) = g / (1 + g) := by
  unfold savingOfMultiplier
  grind

/-- Saving and multiplier say the same thing. -/
theorem savingOfMultiplier_multiplier (s : Rat) : savingOfMultiplier (multiplier s) = s := by
  unfold savingOfMultiplier multiplier
  grind

/-- Two savings, one after the other, multiply through their multipliers: what is left is `(1 - a)(1 - b)`. -/
theorem combined_saving (a b : Rat) (ha : a ≠ 1) (hb : b ≠ 1) :
    savingOfMultiplier (multiplier a * multiplier b) = 1 - (1 - a) * (1 - b) := by
  unfold savingOfMultiplier multiplier
  grind

/-- Together they save less than their sum, by their product. -/
theorem combined_saving_eq_sum_sub (a b : Rat) (ha : a ≠ 1) (hb : b ≠ 1) :
    savingOfMultiplier (multiplier a * multiplier b) = a + b - a * b := by
  rw [combined_saving a b ha hb]
  grind

/-- Savings do not add: 59/64 and 1/5 together save 15/16, and their sum would be more than everything. -/
theorem savings_do_not_add :
    savingOfMultiplier (multiplier (59 / 64) * multiplier (1 / 5)) = 15 / 16
      ∧ (1 : Rat) < 59 / 64 + 1 / 5 := by
  constructor
  · unfold savingOfMultiplier multiplier
    grind
  · grind

/-- A gain is no saving: 12.8 times and 1.25 times give 16 times, a saving of 93.75 %. With the gain of 25 %
in the place of the saving of 20 % the product rule would give 241/256, 94.14 %. -/
theorem gain_is_not_a_saving :
    savingOfMultiplier (64 / 5 * (5 / 4)) = 15 / 16
      ∧ 1 - (1 - 59 / 64) * (1 - 1 / 4) = (241 : Rat) / 256 ∧ (15 : Rat) / 16 ≠ 241 / 256 := by
  refine ⟨?_, ?_, ?_⟩
  · unfold savingOfMultiplier
    grind
  · grind
  · grind

end Thermine.Energy

end
