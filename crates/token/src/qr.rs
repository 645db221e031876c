//! QR codes: as SVG for a page, and in half blocks for a terminal.

use qrcode::{Color, EcLevel, QrCode};

/// Light modules around the code (ISO/IEC 18004 6.3.8).
const QUIET: usize = 4;

/// The modules of a QR code with its quiet zone, row by row; dark is `true`.
struct Modules {
    dark: Vec<bool>,
    width: usize,
}

impl Modules {
    /// The code of `text`; `None` when it is too long for one.
    fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let (inner, width) = (code.width(), code.width() + 2 * QUIET);
        let mut dark = vec![false; width * width];
        for (place, color) in code.to_colors().into_iter().enumerate() {
            let target = (place / inner + QUIET) * width + place % inner + QUIET;
            if let Some(module) = dark.get_mut(target) {
                *module = color == Color::Dark;
            }
        }
        Some(Self { dark, width })
    }

    fn is_dark(&self, row: usize, column: usize) -> bool {
        column < self.width
            && self
                .dark
                .get(row * self.width + column)
                .copied()
                .unwrap_or(false)
    }
}

/// The code of `text` as an `<svg>` element with `label` for those who hear the page; `None` when `text` is too long.
///
/// It needs no style and no script, so the strictest policy shows it.
#[must_use]
pub fn svg(text: &str, label: &str) -> Option<maud::Markup> {
    let modules = Modules::of(text)?;
    let mut path = String::new();
    for row in 0..modules.width {
        let mut column = 0;
        while column < modules.width {
            let run = (column..modules.width)
                .take_while(|&at| modules.is_dark(row, at))
                .count();
            if run > 0 {
                path.push_str(&format!("M{column} {row}h{run}v1h-{run}z"));
            }
            column += run.max(1);
        }
    }
    let (width, view) = (modules.width * 6, format!("0 0 {0} {0}", modules.width));
    Some(maud::html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(view) width=(width) height=(width) role="img" aria-label=(label) shape-rendering="crispEdges" {
            rect width="100%" height="100%" fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    })
}

/// The code of `text` for a terminal, two rows of modules in each line; `None` when `text` is too long.
///
/// Dark modules are left blank and light ones drawn, as most terminals are light on dark; the quiet zone keeps the code
/// readable on the others, where it appears inverted, which telephones read as well.
#[must_use]
pub fn half_blocks(text: &str) -> Option<String> {
    let modules = Modules::of(text)?;
    let mut drawn = String::new();
    for row in (0..modules.width).step_by(2) {
        for column in 0..modules.width {
            let below = row + 1 >= modules.width || modules.is_dark(row + 1, column);
            drawn.push(match (modules.is_dark(row, column), below) {
                (true, true) => ' ',
                (true, false) => '▄',
                (false, true) => '▀',
                (false, false) => '█',
            });
        }
        drawn.push('\n');
    }
    Some(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str = "otpauth://totp/Keyporch:alice%40corp.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Keyporch";

    #[test]
    fn a_terminal_code_has_the_three_finder_patterns() {
        let drawn = half_blocks(URI).unwrap();
        let rows: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
        let width = rows[0].len();
        assert!(rows.iter().all(|row| row.len() == width));
        assert_eq!(rows.len(), width.div_ceil(2));
        // Four light modules, then the seven dark ones of the finder's upper edge over its lighter second row.
        let upper: String = rows[2][..12].iter().collect();
        assert_eq!(upper, "████ ▄▄▄▄▄ █");
        let right: String = rows[2][width - 12..].iter().collect();
        assert_eq!(right, "█ ▄▄▄▄▄ ████");
    }

    #[test]
    fn the_svg_says_what_it_is_and_carries_no_style_or_script() {
        let svg = svg(URI, "QR code for your authenticator")
            .unwrap()
            .into_string();
        assert!(svg.contains("role=\"img\" aria-label=\"QR code for your authenticator\""));
        assert!(
            svg.contains("M4 4h7v1h-7z"),
            "the upper edge of the first finder pattern"
        );
        assert!(!svg.contains("style") && !svg.contains("script"));
    }

    #[test]
    fn a_text_that_fits_in_no_code_is_none() {
        assert!(half_blocks(&"x".repeat(3000)).is_none());
        assert!(svg(&"x".repeat(3000), "").is_none());
    }
}
