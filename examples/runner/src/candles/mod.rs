//! `livermore candles`: an exchange's history as a file for `livermore replay`.

mod file;
mod options;
mod row;

pub(crate) use options::{CandleFormat, CandlesOptions, time};

use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use livermore_coinbase::{CandlePage, CandlePages, CoinbaseError, RestClient};
use livermore_core::{
    exchange::{CandleRequest, check_symbol},
    ids::{Exchange, Symbol, Timestamp},
    market::{Candle, Finality},
};

use self::file::CandleFile;
use crate::{failure::Failure, interrupt::Interrupts, number::grouped, runtime};

pub(crate) fn run(options: &CandlesOptions) -> Result<(), Failure> {
    if options.output.is_some() && options.format != CandleFormat::Csv {
        return Err(Failure::OnlyCsv);
    }
    runtime::block_on(download(options))
}

async fn download(options: &CandlesOptions) -> Result<(), Failure> {
    let mut interrupts = Interrupts::new();
    let client = options.coinbase.client()?;
    let CandlesOptions { symbol, timeframe, from, .. } = options;
    let to = options.to.unwrap_or(Timestamp::MAX);
    let mut request = CandleRequest { symbol: symbol.clone(), timeframe: *timeframe, from: *from, to };
    // Refuses a range that is none before any file is looked at.
    drop(client.candle_pages(request.clone())?);
    let file = options.output.as_ref().map(|path| CandleFile::open(path, *timeframe)).transpose()?;
    let mut last = None;
    if let Some(file) = &file {
        file.continues(*from)?;
        last = file.known().map(|(_, last)| last);
        // The last line is asked for again: it tells whether the file is of this product and timeframe.
        request.from = last.map_or(*from, |last| last.open_time());
    }
    let known = file.as_ref().map_or(0, CandleFile::rows);
    let mut sink = Sink { format: options.format, file, last, begun: known > 0, rows: 0 };
    let mut result = Ok(());
    if request.from < to {
        let pages = client.candle_pages(request)?;
        result = tokio::select! {
            read = read(pages, &mut sink, &client, symbol) => read,
            () = interrupts.next() => Err(Failure::Halted { rows: 0, resumable: options.output.is_some() }),
        };
    }
    let end = sink.end(result.is_ok());
    let rows = sink.rows;
    match result {
        Err(Failure::Halted { resumable, .. }) => Err(Failure::Halted { rows, resumable }),
        result => result.and(end).map(|()| {
            let before = if known > 0 { format!(", {} were there already", grouped(known)) } else { String::new() };
            eprintln!("{} {timeframe} candles of {symbol}{before}", grouped(rows));
        }),
    }
}

/// Writes page after page, oldest first.
async fn read(mut pages: CandlePages, sink: &mut Sink, client: &RestClient, symbol: &Symbol) -> Result<(), Failure> {
    let progress = progress(sink.file.is_some());
    loop {
        match pages.next().await {
            Ok(Some(page)) => {
                progress.set_length(page.pages);
                progress.set_position(page.number);
                sink.write(page)?;
            }
            Ok(None) => break,
            Err(error @ (CoinbaseError::NotFound { .. } | CoinbaseError::InvalidRequest { .. })) => {
                return Err(unknown(client, symbol, error).await);
            }
            Err(error) => return Err(error.into()),
        }
    }
    progress.finish_and_clear();
    Ok(())
}

/// What was probably meant by a product the exchange does not know.
async fn unknown(client: &RestClient, symbol: &Symbol, error: CoinbaseError) -> Failure {
    let Ok(products) = client.products().await else { return error.into() };
    let symbols: Vec<Symbol> = products.into_iter().map(|listed| listed.product.symbol).collect();
    check_symbol(&Exchange::coinbase(), symbol, &symbols).map_or_else(Failure::from, |()| error.into())
}

/// Where candles go.
struct Sink {
    format: CandleFormat,
    /// `None` for standard output.
    file: Option<CandleFile>,
    /// The last candle of a file that is gone on with, until it has been seen again.
    last: Option<Candle>,
    /// Whether there is a header.
    begun: bool,
    rows: u64,
}

impl Sink {
    fn write(&mut self, page: CandlePage) -> Result<(), Failure> {
        // The exchange may still correct what has just ended: the same command adds it later.
        let settled = page.candles.into_iter().filter(|candle| candle.finality() == Finality::Verified);
        let mut candles: Vec<Candle> = settled.collect();
        if let (Some(last), Some(file)) = (self.last.take(), &self.file) {
            let again = candles.first().filter(|first| first.open_time() == last.open_time());
            if again.is_none_or(|again| again.ohlcv() != last.ohlcv()) {
                return Err(file.refused(format!(
                    "its last candle ({}) is not what the exchange tells: it is of another product or timeframe, or \
                     was corrected since; name another file, or remove its last line",
                    last.open_time()
                )));
            }
            candles.remove(0);
        }
        let mut lines = Vec::with_capacity(candles.len() * 64);
        candles.iter().for_each(|candle| row::push(&mut lines, self.format, candle));
        self.put(&lines)?;
        self.rows += candles.len() as u64;
        Ok(())
    }

    fn put(&mut self, lines: &[u8]) -> Result<(), Failure> {
        let begun = std::mem::replace(&mut self.begun, true);
        match &mut self.file {
            Some(_) if begun && lines.is_empty() => Ok(()),
            Some(file) => file.append(lines),
            None => {
                let mut out = io::stdout().lock();
                if !begun && self.format == CandleFormat::Csv {
                    out.write_all(row::HEADER)?;
                }
                out.write_all(lines)?;
                Ok(out.flush()?)
            }
        }
    }

    /// A file without candles is still a candle file, unless something went wrong.
    fn end(&mut self, well: bool) -> Result<(), Failure> {
        if well && !self.begun {
            self.put(b"")?;
        }
        self.file.as_ref().map_or(Ok(()), CandleFile::sync)
    }
}

/// A bar on standard error; hidden when that is no terminal, or the candles are shown on one.
fn progress(to_file: bool) -> ProgressBar {
    let wanted = to_file || !io::stdout().is_terminal();
    let target = if wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let template = "{bar:40} {percent:>3} %  page {pos} of {len}  {eta} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(None, target).with_style(style)
}
