#![no_main]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| thermine::lab::fuzz::puf_profile(data));
