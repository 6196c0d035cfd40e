module

public import Thermine.Leakage.Leakage
public import Thermine.Basic.Rational
public import Thermine.Basic.TotalVariation

@[expose] public noncomputable section

/-!
# What accuracy says about leakage

Rows are what is seen, columns what is to be told. A predictor names a column for each row. If it does better
than the best constant, there is leakage; the converse is false.
-/

namespace Thermine.Predictability

open Thermine.Leakage

variable (t : Table)

/-- How often a predictor is right. -/
def hits (guess : Nat → Nat) : Nat := sum t.rows (fun x => t.count x (guess x))

/-- How often a predictor would be right if rows and columns were independent, times the total. -/
def expectedHits (guess : Nat → Nat) : Nat := sum t.rows (fun x => t.rowSum x * t.colSum (guess x))

/-- Total variation between the table and its independent counterpart, times the total squared. -/
def variationCount : Nat :=
  sum t.rows (fun x => sum t.cols (fun y => t.count x y * t.total - t.rowSum x * t.colSum y))

/-- Total variation between the table and its independent counterpart: a number from 0 to 1. -/
def totalVariation : Rat := (variationCount t : Rat) / (t.total * t.total : Nat)

theorem expectedHits_le (guess : Nat → Nat) (best : Nat) (hguess : ∀ x, x < t.rows → guess x < t.cols)
    (hbest : ∀ y, y < t.cols → t.colSum y ≤ best) : expectedHits t guess ≤ t.total * best := by
  unfold expectedHits Table.total
  rw [← sum_mul]
  exact sum_le_sum fun x hx => Nat.mul_le_mul_left _ (hbest _ (hguess x hx))

/-- A predictor that is right more often than every constant tells that the table is not independent... -/
theorem not_independent_of_better_than_constant (guess : Nat → Nat) (hcols : 0 < t.cols)
    (hguess : ∀ x, x < t.rows → guess x < t.cols) (h : ∀ y, y < t.cols → t.colSum y < hits t guess) :
    ¬ t.Independent := by
  intro hind
  have h0 := h 0 hcols
  have heq : hits t guess * t.total = expectedHits t guess := by
    unfold hits expectedHits
    rw [← sum_mul]
    exact sum_congr fun x hx => hind x hx _ (hguess x hx)
  have hle := expectedHits_le t guess (hits t guess - 1) hguess fun y hy => by
    have := h y hy
    omega
  have htotal : 0 < t.total := by
    apply Nat.pos_of_ne_zero
    intro hz
    have : hits t guess = sum t.rows (fun _ => 0) :=
      sum_congr fun x hx => t.count_eq_zero_of_total hz hx (hguess x hx)
    rw [sum_zero] at this
    omega
  rw [← heq, Nat.mul_comm] at hle
  have := Nat.le_of_mul_le_mul_left hle htotal
  omega

/-- ... and therefore that it leaks. -/
theorem one_lt_leakage_of_better_than_constant (guess : Nat → Nat) (hcols : 0 < t.cols)
    (hguess : ∀ x, x < t.rows → guess x < t.cols) (h : ∀ y, y < t.cols → t.colSum y < hits t guess) :
    1 < t.leakage :=
  t.one_lt_leakage_iff.mpr (not_independent_of_better_than_constant t guess hcols hguess h)

theorem hits_le_expectedHits_add (guess : Nat → Nat) (hguess : ∀ x, x < t.rows → guess x < t.cols) :
    hits t guess * t.total ≤ expectedHits t guess + variationCount t := by
  unfold hits expectedHits variationCount
  rw [← sum_mul, ← sum_add]
  refine sum_le_sum fun x hx => ?_
  have : t.count x (guess x) * t.total - t.rowSum x * t.colSum (guess x) ≤ _ :=
    le_sum (fun y => t.count x y * t.total - t.rowSum x * t.colSum y) (hguess x hx)
  omega

/-- What a predictor gains over the best constant is at most the total variation. -/
theorem accuracy_gain_le (guess : Nat → Nat) (best : Nat) (htotal : 0 < t.total)
    (hguess : ∀ x, x < t.rows → guess x < t.cols) (hbest : ∀ y, y < t.cols → t.colSum y ≤ best) :
    (hits t guess : Rat) / t.total - (best : Rat) / t.total ≤ totalVariation t := by
  have h1 := hits_le_expectedHits_add t guess hguess
  have h2 := expectedHits_le t guess best hguess hbest
  have h3 : hits t guess * t.total ≤ t.total * best + variationCount t := by omega
  have h4 : (hits t guess : Rat) * t.total ≤ t.total * best + variationCount t := by exact_mod_cast h3
  have hN : (0 : Rat) < t.total := by exact_mod_cast htotal
  have hNN : (0 : Rat) < t.total * t.total := Rat.mul_pos hN hN
  unfold totalVariation
  rw [Rat.natCast_mul, le_div_iff hNN]
  have h5 : ((hits t guess : Rat) / t.total - best / t.total) * (t.total * t.total)
      = hits t guess * t.total - t.total * best := by grind
  rw [h5]
  grind

/-- The total variation of a table is the largest gap that any event, any set of cells, shows between what was
counted and what independence would have given. -/
theorem variationCount_is_best_gap :
    (∀ event, eventCount (t.rows * t.cols) event t.observed
      ≤ eventCount (t.rows * t.cols) event t.expected + variationCount t)
    ∧ ∃ event, eventCount (t.rows * t.cols) event t.observed
      = eventCount (t.rows * t.cols) event t.expected + variationCount t := by
  have h : variationCount t = variation (t.rows * t.cols) t.observed t.expected :=
    (sum_grid t.rows t.cols (fun x y => t.count x y * t.total - t.rowSum x * t.colSum y)).symm
  rw [h]
  exact variation_is_best_gap _ _ _

/-- The converse fails: `3 1 / 2 1` leaks, and no predictor is right more often than the constant 0. -/
theorem leakage_without_accuracy : ∃ t : Table, 1 < t.leakage ∧
    ∀ guess : Nat → Nat, (∀ x, x < t.rows → guess x < t.cols) → hits t guess ≤ t.colSum 0 := by
  refine ⟨Table.ofRows [[3, 1], [2, 1]], ?_, ?_⟩
  · rw [Table.one_lt_leakage_iff]
    intro h
    exact absurd (h 0 (by decide) 0 (by decide)) (by decide)
  · intro guess hguess
    have h0 : guess 0 < 2 := hguess 0 (by decide)
    have h1 : guess 1 < 2 := hguess 1 (by decide)
    show 0 + (Table.ofRows [[3, 1], [2, 1]]).count 0 (guess 0)
      + (Table.ofRows [[3, 1], [2, 1]]).count 1 (guess 1) ≤ 5
    have c0 : guess 0 = 0 ∨ guess 0 = 1 := by omega
    have c1 : guess 1 = 0 ∨ guess 1 = 1 := by omega
    rcases c0 with c0 | c0 <;> rcases c1 with c1 | c1 <;> rw [c0, c1] <;> decide

/-- `4 1 / 1 4`: 8 of 10 are told rightly, where a constant tells 5. -/
example : hits (Table.ofRows [[4, 1], [1, 4]]) (fun x => x) = 8
    ∧ (Table.ofRows [[4, 1], [1, 4]]).colSum 0 = 5 ∧ variationCount (Table.ofRows [[4, 1], [1, 4]]) = 30 := by
  decide

end Thermine.Predictability

end
