//! The `livermore` command.

mod cli;
mod clock;
mod demo;
mod failure;
mod number;
mod pipeline;
mod replay;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use crate::{cli::Command, failure::Failure};

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let result = match cli.command.unwrap_or_default() {
        Command::Demo(options) => demo::run(&options),
        Command::Replay(options) => replay::run(&options),
        Command::Settings(options) => settings::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
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
