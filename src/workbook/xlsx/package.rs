//! What a workbook's package consists of: which part is which sheet, where the shared strings and the styles are.
//!
//! Parts are found by the relationships, whatever their names; names are compared without case, and a `\` is a `/`, as
//! some programs for Windows write it. A sheet whose part is not there, or whose state or kind nobody knows, is one
//! sheet that cannot be read, and no reason to refuse the others (as calamine 0.38 does).

use std::io::{BufReader, Read, Seek};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use rustc_hash::FxHashMap;
use zip::ZipArchive;

use crate::workbook::WorkbookError;
use crate::workbook::sheets::{SheetInfo, SheetKind};

/// The relationships of the package itself.
const ROOT_RELATIONSHIPS: &str = "_rels/.rels";
/// Where the workbook is where no relationship says so.
const USUAL_WORKBOOK: &str = "xl/workbook.xml";

/// What a workbook consists of; parts are positions in the archive.
#[derive(Debug, Default)]
pub(super) struct Package {
    pub sheets: Vec<SheetInfo>,
    /// The part of each of `sheets`.
    pub parts: Vec<Option<usize>>,
    pub strings: Option<usize>,
    pub styles: Option<usize>,
    pub is_1904: bool,
    /// Whether every formula is to be calculated once the workbook is opened: until then a result of 0 is none.
    pub recalculates: bool,
    names: Names,
    /// The names of `parts`.
    part_names: Vec<String>,
}

/// The parts of an archive by their names in lower case.
#[derive(Debug, Default)]
struct Names(FxHashMap<String, usize>);

struct Relationship {
    id: String,
    /// The last word of its type, such as `worksheet`.
    kind: String,
    target: String,
}

impl Package {
    /// # Errors
    /// [`WorkbookError::Damaged`] where there is no workbook, or its list of sheets cannot be read.
    pub(super) fn read<R: Read + Seek>(archive: &mut ZipArchive<R>) -> Result<Self, WorkbookError> {
        let mut package = Self { names: Names::of(archive), ..Self::default() };
        let root = package.relationships(archive, ROOT_RELATIONSHIPS);
        let named = root.iter().filter(|known| known.kind == "officeDocument");
        let workbook = named
            .filter_map(|known| package.names.resolve("", &known.target))
            .chain(package.names.find(USUAL_WORKBOOK))
            .next()
            .ok_or_else(|| WorkbookError::damaged("the package has no workbook"))?;
        let name = package.names.name_of(workbook);
        let folder = folder(&name).to_owned();
        let relationships = package.relationships(archive, &relationships_of(&name));
        package.add_sheets(archive, workbook, &folder, &relationships)?;
        let part = |kind: &str, usual: &str| {
            let named = relationships.iter().find(|known| known.kind == kind);
            let named = named.and_then(|known| package.names.resolve(&folder, &known.target));
            named.or_else(|| package.names.find(&format!("{folder}{usual}")))
        };
        (package.strings, package.styles) = (part("sharedStrings", "sharedstrings.xml"), part("styles", "styles.xml"));
        Ok(package)
    }

    /// Whether a pivot table is on a sheet.
    pub(super) fn has_pivot_table<R: Read + Seek>(&self, archive: &mut ZipArchive<R>, sheet: usize) -> bool {
        let Some(name) = self.part_names.get(sheet) else { return false };
        self.relationships(archive, &relationships_of(name)).iter().any(|known| known.kind == "pivotTable")
    }

    /// Reads the workbook's own part.
    fn add_sheets<R: Read + Seek>(
        &mut self,
        archive: &mut ZipArchive<R>,
        workbook: usize,
        folder: &str,
        relationships: &[Relationship],
    ) -> Result<(), WorkbookError> {
        let part = archive.by_index(workbook).map_err(WorkbookError::damaged)?;
        let mut sheets = Vec::new();
        each_tag(part, |tag| match tag.local_name().as_ref() {
            "sheet" => sheets.push([attribute(tag, "name"), attribute(tag, "state"), attribute(tag, "id")]),
            // One in an `extLst` has the same name, and no such attribute.
            "workbookPr" => self.is_1904 |= attribute(tag, "date1904").is_some_and(|value| is_true(&value)),
            "calcPr" => self.recalculates |= attribute(tag, "fullCalcOnLoad").is_some_and(|value| is_true(&value)),
            _ => {}
        })
        .map_err(WorkbookError::damaged)?;
        if sheets.is_empty() {
            return Err(WorkbookError::damaged("the workbook lists no sheet"));
        }
        for (number, [name, state, id]) in (1..).zip(sheets) {
            let relationship = relationships.iter().find(|known| Some(&known.id) == id.as_ref());
            let has_cells = relationship.is_none_or(|known| known.kind == "worksheet");
            let named = relationship.and_then(|known| self.names.resolve(folder, &known.target));
            let part = named.or_else(|| self.names.find(&format!("{folder}worksheets/sheet{number}.xml")));
            let kind = match state.as_deref() {
                _ if !has_cells => SheetKind::NoCells,
                Some("hidden" | "veryHidden") => SheetKind::Hidden,
                _ => SheetKind::Visible,
            };
            self.sheets.push(SheetInfo { name: name.unwrap_or_default(), kind });
            self.part_names.push(part.map(|part| self.names.name_of(part)).unwrap_or_default());
            self.parts.push(part);
        }
        Ok(())
    }

    /// The relationships that a part lists; none where it cannot be read.
    fn relationships<R: Read + Seek>(&self, archive: &mut ZipArchive<R>, name: &str) -> Vec<Relationship> {
        let mut found = Vec::new();
        let Some(part) = self.names.find(name).and_then(|part| archive.by_index(part).ok()) else { return found };
        // What was read up to a fault is as good as there is.
        let _ = each_tag(part, |tag| {
            let parts = (attribute(tag, "Id"), attribute(tag, "Type"), attribute(tag, "Target"));
            if let ("Relationship", (Some(id), Some(kind), Some(target))) = (tag.local_name().as_ref(), parts) {
                let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                found.push(Relationship { id, kind, target });
            }
        });
        found
    }
}

impl Names {
    fn of<R: Read + Seek>(archive: &ZipArchive<R>) -> Self {
        let name = |index| Some((plain_path(archive.name_for_index(index)?.ok()?.as_ref()), index));
        Self((0..archive.len()).filter_map(name).collect())
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.0.get(&plain_path(name)).copied()
    }

    /// The name of a part in lower case.
    fn name_of(&self, part: usize) -> String {
        self.0.iter().find(|&(_, &known)| known == part).map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// The part that a target names which a part in `folder` gives. Some programs mix up paths from the root and paths
    /// from the folder: where the one finds nothing, the other is tried.
    fn resolve(&self, folder: &str, target: &str) -> Option<usize> {
        let from_folder = format!("{folder}{target}");
        let is_from_root = target.starts_with(['/', '\\']);
        let ways = if is_from_root { [target, &from_folder] } else { [&from_folder, target] };
        ways.into_iter().find_map(|way| self.find(way))
    }
}

/// A path from the root in lower case, without `.`, `..` and `\`.
fn plain_path(path: &str) -> String {
    let path = path.to_lowercase();
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split(['/', '\\']) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    segments.join("/")
}

/// The folder of a part, with the `/` behind it.
fn folder(name: &str) -> &str {
    name.rfind('/').and_then(|at| name.get(..=at)).unwrap_or_default()
}

/// The name of the part that holds a part's relationships.
fn relationships_of(name: &str) -> String {
    let folder = folder(name);
    format!("{folder}_rels/{}.rels", name.get(folder.len()..).unwrap_or_default())
}

fn is_true(value: &str) -> bool {
    matches!(value, "1" | "true" | "on")
}

/// Shows each start tag of a part.
fn each_tag(part: impl Read, mut each: impl FnMut(&BytesStart<'_>)) -> Result<(), quick_xml::Error> {
    let mut reader = Reader::from_reader(BufReader::new(super::canonical::decoded(part)));
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer)? {
            Event::Start(tag) | Event::Empty(tag) => each(&tag),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

/// The attribute of this name, in whatever namespace.
fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = tag.attributes();
    let found = attributes.with_checks(false).flatten().find(|known| known.key.local_name().as_ref() == name)?;
    found.normalized_value(XmlVersion::Implicit1_0).ok().map(|value| value.into_owned())
}
