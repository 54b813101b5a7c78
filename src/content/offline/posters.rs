//! Posters on demand: each is drawn from what its name says, and the latest ones are remembered.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::super::{ImageName, WriterConfigError};
use super::poster::{Order, Painter};

/// What remembered posters may hold together, in bytes: some two hundred posters.
const MAX_REMEMBERED_BYTES: usize = 8 << 20;

/// Draws posters by their descriptions.
#[derive(Debug)]
pub(in crate::content) struct Posters {
    painter: Painter,
    /// The latest first.
    remembered: Mutex<VecDeque<(ImageName, Bytes)>>,
}

impl Posters {
    /// Parses the font.
    pub(in crate::content) fn new() -> Result<Self, WriterConfigError> {
        Ok(Self { painter: Painter::new()?, remembered: Mutex::default() })
    }

    /// A poster that was drawn lately.
    pub(in crate::content) fn remembered(&self, name: &ImageName) -> Option<Bytes> {
        let remembered = self.lock();
        remembered.iter().find(|(known, _)| known == name).map(|(_, png)| png.clone())
    }

    /// The poster of this description as PNG; `None` where it describes none. Takes the processor for some tens of
    /// milliseconds.
    ///
    /// # Errors
    /// When it cannot be drawn, which is a fault of this program.
    pub(in crate::content) fn draw(&self, name: &ImageName, description: &[u8]) -> io::Result<Option<Bytes>> {
        let Some(order) = Order::read(description) else { return Ok(None) };
        let png = Bytes::from(self.painter.paint(&order).map_err(io::Error::other)?);
        let mut remembered = self.lock();
        remembered.push_front((name.clone(), png.clone()));
        let mut n_bytes = 0;
        remembered.retain(|(_, png)| {
            n_bytes += png.len();
            n_bytes <= MAX_REMEMBERED_BYTES
        });
        Ok(Some(png))
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(ImageName, Bytes)>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
