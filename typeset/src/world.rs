//! All that the typesetter can see: its template, one report, and the fonts that it brought. No file, no network, no clock.

use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Dict, Duration, Value};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt as _, World};

use crate::paper::Paper;

/// One report to be set.
pub struct Desk {
    library: LazyHash<Library>,
    book: LazyHash<FontBook>,
    fonts: Vec<Font>,
    template: Source,
    report: (FileId, Bytes),
}

impl Desk {
    /// A desk with `report` on it, as JSON.
    pub fn new(fonts: Vec<Font>, report: String, paper: Paper) -> Result<Self, String> {
        let mut inputs = Dict::new();
        inputs.insert("paper".into(), Value::Str(paper.name().into()));
        Ok(Self {
            library: LazyHash::new(Library::builder().with_inputs(inputs).build()),
            book: LazyHash::new(FontBook::from_fonts(&fonts)),
            fonts,
            template: Source::new(named("template.typ")?, TEMPLATE.to_owned()),
            report: (named("report.json")?, Bytes::from_string(report)),
        })
    }
}

impl World for Desk {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &self.book
    }

    fn main(&self) -> FileId {
        self.template.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.template.id() { Ok(self.template.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        if id == self.report.0 { Ok(self.report.1.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn font(&self, index: usize) -> Option<Font> {
        self.fonts.get(index).cloned()
    }

    /// The day of a report is in it.
    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

/// The fonts that are in the program.
pub fn fonts() -> Vec<Font> {
    typst_assets::fonts().flat_map(|bytes| Font::iter(Bytes::new(bytes))).collect()
}

fn named(name: &str) -> Result<FileId, String> {
    let path = VirtualPath::new(name).map_err(|_| format!("{name} is no path"))?;
    Ok(RootedPath::new(VirtualRoot::Project, path).intern())
}

const TEMPLATE: &str = include_str!("template.typ");
