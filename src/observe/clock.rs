//! The clock: the system's, or one that tests set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time in milliseconds since 1970, UTC.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The system's clock.
    #[default]
    System,
    /// A clock that stands still until it is set.
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that shows this time until [`Clock::set`].
    pub fn at(millis: i64) -> Clock {
        Clock::Set(Arc::new(AtomicI64::new(millis)))
    }

    /// Now, in milliseconds since 1970, UTC.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    pub fn now(&self) -> i64 {
        match self {
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }
            Clock::Set(millis) => millis.load(Ordering::SeqCst),
        }
    }

    /// Sets the time of a clock made by [`Clock::at`]; the system's clock stays as it is.
    pub fn set(&self, millis: i64) {
        if let Clock::Set(now) = self {
            now.store(millis, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_clock_moves_only_when_it_is_set() {
        let clock = Clock::at(5);
        let same = clock.clone();
        assert_eq!(clock.now(), 5);
        same.set(9);
        assert_eq!(clock.now(), 9);
        assert!(Clock::System.now() > 1_700_000_000_000);
    }
}
