//! The real binary, in folders of its own, with nothing of the surrounding environment.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "output of another shape than the test expects should fail the test loudly"
)]

mod activation;
mod assigning;
mod beginning;
mod checking;
mod commands;
mod comparing;
#[path = "../support/customers.rs"]
mod customers;
mod disks;
mod each_setting;
mod erasing;
mod exposure;
mod files;
mod folder;
#[path = "../support/form.rs"]
mod form;
#[path = "../reading/strangers.rs"]
mod hostile;
mod keys;
mod lasting;
mod model_server;
mod outcome;
mod people;
#[path = "../support/problems.rs"]
mod problems;
mod profiles;
mod publishing;
mod reference;
mod retraining;
mod serving;
mod settings;
mod sharing;
mod strangers;
mod terminal;
