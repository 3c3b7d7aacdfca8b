//! Closed candles of a feed that never says "closed".

use livermore_core::{
    exchange::{CandleCloser, CandleVerdict},
    ids::{Symbol, Timeframe, Timestamp},
    market::{Candle, CandleSource, Finality, Ohlcv},
};
use proptest::prelude::*;

const M5: i64 = 300;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_100 + secs).unwrap() // the start of a bucket of five minutes
}

fn symbol() -> Symbol {
    Symbol::new("BTC-USD").unwrap()
}

/// The candle of the bucket so many buckets on, with a volume that tells how much of it is known.
fn candle(bucket: i64, volume: f64) -> Candle {
    let ohlcv = Ohlcv { open: 10.0, high: 10.0 + volume, low: 9.0, close: 10.0, volume };
    Candle::new(Timeframe::M5, at(bucket * M5), ohlcv, Finality::Forming, CandleSource::Ws).unwrap()
}

fn closer() -> CandleCloser {
    let mut closer = CandleCloser::new(Timeframe::M5, CandleCloser::GRACE);
    closer.connected(at(10));
    closer
}

/// Bucket, volume, and whether it is closed, of all that is ready.
fn heard(closer: &mut CandleCloser) -> Vec<(i64, f64, bool)> {
    std::iter::from_fn(|| closer.next_candle())
        .map(|(_, candle)| (candle.open_time().millis_since(at(0)) / (M5 * 1_000), candle.volume(), candle.is_final()))
        .collect()
}

fn closed(closer: &mut CandleCloser) -> Vec<(i64, f64)> {
    heard(closer).into_iter().filter(|(.., closed)| *closed).map(|(bucket, volume, _)| (bucket, volume)).collect()
}

#[test]
fn a_later_bucket_closes_the_one_before() {
    let mut closer = closer();
    for (bucket, volume, time) in [(0, 1.0, 20), (0, 2.0, 290), (1, 1.0, 301)] {
        assert_eq!(closer.update(&symbol(), &candle(bucket, volume), at(time)), CandleVerdict::Forming);
    }
    let expected = [(0, 1.0, false), (0, 2.0, false), (0, 2.0, true), (1, 1.0, false)];
    assert_eq!(heard(&mut closer), expected);
}

#[test]
fn exchange_time_closes_a_bucket_after_the_grace() {
    let mut closer = closer();
    let _ = closer.update(&symbol(), &candle(0, 1.0), at(20));
    closer.clock(at(304));
    assert_eq!(closed(&mut closer), []);
    closer.clock(at(305));
    closer.clock(at(400));
    assert_eq!(closed(&mut closer), [(0, 1.0)], "once");
}

/// Snapshots, repeats and new numbers for a known start replace what is known and close nothing twice.
#[test]
fn case_82_snapshots_and_repeats_close_nothing_twice() {
    use CandleVerdict::{Forming, History, Repeat, Revision};

    let mut closer = closer();
    let snapshot = |closer: &mut CandleCloser, buckets: std::ops::RangeInclusive<i64>, volume: f64, time: i64| {
        buckets.map(|bucket| closer.update(&symbol(), &candle(bucket, volume), at(time))).collect::<Vec<_>>()
    };
    assert_eq!(snapshot(&mut closer, -3..=0, 1.0, 20), [History, History, History, Forming]);
    assert_eq!(snapshot(&mut closer, -3..=0, 1.0, 21), [History, History, History, Repeat]);
    assert_eq!(snapshot(&mut closer, 0..=0, 3.0, 22), [Forming], "the same start with new numbers");
    assert_eq!(snapshot(&mut closer, 1..=1, 1.0, 301), [Forming]);
    assert_eq!(closed(&mut closer), [(0, 3.0)]);

    // Over a reconnect in the same bucket, and once more without one.
    closer.disconnected();
    closer.connected(at(320));
    assert_eq!(snapshot(&mut closer, -2..=1, 3.0, 321), [History, History, Repeat, Forming]);
    assert_eq!(snapshot(&mut closer, 0..=1, 3.0, 322), [Repeat, Repeat]);
    assert_eq!(snapshot(&mut closer, 0..=1, 4.0, 323), [Revision, Forming]);
    assert_eq!(snapshot(&mut closer, 2..=2, 1.0, 600), [Forming]);
    assert_eq!(closed(&mut closer), [(1, 4.0)]);
    let counts = closer.counts();
    assert_eq!((counts.closed, counts.revisions, counts.unproven, counts.late), (2, 1, 1, 0));
}

/// What comes late is told as such; the bucket stays closed as it was.
#[test]
fn case_83_a_late_candle_is_a_revision_and_nothing_closes_again() {
    let mut closer = closer();
    let _ = closer.update(&symbol(), &candle(0, 1.0), at(20));
    closer.clock(at(306));
    assert_eq!(closed(&mut closer), [(0, 1.0)]);
    assert_eq!(closer.update(&symbol(), &candle(0, 2.0), at(307)), CandleVerdict::Revision);
    let _ = closer.update(&symbol(), &candle(2, 1.0), at(601));
    assert_eq!(closer.update(&symbol(), &candle(1, 2.0), at(602)), CandleVerdict::Late);
    assert_eq!(closer.update(&symbol(), &candle(-1, 2.0), at(602)), CandleVerdict::History);
    closer.clock(at(2_000));
    assert_eq!(closed(&mut closer), [(2, 1.0)]);
    assert_eq!((closer.counts().revisions, closer.counts().late), (1, 1));
}

#[test]
fn a_bucket_touched_by_a_loss_closes_only_if_heard_of_again() {
    for heals in [false, true] {
        let mut closer = closer();
        let _ = closer.update(&symbol(), &candle(0, 1.0), at(20));
        closer.lost(None, at(100));
        if heals {
            let _ = closer.update(&symbol(), &candle(0, 1.0), at(110));
        }
        let _ = closer.update(&symbol(), &candle(1, 1.0), at(310));
        let expected: &[(i64, f64)] = if heals { &[(0, 1.0)] } else { &[] };
        assert_eq!(closed(&mut closer), expected);
        assert_eq!(closer.counts().unproven, u64::from(!heals));
        closer.clock(at(605));
        assert_eq!(closed(&mut closer), [(1, 1.0)]);
    }
}

#[test]
fn a_loss_seen_after_the_end_of_a_bucket_leaves_it_to_history() {
    let mut closer = closer();
    let other = Symbol::new("ETH-USD").unwrap();
    for symbol in [&symbol(), &other] {
        let _ = closer.update(symbol, &candle(0, 1.0), at(20));
    }
    closer.lost(Some(&symbol()), at(302));
    assert_eq!(closer.update(&symbol(), &candle(0, 2.0), at(303)), CandleVerdict::History);
    closer.clock(at(305));
    let names: Vec<Symbol> = std::iter::from_fn(|| closer.next_candle())
        .filter_map(|(symbol, candle)| candle.is_final().then_some(symbol))
        .collect();
    assert_eq!(names, [other], "nothing of the other product was lost");
}

#[test]
fn a_product_subscribed_to_later_brings_no_old_buckets() {
    let mut closer = closer();
    closer.clock(at(1_000));
    closer.lost(Some(&symbol()), at(1_000));
    for bucket in 0..=3 {
        let _ = closer.update(&symbol(), &candle(bucket, 1.0), at(1_001));
    }
    closer.clock(at(1_300));
    assert_eq!(closed(&mut closer), [(3, 1.0)]);
}

#[test]
fn nonsense_is_refused_and_ends_nothing() {
    let mut closer = closer();
    let _ = closer.update(&symbol(), &candle(0, 1.0), at(20));
    assert_eq!(closer.update(&symbol(), &candle(5, 1.0), at(21)), CandleVerdict::Refused, "has not begun");
    let ohlcv = candle(0, 1.0).ohlcv();
    let minute = Candle::new(Timeframe::M1, at(0), ohlcv, Finality::Forming, CandleSource::Ws).unwrap();
    assert_eq!(closer.update(&symbol(), &minute, at(21)), CandleVerdict::Refused, "of another timeframe");
    closer.disconnected();
    assert_eq!(closer.update(&symbol(), &candle(0, 1.0), at(22)), CandleVerdict::Refused, "without a connection");
    assert_eq!(closed(&mut closer), []);
}

proptest! {
    /// Every bucket that closes starts at a multiple of its length since 1970, in whatever zone a day is short or long
    /// and whatever a leap second does to a clock; what is given in the wrong unit or starts elsewhere never becomes
    /// one.
    #[test]
    fn case_93_buckets_start_at_multiples_of_their_length(
        // The years 2001 to 2096, which hold every change of summer time and the leap seconds so far.
        start in 1_000_000_000..4_000_000_000_i64,
        timeframe in prop::sample::select(Timeframe::ALL.to_vec()),
        steps in prop::collection::vec((0..4_i64, -2..2_i64), 1..20),
    ) {
        let length = timeframe.millis() / 1_000;
        let ohlcv = candle(0, 1.0).ohlcv();
        let make = |time| Candle::new(timeframe, time, ohlcv, Finality::Forming, CandleSource::Ws);
        // As seconds: only multiples are taken. As milliseconds: refused, or long past, but never another bucket.
        let time = Timestamp::from_secs(start).unwrap();
        prop_assert_eq!(make(time).is_ok(), start % length == 0);
        prop_assert!(Timestamp::from_secs(start * 1_000).is_err());

        let mut closer = CandleCloser::new(timeframe, CandleCloser::GRACE);
        closer.connected(time);
        let as_millis = make(timeframe.floor(Timestamp::from_millis(start).unwrap())).unwrap();
        prop_assert_eq!(closer.update(&symbol(), &as_millis, time), CandleVerdict::History);

        let mut now = start;
        let mut last = None;
        for (buckets, nudge) in steps {
            now = (now + buckets * length + nudge).max(start);
            let now = Timestamp::from_secs(now).unwrap();
            let _ = closer.update(&symbol(), &make(timeframe.floor(now)).unwrap(), now);
            while let Some((_, candle)) = closer.next_candle() {
                let open = candle.open_time();
                prop_assert_eq!(open.as_secs() % length, 0);
                prop_assert_eq!(open.as_millis() % 1_000, 0);
                if candle.is_final() {
                    prop_assert!(last.replace(open).is_none_or(|last| last < open), "ascending, once");
                }
            }
        }
    }

    /// Against the whole truth: whatever is lost, a bucket that closes is the finished one, each once and ascending,
    /// and between two that close without a word of a loss nothing was traded.
    #[test]
    fn what_closes_is_true(
        // Seconds until the next event; whether it is a trade, and whether its update is lost; rarely a reconnect.
        events in prop::collection::vec((1..400_i64, prop::bool::weighted(0.8), prop::bool::weighted(0.1), 0..40_u8), 1..200),
    ) {
        let mut closer = CandleCloser::new(Timeframe::M5, CandleCloser::GRACE);
        closer.connected(at(0));
        let mut truth: std::collections::BTreeMap<i64, f64> = std::collections::BTreeMap::new();
        let (mut now, mut untold) = (0, false);
        let mut before: Option<i64> = None;
        let mut said = Vec::new();
        for (passed, traded, lost, kind) in events {
            now += passed;
            let bucket = now / M5;
            if traded {
                *truth.entry(bucket).or_default() += 1.0;
            }
            if lost {
                untold |= traded; // a message that told nothing is not missed by anybody
                continue;
            }
            if kind == 0 {
                (untold, before) = (false, None);
                closer.disconnected();
                closer.connected(at(now));
            }
            if std::mem::take(&mut untold) {
                before = None;
                closer.lost(None, at(now));
            }
            if traded {
                let _ = closer.update(&symbol(), &candle(bucket, truth[&bucket]), at(now));
            } else {
                closer.clock(at(now));
            }
            for (bucket, volume) in closed(&mut closer) {
                said.push((bucket, volume));
                if let Some(before) = before.replace(bucket) {
                    prop_assert_eq!(truth.range(before + 1..bucket).next(), None, "traded between {} and {}", before, bucket);
                }
            }
        }
        prop_assert!(said.windows(2).all(|pair| pair[0].0 < pair[1].0), "{:?}", said);
        for (bucket, volume) in said {
            prop_assert_eq!(truth.get(&bucket), Some(&volume), "bucket {}", bucket);
        }
    }
}
