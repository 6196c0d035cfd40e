#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thermine_fuzz::csv_import(data));
