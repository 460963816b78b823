//! Which colour is what, in light and in dark.

use super::super::Hue;

/// A colour on white and on the dark ground of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Pair {
    /// On white.
    pub(in super::super) light: &'static str,
    /// On `#14181d`.
    pub(in super::super) dark: &'static str,
}

/// What is ours and nobody's: links, buttons.
pub(in super::super) const ACCENT: Pair = Pair { light: "#05656f", dark: "#5fc4cf" };

impl Hue {
    /// Told apart by who sees no red or no green, and each by three to one from its ground; a test holds both.
    pub(in super::super) fn colour(self) -> Pair {
        let (light, dark) = match self {
            Self::Passed => ("#6f8bee", "#a8a1ff"),
            Self::Blocked => ("#b01c06", "#d04f16"),
            Self::Redirected => ("#cf7400", "#f0a030"),
            Self::Challenged => ("#8f2bcb", "#9c50fc"),
            Self::Unwanted => ("#430961", "#c7cfe2"),
            Self::Failed => ("#5a9a94", "#3fa198"),
            Self::Plain => ("#05656f", "#29708c"),
            Self::Limit => ("#111111", "#ffffff"),
        };
        Pair { light, dark }
    }

    /// Lines over the colour, which tell areas apart in black and white.
    pub(super) fn hatch(self) -> Option<&'static str> {
        match self {
            Self::Redirected => Some("M0,0 L0,6"),
            Self::Challenged => Some("M0,0 L0,6 M0,0 L6,0"),
            Self::Failed => Some("M0,3 L6,3"),
            Self::Passed | Self::Blocked | Self::Unwanted | Self::Plain | Self::Limit => None,
        }
    }

    /// How a line is broken, for the same.
    pub(super) fn dashes(self) -> Option<&'static str> {
        match self {
            Self::Passed | Self::Plain | Self::Blocked => None,
            Self::Redirected => Some("7 3"),
            Self::Challenged => Some("2 3"),
            Self::Unwanted => Some("9 3 2 3"),
            Self::Failed => Some("4 4"),
            Self::Limit => Some("5 3"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Linear light of a colour as `#rrggbb`.
    fn linear(text: &str) -> [f64; 3] {
        [1, 3, 5].map(|at| {
            let part = f64::from(u8::from_str_radix(&text[at..at + 2], 16).unwrap()) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        })
    }

    /// WCAG 2, contrast ratio.
    fn contrast(one: &str, other: &str) -> f64 {
        let [one, other] = [one, other].map(|text| {
            let [red, green, blue] = linear(text);
            0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
        });
        if one > other { one / other } else { other / one }
    }

    /// As it is seen, by Machado, Oliveira and Fernandes (2009) at full severity.
    const EYES: [[[f64; 3]; 3]; 3] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ];

    /// Björn Ottosson's OKLab, a hundred times.
    fn lab(light: [f64; 3]) -> [f64; 3] {
        let times = |matrix: [[f64; 3]; 3], vector: [f64; 3]| {
            matrix.map(|row| row.iter().zip(vector).map(|(one, other)| one * other).sum::<f64>())
        };
        let cones = times(
            [
                [0.412_221_47, 0.536_332_54, 0.051_445_99],
                [0.211_903_5, 0.680_699_55, 0.107_396_96],
                [0.088_302_46, 0.281_718_84, 0.629_978_7],
            ],
            light.map(|part| part.clamp(0.0, 1.0)),
        );
        times(
            [
                [21.045_425_5, 79.361_778_5, -0.407_204_7],
                [197.799_849_5, -242.859_220_5, 45.059_371],
                [2.590_403_7, 78.277_176_6, -80.867_576_6],
            ],
            cones.map(f64::cbrt),
        )
    }

    fn distance(one: &str, other: &str, eye: [[f64; 3]; 3]) -> f64 {
        let [one, other] = [one, other].map(|text| {
            let light = linear(text);
            lab(eye.map(|row| row.iter().zip(light).map(|(a, b)| a * b).sum()))
        });
        one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    }

    #[test]
    fn colours_are_told_apart_without_red_and_without_green() {
        for (index, one) in Hue::ALL.into_iter().enumerate() {
            for other in Hue::ALL.into_iter().skip(index + 1) {
                for eye in EYES {
                    let (one, other) = (one.colour(), other.colour());
                    assert!(distance(one.light, other.light, eye) >= 13.0, "{one:?} {other:?}");
                    assert!(distance(one.dark, other.dark, eye) >= 13.0, "{one:?} {other:?}");
                }
            }
        }
        // The measure tells red from green as such an eye does: hardly.
        assert!(distance("#cc5500", "#8f8f00", EYES[1]) < 13.0);
        assert!(distance("#cc5500", "#8f8f00", EYES[0]) > 13.0);
    }

    #[test]
    fn colours_stand_out_from_their_ground() {
        for hue in Hue::ALL {
            assert!(contrast(hue.colour().light, "#ffffff") >= 3.0, "{hue:?}");
            assert!(contrast(hue.colour().dark, "#14181d") >= 3.0, "{hue:?}");
        }
    }

    /// In black and white, areas are told apart by lightness, or by lines over one of them.
    #[test]
    fn areas_are_told_apart_in_black_and_white() {
        let areas = [Hue::Passed, Hue::Blocked, Hue::Redirected, Hue::Challenged, Hue::Unwanted, Hue::Failed];
        for (index, one) in areas.into_iter().enumerate() {
            for other in areas.into_iter().skip(index + 1) {
                let apart = contrast(one.colour().light, other.colour().light);
                assert!(apart >= 1.5 || one.hatch() != other.hatch(), "{one:?} {other:?}: {apart}");
            }
        }
    }
}
