module

public import Thermine.Energy.CostPerShare
public import Thermine.Hierarchical.Compare
public import Thermine.Leakage.Table
public import Thermine.Sha256.Message

@[expose] public section

/-!
# The golden cases

The numbers in `golden/*.json`, which the program's own tests read, stated and checked. Written by
`tools/golden`; do not edit.
-/

namespace Thermine.Golden

open Thermine.Energy Thermine.Hierarchical Thermine.Leakage Thermine.Sha256

theorem leakage_1 : (Table.ofRows [[1, 2], [2, 4]]).total = 9
    ∧ (Table.ofRows [[1, 2], [2, 4]]).leakageNum * 1 = (Table.ofRows [[1, 2], [2, 4]]).leakageDen * 1 := by
  decide +kernel

theorem leakage_2 : (Table.ofRows [[2, 1], [1, 2]]).total = 6
    ∧ (Table.ofRows [[2, 1], [1, 2]]).leakageNum * 729 = (Table.ofRows [[2, 1], [1, 2]]).leakageDen * 1024 := by
  decide +kernel

theorem leakage_3 : (Table.ofRows [[3, 1], [2, 1]]).total = 7
    ∧ (Table.ofRows [[3, 1], [2, 1]]).leakageNum * 800000 = (Table.ofRows [[3, 1], [2, 1]]).leakageDen * 823543 := by
  decide +kernel

theorem leakage_4 : (Table.ofRows [[5, 0], [0, 5]]).total = 10
    ∧ (Table.ofRows [[5, 0], [0, 5]]).leakageNum * 1 = (Table.ofRows [[5, 0], [0, 5]]).leakageDen * 1024 := by
  decide +kernel

theorem leakage_5 : (Table.ofRows [[0, 0], [0, 0]]).total = 0
    ∧ (Table.ofRows [[0, 0], [0, 0]]).leakageNum * 1 = (Table.ofRows [[0, 0], [0, 0]]).leakageDen * 1 := by
  decide +kernel

theorem leakage_6 : (Table.ofRows [[0, 3], [0, 4]]).total = 7
    ∧ (Table.ofRows [[0, 3], [0, 4]]).leakageNum * 1 = (Table.ofRows [[0, 3], [0, 4]]).leakageDen * 1 := by
  decide +kernel

theorem leakage_7 : (Table.ofRows [[4, 1], [1, 4]]).total = 10
    ∧ (Table.ofRows [[4, 1], [1, 4]]).leakageNum * 9765625 = (Table.ofRows [[4, 1], [1, 4]]).leakageDen * 67108864 := by
  decide +kernel

theorem leakage_8 : (Table.ofRows [[1, 0, 2], [0, 3, 1]]).total = 7
    ∧ (Table.ofRows [[1, 0, 2], [0, 3, 1]]).leakageNum * 46656 = (Table.ofRows [[1, 0, 2], [0, 3, 1]]).leakageDen * 823543 := by
  decide +kernel

theorem leakage_9 : (Table.ofRows [[10, 12, 9], [11, 8, 10]]).total = 60
    ∧ (Table.ofRows [[10, 12, 9], [11, 8, 10]]).leakageNum * 48431922240547810496268377596546893766616290477275815250766302181311959177424639583128008808182003229154062076272653519101076348567 = (Table.ofRows [[10, 12, 9], [11, 8, 10]]).leakageDen * 73675947683488388684612694000103330513953541192069249879905946596016128000000000000000000000000000000000000000000000000000000000000 := by
  decide +kernel

theorem leakage_10 : (Table.ofRows [[7, 0, 1, 2], [0, 9, 3, 0], [2, 2, 2, 2]]).total = 30
    ∧ (Table.ofRows [[7, 0, 1, 2], [0, 9, 3, 0], [2, 2, 2, 2]]).leakageNum * 1225404294441369337856 = (Table.ofRows [[7, 0, 1, 2], [0, 9, 3, 0], [2, 2, 2, 2]]).leakageDen * 1126951400518512725830078125 := by
  decide +kernel

theorem leakage_11 : (Table.ofRows [[20, 5], [6, 19], [11, 14]]).total = 75
    ∧ (Table.ofRows [[20, 5], [6, 19], [11, 14]]).leakageNum * 20882486464658021565083171481009105224819600922743123150208323520189353420196815143 = (Table.ofRows [[20, 5], [6, 19], [11, 14]]).leakageDen * 107256529958091416285164909049211172404885898960180742198501771250000000000000000000000 := by
  decide +kernel

theorem leakage_12 : (Table.ofRows [[1]]).total = 1
    ∧ (Table.ofRows [[1]]).leakageNum * 1 = (Table.ofRows [[1]]).leakageDen * 1 := by
  decide +kernel

theorem leakage_13 : (Table.ofRows [[30, 2, 1], [1, 25, 4], [3, 0, 34]]).total = 100
    ∧ (Table.ofRows [[30, 2, 1], [1, 25, 4], [3, 0, 34]]).leakageNum * 2520004687476847912703248920208716661467442536004532252083974872269823107151758776371552501729685820037888178196512069794135030608790406343876543196658162950051658709234564083915031098328957812681605655235371 = (Table.ofRows [[30, 2, 1], [1, 25, 4], [3, 0, 34]]).leakageDen * 9094947017729282379150390625000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000 := by
  decide +kernel

theorem energy_1 :
    costPerShare 64 5 (FilterAccount.mk 1000 100 10 9).keepShare 0 (FilterAccount.mk 1000 100 10 9).recall = 109 / 576
    ∧ roundsPerCandidate 64 5 (FilterAccount.mk 1000 100 10 9).keepShare 0 / 64 = 109 / 640
    ∧ rawSaving 64 5 (FilterAccount.mk 1000 100 10 9).keepShare 0 = 531 / 640 := by
  unfold rawSaving costPerShare roundsPerCandidate FilterAccount.keepShare FilterAccount.recall
  grind

theorem energy_2 :
    costPerShare 64 5 (FilterAccount.mk 1000 100 10 1).keepShare 0 (FilterAccount.mk 1000 100 10 1).recall = 109 / 64
    ∧ roundsPerCandidate 64 5 (FilterAccount.mk 1000 100 10 1).keepShare 0 / 64 = 109 / 640
    ∧ rawSaving 64 5 (FilterAccount.mk 1000 100 10 1).keepShare 0 = 531 / 640 := by
  unfold rawSaving costPerShare roundsPerCandidate FilterAccount.keepShare FilterAccount.recall
  grind

theorem energy_3 :
    costPerShare 64 5 (FilterAccount.mk 1000 40 10 10).keepShare 0 (FilterAccount.mk 1000 40 10 10).recall = 23 / 200
    ∧ roundsPerCandidate 64 5 (FilterAccount.mk 1000 40 10 10).keepShare 0 / 64 = 23 / 200
    ∧ rawSaving 64 5 (FilterAccount.mk 1000 40 10 10).keepShare 0 = 177 / 200 := by
  unfold rawSaving costPerShare roundsPerCandidate FilterAccount.keepShare FilterAccount.recall
  grind

theorem energy_4 :
    costPerShare 128 61 (FilterAccount.mk 4096 16 16 16).keepShare 1 (FilterAccount.mk 4096 16 16 16).recall = 15939 / 32768
    ∧ roundsPerCandidate 128 61 (FilterAccount.mk 4096 16 16 16).keepShare 1 / 128 = 15939 / 32768
    ∧ rawSaving 128 61 (FilterAccount.mk 4096 16 16 16).keepShare 1 = 16829 / 32768 := by
  unfold rawSaving costPerShare roundsPerCandidate FilterAccount.keepShare FilterAccount.recall
  grind

theorem energy_5 :
    costPerShare 64 64 (FilterAccount.mk 500 250 8 7).keepShare 2 (FilterAccount.mk 500 250 8 7).recall = 33 / 28
    ∧ roundsPerCandidate 64 64 (FilterAccount.mk 500 250 8 7).keepShare 2 / 64 = 33 / 32
    ∧ rawSaving 64 64 (FilterAccount.mk 500 250 8 7).keepShare 2 = -1 / 32 := by
  unfold rawSaving costPerShare roundsPerCandidate FilterAccount.keepShare FilterAccount.recall
  grind

theorem energy_6 :
    costPerShare 64 5 (FilterAccount.mk 1000 1000 10 10).keepShare 1 (FilterAccount.mk 1000 1000 10 10).recall = 65 / 64
    ∧ roundsPerCandidate 64 5 (FilterAccount.mk 1000 1000 10 10).keepShare 1 / 64 = 65 / 64
    ∧ rawSaving 64 5 (FilterAccount.mk 1000 1000 10 10).keepShare 1 = -1 / 64 := by
  unfold rawSaving costPerShare roundsPerCandidate FilterAccount.keepShare FilterAccount.recall
  grind

theorem energy_7 :
    costPerShare 64 16 (FilterAccount.mk 960 240 12 3).keepShare 0 (FilterAccount.mk 960 240 12 3).recall = 7 / 4
    ∧ roundsPerCandidate 64 16 (FilterAccount.mk 960 240 12 3).keepShare 0 / 64 = 7 / 16
    ∧ rawSaving 64 16 (FilterAccount.mk 960 240 12 3).keepShare 0 = 9 / 16 := by
  unfold rawSaving costPerShare roundsPerCandidate FilterAccount.keepShare FilterAccount.recall
  grind

theorem energy_8 :
    costPerShare 128 3 (FilterAccount.mk 100000 2500 250 31).keepShare 0 (FilterAccount.mk 100000 2500 250 31).recall = 6125 / 15872
    ∧ roundsPerCandidate 128 3 (FilterAccount.mk 100000 2500 250 31).keepShare 0 / 128 = 49 / 1024
    ∧ rawSaving 128 3 (FilterAccount.mk 100000 2500 250 31).keepShare 0 = 975 / 1024 := by
  unfold rawSaving costPerShare roundsPerCandidate FilterAccount.keepShare FilterAccount.recall
  grind

theorem hierarchical_1 :
    add [6] [6, 7] = [8]
    ∧ less [6] [6, 7] = true := by
  decide +kernel

theorem hierarchical_2 :
    add [0, 1, 3] [1, 2] = [0, 4]
    ∧ less [0, 1, 3] [1, 2] = false := by
  decide +kernel

theorem hierarchical_3 :
    add [] [] = []
    ∧ less [] [] = false := by
  decide +kernel

theorem hierarchical_4 :
    add [] [0, 2] = [0, 2]
    ∧ less [] [0, 2] = true := by
  decide +kernel

theorem hierarchical_5 :
    add [0, 5] [6] = [0, 5, 6]
    ∧ less [0, 5] [6] = true := by
  decide +kernel

theorem hierarchical_6 :
    add [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63] [0] = [64]
    ∧ less [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63] [0] = false := by
  decide +kernel

theorem hierarchical_7 :
    add [100] [100] = [101]
    ∧ less [100] [100] = false := by
  decide +kernel

theorem hierarchical_8 :
    add [1, 4, 6, 7, 9, 11, 16, 17, 18, 19, 20, 24, 25, 27, 29, 30, 31, 34, 35, 39, 40, 43, 45, 47, 50, 52, 54, 56, 57, 59, 61, 63] [1, 3, 5, 6, 7, 9, 10, 11, 12, 13, 14, 17, 18, 21, 24, 26, 29, 30, 31, 35, 36, 37, 40, 42, 43, 46, 48, 50, 53, 55, 57, 59, 60, 62, 64, 66] = [2, 3, 4, 5, 7, 8, 11, 15, 16, 18, 22, 28, 30, 31, 32, 34, 38, 39, 41, 42, 44, 45, 46, 47, 48, 51, 52, 53, 54, 55, 56, 58, 65, 66]
    ∧ less [1, 4, 6, 7, 9, 11, 16, 17, 18, 19, 20, 24, 25, 27, 29, 30, 31, 34, 35, 39, 40, 43, 45, 47, 50, 52, 54, 56, 57, 59, 61, 63] [1, 3, 5, 6, 7, 9, 10, 11, 12, 13, 14, 17, 18, 21, 24, 26, 29, 30, 31, 35, 36, 37, 40, 42, 43, 46, 48, 50, 53, 55, 57, 59, 60, 62, 64, 66] = true := by
  decide +kernel

theorem hierarchical_9 :
    add [63, 200] [63] = [64, 200]
    ∧ less [63, 200] [63] = false := by
  decide +kernel

theorem hierarchical_10 :
    add [64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191] [64] = [192]
    ∧ less [64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164, 165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180, 181, 182, 183, 184, 185, 186, 187, 188, 189, 190, 191] [64] = false := by
  decide +kernel

theorem hierarchical_11 :
    add [60, 61, 62, 63, 64, 65, 66, 67] [60, 190, 191] = [68, 190, 191]
    ∧ less [60, 61, 62, 63, 64, 65, 66, 67] [60, 190, 191] = true := by
  decide +kernel

theorem hierarchical_12 :
    add [191, 447] [190, 191, 447] = [190, 192, 448]
    ∧ less [191, 447] [190, 191, 447] = true := by
  decide +kernel

theorem hierarchical_13 :
    add [0, 2, 4, 6, 8, 10, 12] [0, 2, 4, 6, 8, 10, 12] = [1, 3, 5, 7, 9, 11, 13]
    ∧ less [0, 2, 4, 6, 8, 10, 12] [0, 2, 4, 6, 8, 10, 12] = false := by
  decide +kernel

theorem hierarchical_14 :
    add [5, 6, 7, 8] [5, 9] = [10]
    ∧ less [5, 6, 7, 8] [5, 9] = true := by
  decide +kernel

theorem hierarchical_15 :
    add [0, 1000] [1000] = [0, 1001]
    ∧ less [0, 1000] [1000] = false := by
  decide +kernel

theorem digest_1 : sha256 (bytesOf 3
    0x0616263)
    = ⟨0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad⟩ := by
  decide +kernel

theorem digest_2 : sha256 (bytesOf 0
    0x0)
    = ⟨0xe3b0c442, 0x98fc1c14, 0x9afbf4c8, 0x996fb924, 0x27ae41e4, 0x649b934c, 0xa495991b, 0x7852b855⟩ := by
  decide +kernel

theorem digest_3 : sha256 (bytesOf 56
    0x06162636462636465636465666465666765666768666768696768696a68696a6b696a6b6c6a6b6c6d6b6c6d6e6c6d6e6f6d6e6f706e6f7071)
    = ⟨0x248d6a61, 0xd20638b8, 0xe5c02693, 0x0c3e6039, 0xa33ce459, 0x64ff2167, 0xf6ecedd4, 0x19db06c1⟩ := by
  decide +kernel

theorem digest_4 : sha256 (bytesOf 64
    0x061616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161616161)
    = ⟨0xffe054fe, 0x7ae0cb6d, 0xc65c3af9, 0xb61d5209, 0xf439851d, 0xb43d0ba5, 0x997337df, 0x154668eb⟩ := by
  decide +kernel

theorem digest_5 : doubleSha256 (bytesOf 80
    0x00100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c)
    = ⟨0x6fe28c0a, 0xb6f1b372, 0xc1a6a246, 0xae63f74f, 0x931e8365, 0xe15a089c, 0x68d61900, 0x00000000⟩ := by
  decide +kernel

theorem digest_6 : doubleSha256 (bytesOf 80
    0x00100000081cd02ab7e569e8bcd9317e2fe99f2de44d49ab2b8851ba4a308000000000000e320b6c2fffc8d750423db8b1eb942ae710e951ed797f7affc8892b0f1fc122bc7f5d74df2b9441a42a14695)
    = ⟨0x1dbd981f, 0xe6985776, 0xb644b173, 0xa4d0385d, 0xdc1aa2a8, 0x29688d1e, 0x00000000, 0x00000000⟩ := by
  decide +kernel

end Thermine.Golden

end
