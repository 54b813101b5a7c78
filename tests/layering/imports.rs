//! The imports of a folder of sources: every `use` and every path that starts at `crate`, `super` or `self`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The modules of a crate by their paths, such as `http::routes`; the crate itself is the empty path.
pub struct Sources {
    modules: BTreeMap<String, Module>,
}

struct Module {
    /// Paths in its text, each as its segments.
    paths: Vec<Vec<String>>,
    /// What its own `use` lines bring in: the name here, and the path there.
    brought: BTreeMap<String, Vec<String>>,
}

/// One module imports from another floor.
pub struct Import {
    pub from: String,
    pub to: String,
}

impl Sources {
    pub fn read(folder: &Path) -> Self {
        let mut modules = BTreeMap::new();
        read_folder(folder, "", &mut modules);
        Self { modules }
    }

    /// The modules right below the crate.
    pub fn floors(&self) -> Vec<&str> {
        self.modules.keys().filter(|path| !path.is_empty() && !path.contains("::")).map(String::as_str).collect()
    }

    /// The imports from one floor to another. The binary and the crate's root stand above all and are left out.
    pub fn imports(&self) -> impl Iterator<Item = Import> {
        let edges = self.edges().into_iter();
        edges
            .filter(|(from, to)| floor(from) != floor(to) && !from.is_empty() && !to.is_empty() && from != "main")
            .map(|(from, to)| Import { from, to })
    }

    /// Which file imports which other, a module's own file and those of its children apart: a parent and its child may
    /// know each other.
    pub fn file_edges(&self) -> BTreeSet<(String, String)> {
        let is_family = |a: &str, b: &str| parent(a) == b || parent(b) == a;
        self.edges().into_iter().filter(|(from, to)| !is_family(from, to)).collect()
    }

    fn edges(&self) -> BTreeSet<(String, String)> {
        let mut edges = BTreeSet::new();
        for (from, module) in &self.modules {
            for path in &module.paths {
                if let Some(to) = self.resolve(from, path, 0)
                    && to != *from
                {
                    edges.insert((from.clone(), to));
                }
            }
        }
        edges
    }

    /// The module in whose file the thing at `path`, seen from `from`, is defined.
    fn resolve(&self, from: &str, path: &[String], depth: usize) -> Option<String> {
        let (first, mut rest) = path.split_first()?;
        let mut module = match first.as_str() {
            "crate" => String::new(),
            "self" => from.to_owned(),
            "super" => parent(from).to_owned(),
            // A child, or what is brought in here.
            _ => {
                rest = path;
                from.to_owned()
            }
        };
        while let Some((segment, further)) = rest.split_first() {
            let child = join(&module, segment);
            if segment == "super" {
                module = parent(&module).to_owned();
            } else if self.modules.contains_key(&child) {
                module = child;
            } else {
                // Not a module: what the module's own file defines, or what it hands on from elsewhere.
                let brought = self.modules.get(&module)?.brought.get(segment);
                return match brought {
                    Some(path) if depth < 8 => self.resolve(&module, path, depth + 1),
                    _ => Some(module),
                };
            }
            rest = further;
        }
        Some(module)
    }
}

fn read_folder(folder: &Path, module: &str, modules: &mut BTreeMap<String, Module>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if name != "tests" {
                read_folder(&path, &join(module, &name), modules);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") && !name.ends_with("tests") {
            let at = if matches!(name.as_str(), "mod" | "lib") { module.to_owned() } else { join(module, &name) };
            modules.insert(at, Module::read(&std::fs::read_to_string(&path).unwrap()));
        }
    }
}

impl Module {
    fn read(text: &str) -> Self {
        let tokens = without_tests(&tokens(text));
        let mut module = Self { paths: Vec::new(), brought: BTreeMap::new() };
        let mut at = 0;
        while at < tokens.len() {
            if tokens[at] == "use" {
                at += 1;
                module.read_tree(&tokens, &mut at, &mut Vec::new());
            } else if matches!(tokens[at].as_str(), "crate" | "super") && tokens.get(at + 1).is_some_and(|t| t == "::")
            {
                let mut path = vec![tokens[at].clone()];
                while tokens.get(at + 1).is_some_and(|t| t == "::") && tokens.get(at + 2).is_some_and(|t| is_word(t)) {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                module.paths.push(path);
            }
            at += 1;
        }
        module
    }

    /// One branch of a `use`, which starts at `at` and ends before its `,`, `}` or `;`.
    fn read_tree(&mut self, tokens: &[String], at: &mut usize, stem: &mut Vec<String>) {
        let length = stem.len();
        while let Some(token) = tokens.get(*at) {
            match token.as_str() {
                "::" => *at += 1,
                "{" => {
                    *at += 1;
                    while tokens.get(*at).is_some_and(|token| token != "}") {
                        self.read_tree(tokens, at, stem);
                        if tokens.get(*at).is_some_and(|token| token == ",") {
                            *at += 1;
                        }
                    }
                    *at += 1;
                    stem.truncate(length);
                    return;
                }
                "as" => {
                    self.bring(tokens.get(*at + 1).unwrap(), stem);
                    *at += 2;
                    stem.truncate(length);
                    return;
                }
                word if is_word(word) || word == "*" => {
                    stem.push(word.to_owned());
                    *at += 1;
                }
                _ => break,
            }
        }
        if stem.last().is_some_and(|last| last == "self") && stem.len() > 1 {
            stem.pop();
        }
        if let Some(last) = stem.last().cloned() {
            self.bring(&last, stem);
        }
        stem.truncate(length);
    }

    fn bring(&mut self, name: &str, path: &[String]) {
        // What another crate brings is of no interest, but for the name: it hides nothing of ours.
        self.brought.insert(name.to_owned(), path.to_vec());
        if path.first().is_some_and(|first| matches!(first.as_str(), "crate" | "super" | "self")) {
            self.paths.push(path.to_vec());
        }
    }
}

/// Words, `::` and single marks; comments, texts and characters are left out.
fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let rest = |n: usize| chars.get(at + n).copied().unwrap_or('\0');
        match chars[at] {
            '/' if rest(1) == '/' => at = position(&chars, at, |c, _| c == '\n'),
            '/' if rest(1) == '*' => at = position(&chars, at + 2, |c, next| c == '*' && next == '/') + 2,
            'r' if rest(1) == '"' || rest(1) == '#' && matches!(rest(2), '"' | '#') => at = end_of_raw(&chars, at),
            '"' => at = end_of_text(&chars, at),
            '\'' if rest(1) == '\\' => at = position(&chars, at + 3, |c, _| c == '\'') + 1,
            '\'' if rest(2) == '\'' => at += 3,
            ':' if rest(1) == ':' => {
                tokens.push("::".to_owned());
                at += 2;
            }
            c if c.is_alphanumeric() || c == '_' => {
                let end = position(&chars, at, |c, _| !(c.is_alphanumeric() || c == '_'));
                tokens.push(chars[at..end].iter().collect());
                at = end;
            }
            c => {
                if !c.is_whitespace() {
                    tokens.push(c.to_string());
                }
                at += 1;
            }
        }
    }
    tokens
}

fn position(chars: &[char], from: usize, is_it: impl Fn(char, char) -> bool) -> usize {
    let next = |at: usize| chars.get(at + 1).copied().unwrap_or('\0');
    (from..chars.len()).find(|&at| is_it(chars[at], next(at))).unwrap_or(chars.len())
}

fn end_of_text(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn end_of_raw(chars: &[char], start: usize) -> usize {
    let quote = position(chars, start, |c, _| c == '"');
    let hashes = quote - start - 1;
    let is_end = |at: usize| chars[at] == '"' && (1..=hashes).all(|n| chars.get(at + n) == Some(&'#'));
    (quote + 1..chars.len()).find(|&at| is_end(at)).unwrap_or(chars.len()) + hashes + 1
}

/// What is compiled for tests or for the fuzzer alone is left out: the item after such an attribute, to its end.
fn without_tests(tokens: &[String]) -> Vec<String> {
    let mut left = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_cfg = tokens[at] == "#" && tokens.get(at + 2).is_some_and(|token| token == "cfg");
        let end = if is_cfg { (at..tokens.len()).find(|&i| tokens[i] == "]").unwrap_or(at) } else { at };
        if is_cfg && tokens[at..end].iter().any(|token| token == "test" || token == "fuzzing") {
            let opening = (end..tokens.len()).find(|&i| matches!(tokens[i].as_str(), "{" | ";")).unwrap_or(end);
            at = if tokens.get(opening).is_some_and(|token| token == "{") { closing(tokens, opening) } else { opening };
        } else {
            left.push(tokens[at].clone());
        }
        at += 1;
    }
    left
}

fn closing(tokens: &[String], opening: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(opening) {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") }
}

fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

pub fn floor(module: &str) -> &str {
    module.split_once("::").map_or(module, |(floor, _)| floor)
}
