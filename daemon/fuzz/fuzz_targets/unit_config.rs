#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thermine_fuzz::unit_config(data));
