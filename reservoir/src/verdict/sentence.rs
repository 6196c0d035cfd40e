//! The verdict in one sentence.

use super::judged::{FEWEST_TEST_STEPS, Verdict, better, worse};

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let score = self.device.nrmse.value;
        if !self.enough_steps() {
            return write!(
                f,
                "no verdict: {} test steps are too few to claim any score below 1 ({FEWEST_TEST_STEPS} are needed)",
                self.device.test_steps
            );
        }
        if !self.carries_information() {
            return write!(
                f,
                "the device adds no computation: its states ({score:.3}) tell no more of the task than the \
                 same states at random times"
            );
        }
        if let (false, Some(length)) = (self.step_lengths_are_beaten(), self.step_length) {
            return write!(
                f,
                "no verdict of computation: the length of the device's steps depends on the input (mean {:.3} s, \
                 CV {:.2}), and its score of {score:.3} is not better than what these lengths tell; make the steps \
                 equally long",
                length.mean_seconds, length.cv
            );
        }
        write!(
            f,
            "{}: its {} features score {score:.3}",
            self.claim(),
            self.device.features
        )?;
        if self.computes() {
            let best = self.best_linear();
            if let Some(best) = best {
                write!(
                    f,
                    ", every control that is linear in the input {:.3} or worse (best: {})",
                    best.score.nrmse.value, best.control
                )?;
            }
        } else {
            for (verb, names) in [
                ("beating", self.names(better)),
                ("losing to", self.names(worse)),
            ] {
                if !names.is_empty() {
                    write!(f, ", {verb} {names}")?;
                }
            }
        }
        if let (Some(ideal), Some(part)) = (self.ideal(), self.part_of_the_way()) {
            write!(
                f,
                "; the exact products score {:.3}, and the device goes {:.0} % of the way from the best linear \
                 control to them",
                ideal.score.nrmse.value,
                100.0 * part
            )?;
        }
        Ok(())
    }
}

impl Verdict {
    /// What the device does, in a word or two.
    pub fn word(&self) -> &'static str {
        if !self.enough_steps() {
            "too few steps"
        } else if !self.carries_information() {
            "does nothing"
        } else if !self.step_lengths_are_beaten() {
            "no verdict"
        } else if self.computes() {
            "computes"
        } else if self.adds_computation() {
            "adds computation"
        } else if better(&self.beyond_encoding) {
            "remembers"
        } else {
            "adds nothing"
        }
    }

    /// What is claimed of the device.
    fn claim(&self) -> &'static str {
        if self.computes() {
            "the device computes"
        } else if self.adds_computation() {
            "the device adds computation beyond its input encoding"
        } else if better(&self.beyond_encoding) {
            "the device remembers its input, but does not add computation beyond its input encoding that \
             as many leaky integrators in software, with the same history, would not"
        } else {
            "the device does not add computation beyond its input encoding"
        }
    }
}
