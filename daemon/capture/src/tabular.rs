//! Tables of numbers as text, from whatever program: what separates their cells, how they are encoded, where their
//! header is. Files are read once, so a pipe will do.

use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use csv::StringRecord;
use sha2::{Digest, Sha256};
use thermine_units::printable::printable_to;

/// Largest file: all of it is held in memory.
const MOST_BYTES: u64 = 1 << 30;

/// Separators, the likeliest first.
const SEPARATORS: [u8; 4] = *b",;\t|";

/// A number as text that every reader takes for a float: always with a decimal point or an exponent. A column whose
/// first values happen to be whole would otherwise be taken for one of integers.
pub fn float(value: f64) -> String {
    format!("{value:?}")
}

/// A table with a header.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// First line of names.
    pub header: Vec<String>,
    /// SHA-256 of the file as it is, in hex.
    pub digest: String,
    text: String,
    /// Byte at which the rows begin, and their line.
    rows: (usize, u64),
    separator: u8,
}

/// A row, and the line of the file that it begins on.
pub struct Row {
    /// Line of the file that the row begins on, from 1.
    pub line: u64,
    /// Its cells, as text.
    pub(crate) cells: StringRecord,
}

impl Table {
    /// Reads `path`.
    ///
    /// # Errors
    /// If it cannot be read, is no text or has no header.
    pub fn read(path: &Path) -> Result<Table> {
        let cannot = || format!("cannot read {}", path.display());
        let file = std::fs::File::open(path).with_context(cannot)?;
        let kind = file.metadata().with_context(cannot)?.file_type();
        // A pipe ends when its writer does; a device never does.
        if kind.is_char_device() || kind.is_block_device() {
            bail!(
                "{}: it is a device and not a regular file or a pipe; name a file",
                cannot()
            );
        }
        let mut bytes = Vec::new();
        file.take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
            .with_context(cannot)?;
        if bytes.len() as u64 > MOST_BYTES {
            bail!(
                "{}: it has more than {MOST_BYTES} bytes; split it",
                cannot()
            );
        }
        Table::parse(&bytes).with_context(cannot)
    }

    /// Reads the table in `bytes`.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub(crate) fn parse(bytes: &[u8]) -> Result<Table> {
        let digest = hex::encode(Sha256::digest(bytes));
        let text = decoded(bytes)?;
        let mut at = 0;
        let mut line = 0;
        let mut comment = None;
        for whole in text.split_inclusive('\n') {
            line += 1;
            let content = whole.trim();
            if let Some(said) = content.strip_prefix('#') {
                comment = Some(said.trim());
            } else if !content.is_empty() {
                let (header, separator, follows) = header(content, comment)?;
                let next = if follows { at } else { at + whole.len() };
                return Ok(Table {
                    header,
                    digest,
                    rows: (next, line + u64::from(!follows)),
                    separator,
                    text,
                });
            }
            at += whole.len();
        }
        bail!("it is empty; its first line must name the columns, as in `t,u,y`");
    }

    /// The line of the names.
    pub(crate) fn header_line(&self) -> u64 {
        self.rows.1.saturating_sub(1).max(1)
    }

    /// The place of the column `name`.
    ///
    /// # Errors
    /// If there is none or more than one.
    pub fn column(&self, name: &str) -> Result<usize> {
        let places: Vec<usize> = (0..self.header.len())
            .filter(|i| self.header[*i] == name)
            .collect();
        match places.as_slice() {
            [place] => Ok(*place),
            [] => bail!(
                "there is no column `{name}`; the columns are {} (separated by {})",
                self.header.join(", "),
                self.separated()
            ),
            [first, second, ..] => bail!(
                "the name `{name}` stands over columns {} and {}: rename one of them",
                first + 1,
                second + 1
            ),
        }
    }

    /// The rows. Blank lines and lines that begin with `#` are passed over, and so are rows of empty cells at the end.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row>> {
        let (begin, first) = self.rows;
        let rest = &self.text[begin..];
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.separator)
            .comment(Some(b'#'))
            .trim(csv::Trim::All)
            .from_reader(rest.as_bytes());
        let mut empty = None;
        std::iter::from_fn(move || {
            loop {
                let mut cells = StringRecord::new();
                match reader.read_record(&mut cells) {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => return Some(Err(error.into())),
                }
                let line = cells.position().map_or(first, |position| {
                    line_of(rest, position.byte(), first + position.line() - 1)
                });
                if cells.iter().all(str::is_empty) {
                    empty.get_or_insert(line);
                    continue;
                }
                return Some(self.row(line, cells, empty));
            }
        })
    }

    fn row(&self, line: u64, cells: StringRecord, empty: Option<u64>) -> Result<Row> {
        if let Some(empty) = empty {
            bail!("line {empty} has only empty cells, but rows follow it: fill it or remove it");
        }
        let (found, named) = (cells.len(), self.header.len());
        let is_full = |cell: &str| !cell.is_empty();
        if cells.iter().skip(named).any(is_full) {
            let comma = match self.separator {
                b',' => ". If its numbers have decimal commas, separate the cells by `;`",
                _ => "",
            };
            bail!("line {line} has {found} cells, but the header names {named} columns{comma}");
        }
        Ok(Row { line, cells })
    }

    /// The number in `row` at `column`, which may have a decimal comma if the cells are not separated by commas.
    ///
    /// # Errors
    /// If there is none.
    pub fn number(&self, row: &Row, column: usize) -> Result<f64, String> {
        let text = row.cells.get(column).unwrap_or_default();
        number(text, self.separator != b',').ok_or_else(|| match text {
            "" => "an empty cell is not a number".into(),
            text => format!("`{text}` is not a finite number"),
        })
    }

    fn separated(&self) -> String {
        match self.separator {
            b'\t' => "tabs".into(),
            separator => format!("`{}`", char::from(separator)),
        }
    }
}

/// A finite number: with a point, an exponent by `e` or Fortran's `d`, or, if `comma`, a decimal comma.
pub(crate) fn number(text: &str, comma: bool) -> Option<f64> {
    let finite = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
    if let Some(value) = finite(text) {
        return Some(value);
    }
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.,dDeE".contains(&byte));
    if !(digits && plain) {
        return None;
    }
    let mut text = text.replace(['d', 'D'], "e");
    if comma && !text.contains('.') {
        text = text.replacen(',', ".", 1);
    }
    finite(&text)
}

/// The names on a table's first line, what separates them, and whether the rows begin on that line already: a file
/// of numbers may have its names in a comment, as those that numpy writes.
fn header(first: &str, comment: Option<&str>) -> Result<(Vec<String>, u8, bool)> {
    let separator = separator(first);
    let names = cells(first, separator)?;
    if !names
        .iter()
        .all(|name| number(name, separator != b',').is_some())
    {
        return Ok((names, separator, false));
    }
    let commented = comment
        .map(|comment| cells(comment, separator))
        .transpose()?;
    match commented {
        Some(commented) if commented.len() == names.len() => Ok((commented, separator, true)),
        _ => bail!(
            "its first line is `{first}`, which holds no names: put a line with the names of the columns before it, as \
             in `t,u,y`"
        ),
    }
}

/// What most often separates the cells of `line`.
fn separator(line: &str) -> u8 {
    let mut quoted = false;
    let mut counts = [0; SEPARATORS.len()];
    for byte in line.bytes() {
        quoted ^= byte == b'"';
        if let Some(place) = SEPARATORS.iter().position(|s| *s == byte && !quoted) {
            counts[place] += 1;
        }
    }
    // A comma may be a decimal one, or stand in a name, where anything else separates.
    let others = (1..SEPARATORS.len()).max_by_key(|place| (counts[*place], usize::MAX - place));
    match others {
        Some(place) if counts[place] > 0 && (counts[0] == 0 || counts[place] >= counts[0]) => {
            SEPARATORS[place]
        }
        _ => SEPARATORS[0],
    }
}

fn cells(line: &str, separator: u8) -> Result<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(separator)
        .trim(csv::Trim::All)
        .from_reader(line.as_bytes());
    let mut record = StringRecord::new();
    reader.read_record(&mut record)?;
    let mut names: Vec<String> = record.iter().map(ToString::to_string).collect();
    // A separator at the end of the line begins no column.
    while names.len() > 1 && names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    Ok(names)
}

/// The line of the record that is read from `byte` on, where `line` begins: what is passed over counts.
fn line_of(text: &str, byte: u64, mut line: u64) -> u64 {
    let mut rest = usize::try_from(byte).map_or("", |byte| text.get(byte..).unwrap_or_default());
    while let Some((passed, after)) = rest.split_once('\n') {
        let passed = passed.trim_end_matches('\r');
        if !(passed.is_empty() || passed.starts_with('#')) {
            break;
        }
        line += 1;
        rest = after;
    }
    line
}

/// Text in UTF-8, in UTF-16 with its mark, or else in Latin-1.
fn decoded(bytes: &[u8]) -> Result<String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| -> Result<String> {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let text: Result<String, _> = char::decode_utf16(units).collect();
        text.context("it is marked as UTF-16, but is none: save it as UTF-8")
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes)?,
        [0xef, 0xbb, 0xbf, rest @ ..] => {
            let text = std::str::from_utf8(rest);
            text.context("it is marked as UTF-8, but is none: save it as UTF-8")?
                .to_string()
        }
        bytes => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_string(),
            // Letters beyond ASCII stand in names and remarks; numbers are the same.
            Err(_) => bytes.iter().copied().map(char::from).collect(),
        },
    };
    if text.contains('\0') {
        bail!("it is no text: save it as a table of text, with commas and in UTF-8");
    }
    Ok(text)
}

/// `text` as a cell that a spreadsheet shows and does not calculate: one that begins like a formula gets a `'`
/// before it, unless it is a number. What a terminal would obey is escaped.
pub fn cell(text: &str) -> String {
    let begins_formula = text
        .trim_start()
        .starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || text.starts_with(['\t', '\r', '\n']);
    let shown = printable_to(text, usize::MAX);
    if begins_formula && text.parse::<f64>().is_err() {
        format!("'{shown}")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    fn read(bytes: &[u8], column: &str) -> Result<Vec<(u64, f64)>> {
        let table = Table::parse(bytes)?;
        let place = table.column(column)?;
        table
            .rows()
            .map(|row| {
                let row = row?;
                let value = table.number(&row, place).map_err(anyhow::Error::msg)?;
                Ok((row.line, value))
            })
            .collect()
    }

    fn said(bytes: &[u8], column: &str) -> String {
        format!("{:#}", read(bytes, column).expect_err("it cannot be read"))
    }

    #[test]
    fn tables_of_many_programs_are_read_alike() {
        let values = vec![(2, 0.5), (3, -1250.0)];
        let utf16: Vec<u8> = "\u{feff}t,u\n0,0.5\n1,-1.25e3\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for bytes in [
            &b"t,u\n0,0.5\n1,-1250\n"[..],
            b"\xef\xbb\xbfu,t\r\n0.5,0\r\n-1250,1\r\n",
            b"t;u\n0;0,5\n1;-1250,0\n",
            b"t\tu\n0\t0.5\n1\t-1250\n",
            b"\"t\",\"u\"\n0, 0.5 \n1, -1.25D3\n",
            b"t,u,Temp \xb0C\n0,0.5,20\n1,-1250,20\n",
            b"t,u,t,t\n0,0.5,1,1\n1,-1250,1,1\n",
            b"t,u\n0,0.5,\n1,-1250,\n,,\n,,\n",
            b"t,u,\n0,0.5,\n1,-1250,\n",
            &utf16,
        ] {
            let read = read(bytes, "u");
            assert_eq!(read.expect("read"), values, "{}", bytes.escape_ascii());
        }
        assert_eq!(read(b"# t,u\n0,0.5\n", "u").expect("read"), [(2, 0.5)]);
    }

    #[test]
    fn lines_are_counted_with_what_is_passed_over() {
        let text = b"# made by hand\n\nt,u\n\n\n0,1\n# more\n1,2\r\n\r\n2,3\n";
        let lines: Vec<u64> = read(text, "u").expect("read").iter().map(|r| r.0).collect();
        assert_eq!(lines, [6, 8, 10]);
    }

    #[test]
    fn what_cannot_be_read_is_said_with_what_to_do() {
        for (bytes, expected) in [
            (&b""[..], "it is empty"),
            (b"1,2\n3,4\n", "put a line with the names"),
            (b"t,y\n1,2\n", "no column `u`; the columns are t, y"),
            (b"t,u,u\n1,2,3\n", "columns 2 and 3: rename"),
            (b"t,u\n0,0,5\n", "line 2 has 3 cells"),
            (b"t,u\n0,5\n,\n1,6\n", "line 3 has only empty cells"),
            (b"t,u\n0\n", "an empty cell is not a number"),
            (b"t,u\n0,NaN\n", "`NaN` is not a finite number"),
            (b"t;u\n0;1.234,5\n", "`1.234,5` is not a finite number"),
            (b"t,u\n\0\0\0\0", "no text"),
            (b"\xff\xfe\x00\xd8\x41\x00", "UTF-16"),
        ] {
            let said = said(bytes, "u");
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn a_float_is_never_taken_for_an_integer() {
        for value in [
            0.0,
            1.0,
            -3.0,
            1e300,
            5e-324,
            8_652_809_999_999.999,
            1e21,
            0.1,
        ] {
            let text = float(value);
            assert!(text.contains(['.', 'e']), "{text}");
            assert_eq!(text.parse::<f64>().expect("a number"), value);
        }
    }

    #[test]
    fn no_bytes_are_too_strange() {
        let mut rng = thermine_reservoir::random::stream(1, 1);
        let likely = b"tuy,;\t|\"\n\r#.-19eE\0\xff\xfe\xef\xbb\xbf ";
        for _ in 0..2_000 {
            let bytes: Vec<u8> = (0..rng.random_range(0..80))
                .map(|_| likely[rng.random_range(0..likely.len())])
                .collect();
            if let Ok(table) = Table::parse(&bytes) {
                let rows = table.rows().take(1_000).count();
                assert!(rows <= bytes.len(), "{}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn a_formula_is_text_and_a_number_stays_a_number() {
        for formula in [
            "=1+1",
            "+cmd|' /C calc'!A0",
            "-2+3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            " =1",
            "＝1",
            "-",
            "+1 W",
        ] {
            let cell = cell(formula);
            assert!(cell.starts_with('\''), "{formula:?}: {cell}");
            assert!(!cell.contains(char::is_control), "{formula:?}: {cell}");
        }
        for number in ["-1", "+2.5", "-1e-3", "-inf"] {
            assert_eq!(cell(number), number);
        }
        assert_eq!(cell("job-1"), "job-1");
        assert_eq!(cell(""), "");
        assert_eq!(cell("a\u{1b}[2J\nb"), r"a\u001b[2J\u000ab");
    }
}
