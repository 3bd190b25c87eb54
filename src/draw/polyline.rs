//! Lines through many points: what of them a frame shows, and dashes along them.

use super::canvas::{Point, Rect};

/// The parts of a line inside a rectangle; a missing point is a gap.
pub(crate) fn visible_pieces(places: &[Option<Point>], rect: Rect) -> Vec<Vec<Point>> {
    let mut pieces: Vec<Vec<Point>> = Vec::new();
    for ends in places.windows(2) {
        let (Some(&Some(from)), Some(&Some(to))) = (ends.first(), ends.get(1)) else {
            continue;
        };
        let Some((from, to)) = clip(from, to, rect) else {
            continue;
        };
        match pieces.last_mut() {
            Some(piece) if piece.last() == Some(&from) => piece.push(to),
            _ => pieces.push(vec![from, to]),
        }
    }
    pieces
}

/// The part of a segment inside a rectangle (Liang and Barsky 1984).
fn clip(from: Point, to: Point, rect: Rect) -> Option<(Point, Point)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    let borders = [
        (-dx, from.0 - rect.left),
        (dx, rect.right() - from.0),
        (-dy, from.1 - rect.top),
        (dy, rect.bottom() - from.1),
    ];
    for (outward, room) in borders {
        if outward == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if outward < 0.0 {
            enter = enter.max(room / outward);
        } else {
            leave = leave.min(room / outward);
        }
    }
    if enter > leave {
        return None;
    }
    let at = |share: f64| {
        if share <= 0.0 {
            from
        } else if share >= 1.0 {
            to
        } else {
            (from.0 + share * dx, from.1 + share * dy)
        }
    };
    Some((at(enter), at(leave)))
}

/// A line cut into dashes of length `on` with gaps of `off`, along its length.
pub(crate) fn dashes(points: &[Point], on: f64, off: f64) -> Vec<Vec<Point>> {
    let mut dashes: Vec<Vec<Point>> = Vec::new();
    let Some(&start) = points.first() else {
        return dashes;
    };
    let mut current = vec![start];
    let (mut drawing, mut left) = (true, on);
    for ends in points.windows(2) {
        let (mut from, to) = (ends[0], ends[1]);
        loop {
            let length = (to.0 - from.0).hypot(to.1 - from.1);
            if length <= left {
                left -= length;
                if drawing {
                    current.push(to);
                }
                break;
            }
            let share = left / length;
            from = (
                from.0 + share * (to.0 - from.0),
                from.1 + share * (to.1 - from.1),
            );
            if drawing {
                current.push(from);
                dashes.push(std::mem::take(&mut current));
            } else {
                current = vec![from];
            }
            drawing = !drawing;
            left = if drawing { on } else { off };
        }
    }
    if drawing && current.len() > 1 {
        dashes.push(current);
    }
    dashes
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECT: Rect = Rect {
        left: 0.0,
        top: 0.0,
        width: 10.0,
        height: 10.0,
    };

    #[test]
    fn cuts_lines_at_the_frame() {
        assert_eq!(
            clip((-5.0, 5.0), (15.0, 5.0), RECT),
            Some(((0.0, 5.0), (10.0, 5.0)))
        );
        assert_eq!(
            clip((5.0, 5.0), (5.0, 25.0), RECT),
            Some(((5.0, 5.0), (5.0, 10.0)))
        );
        assert_eq!(
            clip((2.0, 3.0), (4.0, 5.0), RECT),
            Some(((2.0, 3.0), (4.0, 5.0)))
        );
        assert_eq!(clip((-5.0, -1.0), (15.0, -1.0), RECT), None);
        // Passes the corner outside.
        assert_eq!(clip((-4.0, 2.0), (2.0, -6.0), RECT), None);
    }

    #[test]
    fn divides_a_line_at_missing_points_and_outside() {
        let places = [
            Some((0.0, 1.0)),
            Some((1.0, 1.0)),
            None,
            Some((3.0, 1.0)),
            Some((4.0, 1.0)),
            Some((4.0, 21.0)),
            Some((6.0, 21.0)),
            Some((6.0, 1.0)),
        ];
        let pieces = visible_pieces(&places, RECT);
        assert_eq!(
            pieces,
            [
                vec![(0.0, 1.0), (1.0, 1.0)],
                vec![(3.0, 1.0), (4.0, 1.0), (4.0, 10.0)],
                vec![(6.0, 10.0), (6.0, 1.0)],
            ]
        );
    }

    #[test]
    fn leads_dashes_around_corners() {
        let corner = [(0.0, 0.0), (3.0, 0.0), (3.0, 6.0)];
        assert_eq!(
            dashes(&corner, 4.0, 2.0),
            [
                vec![(0.0, 0.0), (3.0, 0.0), (3.0, 1.0)],
                vec![(3.0, 3.0), (3.0, 6.0)],
            ]
        );
        assert!(dashes(&[], 4.0, 2.0).is_empty());
    }
}
