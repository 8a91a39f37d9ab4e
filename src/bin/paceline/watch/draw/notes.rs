//! What is out of the ordinary of one budget, in the lines that there are: what holds now first, old news last.

use paceline::Report;

use crate::{
    figures,
    inspect::view::{self, Note},
};

/// As much of it as there is room for; where something is left out, the last line says so.
pub fn lines(report: &Report, width: u16, room: usize) -> Vec<String> {
    let wrapped = |note: &String| textwrap::wrap(note, usize::from(width)).into_iter().map(Into::into).collect();
    let notes: Vec<Vec<String>> = notes(report).iter().map(wrapped).collect();
    if notes.iter().map(Vec::len).sum::<usize>() <= room {
        return notes.concat();
    }
    let Some(room) = room.checked_sub(1) else { return Vec::new() };
    let (mut lines, mut whole) = (Vec::new(), 0);
    for note in &notes {
        lines.extend_from_slice(note);
        if lines.len() > room {
            // Of a first note that is too long, its beginning is better than nothing.
            lines.truncate(if whole == 0 { room } else { lines.len() - note.len() });
            break;
        }
        whole += 1;
    }
    lines.push(format!("and {} more; `paceline inspect` has all", notes.len() - whole));
    lines
}

fn notes(report: &Report) -> Vec<String> {
    let mut notes: Vec<String> = report.paused.iter().map(figures::paused).collect();
    if let Some(left) = report.settling_ms {
        notes.push(format!("the store lost its memory: nobody sends for {}", figures::time(left)));
    }
    let of_limits: Vec<Note> = report.limits.iter().flat_map(view::notes).collect();
    let (in_force, news): (Vec<Note>, Vec<Note>) = of_limits.into_iter().partition(|note| note.is_in_force);
    notes.extend(in_force.into_iter().chain(news).map(|note| note.text));
    notes
}

#[cfg(test)]
mod tests {
    use paceline::{FeedbackReport, LimitReport, OrderedQuota, Pause};

    use super::*;

    #[test]
    fn what_holds_comes_first_and_what_is_cut_is_counted() {
        let ordered = Some(OrderedQuota { quota: 2, left_ms: 60_000 });
        let said = FeedbackReport { throttled: 7, by_others: 3, ordered, ..FeedbackReport::default() };
        let limit = |name: &str, cooldown_ms, feedback| LimitReport {
            name: name.into(),
            cooldown_ms,
            feedback,
            ..LimitReport::default()
        };
        let limits = vec![
            limit("hour", None, Some(FeedbackReport { cooled_ms_ago: Some(1000), ..said.clone() })),
            limit("spike", Some(2500), None),
        ];
        let pause = Some(Pause { left_ms: None, who: "ada@console".into(), why: "maintenance".into() });
        let report = Report { limits, paused: pause, ..Report::default() };
        let all = lines(&report, 100, 6);
        let begins =
            ["paused by ada", "limit hour: an operator's quota", "limit spike cools down", "limit hour cooled"];
        assert!(begins.iter().zip(&all).all(|(begin, line)| line.starts_with(begin)) && all.len() == 6, "{all:?}");
        assert_eq!(lines(&report, 100, 4)[3], "and 3 more; `paceline inspect` has all");
        // The mark, which has to be seen, is not broken.
        let narrow = ["paused by", "ada@console until", "and 6 more; `paceline inspect` has all"];
        assert_eq!(lines(&report, 20, 3), narrow);
        assert_eq!(lines(&report, 100, 1), ["and 6 more; `paceline inspect` has all"]);
        assert!(lines(&report, 100, 0).is_empty());
    }
}
