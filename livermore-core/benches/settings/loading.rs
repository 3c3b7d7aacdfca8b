//! G and H: text to typed and validated settings, against serde_json straight into the same type.

use std::hint::black_box;

use livermore_core::settings::{Document, Settings, Status, UserSettings, load, load_text};
use serde_json::Value;

use crate::{
    desk::{self, Desk},
    documents,
    table::{Plan, Section},
};

const FLOOR: &str = "serde_json: text to the type";

pub(crate) fn user_settings(plan: &Plan) -> usize {
    let (current, old) = (documents::current(), documents::version_1());
    texts::<UserSettings>(plan, "G. UserSettings", &current, &old)
}

pub(crate) fn desk(plan: &Plan) -> usize {
    let (current, old) = (desk::version_4(), desk::version_1());
    texts::<Desk>(plan, "H. A type with three migration steps", &current, &old)
}

fn texts<S: Settings>(plan: &Plan, title: &str, current: &str, old: &str) -> usize {
    let (new, old) = (current.as_bytes(), old.as_bytes());
    let steps = S::migrations().steps().len();
    let from_old = load_text::<S>(old).expect("old settings that can be read");
    assert_eq!((from_old.status, from_old.applied.len()), (Status::Migrated, steps), "not what is to be measured");
    assert_eq!(load_text::<S>(new).expect("settings that can be read").status, Status::Current);
    let document = Document::parse(new).expect("a document");
    let title = format!("{title}: {} bytes; the old document, {} bytes, {steps} steps", new.len(), old.len());
    let mut section = Section::per(title, "ns");
    section.case(FLOOR, 1, &[], || {
        black_box(serde_json::from_slice::<S>(black_box(new)).expect("settings"));
    });
    section.case("serde_json: checked as UTF-8 at once", 1, &[(FLOOR, None)], || {
        let text = std::str::from_utf8(black_box(new)).expect("UTF-8");
        black_box(serde_json::from_str::<S>(text).expect("settings"));
    });
    section.case("serde_json: text to Value", 1, &[(FLOOR, None)], || {
        black_box(serde_json::from_slice::<Value>(black_box(new)).expect("JSON"));
    });
    section.case("load_text, current", 1, &[(FLOOR, Some(1.3))], || {
        black_box(load_text::<S>(black_box(new)).expect("settings"));
    });
    section.case("load_text, old", 1, &[(FLOOR, Some(2.7))], || {
        black_box(load_text::<S>(black_box(old)).expect("old settings"));
    });
    section.case("Document::parse, current", 1, &[(FLOOR, None)], || {
        black_box(Document::parse(black_box(new)).expect("a document"));
    });
    section.case("load of a document, current", 1, &[(FLOOR, None)], || {
        black_box(load::<S>(Some(black_box(&document))).expect("settings"));
    });
    section.run(plan)
}
