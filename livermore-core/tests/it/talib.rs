//! Bit-for-bit equality with TA-Lib C 0.8.1 over a million bars. The vectors and the script that made them are in
//! `tests/golden`; this file rebuilds the same bars from their documented generator.

use std::fmt::Write;

use livermore_core::{
    exchange::SplitMix64,
    indicator::{Atr, AtrSeed, Bar, Ema, MacdV, MacdVConfig, MacdVPoint},
};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The generator described in `tests/golden/generate_talib.py`.
fn bars(count: usize) -> Vec<Bar> {
    let mut rng = SplitMix64::new(0x6C69_7665_726D_6F72);
    let (mut close, mut amplitude) = (6_000_000_i64, 0_i64);
    let price = |cents: i64| f64::from(i32::try_from(cents).unwrap()) / 100.0;
    (0..count)
        .map(|index| {
            let open = close;
            if index % 512 == 0 {
                amplitude = 50 + 50 * i64::try_from(rng.below(40)).unwrap();
            }
            let step = rng.between(-amplitude, amplitude);
            close = match open + step {
                low if low < 100_000 => open + step.abs(),
                high if high > 20_000_000 => open - step.abs(),
                inside => inside,
            };
            let high = open.max(close) + rng.between(0, amplitude);
            let low = open.min(close) - rng.between(0, amplitude);
            Bar::new(price(high), price(low), price(close)).unwrap()
        })
        .collect()
}

struct Golden(Value);

impl Golden {
    fn load() -> Self {
        Self(serde_json::from_str(include_str!("../golden/talib_1m_bars.json")).unwrap())
    }

    fn bars(&self) -> usize {
        usize::try_from(self.0["generator"]["bars"].as_u64().unwrap()).unwrap()
    }

    /// Compares one value per bar (`None` where undefined) with the recorded series.
    fn check(&self, name: &str, values: &[Option<f64>]) {
        let golden = &self.0["series"][name];
        let first = usize::try_from(golden["first"].as_u64().unwrap()).unwrap();
        assert_eq!(values.iter().position(Option::is_some), Some(first), "{name}: first value");
        let defined: Vec<f64> = values[first..].iter().map(|value| value.expect("no hole after the first")).collect();
        assert_eq!(defined.len() as u64, golden["count"].as_u64().unwrap(), "{name}: number of values");
        for sample in golden["samples"].as_array().unwrap() {
            let index = usize::try_from(sample[0].as_u64().unwrap()).unwrap();
            let bits = u64::from_str_radix(sample[1].as_str().unwrap(), 16).unwrap();
            let value = values[index].unwrap();
            assert_eq!(value.to_bits(), bits, "{name}[{index}]: {value:?}, TA-Lib has {:?}", f64::from_bits(bits));
        }
        let digest = |values: &[f64]| -> String {
            let mut hasher = Sha256::new();
            values.iter().for_each(|value| hasher.update(value.to_le_bytes()));
            hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            })
        };
        let chunk = usize::try_from(self.0["generator"]["chunk"].as_u64().unwrap()).unwrap();
        for (number, (values, expected)) in defined.chunks(chunk).zip(golden["chunks"].as_array().unwrap()).enumerate()
        {
            assert_eq!(&digest(values)[..16], expected.as_str().unwrap(), "{name}: values {}", number * chunk);
        }
        assert_eq!(digest(&defined), golden["sha256"].as_str().unwrap(), "{name}: all values");
    }
}

#[test]
fn every_value_of_a_million_bars_has_the_bits_of_ta_lib() {
    let golden = Golden::load();
    let bars = bars(golden.bars());
    let column = |value: fn(&Bar) -> f64| bars.iter().map(|bar| Some(value(bar))).collect::<Vec<_>>();
    // The bars themselves first, so that a difference below is one of formulas.
    golden.check("close", &column(Bar::close));
    golden.check("high", &column(Bar::high));
    golden.check("low", &column(Bar::low));

    let config = MacdVConfig::default().with_atr_seed(AtrSeed::TaLib);
    let mut macd_v = MacdV::new(config).unwrap();
    let points: Vec<_> = bars.iter().map(|bar| *macd_v.update(bar)).collect();
    golden.check("ema12", &points.iter().map(MacdVPoint::fast_ema).collect::<Vec<_>>());
    golden.check("ema26", &points.iter().map(MacdVPoint::slow_ema).collect::<Vec<_>>());
    golden.check("atr26", &points.iter().map(MacdVPoint::atr).collect::<Vec<_>>());
    golden.check("macd_v", &points.iter().map(MacdVPoint::macd_v).collect::<Vec<_>>());
    golden.check("signal", &points.iter().map(MacdVPoint::signal).collect::<Vec<_>>());
}

#[test]
fn the_building_blocks_have_the_bits_of_ta_lib_too() {
    let golden = Golden::load();
    let bars = bars(golden.bars());
    let (mut ema12, mut ema26) = (Ema::new(12).unwrap(), Ema::new(26).unwrap());
    let mut atr = Atr::new(26, AtrSeed::TaLib).unwrap();
    golden.check("ema12", &bars.iter().map(|bar| ema12.update(bar.close())).collect::<Vec<_>>());
    golden.check("ema26", &bars.iter().map(|bar| ema26.update(bar.close())).collect::<Vec<_>>());
    golden.check("atr26", &bars.iter().map(|bar| atr.update(bar)).collect::<Vec<_>>());
}
