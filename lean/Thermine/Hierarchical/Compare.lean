module

public import Thermine.Hierarchical.Sparse

@[expose] public noncomputable section

/-!
# Comparison

Of two normal forms the one with the larger largest exponent is the larger number; where these agree, the next
decide. No power needs to be worked out.
-/

namespace Thermine.Hierarchical

/-- Whether the first of two numbers is smaller, exponents given the largest first. -/
def lessFromTop : List Nat → List Nat → Bool
  | _, [] => false
  | [], _ :: _ => true
  | x :: xs, y :: ys => if x = y then lessFromTop xs ys else decide (x < y)

/-- Whether the first of two normal forms is smaller. -/
def less (es fs : List Nat) : Bool := lessFromTop es.reverse fs.reverse

/-- All exponents below `k`, none twice: the number is below `2^k`. -/
theorem value_lt_of_descending (k : Nat) (es : List Nat) (h : es.Pairwise (· > ·)) (hk : ∀ x ∈ es, x < k) :
    value es < 2 ^ k := by
  induction es generalizing k with
  | nil => exact Nat.pow_pos (by decide)
  | cons e es ih =>
    have h' := List.pairwise_cons.mp h
    have h1 := ih e h'.2 h'.1
    have h2 : 2 ^ (e + 1) ≤ 2 ^ k := Nat.pow_le_pow_right (by decide) (hk e List.mem_cons_self)
    rw [Nat.pow_succ] at h2
    rw [value]
    omega

theorem lessFromTop_iff (es fs : List Nat) (he : es.Pairwise (· > ·)) (hf : fs.Pairwise (· > ·)) :
    lessFromTop es fs = true ↔ value es < value fs := by
  have pos : ∀ e : Nat, 0 < 2 ^ e := fun e => Nat.pow_pos (by decide)
  induction es generalizing fs with
  | nil =>
    cases fs with
    | nil => simp [lessFromTop]
    | cons f fs =>
      have := pos f
      simp only [lessFromTop, value, true_iff]
      omega
  | cons e es ih =>
    cases fs with
    | nil => simp [lessFromTop, value]
    | cons f fs =>
      have he' := List.pairwise_cons.mp he
      have hf' := List.pairwise_cons.mp hf
      rw [lessFromTop]
      split
      · rename_i heq
        refine Iff.trans (ih fs he'.2 hf'.2) ?_
        simp only [value, heq]
        omega
      · rename_i hne
        rw [decide_eq_true_iff]
        constructor
        · intro hlt
          have := value_lt_of_descending f (e :: es) he (by
            intro x hx
            rcases List.mem_cons.mp hx with rfl | hx
            · exact hlt
            · exact Nat.lt_trans (he'.1 x hx) hlt)
          rw [value.eq_2 f fs]
          omega
        · intro hv
          apply Decidable.byContradiction
          intro hge
          have := value_lt_of_descending e (f :: fs) hf (by
            intro x hx
            rcases List.mem_cons.mp hx with rfl | hx
            · omega
            · have := hf'.1 x hx
              omega)
          rw [value.eq_2 e es] at hv
          omega

theorem value_append (es fs : List Nat) : value (es ++ fs) = value es + value fs := by
  induction es with
  | nil => simp [value]
  | cons e es ih =>
    simp only [List.cons_append, value, ih]
    omega

theorem value_reverse (es : List Nat) : value es.reverse = value es := by
  induction es with
  | nil => rfl
  | cons e es ih =>
    rw [List.reverse_cons, value_append, ih]
    simp only [value]
    omega

/-- Comparison is correct. -/
theorem less_iff (es fs : List Nat) (he : Normal es) (hf : Normal fs) :
    less es fs = true ↔ value es < value fs := by
  unfold less
  rw [lessFromTop_iff _ _ (List.pairwise_reverse.mpr he) (List.pairwise_reverse.mpr hf), value_reverse,
    value_reverse]

/-- `33 < 64`, though 33 has more powers. -/
example : less [0, 5] [6] = true ∧ less [6] [0, 5] = false ∧ less [0, 5] [0, 5] = false := by decide

end Thermine.Hierarchical

end
