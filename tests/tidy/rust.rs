//! As much of Rust as the checks need: what is code, what is only there for tests, and which
//! words stand in it. Line numbers stay what they are in the file.

/// The same text with comments and the content of literals blanked out.
pub(crate) fn code_only(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let Some(end) = literal_end(&characters, at) else {
            code.push(character);
            at += 1;
            continue;
        };
        for skipped in &characters[at..end.min(characters.len())] {
            code.push(if *skipped == '\n' { '\n' } else { ' ' });
        }
        at = end;
    }
    code
}

/// Where the comment or literal that starts at `at` ends, if one does.
fn literal_end(characters: &[char], at: usize) -> Option<usize> {
    let next = |offset: usize| characters.get(at + offset).copied().unwrap_or('\0');
    match (next(0), next(1)) {
        ('/', '/') => {
            let length = characters[at..].iter().position(|c| *c == '\n');
            Some(length.map_or(characters.len(), |length| at + length))
        }
        ('/', '*') => Some(block_comment_end(characters, at)),
        ('"', _) => Some(string_end(characters, at)),
        ('\'', '\\') => {
            // The escaped character may be a quote itself.
            let length = characters[at + 3..].iter().position(|c| *c == '\'')?;
            Some(at + 3 + length + 1)
        }
        ('\'', _) if next(2) == '\'' => Some(at + 3),
        ('r', '"' | '#') if at == 0 || !is_in_word(characters[at - 1], characters, at) => {
            raw_string_end(characters, at)
        }
        _ => None,
    }
}

/// An `r` at the end of a word starts no raw string, unless the word is `b` or `c`.
fn is_in_word(before: char, characters: &[char], at: usize) -> bool {
    if !is_word(before) {
        return false;
    }
    let is_prefix = matches!(before, 'b' | 'c');
    !(is_prefix && (at < 2 || !is_word(characters[at - 2])))
}

fn block_comment_end(characters: &[char], start: usize) -> usize {
    let mut depth = 0;
    let mut at = start;
    while at + 1 < characters.len() {
        match (characters[at], characters[at + 1]) {
            ('/', '*') => {
                depth += 1;
                at += 2;
            }
            ('*', '/') => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    characters.len()
}

fn string_end(characters: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(character) = characters.get(at) {
        match character {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    characters.len()
}

fn raw_string_end(characters: &[char], start: usize) -> Option<usize> {
    let hashes = characters[start + 1..].iter().take_while(|c| **c == '#').count();
    let quote = start + 1 + hashes;
    if characters.get(quote) != Some(&'"') {
        return None;
    }
    let closes = |at: &usize| {
        characters[*at] == '"'
            && characters[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    let end = (quote + 1..characters.len()).find(closes)?;
    Some(end + 1 + hashes)
}

/// Code (see [`code_only`]) without the items under `#[cfg(test)]`, and the names of the files
/// that are declared so: `#[cfg(test)] mod tests;`.
pub(crate) fn without_tests(code: &str) -> (String, Vec<String>) {
    let mut rest = code.to_owned();
    let mut modules = Vec::new();
    while let Some(start) = ["#[cfg(test)]", "#[cfg(all(test,"]
        .iter()
        .filter_map(|attribute| rest.find(attribute))
        .min()
    {
        let end = start + item_length(&rest[start..]);
        let item = &rest[start..end];
        modules.extend(declared_modules(item));
        let blank: String = item.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        rest.replace_range(start..end, &blank);
    }
    (rest, modules)
}

/// The length of an item with its attributes: up to a `;` or a closing brace of its own.
fn item_length(text: &str) -> usize {
    let mut depth = 0;
    let mut in_attribute = false;
    for (at, character) in text.char_indices() {
        match character {
            '#' if depth == 0 => in_attribute = true,
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth -= 1;
                if depth == 0 && character == '}' {
                    return at + 1;
                }
                if depth == 0 && character == ']' && in_attribute {
                    in_attribute = false;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The names in `mod name;`.
pub(crate) fn declared_modules(code: &str) -> Vec<String> {
    words(code)
        .filter(|(_, word)| *word == "mod")
        .filter_map(|(at, word)| {
            let after = code[at + word.len()..].trim_start();
            let name: String = after.chars().take_while(|c| is_word(*c)).collect();
            after[name.len()..].trim_start().starts_with(';').then_some(name)
        })
        .collect()
}

/// Every word of the code with where it starts.
pub(crate) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    code.split(|c| !is_word(c)).filter_map(move |word| {
        let start = at;
        // What separates words may have several bytes.
        let after = start + word.len();
        at = after + code[after..].chars().next().map_or(0, char::len_utf8);
        (!word.is_empty()).then_some((start, word))
    })
}

pub(crate) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// The number of the line on which byte `at` stands.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = concat!(
        "a /* x /* y */ z */ b // c\n",
        "\"q \\\" q\" d 'e' '\\'' '\\u{1F600}' &'f str r\"g\" br#\"h\"i\"# \"\n\" j r#k\n",
        "bar\"l\" var'm'",
    );
    let code = code_only(text);
    assert_eq!(code.split_whitespace().collect::<String>(), "abd&'fstrbjr#kbarvar");
    assert_eq!(code.matches('\n').count(), text.matches('\n').count());
}

#[test]
fn what_is_under_cfg_test_is_taken_out() {
    let code = "use a;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\n#[path(x)]\nmod inline { use b; \
                fn f() -> [u8; 3] { {} } }\n#[cfg(all(test, unix))]\nfn g(_: [u8; 2]) {}\nuse c;";
    let (rest, modules) = without_tests(code);
    assert_eq!(rest.split_whitespace().collect::<Vec<_>>(), ["use", "a;", "use", "c;"]);
    assert_eq!(modules, ["tests"]);
    assert_eq!(line_of(&rest, rest.find('c').unwrap()), line_of(code, code.rfind('c').unwrap()));
}

#[test]
fn words_know_where_they_stand() {
    let found: Vec<_> = words("fn ä→b_1 (c)").collect();
    assert_eq!(found, [(0, "fn"), (3, "ä"), (8, "b_1"), (13, "c")]);
    assert_eq!(declared_modules("mod a; pub(crate) mod b ; mod c { } modd;"), ["a", "b"]);
}
