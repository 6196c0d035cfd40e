module

public import Thermine.Sha256.Compression

@[expose] public section

/-!
# The order of prefixes

Rounds can be undone, so a state with its window holds all that any other state on its way holds: what a filter
can tell after one round, some filter can tell after any other. Rounds differ in what it costs to find that out,
not in what is there. And a filter that goes by the state, whatever it computes, leaves the candidates in order.
-/

namespace Thermine.Sha256

/-- Undoes one step of the window. -/
def Window.retreat (x : Window) : Window :=
  ⟨x.w15 - (smallSigma1 x.w13 + x.w8 + smallSigma0 x.w0), x.w0, x.w1, x.w2, x.w3, x.w4, x.w5, x.w6, x.w7,
    x.w8, x.w9, x.w10, x.w11, x.w12, x.w13, x.w14⟩

/-- Undoes one round. -/
def unround (s : Registers) (k w : Word) : Registers :=
  let t2 := bigSigma0 s.b + majority s.b s.c s.d
  let t1 := s.a - t2
  ⟨s.b, s.c, s.d, s.e - t1, s.f, s.g, s.h, t1 - (bigSigma1 s.f + choice s.f s.g s.h + k + w)⟩

theorem retreat_advance (x : Window) : x.advance.retreat = x := by
  have h : ∀ a b c d : Word, a + b + c + d - (a + b + c) = d := by intros; grind
  rcases x with ⟨w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15⟩
  simp only [Window.advance, Window.retreat, Window.ahead, h]

theorem unround_round (s : Registers) (k w : Word) : unround (round s k w) k w = s := by
  have h1 : ∀ t1 t2 : Word, t1 + t2 - t2 = t1 := by intros; grind
  have h2 : ∀ d t1 : Word, d + t1 - t1 = d := by intros; grind
  have h3 : ∀ h a b c d : Word, h + a + b + c + d - (a + b + c + d) = h := by intros; grind
  rcases s with ⟨a, b, c, d, e, f, g, h⟩
  simp only [round, unround, h1, h3]

/-- Undoes rounds, given their constants in the order in which they were done. -/
def unrounds : List Word → Registers × Window → Registers × Window
  | [], p => p
  | k :: ks, p =>
    let q := unrounds ks p
    let x := q.2.retreat
    (unround q.1 k x.w0, x)

/-- Rounds can be undone. -/
theorem unrounds_rounds (ks : List Word) (p : Registers × Window) : unrounds ks (rounds ks p) = p := by
  induction ks generalizing p with
  | nil => rfl
  | cons k ks ih =>
    rcases p with ⟨s, x⟩
    simp only [rounds, unrounds, ih, retreat_advance, unround_round]

/-- A verdict by any function of the state after `j` rounds is a verdict by the state after `k` rounds: with
`j ≤ k`, what can be had in principle never falls from round to round. How hard it is to work out is not said. -/
theorem verdict_at_other_round {α : Type} (verdict : Registers × Window → α) (j k : Nat) :
    ∃ verdict' : Registers × Window → α, ∀ p,
      verdict' (rounds (constants.take k) p) = verdict (rounds (constants.take j) p) := by
  refine ⟨fun q => verdict (rounds (constants.take j) (unrounds (constants.take k) q)), fun p => ?_⟩
  simp only [unrounds_rounds]

/-- A filter on any function of the state after `j` rounds keeps the order of prefixes: of two runs over
candidates, one the beginning of the other, so are those that are kept. -/
theorem filter_keeps_prefix_order (verdict : Registers × Window → Bool) (j : Nat) (start : Registers)
    (xs ys : List Window) (h : xs <+: ys) :
    xs.filter (fun x => verdict (rounds (constants.take j) (start, x)))
      <+: ys.filter (fun x => verdict (rounds (constants.take j) (start, x))) :=
  List.IsPrefix.filter _ h

/-- What goes on after a verdict goes on from where it was: no round is done twice. -/
theorem no_round_twice (j : Nat) (p : Registers × Window) :
    rounds constants p = rounds (constants.drop j) (rounds (constants.take j) p) := by
  rw [← rounds_append, List.take_append_drop]

end Thermine.Sha256

end
