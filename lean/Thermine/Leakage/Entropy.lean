module

public import Thermine.Leakage.Leakage
public import Thermine.Basic.Rational

@[expose] public noncomputable section

/-!
# Entropy without logarithms

For counts `f` with sum `N`, `N^N / ∏ f^f` is the exponential of `N` times the entropy. The identities between
entropies become identities between products.
-/

namespace Thermine.Leakage

/-- `∏ f^f` over the outcomes. -/
def selfPowers (n : Nat) (f : Nat → Nat) : Nat := prod n (fun i => f i ^ f i)

/-- `exp (N H)`: the exponentiated entropy of `n` counts. -/
def expEntropy (n : Nat) (f : Nat → Nat) : Rat := ((sum n f ^ sum n f : Nat) : Rat) / (selfPowers n f : Nat)

theorem selfPowers_pos (n : Nat) (f : Nat → Nat) : 0 < selfPowers n f := prod_pos fun i _ => self_pow_pos (f i)

/-- Entropy is not negative. -/
theorem one_le_expEntropy (n : Nat) (f : Nat → Nat) : 1 ≤ expEntropy n f := by
  have hpos : (0 : Rat) < (selfPowers n f : Nat) := by exact_mod_cast selfPowers_pos n f
  have h : selfPowers n f ≤ sum n f ^ sum n f := by
    rw [← prod_const_pow n (sum n f) f]
    exact prod_le_prod fun i hi => Nat.pow_le_pow_left (le_sum f hi) _
  unfold expEntropy
  rw [le_div_iff hpos, Rat.one_mul]
  exact_mod_cast h

/-- Entropy is at most that of equal shares: `H ≤ log n`. -/
theorem expEntropy_le (n : Nat) (f : Nat → Nat) : expEntropy n f ≤ ((n ^ sum n f : Nat) : Rat) := by
  have hpos : (0 : Rat) < (selfPowers n f : Nat) := by exact_mod_cast selfPowers_pos n f
  have hone : sum n (fun _ => 1) = n := by
    clear hpos
    induction n with
    | zero => rfl
    | succ n ih => rw [sum, ih]
  have h := log_sum n f (fun _ => 1)
  simp only [Nat.one_pow, prod_one, Nat.one_mul, hone] at h
  unfold expEntropy
  rw [div_le_iff hpos]
  have h2 : sum n f ^ sum n f ≤ n ^ sum n f * selfPowers n f := by
    rw [Nat.mul_comm]
    exact h
  exact_mod_cast h2

namespace Table

variable (t : Table)

/-- `∏ n^n` over the cells. -/
def cells : Nat := prod t.rows (fun x => selfPowers t.cols (t.count x))

/-- `∏ c^n` over the cells, with `c` the sum of the cell's column. -/
def colPowers : Nat := prod t.rows (fun x => prod t.cols (fun y => t.colSum y ^ t.count x y))

theorem cells_pos : 0 < t.cells := prod_pos fun x _ => selfPowers_pos t.cols (t.count x)

/-- The numerator of `Λ` taken apart. -/
theorem leakageNum_eq : t.leakageNum = t.cells * t.total ^ t.total := by
  simp only [leakageNum, cells, selfPowers, Nat.mul_pow, prod_mul, prod_const_pow]
  rfl

/-- The denominator of `Λ` taken apart. -/
theorem leakageDen_eq : t.leakageDen = selfPowers t.rows t.rowSum * t.colPowers := by
  simp only [leakageDen, colPowers, selfPowers, Nat.mul_pow, prod_mul, prod_const_pow]
  rfl

theorem colPowers_eq : t.colPowers = selfPowers t.cols t.colSum := by
  unfold colPowers selfPowers
  rw [prod_swap]
  exact prod_congr fun y _ => prod_const_pow t.rows (t.colSum y) (fun x => t.count x y)

/-- `exp (N H(X))`. -/
def rowEntropy : Rat := expEntropy t.rows t.rowSum

/-- `exp (N H(Y))`. -/
def colEntropy : Rat := expEntropy t.cols t.colSum

/-- `exp (N H(X, Y))`. -/
def jointEntropy : Rat := ((t.total ^ t.total : Nat) : Rat) / (t.cells : Nat)

/-- `exp (N H(Y | X))`: the product over the rows of their own exponentiated entropies. -/
def conditionalEntropy : Rat := (selfPowers t.rows t.rowSum : Nat) / (t.cells : Nat)

/-- The chain rule: `H(X, Y) = H(X) + H(Y | X)`. -/
theorem chain_rule : t.jointEntropy = t.rowEntropy * t.conditionalEntropy := by
  have h1 : ((selfPowers t.rows t.rowSum : Nat) : Rat) ≠ 0 := by
    have := selfPowers_pos t.rows t.rowSum
    have : (0 : Rat) < (selfPowers t.rows t.rowSum : Nat) := by exact_mod_cast this
    grind
  have h2 : ((t.cells : Nat) : Rat) ≠ 0 := by
    have : (0 : Rat) < (t.cells : Nat) := by exact_mod_cast t.cells_pos
    grind
  unfold jointEntropy rowEntropy conditionalEntropy expEntropy
  show _ = ((t.total ^ t.total : Nat) : Rat) / _ * _
  grind

/-- Mutual information by entropies: `I(X; Y) = H(X) + H(Y) - H(X, Y)`. -/
theorem leakage_eq_entropies : t.leakage = t.rowEntropy * t.colEntropy / t.jointEntropy := by
  have pos : ∀ n : Nat, 0 < n → (n : Rat) ≠ 0 := by
    intro n hn
    have : (0 : Rat) < n := by exact_mod_cast hn
    grind
  have h1 := pos _ (selfPowers_pos t.rows t.rowSum)
  have h2 := pos _ (selfPowers_pos t.cols t.colSum)
  have h3 := pos _ t.cells_pos
  have h4 := pos _ (self_pow_pos t.total)
  have hcol : sum t.cols t.colSum = t.total := t.sum_colSum
  have hrow : sum t.rows t.rowSum = t.total := rfl
  unfold leakage rowEntropy colEntropy jointEntropy expEntropy
  rw [leakageNum_eq, leakageDen_eq, colPowers_eq, hcol, hrow, Rat.natCast_mul, Rat.natCast_mul]
  generalize ((t.total ^ t.total : Nat) : Rat) = a at *
  grind

/-- Mutual information is what a row tells about the column: `I(X; Y) = H(Y) - H(Y | X)`. -/
theorem leakage_eq_conditional : t.leakage = t.colEntropy / t.conditionalEntropy := by
  have pos : ∀ n : Nat, 0 < n → (n : Rat) ≠ 0 := by
    intro n hn
    have : (0 : Rat) < n := by exact_mod_cast hn
    grind
  have h1 := pos _ (selfPowers_pos t.rows t.rowSum)
  have h2 := pos _ (selfPowers_pos t.cols t.colSum)
  have h3 := pos _ t.cells_pos
  have hcol : sum t.cols t.colSum = t.total := t.sum_colSum
  unfold leakage colEntropy conditionalEntropy expEntropy
  rw [leakageNum_eq, leakageDen_eq, colPowers_eq, hcol, Rat.natCast_mul, Rat.natCast_mul]
  generalize ((t.total ^ t.total : Nat) : Rat) = a at *
  grind

/-- Conditional entropy is not negative. -/
theorem one_le_conditionalEntropy : 1 ≤ t.conditionalEntropy := by
  have hpos : (0 : Rat) < (t.cells : Nat) := by exact_mod_cast t.cells_pos
  have h : t.cells ≤ selfPowers t.rows t.rowSum := by
    refine prod_le_prod fun x _ => ?_
    show selfPowers t.cols (t.count x) ≤ sum t.cols (t.count x) ^ sum t.cols (t.count x)
    rw [← prod_const_pow t.cols (sum t.cols (t.count x)) (t.count x)]
    exact prod_le_prod fun y hy => Nat.pow_le_pow_left (le_sum (t.count x) hy) _
  unfold conditionalEntropy
  rw [le_div_iff hpos, Rat.one_mul]
  exact_mod_cast h

/-- No variable leaks more than it holds: `I(X; Y) ≤ H(Y)`. -/
theorem leakage_le_colEntropy : t.leakage ≤ t.colEntropy := by
  have h1 := t.one_le_conditionalEntropy
  have hpos : 0 < t.conditionalEntropy := by grind
  have h2 : 1 ≤ t.colEntropy := one_le_expEntropy _ _
  rw [leakage_eq_conditional, div_le_iff hpos]
  have := Rat.mul_le_mul_of_nonneg_left h1 (show 0 ≤ t.colEntropy by grind)
  grind

/-- Knowing the row never raises the entropy of the column: `H(Y | X) ≤ H(Y)`. -/
theorem conditionalEntropy_le : t.conditionalEntropy ≤ t.colEntropy := by
  have h1 := t.one_le_leakage
  have hpos : 0 < t.conditionalEntropy := by
    have := t.one_le_conditionalEntropy
    grind
  rw [leakage_eq_conditional, le_div_iff hpos, Rat.one_mul] at h1
  exact h1

end Table

/-- Four outcomes, once each: the entropy is the largest, `4^4`. -/
example : expEntropy 4 (fun _ => 1) = 256 := by
  have : (sum 4 fun _ => 1) ^ (sum 4 fun _ => 1) = 256 ∧ selfPowers 4 (fun _ => 1) = 1 := by decide
  unfold expEntropy
  rw [this.1, this.2]
  grind

end Thermine.Leakage

end
