"""Writes talib_1m_bars.json: what TA-Lib computes over one million generated bars.

The bars come from a small integer generator, so a test in any language can rebuild them
exactly and compare its own indicators bit for bit. The file keeps hashes and a few samples
instead of the series themselves (eight million numbers). README.md says how to run this.
"""

import hashlib
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import talib

OUTPUT = Path(__file__).with_name("talib_1m_bars.json")
TA_LIB_C = "0.8.1"
SEED = 0x6C69_7665_726D_6F72
BARS = 1_000_000
FAST, SLOW, ATR, SIGNAL = 12, 26, 26, 9
CHUNK = 50_000


def split_mix_64(state):
    """Yields the SplitMix64 sequence; all arithmetic wraps at 64 bits."""
    mask = 2**64 - 1
    while True:
        z = state = (state + 0x9E37_79B9_7F4A_7C15) & mask
        z = ((z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB) & mask
        yield z ^ (z >> 31)


def make_bars(count, seed=SEED):
    """Returns (high, low, close): a random walk in whole cents, as prices in f64.

    Draw order per bar: the amplitude when index % 512 == 0, then step, high, low.
    """
    draw = split_mix_64(seed).__next__
    highs, lows, closes = [], [], []
    close = 6_000_000
    for index in range(count):
        open_ = close
        if index % 512 == 0:
            amplitude = 50 + 50 * (draw() % 40)
        step = draw() % (2 * amplitude + 1) - amplitude
        close = open_ + step
        if close < 100_000:
            close = open_ + abs(step)
        if close > 20_000_000:
            close = open_ - abs(step)
        highs.append(max(open_, close) + draw() % (amplitude + 1))
        lows.append(min(open_, close) - draw() % (amplitude + 1))
        closes.append(close)
    # A division, not a multiplication by 0.01, gives the double nearest to the decimal price.
    return tuple(np.array(cents, dtype=np.float64) / 100.0 for cents in (highs, lows, closes))


def compute(high, low, close):
    """Returns every series in full length, NaN where it is not defined yet."""
    ema_fast, ema_slow = talib.EMA(close, FAST), talib.EMA(close, SLOW)
    atr = talib.ATR(high, low, close, ATR)
    macd_v = (ema_fast - ema_slow) / atr * 100.0
    first = first_defined(macd_v)
    signal = np.full_like(macd_v, np.nan)
    signal[first:] = talib.EMA(macd_v[first:], SIGNAL)
    return {"close": close, "high": high, "low": low, "ema12": ema_fast, "ema26": ema_slow,
            "atr26": atr, "macd_v": macd_v, "signal": signal}


def first_defined(series):
    first = int(np.argmax(~np.isnan(series)))
    assert np.isfinite(series[first:]).all(), "a series is defined from its first value on"
    return first


def describe(series):
    """Hashes cover the defined values as little-endian f64 bytes, concatenated."""
    first = first_defined(series)
    defined = series[first:].astype("<f8")
    bits = series.view(np.uint64)
    indices = [*range(first, first + 3), 50, 100, 1_000, 9_999, 123_456, 250_000, 500_000, 777_777,
               BARS - 1]
    return {
        "first": first,
        "count": len(defined),
        "sha256": hashlib.sha256(defined.tobytes()).hexdigest(),
        "chunks": [hashlib.sha256(defined[at:at + CHUNK].tobytes()).hexdigest()[:16]
                   for at in range(0, len(defined), CHUNK)],
        "samples": [[at, f"{int(bits[at]):016x}", repr(float(series[at]))] for at in indices],
    }


def versions():
    ta_lib_c = talib.__ta_version__.decode()
    if ta_lib_c.split()[0] != TA_LIB_C:
        sys.exit(f"expected TA-Lib C {TA_LIB_C}, found {ta_lib_c}")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
                        "--only-binary=:all:", "--dest", folder, f"TA-Lib=={talib.__version__}"],
                       check=True)
        (wheel,) = Path(folder).iterdir()
        return {"python": platform.python_version(), "numpy": np.__version__,
                "ta_lib_wheel": wheel.name, "ta_lib_c": ta_lib_c,
                "wheel_sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
                "platform": f"{platform.system()} {platform.machine()}"}


def render(value, indent=0):
    """JSON with one line per leaf of the object tree, so lists do not bury the file."""
    if not isinstance(value, dict):
        return json.dumps(value)
    pad = "\n" + " " * indent
    items = (f"{pad}  {json.dumps(key)}: {render(item, indent + 2)}" for key, item in value.items())
    return "{" + ",".join(items) + pad + "}"


def main():
    series = compute(*make_bars(BARS))
    generator = {"algorithm": "splitmix64", "seed": f"{SEED:016x}", "bars": BARS, "chunk": CHUNK}
    report = {"generator": generator, "versions": versions(),
              "series": {name: describe(values) for name, values in series.items()}}
    OUTPUT.write_text(render(report) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
