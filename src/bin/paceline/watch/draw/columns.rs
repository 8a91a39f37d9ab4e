//! A table that drops columns where there is no room for all of them, and breaks none.

use ratatui::{
    Frame,
    layout::{Alignment, Constraint, Rect},
    style::{Style, Stylize},
    text::{Line, Span},
    widgets::{Row, Table},
};

/// Between two columns, where there is room for all of them; else one.
const WIDE_GAP: u16 = 2;

pub struct Column {
    title: &'static str,
    cells: Vec<Span<'static>>,
    alignment: Alignment,
    /// Room that it needs at least, and may take at most.
    least: u16,
    most: u16,
    /// The higher, the sooner it is dropped.
    rank: u8,
}

impl Column {
    /// Figures stay whole.
    pub fn figures(title: &'static str, rank: u8, cells: impl Iterator<Item = impl Into<Span<'static>>>) -> Self {
        let cells: Vec<Span> = cells.map(Into::into).collect();
        let width = widest(title, &cells);
        Self { title, cells, alignment: Alignment::Right, least: width, most: width, rank }
    }

    /// Words may be cut down to so many columns.
    pub fn words(title: &'static str, rank: u8, least: u16, cells: impl Iterator<Item = String>) -> Self {
        let cells: Vec<Span> = cells.map(Span::from).collect();
        let most = widest(title, &cells);
        Self { title, cells, alignment: Alignment::Left, least: least.min(most), most, rank }
    }

    /// What went before: as much of its end as there is room for.
    pub fn history(title: &'static str, rank: u8, cells: impl Iterator<Item = String>) -> Self {
        let cells: Vec<Span> = cells.map(Span::from).collect();
        Self { title, cells, alignment: Alignment::Right, least: 8, most: 60, rank }
    }

    pub fn least(mut self, least: u16) -> Self {
        self.least = self.least.max(least);
        self.most = self.most.max(least);
        self
    }

    pub fn style(mut self, style: Style) -> Self {
        self.cells = self.cells.into_iter().map(|cell| cell.style(style)).collect();
        self
    }

    fn cell(&self, row: usize, width: u16) -> Line<'static> {
        let cell = self.cells[row].clone();
        let line = match self.alignment {
            Alignment::Right => {
                let beyond = cell.content.chars().count().saturating_sub(width.into());
                Span::styled(cell.content.chars().skip(beyond).collect::<String>(), cell.style).into()
            }
            _ => Line::from(cell),
        };
        line.alignment(self.alignment)
    }
}

fn widest(title: &str, cells: &[Span]) -> u16 {
    let widest = cells.iter().map(Span::width).max().unwrap_or(0);
    widest.max(title.len()).try_into().unwrap_or(u16::MAX)
}

/// Draws rows of so many columns as fit, one of them selected.
pub fn draw(frame: &mut Frame, area: Rect, columns: Vec<Column>, selected: Option<usize>) {
    let gap = if needed(&columns, WIDE_GAP) <= area.width.into() { WIDE_GAP } else { 1 };
    let columns = fit(columns, area.width, gap);
    let header = columns.iter().map(|(column, _)| Line::from(column.title).alignment(column.alignment));
    let rows = columns.first().map_or(0, |(column, _)| column.cells.len());
    let rows = (0..rows).map(|row| {
        let cells = Row::new(columns.iter().map(|(column, width)| column.cell(row, *width)));
        if selected == Some(row) { cells.reversed() } else { cells }
    });
    let widths = columns.iter().map(|(_, width)| Constraint::Length(*width));
    let table = Table::new(rows, widths).header(Row::new(header).underlined()).column_spacing(gap);
    frame.render_widget(table, area);
}

/// The room that columns take at least.
fn needed(columns: &[Column], gap: u16) -> u32 {
    let least: u32 = columns.iter().map(|column| u32::from(column.least)).sum();
    least + u32::from(gap) * columns.len().saturating_sub(1) as u32
}

/// The columns for which there is room, with their widths. The first always is.
fn fit(mut columns: Vec<Column>, width: u16, gap: u16) -> Vec<(Column, u16)> {
    while needed(&columns, gap) > width.into() {
        let last = columns.iter().enumerate().skip(1).max_by_key(|(_, column)| column.rank).map(|(index, _)| index);
        match last {
            Some(last) => drop(columns.remove(last)),
            None => break,
        }
    }
    let mut rest = width.saturating_sub(needed(&columns, gap).try_into().unwrap_or(width));
    let mut fitted: Vec<(Column, u16)> = columns
        .into_iter()
        .map(|column| {
            let least = column.least;
            (column, least)
        })
        .collect();
    // What is left goes to those first that are dropped last.
    let mut order: Vec<&mut (Column, u16)> = fitted.iter_mut().collect();
    order.sort_by_key(|(column, _)| column.rank);
    for (column, width) in order {
        let more = rest.min(column.most - column.least);
        *width += more;
        rest -= more;
    }
    fitted
}
