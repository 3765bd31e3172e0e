//! Tables of times. Nothing here fails because something was slow.

use std::time::Duration;

/// The machine and its load, which belong to every figure.
pub(crate) fn machine(program: &str) {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let release = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    println!("{program}: Linux {}, {cores} cores, load average {}", release.trim(), load.trim());
}

/// Starts a table with what it measures.
pub(crate) fn table(definition: &str) {
    println!();
    for line in definition.lines() {
        println!("# {}", line.trim());
    }
    println!(
        "{:<44} {:>6} {:>10} {:>10} {:>10} {:>10}",
        "milliseconds", "n", "p50", "p95", "p99", "max"
    );
}

/// One row; answers the median.
pub(crate) fn row(name: &str, times: &[Duration]) -> Duration {
    let mut times = times.to_vec();
    times.sort_unstable();
    let Some(last) = times.len().checked_sub(1) else {
        println!("{name:<44} {:>6}", 0);
        return Duration::ZERO;
    };
    let at = |percent: usize| times[last * percent / 100];
    let text = |time: Duration| format!("{:.3}", time.as_secs_f64() * 1000.0);
    println!(
        "{name:<44} {:>6} {:>10} {:>10} {:>10} {:>10}",
        times.len(),
        text(at(50)),
        text(at(95)),
        text(at(99)),
        text(times[last])
    );
    at(50)
}

/// The time that so many percent of all do not exceed.
pub(crate) fn percentile(mut times: Vec<Duration>, percent: usize) -> Duration {
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    times.get(last * percent / 100).copied().unwrap_or_default()
}

/// A figure that follows from the rows above it.
pub(crate) fn note(text: &str) {
    println!("  -> {text}");
}

/// `more` beyond `less`, in milliseconds, with its sign.
pub(crate) fn beyond(more: Duration, less: Duration) -> String {
    format!("{:+.3} ms", (more.as_secs_f64() - less.as_secs_f64()) * 1000.0)
}
