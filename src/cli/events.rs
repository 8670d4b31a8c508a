//! Which events of the library are shown.

use crate::error::Error;
use tracing_subscriber::EnvFilter;

/// What the library has to say while it works, such as that it fetches data, goes to the standard error stream.
pub fn show_events(quiet: bool) -> Result<(), Error> {
    let filter = match std::env::var("DIABOLO_LOG") {
        Ok(wanted) => EnvFilter::try_new(&wanted)
            .map_err(|error| Error::Usage(format!("DIABOLO_LOG={wanted} is no filter: {error}")))?,
        Err(_) => EnvFilter::new(if quiet { "off" } else { "diabolo=info" }),
    };
    let events = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    events.without_time().with_level(false).with_target(false).init();
    Ok(())
}
