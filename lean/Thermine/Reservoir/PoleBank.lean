module

public import Thermine.Basic.Sum
public import Thermine.Basic.Rational
public import Thermine.Reservoir.EchoState

@[expose] public noncomputable section

/-!
# What a bank of real poles cannot do

Heat that spreads by conduction is a bank of leaky integrators, each with a real pole `0 < a < 1`. A linear
readout of `K` of them weighs the input `k` steps back by `∑ᵢ wᵢ aᵢ^k`. Such a kernel changes its sign fewer than
`K` times, so it is not a delay, whatever the weights.
-/

namespace Thermine.Reservoir

/-- One leaky integrator from rest: `y[t+1] = a y[t] + b u[t]`. -/
def leaky (a b : Rat) (u : Nat → Rat) : Nat → Rat
  | 0 => 0
  | t + 1 => a * leaky a b u t + b * u t

/-- A linear readout, with weights `c`, of `K` leaky integrators that the input `u` drives. -/
def bankReadout (K : Nat) (c b a : Nat → Rat) (u : Nat → Rat) (t : Nat) : Rat :=
  ratSum K (fun i => c i * leaky (a i) (b i) u t)

/-- Weight of the input `k` steps back, `∑ᵢ wᵢ aᵢ^k`. -/
def kernel (K : Nat) (w a : Nat → Rat) (k : Nat) : Rat := ratSum K (fun i => w i * a i ^ k)

/-! ## The readout is its kernel -/

theorem leaky_eq (a b : Rat) (u : Nat → Rat) (n : Nat) :
    leaky a b u n = ratSum n (fun k => b * a ^ k * u (n - 1 - k)) := by
  induction n with
  | zero => rfl
  | succ n ih =>
    rw [leaky, ih, Nat.add_comm n 1, ratSum_append, ← ratSum_mul_left]
    have h : ratSum n (fun k => a * (b * a ^ k * u (n - 1 - k)))
        = ratSum n (fun k => b * a ^ (1 + k) * u (1 + n - 1 - (1 + k))) := by
      refine ratSum_congr fun k _ => ?_
      have h1 : 1 + n - 1 - (1 + k) = n - 1 - k := by omega
      rw [h1, Nat.add_comm 1 k, Rat.pow_succ]
      grind
    have h2 : ratSum 1 (fun k => b * a ^ k * u (1 + n - 1 - k)) = b * u n := by
      simp only [ratSum, Rat.pow_zero]
      have : 1 + n - 1 - 0 = n := by omega
      rw [this]
      grind
    rw [h, h2]
    grind

/-- The readout is a weighted sum of past inputs, the weights given by the kernel. -/
theorem bankReadout_eq (K : Nat) (c b a u : Nat → Rat) (n : Nat) :
    bankReadout K c b a u n = ratSum n (fun k => kernel K (fun i => c i * b i) a k * u (n - 1 - k)) := by
  have h1 : bankReadout K c b a u n
      = ratSum K (fun i => ratSum n (fun k => c i * b i * a i ^ k * u (n - 1 - k))) := by
    refine ratSum_congr fun i _ => ?_
    rw [leaky_eq, ← ratSum_mul_left]
    exact ratSum_congr fun k _ => by grind
  rw [h1, ratSum_swap]
  refine ratSum_congr fun k _ => ?_
  rw [kernel, Rat.mul_comm, ← ratSum_mul_left]
  exact ratSum_congr fun i _ => by grind

/-! ## Signs of the kernel -/

/-- Advancing the kernel and taking the last pole away leaves one pole fewer. -/
theorem kernel_drop (K : Nat) (w a : Nat → Rat) (k : Nat) :
    a K * kernel (K + 1) w a k - kernel (K + 1) w a (k + 1)
      = kernel K (fun i => w i * (a K - a i)) a k := by
  unfold kernel
  simp only [ratSum, Rat.pow_succ]
  have h : a K * ratSum K (fun i => w i * a i ^ k) - ratSum K (fun i => w i * (a i ^ k * a i))
      = ratSum K (fun i => w i * (a K - a i) * a i ^ k) := by
    rw [← ratSum_mul_left, ← ratSum_sub]
    exact ratSum_congr fun i _ => by grind
  rw [← h]
  grind

theorem kernel_neg (K : Nat) (w a : Nat → Rat) (k : Nat) :
    kernel K (fun i => -1 * w i) a k = -kernel K w a k := by
  have h : kernel K (fun i => -1 * w i) a k = -1 * kernel K w a k := by
    unfold kernel
    rw [← ratSum_mul_left]
    exact ratSum_congr fun i _ => by grind
  rw [h]
  grind

/-- Between two lags at which a sequence changes its sign, it somewhere falls below `a` times what it was. -/
theorem exists_drop (f : Nat → Rat) (a e : Rat) (ha : 0 ≤ a) (n : Nat) : ∀ p, 0 ≤ e * f p →
    e * f (p + (n + 1)) ≤ 0 → ∃ k, p ≤ k ∧ k < p + (n + 1) ∧ 0 ≤ e * (a * f k - f (k + 1)) := by
  induction n with
  | zero =>
    intro p hp hq
    refine ⟨p, by omega, by omega, ?_⟩
    have h1 := Rat.mul_nonneg ha hp
    have h2 : p + (0 + 1) = p + 1 := by omega
    rw [h2] at hq
    grind
  | succ n ih =>
    intro p hp hq
    by_cases h : 0 ≤ e * (a * f p - f (p + 1))
    · exact ⟨p, by omega, by omega, h⟩
    · have h1 := Rat.mul_nonneg ha hp
      have h2 : p + (n + 1 + 1) = p + 1 + (n + 1) := by omega
      rw [h2] at hq
      obtain ⟨k, hk1, hk2, hk3⟩ := ih (p + 1) (by grind) hq
      exact ⟨k, by omega, by omega, hk3⟩

theorem neg_one_pow_succ (j : Nat) : (-1 : Rat) ^ (j + 1) = -((-1) ^ j) := by
  rw [Rat.pow_succ]
  grind

theorem geometric (f : Nat → Rat) (a : Rat) (h : ∀ k, f (k + 1) = a * f k) (k : Nat) : f k = f 0 * a ^ k := by
  induction k with
  | zero =>
    rw [Rat.pow_zero]
    grind
  | succ k ih =>
    rw [h, ih, Rat.pow_succ]
    grind

theorem pow_pos (a : Rat) (n : Nat) (h : 0 < a) : 0 < a ^ n := by
  induction n with
  | zero =>
    rw [Rat.pow_zero]
    decide
  | succ n ih =>
    rw [Rat.pow_succ]
    exact Rat.mul_pos ih h

/-- The rule of signs: a kernel of `K` positive poles whose signs alternate at `K + 1` lags, zeros allowed, is zero
everywhere. -/
theorem kernel_eq_zero_of_alternating (K : Nat) (w a : Nat → Rat) (lag : Nat → Nat)
    (ha : ∀ i, i < K → 0 < a i) (hlag : ∀ j, j < K → lag j < lag (j + 1))
    (h : ∀ j, j ≤ K → 0 ≤ (-1) ^ j * kernel K w a (lag j)) : ∀ k, kernel K w a k = 0 := by
  induction K generalizing w lag with
  | zero => intro k; rfl
  | succ K ih =>
    have hpole := ha K (by omega)
    have hdrop : ∀ j, ∃ k, j ≤ K → lag j ≤ k ∧ k < lag (j + 1)
        ∧ 0 ≤ (-1) ^ j * (a K * kernel (K + 1) w a k - kernel (K + 1) w a (k + 1)) := by
      intro j
      by_cases hj : j ≤ K
      · have h1 := h j (by omega)
        have h2 := h (j + 1) (by omega)
        have h3 := hlag j (by omega)
        rw [neg_one_pow_succ] at h2
        obtain ⟨n, hn⟩ : ∃ n, lag (j + 1) = lag j + (n + 1) := ⟨lag (j + 1) - lag j - 1, by omega⟩
        rw [hn] at h2 ⊢
        obtain ⟨k, hk⟩ := exists_drop (kernel (K + 1) w a) (a K) ((-1) ^ j) (Rat.le_of_lt hpole) n (lag j) h1
          (by grind)
        exact ⟨k, fun _ => hk⟩
      · exact ⟨0, fun h => absurd h hj⟩
    obtain ⟨lag', hlag'⟩ := Classical.axiomOfChoice hdrop
    have hzero := ih (fun i => w i * (a K - a i)) lag' (fun i hi => ha i (by omega))
      (fun j hj => by
        have h1 := hlag' j (by omega)
        have h2 := hlag' (j + 1) (by omega)
        omega)
      (fun j hj => by
        rw [← kernel_drop]
        exact (hlag' j hj).2.2)
    have hgeometric := geometric (kernel (K + 1) w a) (a K) fun k => by
      have h1 := kernel_drop K w a k
      rw [hzero k] at h1
      grind
    have h0 := h 0 (by omega)
    have h1 := h 1 (by omega)
    rw [hgeometric, Rat.pow_zero] at h0
    rw [hgeometric, Rat.pow_succ, Rat.pow_zero] at h1
    have hp0 := pow_pos (a K) (lag 0) hpole
    have hp1 := pow_pos (a K) (lag 1) hpole
    have hfirst : kernel (K + 1) w a 0 = 0 := by
      rcases (Rat.le_total : kernel (K + 1) w a 0 ≤ 0 ∨ 0 ≤ kernel (K + 1) w a 0) with hs | hs
      · by_cases hz : kernel (K + 1) w a 0 = 0
        · exact hz
        · have := Rat.mul_pos (show 0 < -kernel (K + 1) w a 0 by grind) hp0
          grind
      · by_cases hz : kernel (K + 1) w a 0 = 0
        · exact hz
        · have := Rat.mul_pos (show 0 < kernel (K + 1) w a 0 by grind) hp1
          grind
    intro k
    rw [hgeometric, hfirst]
    grind

/-! ## Zeros of the kernel -/

/-- The lags in order, with `k` put in its place. -/
def inserted (K : Nat) (lag : Nat → Nat) (k j : Nat) : Nat :=
  if j < K ∧ lag j < k then lag j else if j = 0 ∨ lag (j - 1) < k then k else lag (j - 1)

theorem inserted_lt (K : Nat) (lag : Nat → Nat) (k : Nat) (hlag : ∀ j, j + 1 < K → lag j < lag (j + 1))
    (hk : ∀ j, j < K → lag j ≠ k) (j : Nat) (hj : j < K) : inserted K lag k j < inserted K lag k (j + 1) := by
  have h0 := hk j hj
  have h1 : j + 1 < K → lag j < lag (j + 1) := hlag j
  have h2 : j ≠ 0 → lag (j - 1) < lag j := fun hz => by
    have := hlag (j - 1) (by omega)
    rwa [Nat.sub_add_cancel (by omega)] at this
  unfold inserted
  rw [Nat.add_sub_cancel]
  split <;> split <;> (try split) <;> (try split) <;> omega

theorem inserted_cases (K : Nat) (lag : Nat → Nat) (k j : Nat) (hj : j ≤ K) :
    inserted K lag k j = k ∨ ∃ i, i < K ∧ inserted K lag k j = lag i := by
  unfold inserted
  split
  · exact .inr ⟨j, by omega, rfl⟩
  · split
    · exact .inl rfl
    · exact .inr ⟨j - 1, by omega, rfl⟩

theorem lt_of_lt_succ (K : Nat) (f : Nat → Nat) (h : ∀ j, j < K → f j < f (j + 1)) (j : Nat) :
    ∀ i, i < j → j ≤ K → f i < f j := by
  induction j with
  | zero => intro i hi; omega
  | succ j ih =>
    intro i hi hj
    have h1 := h j (by omega)
    by_cases hij : i = j
    · rw [hij]
      exact h1
    · have := ih i (by omega) (by omega)
      omega

/-- A kernel of `K` positive poles that is zero at `K` lags is zero everywhere: beside the zero kernel, none has `K`
zeros. -/
theorem kernel_eq_zero_of_zeros (K : Nat) (w a : Nat → Rat) (lag : Nat → Nat)
    (ha : ∀ i, i < K → 0 < a i) (hlag : ∀ j, j + 1 < K → lag j < lag (j + 1))
    (h : ∀ j, j < K → kernel K w a (lag j) = 0) (k : Nat) : kernel K w a k = 0 := by
  by_cases hlags : ∃ j, j < K ∧ lag j = k
  · obtain ⟨j, hj, rfl⟩ := hlags
    exact h j hj
  have hk : ∀ j, j < K → lag j ≠ k := fun j hj he => hlags ⟨j, hj, he⟩
  have hlt := inserted_lt K lag k hlag hk
  have hother : ∀ j, j ≤ K → inserted K lag k j ≠ k → kernel K w a (inserted K lag k j) = 0 := by
    intro j hj hne
    rcases inserted_cases K lag k j hj with he | ⟨i, hi, he⟩
    · exact absurd he hne
    · rw [he]
      exact h i hi
  by_cases hplace : ∃ m, m ≤ K ∧ inserted K lag k m = k
  · obtain ⟨m, hm, hmk⟩ := hplace
    have hne : ∀ j, j ≤ K → j ≠ m → inserted K lag k j ≠ k := by
      intro j hj hjm he
      rcases Nat.lt_or_gt_of_ne hjm with hlt' | hlt'
      · have := lt_of_lt_succ K _ hlt m j hlt' hm
        omega
      · have := lt_of_lt_succ K _ hlt j m hlt' hj
        omega
    by_cases hsign : 0 ≤ (-1) ^ m * kernel K w a k
    · refine kernel_eq_zero_of_alternating K w a (inserted K lag k) ha hlt (fun j hj => ?_) k
      by_cases hjm : j = m
      · rw [hjm, hmk]
        exact hsign
      · rw [hother j hj (hne j hj hjm)]
        grind
    · have hz := kernel_eq_zero_of_alternating K (fun i => -1 * w i) a (inserted K lag k) ha hlt (fun j hj => by
        rw [kernel_neg]
        by_cases hjm : j = m
        · rw [hjm, hmk]
          grind
        · rw [hother j hj (hne j hj hjm)]
          grind) k
      rw [kernel_neg] at hz
      grind
  · refine kernel_eq_zero_of_alternating K w a (inserted K lag k) ha hlt (fun j hj => ?_) k
    rw [hother j hj fun he => hplace ⟨j, hj, he⟩]
    grind

/-- A bank of any `K` real poles, negative or equal ones too, that is blind to the `K` newest inputs is blind to all
inputs. -/
theorem kernel_eq_zero_of_blind (K : Nat) (w a : Nat → Rat) (h : ∀ k, k < K → kernel K w a k = 0) (k : Nat) :
    kernel K w a k = 0 := by
  induction K generalizing w k with
  | zero => rfl
  | succ K ih =>
    have hdrop := ih (fun i => w i * (a K - a i)) fun k hk => by
      rw [← kernel_drop, h k (by omega), h (k + 1) (by omega)]
      grind
    rw [geometric (kernel (K + 1) w a) (a K) (fun k => by
      have h1 := kernel_drop K w a k
      rw [hdrop k] at h1
      grind) k, h 0 (by omega)]
    grind

/-- Positive poles see no lag alone, however many they are: a kernel that is zero at every lag but `d` is zero at
`d` too. -/
theorem kernel_sees_no_lag_alone (K : Nat) (w a : Nat → Rat) (ha : ∀ i, i < K → 0 < a i) (d : Nat)
    (h : ∀ k, k ≠ d → kernel K w a k = 0) : kernel K w a d = 0 :=
  kernel_eq_zero_of_zeros K w a (fun j => d + 1 + j) ha
    (fun j _ => by show d + 1 + j < d + 1 + (j + 1); omega) (fun j _ => h _ (by show d + 1 + j ≠ d; omega)) d

/-! ## No delay -/

/-- An input of 1 at step 0, and nothing after. -/
def impulse (t : Nat) : Rat := if t = 0 then 1 else 0

theorem leaky_impulse (a b : Rat) (n : Nat) : leaky a b impulse (n + 1) = b * a ^ n := by
  induction n with
  | zero =>
    simp only [leaky, impulse, Rat.pow_zero]
    grind
  | succ n ih =>
    rw [leaky, ih, Rat.pow_succ, impulse]
    grind

/-- No linear readout of a bank of leaky integrators with positive poles is a delay, of any length `d` and with any
number of poles: on some input it does not give back what came in `d` steps before. -/
theorem bank_is_no_delay (K : Nat) (c b a : Nat → Rat) (ha : ∀ i, i < K → 0 < a i) (d : Nat) :
    ¬ ∀ u n, bankReadout K c b a u (n + d + 1) = u n := by
  intro h
  have himpulse : ∀ n, bankReadout K c b a impulse (n + 1) = kernel K (fun i => c i * b i) a n := by
    intro n
    refine ratSum_congr fun i _ => ?_
    rw [leaky_impulse]
    grind
  have hd : kernel K (fun i => c i * b i) a d = 1 := by
    rw [← himpulse]
    have := h impulse 0
    rwa [Nat.zero_add] at this
  have hz := kernel_eq_zero_of_zeros K (fun i => c i * b i) a (fun j => d + 1 + j) ha
    (fun j _ => by show d + 1 + j < d + 1 + (j + 1); omega) (fun j _ => by
      rw [← himpulse]
      have h1 := h impulse (1 + j)
      rw [show 1 + j + d + 1 = d + 1 + j + 1 by omega] at h1
      rw [h1, impulse]
      grind) d
  grind

/-! ## No product of two inputs alone -/

/-- Weight of `u[t-k] u[t-l]` in a readout of all products of two states, `∑ᵢⱼ cᵢⱼ (aᵢ^k aⱼ^l + aᵢ^l aⱼ^k)`. -/
def productKernel (K : Nat) (c : Nat → Nat → Rat) (a : Nat → Rat) (k l : Nat) : Rat :=
  kernel K (fun i => kernel K (fun j => c i j + c j i) a l) a k

/-- Products do not change this: a readout of all products of two states that gives `u[t-k] u[t-l]` no weight for
every `k` but `d` gives `u[t-d] u[t-l]` no weight either. NARMA-10 asks for `u[t] u[t-9]` alone. -/
theorem products_see_no_pair_alone (K : Nat) (c : Nat → Nat → Rat) (a : Nat → Rat) (ha : ∀ i, i < K → 0 < a i)
    (d l : Nat) (h : ∀ k, k ≠ d → productKernel K c a k l = 0) : productKernel K c a d l = 0 :=
  kernel_sees_no_lag_alone K _ a ha d h

/-! ## Fading memory -/

/-- A kernel whose weights are not negative never increases: each input counts less than the one after it. -/
theorem kernel_antitone (K : Nat) (w a : Nat → Rat) (hw : ∀ i, i < K → 0 ≤ w i)
    (ha : ∀ i, i < K → 0 ≤ a i ∧ a i ≤ 1) (k : Nat) : kernel K w a (k + 1) ≤ kernel K w a k := by
  refine ratSum_le_ratSum fun i hi => ?_
  have h1 := Rat.mul_nonneg (hw i hi) (pow_nonneg (a i) k (ha i hi).1)
  have h2 := Rat.mul_nonneg h1 (show 0 ≤ 1 - a i by have := (ha i hi).2; grind)
  rw [Rat.pow_succ]
  grind

/-- Without its sign. -/
def size (x : Rat) : Rat := if 0 ≤ x then x else -x

theorem size_nonneg (x : Rat) : 0 ≤ size x := by
  unfold size
  split <;> grind

theorem size_add (x y : Rat) : size (x + y) ≤ size x + size y := by
  unfold size
  split <;> split <;> split <;> grind

theorem size_of_nonneg (x : Rat) (h : 0 ≤ x) : size x = x := by
  unfold size
  grind

theorem size_neg (x : Rat) : size (-x) = size x := by
  unfold size
  split <;> split <;> grind

theorem size_mul (x y : Rat) : size (x * y) = size x * size y := by
  have hright : ∀ x y : Rat, 0 ≤ x → size (x * y) = size x * size y := by
    intro x y hx
    rw [size_of_nonneg x hx]
    by_cases hy : 0 ≤ y
    · rw [size_of_nonneg y hy, size_of_nonneg _ (Rat.mul_nonneg hx hy)]
    · have hy : 0 ≤ -y := by grind
      rw [← size_neg y, size_of_nonneg _ hy, ← size_neg, show -(x * y) = x * -y by grind,
        size_of_nonneg _ (Rat.mul_nonneg hx hy)]
  by_cases hx : 0 ≤ x
  · exact hright x y hx
  · rw [← size_neg, show -(x * y) = -x * y by grind, hright (-x) y (by grind), size_neg]

theorem size_ratSum (n : Nat) (f : Nat → Rat) : size (ratSum n f) ≤ ratSum n (fun i => size (f i)) := by
  induction n with
  | zero =>
    simp only [ratSum, size]
    grind
  | succ n ih =>
    simp only [ratSum]
    have := size_add (ratSum n f) (f n)
    grind

theorem pow_le_pow (a r : Rat) (n : Nat) (ha : 0 ≤ a) (har : a ≤ r) : a ^ n ≤ r ^ n := by
  induction n with
  | zero =>
    rw [Rat.pow_zero, Rat.pow_zero]
    exact Rat.le_refl
  | succ n ih =>
    rw [Rat.pow_succ, Rat.pow_succ]
    have h1 := Rat.mul_le_mul_of_nonneg_right ih ha
    have h2 := Rat.mul_le_mul_of_nonneg_left har (pow_nonneg r n (by grind))
    grind

/-- The difference of two states after `n` inputs in common is what was left of it `n` steps ago, times `aⁿ`. -/
theorem leaky_sub (a b : Rat) (u v : Nat → Rat) (m n : Nat) (h : ∀ t, m ≤ t → u t = v t) :
    leaky a b u (m + n) - leaky a b v (m + n) = (leaky a b u m - leaky a b v m) * a ^ n := by
  induction n with
  | zero =>
    rw [Nat.add_zero, Rat.pow_zero]
    grind
  | succ n ih =>
    show leaky a b u (m + n + 1) - leaky a b v (m + n + 1) = _
    rw [leaky, leaky, h (m + n) (by omega), Rat.pow_succ]
    grind

/-- Fading memory: where two inputs agree in the last `n` steps, the readouts differ by `rateⁿ` times what weights
and states differed by before, at most; `rate` is the slowest pole. -/
theorem bank_fading_memory (K : Nat) (c b a : Nat → Rat) (rate : Rat) (ha : ∀ i, i < K → 0 ≤ a i ∧ a i ≤ rate)
    (u v : Nat → Rat) (m n : Nat) (h : ∀ t, m ≤ t → u t = v t) :
    size (bankReadout K c b a u (m + n) - bankReadout K c b a v (m + n))
      ≤ rate ^ n * ratSum K (fun i => size (c i * (leaky (a i) (b i) u m - leaky (a i) (b i) v m))) := by
  have h1 : bankReadout K c b a u (m + n) - bankReadout K c b a v (m + n)
      = ratSum K (fun i => c i * (leaky (a i) (b i) u m - leaky (a i) (b i) v m) * a i ^ n) := by
    unfold bankReadout
    rw [← ratSum_sub]
    refine ratSum_congr fun i _ => ?_
    have := leaky_sub (a i) (b i) u v m n h
    grind
  rw [h1, ← ratSum_mul_left]
  refine Rat.le_trans (size_ratSum K _) (ratSum_le_ratSum fun i hi => ?_)
  rw [size_mul, size_of_nonneg _ (pow_nonneg (a i) n (ha i hi).1)]
  have := Rat.mul_le_mul_of_nonneg_left (pow_le_pow (a i) rate n (ha i hi).1 (ha i hi).2)
    (size_nonneg (c i * (leaky (a i) (b i) u m - leaky (a i) (b i) v m)))
  grind

/-- A bounded input leaves a bounded state. -/
theorem size_leaky_le (a b bound : Rat) (u : Nat → Rat) (ha : 0 ≤ a) (ha1 : a < 1) (hu : ∀ t, size (u t) ≤ bound)
    (t : Nat) : size (leaky a b u t) ≤ size b * bound / (1 - a) := by
  have hpos : 0 < 1 - a := by grind
  have hb := size_nonneg b
  have hbound : 0 ≤ bound := Rat.le_trans (size_nonneg _) (hu 0)
  rw [le_div_iff hpos]
  induction t with
  | zero =>
    have h1 := Rat.mul_nonneg hb hbound
    rw [leaky, size_of_nonneg 0 Rat.le_refl]
    grind
  | succ t ih =>
    have h1 := size_add (a * leaky a b u t) (b * u t)
    rw [size_mul, size_mul, size_of_nonneg a ha] at h1
    have h2 := Rat.mul_le_mul_of_nonneg_left (hu t) hb
    have h3 := Rat.mul_le_mul_of_nonneg_left ih ha
    have h4 : size (leaky a b u (t + 1)) ≤ a * size (leaky a b u t) + size b * bound := by
      rw [leaky]
      grind
    have h5 := Rat.mul_le_mul_of_nonneg_right h4 (Rat.le_of_lt hpos)
    have h6 := Rat.mul_nonneg hb hbound
    have h7 := Rat.mul_le_mul_of_nonneg_right h3 (Rat.le_of_lt hpos)
    grind

/-- Fading memory with a bound that does not depend on the past: both inputs have a size of `bound` at most, and
agree in the last `n` steps. -/
theorem bank_fading_memory_bound (K : Nat) (c b a : Nat → Rat) (rate bound : Rat)
    (ha : ∀ i, i < K → 0 ≤ a i ∧ a i ≤ rate) (hrate : rate < 1) (u v : Nat → Rat) (hu : ∀ t, size (u t) ≤ bound)
    (hv : ∀ t, size (v t) ≤ bound) (m n : Nat) (h : ∀ t, m ≤ t → u t = v t) :
    size (bankReadout K c b a u (m + n) - bankReadout K c b a v (m + n))
      ≤ rate ^ n * ratSum K (fun i => size (c i) * (2 * (size (b i) * bound / (1 - a i)))) := by
  by_cases hK : K = 0
  · subst hK
    show size (0 - 0) ≤ rate ^ n * 0
    rw [show (0 : Rat) - 0 = 0 by grind, size_of_nonneg 0 Rat.le_refl]
    grind
  have hrate0 : 0 ≤ rate := Rat.le_trans (ha 0 (by omega)).1 (ha 0 (by omega)).2
  refine Rat.le_trans (bank_fading_memory K c b a rate ha u v m n h) ?_
  refine Rat.mul_le_mul_of_nonneg_left (ratSum_le_ratSum fun i hi => ?_) (pow_nonneg rate n hrate0)
  have hai := ha i hi
  have h1 := size_leaky_le (a i) (b i) bound u hai.1 (by grind) hu m
  have h2 := size_leaky_le (a i) (b i) bound v hai.1 (by grind) hv m
  have h3 := size_add (leaky (a i) (b i) u m) (-leaky (a i) (b i) v m)
  rw [size_neg] at h3
  rw [size_mul]
  refine Rat.mul_le_mul_of_nonneg_left ?_ (size_nonneg (c i))
  grind

/-- Two poles, 1/2 and 1/3, weights 1 and -1: blind to the newest input, and to no other. -/
example : kernel 2 (fun i => if i = 0 then 1 else -1) (fun i => if i = 0 then 1 / 2 else 1 / 3) 0 = 0
    ∧ kernel 2 (fun i => if i = 0 then 1 else -1) (fun i => if i = 0 then 1 / 2 else 1 / 3) 1 = 1 / 6 := by
  simp only [kernel, ratSum, Rat.pow_zero, Rat.pow_succ]
  grind

end Thermine.Reservoir

end
