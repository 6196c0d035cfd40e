module

public import Thermine.Basic.Sum

@[expose] public section

/-!
# Total variation

Of two lists of counts with the same sum: how much has to be moved to make one of the other. It is the largest
gap that any event shows between them, and so the advantage of the best test.
-/

namespace Thermine

/-- What `f` has over `g`, cell by cell; the distance, if their sums agree. -/
def variation (n : Nat) (f g : Nat → Nat) : Nat := sum n (fun i => f i - g i)

/-- Counts in an event, a set of cells. -/
def eventCount (n : Nat) (event : Nat → Bool) (f : Nat → Nat) : Nat :=
  sum n (fun i => if event i then f i else 0)

/-- No event shows a larger gap than the total variation. -/
theorem event_gap_le (n : Nat) (event : Nat → Bool) (f g : Nat → Nat) :
    eventCount n event f ≤ eventCount n event g + variation n f g := by
  unfold eventCount variation
  rw [← sum_add]
  refine sum_le_sum fun i _ => ?_
  cases event i <;> simp <;> omega

/-- One event shows all of it: the cells in which `f` exceeds `g`. -/
theorem event_gap_eq (n : Nat) (f g : Nat → Nat) :
    eventCount n (fun i => decide (g i < f i)) f
      = eventCount n (fun i => decide (g i < f i)) g + variation n f g := by
  unfold eventCount variation
  rw [← sum_add]
  refine sum_congr fun i _ => ?_
  by_cases h : g i < f i
  · simp only [h, decide_true, if_true]
    omega
  · simp only [h, decide_false]
    have : f i - g i = 0 := by omega
    simp [this]

/-- The total variation is the best event's gap. -/
theorem variation_is_best_gap (n : Nat) (f g : Nat → Nat) :
    (∀ event, eventCount n event f ≤ eventCount n event g + variation n f g)
      ∧ ∃ event, eventCount n event f = eventCount n event g + variation n f g :=
  ⟨fun event => event_gap_le n event f g, _, event_gap_eq n f g⟩

/-- Between counts of equal sum it does not matter which is seen from which. -/
theorem variation_comm (n : Nat) (f g : Nat → Nat) (h : sum n f = sum n g) :
    variation n f g = variation n g f := by
  have h1 : sum n f + variation n g f = sum n g + variation n f g := by
    unfold variation
    rw [← sum_add, ← sum_add]
    exact sum_congr fun i _ => by omega
  omega

/-- It is zero only between equals. -/
theorem eq_of_variation_eq_zero (n : Nat) (f g : Nat → Nat) (h : sum n f = sum n g)
    (hv : variation n f g = 0) : ∀ i, i < n → f i = g i := by
  apply eq_of_sum_eq _ h
  intro i hi
  have : f i - g i ≤ sum n (fun i => f i - g i) := le_sum (fun i => f i - g i) hi
  unfold variation at hv
  omega

/-- Six throws of a fair and of a loaded coin: the best test is to bet on the loaded side. -/
example : variation 2 (fun i => [3, 3].getD i 0) (fun i => [5, 1].getD i 0) = 2 := by decide

end Thermine

end
