#![no_main]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| thermine_lab::fuzz::puf_profile(data));
