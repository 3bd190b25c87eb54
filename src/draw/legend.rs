//! Names at the ends of curves, moved apart where they would overlap.

/// Ascending heights, each at least `apart` from the next, as near to the wanted ones as a pass
/// down and one up make them, and inside `low..high` where they all fit.
pub(crate) fn spread(wanted: &[f64], apart: f64, (low, high): (f64, f64)) -> Vec<f64> {
    let mut heights: Vec<f64> = wanted.iter().map(|y| y.clamp(low, high)).collect();
    // Groups that touch are centred on the mean of what they want.
    let mut groups: Vec<(f64, usize)> = Vec::new();
    for &height in &heights {
        let mut group = (height, 1_usize);
        while let Some(&(center, size)) = groups.last() {
            let reach = apart * (size + group.1) as f64 / 2.0;
            if center + reach <= group.0 {
                break;
            }
            groups.pop();
            let total = size + group.1;
            group.0 = (center * size as f64 + group.0 * group.1 as f64) / total as f64;
            group.1 = total;
        }
        groups.push(group);
    }
    let placed = groups.iter().flat_map(|&(center, size)| {
        let half = apart * size.saturating_sub(1) as f64 / 2.0;
        let center = center.min(high - half).max(low + half);
        (0..size).map(move |i| center - half + apart * i as f64)
    });
    for (height, place) in heights.iter_mut().zip(placed) {
        *height = place;
    }
    heights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_names_where_they_are_wanted_while_they_have_room() {
        assert_eq!(spread(&[10.0, 40.0], 15.0, (0.0, 100.0)), [10.0, 40.0]);
        assert!(spread(&[], 15.0, (0.0, 100.0)).is_empty());
    }

    #[test]
    fn moves_names_that_touch_apart_around_their_middle() {
        assert_eq!(spread(&[50.0, 50.0], 10.0, (0.0, 100.0)), [45.0, 55.0]);
        // The first two move apart and then push the third: all three around their mean.
        assert_eq!(
            spread(&[50.0, 50.0, 56.0], 10.0, (0.0, 100.0)),
            [42.0, 52.0, 62.0]
        );
    }

    #[test]
    fn keeps_names_inside() {
        assert_eq!(spread(&[99.0, 100.0], 10.0, (0.0, 100.0)), [90.0, 100.0]);
        assert_eq!(spread(&[-5.0], 10.0, (0.0, 100.0)), [0.0]);
    }
}
