module

@[expose] public section

/-!
# A prefetch queue that never runs dry

Work is used up, and every piece used is ordered anew at once. Time goes in ticks. `used t` pieces are used in
tick `t`, at most `rate` of them; what has been ordered arrives within `latency` ticks.
-/

namespace Thermine.Latency

/-- Pieces used in the ticks before `t`. -/
def usedBefore (used : Nat → Nat) : Nat → Nat
  | 0 => 0
  | t + 1 => usedBefore used t + used t

/-- In `d` ticks at most `rate * d` pieces are used. -/
theorem usedBefore_add_le (used : Nat → Nat) (rate : Nat) (h : ∀ t, used t ≤ rate) (t d : Nat) :
    usedBefore used (t + d) ≤ usedBefore used t + rate * d := by
  induction d with
  | zero => exact Nat.le_refl _
  | succ d ih =>
    have := h (t + d)
    show usedBefore used (t + d) + used (t + d) ≤ _
    rw [Nat.mul_succ]
    omega

/-- What has arrived before tick `t`: the first `size` pieces, and all that was ordered `latency` ticks ago. -/
def ArrivesWithin (latency size : Nat) (used arrived : Nat → Nat) : Prop :=
  ∀ t, size + usedBefore used (t - latency) ≤ arrived t

/-- A queue larger than latency times rate is never empty, whatever the pattern of use. -/
theorem prefetch_never_dry (latency size rate : Nat) (used arrived : Nat → Nat)
    (hrate : ∀ t, used t ≤ rate) (harrive : ArrivesWithin latency size used arrived)
    (hsize : rate * latency < size) (t : Nat) : usedBefore used t < arrived t := by
  have h1 := harrive t
  have h2 := usedBefore_add_le used rate hrate (t - latency) (t - (t - latency))
  have h3 : rate * (t - (t - latency)) ≤ rate * latency := Nat.mul_le_mul_left _ (by omega)
  have h4 : t - latency + (t - (t - latency)) = t := by omega
  rw [h4] at h2
  omega

/-- With one tick more of reserve there is enough for the whole of the coming tick. -/
theorem prefetch_meets_demand (latency size rate : Nat) (used arrived : Nat → Nat)
    (hrate : ∀ t, used t ≤ rate) (harrive : ArrivesWithin latency size used arrived)
    (hsize : rate * (latency + 1) ≤ size) (t : Nat) : usedBefore used t + used t ≤ arrived t := by
  have h1 := harrive t
  have h2 := usedBefore_add_le used rate hrate (t - latency) (t - (t - latency))
  have h3 : rate * (t - (t - latency)) ≤ rate * latency := Nat.mul_le_mul_left _ (by omega)
  have h4 : t - latency + (t - (t - latency)) = t := by omega
  have h5 := hrate t
  rw [h4] at h2
  rw [Nat.mul_succ] at hsize
  omega

/-- The size is sharp: at latency times rate, steady use finds the queue empty after one latency. -/
theorem prefetch_runs_dry (latency rate : Nat) :
    let used := fun _ => rate
    let arrived := fun t => rate * latency + usedBefore used (t - latency)
    ArrivesWithin latency (rate * latency) used arrived ∧ usedBefore used latency = arrived latency := by
  intro used arrived
  have steady : ∀ t, usedBefore used t = rate * t := by
    intro t
    induction t with
    | zero => rfl
    | succ t ih => show usedBefore used t + rate = _; rw [ih, Nat.mul_succ]
  refine ⟨fun t => Nat.le_refl _, ?_⟩
  show usedBefore used latency = rate * latency + usedBefore used (latency - latency)
  rw [Nat.sub_self, steady]
  rfl

/-- 12 pieces a tick and a latency of 3 ticks: 37 pieces are enough. -/
example (used arrived : Nat → Nat) (hrate : ∀ t, used t ≤ 12) (harrive : ArrivesWithin 3 37 used arrived) :
    usedBefore used 100 < arrived 100 :=
  prefetch_never_dry 3 37 12 used arrived hrate harrive (by decide) 100

end Thermine.Latency

end
