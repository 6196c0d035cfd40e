module

public import Thermine.Leakage.Entropy
public import Thermine.Basic.Rational

@[expose] public noncomputable section

/-!
# Leakage is at most what the χ² statistic says

With Pearson's statistic `χ²`, `Λ ≤ (1 + χ²/N)^N`. So `log Λ ≤ χ²`, for `log (1 + z) ≤ z`; that last step is
about logarithms and stands outside.
-/

namespace Thermine.Predictability

open Thermine.Leakage

theorem dvd_prod {n : Nat} (f : Nat → Nat) {i : Nat} (hi : i < n) : f i ∣ prod n f := by
  induction n with
  | zero => omega
  | succ n ih =>
    rw [prod]
    rcases Nat.lt_succ_iff_lt_or_eq.mp hi with h | rfl
    · exact Nat.dvd_trans (ih h) (Nat.dvd_mul_right _ _)
    · exact Nat.dvd_mul_left _ _

/-- The means' inequality for fractions `f/d` with weights `f`: `∏ (f/d)^f ≤ (∑ f²/d / ∑ f)^(∑ f)`, multiplied
out. Where `f` is zero, `d` does not matter. -/
theorem weighted_means (n : Nat) (f d : Nat → Nat) (hd : ∀ i, i < n → 0 < d i) :
    ((prod n (fun i => f i ^ f i) * sum n f ^ sum n f : Nat) : Rat)
      ≤ (prod n (fun i => d i ^ f i) : Nat) * ratSum n (fun i => (f i * f i : Nat) / (d i : Rat)) ^ sum n f := by
  have hP : 0 < prod n d := prod_pos hd
  have hg : ∀ i, i < n → f i * f i * (prod n d / d i) * d i = f i * f i * prod n d := by
    intro i hi
    rw [Nat.mul_assoc, Nat.div_mul_cancel (dvd_prod d hi)]
  -- Everything over the common denominator `∏ d`.
  have hlog := log_sum n f (fun i => f i * f i * (prod n d / d i))
  have hsum : ratSum n (fun i => (f i * f i : Nat) / (d i : Rat))
      = (sum n (fun i => f i * f i * (prod n d / d i)) : Nat) / (prod n d : Nat) := by
    have hPq : ((prod n d : Nat) : Rat) ≠ 0 := by
      have : (0 : Rat) < (prod n d : Nat) := by exact_mod_cast hP
      grind
    rw [← ratSum_natCast, Rat.div_def, Rat.mul_comm, ← ratSum_mul_left]
    refine ratSum_congr fun i hi => ?_
    have h1 : ((f i * f i * (prod n d / d i) : Nat) : Rat) * (d i : Rat) = (f i * f i : Nat) * (prod n d : Nat) := by
      exact_mod_cast hg i hi
    have h2 : ((d i : Nat) : Rat) ≠ 0 := by
      have : (0 : Rat) < (d i : Nat) := by exact_mod_cast hd i hi
      grind
    generalize ((f i * f i * (prod n d / d i) : Nat) : Rat) = g at *
    generalize ((f i * f i : Nat) : Rat) = ff at *
    generalize ((prod n d : Nat) : Rat) = P at *
    grind
  have hpow : prod n (fun i => (f i * f i * (prod n d / d i)) ^ f i) * prod n (fun i => d i ^ f i)
      = prod n (fun i => f i ^ f i) * prod n (fun i => f i ^ f i) * prod n d ^ sum n f := by
    rw [← prod_const_pow, ← prod_mul, ← prod_mul, ← prod_mul]
    refine prod_congr fun i hi => ?_
    rw [← Nat.mul_pow, hg i hi, Nat.mul_pow, Nat.mul_pow]
  have hnat : prod n (fun i => f i ^ f i) * sum n f ^ sum n f * prod n d ^ sum n f
      ≤ prod n (fun i => d i ^ f i) * sum n (fun i => f i * f i * (prod n d / d i)) ^ sum n f := by
    have hA : 0 < prod n (fun i => f i ^ f i) := prod_pos fun i _ => self_pow_pos (f i)
    apply Nat.le_of_mul_le_mul_left _ hA
    have h1 := Nat.mul_le_mul_left (prod n (fun i => d i ^ f i)) hlog
    generalize prod n (fun i => f i ^ f i) = A at *
    generalize prod n (fun i => d i ^ f i) = D at *
    generalize sum n f ^ sum n f = F at *
    generalize prod n d ^ sum n f = Q at *
    generalize prod n (fun i => (f i * f i * (prod n d / d i)) ^ f i) = G at *
    generalize sum n (fun i => f i * f i * (prod n d / d i)) ^ sum n f = S at *
    calc A * (A * F * Q) = A * A * Q * F := by ac_rfl
      _ = G * D * F := by rw [hpow]
      _ = D * (G * F) := by ac_rfl
      _ ≤ D * (A * S) := h1
      _ = A * (D * S) := by ac_rfl
  have hQ : (0 : Rat) < ((prod n d : Nat) : Rat) ^ sum n f := Rat.pow_pos (by exact_mod_cast hP)
  have hS : ((sum n (fun i => f i * f i * (prod n d / d i)) : Nat) : Rat) / (prod n d : Nat) * (prod n d : Nat)
      = (sum n (fun i => f i * f i * (prod n d / d i)) : Nat) := by
    have := natCast_ne_zero hP
    grind
  apply Rat.le_of_mul_le_mul_right _ hQ
  rw [hsum, Rat.mul_assoc, ← mul_pow, hS]
  exact_mod_cast hnat

/-- Pearson's statistic, `∑ (observed - expected)² / expected`, with `n N` for observed and `r c` for expected. -/
def chiSquare (t : Table) : Rat :=
  ratSum t.rows (fun x => ratSum t.cols (fun y =>
    ((t.count x y : Rat) * t.total - t.rowSum x * t.colSum y)
      * ((t.count x y : Rat) * t.total - t.rowSum x * t.colSum y)
      / (t.total * (t.rowSum x * t.colSum y))))

/-- `∑ n²/(r c)` over the cells. -/
def relativeSquares (t : Table) : Rat :=
  ratSum t.rows (fun x => ratSum t.cols (fun y =>
    ((t.count x y * t.count x y : Nat) : Rat) / (t.rowSum x * t.colSum y : Nat)))

/-- `∑ n²/(r c) = 1 + χ²/N`. -/
theorem relativeSquares_eq (t : Table) (h : 0 < t.total) : relativeSquares t = 1 + chiSquare t / t.total := by
  have hN := natCast_ne_zero h
  have cell : ∀ x, x < t.rows → ∀ y, y < t.cols →
      ((t.count x y * t.count x y : Nat) : Rat) / (t.rowSum x * t.colSum y : Nat)
        = (t.total : Rat)⁻¹ * (((t.count x y : Rat) * t.total - t.rowSum x * t.colSum y)
          * ((t.count x y : Rat) * t.total - t.rowSum x * t.colSum y) / (t.total * (t.rowSum x * t.colSum y)))
          + (2 * (t.total : Rat)⁻¹ * (t.count x y : Rat)
            - (t.total : Rat)⁻¹ * (t.total : Rat)⁻¹ * ((t.rowSum x * t.colSum y : Nat) : Rat)) := by
    intro x hx y hy
    have h1 := t.count_le_rowSum (x := x) hy
    have h2 := t.count_le_colSum (y := y) hx
    rw [Rat.natCast_mul, Rat.natCast_mul]
    rcases Nat.eq_zero_or_pos (t.rowSum x) with hr | hr
    · have hc : t.count x y = 0 := by omega
      rw [hr, hc]
      grind
    · rcases Nat.eq_zero_or_pos (t.colSum y) with hc | hc
      · have hc' : t.count x y = 0 := by omega
        rw [hc, hc']
        grind
      · have hr' := natCast_ne_zero hr
        have hc' := natCast_ne_zero hc
        generalize (t.count x y : Rat) = n at *
        generalize (t.rowSum x : Rat) = r at *
        generalize (t.colSum y : Rat) = c at *
        generalize (t.total : Rat) = N at *
        grind
  have hcount : ratSum t.rows (fun x => ratSum t.cols (fun y => (t.count x y : Rat))) = (t.total : Rat) := by
    simp only [ratSum_natCast]
    rfl
  have hmargins : ratSum t.rows (fun x => ratSum t.cols (fun y => ((t.rowSum x * t.colSum y : Nat) : Rat)))
      = (t.total : Rat) * t.total := by
    have hs : sum t.rows (fun x => sum t.cols (fun y => t.rowSum x * t.colSum y)) = t.total * t.total := by
      simp only [sum_mul_left, t.sum_colSum, sum_mul]
      rfl
    simp only [ratSum_natCast]
    rw [hs, Rat.natCast_mul]
  have hall : relativeSquares t = (t.total : Rat)⁻¹ * chiSquare t
      + (2 * (t.total : Rat)⁻¹ * ratSum t.rows (fun x => ratSum t.cols (fun y => (t.count x y : Rat)))
        - (t.total : Rat)⁻¹ * (t.total : Rat)⁻¹
          * ratSum t.rows (fun x => ratSum t.cols (fun y => ((t.rowSum x * t.colSum y : Nat) : Rat)))) := by
    unfold relativeSquares chiSquare
    simp only [← ratSum_mul_left, ← ratSum_add, ← ratSum_sub]
    exact ratSum_congr fun x hx => ratSum_congr fun y hy => cell x hx y hy
  rw [hall, hcount, hmargins]
  generalize chiSquare t = s at *
  generalize (t.total : Rat) = N at *
  grind

/-- Leakage is at most what the χ² statistic says: `Λ ≤ (1 + χ²/N)^N`. -/
theorem leakage_le_chiSquare (t : Table) (h : 0 < t.total) :
    t.leakage ≤ (1 + chiSquare t / t.total) ^ t.total := by
  let f := fun i => t.count (i / t.cols) (i % t.cols)
  let d := fun i => if t.rowSum (i / t.cols) * t.colSum (i % t.cols) = 0 then 1
    else t.rowSum (i / t.cols) * t.colSum (i % t.cols)
  have hzero : ∀ x, x < t.rows → ∀ y, y < t.cols → t.rowSum x * t.colSum y = 0 → t.count x y = 0 := by
    intro x hx y hy h0
    have h1 := t.count_le_rowSum (x := x) hy
    have h2 := t.count_le_colSum (y := y) hx
    rcases Nat.mul_eq_zero.mp h0 with h0 | h0 <;> omega
  have hmeans := weighted_means (t.rows * t.cols) f d (by
    intro i _
    show 0 < if _ then _ else _
    split
    · exact Nat.one_pos
    · rename_i h0
      exact Nat.pos_of_ne_zero h0)
  have hsum : sum (t.rows * t.cols) f = t.total := sum_grid t.rows t.cols t.count
  have hnum : prod (t.rows * t.cols) (fun i => f i ^ f i) = t.cells :=
    prod_grid t.rows t.cols (fun x y => t.count x y ^ t.count x y)
  have hden : prod (t.rows * t.cols) (fun i => d i ^ f i) = t.leakageDen := by
    refine (prod_grid t.rows t.cols (fun x y =>
      (if t.rowSum x * t.colSum y = 0 then 1 else t.rowSum x * t.colSum y) ^ t.count x y)).trans ?_
    refine prod_congr fun x hx => prod_congr fun y hy => ?_
    split
    · rename_i h0
      rw [hzero x hx y hy h0, Nat.pow_zero, Nat.pow_zero]
    · rfl
  have hsq : ratSum (t.rows * t.cols) (fun i => (f i * f i : Nat) / (d i : Rat)) = relativeSquares t := by
    refine (ratSum_grid t.rows t.cols (fun x y => ((t.count x y * t.count x y : Nat) : Rat)
      / ((if t.rowSum x * t.colSum y = 0 then 1 else t.rowSum x * t.colSum y : Nat) : Rat))).trans ?_
    refine ratSum_congr fun x hx => ratSum_congr fun y hy => ?_
    split
    · rename_i h0
      rw [hzero x hx y hy h0, h0]
      grind
    · rfl
  rw [hsum, hnum, hden, hsq, ← t.leakageNum_eq] at hmeans
  have hpos : (0 : Rat) < (t.leakageDen : Nat) := by exact_mod_cast t.leakageDen_pos
  unfold Table.leakage
  rw [div_le_iff hpos, ← relativeSquares_eq t h, Rat.mul_comm]
  exact hmeans

/-- `2 1 / 1 2`: `χ² = 2/3`, and `Λ`, about 1.40, is below `(1 + 1/9)^6`, about 1.88. -/
example : chiSquare ⟨2, 2, fun x y => if x = y then 2 else 1⟩ = 2 / 3 := by
  simp only [chiSquare, Table.total, Table.rowSum, Table.colSum, sum, ratSum]
  simp
  grind

end Thermine.Predictability

end
