module

public import Thermine.Basic.Rational

@[expose] public section

/-!
# What job switches cost

After a job that tells the device to drop its work, the device wastes some time before new work bears fruit.
-/

namespace Thermine.Latency

/-- Time lost in all, one entry per job switch. -/
def totalLoss : List Rat → Rat
  | [] => 0
  | w :: ws => w + totalLoss ws

/-- Share of the time `span` that is lost. -/
def lostShare (waits : List Rat) (span : Rat) : Rat := totalLoss waits / span

/-- If no switch costs more than `bound`, `n` of them cost at most `n` times that. -/
theorem totalLoss_le (bound : Rat) (waits : List Rat) (h : ∀ w ∈ waits, w ≤ bound) :
    totalLoss waits ≤ waits.length * bound := by
  induction waits with
  | nil => simp [totalLoss, Rat.le_refl]
  | cons w ws ih =>
    have h1 := ih fun x hx => h x (List.mem_cons_of_mem _ hx)
    have h2 := h w List.mem_cons_self
    simp only [totalLoss, List.length_cons, Rat.natCast_add]
    grind

/-- Loss per switch bounds the share of the time lost: at most switches per time, times the worst loss. -/
theorem lostShare_le (bound span : Rat) (waits : List Rat) (hspan : 0 < span) (h : ∀ w ∈ waits, w ≤ bound) :
    lostShare waits span ≤ waits.length / span * bound := by
  unfold lostShare
  rw [div_le_iff hspan]
  have := totalLoss_le bound waits h
  have h2 : (waits.length : Rat) / span * bound * span = waits.length * bound := by grind
  rw [h2]
  exact this

/-- Switches that each cost exactly `loss` reach the bound. -/
theorem totalLoss_replicate (n : Nat) (loss : Rat) : totalLoss (List.replicate n loss) = n * loss := by
  induction n with
  | zero => simp [totalLoss]
  | succ n ih =>
    simp only [List.replicate_succ, totalLoss, ih, Rat.natCast_add]
    grind

/-- One switch in 30 s that costs 25.7 ms: at most 0.0857 % of the time. -/
example : lostShare [257 / 10000] 30 = 257 / 300000 := by
  simp only [lostShare, totalLoss]
  grind

end Thermine.Latency

end
