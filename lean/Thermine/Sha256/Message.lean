module

public import Thermine.Sha256.Compression

@[expose] public noncomputable section

/-!
# SHA-256 of a message

FIPS 180-4, section 5: padding and cutting into blocks. A message is a list of bytes, given as numbers.
-/

namespace Thermine.Sha256

/-- The last `length` bytes of a number, the highest first. -/
def bytesOf : Nat → Nat → List Nat
  | 0, _ => []
  | length + 1, n => bytesOf length (n / 256) ++ [n % 256]

/-- Four bytes a word, the highest first. -/
def wordsOf : List Nat → List Word
  | a :: b :: c :: d :: rest => BitVec.ofNat 32 (((a * 256 + b) * 256 + c) * 256 + d) :: wordsOf rest
  | _ => []

/-- The first sixteen words, zeros where there are none. -/
def windowOf (ws : List Word) : Window :=
  ⟨ws.getD 0 0, ws.getD 1 0, ws.getD 2 0, ws.getD 3 0, ws.getD 4 0, ws.getD 5 0, ws.getD 6 0, ws.getD 7 0,
    ws.getD 8 0, ws.getD 9 0, ws.getD 10 0, ws.getD 11 0, ws.getD 12 0, ws.getD 13 0, ws.getD 14 0, ws.getD 15 0⟩

/-- The first `n` blocks of sixteen words. -/
def blocksOf : Nat → List Word → List Window
  | 0, _ => []
  | n + 1, ws => windowOf ws :: blocksOf n (ws.drop 16)

/-- The message, a one bit, zeros up to the next whole block, and the length in bits. -/
def padded (message : List Nat) : List Nat :=
  message ++ 128 :: List.replicate ((119 - message.length % 64) % 64) 0 ++ bytesOf 8 (8 * message.length)

/-- The blocks of a message. -/
def messageBlocks (message : List Nat) : List Window :=
  blocksOf ((message.length + 72) / 64) (wordsOf (padded message))

/-- SHA-256. -/
def sha256 (message : List Nat) : Registers := compressAll initial (messageBlocks message)

/-- The digest as a message for the next hash. -/
def Registers.bytes (s : Registers) : List Nat :=
  bytesOf 4 s.a.toNat ++ bytesOf 4 s.b.toNat ++ bytesOf 4 s.c.toNat ++ bytesOf 4 s.d.toNat
    ++ bytesOf 4 s.e.toNat ++ bytesOf 4 s.f.toNat ++ bytesOf 4 s.g.toNat ++ bytesOf 4 s.h.toNat

/-- SHA-256 of SHA-256, as Bitcoin hashes a block header. -/
def doubleSha256 (message : List Nat) : Registers := sha256 (sha256 message).bytes

end Thermine.Sha256

end
