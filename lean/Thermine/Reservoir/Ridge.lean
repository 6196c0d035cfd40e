module

public import Thermine.Basic.Sum
public import Thermine.Basic.Rational

@[expose] public section

/-!
# Ridge regression

The readout weights `w` minimise `∑ₜ (yₜ - ∑ⱼ xₜⱼ wⱼ)² + λ ∑ⱼ wⱼ²`, over `T` steps and `n` features. With
`λ > 0`, who solves the normal equations has the minimum, and no one else has it.
-/

namespace Thermine.Reservoir

/-- A regression: so many steps, so many features, the states, the targets, and the penalty. -/
structure Ridge where
  /-- Number of steps. -/
  steps : Nat
  /-- Number of features. -/
  features : Nat
  /-- Feature `j` at step `t`. -/
  x : Nat → Nat → Rat
  /-- Target at step `t`. -/
  y : Nat → Rat
  /-- The penalty, `λ`. -/
  penalty : Rat

namespace Ridge

variable (r : Ridge)

/-- What weights `w` predict at step `t`. -/
def predict (w : Nat → Rat) (t : Nat) : Rat := ratSum r.features (fun j => r.x t j * w j)

/-- Squared length of the weights. -/
def norm (w : Nat → Rat) : Rat := ratSum r.features (fun j => w j * w j)

/-- What is minimised. -/
def loss (w : Nat → Rat) : Rat :=
  ratSum r.steps (fun t => (r.y t - r.predict w t) * (r.y t - r.predict w t)) + r.penalty * r.norm w

/-- The normal equations, `Xᵀ (y - X w) = λ w`. -/
def NormalEquations (w : Nat → Rat) : Prop :=
  ∀ j, j < r.features → ratSum r.steps (fun t => r.x t j * (r.y t - r.predict w t)) = r.penalty * w j

theorem predict_sub (v w : Nat → Rat) (t : Nat) :
    r.predict (fun j => v j - w j) t = r.predict v t - r.predict w t := by
  unfold predict
  rw [← ratSum_sub]
  exact ratSum_congr fun j _ => by grind

/-- Residuals and predictions of other weights, in terms of the weights. -/
theorem residual_dot_predict (w d : Nat → Rat) (h : r.NormalEquations w) :
    ratSum r.steps (fun t => (r.y t - r.predict w t) * r.predict d t)
      = r.penalty * ratSum r.features (fun j => w j * d j) := by
  have h1 : ratSum r.steps (fun t => (r.y t - r.predict w t) * r.predict d t)
      = ratSum r.steps (fun t => ratSum r.features (fun j => d j * (r.x t j * (r.y t - r.predict w t)))) := by
    refine ratSum_congr fun t _ => ?_
    rw [predict.eq_1 r d t, ← ratSum_mul_left]
    exact ratSum_congr fun j _ => by grind
  rw [h1, ratSum_swap, ← ratSum_mul_left]
  refine ratSum_congr fun j hj => ?_
  rw [ratSum_mul_left, h j hj]
  grind

/-- How much worse other weights are than a solution: by the squares of how they differ. -/
theorem loss_eq (w v : Nat → Rat) (h : r.NormalEquations w) :
    r.loss v = r.loss w
      + (ratSum r.steps (fun t => r.predict (fun j => v j - w j) t * r.predict (fun j => v j - w j) t)
        + r.penalty * r.norm (fun j => v j - w j)) := by
  have hcross := r.residual_dot_predict w (fun j => v j - w j) h
  have hsteps : ratSum r.steps (fun t => (r.y t - r.predict v t) * (r.y t - r.predict v t))
      = ratSum r.steps (fun t => (r.y t - r.predict w t) * (r.y t - r.predict w t))
        + (ratSum r.steps (fun t => r.predict (fun j => v j - w j) t * r.predict (fun j => v j - w j) t)
          - 2 * ratSum r.steps (fun t => (r.y t - r.predict w t) * r.predict (fun j => v j - w j) t)) := by
    rw [← ratSum_mul_left, ← ratSum_sub, ← ratSum_add]
    refine ratSum_congr fun t _ => ?_
    rw [predict_sub]
    grind
  have hnorm : r.norm v = r.norm w
      + (r.norm (fun j => v j - w j) + 2 * ratSum r.features (fun j => w j * (v j - w j))) := by
    unfold norm
    rw [← ratSum_mul_left, ← ratSum_add, ← ratSum_add]
    exact ratSum_congr fun j _ => by grind
  unfold loss
  rw [hsteps, hnorm, hcross]
  grind

theorem norm_nonneg (w : Nat → Rat) : 0 ≤ r.norm w := ratSum_nonneg fun j _ => sq_nonneg (w j)

theorem ratSum_eq_zero {n : Nat} {f : Nat → Rat} (h : ∀ i, i < n → 0 ≤ f i) (hs : ratSum n f = 0) :
    ∀ i, i < n → f i = 0 := by
  induction n with
  | zero => intro i hi; omega
  | succ n ih =>
    have h1 := ratSum_nonneg (n := n) (f := f) fun i hi => h i (by omega)
    have h2 := h n (by omega)
    rw [ratSum] at hs
    intro i hi
    rcases Nat.lt_succ_iff_lt_or_eq.mp hi with hi | rfl
    · exact ih (fun i hi => h i (by omega)) (by grind) i hi
    · grind

/-- A solution of the normal equations has the smallest loss. -/
theorem solution_minimises (w v : Nat → Rat) (hp : 0 ≤ r.penalty) (h : r.NormalEquations w) :
    r.loss w ≤ r.loss v := by
  rw [r.loss_eq w v h]
  have h1 : 0 ≤ ratSum r.steps
      (fun t => r.predict (fun j => v j - w j) t * r.predict (fun j => v j - w j) t) :=
    ratSum_nonneg fun t _ => sq_nonneg _
  have h2 := Rat.mul_nonneg hp (r.norm_nonneg (fun j => v j - w j))
  grind

/-- With a positive penalty it is the only one: weights with no larger loss are the same weights. -/
theorem solution_unique (w v : Nat → Rat) (hp : 0 < r.penalty) (h : r.NormalEquations w)
    (hle : r.loss v ≤ r.loss w) : ∀ j, j < r.features → v j = w j := by
  rw [r.loss_eq w v h] at hle
  have h1 : 0 ≤ ratSum r.steps
      (fun t => r.predict (fun j => v j - w j) t * r.predict (fun j => v j - w j) t) :=
    ratSum_nonneg fun t _ => sq_nonneg _
  have h2 := r.norm_nonneg (fun j => v j - w j)
  have h3 := Rat.mul_nonneg (Rat.le_of_lt hp) h2
  have h4 : r.penalty * r.norm (fun j => v j - w j) = 0 := by grind
  have h5 : r.norm (fun j => v j - w j) = 0 := by
    rcases Rat.mul_eq_zero.mp h4 with h6 | h6
    · grind
    · exact h6
  have hcell := ratSum_eq_zero (fun j _ => sq_nonneg (v j - w j)) h5
  intro j hj
  have := hcell j hj
  rcases Rat.mul_eq_zero.mp this with h6 | h6 <;> grind

/-- One feature, seen as 1 and 2, targets 1 and 3, penalty 1: `w = 7/6`. -/
example : (Ridge.mk 2 1 (fun t _ => t + 1) (fun t => 2 * t + 1) 1).NormalEquations (fun _ => 7 / 6) := by
  intro j _
  simp only [predict, ratSum]
  grind

end Ridge

end Thermine.Reservoir

end
