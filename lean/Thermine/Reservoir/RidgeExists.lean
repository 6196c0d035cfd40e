module

public import Thermine.Reservoir.Ridge

@[expose] public section

/-!
# There is a ridge solution

Step by step, as recursive least squares does it: each step of the data changes the system by one product
`x xᵀ`, and a solution for the new system is a combination of two for the old.
-/

namespace Thermine.Reservoir.Ridge

variable (r : Ridge)

/-- Left-hand side of the normal equations over the first `T` steps, `λ w + ∑ₜ xₜ (xₜ · w)`. -/
def system (T : Nat) (w : Nat → Rat) (j : Nat) : Rat :=
  r.penalty * w j + ratSum T (fun t => r.x t j * r.predict w t)

theorem predict_sub_mul (v w : Nat → Rat) (a : Rat) (t : Nat) :
    r.predict (fun j => v j - a * w j) t = r.predict v t - a * r.predict w t := by
  unfold predict
  rw [← ratSum_mul_left, ← ratSum_sub]
  exact ratSum_congr fun j _ => by grind

theorem system_sub_mul (T : Nat) (v w : Nat → Rat) (a : Rat) (j : Nat) :
    r.system T (fun j => v j - a * w j) j = r.system T v j - a * r.system T w j := by
  have h : ratSum T (fun t => r.x t j * r.predict (fun j => v j - a * w j) t)
      = ratSum T (fun t => r.x t j * r.predict v t) - a * ratSum T (fun t => r.x t j * r.predict w t) := by
    rw [← ratSum_mul_left, ← ratSum_sub]
    exact ratSum_congr fun t _ => by
      rw [predict_sub_mul]
      grind
  unfold system
  rw [h]
  grind

/-- The system is positive: `w · (A w) = λ |w|² + ∑ₜ (xₜ · w)²`. -/
theorem dot_system (T : Nat) (w : Nat → Rat) :
    ratSum r.features (fun j => w j * r.system T w j)
      = r.penalty * r.norm w + ratSum T (fun t => r.predict w t * r.predict w t) := by
  have h1 : ratSum r.features (fun j => w j * r.system T w j)
      = ratSum r.features (fun j => r.penalty * (w j * w j)
        + ratSum T (fun t => r.predict w t * (r.x t j * w j))) := by
    refine ratSum_congr fun j _ => ?_
    have h : ratSum T (fun t => r.predict w t * (r.x t j * w j))
        = w j * ratSum T (fun t => r.x t j * r.predict w t) := by
      rw [← ratSum_mul_left]
      exact ratSum_congr fun t _ => by grind
    rw [h, system]
    grind
  have h2 : ratSum r.features (fun j => ratSum T (fun t => r.predict w t * (r.x t j * w j)))
      = ratSum T (fun t => r.predict w t * r.predict w t) := by
    rw [ratSum_swap]
    exact ratSum_congr fun t _ => ratSum_mul_left r.features (fun j => r.x t j * w j) (r.predict w t)
  rw [h1, ratSum_add, h2, ratSum_mul_left]
  rfl

/-- Whatever the right-hand side, the system has a solution. -/
theorem exists_system_solution (hp : 0 < r.penalty) (T : Nat) (b : Nat → Rat) :
    ∃ w : Nat → Rat, ∀ j, j < r.features → r.system T w j = b j := by
  induction T generalizing b with
  | zero =>
    refine ⟨fun j => b j / r.penalty, fun j _ => ?_⟩
    simp only [system, ratSum]
    grind
  | succ T ih =>
    obtain ⟨v, hv⟩ := ih b
    obtain ⟨z, hz⟩ := ih (r.x T)
    have hpos : 0 ≤ r.predict z T := by
      have h1 : r.predict z T = ratSum r.features (fun j => z j * r.system T z j) :=
        ratSum_congr fun j hj => by rw [hz j hj, Rat.mul_comm]
      rw [h1, dot_system]
      have h2 := Rat.mul_nonneg (Rat.le_of_lt hp) (r.norm_nonneg z)
      have h3 : 0 ≤ ratSum T (fun t => r.predict z t * r.predict z t) := ratSum_nonneg fun t _ => sq_nonneg _
      grind
    refine ⟨fun j => v j - r.predict v T / (1 + r.predict z T) * z j, fun j hj => ?_⟩
    have hstep : ∀ w, r.system (T + 1) w j = r.system T w j + r.x T j * r.predict w T := by
      intro w
      unfold system
      rw [ratSum]
      grind
    rw [hstep, system_sub_mul, predict_sub_mul, hv j hj, hz j hj]
    have hne : 1 + r.predict z T ≠ 0 := by grind
    grind

/-- With a positive penalty the normal equations have a solution, whatever the data. -/
theorem exists_solution (hp : 0 < r.penalty) : ∃ w, r.NormalEquations w := by
  obtain ⟨w, hw⟩ := r.exists_system_solution hp r.steps (fun j => ratSum r.steps (fun t => r.x t j * r.y t))
  refine ⟨w, fun j hj => ?_⟩
  have h1 := hw j hj
  have h2 : ratSum r.steps (fun t => r.x t j * (r.y t - r.predict w t))
      = ratSum r.steps (fun t => r.x t j * r.y t) - ratSum r.steps (fun t => r.x t j * r.predict w t) := by
    rw [← ratSum_sub]
    exact ratSum_congr fun t _ => by grind
  unfold system at h1
  rw [h2]
  grind

/-- The ridge solution is the unique minimiser: there are weights whose loss is smaller than that of all others
that differ from them in any feature. -/
theorem exists_unique_minimiser (hp : 0 < r.penalty) :
    ∃ w, ∀ v, (∃ j, j < r.features ∧ v j ≠ w j) → r.loss w < r.loss v := by
  obtain ⟨w, hw⟩ := r.exists_solution hp
  refine ⟨w, fun v hv => ?_⟩
  obtain ⟨j, hj, hne⟩ := hv
  rw [← Rat.not_le]
  exact fun hle => hne (r.solution_unique w v hp hw hle j hj)

end Thermine.Reservoir.Ridge

end
