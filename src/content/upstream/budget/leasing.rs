//! Slices of the day's budgets: leased when a call needs more than this machine has, given back when they are not used.

use std::io;
use std::sync::Arc;

use jiff::civil::Date;
use tokio::sync::OwnedMutexGuard;

use super::super::leases::{HARDLY_ANYTHING, Lately, Lease, Lessor, SLICE};
use super::super::ledger::Ledger;
use super::{Budget, BudgetError, day_of};

impl Budget {
    /// Leases a slice and notes it. Whether there was enough left. Runs to its end also if this future is dropped, and
    /// what cannot be noted is given again: a slice that others count as leased is never one that nobody may spend.
    pub(super) async fn lease(
        &self,
        lessor: Arc<dyn Lessor>,
        lease: Lease,
        mut lately: OwnedMutexGuard<Lately>,
    ) -> Result<bool, BudgetError> {
        let ledger = self.ledger.clone();
        let leasing = tokio::spawn(async move {
            let Lease { day, key, needed_usd, .. } = lease.clone();
            let (reading, of) = (ledger.clone(), key.clone());
            let leased_usd = move || reading.of(day).map(|spending| spending.leased(of.as_deref()));
            let (asked, before) = (lessor.clone(), leased_usd.clone());
            let asking = tokio::task::spawn_blocking(move || io::Result::Ok((before()?, asked.lease(&lease)))).await;
            let (before_usd, granted) = asking.map_err(io::Error::other).flatten().map_err(BudgetError::File)?;
            lately.learn(day, key.as_deref(), needed_usd, granted.as_ref().ok().copied());
            let granted = granted.map_err(BudgetError::Lease)?;
            if granted <= 0.0 {
                return Ok(false);
            }
            let of = key.clone();
            let noting = ledger.change(day, move |spending| {
                spending.add_lease(granted, of.as_deref());
                Ok::<_, ()>(())
            });
            if let Err(error) = noting.await {
                let give_again = move || {
                    // A change may fail when it is in its place: what is there, or cannot be known, is not given twice.
                    if leased_usd().is_ok_and(|usd| usd + HARDLY_ANYTHING < before_usd + granted) {
                        lessor.give_again(day, key.as_deref(), granted);
                    }
                };
                tokio::task::spawn_blocking(give_again).await.ok();
                return Err(BudgetError::File(error));
            }
            drop(lately);
            Ok(true)
        });
        leasing.await.map_err(|error| BudgetError::Lease(io::Error::other(error))).flatten()
    }

    /// Gives back what this machine has leased of the budget of all and does not use, but for a slice: calls that were
    /// under way may have leased far more than they cost.
    pub(super) fn give_back(&self, day: Date, unused_usd: f64) {
        let Some((lessor, budget_usd)) = self.lessor.clone().zip(self.usd_per_day) else { return };
        let slice_usd = budget_usd * SLICE;
        // A slice at least, so that the store is not asked after each call.
        let to_give = move |unused_usd: f64| Some(unused_usd - slice_usd).filter(|usd| *usd >= slice_usd);
        // While one leases or gives back, the next settled call looks again.
        let Ok(lately) = self.leasing.clone().try_lock_owned() else { return };
        if to_give(unused_usd).is_none() && lately.owed().is_none() {
            return;
        }
        let giving = Giving { lessor, ledger: self.ledger.clone(), lately };
        tokio::spawn(giving.give(day, None, to_give));
    }

    /// Waits until what is being given back has arrived, and gives back all that this process has leased of today and
    /// does not use. For the end of a process: the next one leases its own.
    pub async fn settled(&self) {
        let lately = self.leasing.clone().lock_owned().await;
        let Some(lessor) = self.lessor.clone() else { return };
        let (day, ledger) = (day_of((self.now)()), self.ledger.clone());
        let spending = tokio::task::spawn_blocking(move || ledger.of(day)).await.ok().and_then(Result::ok);
        let spending = spending.unwrap_or_default();
        let has_leased = spending.leased_usd > 0.0 || !spending.leased_keys.is_empty();
        if !has_leased && lately.owed().is_none() {
            return;
        }
        let mut giving = Giving { lessor, ledger: self.ledger.clone(), lately };
        // What is out of the ledger while the lessor does not answer is lost until midnight: so it is asked before.
        let mut is_answered = giving.hand_over(day, None, 0.0).await;
        for key in std::iter::once(None).chain(spending.leased_keys.into_keys().map(Some)) {
            if !is_answered {
                break;
            }
            (giving, is_answered) = giving.give(day, key, Some).await;
        }
    }
}

/// Gives back what is leased and not used; nobody leases meanwhile.
struct Giving {
    lessor: Arc<dyn Lessor>,
    ledger: Ledger,
    lately: OwnedMutexGuard<Lately>,
}

impl Giving {
    /// Gives back what `to_give` makes of what is unused of the budget of all, or of a key's own, until it makes
    /// nothing of it, and what is owed; whether the lessor took all of that. The ledger is without it before the lessor
    /// has it again: if this process ends between the two, it is lost as the slice of a lost machine is.
    async fn give(
        mut self,
        day: Date,
        key: Option<String>,
        to_give: impl Fn(f64) -> Option<f64> + Clone + Send + 'static,
    ) -> (Self, bool) {
        if let Some(owed) = self.lately.owed()
            && !self.hand_over(owed, None, 0.0).await
        {
            return (self, false);
        }
        loop {
            let (of, to_give) = (key.clone(), to_give.clone());
            let returnable_usd = self.lessor.returnable_usd(day, key.as_deref());
            let taking = self.ledger.change(day, move |spending| {
                let usd = to_give(spending.unused_usd(of.as_deref())).map(|usd| usd.min(returnable_usd));
                let usd = usd.filter(|usd| *usd > HARDLY_ANYTHING).ok_or(())?;
                spending.add_lease(-usd, of.as_deref());
                Ok::<_, ()>(usd)
            });
            let Ok(Ok(usd)) = taking.await else { return (self, true) };
            if !self.hand_over(day, key.clone(), usd).await {
                return (self, false);
            }
        }
    }

    /// Whether the lessor has taken `usd` back, which are out of the ledger; else they are owed.
    async fn hand_over(&mut self, day: Date, key: Option<String>, usd: f64) -> bool {
        let lessor = self.lessor.clone();
        let giving = tokio::task::spawn_blocking(move || lessor.give_back(day, key.as_deref(), usd)).await;
        let is_given = matches!(giving, Ok(Ok(())));
        self.lately.note_owed((!is_given).then_some(day));
        is_given
    }
}
