module

public import Thermine.Basic.TotalVariation

@[expose] public section

/-!
# Telling two devices apart

A device's fingerprint is a list of counts over cells, of one and the same total.
-/

namespace Thermine.Identity

/-- Two different fingerprints differ in some cell in the first's favour, and in some cell in the other's. -/
theorem exists_cell_of_ne (n : Nat) (f g : Nat → Nat) (h : sum n f = sum n g)
    (hne : ∃ i, i < n ∧ f i ≠ g i) : (∃ i, i < n ∧ g i < f i) ∧ ∃ j, j < n ∧ f j < g j := by
  obtain ⟨k, hk, hne⟩ := hne
  constructor
  · apply Decidable.byContradiction
    intro hno
    have hle : ∀ i, i < n → f i ≤ g i := fun i hi => Nat.le_of_not_lt fun hlt => hno ⟨i, hi, hlt⟩
    exact hne (eq_of_sum_eq hle h k hk)
  · apply Decidable.byContradiction
    intro hno
    have hle : ∀ i, i < n → g i ≤ f i := fun i hi => Nat.le_of_not_lt fun hlt => hno ⟨i, hi, hlt⟩
    exact hne (eq_of_sum_eq hle h.symm k hk).symm

/-- Some cell shows at least its share of the total variation: one cell is enough to enrol by. -/
theorem exists_cell_with_gap (n : Nat) (f g : Nat → Nat) (hn : 0 < n) :
    ∃ i, i < n ∧ variation n f g ≤ n * (f i - g i) := by
  apply Decidable.byContradiction
  intro hno
  have hlt : ∀ i, i < n → n * (f i - g i) + 1 ≤ variation n f g :=
    fun i hi => Nat.lt_of_not_le fun hle => hno ⟨i, hi, hle⟩
  have hsum := sum_le_sum hlt
  have hconst : ∀ m c : Nat, sum m (fun _ => c) = m * c := by
    intro m c
    induction m with
    | zero => simp [sum]
    | succ m ih => rw [sum, ih, Nat.succ_mul]
  rw [sum_add, sum_mul_left, hconst, hconst] at hsum
  unfold variation at hsum
  omega

/-- The best test's advantage is the total variation: no test by a set of cells tells the devices apart by more,
and one by as much. -/
theorem best_test_advantage (n : Nat) (f g : Nat → Nat) :
    (∀ test, eventCount n test f ≤ eventCount n test g + variation n f g)
      ∧ ∃ test, eventCount n test f = eventCount n test g + variation n f g :=
  variation_is_best_gap n f g

/-- Three cells, ten counts each: the total variation is 4, and the first cell shows all of it. -/
example : variation 3 (fun i => [6, 2, 2].getD i 0) (fun i => [2, 4, 4].getD i 0) = 4 := by decide

end Thermine.Identity

end
