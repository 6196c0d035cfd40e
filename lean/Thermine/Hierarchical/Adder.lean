module

public import Thermine.Hierarchical.Lookahead

@[expose] public noncomputable section

/-!
# The look-ahead adder adds

Numbers of `w` bits, `w ≤ 2^d`: each bit of the sum is made of its two bits and the carry from below, and that
carry comes out of at most `d` layers of gates.
-/

namespace Thermine.Hierarchical

/-- What each place of two numbers does with a carry. -/
def placesOf {w : Nat} (x y : BitVec w) (i : Nat) : Place := Place.ofBits (x.getLsbD i) (y.getLsbD i)

/-- The carry that ripples into place `i` is that of the addition. -/
theorem rippleCarry_eq_carry {w : Nat} (x y : BitVec w) (i : Nat) :
    rippleCarry (placesOf x y) false (List.range' 0 i) = BitVec.carry i x y false := by
  induction i with
  | zero => simp [rippleCarry]
  | succ i ih =>
    rw [List.range'_1_concat, rippleCarry_append, ih, BitVec.carry_succ]
    simp only [rippleCarry, placesOf, Nat.zero_add]
    generalize BitVec.carry i x y false = c
    cases x.getLsbD i <;> cases y.getLsbD i <;> cases c <;> rfl

/-- The lowest bit of a sum. -/
theorem lookahead_add_lowest {w : Nat} (x y : BitVec w) (hw : 0 < w) :
    (x + y).getLsbD 0 = (x.getLsbD 0 ^^ y.getLsbD 0) := by
  rw [BitVec.getLsbD_add hw]
  simp

/-- Every other bit: its two bits and the carry, which the prefix circuit gives after `d` layers at most. -/
theorem lookahead_add {w d : Nat} (x y : BitVec w) (hw : w ≤ 2 ^ d) (j : Nat) (hj : j + 1 < w) :
    (x + y).getLsbD (j + 1)
        = (x.getLsbD (j + 1)
          ^^ (y.getLsbD (j + 1) ^^ ((prefixCircuit 0 d j).eval (placesOf x y)).carry false))
      ∧ (prefixCircuit 0 d j).depth ≤ d := by
  refine ⟨?_, depth_prefixCircuit 0 d j⟩
  rw [BitVec.getLsbD_add hj, carry_prefixCircuit _ _ d j (by omega), rippleCarry_eq_carry]

/-- `7 + 1 = 8`, of four bits: the carry runs through three places, in two layers. -/
example : ((prefixCircuit 0 2 2).eval (placesOf 7#4 1#4)).carry false = true
    ∧ (7#4 + 1#4 : BitVec 4).getLsbD 3 = true := by decide

end Thermine.Hierarchical

end
