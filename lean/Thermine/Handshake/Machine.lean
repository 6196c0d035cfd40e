module

@[expose] public noncomputable section

/-!
# The handshake as a machine

One word of input out as a job, some answers back, then the next word. The environment is hostile: it may send
any answer at any time, and a fresh job may take the place of the one in flight whenever the schedule likes. Time
goes in ticks. Every job is *clean*, it tells the unit to drop earlier work: this is the dialogue, not the
pipelined monologue.
-/

namespace Thermine.Handshake

/-- When a step ends. -/
structure Pace where
  /-- Answers that the step needs. -/
  shares : Nat
  /-- Shortest length of the step, in ticks. -/
  hold : Nat
  /-- Longest length of the step, in ticks; the hold, if that is longer. -/
  timeout : Nat

/-- An answer from the wire: for which job, and which solution. -/
structure Answer where
  /-- The job it claims to belong to. -/
  job : Nat
  /-- What tells two answers to one job apart. -/
  nonce : Nat
deriving DecidableEq

/-- An answer that counts, in the step in which it counts. -/
structure Sample where
  /-- The step it belongs to. -/
  step : Nat
  /-- The answer itself. -/
  answer : Answer

/-- What is done to the machine. -/
inductive Input where
  /-- An answer arrives. -/
  | answer (a : Answer)
  /-- A tick passes. -/
  | tick
  /-- The schedule asks for a fresh job in the place of the one in flight. -/
  | renew

/-- Where a run stands. -/
structure State where
  /-- Ticks since the run began. -/
  now : Nat
  /-- The step, counted from 0. -/
  step : Nat
  /-- When it began. -/
  started : Nat
  /-- Answers that counted in it. -/
  answered : Nat
  /-- Number of the next job to be sent. -/
  nextJob : Nat
  /-- Jobs the unit may be working on. A list, so that there being one is a theorem and no convention. -/
  inFlight : List Nat
  /-- Each job sent, with its step; the latest first. -/
  sent : List (Nat × Nat)
  /-- The samples; the latest first. -/
  samples : List Sample

/-- Sends a clean job: the unit drops what it had. -/
def send (s : State) : State :=
  { s with inFlight := [s.nextJob], sent := (s.nextJob, s.step) :: s.sent, nextJob := s.nextJob + 1 }

/-- Whether an answer counts: to the job in flight, and not seen before. -/
def Counts (s : State) (a : Answer) : Prop := a.job ∈ s.inFlight ∧ a ∉ s.samples.map Sample.answer

instance (s : State) (a : Answer) : Decidable (Counts s a) := inferInstanceAs (Decidable (_ ∧ _))

/-- Judges an answer. -/
def judge (s : State) (a : Answer) : State :=
  if Counts s a then { s with samples := ⟨s.step, a⟩ :: s.samples, answered := s.answered + 1 } else s

/-- The instant at which the step ends at the latest. -/
def deadline (p : Pace) (s : State) : Nat := s.started + max p.timeout p.hold

/-- Whether the step is over: answered and held for long enough, or out of time. -/
def Over (p : Pace) (s : State) : Prop :=
  (p.shares ≤ s.answered ∧ s.started + p.hold ≤ s.now) ∨ deadline p s ≤ s.now

instance (p : Pace) (s : State) : Decidable (Over p s) := inferInstanceAs (Decidable (_ ∨ _))

/-- Ends the step if it is over, and sends the next one's job. -/
def settle (p : Pace) (s : State) : State :=
  if Over p s then send { s with step := s.step + 1, started := s.now, answered := 0, inFlight := [] } else s

/-- One move. -/
def next (p : Pace) (s : State) : Input → State
  | .answer a => settle p (judge s a)
  | .tick => settle p { s with now := s.now + 1 }
  | .renew => send s

/-- Many moves. -/
def run (p : Pace) (s : State) : List Input → State
  | [] => s
  | i :: is => run p (next p s i) is

/-- The run begins with the first job out. -/
def start : State :=
  send { now := 0, step := 0, started := 0, answered := 0, nextJob := 0, inFlight := [], sent := [], samples := [] }

/-- A state that some inputs lead to. -/
def Reachable (p : Pace) (s : State) : Prop := ∃ inputs, run p start inputs = s

/-- Ticks among the inputs. -/
def ticks : List Input → Nat
  | [] => 0
  | .tick :: is => ticks is + 1
  | .answer _ :: is => ticks is
  | .renew :: is => ticks is

/-- Two answers a step: a stale one and a repeated one do not count, and job 1 begins step 1. -/
example :
    let p : Pace := ⟨2, 0, 100⟩
    let s := run p start [.answer ⟨7, 1⟩, .answer ⟨0, 1⟩, .answer ⟨0, 1⟩, .tick, .answer ⟨0, 2⟩, .answer ⟨0, 3⟩]
    s.step = 1 ∧ s.inFlight = [1] ∧ s.samples.length = 2 := by decide

end Thermine.Handshake

end
