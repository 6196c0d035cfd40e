module

public import Thermine.Leakage.Table

@[expose] public section

/-!
# No leakage means independence, and the other way round

`Λ ≥ 1` always, with equality exactly for independent tables.
-/

namespace Thermine.Leakage.Table

variable (t : Table)

/-- The counts times the total, cell by cell. -/
def observed (i : Nat) : Nat := t.count (i / t.cols) (i % t.cols) * t.total

/-- The products of the margins, cell by cell. -/
def expected (i : Nat) : Nat := t.rowSum (i / t.cols) * t.colSum (i % t.cols)

theorem sum_observed : sum (t.rows * t.cols) t.observed = t.total * t.total := by
  refine (sum_grid t.rows t.cols (fun x y => t.count x y * t.total)).trans ?_
  simp only [sum_mul]
  rfl

theorem sum_expected : sum (t.rows * t.cols) t.expected = t.total * t.total := by
  refine (sum_grid t.rows t.cols (fun x y => t.rowSum x * t.colSum y)).trans ?_
  simp only [sum_mul_left, sum_mul, sum_colSum]
  rfl

theorem leakageNum_pow_total :
    t.leakageNum ^ t.total = prod (t.rows * t.cols) (fun i => t.observed i ^ t.observed i) := by
  refine Eq.trans ?_ (prod_grid t.rows t.cols (fun x y =>
    (t.count x y * t.total) ^ (t.count x y * t.total))).symm
  unfold leakageNum
  simp only [← prod_pow, ← Nat.pow_mul]

theorem leakageDen_pow_total :
    t.leakageDen ^ t.total = prod (t.rows * t.cols) (fun i => t.expected i ^ t.observed i) := by
  refine Eq.trans ?_ (prod_grid t.rows t.cols (fun x y =>
    (t.rowSum x * t.colSum y) ^ (t.count x y * t.total))).symm
  unfold leakageDen
  simp only [← prod_pow, ← Nat.pow_mul]

/-- A table without observations leaks nothing, and is independent. -/
theorem count_eq_zero_of_total {x y : Nat} (h : t.total = 0) (hx : x < t.rows) (hy : y < t.cols) :
    t.count x y = 0 := by
  have h1 := t.count_le_rowSum (x := x) hy
  have h2 := t.rowSum_le_total hx
  omega

/-- Leakage is never below 1: mutual information is never negative. Zeros are allowed anywhere. -/
theorem one_le_leakage : 1 ≤ t.leakage := by
  rw [one_le_leakage_iff]
  rcases Nat.eq_zero_or_pos t.total with h0 | hpos
  · apply Nat.le_of_eq
    refine prod_congr fun x hx => prod_congr fun y hy => ?_
    rw [t.count_eq_zero_of_total h0 hx hy]
    rfl
  · rw [← Nat.pow_le_pow_iff_left (Nat.ne_of_gt hpos), leakageNum_pow_total, leakageDen_pow_total]
    exact gibbs _ _ _ (t.sum_observed.trans t.sum_expected.symm)

/-- An independent table does not leak. -/
theorem leakage_eq_one_of_independent (h : t.Independent) : t.leakage = 1 := by
  rw [leakage_eq_one_iff]
  exact prod_congr fun x hx => prod_congr fun y hy => by rw [h x hx y hy]

/-- A table that does not leak is independent. -/
theorem independent_of_leakage_eq_one (h : t.leakage = 1) : t.Independent := by
  rw [leakage_eq_one_iff] at h
  have heq : prod (t.rows * t.cols) (fun i => t.expected i ^ t.observed i)
      = prod (t.rows * t.cols) (fun i => t.observed i ^ t.observed i) := by
    rw [← leakageNum_pow_total, ← leakageDen_pow_total, h]
  have hcell := eq_of_gibbs_eq _ _ _ (t.sum_observed.trans t.sum_expected.symm) heq
  intro x hx y hy
  have hi : x * t.cols + y < t.rows * t.cols := by
    have h1 : (x + 1) * t.cols ≤ t.rows * t.cols := Nat.mul_le_mul_right _ hx
    rw [Nat.succ_mul] at h1
    omega
  have := hcell _ hi
  obtain ⟨hd, hm⟩ := cell_of_grid x t.cols y hy
  simpa only [observed, expected, hd, hm] using this

/-- Zero leakage is independence, neither more nor less. -/
theorem leakage_eq_one_iff_independent : t.leakage = 1 ↔ t.Independent :=
  ⟨t.independent_of_leakage_eq_one, t.leakage_eq_one_of_independent⟩

/-- A table that is not independent leaks. -/
theorem one_lt_leakage_iff : 1 < t.leakage ↔ ¬ t.Independent := by
  rw [← leakage_eq_one_iff_independent]
  have := t.one_le_leakage
  grind

/-- `1 2 / 2 4` is independent. `2 1 / 1 2` leaks: `Λ = 12^4 6^2 / 9^6`, about 1.4, so `G = 2 log Λ` is about 0.68. -/
example : (ofRows [[1, 2], [2, 4]]).leakageNum = (ofRows [[1, 2], [2, 4]]).leakageDen
    ∧ (ofRows [[2, 1], [1, 2]]).leakageNum = 12 ^ 4 * 6 ^ 2
    ∧ (ofRows [[2, 1], [1, 2]]).leakageDen = 9 ^ 6 := by decide +kernel

end Thermine.Leakage.Table

end
