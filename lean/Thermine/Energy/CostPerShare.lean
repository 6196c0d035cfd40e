module

public import Thermine.Energy.Abort

@[expose] public section

/-!
# Rounds per found share

A filter that leaves out rounds also leaves out shares. What counts is the cost per share found, relative to
mining without the filter: `ρ = (k + (n - k) c + m) / (n r)`, where the recall `r` is the share of the successes
that are kept. Below 1 the filter pays.
-/

namespace Thermine.Energy

/-- `ρ`: rounds per found share, relative to mining without a filter. Of no meaning at `r = 0`. -/
def costPerShare (n k c m r : Rat) : Rat := roundsPerCandidate n k c m / (n * r)

/-- What a filter did, counted: candidates, those kept, the successes among all and among the kept. -/
structure FilterAccount where
  /-- All candidates. -/
  candidates : Nat
  /-- Those that the filter let go on. -/
  kept : Nat
  /-- Those that would have been a share. -/
  successes : Nat
  /-- Those that became a share. -/
  found : Nat

namespace FilterAccount

/-- Share of the candidates that are kept, `c`. -/
def keepShare (a : FilterAccount) : Rat := a.kept / a.candidates

/-- Share of the successes that are kept, `r`. -/
def recall (a : FilterAccount) : Rat := a.found / a.successes

/-- Rounds spent in all: each candidate to the look and through it, each kept one to the end. -/
def rounds (a : FilterAccount) (n k m : Rat) : Rat := a.candidates * (k + m) + a.kept * (n - k)

/-- Keeping and success are independent in the counts: no cell differs from the product of its margins. -/
def Independent (a : FilterAccount) : Prop := a.found * a.candidates = a.kept * a.successes

end FilterAccount

/-- `ρ` is what it is said to be: rounds per found share with the filter, over rounds per success without. -/
theorem costPerShare_eq_account (a : FilterAccount) (n k m : Rat) (hn : 0 < n) (hc : 0 < a.candidates)
    (hs : 0 < a.successes) (hf : 0 < a.found) :
    costPerShare n k a.keepShare m a.recall
      = (a.rounds n k m / a.found) / (a.candidates * n / a.successes) := by
  have hc' : (a.candidates : Rat) ≠ 0 := by grind [Rat.natCast_pos]
  have hs' : (a.successes : Rat) ≠ 0 := by grind [Rat.natCast_pos]
  have hf' : (a.found : Rat) ≠ 0 := by grind [Rat.natCast_pos]
  unfold costPerShare roundsPerCandidate FilterAccount.keepShare FilterAccount.recall FilterAccount.rounds
  grind

/-- A filter that knows nothing keeps the same share of the successes as of all candidates. -/
theorem recall_eq_keepShare_of_independent (a : FilterAccount) (h : a.Independent)
    (hc : 0 < a.candidates) (hs : 0 < a.successes) : a.recall = a.keepShare := by
  have hc' : (a.candidates : Rat) ≠ 0 := by grind [Rat.natCast_pos]
  have hs' : (a.successes : Rat) ≠ 0 := by grind [Rat.natCast_pos]
  have h' : (a.found : Rat) * a.candidates = a.kept * a.successes := by exact_mod_cast h
  unfold FilterAccount.recall FilterAccount.keepShare
  grind

/-- Where recall and keep share are one number `q`, as with a coin that keeps with probability `q`, the cost
per share exceeds 1 by what is spent on the dropped and on the look. -/
theorem costPerShare_of_random_keep (n k m q : Rat) (hn : 0 < n) (hq : 0 < q) :
    costPerShare n k q m q = 1 + (k * (1 - q) + m) / (n * q) := by
  have h : n * q ≠ 0 := by
    have := Rat.mul_pos hn hq
    grind
  unfold costPerShare roundsPerCandidate
  grind

/-- No free lunch for a coin: keeping at random never lowers the cost per share. -/
theorem one_le_costPerShare_of_random_keep (n k m q : Rat) (hn : 0 < n) (hk : 0 ≤ k) (hm : 0 ≤ m)
    (hq : 0 < q) (hq1 : q ≤ 1) : 1 ≤ costPerShare n k q m q := by
  rw [costPerShare_of_random_keep n k m q hn hq, Rat.div_def]
  have h : 0 ≤ (k * (1 - q) + m) * (n * q)⁻¹ :=
    Rat.mul_nonneg (Rat.add_nonneg (Rat.mul_nonneg hk (by grind)) hm)
      (Rat.le_of_lt (Rat.inv_pos.mpr (Rat.mul_pos hn hq)))
  grind

/-- No free lunch: a filter whose verdict is independent of success never lowers the cost per share. -/
theorem one_le_costPerShare_of_independent (a : FilterAccount) (h : a.Independent) (n k m : Rat)
    (hn : 0 < n) (hk : 0 ≤ k) (hm : 0 ≤ m) (hc : 0 < a.candidates) (hs : 0 < a.successes)
    (hf : 0 < a.found) (hkept : a.kept ≤ a.candidates) : 1 ≤ costPerShare n k a.keepShare m a.recall := by
  have hkept0 : 0 < a.kept := by
    apply Nat.pos_of_ne_zero
    intro h0
    unfold FilterAccount.Independent at h
    rw [h0, Nat.zero_mul] at h
    rcases Nat.mul_eq_zero.mp h with h1 | h1 <;> omega
  have hcq : (0 : Rat) < a.candidates := by exact_mod_cast hc
  have hkq : (0 : Rat) < a.kept := by exact_mod_cast hkept0
  have hle : (a.kept : Rat) ≤ a.candidates := by exact_mod_cast hkept
  rw [recall_eq_keepShare_of_independent a h hc hs]
  apply one_le_costPerShare_of_random_keep n k m _ hn hk hm
  · unfold FilterAccount.keepShare
    rw [Rat.div_def]
    exact Rat.mul_pos hkq (Rat.inv_pos.mpr hcq)
  · unfold FilterAccount.keepShare
    rw [Rat.div_def]
    have := Rat.mul_le_mul_of_nonneg_right hle (Rat.le_of_lt (Rat.inv_pos.mpr hcq))
    rwa [Rat.mul_inv_cancel _ (by grind)] at this

/-- Break-even: a filter pays exactly when its recall exceeds the share of the rounds that it still spends. -/
theorem costPerShare_lt_one_iff (n k c m r : Rat) (hn : 0 < n) (hr : 0 < r) :
    costPerShare n k c m r < 1 ↔ roundsPerCandidate n k c m / n < r := by
  unfold costPerShare
  rw [Rat.div_lt_iff (Rat.mul_pos hn hr), Rat.div_lt_iff hn]
  grind

/-- A filter on finished hashes costs at least `1/r` per share found: it saves no round and loses shares. -/
theorem inv_recall_le_costPerShare_of_share_filter (n c m r : Rat) (hn : 0 < n) (hm : 0 ≤ m) (hr : 0 < r) :
    1 / r ≤ costPerShare n n c m r := by
  have h : costPerShare n n c m r = 1 / r + m * (n * r)⁻¹ := by
    have h : n * r ≠ 0 := by
      have := Rat.mul_pos hn hr
      grind
    unfold costPerShare roundsPerCandidate
    grind
  have := Rat.mul_nonneg hm (Rat.le_of_lt (Rat.inv_pos.mpr (Rat.mul_pos hn hr)))
  grind

/-- 10 successes in 1,000 candidates; 100 kept, 9 of them found. At 5 of 64 rounds: `ρ = 109/576`. -/
example : costPerShare 64 5 (FilterAccount.mk 1000 100 10 9).keepShare 0 (FilterAccount.mk 1000 100 10 9).recall
    = 109 / 576 := by
  unfold costPerShare roundsPerCandidate FilterAccount.keepShare FilterAccount.recall
  grind

/-- The same verdicts handed out blindly find one share in the 100: `ρ = 109/64`. -/
example : costPerShare 64 5 (FilterAccount.mk 1000 100 10 1).keepShare 0 (FilterAccount.mk 1000 100 10 1).recall
    = 109 / 64 := by
  unfold costPerShare roundsPerCandidate FilterAccount.keepShare FilterAccount.recall
  grind

end Thermine.Energy

end
