//! One call to a model server: covered by the day's budget, let through by a breaker, judged by its outcome.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;
use tracing::Instrument;

use super::super::{BudgetState, Payer, Requester, Turn, WriteErrorKind, WriterConfig, WriterConfigError};
use super::breaker::{Breaker, Pass, Refused, Verdict};
use super::budget::{Budget, BudgetError, Reservation};
use super::failure::Failure;
use super::leases::Lessor;
use super::retry::Attempts;
use super::transport::{Expects, FromResponse, Outgoing, Transport};
use super::try_error::TryError;

/// How long an answer waits until what it cost is written down, which then goes on without it.
const SETTLE_WITHIN: Duration = Duration::from_secs(1);

/// Makes the calls to one server.
pub struct Caller {
    /// The connection.
    pub transport: Arc<Transport>,
    /// Set at the start, or once the first key has a budget.
    budget: OnceLock<Budget>,
    /// Where what is spent is kept.
    state_dir: PathBuf,
    /// Where slices of budgets are leased, where several machines spend them together.
    lessor: Option<Arc<dyn Lessor>>,
    /// How long a call for texts may take where the deadline is far away.
    texts_limit: Duration,
    /// The same for a picture.
    picture_limit: Duration,
}

/// One call that a breaker has let through.
pub struct Call<'a> {
    /// The breaker's permission.
    pub pass: Pass,
    /// What is sent.
    pub outgoing: Outgoing<'a>,
    /// How long it may take.
    pub limit: Duration,
    /// The most it may cost, in US dollars; known wherever there is a budget.
    pub worst_usd: Option<f64>,
    /// For whom it is made.
    pub requester: Requester,
    /// The client's turn, where the call needs one.
    pub turn: Option<Turn>,
    /// Whether a failure teaches how else to ask. Such a one is no fault of the server's, whatever its status.
    pub teaches: Box<dyn Fn(&Failure) -> bool + Send>,
}

impl Caller {
    /// A caller for the server at `base`; opens no connection.
    ///
    /// # Errors
    /// When the client cannot be built or the budget's file cannot be used.
    pub fn new(config: &WriterConfig, base: Url) -> Result<Self, WriterConfigError> {
        Ok(Self {
            transport: Arc::new(Transport::new(config, base)?),
            budget: Budget::open(config)?.map(OnceLock::from).unwrap_or_default(),
            state_dir: config.state_dir.clone(),
            lessor: config.lessor.clone(),
            texts_limit: config.timeout.min(config.deadline),
            picture_limit: config.image_timeout,
        })
    }

    /// Whether calls are paid from a budget.
    pub fn has_budget(&self) -> bool {
        self.budget.get().is_some()
    }

    /// Today's budget; `None` without one. Blocking.
    pub fn budget(&self) -> Option<BudgetState> {
        let budget = self.budget.get()?;
        let (limit_usd, spent_usd) = (budget.usd_per_day(), budget.spent_usd().ok());
        let own = limit_usd.zip(spent_usd).filter(|_| self.lessor.is_none());
        let left_usd = own.map(|(limit_usd, spent_usd)| (limit_usd - spent_usd).max(0.0));
        Some(BudgetState { limit_usd, spent_usd, left_usd })
    }

    /// Waits until budget that is being given back to the shared store has arrived there.
    pub async fn settled(&self) {
        if let Some(budget) = self.budget.get() {
            budget.settled().await;
        }
    }

    /// Keeps from now on what calls cost, since some key has got a budget. Blocking.
    ///
    /// # Errors
    /// [`WriterConfigError::Budget`] when the file cannot be used.
    pub fn begin_budget(&self) -> Result<(), WriterConfigError> {
        if self.budget.get().is_none() {
            // Where another was quicker, its budget is the same file.
            let _ = self.budget.set(Budget::of_keys(&self.state_dir, self.lessor.clone())?);
        }
        Ok(())
    }

    /// Makes one call if the budget covers it, and reports its outcome to breaker and budget. `cost` gives the price
    /// of an answer; where it is unknown, the whole reservation counts as spent. A call runs to its end also if this
    /// future is dropped, since its server goes on with it and charges it: so it is settled by what it cost, its
    /// outcome is known, and it holds the place of its request until then. What limits requests limits the calls
    /// whose client has left.
    ///
    /// # Errors
    /// When the budget does not cover the call, or the call fails.
    pub async fn call<T: FromResponse + Send + 'static>(
        &self,
        call: Call<'_>,
        cost: impl FnOnce(&T) -> Option<f64> + Send + 'static,
    ) -> Result<T, TryError> {
        let usual = self.usual_limit(call.outgoing.expects);
        let Call { pass, outgoing, limit, worst_usd, requester, turn, teaches } = call;
        let held = (requester.place, turn);
        let reserving = reserve(self.budget.get().cloned(), worst_usd, requester.payer);
        let paid = paid(self.transport.clone(), outgoing, limit, (reserving, cost));
        let running = async move {
            // The reservation takes some of the limit.
            let (left, outcome) = paid.await;
            let failure = outcome.as_ref().err().and_then(|error| error.failure.as_deref());
            let is_lesson = failure.is_some_and(teaches);
            let verdict = verdict(outcome.as_ref().err(), left < usual / 2);
            // The call that heeds a lesson is the one that shows whether the server works.
            if let Some(verdict) = verdict.filter(|verdict| *verdict == Verdict::Sound || !is_lesson) {
                pass.end(verdict, Instant::now());
            }
            drop(held);
            outcome
        };
        let broken = |e| Err(TryError::new(WriteErrorKind::Internal, false).because(e));
        tokio::spawn(running.in_current_span()).await.unwrap_or_else(broken)
    }

    /// How long a call may take where the deadline is far away.
    fn usual_limit(&self, expects: Expects) -> Duration {
        match expects {
            Expects::Texts => self.texts_limit,
            Expects::Picture => self.picture_limit,
        }
    }
}

/// Reserves what a call may cost, where there is a budget.
async fn reserve(
    budget: Option<Budget>,
    worst_usd: Option<f64>,
    payer: Option<Payer>,
) -> Result<Option<Reservation>, TryError> {
    let Some(budget) = budget else { return Ok(None) };
    let unpriced = || TryError::new(WriteErrorKind::Internal, false).because("a call whose price is not known");
    budget.reserve(worst_usd.ok_or_else(unpriced)?, payer.as_ref()).await.map(Some).map_err(|error| {
        let kind = match error {
            BudgetError::Spent { until_reset, .. } => WriteErrorKind::BudgetSpent { until_reset },
            BudgetError::Held => WriteErrorKind::Held,
            BudgetError::TooSmall(small) => WriteErrorKind::BudgetTooSmall(small),
            BudgetError::Lease(_) | BudgetError::LeaseLately => WriteErrorKind::BudgetUnknown,
            BudgetError::File(_) => WriteErrorKind::Internal,
        };
        TryError::new(kind, false).because(error)
    })
}

/// Reserves, sends a call and settles the reservation: the outcome, and what was left of the limit when the call was
/// sent. Borrows nothing, so that it can outlive the client, also one that leaves while the reservation is made.
fn paid<T: FromResponse + Send + 'static>(
    transport: Arc<Transport>,
    outgoing: Outgoing<'_>,
    limit: Duration,
    (reserving, cost): (
        impl Future<Output = Result<Option<Reservation>, TryError>> + Send + 'static,
        impl FnOnce(&T) -> Option<f64> + Send + 'static,
    ),
) -> impl Future<Output = (Duration, Result<T, TryError>)> + Send + 'static {
    let Outgoing { url, expects, model, body } = outgoing;
    let (url, model) = (url.clone(), model.to_owned());
    async move {
        let started = Instant::now();
        let reservation = tokio::time::timeout(limit, reserving).await;
        let left = limit.saturating_sub(started.elapsed());
        let too_slow = |elapsed| Err(TryError::new(WriteErrorKind::BudgetUnknown, false).because(elapsed));
        let reservation = match reservation.unwrap_or_else(too_slow) {
            Ok(reservation) => reservation,
            Err(error) => return (left, Err(error)),
        };
        let outcome: Result<T, _> = transport.send(Outgoing { url: &url, expects, model: &model, body }, left).await;
        let cost = match &outcome {
            Ok(answer) => cost(answer),
            Err(error) => error.is_free.then_some(0.0),
        };
        if let Some((reservation, usd)) = reservation.zip(cost) {
            // The answer is there: it does not wait long for a file that another process has locked.
            let _ = tokio::time::timeout(SETTLE_WITHIN, tokio::spawn(reservation.settle_or_log(usd))).await;
        }
        (left, outcome)
    }
}

/// What a call says about the server's health. Refusals and rate limits come from a healthy server. A time-out with
/// little time left (`in_haste`) says nothing, and neither does a call that was not sent.
fn verdict(error: Option<&TryError>, in_haste: bool) -> Option<Verdict> {
    let Some(error) = error else { return Some(Verdict::Sound) };
    match error.kind {
        WriteErrorKind::TimedOut => (!in_haste).then_some(Verdict::TimedOut),
        WriteErrorKind::Upstream | WriteErrorKind::CutOff | WriteErrorKind::BadAnswer => {
            // What a model makes of one prompt is no fault of its server.
            let is_of_prompt = error.failure.as_ref().is_some_and(|failure| failure.is_not_to_format());
            Some(if error.is_worth_another && !is_of_prompt { Verdict::Fault } else { Verdict::Sound })
        }
        WriteErrorKind::Refused
        | WriteErrorKind::RefusedRequest
        | WriteErrorKind::TooLong
        | WriteErrorKind::RefusedContent
        | WriteErrorKind::RateLimited { .. }
        | WriteErrorKind::OutOfQuota
        | WriteErrorKind::Storage => Some(Verdict::Sound),
        WriteErrorKind::Paused { .. }
        | WriteErrorKind::BudgetSpent { .. }
        | WriteErrorKind::BudgetTooSmall(_)
        | WriteErrorKind::BudgetUnknown
        | WriteErrorKind::Busy
        | WriteErrorKind::Held
        | WriteErrorKind::Internal => None,
    }
}

/// Permission for one more call of a client's, once the one of its own has ended that probes the server, if one does.
///
/// # Errors
/// When its calls are paused, or it is not its turn `until` then.
pub async fn admitted(
    breaker: &Breaker,
    client: u64,
    attempts: &mut Attempts,
    until: Instant,
) -> Result<Pass, TryError> {
    let pass = match breaker.try_admit(client, Instant::now()) {
        Err(Refused { is_own_probe: true, .. }) => attempts.waiting(breaker.admit_after_probe(client, until)).await,
        admitted => admitted.map_err(|refused| refused.wait),
    };
    pass.map_err(paused)
}

/// The error of a call that is not made because the breaker is open.
pub fn paused(retry_after: Duration) -> TryError {
    TryError::new(WriteErrorKind::Paused { retry_after }, false).because("the upstream kept failing: nothing was sent")
}
