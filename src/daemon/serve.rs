//! Serves until told to stop, then leaves in order: streams end so that clients come back,
//! what was promised is stored, sandboxes stay.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::arguments::Arguments;
use super::failure::Failure;
use super::listen::{self, Doors};
use super::logging::LogFilter;
use super::reload::Reload;
use super::wire_up::{Parts, wire_up};
use super::{credentials, logging, program};
use crate::api::{Door, router};
use crate::config::Settings;
use crate::control::Control;
use crate::control::administration::ReloadRequest;
use crate::lifecycle::Happening;
use crate::systemd::notify;
use crate::telemetry::{self, CollectorSettings};
use crate::web::server::{self, Listener, ServerLimits};

pub(super) async fn serve(
    settings: Settings,
    arguments: &Arguments,
    log: LogFilter,
) -> Result<(), Failure> {
    let parts = wire_up(&settings).await?;
    let doors = listen::open(&settings)?;

    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let Parts { control, reloads, egress, store, _lock } = parts;
    let egress_stop = CancellationToken::new();
    let spans_stop = collect_spans(&settings, &tasks)?;
    control.load_keys().await?;
    store.remove_incomplete_attachments().await?;
    control.undo_half_made().await?;
    control.host.recover().await?;
    control.host.egress.start(egress_stop.clone());
    if let Some((egress, listener)) = egress {
        let stop = egress_stop.clone();
        tasks.spawn(async move { egress.serve(listener, stop).await });
    }
    refuse_degraded(&control, &settings.allow_degraded).await?;
    let addresses = open_doors(doors, &control, &settings, &stop, &tasks)?;
    tasks.spawn({
        let control = control.clone();
        async move { control.sweep().await }
    });
    tasks.spawn({
        let control = control.clone();
        async move { control.work_off_jobs().await }
    });
    tasks.spawn({
        let control = control.clone();
        async move { control.deliver().await }
    });
    tasks.spawn({
        let control = control.clone();
        async move { control.keep_schedules().await }
    });
    tasks.spawn({
        let control = control.clone();
        async move { control.keep_pool().await }
    });
    tasks.spawn({
        let control = control.clone();
        async move { control.host.watch_memory().await }
    });
    tasks.spawn({
        let host = control.host.clone();
        async move { host.keep_audit().await }
    });
    // Before systemd hears that ashd is ready: a reload must not kill it.
    let hangups = signal(SignalKind::hangup()).map_err(Failure::Runtime)?;
    announce(&control, &addresses, &tasks, &stop);
    let reload = Reload {
        file: arguments.config.clone(),
        simulate: arguments.simulate,
        hosts: settings.hosts.clone(),
        receivers: settings.receivers.clone(),
        upstreams: settings.model.upstreams.clone(),
        control: control.clone(),
        log,
        status: status(&addresses),
    };
    tokio::select! {
        stopped = program::stopped(&stop) => stopped.map_err(Failure::Runtime)?,
        () = reload_when_asked(reload, reloads, hangups) => {}
    }
    notify::stopping("ending streams; sandboxes live on");
    control.host.lifecycle.tell(Happening::new("ashd.stopping"));
    stop.cancel();
    control.close_pool().await;
    control.host.close().await;
    egress_stop.cancel();
    spans_stop.cancel();
    tasks.close();
    if tokio::time::timeout(settings.drain, tasks.wait()).await.is_err() {
        tracing::warn!("some requests were still open and were cut off");
    }
    store.close().await;
    Ok(())
}

/// Sends spans to the collector, if there is one, until what is answered is cancelled.
fn collect_spans(settings: &Settings, tasks: &TaskTracker) -> Result<CancellationToken, Failure> {
    let stop = CancellationToken::new();
    if let Some(endpoint) = settings.traces_endpoint.clone() {
        let headers = credentials::collector_headers(settings)?;
        let collector = CollectorSettings { endpoint, headers };
        tasks.spawn(telemetry::start(&collector, stop.clone())?);
    }
    Ok(stop)
}

/// For ever.
async fn reload_when_asked(
    reload: Reload,
    mut reloads: mpsc::Receiver<ReloadRequest>,
    mut hangups: Signal,
) {
    loop {
        tokio::select! {
            Some(request) = reloads.recv() => {
                // Who does not wait for it finds it in the log.
                drop(request.answer.send(reload.reload().await));
            }
            Some(()) = hangups.recv() => drop(reload.reload().await),
            else => return,
        }
    }
}

/// What systemd shows of ashd.
fn status(addresses: &[String]) -> String {
    format!("serving on {}", addresses.join(" "))
}

fn open_doors(
    doors: Doors,
    control: &Control,
    settings: &Settings,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) -> Result<Vec<String>, Failure> {
    let limits = ServerLimits { drain_max: settings.drain, ..ServerLimits::default() };
    let mut addresses = Vec::new();
    for listener in doors.api {
        let set = listener.set_nonblocking(true);
        let listener = set.and_then(|()| tokio::net::TcpListener::from_std(listener));
        let listener = listener.map_err(Failure::Runtime)?;
        if let Ok(address) = listener.local_addr() {
            addresses.push(format!("http://{address}"));
        }
        let service = router(control.clone(), Door::Tcp);
        tasks.spawn(server::serve(Listener::Tcp(listener), service, limits, stop.clone()));
    }
    for listener in doors.admin {
        let listener = listen::serving(listener)?;
        if let Some(path) = listener
            .local_addr()
            .ok()
            .and_then(|address| Some(address.as_pathname()?.display().to_string()))
        {
            addresses.push(path);
        }
        let service = router(control.clone(), Door::Admin);
        tasks.spawn(server::serve(Listener::Unix(listener), service, limits, stop.clone()));
    }
    Ok(addresses)
}

/// Says where ashd is, and what it does not enforce, as soon as that is known.
fn announce(
    control: &Control,
    addresses: &[String],
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let version = env!("CARGO_PKG_VERSION");
    let addresses_told = addresses.join(" ");
    let started = Happening::new("ashd.started").with("version", version);
    control.host.lifecycle.tell(started.with("addresses", addresses_told));
    let roles = match control.host.roles() {
        "split" => "",
        _ => ", one process for all roles,",
    };
    logging::say(&format!("ashd {version}{roles} serves on {}", addresses.join(" ")));
    notify::ready(&status(addresses));
    let host = control.host.clone();
    let launcher = control.host.launcher.clone();
    let asked = stop.clone();
    tasks.spawn(async move {
        let isolation = tokio::select! {
            isolation = launcher.measured_isolation() => isolation,
            () = asked.cancelled() => return,
        };
        for note in isolation.notes.into_iter().chain(host.notes()) {
            tracing::warn!(note, "not enforced on this host");
        }
    });
    if let Some(interval) = notify::watchdog_interval() {
        let stop = stop.clone();
        tasks.spawn(async move {
            let mut ticks = tokio::time::interval(interval);
            loop {
                tokio::select! {
                    _ = ticks.tick() => notify::watchdog(),
                    () = stop.cancelled() => return,
                }
            }
        });
    }
}

/// Before any door opens. A host on which no sandbox starts at all is no danger: each session is
/// refused with the reason. Simulated ones were asked for by name.
async fn refuse_degraded(control: &Control, allowed: &[String]) -> Result<(), Failure> {
    let found = control.measure_isolation().await;
    if found.placement == "simulated" || found.problem.is_some() {
        return Ok(());
    }
    let mut walls = found.degraded();
    walls.retain(|wall| !allowed.iter().any(|name| name == wall));
    if walls.is_empty() { Ok(()) } else { Err(Failure::Degraded { walls, notes: found.notes }) }
}
