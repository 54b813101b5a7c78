//! Whether what is left of the day's budgets covers a call, and what is missing where it does not. Pure: it reads what
//! is spent and what is reserved, and changes neither.

use super::leases::{HARDLY_ANYTHING, Lease};
use super::ledger::Spending;
use super::open_reservations::Held;

/// A budget that does not cover a call.
#[derive(Debug)]
pub(super) struct Short {
    /// Whose it is.
    pub of: &'static str,
    pub key: Option<String>,
    pub budget_usd: f64,
    /// What is missing.
    pub needed_usd: f64,
    /// Whether nothing would be missing without the open reservations.
    pub is_held: bool,
    /// What they are.
    open_usd: f64,
}

/// Why a call got nothing from the ledger.
pub(super) enum Refused {
    Short(Short),
    /// The open reservations hold as much as they may: those of one payer, or all of one machine.
    Held,
}

/// What a call asks of the day's budgets.
pub(super) struct Asked {
    pub usd: f64,
    pub of_all: Option<f64>,
    pub of_key: Option<f64>,
    /// Whether several machines spend the budgets together, and this one has what it leased.
    pub is_leased: bool,
}

impl Asked {
    /// Why what is left does not cover the call, for a payer with this name, beside what calls under way hold.
    pub fn refused(&self, spending: &Spending, name: Option<&str>, held: Held) -> Option<Refused> {
        let short = |budget: Option<f64>, leased: f64, spent: f64, open_usd: f64| {
            let budget_usd = budget?;
            let needed_usd = spent + self.usd - if self.is_leased { leased } else { budget_usd };
            let is_held = needed_usd - open_usd <= HARDLY_ANYTHING;
            let short = Short { of: "of all keys", key: None, budget_usd, needed_usd, is_held, open_usd };
            (needed_usd > HARDLY_ANYTHING).then_some(short)
        };
        let all = short(self.of_all, spending.leased_usd, spending.spent_usd, held.all_usd);
        let own = name.and_then(|name| {
            let short = short(self.of_key, spending.leased(Some(name)), spending.of_key(name), held.of_own_usd)?;
            Some(Short { of: "of the key", key: Some(name.to_owned()), ..short })
        });
        let (only_held, spent): (Vec<_>, Vec<_>) = [all, own].into_iter().flatten().partition(|short| short.is_held);
        let spent = spent.into_iter().next();
        // A slice that was leased may grow, but not for more than one payer's share.
        if !self.is_leased && spent.is_some() {
            return spent.map(Refused::Short);
        }
        if name.is_some() && self.is_beyond_share(spending, held) {
            return Some(Refused::Held);
        }
        let is_waited_for = |short: &Short| Lease::is_waited_for(short.budget_usd, short.open_usd, self.usd);
        if self.is_leased && only_held.iter().any(is_waited_for) {
            return Some(Refused::Held);
        }
        spent.or(only_held.into_iter().next()).map(Refused::Short)
    }

    /// Whether a payer's open reservations would hold more than its share of what is left of the budget of all, or of
    /// what this machine may hold of it: an eighth for certain, and up to half while a quarter stays free for others.
    /// Its first may hold all of that, so that a call which costs much can be made at all.
    fn is_beyond_share(&self, spending: &Spending, held: Held) -> bool {
        let Some(budget_usd) = self.of_all else { return false };
        let left_usd = budget_usd - (spending.spent_usd - held.all_usd).max(0.0);
        let left_usd = if self.is_leased { left_usd.min(Lease::most_held_usd(budget_usd)) } else { left_usd };
        let (own_usd, all_usd) = (held.of_payer_usd + self.usd, held.all_usd + self.usd);
        let is_within = |usd: f64, share: f64| usd <= left_usd * share + HARDLY_ANYTHING;
        let is_certain = is_within(own_usd, 1.0 / 8.0);
        let is_spare = is_within(own_usd, 1.0 / 2.0) && is_within(all_usd, 3.0 / 4.0);
        held.of_payer_usd > HARDLY_ANYTHING && !is_certain && !is_spare
    }
}
