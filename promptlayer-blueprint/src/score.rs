//! The score of a request.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::InvalidScore;

/// The quality of a request, as a whole number from 0 to 100.
///
/// ```
/// use promptlayer_blueprint::Score;
///
/// assert_eq!(Score::try_from(80_u8)?.get(), 80);
/// assert!(Score::try_from(101_u8).is_err());
/// # Ok::<(), promptlayer_blueprint::InvalidScore>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u64")]
pub struct Score(u8);

impl Score {
    /// The worst score, 0.
    pub const MIN: Self = Self(0);
    /// The best score, 100.
    pub const MAX: Self = Self(100);

    /// Returns the score as a number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl From<Score> for u8 {
    fn from(score: Score) -> Self {
        score.0
    }
}

macro_rules! try_from {
    ($($number:ty),*) => {$(
        impl TryFrom<$number> for Score {
            type Error = InvalidScore;

            fn try_from(number: $number) -> Result<Self, InvalidScore> {
                match u8::try_from(number) {
                    Ok(score) if score <= Self::MAX.0 => Ok(Self(score)),
                    _ => Err(InvalidScore::new(&number)),
                }
            }
        }
    )*};
}

try_from!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn score_is_from_0_to_100_in_any_integer_type() {
        assert_eq!(Score::try_from(0_u8).unwrap(), Score::MIN);
        assert_eq!(Score::try_from(100_i64).unwrap(), Score::MAX);
        assert_eq!(Score::try_from(7_usize).unwrap().get(), 7);

        assert_eq!(
            Score::try_from(-1_i32).unwrap_err().to_string(),
            "invalid score -1: a score is a whole number from 0 to 100"
        );
        assert!(Score::try_from(101_u8).is_err());
        assert!(Score::try_from(356_u16).is_err(), "not taken modulo 256");
        assert!(Score::try_from(u64::MAX).is_err());
    }

    #[test]
    fn score_is_a_number_in_json() {
        assert_eq!(serde_json::to_string(&Score::MAX).unwrap(), "100");
        assert_eq!(serde_json::from_str::<Score>("7").unwrap().get(), 7);
        assert!(serde_json::from_str::<Score>("101").is_err());
    }
}
