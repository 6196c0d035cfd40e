#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thermine_fuzz::rack_config(data));
