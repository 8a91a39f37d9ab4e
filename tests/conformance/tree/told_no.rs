//! What operators see of requests that the provider told no.

use std::time::Duration;

use paceline::{
    ManualClock,
    exchange::{Cool, Request, Terms},
};

use super::{done, next, store};
use crate::support::unique;

#[tokio::test]
async fn each_request_that_was_told_no_is_counted_and_a_persons_word_is_none() {
    let clock = ManualClock::new();
    let store = store(&clock).await;
    let address = unique("told-no");
    let limits = [Terms::SlidingWindow { key: "spike".to_owned(), quota: 9, per_us: 1_000_000 }];
    let cool = |age_us| Cool {
        limit: 0,
        age_us,
        for_us: Some(1_000_000),
        penalty_us: 0,
        at_most_us: 0,
        cause: "429".to_owned(),
    };
    let told =
        async || store.inspect(&address).await.unwrap().unwrap().limits[0].feedback.as_ref().map(|said| said.throttled);

    done(store.exchange(&address, &next("a", 0, &limits)).await.unwrap());
    assert_eq!(told().await, None, "nothing was said of it yet");
    // Two that were on their way together, then one by hand, then the first that goes again.
    for (acked, cools, count) in [(1, vec![cool(50), cool(60)], 2), (2, vec![cool(0)], 2), (3, vec![cool(10)], 3)] {
        clock.advance(Duration::from_secs(2));
        done(store.exchange(&address, &Request { cools, ..next("a", acked, &limits) }).await.unwrap());
        assert_eq!(told().await, Some(count), "after exchange {}", acked + 1);
    }
}
