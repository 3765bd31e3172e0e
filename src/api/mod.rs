//! The REST door. Handlers check parameters and convert between types; what happens is in
//! `control`. The router is built from the one table of operations.

mod administration;
mod agent_files;
mod agents;
mod answer;
mod attachments;
mod auth;
mod budgets;
mod changes;
mod credentials;
mod database;
mod evals;
mod exec;
mod files;
#[cfg(feature = "testing")]
mod fuzzing;
mod health;
mod jobs;
mod keys;
mod lifecycle;
mod metrics;
mod observe;
mod once;
mod origins;
mod pace;
mod params;
mod permissions;
mod queue;
mod reference;
mod schedules;
mod sessions;
mod stream;
mod turns;
mod usage;
mod validator;
mod versions;
mod webhooks;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{self, MethodFilter, MethodRouter};

pub(crate) use auth::Door;
#[cfg(feature = "testing")]
pub(crate) use fuzzing::read_any_body;

use crate::control::Control;
use crate::wire::operations::{OPERATIONS, Operation};
use crate::wire::problem::{Code, Problem};

/// What a handler is given.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) control: Control,
    door: Door,
    pace: pace::Pace,
}

/// The service behind one door: TCP (a key is needed) or the admin socket.
pub(crate) fn router(control: Control, door: Door) -> Router {
    let origins = control.origins();
    let app = App { control, door, pace: pace::Pace::default() };
    let mut router = Router::new();
    for route in OPERATIONS {
        router = router.route(route.path, on(filter(route.method), route.operation));
    }
    let router = router
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(axum::middleware::from_fn_with_state(app.clone(), auth::authorize))
        .with_state(app);
    // Outside of the question for a key, which a browser asks about without one.
    origins::allow(router, &origins).layer(axum::middleware::from_fn(observe::observe))
}

/// A method of the table, as axum names it.
fn filter(method: &str) -> MethodFilter {
    Method::from_bytes(method.as_bytes())
        .ok()
        .and_then(|method| MethodFilter::try_from(method).ok())
        .expect("the table of operations names known methods, and a test goes through it")
}

fn on(method: MethodFilter, operation: Operation) -> MethodRouter<App> {
    match operation {
        Operation::Health => routing::on(method, health::health),
        Operation::ShowReference => routing::on(method, reference::page),
        Operation::ReadReference => routing::on(method, reference::file),
        Operation::DeployAgent => routing::on(method, agents::deploy),
        Operation::UploadAgent => routing::on(method, agents::upload),
        Operation::ListAgents => routing::on(method, agents::list),
        Operation::GetAgent => routing::on(method, agents::show),
        Operation::ChangeAgent => routing::on(method, agents::change),
        Operation::DeleteAgent => routing::on(method, agents::remove),
        Operation::GetAgentConfig => routing::on(method, agents::config),
        Operation::ChangeAgentConfig => routing::on(method, agents::change_config),
        Operation::ListVersions => routing::on(method, versions::list),
        Operation::CreateVersion => routing::on(method, versions::create),
        Operation::GetVersion => routing::on(method, versions::show),
        Operation::ChangeVersion => routing::on(method, versions::change),
        Operation::DeleteVersion => routing::on(method, versions::remove),
        Operation::ActivateVersion => routing::on(method, versions::activate),
        Operation::ListAgentFiles => routing::on(method, agent_files::list),
        Operation::ReadAgentFile => routing::on(method, agent_files::read),
        Operation::WriteAgentFiles => routing::on(method, agent_files::write),
        Operation::DeleteAgentFile => routing::on(method, agent_files::remove),
        Operation::ListEvalCases => routing::on(method, evals::list_cases),
        Operation::CreateEvalCase => routing::on(method, evals::create_case),
        Operation::ImportEvalCases => routing::on(method, evals::import_cases),
        Operation::ExportEvalCases => routing::on(method, evals::export_cases),
        Operation::GetEvalCase => routing::on(method, evals::show_case),
        Operation::ChangeEvalCase => routing::on(method, evals::change_case),
        Operation::DeleteEvalCase => routing::on(method, evals::delete_case),
        Operation::StartEvalRun => routing::on(method, evals::start_run),
        Operation::ListEvalRuns => routing::on(method, evals::list_runs),
        Operation::CompareEvalRuns => routing::on(method, evals::compare_runs),
        Operation::GetEvalRun => routing::on(method, evals::show_run),
        Operation::ListEvalResults => routing::on(method, evals::list_results),
        Operation::ScoreEvalRun => routing::on(method, evals::score_run),
        Operation::CancelEvalRun => routing::on(method, evals::cancel_run),
        Operation::ScoreEvalResult => routing::on(method, evals::score_result),
        Operation::CreateSession => routing::on(method, sessions::create),
        Operation::ListSessions => routing::on(method, sessions::list),
        Operation::GetSession => routing::on(method, sessions::show),
        Operation::EndSession => routing::on(method, sessions::end),
        Operation::ConfigureSession => routing::on(method, sessions::configure),
        Operation::PauseSession => routing::on(method, sessions::pause),
        Operation::ResumeSession => routing::on(method, sessions::resume),
        Operation::StopSession => routing::on(method, sessions::stop),
        Operation::ForkSession => routing::on(method, sessions::fork),
        Operation::ArchiveSession => routing::on(method, sessions::archive),
        Operation::RestoreSession => routing::on(method, sessions::restore),
        Operation::ChangeBudget => routing::on(method, budgets::of_session),
        Operation::SendMessage => routing::on(method, turns::send),
        Operation::StreamSession => routing::on(method, stream::watch),
        Operation::InterruptSession => routing::on(method, turns::interrupt),
        Operation::ListQueue => routing::on(method, queue::list),
        Operation::RemoveTurn => routing::on(method, queue::remove),
        Operation::SendNow => routing::on(method, queue::send_now),
        Operation::ListPermissions => routing::on(method, permissions::list),
        Operation::AnswerPermission => routing::on(method, permissions::answer),
        Operation::ListMessages => routing::on(method, turns::messages),
        Operation::ListEvents => routing::on(method, turns::events),
        Operation::ListAudit => routing::on(method, turns::audit),
        Operation::ListLogs => routing::on(method, turns::logs),
        Operation::ListFiles => routing::on(method, files::list),
        Operation::ReadFile => routing::on(method, files::read),
        Operation::WriteFile => routing::on(method, changes::write),
        Operation::DeleteFile => routing::on(method, changes::remove),
        Operation::UploadFiles => routing::on(method, changes::upload),
        Operation::DownloadWorkspace => routing::on(method, changes::download),
        Operation::ReplaceWorkspace => routing::on(method, changes::replace),
        Operation::RestoreWorkspace => routing::on(method, changes::restore),
        Operation::ExecCommand => routing::on(method, exec::exec),
        Operation::CreateAttachment => routing::on(method, attachments::create),
        Operation::ListAttachments => routing::on(method, attachments::list),
        Operation::ReadAttachment => routing::on(method, attachments::read),
        Operation::DeleteAttachment => routing::on(method, attachments::remove),
        Operation::ShowConfiguration => routing::on(method, administration::configuration),
        Operation::BackUpDatabase => routing::on(method, database::backup),
        Operation::CheckDatabase => routing::on(method, database::check),
        Operation::ReloadConfiguration => routing::on(method, administration::reload),
        Operation::FollowHost => routing::on(method, lifecycle::follow),
        Operation::CreateJob => routing::on(method, jobs::create),
        Operation::ListJobs => routing::on(method, jobs::list),
        Operation::CountJobs => routing::on(method, jobs::count),
        Operation::GetJob => routing::on(method, jobs::get),
        Operation::CancelJob => routing::on(method, jobs::cancel),
        Operation::CreateSchedule => routing::on(method, schedules::create),
        Operation::ListSchedules => routing::on(method, schedules::list),
        Operation::GetSchedule => routing::on(method, schedules::get),
        Operation::ChangeSchedule => routing::on(method, schedules::change),
        Operation::DeleteSchedule => routing::on(method, schedules::remove),
        Operation::RunSchedule => routing::on(method, schedules::run),
        Operation::CreateWebhook => routing::on(method, webhooks::create),
        Operation::ListWebhooks => routing::on(method, webhooks::list),
        Operation::GetWebhook => routing::on(method, webhooks::get),
        Operation::ChangeWebhook => routing::on(method, webhooks::change),
        Operation::DeleteWebhook => routing::on(method, webhooks::remove),
        Operation::ListDeliveries => routing::on(method, webhooks::deliveries),
        Operation::TestWebhook => routing::on(method, webhooks::test),
        Operation::CreateApiKey => routing::on(method, keys::create),
        Operation::ListApiKeys => routing::on(method, keys::list),
        Operation::RevokeApiKey => routing::on(method, keys::revoke),
        Operation::CreateCredential => routing::on(method, credentials::create),
        Operation::ListCredentials => routing::on(method, credentials::list),
        Operation::DeleteCredential => routing::on(method, credentials::remove),
        Operation::ShowBudget => routing::on(method, budgets::show),
        Operation::ChangeTenantBudget => routing::on(method, budgets::of_tenant),
        Operation::ShowLoad => routing::on(method, administration::load),
        Operation::ListUsage => routing::on(method, usage::list),
        Operation::ShowUsageStats => routing::on(method, usage::stats),
        Operation::ShowAnalytics => routing::on(method, usage::analytics),
        Operation::ShowMetrics => routing::on(method, metrics::metrics),
        Operation::Drain => routing::on(method, administration::drain),
        Operation::UndoDrain => routing::on(method, administration::undo_drain),
        Operation::ShowDrain => routing::on(method, administration::drain_state),
    }
}

async fn no_route(request: Request) -> Response {
    let text = format!("Route {}:{} not found", request.method(), request.uri().path());
    let mut problem = Problem::new(Code::NotFound, text);
    "Not Found".clone_into(&mut problem.error);
    answer::problem(problem)
}

async fn no_method(method: Method, request: Request) -> Response {
    let text = format!("{method} is not a method of {}", request.uri().path());
    answer::problem(Problem::new(Code::MethodNotAllowed, text)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_route_of_its_own() {
        let mut seen = std::collections::HashSet::new();
        for route in OPERATIONS {
            assert!(seen.insert((route.method, route.path)), "{route:?}");
            let own = route.open || route.operation == Operation::ShowMetrics;
            assert!(own || route.path.starts_with("/api/"), "{route:?}");
            drop(on(filter(route.method), route.operation));
        }
    }
}
