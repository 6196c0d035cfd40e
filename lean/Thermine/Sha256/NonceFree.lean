module

public import Thermine.Sha256.Compression

@[expose] public section

/-!
# What does not depend on the nonce

A block header has 80 bytes: the first 64 are one block of the message, and the nonce is word 3 of the second.
All that comes before can be worked out once per job.
-/

namespace Thermine.Sha256

/-- Two second blocks that differ in the nonce only. -/
def SameButNonce (x y : Window) : Prop := { x with w3 := y.w3 } = y

/-- The first three rounds of the second block are free of the nonce. -/
theorem first_three_rounds_nonce_free (x y : Window) (h : SameButNonce x y) (s : Registers) :
    (rounds (constants.take 3) (s, x)).1 = (rounds (constants.take 3) (s, y)).1 := by
  rw [← h]
  rfl

/-- So are the two words of the schedule that follow the block, 16 and 17. -/
theorem two_schedule_words_nonce_free (x y : Window) (h : SameButNonce x y) :
    x.ahead = y.ahead ∧ x.advance.ahead = y.advance.ahead := by
  rw [← h]
  exact ⟨rfl, rfl⟩

/-- The fourth round is not free of it. -/
theorem fourth_round_sees_nonce : ∃ x y : Window, SameButNonce x y ∧ ∃ s : Registers,
    (rounds (constants.take 4) (s, x)).1 ≠ (rounds (constants.take 4) (s, y)).1 := by
  refine ⟨⟨0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0⟩, ⟨0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0⟩,
    rfl, initial, ?_⟩
  decide +kernel

theorem compressAll_append (s : Registers) (xs ys : List Window) :
    compressAll s (xs ++ ys) = compressAll (compressAll s xs) ys := by
  induction xs generalizing s with
  | nil => rfl
  | cons x xs ih => exact ih _

/-- Midstate: messages that begin with the same blocks go on from the same hash value, so it is worked out once
and the rest hashed from there. -/
theorem midstate_correct (s mid : Registers) (head tail : List Window) (h : mid = compressAll s head) :
    compressAll s (head ++ tail) = compressAll mid tail := by
  rw [h, compressAll_append]

/-- Of a header of two blocks, the midstate is all that the second block needs of the first. -/
theorem midstate_of_header (first second : Window) :
    compressAll initial [first, second] = compress (compress initial first) second := rfl

end Thermine.Sha256

end
