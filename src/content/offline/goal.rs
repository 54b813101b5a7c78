//! What a campaign is for and in which trade, read out of a marketer's own words.
//!
//! A post never quotes the objective: "increase footfall" is a wish of the shop, not of its customers. So the wish
//! becomes a [`Goal`], which decides what the reader is asked to do.

use super::phrases::Phrases;

/// What the reader is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Goal {
    Referral,
    Feedback,
    App,
    Apply,
    Event,
    Signups,
    Bookings,
    Launch,
    Visits,
    Retention,
    Community,
    Sales,
    Awareness,
    Generic,
}

impl Goal {
    /// The section of `lines.txt` with this goal's own reasons; selling has none but the trade's.
    pub(super) fn reasons(self) -> Option<&'static str> {
        match self {
            Self::Referral => Some("why.referral"),
            Self::Feedback => Some("why.feedback"),
            Self::App => Some("why.app"),
            Self::Apply => Some("why.apply"),
            Self::Event => Some("why.event"),
            Self::Signups => Some("why.signups"),
            Self::Bookings => Some("why.bookings"),
            Self::Launch => Some("why.launch"),
            Self::Visits => Some("why.visits"),
            Self::Retention => Some("why.retention"),
            Self::Community => Some("why.community"),
            Self::Awareness => Some("why.awareness"),
            Self::Sales | Self::Generic => None,
        }
    }

    /// Whether the campaign's subject is a thing that a picture can show.
    pub(super) fn has_a_visible_subject(self) -> bool {
        matches!(self, Self::Sales | Self::Launch | Self::Awareness | Self::Visits | Self::Generic)
    }
}

/// Goals by the words that give them away, the more specific first. A word of up to three letters must stand alone,
/// a longer one may go on ("retain", "retaining").
const GOALS: &[(Goal, &[&str])] = &[
    (Goal::Referral, &["referral", "refer", "word of mouth", "bring a friend", "recommend"]),
    (Goal::Feedback, &["feedback", "survey", "review", "testimonial", "rating"]),
    (Goal::App, &["app", "apps"]),
    (Goal::Apply, &["application", "apply", "applicant"]),
    (
        Goal::Event,
        &["event", "webinar", "workshop", "party", "festival", "open house", "roadshow", "conference", "attend"],
    ),
    (
        Goal::Signups,
        &[
            "sign-up",
            "signup",
            "sign up",
            "subscri",
            "registr",
            "register",
            "enrol",
            "newsletter",
            "mailing list",
            "leads",
            "membership",
        ],
    ),
    (Goal::Bookings, &["booking", "reserv", "appointment"]),
    (Goal::Visits, &["footfall", "foot traffic", "foot-fall", "visit", "walk-in", "store traffic", "in-store"]),
    (Goal::Launch, &["launch", "introduc", "unveil", "debut", "opening", "new product", "new arrival"]),
    (
        Goal::Retention,
        &[
            "retention",
            "retain",
            "loyal",
            "repeat",
            "win back",
            "win-back",
            "re-engage",
            "reengage",
            "reactivat",
            "churn",
            "come back",
        ],
    ),
    (Goal::Community, &["engagement", "follower", "communit", "like", "comment", "followers"]),
    (
        Goal::Sales,
        &[
            "sale", "sell", "revenue", "purchase", "buy", "order", "conver", "promot", "clear", "basket", "spend",
            "turnover", "uptake", "donation",
        ],
    ),
    (Goal::Awareness, &["aware", "brand", "visib", "reach", "recogn", "educat", "inform"]),
];

/// The goal behind an objective.
pub(super) fn goal_of(objective: &str) -> Goal {
    let lower = objective.to_lowercase();
    let hit = GOALS.iter().find(|(_, words)| words.iter().any(|word| has_word(&lower, word)));
    hit.map_or(Goal::Generic, |&(goal, _)| goal)
}

/// The trade that an industry's words name, as a section of `trades.txt`.
pub(super) fn trade_of(phrases: &Phrases, industry: &str) -> &'static str {
    let lower = industry.to_lowercase();
    let names = |trade: &&&'static str| phrases.lines(&format!("{trade}.keywords")).iter().any(|k| has_word(&lower, k));
    phrases.trades().iter().find(names).copied().unwrap_or("generic")
}

/// Whether `text` (lower case) holds `word` at the start of a word; up to three letters must be the whole word, or its
/// plural.
fn has_word(text: &str, word: &str) -> bool {
    let ends = |rest: &str| !rest.chars().next().is_some_and(char::is_alphanumeric);
    text.match_indices(word).any(|(at, _)| {
        let rest = text.get(at + word.len()..).unwrap_or_default();
        starts_word(text, at) && (word.len() > 3 || ends(rest) || rest.strip_prefix('s').is_some_and(ends))
    })
}

pub(super) fn starts_word(text: &str, at: usize) -> bool {
    !text.get(..at).and_then(|before| before.chars().next_back()).is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_are_understood_as_goals() {
        for (objective, goal) in [
            ("Increase sales of winter coats", Goal::Sales),
            ("increase footfall", Goal::Visits),
            ("newsletter sign-ups", Goal::Signups),
            ("App downloads", Goal::App),
            ("Customer retention", Goal::Retention),
            ("Launch the spring menu", Goal::Launch),
            ("Brand awareness", Goal::Awareness),
            ("happiness", Goal::Generic),
            ("", Goal::Generic),
        ] {
            assert_eq!(goal_of(objective), goal, "{objective}");
        }
    }

    #[test]
    fn industries_are_understood_as_trades() {
        let phrases = Phrases::built_in().unwrap();
        for (industry, trade) in [
            ("Retail", "retail"),
            ("F&B", "food"),
            ("banking", "finance"),
            ("Teaching and training", "education"),
            ("Healthcare", "health"),
            ("Automation software", "technology"),
            ("Motor insurance", "finance"),
            ("car sharing", "automotive"),
            ("Underwater welding", "generic"),
            ("", "generic"),
        ] {
            assert_eq!(trade_of(&phrases, industry), trade, "{industry}");
        }
    }
}
