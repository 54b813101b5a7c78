//! Reading workbooks through the public doors: what people send, what strangers send, and the accounts of both.

mod cleaning;
mod fixtures;
mod headers;
mod hostile;
mod kinds;
mod properties;
mod sheets;
mod texts;
