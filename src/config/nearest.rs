//! The known name closest to a mistyped one, for "did you mean" hints.
//!
//! Case and `-` against `_` do not count as differences, since those are the mistakes people make most
//! often. What is left is measured as the optimal string alignment distance (`strsim`): insertions, deletions,
//! substitutions and swaps of neighbours, each at cost 1. A name is offered only when it is close
//! enough that the guess is more likely to help than to confuse.

use strsim::osa_distance;

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
        let distance = osa_distance(&word, &other);
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

fn folded(word: &str) -> String {
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

fn contains(long: &str, short: &str) -> bool {
    short.len() >= 3 && long.contains(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignores_case_and_hyphens() {
        let names = ["latent_dim", "hidden"];
        assert_eq!(nearest("Latent-Dim", names), Some("latent_dim"));
        assert!(same_name("Latent-Dim", "latent_dim"));
        assert!(!same_name("latentdim", "latent_dim"));
    }

    #[test]
    fn counts_a_swap_once() {
        assert_eq!(nearest("hsa", ["hub", "has"]), Some("has"));
        assert_eq!(nearest("epcohs", ["epochs", "device"]), Some("epochs"));
    }

    #[test]
    fn finds_the_only_name_that_contains_the_word() {
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
    fn finds_nothing_where_nothing_is_close() {
        assert_eq!(nearest("banana", ["epochs", "device"]), None);
        assert_eq!(nearest("", ["epochs"]), None);
        assert_eq!(nearest("epochs", []), None);
        assert_eq!(nearest(&"x".repeat(100_000), ["epochs"]), None);
    }

    #[test]
    fn takes_the_first_of_equals() {
        assert_eq!(nearest("beta_3", ["beta_1", "beta_2"]), Some("beta_1"));
    }
}
