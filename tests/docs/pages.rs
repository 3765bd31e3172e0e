//! The pages, and the fenced blocks in them.

use std::fs;
use std::path::{Path, PathBuf};

/// A page: its path from the top of the repository, and its text.
pub(crate) struct Page {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A fenced block, as it was written.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
    /// `path:line` of its fence.
    pub(crate) place: String,
}

pub(crate) fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every page at the top of the repository and below `docs/`.
pub(crate) fn pages() -> Vec<Page> {
    let mut folders = vec![top().join("docs")];
    let mut files: Vec<PathBuf> =
        entries(top()).into_iter().filter(|path| path.is_file()).collect();
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    let markdown = files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "md"));
    let mut pages: Vec<Page> = markdown
        .map(|path| Page {
            path: path.strip_prefix(top()).unwrap().to_str().unwrap().to_owned(),
            text: fs::read_to_string(&path).unwrap(),
        })
        .collect();
    pages.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(pages.len() > 10, "the pages were not found");
    pages
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

pub(crate) fn page(path: &str) -> Page {
    let text = fs::read_to_string(top().join(path)).unwrap();
    Page { path: path.to_owned(), text }
}

/// The fenced blocks of all pages in one language.
pub(crate) fn blocks(language: &str) -> Vec<Block> {
    let all = pages();
    all.iter().flat_map(blocks_of).filter(|block| block.language == language).collect()
}

pub(crate) fn blocks_of(page: &Page) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (index, line) in page.text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                open = true;
                let (language, text) = (language.trim().to_owned(), String::new());
                blocks.push(Block {
                    language,
                    text,
                    place: format!("{}:{}", page.path, index + 1),
                });
            }
            None if open => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
    }
    assert!(!open, "{} does not close its last block", page.path);
    blocks
}

/// A page without its fenced blocks and without what stands between backticks.
pub(crate) fn prose(page: &Page) -> String {
    let mut open = false;
    let mut prose = String::new();
    for line in page.text.lines() {
        if line.starts_with("```") {
            open = !open;
        } else if !open {
            // Even pieces are outside of backticks.
            for (index, piece) in line.split('`').enumerate() {
                prose.push_str(if index % 2 == 0 { piece } else { "code" });
            }
            prose.push('\n');
        }
    }
    prose
}

/// Fails with every complaint.
pub(crate) fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn blocks_and_prose_are_told_apart() {
    let text = "a `b [c](d)` e\n```toml\nx = 1\n```\n```\ny\n```\n".to_owned();
    let page = Page { path: "p.md".to_owned(), text };
    let found = blocks_of(&page);
    let seen: Vec<_> = found.iter().map(|b| (&*b.language, &*b.text, &*b.place)).collect();
    assert_eq!(seen, [("toml", "x = 1\n", "p.md:2"), ("", "y\n", "p.md:5")]);
    assert_eq!(prose(&page), "a code e\n");
}
