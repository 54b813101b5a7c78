//! The classes of routes: what a request must have before its handler runs.

use std::collections::HashMap;

use crate::http::access::Right;

/// What a route asks of its callers. [`crate::http::router`] gives each route its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Class {
    /// Nothing: no key and no rate. For health, pictures, the index and the API's description.
    Open,
    /// A key and the rate, where they are set.
    Standard,
    /// As [`Class::Standard`], and one of the slots for uploads.
    Upload,
    /// As [`Class::Standard`], and one of the slots for generations.
    Generation,
}

/// The class of each route and the right that its callers need, by the route's pattern.
#[derive(Debug, Default)]
pub(in crate::http) struct Classes(HashMap<String, (Class, Option<Right>)>);

impl Classes {
    /// Gives the routes with this pattern a class and, unless they are open, the right that they need.
    pub fn set(&mut self, pattern: &str, class: Class, right: Option<Right>) {
        self.0.insert(pattern.to_owned(), (class, right));
    }

    /// The class of the route with this pattern, and the right that it needs. A request that matches no route is
    /// [`Class::Standard`]: a 404 costs a key and counts against the rate, too.
    pub fn of(&self, pattern: Option<&str>) -> (Class, Option<Right>) {
        pattern.and_then(|pattern| self.0.get(pattern)).copied().unwrap_or((Class::Standard, None))
    }
}
