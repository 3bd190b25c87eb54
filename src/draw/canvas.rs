//! Shapes and text in units of a page, over any plotters backend.
//!
//! A page is measured in units (one unit is one CSS pixel of the picture shown at its natural
//! size). Backends count in whole pixels, so both are driven at [`SCALE`] pixels a unit: the PNG is
//! averaged down afterwards, the SVG declares its size in units, and positions are exact to a
//! quarter of a unit in both.

use plotters::backend::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBAColor, RGBColor, ShapeStyle,
    TextStyle,
};

use super::bitmap::Bitmap;
use super::error::DrawError;
use super::font;

/// Pixels of the backend a unit of the page.
pub(crate) const SCALE: u32 = 4;

/// A place on the page, in units from the top left corner.
pub(crate) type Point = (f64, f64);

/// A rectangle of the page, in units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rect {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    pub(crate) fn right(&self) -> f64 {
        self.left + self.width
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.top + self.height
    }

    pub(crate) fn contains(&self, (x, y): Point) -> bool {
        (self.left..=self.right()).contains(&x) && (self.top..=self.bottom()).contains(&y)
    }
}

/// The format that the backend writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    /// Pixels.
    Raster,
    /// Shapes.
    Vector,
}

/// Which end of a text stands at its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Direction of a line of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Right,
    Up,
}

/// Size, colour and place of a line of text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ink {
    /// Font size, in units.
    pub em: f64,
    pub color: RGBColor,
    pub anchor: Anchor,
}

impl Ink {
    pub(crate) const fn new(em: f64, color: RGBColor, anchor: Anchor) -> Self {
        Self { em, color, anchor }
    }
}

/// A colour `alpha` opaque, in the form that backends take.
fn paint(color: RGBColor, alpha: f64) -> RGBAColor {
    RGBAColor(color.0, color.1, color.2, alpha)
}

/// A style of that colour, its lines one pixel wide.
fn style(color: RGBAColor) -> ShapeStyle {
    ShapeStyle {
        color,
        filled: true,
        stroke_width: 1,
    }
}

/// A page to draw on.
pub(crate) struct Canvas<DB> {
    backend: DB,
    medium: Medium,
    /// Where the bitmaps of a vector picture belong, in the order in which they were drawn:
    /// plotters gives a bitmap the size of its pixels, which `render` puts right in the finished
    /// text.
    placed: Vec<Rect>,
}

impl<DB: DrawingBackend> Canvas<DB> {
    pub(crate) fn new(backend: DB, medium: Medium) -> Self {
        Self {
            backend,
            medium,
            placed: Vec::new(),
        }
    }

    pub(crate) fn medium(&self) -> Medium {
        self.medium
    }

    /// Ends the drawing and gives the places of the bitmaps.
    pub(crate) fn finish(mut self) -> Result<Vec<Rect>, DrawError> {
        self.backend.present().map_err(failed)?;
        Ok(self.placed)
    }

    /// A filled rectangle.
    pub(crate) fn fill(&mut self, rect: Rect, color: RGBColor) -> Result<(), DrawError> {
        let style = style(paint(color, 1.0));
        let from = (pixels(rect.left), pixels(rect.top));
        let to = (pixels(rect.right()), pixels(rect.bottom()));
        self.backend
            .draw_rect(from, to, &style, true)
            .map_err(failed)
    }

    /// The outline of a rectangle, inside it.
    pub(crate) fn outline(
        &mut self,
        rect: Rect,
        width: f64,
        color: RGBColor,
    ) -> Result<(), DrawError> {
        let (height, left, top) = (width, rect.right() - width, rect.bottom() - width);
        let upper = Rect { height, ..rect };
        let leftmost = Rect { width, ..rect };
        let sides = [
            upper,
            Rect { top, ..upper },
            leftmost,
            Rect { left, ..leftmost },
        ];
        sides
            .into_iter()
            .try_for_each(|side| self.fill(side, color))
    }

    /// A horizontal line, `y` in its middle.
    pub(crate) fn horizontal(
        &mut self,
        (from, to): (f64, f64),
        y: f64,
        width: f64,
        color: RGBColor,
    ) -> Result<(), DrawError> {
        self.fill(
            Rect {
                left: from,
                top: y - width / 2.0,
                width: to - from,
                height: width,
            },
            color,
        )
    }

    /// A vertical line, `x` in its middle.
    pub(crate) fn vertical(
        &mut self,
        x: f64,
        (from, to): (f64, f64),
        width: f64,
        color: RGBColor,
    ) -> Result<(), DrawError> {
        self.fill(
            Rect {
                left: x - width / 2.0,
                top: from,
                width,
                height: to - from,
            },
            color,
        )
    }

    /// A line through all points, with round ends and joints.
    pub(crate) fn line(
        &mut self,
        points: &[Point],
        width: f64,
        color: RGBColor,
    ) -> Result<(), DrawError> {
        match self.medium {
            Medium::Vector => {
                let stroke_width = pixels(width).max(1).unsigned_abs();
                let style = ShapeStyle {
                    stroke_width,
                    ..style(paint(color, 1.0))
                };
                let path: Vec<_> = points
                    .iter()
                    .map(|&(x, y)| (pixels(x), pixels(y)))
                    .collect();
                self.backend.draw_path(path, &style).map_err(failed)
            }
            // plotters fills thick lines without smoothing and mitres noisy ones into spikes.
            Medium::Raster => points
                .windows(2)
                .try_for_each(|ends| self.capsule(ends[0], ends[1], width, color)),
        }
    }

    /// Every pixel within half a width of the segment, its border smoothed.
    fn capsule(
        &mut self,
        from: Point,
        to: Point,
        width: f64,
        color: RGBColor,
    ) -> Result<(), DrawError> {
        let scale = f64::from(SCALE);
        let (ax, ay) = (from.0 * scale, from.1 * scale);
        let (dx, dy) = (to.0 * scale - ax, to.1 * scale - ay);
        let radius = width * scale / 2.0;
        let length = dx * dx + dy * dy;
        let (page_width, page_height) = self.backend.get_size();
        let span = |a: f64, d: f64, limit: u32| {
            let low = (a.min(a + d) - radius - 1.0).floor().max(0.0);
            let high = (a.max(a + d) + radius + 1.0).ceil().min(f64::from(limit));
            low as i32..high as i32
        };
        for y in span(ay, dy, page_height) {
            for x in span(ax, dx, page_width) {
                let (px, py) = (f64::from(x) + 0.5 - ax, f64::from(y) + 0.5 - ay);
                let along = if length > 0.0 {
                    ((px * dx + py * dy) / length).clamp(0.0, 1.0)
                } else {
                    0.0
                };
                let distance = (px - along * dx).hypot(py - along * dy);
                let cover = (radius + 0.5 - distance).clamp(0.0, 1.0);
                if cover > 0.0 {
                    self.pixel((x, y), color, cover)?;
                }
            }
        }
        Ok(())
    }

    /// A filled circle.
    pub(crate) fn dot(
        &mut self,
        center: Point,
        radius: f64,
        color: RGBColor,
        opacity: f64,
    ) -> Result<(), DrawError> {
        match self.medium {
            Medium::Raster if opacity >= 1.0 => self.capsule(center, center, 2.0 * radius, color),
            _ => {
                let style = style(paint(color, opacity));
                let at = (pixels(center.0), pixels(center.1));
                let radius = pixels(radius).max(1).unsigned_abs();
                self.backend
                    .draw_circle(at, radius, &style, true)
                    .map_err(failed)
            }
        }
    }

    /// A line of text whose baseline goes through `at`.
    pub(crate) fn text(&mut self, text: &str, at: Point, ink: Ink) -> Result<(), DrawError> {
        self.write(text, at, ink, Direction::Right)
    }

    /// A line of text whose capitals are centred on the height of `at`.
    pub(crate) fn text_centered(
        &mut self,
        text: &str,
        (x, y): Point,
        ink: Ink,
    ) -> Result<(), DrawError> {
        self.text(text, (x, y + ink.em * font::CAP_HEIGHT / 2.0), ink)
    }

    /// A line of text that runs upwards, its baseline through `at`.
    pub(crate) fn text_upwards(
        &mut self,
        text: &str,
        at: Point,
        ink: Ink,
    ) -> Result<(), DrawError> {
        self.write(text, at, ink, Direction::Up)
    }

    fn write(
        &mut self,
        text: &str,
        (x, y): Point,
        ink: Ink,
        direction: Direction,
    ) -> Result<(), DrawError> {
        if text.is_empty() {
            return Ok(());
        }
        let em = ink.em * f64::from(SCALE);
        if self.medium == Medium::Raster {
            return self.write_glyphs(text, (x, y), ink, direction);
        }
        // plotters places a text by its top and then writes `dy="0.76em"`; it also divides the
        // size by 1.24.
        let drop = 0.76 * ink.em;
        let (top, transform) = match direction {
            Direction::Right => ((x, y - drop), FontTransform::None),
            Direction::Up => ((x - drop, y), FontTransform::Rotate270),
        };
        let horizontal = match ink.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // A viewer would fold neighbouring spaces into one.
        let text = text.replace("  ", "\u{a0}\u{a0}");
        let face = FontDesc::new(FontFamily::Name(font::FAMILY), 1.24 * em, FontStyle::Normal);
        let style = TextStyle::from(face.transform(transform))
            .color(&ink.color)
            .pos(Pos::new(horizontal, VPos::Top));
        self.backend
            .draw_text(&text, &style, (pixels(top.0), pixels(top.1)))
            .map_err(failed)
    }

    /// plotters' rasteriser drops the side bearings of glyphs, which spaces letters unevenly.
    fn write_glyphs(
        &mut self,
        text: &str,
        (x, y): Point,
        ink: Ink,
        direction: Direction,
    ) -> Result<(), DrawError> {
        let em = ink.em * f64::from(SCALE);
        let before = match ink.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => font::width(text, em)? / 2.0,
            Anchor::End => font::width(text, em)?,
        };
        let (x, y) = (x * f64::from(SCALE), y * f64::from(SCALE));
        let (page_width, page_height) = self.backend.get_size();
        let page_height = i32::try_from(page_height).unwrap_or(i32::MAX);
        let page_width = i32::try_from(page_width).unwrap_or(i32::MAX);
        // Upwards, the baseline runs along -y: glyphs are laid out there and turned pixel by pixel.
        let (start, baseline) = match direction {
            Direction::Right => (x - before, y),
            Direction::Up => (-y - before, x),
        };
        for (along, across, cover) in font::covers(text, em, (start, baseline))? {
            let at = match direction {
                Direction::Right => (along, across),
                Direction::Up => (across, -1 - along),
            };
            if (0..page_width).contains(&at.0) && (0..page_height).contains(&at.1) {
                self.pixel(at, ink.color, cover)?;
            }
        }
        Ok(())
    }

    /// Lays a colour over one pixel of the backend, `cover` of it from 0 to 1.
    fn pixel(&mut self, at: (i32, i32), color: RGBColor, cover: f64) -> Result<(), DrawError> {
        let color = paint(color, cover).to_backend_color();
        self.backend.draw_pixel(at, color).map_err(failed)
    }

    /// A bitmap stretched over a rectangle, its pixels left as sharp squares.
    pub(crate) fn image(&mut self, bitmap: &Bitmap, rect: Rect) -> Result<(), DrawError> {
        let at = (pixels(rect.left), pixels(rect.top));
        match self.medium {
            Medium::Vector => {
                self.placed.push(rect);
                let bitmap = bitmap.compacted();
                self.backend
                    .blit_bitmap(at, (bitmap.width, bitmap.height), &bitmap.rgb)
                    .map_err(failed)
            }
            Medium::Raster => {
                let width = (pixels(rect.right()) - at.0).max(0).unsigned_abs();
                let height = (pixels(rect.bottom()) - at.1).max(0).unsigned_abs();
                // The rows on the page, some at a time: all of them would take as much memory as the page.
                let (_, page) = self.backend.get_size();
                let first = (-at.1).clamp(0, height as i32).unsigned_abs();
                let end = i64::from(height).min(i64::from(page) - i64::from(at.1));
                let end = end.max(0) as u32;
                for top in (first..end).step_by(64) {
                    let rows = top..end.min(top + 64);
                    let part = bitmap.stretched_rows((width, height), rows);
                    let at = (at.0, at.1.saturating_add_unsigned(top));
                    self.backend
                        .blit_bitmap(at, (width, part.height), &part.rgb)
                        .map_err(failed)?;
                }
                Ok(())
            }
        }
    }
}

/// Units to pixels of the backend. Far outside the page is as good as outside (`as` saturates).
fn pixels(units: f64) -> i32 {
    (units * f64::from(SCALE)).round().clamp(-1e6, 1e6) as i32
}

fn failed(error: impl std::error::Error) -> DrawError {
    DrawError::Draw(error.to_string())
}

#[cfg(test)]
mod tests {
    use plotters::prelude::{BitMapBackend, SVGBackend};
    use plotters::style::BLACK;

    use super::*;

    const SIDE: u32 = 100 * SCALE;

    /// First and last column and row with ink on a raster page of 100 x 100 units, last ones
    /// exclusive, in units.
    fn inked(draw: impl Fn(&mut Canvas<BitMapBackend<'_>>)) -> [f64; 4] {
        let mut buffer = vec![255_u8; (SIDE * SIDE * 3) as usize];
        let backend = BitMapBackend::with_buffer(&mut buffer, (SIDE, SIDE));
        let mut canvas = Canvas::new(backend, Medium::Raster);
        draw(&mut canvas);
        canvas.finish().unwrap();
        let page = Bitmap {
            width: SIDE,
            height: SIDE,
            rgb: buffer,
        };
        let dark = |x: u32, y: u32| page.at(x, y)[0] < 128;
        let columns = || (0..SIDE).filter(|&x| (0..SIDE).any(|y| dark(x, y)));
        let rows = || (0..SIDE).filter(|&y| (0..SIDE).any(|x| dark(x, y)));
        let units = |pixels: u32| f64::from(pixels) / f64::from(SCALE);
        [
            units(columns().next().unwrap()),
            units(columns().next_back().unwrap() + 1),
            units(rows().next().unwrap()),
            units(rows().next_back().unwrap() + 1),
        ]
    }

    fn near(found: [f64; 4], expected: [f64; 4]) {
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() <= 0.3, "{found:?} {expected:?}");
        }
    }

    /// The letter H of DejaVu Sans at 20 units: advance 15.04, ink from 1.96 to 13.08, 14.58 high
    /// (1540, 201, 1339 and 1493 of 2048).
    const H: f64 = 20.0;

    #[test]
    fn places_text_on_its_baseline_by_its_anchor() {
        let h = |anchor| {
            inked(move |canvas| {
                canvas
                    .text("H", (50.0, 60.0), Ink::new(H, BLACK, anchor))
                    .unwrap();
            })
        };
        near(h(Anchor::Start), [51.96, 63.08, 45.42, 60.0]);
        near(h(Anchor::Middle), [44.44, 55.56, 45.42, 60.0]);
        near(h(Anchor::End), [36.92, 48.04, 45.42, 60.0]);
        let centered = inked(|canvas| {
            canvas
                .text_centered("H", (50.0, 60.0), Ink::new(H, BLACK, Anchor::Start))
                .unwrap();
        });
        near(centered, [51.96, 63.08, 52.71, 67.29]);
        let upwards = inked(|canvas| {
            canvas
                .text_upwards("H", (50.0, 60.0), Ink::new(H, BLACK, Anchor::Start))
                .unwrap();
        });
        near(upwards, [35.42, 50.0, 46.92, 58.04]);
    }

    #[test]
    fn writes_text_of_an_svg_at_the_same_baseline() {
        let mut text = String::new();
        let backend = SVGBackend::with_string(&mut text, (SIDE, SIDE));
        let mut canvas = Canvas::new(backend, Medium::Vector);
        canvas
            .text("a  <", (50.0, 60.0), Ink::new(H, BLACK, Anchor::End))
            .unwrap();
        canvas.finish().unwrap();
        // 60 units less the 0.76 em that `dy` adds: 44.8, four steps each.
        for part in [
            "x=\"200\" y=\"179\" dy=\"0.76em\"",
            "font-size=\"80\"",
            "\"end\"",
            "a\u{a0}\u{a0}&lt;",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn draws_lines_with_their_width_and_round_ends() {
        let line = inked(|canvas| {
            canvas
                .line(&[(20.0, 50.0), (80.0, 50.0)], 4.0, BLACK)
                .unwrap()
        });
        near(line, [18.0, 82.0, 48.0, 52.0]);
        let dot = inked(|canvas| canvas.dot((50.0, 50.0), 3.0, BLACK, 1.0).unwrap());
        near(dot, [47.0, 53.0, 47.0, 53.0]);
        let rule = inked(|canvas| canvas.horizontal((10.0, 90.0), 30.0, 1.0, BLACK).unwrap());
        near(rule, [10.0, 90.0, 29.5, 30.5]);
        let rule = inked(|canvas| canvas.vertical(30.0, (10.0, 90.0), 1.0, BLACK).unwrap());
        near(rule, [29.5, 30.5, 10.0, 90.0]);
    }

    #[test]
    fn cuts_shapes_outside_the_page() {
        let shapes = inked(|canvas| {
            let far = [(-1e9, 50.0), (1e9, 50.0)];
            canvas.line(&far, 2.0, BLACK).unwrap();
            canvas.dot((f64::NAN, 1e12), 3.0, BLACK, 1.0).unwrap();
            canvas
                .text("far", (-1e9, 1e9), Ink::new(H, BLACK, Anchor::Start))
                .unwrap();
        });
        near(shapes, [0.0, 100.0, 49.0, 51.0]);
    }
}
