//! Mutated messages: a few seconds in every run, any length with `LIVERMORE_FUZZ_SECONDS`.

use std::{path::Path, time::Duration};

use livermore_coinbase::wire::fuzz_one;
use livermore_core::exchange::SplitMix64;
use tokio::time::Instant;

/// Messages and bodies to begin with: those that the fuzzers of `fuzz/` begin with, too.
fn corpus() -> Vec<Vec<u8>> {
    let mut corpus = Vec::new();
    for folder in ["frames", "rest_bodies"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(folder);
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort(); // a seed always means the same
        assert!(files.len() >= 10, "{files:?}");
        corpus.extend(files.into_iter().map(|file| std::fs::read(file).unwrap()));
    }
    corpus
}

/// Pieces that formats trip over.
const PIECES: [&str; 24] = [
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "null",
    "-1",
    "1e400",
    "1e-400",
    "0.1e5",
    "\"\"",
    "\"NaN\"",
    "9999999999999999999999",
    "\u{feff}",
    "\u{0}",
    "{\"a\":",
    "true",
    "\"type\":\"snapshot\",",
    "[[[[[[[[",
];

fn mutate(data: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut SplitMix64) {
    let mut below = |limit: usize| usize::try_from(random.next_u64() % limit.max(1) as u64).unwrap();
    for _ in 0..=below(4) {
        let at = below(data.len() + 1);
        let to = at + below((data.len() - at).min(40) + 1);
        match below(7) {
            0 => data.splice(at..at, PIECES[below(PIECES.len())].bytes()).for_each(drop),
            1 => data.splice(at..to, PIECES[below(PIECES.len())].bytes()).for_each(drop),
            2 => data.splice(at..to, []).for_each(drop),
            3 => {
                let copy = data[at..to].to_vec();
                data.splice(at..at, copy).for_each(drop);
            }
            4 if at < data.len() => data[at] ^= 1 << below(8),
            5 => data.truncate(at),
            _ => {
                let other = &corpus[below(corpus.len())];
                let from = below(other.len());
                let end = from + below(other.len() - from);
                data.splice(at..to, other[from..end].iter().copied()).for_each(drop);
            }
        }
    }
}

#[test]
fn case_88_no_mutation_of_a_message_panics() {
    const SEED: u64 = 0x11ce_4e55;
    let corpus = corpus();
    corpus.iter().for_each(|data| fuzz_one(data));
    let seconds: Option<u64> = std::env::var("LIVERMORE_FUZZ_SECONDS").ok().map(|text| text.parse().unwrap());
    let seed = std::env::var("LIVERMORE_FUZZ_SEED").ok().map_or(SEED, |text| text.parse().unwrap());
    let (start, mut random, mut count) = (Instant::now(), SplitMix64::new(seed), 0_u64);
    println!("seed {seed}");
    loop {
        let done = match seconds {
            Some(seconds) => start.elapsed() >= Duration::from_secs(seconds),
            None => count >= 20_000,
        };
        if done {
            break;
        }
        let index = usize::try_from(random.next_u64() % corpus.len() as u64).unwrap();
        let mut data = corpus[index].clone();
        mutate(&mut data, &corpus, &mut random);
        let shown = String::from_utf8_lossy(&data).into_owned();
        let survived = std::panic::catch_unwind(|| fuzz_one(&data)).is_ok();
        assert!(survived, "seed {seed}, execution {count}: {shown:?}");
        count += 1;
    }
    println!("{count} executions in {:?}", start.elapsed());
}
