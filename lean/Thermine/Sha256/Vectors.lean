module

public import Thermine.Sha256.Message

@[expose] public noncomputable section

/-!
# SHA-256 at work

The examples of the standard and the header of Bitcoin's first block, worked out by Lean's kernel.
-/

namespace Thermine.Sha256

/-- FIPS 180-4, example of one block: the message `abc`. -/
theorem sha256_abc : sha256 (bytesOf 3 0x616263)
    = ⟨0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad⟩ := by
  decide +kernel

/-- FIPS 180-4, example of two blocks: the 56 letters from `abcdbcde` to `nopnopq`. -/
theorem sha256_two_blocks :
    sha256 (bytesOf 56
      0x6162636462636465636465666465666765666768666768696768696a68696a6b696a6b6c6a6b6c6d6b6c6d6e6c6d6e6f6d6e6f706e6f7071)
    = ⟨0x248d6a61, 0xd20638b8, 0xe5c02693, 0x0c3e6039, 0xa33ce459, 0x64ff2167, 0xf6ecedd4, 0x19db06c1⟩ := by
  decide +kernel

/-- The header of Bitcoin's first block, 80 bytes. -/
def genesisHeader : List Nat := bytesOf 80
  0x0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c

/-- Its hash; read from the last byte to the first it begins with 43 zero bits. -/
theorem doubleSha256_genesis : doubleSha256 genesisHeader
    = ⟨0x6fe28c0a, 0xb6f1b372, 0xc1a6a246, 0xae63f74f, 0x931e8365, 0xe15a089c, 0x68d61900, 0x00000000⟩ := by
  decide +kernel

end Thermine.Sha256

end
