//! A scatter of latent points, coloured by class.

use plotters::backend::DrawingBackend;
use plotters::style::RGBColor;

use crate::draw::canvas::{Anchor, Canvas, Ink, Medium, Point, Rect};
use crate::draw::error::DrawError;
use crate::draw::font;
use crate::draw::palette::{NAMED, class_colors, continuous};
use crate::draw::panel::{
    AXIS, GRID, HAIRLINE, LABEL, LABEL_EM, MARK, Panel, REMARK, Range, TICK_EM, numbers_width,
    title_and_remark,
};
use crate::draw::render::{PNG_SCALE, Picture, Rendered, render};
use crate::draw::scatter::{Scatter, interleaved};
use crate::draw::ticks::{Tick, thousands, ticks};

/// Side of the square of points, in units.
const SIDE: f64 = 540.0;
/// Least room left of the points, and what of it the label of the vertical axis takes.
const LEFT: f64 = 70.0;
const Y_LABEL: f64 = 38.0;
const TOP: f64 = 54.0;
const BOTTOM: f64 = 60.0;
const RIGHT: f64 = 18.0;
/// Between the points and the colour bar.
const BAR_GAP: f64 = 20.0;
const BAR_WIDTH: f64 = 16.0;
/// Tallest a class may be in the bar.
const BAR_STEP: f64 = 54.0;
/// Widest the names of classes may be.
const NAMES: f64 = 190.0;
/// Up to this many points an SVG holds one shape each.
const SHAPES: usize = 5_000;

/// What a scatter of latent points shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clusters<'a> {
    /// Title of the picture.
    pub title: &'a str,
    /// Two coordinates an image; those that are not finite are left out.
    pub points: &'a [[f32; 2]],
    /// Class of each point, an index into `class_names`; points of other classes are gray.
    pub classes: &'a [u32],
    /// Names of the classes. Up to 20 have a colour of their own; more share a continuous scale.
    /// None: one colour for all points.
    pub class_names: &'a [String],
    /// Label of the horizontal axis, such as `z[0]` or `PC 1 (41 % of variance)`.
    pub x_label: &'a str,
    /// Label of the vertical axis.
    pub y_label: &'a str,
}

/// Draws latent points as a scatter, coloured by class, with a colour bar that names the classes.
///
/// The frame holds the central 99.8 % of each coordinate and a margin; the points beyond it are
/// left out and counted in a remark. Points are drawn in an order that lets no class cover the
/// others.
///
/// # Errors
///
/// [`DrawError::Length`] unless there is one class a point, and the errors of drawing.
pub(super) fn clusters(clusters: &Clusters<'_>) -> Result<Rendered, DrawError> {
    let (expected, found) = (clusters.points.len(), clusters.classes.len());
    if expected != found {
        return Err(DrawError::Length {
            what: "classes",
            expected,
            found,
        });
    }
    let finite = || {
        clusters
            .points
            .iter()
            .filter(|p| p.iter().all(|v| v.is_finite()))
    };
    let axis = |i: usize| robust_range(finite().map(|p| f64::from(p[i])).collect());
    let ranges = axis(0).zip(axis(1));
    let not_finite = expected - finite().count();
    let outside = ranges.map_or(0, |(x, y)| {
        finite()
            .filter(|p| !holds(x, f64::from(p[0])) || !holds(y, f64::from(p[1])))
            .count()
    });

    let names = clusters.class_names;
    let entries = bar_entries(names)?;
    let names_width = font::widest(entries.iter().map(|it| &it.label), TICK_EM)?;
    let marks = |axis: Option<Range>| axis.map(|range| ticks(range.low, range.high, 8));
    let x_ticks = marks(ranges.map(|(x, _)| x)).unwrap_or_default();
    let y_ticks = marks(ranges.map(|(_, y)| y)).unwrap_or_default();
    render(&Scene {
        given: clusters,
        left: LEFT.max(numbers_width(&y_ticks)? + Y_LABEL),
        x_ticks,
        y_ticks,
        ranges,
        outside,
        not_finite,
        colors: class_colors(names.len()),
        entries,
        names_width,
    })
}

fn holds(range: Range, value: f64) -> bool {
    (range.low..=range.high).contains(&value)
}

/// From the lowest to the highest of the values, but for one in a thousand at either end, and a
/// margin.
fn robust_range(mut values: Vec<f64>) -> Option<Range> {
    values.sort_by(f64::total_cmp);
    let cut = values.len().saturating_sub(1) / 1_000;
    let low = values.get(cut)?;
    let high = values.get(values.len() - 1 - cut)?;
    Some(Range::around(*low, *high, 0.06))
}

/// A name beside the colour bar and its place, from 0 (first class) to 1 (last).
struct Entry {
    share: f64,
    label: String,
}

/// Every class in the middle of its field; of a continuous scale, as many at even distances as have
/// room.
fn bar_entries(names: &[String]) -> Result<Vec<Entry>, DrawError> {
    let entry = |share: f64, name: &String| {
        Ok(Entry {
            share,
            label: font::fit(name, TICK_EM, NAMES)?,
        })
    };
    let count = names.len();
    if count <= NAMED {
        let middle = |i: usize| (i as f64 + 0.5) / count as f64;
        return names
            .iter()
            .enumerate()
            .map(|(i, name)| entry(middle(i), name))
            .collect();
    }
    let step = [1, 2, 5]
        .into_iter()
        .cycle()
        .zip(0_u32..)
        .map(|(factor, i)| factor * 10_usize.saturating_pow(i / 3));
    let room = (SIDE / 18.0) as usize;
    let step = step
        .take(60)
        .find(|step| count / step <= room)
        .unwrap_or(count)
        .max(1);
    let last = (count - 1) as f64;
    let chosen = names.iter().enumerate().step_by(step);
    chosen
        .map(|(i, name)| entry(i as f64 / last, name))
        .collect()
}

struct Scene<'a> {
    given: &'a Clusters<'a>,
    /// Left end of the points, in units.
    left: f64,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    ranges: Option<(Range, Range)>,
    outside: usize,
    not_finite: usize,
    colors: Vec<RGBColor>,
    entries: Vec<Entry>,
    names_width: f64,
}

impl Picture for Scene<'_> {
    fn size(&self) -> (u32, u32) {
        let bar = if self.entries.is_empty() {
            0.0
        } else {
            BAR_GAP + BAR_WIDTH + MARK + 5.0 + self.names_width
        };
        (
            (self.left + SIDE + bar + RIGHT).ceil() as u32,
            (TOP + SIDE + BOTTOM) as u32,
        )
    }

    fn draw<DB: DrawingBackend>(&self, canvas: &mut Canvas<DB>) -> Result<(), DrawError> {
        let rect = Rect {
            left: self.left,
            top: TOP,
            width: SIDE,
            height: SIDE,
        };
        let at = (self.left, 32.0);
        title_and_remark(canvas, self.given.title, &self.remark(), at, SIDE)?;

        let middle = (rect.left + SIDE / 2.0, rect.top + SIDE / 2.0);
        let ink = Ink::new(LABEL_EM, LABEL, Anchor::Middle);
        let x_label = font::fit(self.given.x_label, LABEL_EM, SIDE)?;
        let y_label = font::fit(self.given.y_label, LABEL_EM, SIDE)?;
        canvas.text(&x_label, (middle.0, rect.bottom() + 42.0), ink)?;
        canvas.text_upwards(&y_label, (22.0, middle.1), ink)?;
        match self.ranges {
            None => {
                canvas.outline(rect, HAIRLINE, GRID)?;
                canvas.text(
                    "no points",
                    middle,
                    Ink::new(LABEL_EM, REMARK, Anchor::Middle),
                )?;
            }
            Some((x, y)) => self.draw_points(canvas, Panel { rect, x, y })?,
        }
        self.draw_bar(canvas, rect)
    }
}

impl Scene<'_> {
    fn remark(&self) -> String {
        let mut parts = Vec::new();
        if self.outside > 0 {
            let of = thousands(self.given.points.len());
            parts.push(format!(
                "{} of {of} points outside",
                thousands(self.outside)
            ));
        }
        if self.not_finite > 0 {
            parts.push(format!("{} not finite", thousands(self.not_finite)));
        }
        parts.join(", ")
    }

    fn color(&self, class: u32) -> RGBColor {
        let one = if self.colors.is_empty() {
            RGBColor(0x00, 0x72, 0xb2)
        } else {
            AXIS
        };
        usize::try_from(class)
            .ok()
            .and_then(|i| self.colors.get(i))
            .copied()
            .unwrap_or(one)
    }

    /// Places and colours of the points inside the frame, in drawing order.
    fn visible(&self, panel: Panel) -> impl Iterator<Item = (Point, RGBColor)> + '_ {
        let Clusters {
            points, classes, ..
        } = *self.given;
        interleaved(points.len()).filter_map(move |i| {
            let (&[x, y], &class) = (points.get(i)?, classes.get(i)?);
            let (x, y) = (f64::from(x), f64::from(y));
            let inside = holds(panel.x, x) && holds(panel.y, y);
            inside.then(|| (panel.place((x, y)), self.color(class)))
        })
    }

    fn draw_points<DB: DrawingBackend>(
        &self,
        canvas: &mut Canvas<DB>,
        panel: Panel,
    ) -> Result<(), DrawError> {
        let (x_ticks, y_ticks) = (self.x_ticks.as_slice(), self.y_ticks.as_slice());
        let count = self.given.points.len();
        let (radius, opacity) = look(count);
        if canvas.medium() == Medium::Vector && count <= SHAPES {
            panel.grid(canvas, x_ticks, y_ticks)?;
            for (place, color) in self.visible(panel) {
                canvas.dot(place, radius, color, opacity)?;
            }
        } else {
            let bitmap = self.bitmap(panel, x_ticks, y_ticks, radius, opacity);
            canvas.image(&bitmap, panel.rect)?;
        }
        panel.lower_axis(canvas, x_ticks, true)?;
        panel.left_axis(canvas, y_ticks)
    }

    /// Grid and points, since a bitmap hides what lies beneath.
    fn bitmap(
        &self,
        panel: Panel,
        x_ticks: &[Tick],
        y_ticks: &[Tick],
        radius: f64,
        opacity: f64,
    ) -> crate::draw::bitmap::Bitmap {
        let scale = f64::from(PNG_SCALE);
        let side = (SIDE * scale) as u32;
        let pixel = |(x, y): Point| ((x - panel.rect.left) * scale, (y - panel.rect.top) * scale);
        let line = (HAIRLINE * scale) as u32;
        Scatter::bitmap(side, side, |scatter| {
            for tick in x_ticks {
                scatter.vertical(pixel(panel.place((tick.value, 0.0))).0, line, GRID);
            }
            for tick in y_ticks {
                scatter.horizontal(pixel(panel.place((0.0, tick.value))).1, line, GRID);
            }
            for (place, color) in self.visible(panel) {
                scatter.dot(pixel(place), radius * scale, color, opacity);
            }
        })
    }

    fn draw_bar<DB: DrawingBackend>(
        &self,
        canvas: &mut Canvas<DB>,
        rect: Rect,
    ) -> Result<(), DrawError> {
        let classes = self.colors.len();
        if classes == 0 {
            return Ok(());
        }
        let left = rect.right() + BAR_GAP;
        let continuous_scale = classes > NAMED;
        let height = if continuous_scale {
            SIDE
        } else {
            SIDE.min(BAR_STEP * classes as f64)
        };
        let bar = Rect {
            left,
            top: rect.top,
            width: BAR_WIDTH,
            height,
        };
        // Classes read from the top like a list, a scale upwards like an axis.
        let fields = if continuous_scale {
            SIDE as usize
        } else {
            classes
        };
        let field = height / fields as f64;
        for i in 0..fields {
            let color = if continuous_scale {
                continuous(1.0 - i as f64 / (fields - 1) as f64)
            } else {
                self.color(i as u32)
            };
            let top = bar.top + field * i as f64;
            canvas.fill(
                Rect {
                    top,
                    height: field,
                    ..bar
                },
                color,
            )?;
        }
        canvas.outline(bar, HAIRLINE / 2.0, AXIS)?;
        for Entry { share, label } in &self.entries {
            let share = if continuous_scale {
                1.0 - share
            } else {
                *share
            };
            let y = bar.top + height * share;
            canvas.horizontal((bar.right(), bar.right() + MARK), y, HAIRLINE, AXIS)?;
            let at = (bar.right() + MARK + 5.0, y);
            canvas.text_centered(label, at, Ink::new(TICK_EM, LABEL, Anchor::Start))?;
        }
        Ok(())
    }
}

/// Radius (in units) and opacity of the points: the more, the smaller and the more transparent.
fn look(count: usize) -> (f64, f64) {
    // From 3 units and 0.9 at 100 points and below to 1 unit and 0.45 at 70,000.
    let share = ((count.max(1) as f64 / 100.0).ln() / 700_f64.ln()).clamp(0.0, 1.0);
    (3.0 - 2.0 * share, 0.9 - 0.45 * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::testing::{decode, texts};

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("class {i}")).collect()
    }

    /// Two clouds at the same place, all of one class before all of the other.
    fn clouds(count: u32) -> (Vec<[f32; 2]>, Vec<u32>) {
        let point = |i: u32| {
            let (a, b) = ((i % 1_009 * 7_919) % 1_009, (i % 997 * 104_729) % 997);
            [a as f32 / 1_009.0, b as f32 / 997.0]
        };
        (
            (0..count).map(point).collect(),
            (0..count).map(|i| i * 2 / count).collect(),
        )
    }

    fn scene<'a>(
        points: &'a [[f32; 2]],
        classes: &'a [u32],
        class_names: &'a [String],
    ) -> Clusters<'a> {
        Clusters {
            title: "a run",
            points,
            classes,
            class_names,
            x_label: "PC 1 (41 % of variance)",
            y_label: "PC 2 (9 % of variance)",
        }
    }

    #[test]
    fn names_classes_and_axes() {
        let (points, classes) = clouds(100);
        let rendered = clusters(&scene(&points, &classes, &names(2))).unwrap();
        let found = texts(&rendered.svg);
        for text in [
            "a run",
            "PC 1 (41 % of variance)",
            "PC 2 (9 % of variance)",
            "class 0",
            "class 1",
        ] {
            assert!(found.iter().any(|found| found == text), "{text}: {found:?}");
        }
        decode(&rendered);
    }

    #[test]
    fn draws_a_point_at_its_place_in_the_color_of_its_class() {
        let points = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]];
        let names = names(4);
        let rendered = clusters(&scene(&points, &[0, 1, 2, 3], &names)).unwrap();
        let picture = decode(&rendered);
        // A margin of 6 % at each end of 0..1 puts 0 at 0.06 / 1.12 of the side.
        let near = SIDE * 0.06 / 1.12;
        let at = |x: f64, y: f64| {
            picture
                .get_pixel(((LEFT + x) * 2.0) as u32, ((TOP + y) * 2.0) as u32)
                .0
        };
        // Nine tenths opaque over white, or over the grid line at 0 and 1.
        let near_to = |found: [u8; 3], color: RGBColor| {
            let expected = [color.0, color.1, color.2].map(|c| 0.9 * f64::from(c) + 0.1 * 240.0);
            found
                .iter()
                .zip(expected)
                .all(|(&a, b)| (f64::from(a) - b).abs() < 3.0)
        };
        let colors = class_colors(4);
        assert!(near_to(at(near, SIDE - near), colors[0]));
        assert!(near_to(at(SIDE - near, SIDE - near), colors[1]));
        assert!(near_to(at(near, near), colors[2]));
        assert!(near_to(at(SIDE - near, near), colors[3]));
    }

    #[test]
    fn mixes_classes_that_come_sorted() {
        let (points, classes) = clouds(20_000);
        let rendered = clusters(&scene(&points, &classes, &names(2))).unwrap();
        let picture = decode(&rendered);
        let (mut blue, mut red) = (0, 0);
        for x in (LEFT as u32 * 2)..((LEFT + SIDE) as u32 * 2) {
            for y in (TOP as u32 * 2)..((TOP + SIDE) as u32 * 2) {
                let [r, _, b] = picture.get_pixel(x, y).0;
                blue += u32::from(b > r);
                red += u32::from(r > b);
            }
        }
        assert!(blue * 2 > red && red * 2 > blue, "{blue} {red}");
    }

    #[test]
    fn draws_few_points_as_shapes_and_many_as_a_bitmap() {
        let names = names(2);
        let (points, classes) = clouds(5_000);
        let few = clusters(&scene(&points, &classes, &names)).unwrap().svg;
        assert!(few.matches("<circle").count() > 4_900 && !few.contains("<image"));
        let (points, classes) = clouds(70_000);
        let many = clusters(&scene(&points, &classes, &names)).unwrap().svg;
        assert!(!many.contains("<circle") && many.matches("<image").count() == 1);
        assert!(many.len() < 3_000_000, "{}", many.len());
    }

    #[test]
    fn leaves_out_and_counts_far_points() {
        let (mut points, classes) = clouds(10_000);
        points[17] = [1e30, 0.5];
        points[18] = [0.5, -4e8];
        points[19] = [f32::NAN, 0.5];
        points[20] = [0.5, f32::INFINITY];
        let rendered = clusters(&scene(&points, &classes, &names(2))).unwrap();
        let found = texts(&rendered.svg);
        let remark = "2 of 10,000 points outside, 2 not finite";
        assert!(found.iter().any(|text| text == remark), "{found:?}");
    }

    #[test]
    fn draws_odd_inputs() {
        let names = names(3);
        let long = vec!["a name that goes on and on and on and on and on".to_owned(); 3];
        type Case<'a> = (&'a [[f32; 2]], &'a [u32], &'a [String]);
        let cases: [Case<'_>; 6] = [
            (&[], &[], &names),
            (&[[1.0, 2.0]], &[0], &names[..1]),
            (&[[1.0, 2.0]; 9], &[7; 9], &long),
            (&[[f32::NAN; 2]; 2], &[0; 2], &names),
            (&[[0.0, 0.0], [f32::MAX, f32::MIN]], &[0, u32::MAX], &[]),
            (&[[0.0, 0.0], [1e-40, 1e-40]], &[0, 1], &names),
        ];
        for (points, classes, names) in cases {
            decode(&clusters(&scene(points, classes, names)).unwrap());
        }
        assert!(matches!(
            clusters(&scene(&[[0.0; 2]], &[], &names)),
            Err(DrawError::Length {
                what: "classes",
                expected: 1,
                found: 0
            })
        ));
    }

    #[test]
    fn draws_a_thousand_classes_on_a_scale_with_a_few_names() {
        let names = names(1_000);
        let (points, _) = clouds(1_000);
        let classes: Vec<u32> = (0..1_000).collect();
        let found = texts(&clusters(&scene(&points, &classes, &names)).unwrap().svg);
        let shown: Vec<_> = found
            .iter()
            .filter(|text| text.starts_with("class "))
            .collect();
        assert!(shown.len() > 10 && shown.len() <= 30, "{shown:?}");
        assert!(shown.iter().any(|text| *text == "class 50"));
        for count in [20, 21, 30, 31, 100, 65_536] {
            let entries = bar_entries(&self::names(count)).unwrap();
            assert!(
                !entries.is_empty() && entries.len() <= 31,
                "{count}: {}",
                entries.len()
            );
        }
    }

    #[test]
    fn draws_the_same_points_to_the_same_bytes() {
        let (points, classes) = clouds(6_000);
        let names = names(2);
        let draw = || clusters(&scene(&points, &classes, &names)).unwrap();
        assert_eq!(draw(), draw());
    }
}
