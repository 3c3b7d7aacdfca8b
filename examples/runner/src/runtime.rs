use crate::failure::Failure;

/// Runs a command that waits for stores.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Start)?;
    let result = runtime.block_on(command);
    // A name that is still being looked up must not keep a command that has its answer; stores are closed by now.
    runtime.shutdown_background();
    result
}
