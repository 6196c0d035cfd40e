#![no_main]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    thermine_fuzz::readout(data);
    thermine_lab::fuzz::readout(data);
});
