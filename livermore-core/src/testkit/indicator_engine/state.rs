use super::material::{BARS, Fresh, bits, grown, shown, symbol, update, walk};
use crate::{
    ids::Timeframe,
    indicator::{AtrSeed, IndicatorEngine, MacdVConfig, MacdVEngine},
};

/// After `restore` of a `snapshot`, every answer equals, bit for bit, that of the engine the snapshot was taken of.
pub fn a_restored_engine_answers_bit_for_bit(fresh: Fresh<'_>) {
    let (btc, candles) = (symbol("BTC-USD"), walk(11, Timeframe::M1));
    for cut in [0, 1, 2, 12, 25, 26, 27, 33, 34, 35, BARS / 2] {
        let mut original = grown(fresh, &btc, &candles[..cut]);
        // What the restored engine knew before is replaced.
        let mut restored = grown(fresh, &symbol("OLD-USD"), &candles[..7]);
        let answer = restored.restore(&original.snapshot());
        assert!(answer.is_ok(), "its own snapshot after {cut} bars: {answer:?}");
        assert_eq!(shown(&*restored), shown(&*original), "after {cut} bars");
        for candle in &candles[cut..] {
            let (answer, expected) = (update(&mut *restored, &btc, candle), update(&mut *original, &btc, candle));
            assert_eq!(bits(&answer), bits(&expected), "restored after {cut} bars");
        }
    }
}

/// A refused snapshot leaves the engine as it was.
///
/// Tested with snapshots of engines with other parameters. An engine that takes those passes.
pub fn a_refused_snapshot_changes_nothing(fresh: Fresh<'_>) {
    let (btc, candles) = (symbol("BTC-USD"), walk(12, Timeframe::M1));
    let mut engine = grown(fresh, &btc, &candles[..50]);
    let mut undisturbed = grown(fresh, &btc, &candles[..50]);
    let others = [
        MacdVConfig::default(),
        MacdVConfig::default().with_atr_seed(AtrSeed::TaLib),
        MacdVConfig::default().with_emas(3, 5),
    ];
    for config in others {
        let mut foreign = MacdVEngine::new(config).expect("valid parameters");
        update(&mut foreign, &symbol("ETH-USD"), &candles[0]);
        update(&mut foreign, &btc, &candles[0]);
        let before = shown(&*engine);
        match engine.restore(&foreign.snapshot()) {
            Err(error) => assert_eq!(shown(&*engine), before, "changed by a refused snapshot ({error})"),
            Ok(()) => engine.restore(&undisturbed.snapshot()).expect("its own snapshot"),
        }
    }
    for candle in &candles[50..] {
        let (answer, expected) = (update(&mut *engine, &btc, candle), update(&mut *undisturbed, &btc, candle));
        assert_eq!(bits(&answer), bits(&expected), "after refused snapshots");
    }
}
