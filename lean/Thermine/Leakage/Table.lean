module

public import Thermine.Basic.Gibbs

@[expose] public noncomputable section

/-!
# Count tables

A table `n(x, y)` counts how often outcome `x` of one variable came with outcome `y` of another. With the total
`N`, the row sums `r` and the column sums `c`, let `Λ = ∏ (n(x,y) N / (r(x) c(y)))^n(x,y)`. Then `N` times the
plug-in mutual information is `log Λ`, and `2 log Λ` is the G statistic. Numerator and denominator are whole
numbers, and `0^0 = 1`, so that empty cells, rows and columns need no care.
-/

namespace Thermine.Leakage

/-- A table of counts. Cells outside `rows` and `cols` are of no account. -/
structure Table where
  /-- Number of rows. -/
  rows : Nat
  /-- Number of columns. -/
  cols : Nat
  /-- How often row `x` came with column `y`. -/
  count : Nat → Nat → Nat

namespace Table

variable (t : Table)

/-- Sum of row `x`. -/
def rowSum (x : Nat) : Nat := sum t.cols (t.count x)

/-- Sum of column `y`. -/
def colSum (y : Nat) : Nat := sum t.rows (fun x => t.count x y)

/-- All observations. -/
def total : Nat := sum t.rows t.rowSum

/-- Numerator of `Λ`. -/
def leakageNum : Nat := prod t.rows (fun x => prod t.cols (fun y => (t.count x y * t.total) ^ t.count x y))

/-- Denominator of `Λ`. -/
def leakageDen : Nat := prod t.rows (fun x => prod t.cols (fun y => (t.rowSum x * t.colSum y) ^ t.count x y))

/-- `Λ`: its logarithm is the number of observations times the plug-in mutual information. -/
def leakage : Rat := t.leakageNum / t.leakageDen

/-- Rows and columns are independent in the counts: no cell differs from the product of its margins. -/
def Independent : Prop :=
  ∀ x, x < t.rows → ∀ y, y < t.cols → t.count x y * t.total = t.rowSum x * t.colSum y

/-- A table from lists, one per row. -/
def ofRows (rows : List (List Nat)) : Table :=
  ⟨rows.length, (rows.headD []).length, fun x y => (rows.getD x []).getD y 0⟩

theorem sum_colSum : sum t.cols t.colSum = t.total := sum_swap _ _ _

theorem count_le_rowSum {x y : Nat} (hy : y < t.cols) : t.count x y ≤ t.rowSum x := le_sum (t.count x) hy

theorem count_le_colSum {x y : Nat} (hx : x < t.rows) : t.count x y ≤ t.colSum y :=
  le_sum (fun x => t.count x y) hx

theorem rowSum_le_total {x : Nat} (hx : x < t.rows) : t.rowSum x ≤ t.total := le_sum t.rowSum hx

/-- The denominator is never zero. -/
theorem leakageDen_pos : 0 < t.leakageDen := by
  refine prod_pos fun x hx => prod_pos fun y hy => ?_
  rcases Nat.eq_zero_or_pos (t.count x y) with h | h
  · rw [h]
    exact Nat.one_pos
  · have h1 := t.count_le_rowSum (x := x) hy
    have h2 := t.count_le_colSum (y := y) hx
    exact Nat.pow_pos (Nat.mul_pos (by omega) (by omega))

/-- `Λ` is at least 1 exactly when its numerator is at least its denominator. -/
theorem one_le_leakage_iff : 1 ≤ t.leakage ↔ t.leakageDen ≤ t.leakageNum := by
  have h : (0 : Rat) < t.leakageDen := by exact_mod_cast t.leakageDen_pos
  unfold leakage
  rw [← Rat.not_lt, Rat.div_lt_iff h, Rat.not_lt, Rat.one_mul]
  exact_mod_cast Iff.rfl

/-- `Λ` is 1 exactly when its numerator is its denominator. -/
theorem leakage_eq_one_iff : t.leakage = 1 ↔ t.leakageNum = t.leakageDen := by
  have h : (t.leakageDen : Rat) ≠ 0 := by
    have : (0 : Rat) < t.leakageDen := by exact_mod_cast t.leakageDen_pos
    grind
  unfold leakage
  constructor
  · intro heq
    have : (t.leakageNum : Rat) = t.leakageDen := by grind
    exact_mod_cast this
  · intro heq
    rw [heq]
    grind

end Table

end Thermine.Leakage

end
