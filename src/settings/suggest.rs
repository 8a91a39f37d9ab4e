//! "Did you mean": the mend for a key or a word that is not known.

/// What to write instead of `word`: the known one that differs by two letters at most, or else the list of them.
pub(crate) fn mend(word: &str, known: &[impl AsRef<str>]) -> String {
    let known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    let close = known.iter().map(|known| (distance(word, known), known)).min();
    match close {
        Some((0..=2, known)) => format!("did you mean {known}?"),
        _ => match &known[..] {
            [] => "take it out".to_owned(),
            [only] => format!("write {only}"),
            [most @ .., last] => format!("write {} or {last}", most.join(", ")),
        },
    }
}

/// How many letters to add, take out or change, or more than is worth counting.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX;
    }
    let b: Vec<char> = b.chars().collect();
    // One row of the table of distances between the beginnings of both words.
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_named_and_a_wild_one_is_given_the_list() {
        assert_eq!(mend("qota", &["quota", "per"]), "did you mean quota?");
        assert_eq!(mend("qoutaa", &["quota", "per"]), "write quota or per");
        assert_eq!(mend("🚀", &["quota", "per", "name"]), "write quota, per or name");
        assert_eq!(mend("address", &["url"]), "write url");
    }

    #[test]
    fn distances_are_the_textbook_ones() {
        assert_eq!(distance("kitten", "sitten"), 1);
        assert_eq!(distance("flaw", "lawn"), 2);
        assert_eq!(distance("", "ab"), 2);
        assert_eq!(distance("same", "same"), 0);
    }
}
