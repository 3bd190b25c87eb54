//! The known name closest to a mistyped one, for "did you mean" hints.
//!
//! Case and `-` against `_` do not count as differences, since those are the slips people make most
//! often. What is left is measured as the optimal string alignment distance: insertions, deletions,
//! substitutions and swaps of neighbours, each at cost 1. A name is offered only when it is close
//! enough that the guess is more likely to help than to puzzle.

/// Words longer than this are not compared: nobody mistypes a name that long, and the work grows
/// with the product of the lengths.
const LONGEST: usize = 64;

/// Finds the candidate closest to `word`.
///
/// At most a third of the longer word may differ (at least one character may). Where nothing is that
/// close, the one candidate which contains `word`, or which `word` contains, is taken (`kernel` for
/// `kernel_size`), provided it is the only one and the shorter of the two has three characters or
/// more. Of equally close candidates the first is taken. `None` means that nothing is close.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    let mut best: Option<(usize, &'a str)> = None;
    let mut containing = Vec::new();
    for candidate in candidates {
        let other = folded(candidate);
        if other.is_empty() || other.len() > LONGEST {
            continue;
        }
        let distance = distance(&word, &other);
        let allowed = (word.len().max(other.len()) / 3).max(1);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
        if contains(&word, &other) || contains(&other, &word) {
            containing.push(candidate);
        }
    }
    match (best, containing.as_slice()) {
        (Some((_, candidate)), _) => Some(candidate),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// Whether two names differ by case and by `-` against `_` alone.
pub fn same_name(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

fn folded(word: &str) -> Vec<char> {
    word.chars()
        .take(LONGEST + 1)
        .map(|c| {
            if c == '-' {
                '_'
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect()
}

fn contains(long: &[char], short: &[char]) -> bool {
    short.len() >= 3 && long.windows(short.len()).any(|window| window == short)
}

/// Optimal string alignment distance, by rows: only the last two rows are ever read.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut previous_a = None;
    for (i, a) in one.iter().enumerate() {
        let mut row = Vec::with_capacity(last.len());
        let mut left = i + 1;
        row.push(left);
        let mut previous_b = None;
        // `above` runs over pairs (last[j], last[j + 1]).
        for (j, (b, above)) in other.iter().zip(last.windows(2)).enumerate() {
            let (diagonal, up) = match above {
                [diagonal, up] => (*diagonal, *up),
                _ => continue,
            };
            let mut cost = (diagonal + usize::from(a != b)).min(up + 1).min(left + 1);
            if previous_a == Some(b) && previous_b == Some(a) {
                // Both words have at least two characters here, so `before_last` is filled.
                let swapped = before_last.get(j.wrapping_sub(1)).copied();
                cost = cost.min(swapped.map_or(cost, |swapped| swapped + 1));
            }
            row.push(cost);
            left = cost;
            previous_b = Some(b);
        }
        previous_a = Some(a);
        before_last = last;
        last = row;
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(one: &str, other: &str) -> usize {
        distance(&folded(one), &folded(other))
    }

    // Textbook values of the optimal string alignment distance (which, unlike the unrestricted
    // Damerau-Levenshtein distance, gives 3 for "ca" and "abc").
    #[test]
    fn distances_of_textbook_pairs() {
        assert_eq!(between("kitten", "sitting"), 3);
        assert_eq!(between("ca", "abc"), 3);
        assert_eq!(between("teh", "the"), 1);
        assert_eq!(between("abcd", "abcd"), 0);
        assert_eq!(between("", "abc"), 3);
        assert_eq!(between("abc", ""), 3);
        assert_eq!(between("ab", "ba"), 1);
    }

    #[test]
    fn case_and_hyphens_are_no_difference() {
        let names = ["latent_dim", "hidden"];
        assert_eq!(nearest("Latent-Dim", names), Some("latent_dim"));
        assert!(same_name("Latent-Dim", "latent_dim"));
        assert!(!same_name("latentdim", "latent_dim"));
    }

    #[test]
    fn a_swap_counts_once_so_the_right_short_name_wins() {
        assert_eq!(nearest("hsa", ["hub", "has"]), Some("has"));
        assert_eq!(nearest("epcohs", ["epochs", "device"]), Some("epochs"));
    }

    #[test]
    fn a_part_of_a_name_finds_it_when_it_is_the_only_one() {
        assert_eq!(
            nearest("latent", ["latent_dim", "hidden"]),
            Some("latent_dim")
        );
        assert_eq!(
            nearest("filters", ["conv_filters", "stride"]),
            Some("conv_filters")
        );
        assert_eq!(nearest("image", ["image_size", "images_path"]), None);
        assert_eq!(nearest("la", ["latent_dim"]), None);
    }

    #[test]
    fn nothing_close_gives_none() {
        assert_eq!(nearest("banana", ["epochs", "device"]), None);
        assert_eq!(nearest("", ["epochs"]), None);
        assert_eq!(nearest("epochs", []), None);
        assert_eq!(nearest(&"x".repeat(100_000), ["epochs"]), None);
    }

    #[test]
    fn of_equals_the_first_is_taken() {
        assert_eq!(nearest("beta_3", ["beta_1", "beta_2"]), Some("beta_1"));
    }
}
