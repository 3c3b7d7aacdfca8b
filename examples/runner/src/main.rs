//! The `livermore` command.

mod account;
#[cfg(unix)]
mod admin;
mod bus;
#[cfg(feature = "coinbase")]
mod candles;
mod cli;
mod clock;
#[cfg(feature = "coinbase")]
mod coinbase;
mod command;
mod demo;
mod doctor;
mod failure;
mod inbox;
mod input;
mod interrupt;
mod number;
mod output;
mod pipeline;
mod random;
mod replay;
#[cfg(feature = "coinbase")]
mod run;
mod runtime;
#[cfg(feature = "coinbase")]
mod scan;
mod screen;
mod settings;
#[cfg(feature = "coinbase")]
mod sim_server;
mod store;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Command, failure::Failure};

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let result = match cli.command.unwrap_or_default() {
        Command::Demo(options) => demo::run(&options),
        Command::Replay(options) => replay::run(&options),
        Command::Settings(options) => settings::run(&options),
        Command::Store(options) => store::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::ToMonitor(options) => command::run(&options),
        Command::Verb(verb) => command::run_verb(&verb),
        Command::Inbox(options) => inbox::run(&options),
        #[cfg(feature = "coinbase")]
        Command::Candles(options) => candles::run(&options),
        #[cfg(feature = "coinbase")]
        Command::Scan(options) => scan::run(&options),
        #[cfg(feature = "coinbase")]
        Command::Run(options) => run::run(&options),
        #[cfg(feature = "coinbase")]
        Command::SimServer(options) => sim_server::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

/// A command line that is not understood, quoted back; or the help that was asked for.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // As with every output, whoever reads it may have seen enough.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    eprint!("{}", store::without_passwords(&error.to_string(), std::env::args_os()));
    ExitCode::from(2)
}

fn report(failure: &Failure) -> ExitCode {
    match failure {
        // Whoever reads the output has seen enough (`livermore replay … | head`).
        Failure::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        failure => {
            eprintln!("livermore: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}
