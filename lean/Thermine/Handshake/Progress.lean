module

public import Thermine.Handshake.Safety

@[expose] public section

/-!
# Progress of the handshake

A silent unit, or one that answers nonsense, delays a step by its time-out at most.
-/

namespace Thermine.Handshake

theorem judge_keeps (s : State) (a : Answer) :
    (judge s a).step = s.step ∧ (judge s a).now = s.now ∧ (judge s a).started = s.started := by
  unfold judge
  split <;> exact ⟨rfl, rfl, rfl⟩

theorem step_le_settle (p : Pace) (s : State) : s.step ≤ (settle p s).step := by
  unfold settle
  split
  · exact Nat.le_succ _
  · exact Nat.le_refl _

theorem settle_of_step_eq (p : Pace) (s : State) (h : (settle p s).step = s.step) :
    settle p s = s ∧ ¬ Over p s := by
  by_cases ho : Over p s
  · simp only [settle, if_pos ho, send] at h
    omega
  · simp [settle, ho]

/-- Steps never go back. -/
theorem step_le_next (p : Pace) (s : State) (i : Input) : s.step ≤ (next p s i).step := by
  cases i with
  | answer a =>
    have := step_le_settle p (judge s a)
    rwa [(judge_keeps s a).1] at this
  | tick => exact step_le_settle p { s with now := s.now + 1 }
  | renew => exact Nat.le_refl _

theorem step_le_run (p : Pace) (inputs : List Input) (s : State) : s.step ≤ (run p s inputs).step := by
  induction inputs generalizing s with
  | nil => exact Nat.le_refl _
  | cons i is ih => exact Nat.le_trans (step_le_next p s i) (ih _)

/-- As long as a step lasts, its ticks stay short of its deadline. -/
theorem ticks_lt_of_step_eq (p : Pace) (inputs : List Input) (s : State)
    (h : (run p s inputs).step = s.step) (hticks : 0 < ticks inputs) :
    s.now + ticks inputs < deadline p s := by
  induction inputs generalizing s with
  | nil => exact absurd hticks (by simp [ticks])
  | cons i is ih =>
    have h1 := step_le_next p s i
    have h2 := step_le_run p is (next p s i)
    have hstep : (next p s i).step = s.step := by
      simp only [run] at h
      omega
    have hrest : (run p (next p s i) is).step = (next p s i).step := by
      rw [hstep]
      exact h
    cases i with
    | answer a =>
      obtain ⟨k1, k2, k3⟩ := judge_keeps s a
      have hs := (settle_of_step_eq p (judge s a) (by rw [k1]; exact hstep)).1
      have hi := ih _ hrest hticks
      simp only [next, hs, deadline, k2, k3] at hi
      exact hi
    | tick =>
      have hs := settle_of_step_eq p { s with now := s.now + 1 } hstep
      have hno : s.now + 1 < deadline p s := by
        have := hs.2
        simp only [Over, deadline, not_or] at this
        simp only [deadline]
        omega
      cases Nat.eq_zero_or_pos (ticks is) with
      | inl h0 => simpa [ticks, h0] using hno
      | inr hp =>
        have hi := ih _ hrest hp
        simp only [next, hs.1, deadline] at hi
        simp only [ticks, deadline]
        omega
    | renew =>
      have hi := ih _ hrest hticks
      simp only [next, send, deadline] at hi
      exact hi

/-- Progress: once the time-out has passed, the step has ended, whatever came or did not come from the wire. -/
theorem progress_under_timeout (p : Pace) (s : State) (h : Reachable p s) (inputs : List Input)
    (hticks : max p.timeout p.hold ≤ ticks inputs) (hpos : 0 < ticks inputs) :
    s.step < (run p s inputs).step := by
  apply Nat.lt_of_le_of_ne (step_le_run p inputs s)
  intro heq
  have := ticks_lt_of_step_eq p inputs s heq.symm hpos
  have := (invariant_of_reachable p s h).time
  simp only [deadline] at *
  omega

/-- A job that is no longer in flight stays so, and gains no samples, for ever. -/
theorem dropped_job_gains_no_sample (p : Pace) (inputs : List Input) (s : State) (job : Nat)
    (hsent : job < s.nextJob) (hdropped : job ∉ s.inFlight) :
    (run p s inputs).samples.filter (·.answer.job = job) = s.samples.filter (·.answer.job = job) := by
  induction inputs generalizing s with
  | nil => rfl
  | cons i is ih =>
    have hsend : ∀ t : State, t.nextJob = s.nextJob → job < (send t).nextJob ∧ job ∉ (send t).inFlight := by
      intro t ht
      simp only [send, ht, List.mem_singleton]
      omega
    have hsettle : ∀ t : State, t.nextJob = s.nextJob → t.inFlight = s.inFlight →
        job < (settle p t).nextJob ∧ job ∉ (settle p t).inFlight ∧ (settle p t).samples = t.samples := by
      intro t ht hf
      unfold settle
      split
      · exact ⟨(hsend _ ht).1, (hsend _ ht).2, rfl⟩
      · exact ⟨ht ▸ hsent, hf ▸ hdropped, rfl⟩
    show (run p (next p s i) is).samples.filter _ = _
    cases i with
    | answer a =>
      have hj : (judge s a).nextJob = s.nextJob ∧ (judge s a).inFlight = s.inFlight := by
        unfold judge
        split <;> exact ⟨rfl, rfl⟩
      obtain ⟨h1, h2, h3⟩ := hsettle (judge s a) hj.1 hj.2
      rw [ih (next p s (.answer a)) h1 h2]
      show (settle p (judge s a)).samples.filter _ = _
      rw [h3]
      unfold judge
      split
      · rename_i hc
        have hne : a.job ≠ job := fun he => hdropped (he ▸ hc.1)
        simp [hne]
      · rfl
    | tick =>
      obtain ⟨h1, h2, h3⟩ := hsettle { s with now := s.now + 1 } rfl rfl
      rw [ih (next p s .tick) h1 h2]
      show (settle p { s with now := s.now + 1 }).samples.filter _ = _
      rw [h3]
    | renew =>
      obtain ⟨h1, h2⟩ := hsend s rfl
      rw [ih (next p s .renew) h1 h2]
      rfl

end Thermine.Handshake

end
