//! The classes of routes: what a request must have before its handler runs.

use std::collections::HashMap;

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

/// The class of each route, by the route's pattern.
#[derive(Debug, Default)]
pub(in crate::http) struct Classes(HashMap<String, Class>);

impl Classes {
    /// Gives the routes with this pattern a class.
    pub fn set(&mut self, pattern: &str, class: Class) {
        self.0.insert(pattern.to_owned(), class);
    }

    /// The class of the route with this pattern. A request that matches no route is [`Class::Standard`]: a 404 costs a
    /// key and counts against the rate, too.
    pub fn of(&self, pattern: Option<&str>) -> Class {
        pattern.and_then(|pattern| self.0.get(pattern)).copied().unwrap_or(Class::Standard)
    }
}
