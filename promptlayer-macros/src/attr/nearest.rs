//! Finds the known word that is nearest to an unknown one, for error messages.

/// Returns the entry of `known` that is nearest to `word`, if the edit distance is at most a third of the
/// longer word.
pub(super) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance * 3 <= candidate.len().max(word.len()))
        .map(|(_, candidate)| candidate)
}

/// Returns the edit distance between two words, ignoring case.
///
/// Insertions, deletions, replacements and swaps of neighboring letters count as one edit each.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.to_lowercase().chars().collect();
    let from: Vec<char> = from.to_lowercase().chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(a != b);
            let mut least = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn typo_finds_its_word_and_unrelated_word_finds_none() {
        let known = ["tags", "skip_all", "metadata"];
        assert_eq!(nearest("tag", &known), Some("tags"));
        assert_eq!(nearest("tgas", &known), Some("tags"));
        assert_eq!(nearest("skipall", &known), Some("skip_all"));
        assert_eq!(nearest("meta", &known), None);
        assert_eq!(nearest("bananas", &known), None);
    }
}
