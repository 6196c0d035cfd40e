module

@[expose] public noncomputable section

/-!
# What a delay line cannot see

A delay line of length `d` holds the present word and the `d` before it. It is the baseline against which a
reservoir's memory is measured, so its own must be known exactly.
-/

namespace Thermine.Reservoir

variable {Word : Type}

/-- One word in at the front, the oldest out at the back. -/
def shift (d : Nat) (line : List Word) (u : Word) : List Word := (u :: line).take (d + 1)

/-- The line after some words, the earliest first. -/
def delayLine (d : Nat) (line : List Word) : List Word → List Word
  | [] => line
  | u :: us => delayLine d (shift d line u) us

theorem delayLine_append (d : Nat) (us vs : List Word) (line : List Word) :
    delayLine d line (us ++ vs) = delayLine d (delayLine d line us) vs := by
  induction us generalizing line with
  | nil => rfl
  | cons u us ih => exact ih _

/-- The line holds the last words, the latest first, and behind them what is left of its beginning. -/
theorem take_delayLine (d : Nat) (us line : List Word) (h : line.length ≤ d + 1) :
    delayLine d line us = (us.reverse ++ line).take (d + 1) := by
  induction us generalizing line with
  | nil => simp [delayLine, List.take_of_length_le h]
  | cons u us ih =>
    have hl : (shift d line u).length ≤ d + 1 := by
      rw [shift, List.length_take]
      omega
    rw [delayLine, ih _ hl, shift, List.reverse_cons, List.append_assoc, List.singleton_append,
      List.take_append, List.take_append, List.take_take]
    congr 2
    omega

/-- After `d + 1` words the line is these words, and nothing of what was before. -/
theorem delayLine_eq (d : Nat) (recent line : List Word) (hrecent : recent.length = d + 1)
    (h : line.length ≤ d + 1) : delayLine d line recent = recent.reverse := by
  rw [take_delayLine d recent line h, List.take_append_of_le_length (by simp [hrecent])]
  exact List.take_of_length_le (by simp [hrecent])

/-- A delay line of length `d` cannot see `u[t-d-1]`, nor anything before: whatever the pasts, after the same
`d + 1` words the states are the same, and so is every readout. -/
theorem delay_line_cannot_see (d : Nat) (line past past' recent : List Word) (hrecent : recent.length = d + 1)
    (h : line.length ≤ d + 1) :
    delayLine d line (past ++ recent) = delayLine d line (past' ++ recent) := by
  have hbound : ∀ us : List Word, (delayLine d line us).length ≤ d + 1 := by
    intro us
    rw [take_delayLine d us line h, List.length_take]
    omega
  rw [delayLine_append, delayLine_append, delayLine_eq d recent _ hrecent (hbound past),
    delayLine_eq d recent _ hrecent (hbound past')]

/-- It does see `u[t-d]`: that word stands at its end. -/
theorem delay_line_sees (d : Nat) (u : Word) (line recent : List Word) (hrecent : recent.length = d)
    (h : line.length ≤ d + 1) : (delayLine d line (u :: recent))[d]? = some u := by
  rw [delayLine_eq d (u :: recent) line (by simp [hrecent]) h, List.reverse_cons]
  simp [← hrecent]

/-- Length 2: of `1 2 3 4` the line holds `4 3 2`. -/
example : delayLine 2 [] [1, 2, 3, 4] = [4, 3, 2] := by decide

end Thermine.Reservoir

end
