module

public import Thermine.Basic.Rational

@[expose] public noncomputable section

/-!
# How many samples an enrolment needs

A cell is hit with probability `p` by one device and `q` by another. After `n` independent samples the device is
told by the number of hits. The number of hits is binomial; everything is exact, and the bound is Chebyshev's.
-/

namespace Thermine.Identity

/-- Expectation of `φ` of the number of hits in `n` independent samples, each a hit with probability `p`. -/
def expect (p : Rat) (n : Nat) (φ : Nat → Rat) : Rat := match n with
  | 0 => φ 0
  | n + 1 => p * expect p n (fun k => φ (k + 1)) + (1 - p) * expect p n φ

/-- Probability that the number of hits has a property. -/
def prob (p : Rat) (n : Nat) (A : Nat → Prop) [DecidablePred A] : Rat := expect p n (fun k => if A k then 1 else 0)

theorem expect_const (p : Rat) (n : Nat) (c : Rat) : expect p n (fun _ => c) = c := by
  induction n with
  | zero => rfl
  | succ n ih =>
    rw [expect, ih]
    grind

theorem expect_mul_left (p : Rat) (n : Nat) (c : Rat) (φ : Nat → Rat) :
    expect p n (fun k => c * φ k) = c * expect p n φ := by
  induction n generalizing φ with
  | zero => rfl
  | succ n ih =>
    rw [expect, expect, ih (fun k => φ (k + 1)), ih φ]
    grind

theorem expect_mono (p : Rat) (n : Nat) (φ ψ : Nat → Rat) (h0 : 0 ≤ p) (h1 : p ≤ 1) (h : ∀ k, φ k ≤ ψ k) :
    expect p n φ ≤ expect p n ψ := by
  induction n generalizing φ ψ with
  | zero => exact h 0
  | succ n ih =>
    have a := Rat.mul_le_mul_of_nonneg_left (ih (fun k => φ (k + 1)) (fun k => ψ (k + 1)) fun k => h (k + 1)) h0
    have b := Rat.mul_le_mul_of_nonneg_left (ih φ ψ h) (show 0 ≤ 1 - p by grind)
    rw [expect, expect]
    grind

/-- Mean square of the number of hits about any number `a`; about `n p` it is the variance `n p (1 - p)`. -/
theorem expect_square (p : Rat) (n : Nat) (a : Rat) :
    expect p n (fun k => ((k : Rat) - a) * (k - a)) = n * p * (1 - p) + (n * p - a) * (n * p - a) := by
  induction n generalizing a with
  | zero =>
    rw [expect]
    grind
  | succ n ih =>
    have h : (fun k : Nat => (((k + 1 : Nat) : Rat) - a) * (((k + 1 : Nat) : Rat) - a))
        = fun k : Nat => ((k : Rat) - (a - 1)) * (k - (a - 1)) := by
      funext k
      rw [Rat.natCast_add]
      grind
    rw [expect, h, ih, ih, Rat.natCast_add]
    grind

/-- Chebyshev's inequality for the binomial distribution. -/
theorem chebyshev (p : Rat) (n : Nat) (t : Rat) (h0 : 0 ≤ p) (h1 : p ≤ 1) (ht : 0 < t) (A : Nat → Prop)
    [DecidablePred A] (hA : ∀ k : Nat, A k → t * t ≤ ((k : Rat) - n * p) * (k - n * p)) :
    prob p n A ≤ n * p * (1 - p) / (t * t) := by
  rw [le_div_iff (Rat.mul_pos ht ht), Rat.mul_comm]
  unfold prob
  rw [← expect_mul_left]
  have hvar : expect p n (fun k => ((k : Rat) - n * p) * (k - n * p)) = n * p * (1 - p) := by
    rw [expect_square]
    grind
  rw [← hvar]
  apply expect_mono p n _ _ h0 h1
  intro k
  by_cases hk : A k
  · have := hA k hk
    simp only [if_pos hk]
    grind
  · have := sq_nonneg ((k : Rat) - n * p)
    simp only [if_neg hk]
    grind

/-- `p (1 - p) ≤ 1/4`. -/
theorem variance_le_quarter (p : Rat) : p * (1 - p) ≤ 1 / 4 := by
  have := sq_nonneg (p - 1 / 2)
  grind

/-- Enrolment: with the threshold half-way between `p` and `q`, the device with the larger probability is missed
with probability at most `1/(n ε²)`, where `ε` is the gap. By symmetry so is the other. -/
theorem enrolment_bound (p q : Rat) (n : Nat) (hq : 0 ≤ q) (hgap : q < p) (hp : p ≤ 1) (hn : 0 < n) :
    prob p n (fun k => (k : Rat) ≤ n * ((p + q) / 2)) ≤ 1 / (n * ((p - q) * (p - q))) := by
  have hN : (0 : Rat) < n := by exact_mod_cast hn
  have hε : 0 < p - q := by grind
  have ht : 0 < (n : Rat) * ((p - q) / 2) := Rat.mul_pos hN (by grind)
  have hc := chebyshev p n (n * ((p - q) / 2)) (by grind) hp ht (fun k => (k : Rat) ≤ n * ((p + q) / 2)) (by
    intro k hk
    have hd : (n : Rat) * ((p - q) / 2) ≤ n * p - k := by grind
    have h1 := Rat.mul_le_mul_of_nonneg_left hd (Rat.le_of_lt ht)
    have h2 := Rat.mul_le_mul_of_nonneg_right hd (show 0 ≤ n * p - (k : Rat) by grind)
    grind)
  apply Rat.le_trans hc
  have hNε : 0 < (n : Rat) * ((p - q) * (p - q)) := Rat.mul_pos hN (Rat.mul_pos hε hε)
  rw [div_le_iff (Rat.mul_pos ht ht)]
  have h1 : 1 / (n * ((p - q) * (p - q))) * (n * ((p - q) / 2) * (n * ((p - q) / 2))) = (n : Rat) * (1 / 4) := by
    have hne : (n : Rat) ≠ 0 := by grind
    have hne' : p - q ≠ 0 := by grind
    generalize p - q = ε at *
    generalize (n : Rat) = N at *
    grind
  rw [h1, Rat.mul_assoc]
  exact Rat.mul_le_mul_of_nonneg_left (variance_le_quarter p) (Rat.le_of_lt hN)

/-- The same for the device with the smaller probability: it passes for the other as rarely. -/
theorem impostor_bound (p q : Rat) (n : Nat) (hq : 0 ≤ q) (hgap : q < p) (hp : p ≤ 1) (hn : 0 < n) :
    prob q n (fun k => n * ((p + q) / 2) ≤ (k : Rat)) ≤ 1 / (n * ((p - q) * (p - q))) := by
  have hN : (0 : Rat) < n := by exact_mod_cast hn
  have hε : 0 < p - q := by grind
  have ht : 0 < (n : Rat) * ((p - q) / 2) := Rat.mul_pos hN (by grind)
  have hc := chebyshev q n (n * ((p - q) / 2)) hq (by grind) ht (fun k => n * ((p + q) / 2) ≤ (k : Rat)) (by
    intro k hk
    have hd : (n : Rat) * ((p - q) / 2) ≤ k - n * q := by grind
    have h1 := Rat.mul_le_mul_of_nonneg_left hd (Rat.le_of_lt ht)
    have h2 := Rat.mul_le_mul_of_nonneg_right hd (show 0 ≤ (k : Rat) - n * q by grind)
    grind)
  apply Rat.le_trans hc
  rw [div_le_iff (Rat.mul_pos ht ht)]
  have h1 : 1 / (n * ((p - q) * (p - q))) * (n * ((p - q) / 2) * (n * ((p - q) / 2))) = (n : Rat) * (1 / 4) := by
    have hne : (n : Rat) ≠ 0 := by grind
    have hne' : p - q ≠ 0 := by grind
    generalize p - q = ε at *
    generalize (n : Rat) = N at *
    grind
  rw [h1, Rat.mul_assoc]
  exact Rat.mul_le_mul_of_nonneg_left (variance_le_quarter q) (Rat.le_of_lt hN)

/-- A gap of one tenth: 10,000 samples are wrong at most once in a hundred. -/
example : (1 : Rat) / (10000 * ((6 / 10 - 5 / 10) * (6 / 10 - 5 / 10))) = 1 / 100 := by grind

end Thermine.Identity

end
