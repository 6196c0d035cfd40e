module

@[expose] public section

/-!
# Finite sums and products

Over `i < n`, of natural numbers and, for sums, of fractions. The core library has none.
-/

namespace Thermine

/-- `f 0 + … + f (n - 1)`. -/
def sum (n : Nat) (f : Nat → Nat) : Nat := match n with
  | 0 => 0
  | n + 1 => sum n f + f n

/-- `f 0 * … * f (n - 1)`. -/
def prod (n : Nat) (f : Nat → Nat) : Nat := match n with
  | 0 => 1
  | n + 1 => prod n f * f n

/-- `f 0 + … + f (n - 1)`, of fractions. -/
def ratSum (n : Nat) (f : Nat → Rat) : Rat := match n with
  | 0 => 0
  | n + 1 => ratSum n f + f n

theorem sum_congr {n : Nat} {f g : Nat → Nat} (h : ∀ i, i < n → f i = g i) : sum n f = sum n g := by
  induction n with
  | zero => rfl
  | succ n ih => rw [sum, sum, ih fun i hi => h i (by omega), h n (by omega)]

theorem sum_le_sum {n : Nat} {f g : Nat → Nat} (h : ∀ i, i < n → f i ≤ g i) : sum n f ≤ sum n g := by
  induction n with
  | zero => exact Nat.le_refl _
  | succ n ih => exact Nat.add_le_add (ih fun i hi => h i (by omega)) (h n (by omega))

theorem sum_add (n : Nat) (f g : Nat → Nat) : sum n (fun i => f i + g i) = sum n f + sum n g := by
  induction n with
  | zero => rfl
  | succ n ih =>
    simp only [sum, ih]
    omega

theorem sum_mul (n : Nat) (f : Nat → Nat) (c : Nat) : sum n (fun i => f i * c) = sum n f * c := by
  induction n with
  | zero => simp [sum]
  | succ n ih => rw [sum, sum, ih, Nat.add_mul]

theorem sum_mul_left (n : Nat) (f : Nat → Nat) (c : Nat) : sum n (fun i => c * f i) = c * sum n f := by
  induction n with
  | zero => rfl
  | succ n ih => rw [sum, sum, ih, Nat.mul_add]

theorem sum_zero (n : Nat) : sum n (fun _ => 0) = 0 := by
  induction n with
  | zero => rfl
  | succ n ih => rw [sum, ih]

/-- Sums may be taken in either order. -/
theorem sum_swap (m n : Nat) (f : Nat → Nat → Nat) :
    sum m (fun i => sum n (fun j => f i j)) = sum n (fun j => sum m (fun i => f i j)) := by
  induction m with
  | zero => simp [sum, sum_zero]
  | succ m ih => simp only [sum, ih, sum_add]

theorem le_sum {n : Nat} (f : Nat → Nat) {i : Nat} (hi : i < n) : f i ≤ sum n f := by
  induction n with
  | zero => omega
  | succ n ih =>
    rw [sum]
    rcases Nat.lt_succ_iff_lt_or_eq.mp hi with h | rfl
    · exact Nat.le_trans (ih h) (Nat.le_add_right _ _)
    · exact Nat.le_add_left _ _

/-- Terms that are no smaller, with an equal sum, are equal. -/
theorem eq_of_sum_eq {n : Nat} {f g : Nat → Nat} (hle : ∀ i, i < n → f i ≤ g i) (h : sum n f = sum n g) :
    ∀ i, i < n → f i = g i := by
  induction n with
  | zero => intro i hi; omega
  | succ n ih =>
    have h1 : sum n f ≤ sum n g := sum_le_sum fun i hi => hle i (by omega)
    have h2 := hle n (by omega)
    rw [sum, sum] at h
    intro i hi
    rcases Nat.lt_succ_iff_lt_or_eq.mp hi with hi | rfl
    · exact ih (fun i hi => hle i (by omega)) (by omega) i hi
    · omega

theorem prod_congr {n : Nat} {f g : Nat → Nat} (h : ∀ i, i < n → f i = g i) : prod n f = prod n g := by
  induction n with
  | zero => rfl
  | succ n ih => rw [prod, prod, ih fun i hi => h i (by omega), h n (by omega)]

theorem prod_pos {n : Nat} {f : Nat → Nat} (h : ∀ i, i < n → 0 < f i) : 0 < prod n f := by
  induction n with
  | zero => exact Nat.one_pos
  | succ n ih => exact Nat.mul_pos (ih fun i hi => h i (by omega)) (h n (by omega))

theorem prod_mul (n : Nat) (f g : Nat → Nat) : prod n (fun i => f i * g i) = prod n f * prod n g := by
  induction n with
  | zero => rfl
  | succ n ih =>
    rw [prod, ih, prod, prod]
    ac_rfl

theorem prod_pow (n : Nat) (f : Nat → Nat) (c : Nat) : prod n (fun i => f i ^ c) = prod n f ^ c := by
  induction n with
  | zero => simp [prod]
  | succ n ih => rw [prod, prod, ih, Nat.mul_pow]

theorem prod_const_pow (n : Nat) (c : Nat) (f : Nat → Nat) : prod n (fun i => c ^ f i) = c ^ sum n f := by
  induction n with
  | zero => rfl
  | succ n ih => rw [prod, ih, sum, Nat.pow_add]

theorem prod_one (n : Nat) : prod n (fun _ => 1) = 1 := by
  induction n with
  | zero => rfl
  | succ n ih => rw [prod, ih]

/-- Products may be taken in either order. -/
theorem prod_swap (m n : Nat) (f : Nat → Nat → Nat) :
    prod m (fun i => prod n (fun j => f i j)) = prod n (fun j => prod m (fun i => f i j)) := by
  induction m with
  | zero => simp [prod, prod_one]
  | succ m ih => simp only [prod, ih, prod_mul]

theorem prod_le_prod {n : Nat} {f g : Nat → Nat} (h : ∀ i, i < n → f i ≤ g i) : prod n f ≤ prod n g := by
  induction n with
  | zero => exact Nat.le_refl _
  | succ n ih => exact Nat.mul_le_mul (ih fun i hi => h i (by omega)) (h n (by omega))

/-- Factors that are no smaller, with an equal product that is not zero, are equal. -/
theorem eq_of_prod_eq {n : Nat} {f g : Nat → Nat} (hle : ∀ i, i < n → f i ≤ g i)
    (hpos : ∀ i, i < n → 0 < g i) (h : prod n f = prod n g) : ∀ i, i < n → f i = g i := by
  induction n with
  | zero => intro i hi; omega
  | succ n ih =>
    have h1 : prod n f ≤ prod n g := prod_le_prod fun i hi => hle i (by omega)
    have h2 := hle n (by omega)
    have h3 : 0 < prod n g := prod_pos fun i hi => hpos i (by omega)
    have h4 := hpos n (by omega)
    rw [prod, prod] at h
    have h5 : prod n g * g n ≤ prod n g * f n := h ▸ Nat.mul_le_mul_right (f n) h1
    have h6 : g n ≤ f n := Nat.le_of_mul_le_mul_left h5 h3
    have h7 : f n = g n := by omega
    rw [h7] at h
    have h8 : prod n f = prod n g := Nat.eq_of_mul_eq_mul_right h4 h
    intro i hi
    rcases Nat.lt_succ_iff_lt_or_eq.mp hi with hi | rfl
    · exact ih (fun i hi => hle i (by omega)) (fun i hi => hpos i (by omega)) h8 i hi
    · exact h7

theorem sum_append (m n : Nat) (f : Nat → Nat) : sum (m + n) f = sum m f + sum n (fun i => f (m + i)) := by
  induction n with
  | zero => rfl
  | succ n ih =>
    show sum (m + n) f + f (m + n) = _
    rw [ih, sum, Nat.add_assoc]

theorem prod_append (m n : Nat) (f : Nat → Nat) : prod (m + n) f = prod m f * prod n (fun i => f (m + i)) := by
  induction n with
  | zero => simp [prod]
  | succ n ih =>
    show prod (m + n) f * f (m + n) = _
    rw [ih, prod, Nat.mul_assoc]

theorem cell_of_grid (x n y : Nat) (h : y < n) : (x * n + y) / n = x ∧ (x * n + y) % n = y := by
  have hn : 0 < n := by omega
  constructor
  · rw [Nat.mul_comm, Nat.mul_add_div hn, Nat.div_eq_of_lt h, Nat.add_zero]
  · rw [Nat.mul_comm, Nat.mul_add_mod, Nat.mod_eq_of_lt h]

/-- A grid of cells, one row after the other. -/
theorem sum_grid (m n : Nat) (f : Nat → Nat → Nat) :
    sum (m * n) (fun i => f (i / n) (i % n)) = sum m (fun x => sum n (f x)) := by
  induction m with
  | zero => rw [Nat.zero_mul]; rfl
  | succ m ih =>
    rw [Nat.succ_mul, sum_append, ih, sum]
    congr 1
    exact sum_congr fun y hy => by rw [(cell_of_grid m n y hy).1, (cell_of_grid m n y hy).2]

/-- A grid of cells, one row after the other. -/
theorem prod_grid (m n : Nat) (f : Nat → Nat → Nat) :
    prod (m * n) (fun i => f (i / n) (i % n)) = prod m (fun x => prod n (f x)) := by
  induction m with
  | zero => rw [Nat.zero_mul]; rfl
  | succ m ih =>
    rw [Nat.succ_mul, prod_append, ih, prod]
    congr 1
    exact prod_congr fun y hy => by rw [(cell_of_grid m n y hy).1, (cell_of_grid m n y hy).2]

theorem ratSum_congr {n : Nat} {f g : Nat → Rat} (h : ∀ i, i < n → f i = g i) : ratSum n f = ratSum n g := by
  induction n with
  | zero => rfl
  | succ n ih => rw [ratSum, ratSum, ih fun i hi => h i (by omega), h n (by omega)]

theorem ratSum_le_ratSum {n : Nat} {f g : Nat → Rat} (h : ∀ i, i < n → f i ≤ g i) :
    ratSum n f ≤ ratSum n g := by
  induction n with
  | zero => exact Rat.le_refl
  | succ n ih =>
    have h1 := ih fun i hi => h i (by omega)
    have h2 := h n (by omega)
    rw [ratSum, ratSum]
    grind

theorem ratSum_nonneg {n : Nat} {f : Nat → Rat} (h : ∀ i, i < n → 0 ≤ f i) : 0 ≤ ratSum n f := by
  induction n with
  | zero => exact Rat.le_refl
  | succ n ih =>
    have h1 := ih fun i hi => h i (by omega)
    have h2 := h n (by omega)
    rw [ratSum]
    grind

theorem ratSum_add (n : Nat) (f g : Nat → Rat) : ratSum n (fun i => f i + g i) = ratSum n f + ratSum n g := by
  induction n with
  | zero => simp only [ratSum]; grind
  | succ n ih => simp only [ratSum, ih]; grind

theorem ratSum_sub (n : Nat) (f g : Nat → Rat) : ratSum n (fun i => f i - g i) = ratSum n f - ratSum n g := by
  induction n with
  | zero => simp only [ratSum]; grind
  | succ n ih => simp only [ratSum, ih]; grind

theorem ratSum_mul_left (n : Nat) (f : Nat → Rat) (c : Rat) :
    ratSum n (fun i => c * f i) = c * ratSum n f := by
  induction n with
  | zero => simp only [ratSum]; grind
  | succ n ih => simp only [ratSum, ih]; grind

theorem ratSum_natCast (n : Nat) (f : Nat → Nat) : ratSum n (fun i => (f i : Rat)) = (sum n f : Rat) := by
  induction n with
  | zero => rfl
  | succ n ih => rw [ratSum, ih, sum, Rat.natCast_add]

theorem ratSum_swap (m n : Nat) (f : Nat → Nat → Rat) :
    ratSum m (fun i => ratSum n (fun j => f i j)) = ratSum n (fun j => ratSum m (fun i => f i j)) := by
  induction m with
  | zero =>
    induction n with
    | zero => rfl
    | succ n ih => simp only [ratSum] at *; rw [← ih]; grind
  | succ m ih => simp only [ratSum, ih, ratSum_add]

theorem ratSum_append (m n : Nat) (f : Nat → Rat) :
    ratSum (m + n) f = ratSum m f + ratSum n (fun i => f (m + i)) := by
  induction n with
  | zero => simp only [ratSum, Nat.add_zero]; grind
  | succ n ih =>
    show ratSum (m + n) f + f (m + n) = _
    rw [ih, ratSum, Rat.add_assoc]

/-- A grid of cells, one row after the other. -/
theorem ratSum_grid (m n : Nat) (f : Nat → Nat → Rat) :
    ratSum (m * n) (fun i => f (i / n) (i % n)) = ratSum m (fun x => ratSum n (f x)) := by
  induction m with
  | zero => rw [Nat.zero_mul]; rfl
  | succ m ih =>
    rw [Nat.succ_mul, ratSum_append, ih, ratSum]
    congr 1
    exact ratSum_congr fun y hy => by rw [(cell_of_grid m n y hy).1, (cell_of_grid m n y hy).2]

end Thermine

end
