//! What is printed for people: lines and tables that fit the terminal.

use std::fmt;

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use textwrap::{Options, WordSeparator, WordSplitter, core::display_width};

/// A line below the header and no more: at 80 columns, borders would take the room that names need.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));
/// Between two columns of a table.
const GAP: usize = 2;
/// Words in a table are broken only where this much of a line is left of them.
const LEAST_WORDS: usize = 12;
/// In a list, what goes on from the line before stands this much further in.
const HANGING: usize = 2;

/// Text at a terminal's width.
#[derive(Debug)]
pub struct Page {
    width: usize,
    text: String,
}

impl Page {
    /// As wide as the terminal that is printed to, else as `COLUMNS` says; into a pipe nothing is broken, for grep.
    pub fn new() -> Self {
        let asked = || std::env::var("COLUMNS").ok()?.parse().ok().filter(|&columns| columns > 0);
        let terminal = console::Term::stdout().size_checked().map(|(_, columns)| columns);
        Self::of(terminal.or_else(asked).unwrap_or(u16::MAX))
    }

    pub fn of(width: u16) -> Self {
        Self { width: width.into(), text: String::new() }
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// Adds lines, as they are where they fit; what is too long goes on below, in a list further in. A word too long, such as
    /// an address, stays whole.
    pub fn say(&mut self, text: impl fmt::Display) {
        for line in text.to_string().split('\n') {
            let words = line.trim_start_matches(' ');
            let indent = &line[..line.len() - words.len()];
            let below = if indent.is_empty() { String::new() } else { format!("{indent}{:HANGING$}", "") };
            let options = Options::new(self.width)
                .initial_indent(indent)
                .subsequent_indent(&below)
                .break_words(false)
                .word_splitter(WordSplitter::NoHyphenation)
                .word_separator(WordSeparator::AsciiSpace);
            self.line(&textwrap::fill(words, options));
        }
    }

    /// Adds a table whose first `words` columns are words, and the others figures.
    ///
    /// Where it is too wide, the words of its header go below each other, then names break; and where they would be left
    /// with too little, each row becomes a list of its own.
    pub fn table(&mut self, words: usize, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let rows: Vec<Vec<String>> = rows.into_iter().collect();
        let widest = |column: usize| rows.iter().map(|row| lines_width(&row[column])).max().unwrap_or(0);
        let (mut whole, mut least) = (Vec::new(), Vec::new());
        for (column, title) in header.iter().enumerate() {
            let widest = widest(column);
            let unbroken = if column < words { widest.min(LEAST_WORDS) } else { widest };
            whole.push(display_width(title).max(widest));
            least.push(title.split(' ').map(display_width).max().unwrap_or(0).max(unbroken));
        }
        let gaps = GAP * header.len().saturating_sub(1);
        let fits = |sizes: &Vec<usize>| sizes.iter().sum::<usize>() + gaps <= self.width;
        match [whole, least].into_iter().find(fits) {
            Some(sizes) => self.line(&columns(self.width, words, header, rows, &sizes)),
            None => self.lists(header, rows),
        }
    }

    fn lists(&mut self, header: &[&str], rows: Vec<Vec<String>>) {
        let titles = header.iter().map(|title| display_width(title)).max().unwrap_or(0);
        let below = " ".repeat(titles + GAP);
        for (number, row) in rows.iter().enumerate() {
            if number > 0 {
                self.line("");
            }
            for (title, text) in header.iter().zip(row) {
                let title = format!("{title:titles$}{:GAP$}", "");
                let options = Options::new(self.width).initial_indent(&title).subsequent_indent(&below);
                self.line(textwrap::fill(text, options).trim_end());
            }
        }
    }

    fn line(&mut self, line: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn lines_width(text: &str) -> usize {
    text.lines().map(display_width).max().unwrap_or(0)
}

/// Figures have the width that `sizes` says; words have it at least, and share the rest.
fn columns(width: usize, words: usize, header: &[&str], rows: Vec<Vec<String>>, sizes: &[usize]) -> String {
    let mut table = Table::new();
    let cells = |width: usize| u16::try_from(width).unwrap_or(u16::MAX);
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic).set_width(cells(width));
    let align = |row: Vec<String>| {
        row.into_iter().enumerate().map(move |(column, text)| {
            let side = if column < words { CellAlignment::Left } else { CellAlignment::Right };
            Cell::new(text).set_alignment(side)
        })
    };
    table.set_header(align(header.iter().map(|&title| title.into()).collect()));
    for row in rows {
        table.add_row(align(row));
    }
    for (number, (column, size)) in table.column_iter_mut().zip(sizes).enumerate() {
        let gap = if number + 1 < sizes.len() { GAP } else { 0 };
        column.set_padding((0, cells(gap)));
        let fixed = Width::Fixed(cells(size + gap));
        column.set_constraint(match number < words {
            true => ColumnConstraint::LowerBoundary(fixed),
            false => ColumnConstraint::Absolute(fixed),
        });
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: [&str; 4] = ["host", "process", "open for", "turn in"];

    fn shown(width: u16) -> String {
        let row = |host: &str| {
            ["4711", "1h 23m", "750 ms"].iter().fold(vec![host.into()], |mut row, cell| {
                row.push((*cell).to_owned());
                row
            })
        };
        let mut page = Page::of(width);
        page.table(1, &HEADER, [row("worker-7d9f6b-x2x4k"), row("web-1")]);
        page.to_string()
    }

    #[test]
    fn a_table_that_fits_stays_as_it_is() {
        for width in [47, 80, 200] {
            let expected = "\
host                 process  open for  turn in
───────────────────────────────────────────────
worker-7d9f6b-x2x4k     4711    1h 23m   750 ms
web-1                   4711    1h 23m   750 ms";
            assert_eq!(shown(width), expected, "{width}");
        }
    }

    #[test]
    fn a_narrow_table_breaks_its_header_and_then_its_names() {
        let header = "\
host                 process    open    turn
                                 for      in
────────────────────────────────────────────
worker-7d9f6b-x2x4k     4711  1h 23m  750 ms
web-1                   4711  1h 23m  750 ms";
        assert_eq!(shown(46), header);
        let names = "\
host          process    open    turn
                          for      in
─────────────────────────────────────
worker-7d9f6     4711  1h 23m  750 ms
b-x2x4k
web-1            4711  1h 23m  750 ms";
        assert_eq!(shown(37), names);
    }

    #[test]
    fn where_no_table_has_room_each_row_is_a_list() {
        let lists = "\
host      worker-7d9f6b-x2x4k
process   4711
open for  1h 23m
turn in   750 ms

host      web-1
process   4711
open for  1h 23m
turn in   750 ms";
        assert_eq!(shown(34), lists);
        assert_eq!(shown(20).lines().next(), Some("host      worker-"));
        assert!(shown(20).lines().all(|line| line.len() <= 20));
    }

    #[test]
    fn lines_go_on_below_further_in_and_long_words_stay_whole() {
        let mut page = Page::of(24);
        page.say("  limit hour cools down: nobody sends\nhttps://example.com/a/long/address");
        page.say("");
        assert_eq!(
            page.to_string(),
            "  limit hour cools down:\n    nobody sends\nhttps://example.com/a/long/address\n"
        );
    }
}
