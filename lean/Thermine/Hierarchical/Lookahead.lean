module

@[expose] public noncomputable section

/-!
# Carry look-ahead: few steps in a row, not little work

At each place an addition *generates* a carry (both bits are set) or *propagates* one (one is). These pairs
combine, so all carries of `2^d` places come out of `d` layers of gates. But each gate has to work: their number
is at least the number of places less one, and that is not logarithmic.
-/

namespace Thermine.Hierarchical

/-- What a run of places does with a carry. -/
structure Place where
  /-- It gives a carry by itself. -/
  generate : Bool
  /-- It hands a carry on. -/
  propagate : Bool
deriving DecidableEq

/-- What one place does, from its two bits. -/
def Place.ofBits (a b : Bool) : Place := ⟨a && b, a != b⟩

/-- What two neighbouring runs do together, the lower first. -/
def Place.join (lo hi : Place) : Place :=
  ⟨hi.generate || (hi.propagate && lo.generate), hi.propagate && lo.propagate⟩

/-- The carry that comes out for the one that goes in. -/
def Place.carry (p : Place) (c : Bool) : Bool := p.generate || (p.propagate && c)

/-- A circuit of joins over numbered places. -/
inductive Circuit where
  /-- The place of this number. -/
  | place (i : Nat)
  /-- A gate that joins two circuits, the lower first. -/
  | gate (lo hi : Circuit)

namespace Circuit

/-- Gates in a row, at most. -/
def depth : Circuit → Nat
  | place _ => 0
  | gate lo hi => max lo.depth hi.depth + 1

/-- Gates in all. -/
def gates : Circuit → Nat
  | place _ => 0
  | gate lo hi => lo.gates + hi.gates + 1

/-- The places it looks at, the lowest first. -/
def places : Circuit → List Nat
  | place i => [i]
  | gate lo hi => lo.places ++ hi.places

/-- What comes out. -/
def eval (f : Nat → Place) : Circuit → Place
  | place i => f i
  | gate lo hi => (lo.eval f).join (hi.eval f)

end Circuit

/-- The carry as it ripples through places one by one. -/
def rippleCarry (f : Nat → Place) (c : Bool) : List Nat → Bool
  | [] => c
  | i :: is => rippleCarry f ((f i).carry c) is

theorem carry_join (lo hi : Place) (c : Bool) : (lo.join hi).carry c = hi.carry (lo.carry c) := by
  rcases lo with ⟨_ | _, _ | _⟩ <;> rcases hi with ⟨_ | _, _ | _⟩ <;> cases c <;> rfl

theorem rippleCarry_append (f : Nat → Place) (c : Bool) (is js : List Nat) :
    rippleCarry f c (is ++ js) = rippleCarry f (rippleCarry f c is) js := by
  induction is generalizing c with
  | nil => rfl
  | cons i is ih => exact ih _

/-- However the gates are arranged, the carry is the one that would have rippled through. -/
theorem carry_eval (f : Nat → Place) (c : Bool) (t : Circuit) :
    (t.eval f).carry c = rippleCarry f c t.places := by
  induction t generalizing c with
  | place i => rfl
  | gate lo hi ihl ihh =>
    rw [Circuit.places, rippleCarry_append, ← ihl, ← ihh, Circuit.eval, carry_join]

/-- The balanced circuit over `2^d` places from place `i` on. -/
def balanced (i : Nat) : Nat → Circuit
  | 0 => .place i
  | d + 1 => .gate (balanced i d) (balanced (i + 2 ^ d) d)

/-- The balanced circuit looks at its places once each, in order. -/
theorem places_balanced (i d : Nat) : (balanced i d).places = List.range' i (2 ^ d) := by
  induction d generalizing i with
  | zero => rfl
  | succ d ih =>
    rw [balanced, Circuit.places, ih, ih, Nat.pow_succ, Nat.mul_two, ← List.range'_append_1]

/-- A carry over `2^d` places takes `d` layers of gates: depth is logarithmic. -/
theorem depth_balanced (i d : Nat) : (balanced i d).depth = d := by
  induction d generalizing i with
  | zero => rfl
  | succ d ih => simp [balanced, Circuit.depth, ih]

/-- The circuit for the carry out of place `j`, over all places from 0: whole blocks, the largest at the
bottom, joined by one gate for each bit of `j + 1`. This is the prefix circuit of Sklansky. -/
def prefixCircuit (i : Nat) : Nat → Nat → Circuit
  | 0, _ => .place i
  | d + 1, j =>
    if j < 2 ^ d then prefixCircuit i d j
    else .gate (balanced i d) (prefixCircuit (i + 2 ^ d) d (j - 2 ^ d))

theorem places_prefixCircuit (i d j : Nat) (h : j < 2 ^ d) :
    (prefixCircuit i d j).places = List.range' i (j + 1) := by
  induction d generalizing i j with
  | zero =>
    have : j = 0 := by simpa using h
    subst this
    rfl
  | succ d ih =>
    rw [Nat.pow_succ] at h
    unfold prefixCircuit
    split
    · rename_i hj
      exact ih i j hj
    · rw [Circuit.places, places_balanced, ih _ _ (by omega), List.range'_append_1]
      congr 1
      omega

/-- Every carry of an addition of `2^d` bits, not only the last, is right... -/
theorem carry_prefixCircuit (f : Nat → Place) (c : Bool) (d j : Nat) (h : j < 2 ^ d) :
    ((prefixCircuit 0 d j).eval f).carry c = rippleCarry f c (List.range' 0 (j + 1)) := by
  rw [carry_eval, places_prefixCircuit 0 d j h]

/-- ... and comes out after `d` layers of gates at most. -/
theorem depth_prefixCircuit (i d j : Nat) : (prefixCircuit i d j).depth ≤ d := by
  induction d generalizing i j with
  | zero => exact Nat.le_refl _
  | succ d ih =>
    unfold prefixCircuit
    split
    · exact Nat.le_succ_of_le (ih i j)
    · have := ih (i + 2 ^ d) (j - 2 ^ d)
      rw [Circuit.depth, depth_balanced]
      omega

/-- Work: a circuit has one gate fewer than the places it looks at, however it is arranged. -/
theorem gates_add_one (t : Circuit) : t.gates + 1 = t.places.length := by
  induction t with
  | place i => rfl
  | gate lo hi ihl ihh =>
    rw [Circuit.gates, Circuit.places, List.length_append]
    omega

theorem sq_lt_two_pow (d : Nat) : (d + 5) * (d + 5) < 2 ^ (d + 5) := by
  induction d with
  | zero => decide
  | succ d ih =>
    have h : 2 ^ (d + 1 + 5) = 2 ^ (d + 5) + 2 ^ (d + 5) := by
      rw [show d + 1 + 5 = (d + 5) + 1 by omega, Nat.pow_succ]
      omega
    have h2 : (d + 1 + 5) * (d + 1 + 5) = (d + 5) * (d + 5) + 2 * d + 11 := by grind
    have h3 : 5 * (d + 5) ≤ (d + 5) * (d + 5) := Nat.mul_le_mul_right _ (by omega)
    omega

/-- The work is not logarithmic: whatever the constant, for some width every circuit that looks at all places
has more gates than that constant times the logarithm of the width. -/
theorem gates_not_logarithmic (c : Nat) :
    ∃ d, ∀ t : Circuit, t.places.length = 2 ^ d → c * d < t.gates := by
  refine ⟨c + 5, fun t ht => ?_⟩
  have h1 := gates_add_one t
  have h2 := sq_lt_two_pow c
  have h3 : c * (c + 5) + 5 * (c + 5) = (c + 5) * (c + 5) := by grind
  omega

/-- `0111 + 0001`: the carry out of place 2 is there after two layers, as if it had rippled. -/
example :
    let f := fun i => Place.ofBits ([true, true, true, false].getD i false) (i == 0)
    ((prefixCircuit 0 2 2).eval f).carry false = true ∧ (prefixCircuit 0 2 2).depth ≤ 2 := by decide

end Thermine.Hierarchical

end
