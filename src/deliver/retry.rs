//! When to try again: exponential back-off with full jitter, so that many deliveries that failed
//! together do not come back together.

use std::time::Duration;

use serde::Deserialize;

use crate::flow::units;

/// How often, and how long after a failure, a delivery is tried.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Retry {
    /// The longest pause after the first failure, default 2 s; it doubles with every further one.
    #[serde(deserialize_with = "units::duration")]
    pub first: Duration,
    /// The longest pause ever, default 15 minutes.
    #[serde(deserialize_with = "units::duration")]
    pub most: Duration,
    /// After so many tries the delivery is parked, default 20 (some three hours).
    pub attempts: u32,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { first: Duration::from_secs(2), most: Duration::from_secs(900), attempts: 20 }
    }
}

impl Retry {
    /// The longest pause after this many tries.
    pub fn ceiling(&self, tries: u32) -> Duration {
        let factor = 1u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.most)
    }

    /// A pause after this many tries: any up to the ceiling, but at least what the target asked for
    /// (`Retry-After`), which the longest pause bounds too.
    pub fn pause(&self, tries: u32, asked: Option<Duration>) -> Duration {
        let ceiling = self.ceiling(tries).as_millis().try_into().unwrap_or(u64::MAX - 1);
        let random = Duration::from_millis(fastrand::u64(0..=ceiling));
        random.max(asked.unwrap_or_default().min(self.most))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ceiling_doubles_up_to_the_most() {
        let retry =
            Retry { first: Duration::from_secs(1), most: Duration::from_secs(5), attempts: 9 };
        let ceilings: Vec<u64> = (1..=5).map(|n| retry.ceiling(n).as_secs()).collect();
        assert_eq!(ceilings, [1, 2, 4, 5, 5]);
        assert_eq!(retry.ceiling(u32::MAX), retry.most);
    }

    proptest! {
        #[test]
        fn a_pause_lies_between_what_was_asked_and_the_most(tries in 1u32..100, asked in 0u64..3000) {
            let retry = Retry::default();
            let asked = Duration::from_secs(asked);
            let pause = retry.pause(tries, Some(asked));
            prop_assert!(pause >= asked.min(retry.most) && pause <= retry.most);
            prop_assert!(retry.pause(tries, None) <= retry.ceiling(tries));
        }
    }
}
