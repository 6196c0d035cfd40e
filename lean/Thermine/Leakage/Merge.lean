module

public import Thermine.Leakage.Entropy

@[expose] public noncomputable section

/-!
# Data processing

Merging outcomes, coarser bins for instance, never raises the leakage.
-/

namespace Thermine.Leakage

theorem sum_ite_eq (n k a : Nat) (h : k < n) : sum n (fun z => if k = z then a else 0) = a := by
  induction n with
  | zero => omega
  | succ n ih =>
    rw [sum]
    rcases Nat.lt_succ_iff_lt_or_eq.mp h with h' | rfl
    · rw [ih h', if_neg (by omega), Nat.add_zero]
    · have : sum k (fun z => if k = z then a else 0) = 0 := by
        refine (sum_congr fun z hz => ?_).trans (sum_zero k)
        have hne : ¬ k = z := by omega
        simp only [if_neg hne]
      rw [this, if_pos rfl, Nat.zero_add]

theorem prod_ite_eq (n k a : Nat) (h : k < n) : prod n (fun z => if k = z then a else 1) = a := by
  induction n with
  | zero => omega
  | succ n ih =>
    rw [prod]
    rcases Nat.lt_succ_iff_lt_or_eq.mp h with h' | rfl
    · rw [ih h', if_neg (by omega), Nat.mul_one]
    · have : prod k (fun z => if k = z then a else 1) = 1 := by
        refine (prod_congr fun z hz => ?_).trans (prod_one k)
        have hne : ¬ k = z := by omega
        simp only [if_neg hne]
      rw [this, if_pos rfl, Nat.one_mul]

namespace Table

variable (t : Table)

/-- The table after the columns have been merged: column `y` becomes part of column `into y`. -/
def merge (n : Nat) (into : Nat → Nat) : Table :=
  ⟨t.rows, n, fun x z => sum t.cols (fun y => if into y = z then t.count x y else 0)⟩

variable (n : Nat) (into : Nat → Nat) (h : ∀ y, y < t.cols → into y < n)

include h in
theorem rowSum_merge (x : Nat) : (t.merge n into).rowSum x = t.rowSum x := by
  show sum n (fun z => sum t.cols (fun y => if into y = z then t.count x y else 0)) = _
  rw [sum_swap]
  exact sum_congr fun y hy => sum_ite_eq n (into y) (t.count x y) (h y hy)

include h in
theorem total_merge : (t.merge n into).total = t.total :=
  sum_congr fun x _ => t.rowSum_merge n into h x

theorem colSum_merge (z : Nat) :
    (t.merge n into).colSum z = sum t.cols (fun y => if into y = z then t.colSum y else 0) := by
  show sum t.rows (fun x => sum t.cols (fun y => if into y = z then t.count x y else 0)) = _
  rw [sum_swap]
  refine sum_congr fun y _ => ?_
  by_cases hz : into y = z
  · simp only [if_pos hz]
    rfl
  · simp only [if_neg hz, sum_zero]

/-- A product over the cells, sorted by the columns that they go into. -/
theorem prod_sorted (f : Nat → Nat) (h : ∀ y, y < t.cols → into y < n) :
    prod n (fun z => prod t.cols (fun y => if into y = z then f y else 1)) = prod t.cols f := by
  rw [prod_swap]
  exact prod_congr fun y hy => prod_ite_eq n (into y) (f y) (h y hy)

include h in
theorem merge_row (x : Nat) :
    prod t.cols (fun y => t.colSum y ^ t.count x y) * selfPowers n ((t.merge n into).count x)
      ≤ selfPowers t.cols (t.count x)
        * prod n (fun z => (t.merge n into).colSum z ^ (t.merge n into).count x z) := by
  unfold selfPowers
  rw [← t.prod_sorted n into (fun y => t.colSum y ^ t.count x y) h,
    ← t.prod_sorted n into (fun y => t.count x y ^ t.count x y) h, ← prod_mul, ← prod_mul]
  refine prod_le_prod fun z _ => ?_
  have hsum := log_sum t.cols (fun y => if into y = z then t.count x y else 0)
    (fun y => if into y = z then t.colSum y else 0)
  have h1 : prod t.cols (fun y => if into y = z then t.colSum y ^ t.count x y else 1)
      = prod t.cols (fun y => (if into y = z then t.colSum y else 0) ^ (if into y = z then t.count x y else 0)) :=
    prod_congr fun y _ => by by_cases hz : into y = z <;> simp [hz]
  have h2 : prod t.cols (fun y => if into y = z then t.count x y ^ t.count x y else 1)
      = prod t.cols (fun y => (if into y = z then t.count x y else 0) ^ (if into y = z then t.count x y else 0)) :=
    prod_congr fun y _ => by by_cases hz : into y = z <;> simp [hz]
  rw [h1, h2, colSum_merge]
  exact hsum

include h in
/-- Data processing: merging outcomes never raises the leakage. -/
theorem leakage_merge_le : (t.merge n into).leakage ≤ t.leakage := by
  have hcells : t.colPowers * (t.merge n into).cells ≤ t.cells * (t.merge n into).colPowers := by
    unfold colPowers cells
    show _ * prod t.rows _ ≤ _ * prod t.rows _
    rw [← prod_mul, ← prod_mul]
    exact prod_le_prod fun x _ => t.merge_row n into h x
  have hrows : selfPowers (t.merge n into).rows (t.merge n into).rowSum = selfPowers t.rows t.rowSum :=
    prod_congr fun x _ => by rw [t.rowSum_merge n into h x]
  have hden : (0 : Rat) < (t.leakageDen : Nat) := by exact_mod_cast t.leakageDen_pos
  have hden' : (0 : Rat) < ((t.merge n into).leakageDen : Nat) := by
    exact_mod_cast (t.merge n into).leakageDen_pos
  have hnat : (t.merge n into).leakageNum * t.leakageDen ≤ t.leakageNum * (t.merge n into).leakageDen := by
    rw [leakageNum_eq, leakageNum_eq, leakageDen_eq, leakageDen_eq, t.total_merge n into h, hrows]
    have := Nat.mul_le_mul_left (t.total ^ t.total * selfPowers t.rows t.rowSum) hcells
    refine Nat.le_trans (Nat.le_of_eq ?_) (Nat.le_trans this (Nat.le_of_eq ?_)) <;> ac_rfl
  unfold leakage
  rw [div_le_iff hden', Rat.div_def, Rat.mul_assoc, Rat.mul_comm _ ((t.merge n into).leakageDen : Rat),
    ← Rat.mul_assoc, ← Rat.div_def, le_div_iff hden]
  exact_mod_cast hnat

end Table

/-- Merging the two columns of a table that leaks leaves nothing to leak. -/
example : ((Table.ofRows [[2, 1], [1, 2]]).merge 1 (fun _ => 0)).leakage = 1 := by
  rw [Table.leakage_eq_one_iff]
  decide +kernel

end Thermine.Leakage

end
