module

public import Thermine.Basic.Rational

@[expose] public noncomputable section

/-!
# The echo-state property

A reservoir that contracts forgets where it began, and what it was told long ago. Nothing is asked of the states
but a distance.
-/

namespace Thermine.Reservoir

variable {State Word : Type}

/-- Drives a reservoir with a list of words, the earliest first. -/
def drive (step : State → Word → State) (x : State) : List Word → State
  | [] => x
  | u :: us => drive step (step x u) us

/-- Each step shrinks the distance of two states, under the same word, by the factor `rate` at least. -/
def Contracts (dist : State → State → Rat) (step : State → Word → State) (rate : Rat) : Prop :=
  ∀ x y u, dist (step x u) (step y u) ≤ rate * dist x y

theorem pow_nonneg (a : Rat) (n : Nat) (h : 0 ≤ a) : 0 ≤ a ^ n := by
  induction n with
  | zero =>
    rw [Rat.pow_zero]
    decide
  | succ n ih =>
    rw [Rat.pow_succ]
    exact Rat.mul_nonneg ih h

/-- Echo state: after `n` words in common, what is left of the distance is `rate^n` of it at most. -/
theorem echo_state (dist : State → State → Rat) (step : State → Word → State) (rate : Rat) (hrate : 0 ≤ rate)
    (h : Contracts dist step rate) (us : List Word) (x y : State) :
    dist (drive step x us) (drive step y us) ≤ rate ^ us.length * dist x y := by
  induction us generalizing x y with
  | nil =>
    simp only [drive, List.length_nil, Rat.pow_zero]
    grind
  | cons u us ih =>
    have h1 := ih (step x u) (step y u)
    have h2 := Rat.mul_le_mul_of_nonneg_left (h x y u) (pow_nonneg rate us.length hrate)
    simp only [drive, List.length_cons, Rat.pow_succ]
    grind

/-- A rate below 1 leaves as little as one likes: `rate^n ≤ 1/(1 + n (1 - rate))`. -/
theorem pow_mul_le_one (rate : Rat) (n : Nat) (h0 : 0 ≤ rate) :
    rate ^ n * (1 + n * (1 - rate)) ≤ 1 := by
  induction n with
  | zero =>
    rw [Rat.pow_zero]
    grind
  | succ n ih =>
    have hp := pow_nonneg rate n h0
    have hn := natCast_nonneg n
    have h1 : 0 ≤ rate ^ n * ((n + 1) * ((1 - rate) * (1 - rate))) :=
      Rat.mul_nonneg hp (Rat.mul_nonneg (by grind) (sq_nonneg _))
    rw [Rat.pow_succ, Rat.natCast_add]
    generalize rate ^ n = a at *
    generalize (n : Rat) = m at *
    grind

/-- Fading memory: two pasts of any length, then `n` words in common. However the pasts differ, the states are
within `rate^n` of the width of the state space. -/
theorem fading_memory (dist : State → State → Rat) (step : State → Word → State) (rate width : Rat)
    (hrate : 0 ≤ rate) (h : Contracts dist step rate) (hwidth : ∀ x y, dist x y ≤ width)
    (x : State) (past past' recent : List Word) :
    dist (drive step x (past ++ recent)) (drive step x (past' ++ recent)) ≤ rate ^ recent.length * width := by
  have happend : ∀ (us vs : List Word) (z : State), drive step z (us ++ vs) = drive step (drive step z us) vs := by
    intro us vs
    induction us with
    | nil => intro z; rfl
    | cons u us ih => intro z; exact ih _
  rw [happend, happend]
  apply Rat.le_trans (echo_state dist step rate hrate h recent _ _)
  exact Rat.mul_le_mul_of_nonneg_left (hwidth _ _) (pow_nonneg rate _ hrate)

/-- So with a rate below 1, after `n` words in common, no two pasts can be told apart by more than
`width/(1 + n (1 - rate))`. -/
theorem fading_memory_bound (dist : State → State → Rat) (step : State → Word → State) (rate width : Rat)
    (hrate : 0 ≤ rate) (hrate1 : rate ≤ 1) (h : Contracts dist step rate) (hwidth0 : 0 ≤ width)
    (hwidth : ∀ x y, dist x y ≤ width) (x : State) (past past' recent : List Word) :
    dist (drive step x (past ++ recent)) (drive step x (past' ++ recent))
      ≤ width / (1 + recent.length * (1 - rate)) := by
  have h1 := fading_memory dist step rate width hrate h hwidth x past past' recent
  have h2 := pow_mul_le_one rate recent.length hrate
  have hpos : 0 < 1 + (recent.length : Rat) * (1 - rate) := by
    have := Rat.mul_nonneg (natCast_nonneg recent.length) (show 0 ≤ 1 - rate by grind)
    grind
  rw [le_div_iff hpos]
  have h3 := Rat.mul_le_mul_of_nonneg_right h1 (Rat.le_of_lt hpos)
  have h4 := Rat.mul_le_mul_of_nonneg_right h2 hwidth0
  grind

/-- A leaky integrator, `x ← (x + u)/2`, with the distance `(x - y)²`: it contracts by 1/4. -/
example : Contracts (fun x y : Rat => (x - y) * (x - y)) (fun x u : Rat => (x + u) / 2) (1 / 4) := by
  intro x y u
  grind

end Thermine.Reservoir

end
