#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| thermine_drivers_fuzz::axeos_reply(data));
