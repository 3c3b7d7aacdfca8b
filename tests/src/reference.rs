//! MACD-V once more, written from the published definition and nothing else: whole series at a time, plain arithmetic,
//! no code shared with the product. Slow and simple, for comparing.

/// One bar of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Bar {
    pub time: i64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub traded: bool,
}

/// The values of one bar; NaN where undefined.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Values {
    pub macd_v: f64,
    pub signal: f64,
    pub atr: f64,
}

/// Reads `time,open,high,low,close,volume` rows and puts a flat bar into every missing bucket of `step` seconds.
pub fn read(text: &str, step: i64) -> Vec<Bar> {
    let mut bars: Vec<Bar> = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |index: usize| fields[index].parse::<f64>().unwrap_or(f64::NAN);
        let time = fields[0].parse::<i64>().unwrap_or(0);
        while let Some(last) = bars.last().copied().filter(|last| last.time + step < time) {
            let Bar { close, .. } = last;
            bars.push(Bar { time: last.time + step, high: close, low: close, close, traded: false });
        }
        bars.push(Bar { time, high: number(2), low: number(3), close: number(4), traded: true });
    }
    bars
}

/// Combines bars of `step` seconds into whole groups of `longer` seconds.
pub fn aggregate(bars: &[Bar], step: i64, longer: i64) -> Vec<Bar> {
    let whole = usize::try_from(longer / step).unwrap_or(usize::MAX);
    bars.chunk_by(|a, b| a.time / longer == b.time / longer)
        .filter(|group| group.len() == whole)
        .map(|group| {
            let close = group[group.len() - 1].close;
            let traded: Vec<&Bar> = group.iter().filter(|bar| bar.traded).collect();
            let time = group[0].time;
            if traded.is_empty() {
                return Bar { time, high: close, low: close, close, traded: false };
            }
            Bar {
                time,
                high: traded.iter().fold(f64::MIN, |high, bar| high.max(bar.high)),
                low: traded.iter().fold(f64::MAX, |low, bar| low.min(bar.low)),
                close,
                traded: true,
            }
        })
        .collect()
}

/// MACD-V 12/26/26/9 of a series.
pub fn macd_v(bars: &[Bar]) -> Vec<Values> {
    let closes: Vec<f64> = bars.iter().map(|bar| bar.close).collect();
    let (fast, slow, atr) = (ema(&closes, 12), ema(&closes, 26), informative_atr(bars, 26));
    let macd_v: Vec<f64> = (0..bars.len()).map(|i| 100.0 * (fast[i] - slow[i]) / atr[i]).collect();
    let first = macd_v.iter().position(|value| !value.is_nan()).unwrap_or(bars.len());
    let mut signal = vec![f64::NAN; first];
    signal.extend(ema(&macd_v[first..], 9));
    (0..bars.len()).map(|i| Values { macd_v: macd_v[i], signal: signal[i], atr: atr[i] }).collect()
}

#[allow(clippy::cast_precision_loss, reason = "periods are small")]
fn ema(values: &[f64], period: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; values.len()];
    if values.len() < period {
        return out;
    }
    let alpha = 2.0 / (period as f64 + 1.0);
    out[period - 1] = values[..period].iter().sum::<f64>() / period as f64;
    for i in period..values.len() {
        out[i] = alpha * values[i] + (1.0 - alpha) * out[i - 1];
    }
    out
}

#[allow(clippy::cast_precision_loss, reason = "periods are small")]
fn informative_atr(bars: &[Bar], period: usize) -> Vec<f64> {
    let n = period as f64;
    let (mut ranges, mut atr) = (Vec::new(), f64::NAN);
    let mut out = Vec::with_capacity(bars.len());
    for (i, bar) in bars.iter().enumerate() {
        if bar.traded {
            let mut range = bar.high - bar.low;
            if i > 0 {
                let before = bars[i - 1].close;
                range = range.max((bar.high - before).abs()).max((bar.low - before).abs());
            }
            ranges.push(range);
            if ranges.len() == period {
                atr = ranges.iter().sum::<f64>() / n;
            } else if ranges.len() > period {
                atr = (atr * (n - 1.0) + range) / n;
            }
        }
        out.push(atr);
    }
    out
}
