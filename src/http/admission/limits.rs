//! Most numbers by which requests are limited, with their reasons; connections and unsent bytes have theirs beside
//! them. Settings (`MAX_CONNECTIONS`, `RATE_LIMIT_PER_MINUTE`, `MAX_UPLOAD_MB`) are in [`crate::http::settings`],
//! limits of forms in `request::form::error`.

use std::time::Duration;

/// Uploads and exports in progress. Each holds a file on disk, and its customers in memory once it is read.
pub(super) const UPLOAD_SLOTS: usize = 32;
/// Generations in progress. Each holds a few kilobytes.
pub(super) const GENERATION_SLOTS: usize = 512;
/// Pictures that a model draws at a time. Each holds 4 MB of the disk's room until it is stored, and as it arrives some
/// 5 MB of memory.
pub(super) const PICTURE_SLOTS: usize = 32;
/// Slots of each class that only administrators get, so that they can look into an overload.
pub(super) const ADMIN_SLOTS: usize = 2;

/// As many clients' own share, of slots, connections and bytes on their way, is that of all clients of one network.
pub(super) const CLIENTS_OF_NETWORK: usize = 2;

/// How much longer each further generation waits before it is rejected. Its rejection is cheap.
pub(super) const GENERATION_DELAY_STEP: Duration = Duration::from_millis(1);
/// How much longer each further upload waits before it is rejected. A rejection costs more, since the file is on its
/// way: some 0.7 ms, so that rejections take a ninth of a processor at most. The sender of a file would rather wait.
pub(super) const UPLOAD_DELAY_STEP: Duration = Duration::from_millis(6);
/// Beyond so many clients that hold no slot and wait for none, all of these are forgotten, with their time on
/// processors' slots.
pub(super) const MANY_CLIENTS: usize = 10_000;

/// The least rate of a body, averaged over [`BODY_WINDOW`]: a mobile connection at its edge has twice as much.
pub(super) const BODY_BYTES_A_SECOND: u64 = 16 << 10;
/// How long a body may be slower. The time in which the server does not read does not count.
pub(super) const BODY_WINDOW: Duration = Duration::from_secs(10);
/// What any body has, and further time for its size, so that a slow sender holds its slot for minutes, not for hours.
pub(super) const BODY_TIME: Duration = Duration::from_secs(60);
pub(super) const BODY_TIME_BYTES_A_SECOND: u64 = 50 << 10;

/// How long a client may take nothing of an answer.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(12);
/// The least rate at which an answer is read, and for how long it may be missed in all: the system takes an answer from
/// the server in lumps of up to 128 KB, which at this rate are 8 seconds apart.
pub(super) const ANSWER_BYTES_A_SECOND: u64 = 16 << 10;
pub(super) const ANSWER_CREDIT: Duration = Duration::from_secs(30);

/// How much of an answer is handed to its connection at a time, in bytes.
pub(super) const FRAME_BYTES: usize = 64 << 10;
/// What an answer of unknown size counts as: frames that are on their way while the rest is in a file or not made yet.
pub(super) const STREAM_BYTES: usize = 2 * FRAME_BYTES;
/// An answer of this size is let through whatever else is in flight: a problem document, or a page of numbers.
pub(super) const SMALL_ANSWER_BYTES: usize = 4 << 10;
/// Bytes of answers in memory that their clients have not taken yet: a hundred small answers, or twenty of 20,000
/// customers.
pub(super) const MAX_IN_FLIGHT_BYTES: usize = 96 << 20;
/// What one client has at most, but for a single answer, which may be of any size.
pub(super) const MAX_IN_FLIGHT_BYTES_OF_ONE: usize = 24 << 20;
/// Up to so many a client gets as long as there is any room; beyond them only while this reserve is free for others.
pub(super) const OWN_IN_FLIGHT_BYTES: usize = MAX_IN_FLIGHT_BYTES / 8;
pub(super) const RESERVED_IN_FLIGHT_BYTES: usize = MAX_IN_FLIGHT_BYTES / 4;
/// While the reserve is used, and others need it, an answer has this time to leave, and further time for its size, but
/// no more than for [`OWN_IN_FLIGHT_BYTES`]: five minutes. At [`ANSWER_BYTES_A_SECOND`] alone, four large answers would
/// take all room for 25 minutes.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(60);
pub(super) const ANSWER_TIME_BYTES_A_SECOND: usize = 50 << 10;

/// Of the connections, one address has at most a quarter, and never fewer than a browser opens for a page or two.
pub(super) const CONNECTION_SHARE: usize = 4;
pub(super) const MIN_CONNECTIONS_OF_ONE: usize = 16;
/// Connections beyond a share that are told so at a time, and for how long: each has a file descriptor beyond
/// `MAX_CONNECTIONS`.
pub(super) const REFUSALS: usize = 32;
pub(super) const REFUSE_WITHIN: Duration = Duration::from_secs(1);

/// Half of the time for which a client held a processor's slot counts no more after so long.
pub(super) const USED_HALVES_AFTER: Duration = Duration::from_secs(60);
