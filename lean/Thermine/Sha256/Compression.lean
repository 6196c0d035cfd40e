module

@[expose] public section

/-!
# SHA-256: the compression function

FIPS 180-4, sections 4.1.2, 4.2.2 and 6.2.2. The message schedule is a window of sixteen words that moves on by
one word each round.
-/

namespace Thermine.Sha256

/-- A word of 32 bits; addition is modulo `2^32`. -/
abbrev Word := BitVec 32

/-- The working variables, and the hash value between blocks. -/
@[ext] structure Registers where
  (a b c d e f g h : Word)
deriving DecidableEq

/-- Sixteen words: a block of the message, or the part of the schedule that the coming rounds use. -/
@[ext] structure Window where
  (w0 w1 w2 w3 w4 w5 w6 w7 w8 w9 w10 w11 w12 w13 w14 w15 : Word)
deriving DecidableEq

/-- `Σ₀` of the standard. -/
def bigSigma0 (x : Word) : Word := x.rotateRight 2 ^^^ x.rotateRight 13 ^^^ x.rotateRight 22

/-- `Σ₁` of the standard. -/
def bigSigma1 (x : Word) : Word := x.rotateRight 6 ^^^ x.rotateRight 11 ^^^ x.rotateRight 25

/-- `σ₀` of the standard. -/
def smallSigma0 (x : Word) : Word := x.rotateRight 7 ^^^ x.rotateRight 18 ^^^ x >>> 3

/-- `σ₁` of the standard. -/
def smallSigma1 (x : Word) : Word := x.rotateRight 17 ^^^ x.rotateRight 19 ^^^ x >>> 10

/-- Choice: bits of `f` where `e` is set, of `g` elsewhere. -/
def choice (e f g : Word) : Word := (e &&& f) ^^^ (~~~e &&& g)

/-- Majority of three bits, at each place. -/
def majority (a b c : Word) : Word := (a &&& b) ^^^ (a &&& c) ^^^ (b &&& c)

/-- One round, with its constant and its word of the schedule. -/
def round (s : Registers) (k w : Word) : Registers :=
  let t1 := s.h + bigSigma1 s.e + choice s.e s.f s.g + k + w
  let t2 := bigSigma0 s.a + majority s.a s.b s.c
  ⟨t1 + t2, s.a, s.b, s.c, s.d + t1, s.e, s.f, s.g⟩

/-- The word of the schedule sixteen places on. -/
def Window.ahead (x : Window) : Word := smallSigma1 x.w14 + x.w9 + smallSigma0 x.w1 + x.w0

/-- The window one round later. -/
def Window.advance (x : Window) : Window :=
  ⟨x.w1, x.w2, x.w3, x.w4, x.w5, x.w6, x.w7, x.w8, x.w9, x.w10, x.w11, x.w12, x.w13, x.w14, x.w15, x.ahead⟩

/-- Rounds, one for each constant given; the schedule comes along. -/
def rounds : List Word → Registers × Window → Registers × Window
  | [], p => p
  | k :: ks, (s, x) => rounds ks (round s k x.w0, x.advance)

/-- The 64 constants: fractions of the cube roots of the first primes. -/
def constants : List Word := [
  0x428a2f98#32, 0x71374491#32, 0xb5c0fbcf#32, 0xe9b5dba5#32, 0x3956c25b#32, 0x59f111f1#32, 0x923f82a4#32, 0xab1c5ed5#32,
  0xd807aa98#32, 0x12835b01#32, 0x243185be#32, 0x550c7dc3#32, 0x72be5d74#32, 0x80deb1fe#32, 0x9bdc06a7#32, 0xc19bf174#32,
  0xe49b69c1#32, 0xefbe4786#32, 0x0fc19dc6#32, 0x240ca1cc#32, 0x2de92c6f#32, 0x4a7484aa#32, 0x5cb0a9dc#32, 0x76f988da#32,
  0x983e5152#32, 0xa831c66d#32, 0xb00327c8#32, 0xbf597fc7#32, 0xc6e00bf3#32, 0xd5a79147#32, 0x06ca6351#32, 0x14292967#32,
  0x27b70a85#32, 0x2e1b2138#32, 0x4d2c6dfc#32, 0x53380d13#32, 0x650a7354#32, 0x766a0abb#32, 0x81c2c92e#32, 0x92722c85#32,
  0xa2bfe8a1#32, 0xa81a664b#32, 0xc24b8b70#32, 0xc76c51a3#32, 0xd192e819#32, 0xd6990624#32, 0xf40e3585#32, 0x106aa070#32,
  0x19a4c116#32, 0x1e376c08#32, 0x2748774c#32, 0x34b0bcb5#32, 0x391c0cb3#32, 0x4ed8aa4a#32, 0x5b9cca4f#32, 0x682e6ff3#32,
  0x748f82ee#32, 0x78a5636f#32, 0x84c87814#32, 0x8cc70208#32, 0x90befffa#32, 0xa4506ceb#32, 0xbef9a3f7#32, 0xc67178f2#32]

/-- The hash value before the first block: fractions of the square roots of the first primes. -/
def initial : Registers := ⟨0x6a09e667#32, 0xbb67ae85#32, 0x3c6ef372#32, 0xa54ff53a#32,
  0x510e527f#32, 0x9b05688c#32, 0x1f83d9ab#32, 0x5be0cd19#32⟩

/-- Word by word, modulo `2^32`. -/
def Registers.add (s t : Registers) : Registers :=
  ⟨s.a + t.a, s.b + t.b, s.c + t.c, s.d + t.d, s.e + t.e, s.f + t.f, s.g + t.g, s.h + t.h⟩

/-- The compression function. -/
def compress (s : Registers) (block : Window) : Registers := s.add (rounds constants (s, block)).1

/-- The hash value after some blocks. -/
def compressAll (s : Registers) : List Window → Registers
  | [] => s
  | block :: blocks => compressAll (compress s block) blocks

theorem length_constants : constants.length = 64 := by decide

/-- Rounds may be broken off and taken up again. -/
theorem rounds_append (ks ls : List Word) (p : Registers × Window) :
    rounds (ks ++ ls) p = rounds ls (rounds ks p) := by
  induction ks generalizing p with
  | nil => rfl
  | cons k ks ih => exact ih _

end Thermine.Sha256

end
