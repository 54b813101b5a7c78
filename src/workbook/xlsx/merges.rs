//! The merged cells that a sheet lists behind its rows.

use std::io::Read;

use memchr::memchr;
use memchr::memmem::Finder;

use super::reference::whole_reference;
use super::window::Window;
use crate::workbook::merge::Merge;

/// How each of them begins, with or without a prefix before it.
const TAG: &[u8] = b"mergeCell ";

/// Shows each of the merged cells in what is left of a part. A fault ends the list: the rows are read already.
pub(super) fn each_merge<R: Read>(window: &mut Window<R>, mut each: impl FnMut(Merge)) {
    let tag = Finder::new(TAG);
    loop {
        let mut rest = window.bytes();
        let is_cut = loop {
            let Some(at) = tag.find(rest) else { break false };
            rest = rest.get(at..).unwrap_or_default();
            let Some(end) = memchr(b'>', rest) else { break true };
            let (attributes, behind) = rest.split_at_checked(end).unwrap_or_default();
            rest = behind;
            if let Some(merge) = merge(attributes) {
                each(merge);
            }
        };
        let left = if is_cut { rest.len() } else { rest.len().min(TAG.len() - 1) };
        window.take_up_to(left);
        if !window.fetch() {
            return;
        }
    }
}

/// The cells that a tag names.
fn merge(tag: &[u8]) -> Option<Merge> {
    let value = [b"ref=\"".as_slice(), b"ref='"].into_iter().find_map(|name| {
        let at = memchr::memmem::find(tag, name)? + name.len();
        tag.get(at..)
    })?;
    let value = value.split(|b| matches!(b, b'"' | b'\'')).next()?;
    let mut corners = value.split(|&b| b == b':').map(whole_reference);
    let (first, last) = (corners.next()?.ok()?, corners.next()?.ok()?);
    Some(Merge::between(first, last))
}
