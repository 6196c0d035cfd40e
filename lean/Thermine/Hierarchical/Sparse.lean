module

@[expose] public section

/-!
# Numbers as sets of exponents

A number is written as the exponents of its powers of two, the smallest first. In *normal form* no exponent
occurs twice; two equal powers carry into the next, `2^p + 2^p = 2^(p+1)`, as far up as need be.
-/

namespace Thermine.Hierarchical

/-- The number that a list of exponents stands for. -/
def value : List Nat → Nat
  | [] => 0
  | e :: es => 2 ^ e + value es

/-- Normal form: strictly increasing exponents. -/
def Normal (es : List Nat) : Prop := es.Pairwise (· < ·)

/-- Adds `2^e`, and carries where it is there already. -/
def insert (e : Nat) : List Nat → List Nat
  | [] => [e]
  | x :: xs => if e < x then e :: x :: xs else if e = x then insert (e + 1) xs else x :: insert e xs

/-- Adds two numbers. -/
def add : List Nat → List Nat → List Nat
  | [], fs => fs
  | e :: es, fs => insert e (add es fs)

/-- Inserting an exponent adds its power. -/
theorem value_insert (e : Nat) (es : List Nat) : value (insert e es) = 2 ^ e + value es := by
  induction es generalizing e with
  | nil => rfl
  | cons x xs ih =>
    unfold insert
    split
    · rfl
    · split
      · rename_i h
        subst h
        rw [ih, value, Nat.pow_succ]
        omega
      · rw [value, ih, value]
        omega

theorem le_of_mem_insert (k e : Nat) (es : List Nat) (he : k ≤ e) (hes : ∀ x ∈ es, k ≤ x) :
    ∀ x ∈ insert e es, k ≤ x := by
  induction es generalizing e with
  | nil => simpa [insert] using he
  | cons x xs ih =>
    have hx := hes x List.mem_cons_self
    have hxs : ∀ y ∈ xs, k ≤ y := fun y hy => hes y (List.mem_cons_of_mem _ hy)
    unfold insert
    split
    · intro y hy
      rcases List.mem_cons.mp hy with rfl | hy
      · exact he
      · exact hes y hy
    · split
      · exact ih (e + 1) (by omega) hxs
      · intro y hy
        rcases List.mem_cons.mp hy with rfl | hy
        · exact hx
        · exact ih e he hxs y hy

/-- Inserting keeps the normal form. -/
theorem normal_insert (e : Nat) (es : List Nat) (h : Normal es) : Normal (insert e es) := by
  induction es generalizing e with
  | nil => simp [insert, Normal]
  | cons x xs ih =>
    have h' := List.pairwise_cons.mp h
    unfold insert
    split
    · rename_i hlt
      refine List.pairwise_cons.mpr ⟨fun y hy => ?_, h⟩
      rcases List.mem_cons.mp hy with rfl | hy
      · exact hlt
      · exact Nat.lt_trans hlt (h'.1 y hy)
    · split
      · exact ih (e + 1) h'.2
      · refine List.pairwise_cons.mpr ⟨fun y hy => ?_, ih e h'.2⟩
        exact le_of_mem_insert (x + 1) e xs (by omega) h'.1 y hy

/-- Addition is correct. -/
theorem value_add (es fs : List Nat) : value (add es fs) = value es + value fs := by
  induction es with
  | nil => simp [add, value]
  | cons e es ih =>
    show value (insert e (add es fs)) = _
    rw [value_insert, ih, value]
    omega

/-- Addition keeps the normal form. -/
theorem normal_add (es fs : List Nat) (h : Normal fs) : Normal (add es fs) := by
  induction es with
  | nil => exact h
  | cons e es ih => exact normal_insert e _ ih

/-- Every number has a normal form. -/
theorem exists_normal (n : Nat) : ∃ es, Normal es ∧ value es = n := by
  induction n with
  | zero => exact ⟨[], by simp [Normal], rfl⟩
  | succ n ih =>
    obtain ⟨es, h, hv⟩ := ih
    exact ⟨insert 0 es, normal_insert 0 es h, by rw [value_insert, hv]; omega⟩

theorem pow_dvd_value (k : Nat) (es : List Nat) (h : ∀ x ∈ es, k ≤ x) : 2 ^ k ∣ value es := by
  induction es with
  | nil => exact Nat.dvd_zero _
  | cons e es ih =>
    exact Nat.dvd_add (Nat.pow_dvd_pow 2 (h e List.mem_cons_self))
      (ih fun x hx => h x (List.mem_cons_of_mem _ hx))

theorem not_pow_succ_dvd_pow (e : Nat) : ¬ 2 ^ (e + 1) ∣ 2 ^ e := by
  intro h
  have h1 := Nat.le_of_dvd (Nat.pow_pos (by decide)) h
  have h2 : 2 ^ e < 2 ^ (e + 1) := Nat.pow_lt_pow_right (by decide) (Nat.lt_succ_self e)
  omega

/-- The smallest exponents of equal numbers do not differ. -/
theorem not_lt_of_value_eq (e f : Nat) (es fs : List Nat) (he : Normal (e :: es)) (hf : Normal (f :: fs))
    (h : value (e :: es) = value (f :: fs)) : ¬ e < f := by
  intro hlt
  have he' := List.pairwise_cons.mp he
  have hf' := List.pairwise_cons.mp hf
  have d1 : 2 ^ (e + 1) ∣ value (f :: fs) := by
    apply pow_dvd_value
    intro x hx
    rcases List.mem_cons.mp hx with rfl | hx
    · exact hlt
    · have := hf'.1 x hx
      omega
  have d2 : 2 ^ (e + 1) ∣ value es := pow_dvd_value _ _ he'.1
  rw [← h, value, Nat.add_comm (2 ^ e)] at d1
  exact not_pow_succ_dvd_pow e ((Nat.dvd_add_right d2).mp d1)

/-- The normal form is unique: equal numbers are written alike. -/
theorem normal_unique (es fs : List Nat) (he : Normal es) (hf : Normal fs) (h : value es = value fs) :
    es = fs := by
  have pos : ∀ e : Nat, 0 < 2 ^ e := fun e => Nat.pow_pos (by decide)
  induction es generalizing fs with
  | nil =>
    cases fs with
    | nil => rfl
    | cons f fs =>
      have := pos f
      simp only [value] at h
      omega
  | cons e es ih =>
    cases fs with
    | nil =>
      have := pos e
      simp only [value] at h
      omega
    | cons f fs =>
      have h1 := not_lt_of_value_eq e f es fs he hf h
      have h2 := not_lt_of_value_eq f e fs es hf he h.symm
      have hef : e = f := by omega
      subst hef
      have hv : value es = value fs := by
        simp only [value] at h
        omega
      rw [ih fs (List.pairwise_cons.mp he).2 (List.pairwise_cons.mp hf).2 hv]

/-- A carry reaches any height: one more on top of `n` neighbouring powers goes through all of them. -/
theorem carry_reaches (e n : Nat) : insert e (List.range' e n) = [e + n] := by
  induction n generalizing e with
  | zero => rfl
  | succ n ih =>
    rw [List.range'_succ, insert]
    simp only [Nat.lt_irrefl, if_false, if_true]
    rw [ih]
    congr 1
    omega

/-- Four times `2^6` is `2^8`. -/
example : insert 6 (insert 6 (insert 6 (insert 6 []))) = [8] := by decide

/-- `11 + 6 = 17`. -/
example : add [0, 1, 3] [1, 2] = [0, 4] ∧ value [0, 4] = 17 := by decide

end Thermine.Hierarchical

end
