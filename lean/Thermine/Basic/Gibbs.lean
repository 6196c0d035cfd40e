module

public import Thermine.Basic.Sum

@[expose] public section

/-!
# Gibbs' inequality in whole numbers

For counts `f` and `g` with the same sum, `∏ g^f ≤ ∏ f^f`, with equality only for `f = g`. Zeros are allowed
everywhere (`0^0 = 1`), and no logarithm is needed: it is the integer-weighted inequality of the means.
-/

namespace Thermine

/-- The tangent to `u^(n+1)` at `v` lies below it. -/
theorem tangent_le (n u v : Nat) : (n + 1) * u * v ^ n ≤ u ^ (n + 1) + n * v ^ (n + 1) := by
  induction n with
  | zero => simp
  | succ n ih =>
    rw [Nat.pow_succ v (n + 1), Nat.pow_succ u (n + 1), Nat.pow_succ v n] at *
    generalize v ^ n = p at *
    generalize u ^ (n + 1) = q at *
    have h1 := Nat.mul_le_mul_right u ih
    have hsq : 2 * u * v ≤ u * u + v * v := by
      rcases Nat.le_total u v with h | h
      · obtain ⟨d, rfl⟩ := Nat.exists_eq_add_of_le h
        grind
      · obtain ⟨d, rfl⟩ := Nat.exists_eq_add_of_le h
        grind
    have h2 := Nat.mul_le_mul_left ((n + 1) * p) hsq
    grind

theorem self_pow_pos (n : Nat) : 0 < n ^ n := by
  rcases Nat.eq_zero_or_pos n with rfl | h
  · decide
  · exact Nat.pow_pos h

/-- One more number `a` beside `n` with the sum `s`: the means' inequality, one step. -/
theorem mean_step (n s a : Nat) : (n + 1) ^ (n + 1) * s ^ n * a ≤ n ^ n * (s + a) ^ (n + 1) := by
  rcases Nat.eq_zero_or_pos n with rfl | hn
  · simp
  · have h := tangent_le n (n * (s + a)) ((n + 1) * s)
    rw [Nat.mul_pow, Nat.mul_pow, Nat.mul_pow, Nat.pow_succ (n + 1) n, Nat.pow_succ s n, Nat.pow_succ n n] at h
    rw [Nat.pow_succ (n + 1) n]
    generalize (n + 1) ^ n = p at *
    generalize s ^ n = q at *
    generalize n ^ n = r at *
    generalize (s + a) ^ (n + 1) = t at *
    apply Nat.le_of_mul_le_mul_left _ hn
    grind

/-- `j` numbers `g` on top of `F` with the sum `s`. -/
theorem mean_steps (F s g j : Nat) : (F + j) ^ (F + j) * s ^ F * g ^ j ≤ F ^ F * (s + j * g) ^ (F + j) := by
  induction j with
  | zero => simp
  | succ j ih =>
    have h := mean_step (F + j) (s + j * g) g
    have h1 := Nat.mul_le_mul_right (g * (F + j + 1) ^ (F + j + 1)) ih
    have h2 := Nat.mul_le_mul_left (F ^ F) h
    have hs : s + (j + 1) * g = s + j * g + g := by grind
    rw [hs, ← Nat.add_assoc, Nat.pow_succ g j]
    apply Nat.le_of_mul_le_mul_left _ (self_pow_pos (F + j))
    generalize (F + j) ^ (F + j) = a at *
    generalize (F + j + 1) ^ (F + j + 1) = b at *
    generalize (s + j * g) ^ (F + j) = c at *
    generalize (s + j * g + g) ^ (F + j + 1) = d at *
    generalize s ^ F = e at *
    generalize g ^ j = k at *
    generalize F ^ F = l at *
    grind

/-- The means' inequality with two weights. -/
theorem log_sum_two (F G f g : Nat) :
    G ^ F * g ^ f * (F + f) ^ (F + f) ≤ F ^ F * f ^ f * (G + g) ^ (F + f) := by
  rcases Nat.eq_zero_or_pos f with rfl | hf
  · simp only [Nat.add_zero, Nat.pow_zero, Nat.mul_one]
    rw [Nat.mul_comm]
    exact Nat.mul_le_mul_left _ (Nat.pow_le_pow_left (Nat.le_add_right _ _) _)
  · have h := mean_steps F (f * G) g f
    rw [← Nat.mul_add, Nat.mul_pow, Nat.mul_pow, Nat.pow_add f F f] at h
    apply Nat.le_of_mul_le_mul_left _ (Nat.pow_pos (n := F) hf)
    generalize f ^ F = a at *
    generalize f ^ f = b at *
    generalize (F + f) ^ (F + f) = c at *
    generalize (G + g) ^ (F + f) = d at *
    generalize G ^ F = e at *
    generalize g ^ f = k at *
    generalize F ^ F = l at *
    grind

/-- The log-sum inequality: `∏ g^f · (∑ f)^(∑ f) ≤ ∏ f^f · (∑ g)^(∑ f)`. -/
theorem log_sum (n : Nat) (f g : Nat → Nat) :
    prod n (fun i => g i ^ f i) * sum n f ^ sum n f ≤ prod n (fun i => f i ^ f i) * sum n g ^ sum n f := by
  induction n with
  | zero => simp [prod, sum]
  | succ n ih =>
    simp only [prod, sum]
    have h := log_sum_two (sum n f) (sum n g) (f n) (g n)
    rcases Nat.eq_zero_or_pos (sum n g ^ sum n f) with hz | hpos
    · rw [hz, Nat.mul_zero] at ih
      have hp : prod n (fun i => g i ^ f i) = 0 := by
        have := self_pow_pos (sum n f)
        rcases Nat.mul_eq_zero.mp (Nat.le_zero.mp ih) with h0 | h0 <;> omega
      rw [hp]
      simp
    · apply Nat.le_of_mul_le_mul_left _ (Nat.mul_pos (self_pow_pos (sum n f)) hpos)
      generalize prod n (fun i => g i ^ f i) = P at *
      generalize prod n (fun i => f i ^ f i) = Q at *
      generalize (sum n f + f n) ^ (sum n f + f n) = a at *
      generalize (sum n g + g n) ^ (sum n f + f n) = b at *
      generalize sum n f ^ sum n f = c at *
      generalize sum n g ^ sum n f = d at *
      generalize g n ^ f n = e at *
      generalize f n ^ f n = k at *
      calc c * d * (P * e * a) = (P * c) * (d * e * a) := by ac_rfl
        _ ≤ (Q * d) * (c * k * b) := Nat.mul_le_mul ih h
        _ = c * d * (Q * k * b) := by ac_rfl

/-- Gibbs' inequality. -/
theorem gibbs (n : Nat) (f g : Nat → Nat) (h : sum n f = sum n g) :
    prod n (fun i => g i ^ f i) ≤ prod n (fun i => f i ^ f i) := by
  have := log_sum n f g
  rw [← h] at this
  exact Nat.le_of_mul_le_mul_right this (self_pow_pos _)

theorem four_mul_le_sq (a b : Nat) : 4 * (a * b) ≤ (a + b) * (a + b) := by
  rcases Nat.le_total a b with h | h
  · obtain ⟨d, rfl⟩ := Nat.exists_eq_add_of_le h
    grind
  · obtain ⟨d, rfl⟩ := Nat.exists_eq_add_of_le h
    grind

theorem eq_of_four_mul_eq_sq (a b : Nat) (h : 4 * (a * b) = (a + b) * (a + b)) : a = b := by
  rcases Nat.le_total a b with hab | hab
  · obtain ⟨d, rfl⟩ := Nat.exists_eq_add_of_le hab
    have : d * d = 0 := by grind
    rcases Nat.mul_eq_zero.mp this with h0 | h0 <;> omega
  · obtain ⟨d, rfl⟩ := Nat.exists_eq_add_of_le hab
    have : d * d = 0 := by grind
    rcases Nat.mul_eq_zero.mp this with h0 | h0 <;> omega

/-- Equality in Gibbs' inequality: only if the counts agree. The means of `f` and `g` are put between. -/
theorem eq_of_gibbs_eq (n : Nat) (f g : Nat → Nat) (h : sum n f = sum n g)
    (heq : prod n (fun i => g i ^ f i) = prod n (fun i => f i ^ f i)) : ∀ i, i < n → f i = g i := by
  -- ∏ (4 f g)^f ≤ ∏ ((f + g)²)^f ≤ ∏ (4 f²)^f, and the two ends are equal.
  have hmid : prod n (fun i => (f i + g i) ^ f i) ≤ prod n (fun i => (2 * f i) ^ f i) := by
    have h1 := log_sum n f (fun i => f i + g i)
    rw [sum_add, ← h, ← Nat.two_mul, Nat.mul_pow 2 (sum n f)] at h1
    have h2 : prod n (fun i => (2 * f i) ^ f i) = 2 ^ sum n f * prod n (fun i => f i ^ f i) := by
      rw [← prod_const_pow, ← prod_mul]
      exact prod_congr fun i _ => Nat.mul_pow 2 (f i) (f i)
    rw [h2]
    apply Nat.le_of_mul_le_mul_right _ (self_pow_pos (sum n f))
    refine Nat.le_trans h1 (Nat.le_of_eq ?_)
    ac_rfl
  have hends : prod n (fun i => (4 * (f i * g i)) ^ f i) = prod n (fun i => ((2 * f i) * (2 * f i)) ^ f i) := by
    have h1 : prod n (fun i => (4 * (f i * g i)) ^ f i)
        = prod n (fun i => (4 * f i) ^ f i) * prod n (fun i => g i ^ f i) := by
      rw [← prod_mul]
      exact prod_congr fun i _ => by rw [← Nat.mul_pow, Nat.mul_assoc]
    have h2 : prod n (fun i => ((2 * f i) * (2 * f i)) ^ f i)
        = prod n (fun i => (4 * f i) ^ f i) * prod n (fun i => f i ^ f i) := by
      rw [← prod_mul]
      exact prod_congr fun i _ => by
        rw [← Nat.mul_pow]
        congr 1
        grind
    rw [h1, h2, heq]
  have hle : ∀ i, i < n → (4 * (f i * g i)) ^ f i ≤ ((f i + g i) * (f i + g i)) ^ f i :=
    fun i _ => Nat.pow_le_pow_left (four_mul_le_sq _ _) _
  have hsquare : prod n (fun i => ((f i + g i) * (f i + g i)) ^ f i)
      ≤ prod n (fun i => ((2 * f i) * (2 * f i)) ^ f i) := by
    have h1 : prod n (fun i => ((f i + g i) * (f i + g i)) ^ f i)
        = prod n (fun i => (f i + g i) ^ f i) * prod n (fun i => (f i + g i) ^ f i) := by
      rw [← prod_mul]
      exact prod_congr fun i _ => Nat.mul_pow _ _ _
    have h2 : prod n (fun i => ((2 * f i) * (2 * f i)) ^ f i)
        = prod n (fun i => (2 * f i) ^ f i) * prod n (fun i => (2 * f i) ^ f i) := by
      rw [← prod_mul]
      exact prod_congr fun i _ => Nat.mul_pow _ _ _
    rw [h1, h2]
    exact Nat.mul_le_mul hmid hmid
  have hprod : prod n (fun i => (4 * (f i * g i)) ^ f i)
      = prod n (fun i => ((f i + g i) * (f i + g i)) ^ f i) :=
    Nat.le_antisymm (prod_le_prod hle) (hends ▸ hsquare)
  have hpos : ∀ i, i < n → 0 < ((f i + g i) * (f i + g i)) ^ f i := by
    intro i _
    rcases Nat.eq_zero_or_pos (f i) with h0 | h0
    · rw [h0]
      exact Nat.one_pos
    · exact Nat.pow_pos (Nat.mul_pos (by omega) (by omega))
  have hcell := eq_of_prod_eq hle hpos hprod
  apply eq_of_sum_eq _ h
  intro i hi
  rcases Nat.eq_zero_or_pos (f i) with h0 | h0
  · omega
  · have := hcell i hi
    rw [Nat.pow_left_inj (by omega)] at this
    exact Nat.le_of_eq (eq_of_four_mul_eq_sq _ _ this)

/-- Counts 3, 1 against 2, 2: `2^3 2^1 = 16 ≤ 27 = 3^3 1^1`. -/
example : let f := fun i => if i = 0 then 3 else 1
    prod 2 (fun i => 2 ^ f i) = 16 ∧ prod 2 (fun i => f i ^ f i) = 27 := by decide

end Thermine

end
