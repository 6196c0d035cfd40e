//! A table of wanted and obtained values: printed whole, then asserted.

pub(crate) struct Table {
    text: String,
    worst: Vec<String>,
}

impl Table {
    pub(crate) fn new(what: &str, wanted: &str, got: &str) -> Table {
        Table {
            text: format!("{what:<28} {wanted:>10} {got:>10}      off\n"),
            worst: Vec::new(),
        }
    }

    /// A row that must not be off by more than the fraction `tolerance`.
    pub(crate) fn row(mut self, name: &str, wanted: f64, got: f64, tolerance: f64) -> Table {
        let off = got / wanted - 1.0;
        let percent = 100.0 * off;
        self.text += &format!("{name:<28} {wanted:>10.4} {got:>10.4} {percent:>+7.1}%\n");
        if off.is_nan() || off.abs() > tolerance {
            self.worst.push(name.to_owned());
        }
        self
    }

    #[expect(clippy::print_stdout, reason = "the table is what the test is run for")]
    pub(crate) fn check(self) {
        println!("{}", self.text);
        assert!(self.worst.is_empty(), "{:?}\n{}", self.worst, self.text);
    }
}
