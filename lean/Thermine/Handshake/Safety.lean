module

public import Thermine.Handshake.Machine

@[expose] public section

/-!
# Safety of the handshake

Whatever the unit answers and whenever: one job in flight, each sample in exactly one job of exactly one step, no
answer counted twice, no answer to an earlier job counted at all.
-/

namespace Thermine.Handshake

/-- What holds in every reachable state. -/
structure Invariant (s : State) : Prop where
  /-- One job is in flight, the latest, and it was sent in this step. -/
  flight : s.inFlight = [s.nextJob - 1] ∧ 0 < s.nextJob ∧ (s.nextJob - 1, s.step) ∈ s.sent
  /-- Job numbers are never used ahead of time. -/
  fresh : ∀ e ∈ s.sent, e.1 < s.nextJob
  /-- No job is sent in two steps. -/
  once : ∀ e ∈ s.sent, ∀ e' ∈ s.sent, e.1 = e'.1 → e = e'
  /-- The job of a sample was sent in the sample's step. -/
  known : ∀ x ∈ s.samples, (x.answer.job, x.step) ∈ s.sent
  /-- No answer counts twice. -/
  distinct : (s.samples.map Sample.answer).Nodup
  /-- The step began in the past. -/
  time : s.started ≤ s.now

/-- What must hold before a job is sent. -/
theorem invariant_send (s : State) (fresh : ∀ e ∈ s.sent, e.1 < s.nextJob)
    (once : ∀ e ∈ s.sent, ∀ e' ∈ s.sent, e.1 = e'.1 → e = e')
    (known : ∀ x ∈ s.samples, (x.answer.job, x.step) ∈ s.sent)
    (distinct : (s.samples.map Sample.answer).Nodup) (time : s.started ≤ s.now) : Invariant (send s) where
  flight := by simp [send]
  fresh := by
    intro e he
    simp only [send, List.mem_cons] at he ⊢
    rcases he with rfl | he
    · exact Nat.lt_succ_self _
    · exact Nat.lt_succ_of_lt (fresh e he)
  once := by
    intro e he e' he' heq
    simp only [send, List.mem_cons] at he he'
    rcases he with rfl | he <;> rcases he' with rfl | he'
    · rfl
    · have := fresh e' he'
      simp only at heq
      omega
    · have := fresh e he
      simp only at heq
      omega
    · exact once e he e' he' heq
  known := fun x hx => List.mem_cons_of_mem _ (known x hx)
  distinct := distinct
  time := time

theorem invariant_judge (s : State) (a : Answer) (h : Invariant s) : Invariant (judge s a) := by
  unfold judge
  split
  · rename_i hc
    refine ⟨h.flight, h.fresh, h.once, ?_, ?_, h.time⟩
    · intro x hx
      simp only [List.mem_cons] at hx
      rcases hx with rfl | hx
      · have hjob : a.job = s.nextJob - 1 := by simpa [h.flight.1] using hc.1
        show (a.job, s.step) ∈ s.sent
        rw [hjob]
        exact h.flight.2.2
      · exact h.known x hx
    · simp only [List.map_cons, List.nodup_cons]
      exact ⟨hc.2, h.distinct⟩
  · exact h

theorem invariant_settle (p : Pace) (s : State) (h : Invariant s) : Invariant (settle p s) := by
  unfold settle
  split
  · exact invariant_send _ h.fresh h.once h.known h.distinct (Nat.le_refl _)
  · exact h

theorem invariant_next (p : Pace) (s : State) (i : Input) (h : Invariant s) : Invariant (next p s i) := by
  cases i with
  | answer a => exact invariant_settle p _ (invariant_judge s a h)
  | tick =>
    exact invariant_settle p _
      ⟨h.flight, h.fresh, h.once, h.known, h.distinct, Nat.le_succ_of_le h.time⟩
  | renew => exact invariant_send s h.fresh h.once h.known h.distinct h.time

theorem invariant_run (p : Pace) (inputs : List Input) (s : State) (h : Invariant s) :
    Invariant (run p s inputs) := by
  induction inputs generalizing s with
  | nil => exact h
  | cons i is ih => exact ih _ (invariant_next p s i h)

/-- The invariant holds wherever a run may get to. -/
theorem invariant_of_reachable (p : Pace) (s : State) (h : Reachable p s) : Invariant s := by
  obtain ⟨inputs, rfl⟩ := h
  apply invariant_run
  exact invariant_send _ (by simp) (by simp) (by simp) (by simp) (Nat.le_refl _)

/-- At most one job is in flight, and indeed one: whatever has been answered, and whenever. -/
theorem one_job_in_flight (p : Pace) (s : State) (h : Reachable p s) : s.inFlight.length = 1 := by
  rw [(invariant_of_reachable p s h).flight.1]
  rfl

/-- Each sample belongs to exactly one step: the one in which its job was sent. -/
theorem sample_belongs_to_one_step (p : Pace) (s : State) (h : Reachable p s) (x : Sample) (hx : x ∈ s.samples) :
    (x.answer.job, x.step) ∈ s.sent ∧ ∀ step, (x.answer.job, step) ∈ s.sent → step = x.step := by
  have inv := invariant_of_reachable p s h
  refine ⟨inv.known x hx, fun step hstep => ?_⟩
  have := inv.once _ hstep _ (inv.known x hx) rfl
  simpa using this

/-- No answer becomes two samples. -/
theorem no_answer_counts_twice (p : Pace) (s : State) (h : Reachable p s) :
    (s.samples.map Sample.answer).Nodup :=
  (invariant_of_reachable p s h).distinct

/-- An answer that does not count changes no samples. -/
theorem samples_of_not_counts (p : Pace) (s : State) (a : Answer) (h : ¬ Counts s a) :
    (next p s (.answer a)).samples = s.samples := by
  simp only [next, judge, if_neg h, settle]
  split <;> rfl

/-- A stale answer, to a job that is not in flight, never becomes a sample. -/
theorem stale_answer_is_no_sample (p : Pace) (s : State) (a : Answer) (h : a.job ∉ s.inFlight) :
    (next p s (.answer a)).samples = s.samples :=
  samples_of_not_counts p s a fun hc => h hc.1

/-- A duplicate of an answer that has counted never becomes a sample. -/
theorem duplicate_answer_is_no_sample (p : Pace) (s : State) (a : Answer)
    (h : a ∈ s.samples.map Sample.answer) : (next p s (.answer a)).samples = s.samples :=
  samples_of_not_counts p s a fun hc => hc.2 h

end Thermine.Handshake

end
