module

public import Thermine.Basic.Sum
public import Thermine.Identity.Enrolment

@[expose] public noncomputable section

/-!
# The binomial distribution in closed form

The expectation over `n` tosses is the sum over the number of hits with the binomial weights.
-/

namespace Thermine.Identity

/-- Binomial coefficients, by Pascal's triangle. -/
def choose : Nat → Nat → Nat
  | _, 0 => 1
  | 0, _ + 1 => 0
  | n + 1, k + 1 => choose n k + choose n (k + 1)

theorem choose_eq_zero (n k : Nat) (h : n < k) : choose n k = 0 := by
  induction n generalizing k with
  | zero =>
    cases k with
    | zero => omega
    | succ k => rfl
  | succ n ih =>
    cases k with
    | zero => omega
    | succ k => rw [choose, ih k (by omega), ih (k + 1) (by omega)]

theorem ratSum_first (n : Nat) (f : Nat → Rat) : ratSum (n + 1) f = f 0 + ratSum n (fun k => f (k + 1)) := by
  induction n with
  | zero =>
    simp only [ratSum]
    grind
  | succ n ih =>
    rw [ratSum, ih, ratSum]
    grind

/-- Probability of `k` hits in `n` samples. -/
def weight (p : Rat) (n k : Nat) : Rat := choose n k * (p ^ k * (1 - p) ^ (n - k))

theorem weight_succ (p : Rat) (n k : Nat) (h : k ≤ n) :
    weight p (n + 1) (k + 1) = p * weight p n k + (1 - p) * weight p n (k + 1) := by
  unfold weight
  rw [choose, Rat.natCast_add, show n + 1 - (k + 1) = n - k by omega, Rat.pow_succ p k]
  rcases Nat.lt_or_eq_of_le h with h | rfl
  · rw [show n - k = (n - (k + 1)) + 1 by omega, Rat.pow_succ (1 - p)]
    generalize (1 - p) ^ (n - (k + 1)) = a at *
    generalize p ^ k = b at *
    grind
  · rw [choose_eq_zero k (k + 1) (by omega)]
    generalize (1 - p) ^ (k - k) = a at *
    generalize p ^ k = b at *
    grind

/-- The number of hits is binomial. -/
theorem expect_eq_binomial (p : Rat) (n : Nat) (φ : Nat → Rat) :
    expect p n φ = ratSum (n + 1) (fun k => weight p n k * φ k) := by
  induction n generalizing φ with
  | zero =>
    simp only [ratSum, expect, weight, choose, Rat.pow_zero]
    grind
  | succ n ih =>
    have hshift : ratSum (n + 1) (fun k => (1 - p) * (weight p n k * φ k))
        = (1 - p) * (weight p n 0 * φ 0)
          + ratSum (n + 1) (fun k => (1 - p) * (weight p n (k + 1) * φ (k + 1))) := by
      have hlast : weight p n (n + 1) = 0 := by
        unfold weight
        rw [choose_eq_zero n (n + 1) (by omega)]
        grind
      rw [ratSum_first, ratSum, hlast]
      grind
    have hzero : weight p (n + 1) 0 = (1 - p) * weight p n 0 := by
      have hc : ∀ m, choose m 0 = 1 := by
        intro m
        cases m <;> rfl
      unfold weight
      rw [hc, hc, Nat.sub_zero, Nat.sub_zero, Rat.pow_succ (1 - p) n]
      generalize (1 - p) ^ n = a at *
      grind
    have hstep : ratSum (n + 1) (fun k => weight p (n + 1) (k + 1) * φ (k + 1))
        = ratSum (n + 1) (fun k => p * (weight p n k * φ (k + 1)))
          + ratSum (n + 1) (fun k => (1 - p) * (weight p n (k + 1) * φ (k + 1))) := by
      rw [← ratSum_add]
      refine ratSum_congr fun k hk => ?_
      rw [weight_succ p n k (by omega)]
      grind
    rw [expect, ih, ih φ, ratSum_first (n + 1), hstep, hzero, ← ratSum_mul_left, ← ratSum_mul_left, hshift]
    grind

/-- Two hits in four samples: six ways. -/
example : choose 4 2 = 6 := by decide

end Thermine.Identity

end
