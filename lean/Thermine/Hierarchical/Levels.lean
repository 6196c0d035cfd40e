module

@[expose] public section

/-!
# Levels

A dense number is cut into levels of 64, 128, 256, … bits. Level `k` has `64 · 2^k` bits and begins at bit
`64 · (2^k - 1)`, so a number of `n` bits has about `log2 (n/64)` levels. Each level is one digit, in a base of
its own.
-/

namespace Thermine.Hierarchical

/-- First bit of level `k`. -/
def levelStart (k : Nat) : Nat := 64 * (2 ^ k - 1)

/-- The level that a bit is in. -/
def levelOf (bit : Nat) : Nat := Nat.log2 (bit / 64 + 1)

/-- A level begins where the one below ends, `64 · 2^k` bits on. -/
theorem levelStart_succ (k : Nat) : levelStart (k + 1) = levelStart k + 64 * 2 ^ k := by
  have : 0 < 2 ^ k := Nat.pow_pos (by decide)
  unfold levelStart
  rw [Nat.pow_succ]
  omega

/-- Each bit is in exactly one level. -/
theorem levelOf_eq_iff (bit k : Nat) :
    levelOf bit = k ↔ levelStart k ≤ bit ∧ bit < levelStart (k + 1) := by
  have h1 : 0 < 2 ^ k := Nat.pow_pos (by decide)
  unfold levelOf levelStart
  rw [Nat.log2_eq_iff (by omega)]
  rw [Nat.pow_succ]
  omega

/-- How many different digits level `k` can hold. -/
def radix (k : Nat) : Nat := 2 ^ (64 * 2 ^ k)

/-- The number that the digits from level `k` upwards stand for. -/
def levelValue (k : Nat) : List Nat → Nat
  | [] => 0
  | d :: ds => d + radix k * levelValue (k + 1) ds

/-- Every digit fits its level. -/
def Fits (k : Nat) : List Nat → Prop
  | [] => True
  | d :: ds => d < radix k ∧ Fits (k + 1) ds

/-- Adds a carry, and hands up what comes out. -/
def addCarry (k c : Nat) : List Nat → List Nat
  | [] => if c = 0 then [] else [c]
  | d :: ds => (d + c) % radix k :: addCarry (k + 1) ((d + c) / radix k) ds

/-- Adds two numbers and a carry, level by level. -/
def addLevels (k c : Nat) : List Nat → List Nat → List Nat
  | [], es => addCarry k c es
  | d :: ds, [] => addCarry k c (d :: ds)
  | d :: ds, e :: es => (d + e + c) % radix k :: addLevels (k + 1) ((d + e + c) / radix k) ds es

theorem radix_pos (k : Nat) : 0 < radix k := Nat.pow_pos (by decide)

theorem mod_add_radix_mul (k s v : Nat) : s % radix k + radix k * (v + s / radix k) = s + radix k * v := by
  have := Nat.mod_add_div s (radix k)
  rw [Nat.mul_add]
  omega

theorem levelValue_addCarry (k c : Nat) (ds : List Nat) :
    levelValue k (addCarry k c ds) = levelValue k ds + c := by
  induction ds generalizing k c with
  | nil => by_cases h : c = 0 <;> simp [addCarry, levelValue, h]
  | cons d ds ih =>
    rw [addCarry, levelValue, ih, mod_add_radix_mul, levelValue]
    omega

/-- Level by level, with the carry handed up, the sum comes out right. -/
theorem levelValue_addLevels (k c : Nat) (ds es : List Nat) :
    levelValue k (addLevels k c ds es) = levelValue k ds + levelValue k es + c := by
  induction ds generalizing k c es with
  | nil =>
    rw [addLevels, levelValue_addCarry]
    simp only [levelValue]
    omega
  | cons d ds ih =>
    cases es with
    | nil =>
      rw [addLevels, levelValue_addCarry]
      simp only [levelValue]
      omega
    | cons e es =>
      rw [addLevels, levelValue, ih, mod_add_radix_mul, Nat.mul_add]
      simp only [levelValue]
      omega

/-- Digits that fit and are as many are the same if the numbers are. -/
theorem levelValue_unique (k : Nat) (ds es : List Nat) (hd : Fits k ds) (he : Fits k es)
    (hlen : ds.length = es.length) (h : levelValue k ds = levelValue k es) : ds = es := by
  induction ds generalizing k es with
  | nil =>
    cases es with
    | nil => rfl
    | cons e es => simp at hlen
  | cons d ds ih =>
    cases es with
    | nil => simp at hlen
    | cons e es =>
      simp only [levelValue] at h
      have hmod := congrArg (· % radix k) h
      simp only [Nat.add_mul_mod_self_left, Nat.mod_eq_of_lt hd.1, Nat.mod_eq_of_lt he.1] at hmod
      subst hmod
      have hrest : levelValue (k + 1) ds = levelValue (k + 1) es :=
        Nat.eq_of_mul_eq_mul_left (radix_pos k) (Nat.add_left_cancel h)
      rw [ih (k + 1) es hd.2 he.2 (by simpa using hlen) hrest]

/-- Bits 0 to 63 are level 0, 64 to 191 level 1, 192 to 447 level 2. -/
example : levelOf 63 = 0 ∧ levelOf 64 = 1 ∧ levelOf 191 = 1 ∧ levelOf 192 = 2 ∧ levelOf 447 = 2 := by
  simp only [levelOf_eq_iff]
  decide

/-- One more than the largest of level 0 carries into level 1. -/
example : addLevels 0 0 [2 ^ 64 - 1] [1] = [0, 1] := by decide +kernel

end Thermine.Hierarchical

end
