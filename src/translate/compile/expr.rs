//! Expressions of `put:` and `check:`: comparison, arithmetic and a closed set of functions.

use super::Compiling;
use super::body::At;
use super::scope::Scope;
use super::text::{did_you_mean, literal};
use crate::translate::plan::{Expr, Object, Step, Value};
use crate::yaml::Mark;

/// The functions, for hints.
const FUNCTIONS: &[&str] = &["now", "msgid", "index", "date", "age", "round", "lookup"];

/// Deepest nesting of an expression.
const MAX_DEPTH: usize = 32;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token<'t> {
    Open,
    Close,
    Comma,
    Quoted(&'t str),
    Word(&'t str),
}

struct Tokens<'t> {
    all: Vec<Token<'t>>,
    at: usize,
    mark: Mark,
    depth: usize,
}

impl<'t> Tokens<'t> {
    fn peek(&self) -> Option<Token<'t>> {
        self.all.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Token<'t>> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(Token::Word(word));
        self.at += usize::from(found);
        found
    }

    fn one_of(&mut self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|word| self.take(word))
    }
}

impl Compiling<'_> {
    /// An expression of `put:` or `check:`.
    pub(super) fn expr(&mut self, text: &str, mark: Mark, scope: &Scope) -> Option<Expr> {
        let mut tokens = Tokens { all: cut(text), at: 0, mark, depth: 0 };
        let expr = self.implies(&mut tokens, scope)?;
        match tokens.peek() {
            None => Some(expr),
            Some(token) => {
                let rest = shown(token);
                let what = format!("the expression ends before '{rest}'");
                let hint = "operators stand between blanks: a + b, a <= b, a implies b";
                self.report.error_hint("M000", self.report.within(mark, rest), what, hint);
                None
            }
        }
    }

    fn implies(&mut self, tokens: &mut Tokens<'_>, scope: &Scope) -> Option<Expr> {
        tokens.depth += 1;
        if tokens.depth > MAX_DEPTH {
            self.report.error("M000", tokens.mark, "the expression is nested too deeply");
            return None;
        }
        let mut left = self.logic(tokens, scope, "or")?;
        if tokens.take("implies") {
            let right = self.implies(tokens, scope)?;
            left = Expr::Logic("implies", Box::new(left), Box::new(right));
        }
        tokens.depth -= 1;
        Some(left)
    }

    fn logic(&mut self, tokens: &mut Tokens<'_>, scope: &Scope, op: &'static str) -> Option<Expr> {
        let inner = |this: &mut Self, tokens: &mut Tokens<'_>| match op {
            "or" => this.logic(tokens, scope, "and"),
            _ => this.negation(tokens, scope),
        };
        let mut left = inner(self, tokens)?;
        while tokens.take(op) {
            let right = inner(self, tokens)?;
            left = Expr::Logic(op, Box::new(left), Box::new(right));
        }
        Some(left)
    }

    fn negation(&mut self, tokens: &mut Tokens<'_>, scope: &Scope) -> Option<Expr> {
        if tokens.take("not") {
            tokens.depth += 1;
            if tokens.depth > MAX_DEPTH {
                self.report.error("M000", tokens.mark, "the expression is nested too deeply");
                return None;
            }
            let inner = self.negation(tokens, scope)?;
            tokens.depth -= 1;
            return Some(Expr::Not(Box::new(inner)));
        }
        self.comparison(tokens, scope)
    }

    fn comparison(&mut self, tokens: &mut Tokens<'_>, scope: &Scope) -> Option<Expr> {
        let left = self.else_expr(tokens, scope)?;
        if tokens.take("present") {
            return Some(Expr::Present(Box::new(left)));
        }
        let negated = tokens.peek() == Some(Token::Word("not"))
            && tokens.all.get(tokens.at + 1) == Some(&Token::Word("in"));
        tokens.at += usize::from(negated);
        if tokens.take("in") {
            return Some(Expr::In(Box::new(left), self.values_of(tokens)?, negated));
        }
        let Some(op) = tokens.one_of(&["=", "!=", "<", "<=", ">", ">="]) else {
            return Some(left);
        };
        let right = match tokens.peek() {
            Some(Token::Word(word)) if self.is_plain_text(word, tokens, scope) => {
                tokens.at += 1;
                Expr::Text(word.to_owned())
            }
            _ => self.else_expr(tokens, scope)?,
        };
        Some(Expr::Compare(op, Box::new(left), Box::new(right)))
    }

    /// Whether a word after a comparison is a text: no number, call, path or slot.
    fn is_plain_text(&self, word: &str, tokens: &Tokens<'_>, scope: &Scope) -> bool {
        let called = tokens.all.get(tokens.at + 1) == Some(&Token::Open);
        !called
            && !is_number(word)
            && self.alias_path(word).is_none()
            && !self.looks_like_slot(word, scope)
    }

    fn values_of(&mut self, tokens: &mut Tokens<'_>) -> Option<Vec<String>> {
        let mut values = Vec::new();
        if tokens.next() == Some(Token::Open) {
            loop {
                match tokens.next() {
                    Some(Token::Word(word)) => values.push(word.to_owned()),
                    Some(Token::Quoted(word)) => values.push(word.to_owned()),
                    Some(Token::Comma) => {}
                    Some(Token::Close) if !values.is_empty() => return Some(values),
                    _ => break,
                }
            }
        }
        self.report.error_hint("M000", tokens.mark, "`in` needs values", "write x in (a, b)");
        None
    }

    fn else_expr(&mut self, tokens: &mut Tokens<'_>, scope: &Scope) -> Option<Expr> {
        let left = self.sum(tokens, scope)?;
        if tokens.take("else") {
            let right = self.else_expr(tokens, scope)?;
            return Some(Expr::Else(Box::new(left), Box::new(right)));
        }
        Some(left)
    }

    fn sum(&mut self, tokens: &mut Tokens<'_>, scope: &Scope) -> Option<Expr> {
        let mut left = self.product(tokens, scope)?;
        while let Some(op) = tokens.one_of(&["+", "-"]) {
            let right = self.product(tokens, scope)?;
            left = math(op, left, right);
        }
        Some(left)
    }

    fn product(&mut self, tokens: &mut Tokens<'_>, scope: &Scope) -> Option<Expr> {
        let mut left = self.power(tokens, scope)?;
        while let Some(op) = tokens.one_of(&["*", "/"]) {
            let right = self.power(tokens, scope)?;
            left = math(op, left, right);
        }
        Some(left)
    }

    fn power(&mut self, tokens: &mut Tokens<'_>, scope: &Scope) -> Option<Expr> {
        let left = self.operand_expr(tokens, scope)?;
        if tokens.take("^") {
            let right = self.operand_expr(tokens, scope)?;
            return Some(math("^", left, right));
        }
        Some(left)
    }

    fn operand_expr(&mut self, tokens: &mut Tokens<'_>, scope: &Scope) -> Option<Expr> {
        match tokens.next() {
            Some(Token::Open) => {
                let inner = self.implies(tokens, scope)?;
                self.close(tokens)?;
                Some(inner)
            }
            Some(Token::Quoted(text)) => Some(Expr::Text(text.to_owned())),
            Some(Token::Word(word)) if tokens.peek() == Some(Token::Open) => {
                tokens.at += 1;
                self.function(word, tokens, scope)
            }
            Some(Token::Word(word)) if is_number(word) => Some(Expr::Number(word.to_owned())),
            Some(Token::Word(word)) => self.name(word, tokens.mark, scope),
            Some(token) => {
                let what = format!("a value was expected at '{}'", shown(token));
                self.report.error("M000", self.report.within(tokens.mark, shown(token)), what);
                None
            }
            None => {
                self.report.error("M000", tokens.mark, "the expression lacks a value at its end");
                None
            }
        }
    }

    fn close(&mut self, tokens: &mut Tokens<'_>) -> Option<()> {
        if tokens.next() == Some(Token::Close) {
            return Some(());
        }
        self.report.error("M000", tokens.mark, "a ')' is missing");
        None
    }

    fn function(&mut self, name: &str, tokens: &mut Tokens<'_>, scope: &Scope) -> Option<Expr> {
        let expr = match name {
            "now" => Expr::Now,
            "msgid" => Expr::MessageId,
            "index" => Expr::Index,
            "date" => Expr::Date(Box::new(self.implies(tokens, scope)?)),
            "age" => {
                let birth = Box::new(self.implies(tokens, scope)?);
                self.comma(name, tokens)?;
                let at = Box::new(self.implies(tokens, scope)?);
                self.comma(name, tokens)?;
                match tokens.next() {
                    Some(Token::Word(unit @ ("years" | "months" | "days"))) => {
                        Expr::Age(birth, at, unit.to_owned())
                    }
                    _ => return self.bad_call(name, tokens.mark),
                }
            }
            "round" => {
                let inner = Box::new(self.implies(tokens, scope)?);
                self.comma(name, tokens)?;
                match tokens.next() {
                    Some(Token::Word(digits)) if digits.parse::<u32>().is_ok_and(|n| n <= 12) => {
                        Expr::Round(inner, digits.parse().unwrap_or(0))
                    }
                    _ => return self.bad_call(name, tokens.mark),
                }
            }
            "lookup" => {
                let Some(Token::Word(table)) = tokens.next() else {
                    return self.bad_call(name, tokens.mark);
                };
                let table = self.table_named(table, tokens.mark)?;
                self.comma(name, tokens)?;
                Expr::Lookup(table, Box::new(self.implies(tokens, scope)?))
            }
            _ => {
                let hint = did_you_mean(name, FUNCTIONS.iter().copied())
                    .unwrap_or_else(|| format!("the functions are: {}", FUNCTIONS.join(", ")));
                let what = format!("there is no function '{name}'");
                self.report.error_hint("M000", self.report.within(tokens.mark, name), what, hint);
                return None;
            }
        };
        self.close(tokens)?;
        Some(expr)
    }

    fn comma(&mut self, name: &str, tokens: &mut Tokens<'_>) -> Option<()> {
        if tokens.next() == Some(Token::Comma) {
            return Some(());
        }
        self.bad_call(name, tokens.mark);
        None
    }

    fn bad_call(&mut self, name: &str, mark: Mark) -> Option<Expr> {
        let hint = "write age(BIRTH, AT, years), round(x, DIGITS), lookup(TABLE, x), date(x)";
        let what = format!("'{name}' has other arguments");
        self.report.error_hint("M000", self.report.within(mark, name), what, hint);
        None
    }

    /// `alias.path`, a field of the model or a slot.
    fn name(&mut self, word: &str, mark: Mark, scope: &Scope) -> Option<Expr> {
        if let Some((rule, path)) = self.alias_path(word) {
            let steps = self.steps(rule, path, word, mark)?;
            return Some(Expr::Path(rule, steps));
        }
        let draft = self.operand(word, mark, scope)?;
        if draft.codecs.is_empty() {
            return Some(Expr::Slot(draft.input, word.to_owned()));
        }
        Some(Expr::Leaf(Box::new(self.text_leaf(word, mark, scope)?)))
    }

    /// `alias.path` → the rule and the path.
    pub(super) fn alias_path<'w>(&self, word: &'w str) -> Option<(usize, &'w str)> {
        let (alias, path) = word.split_once('.')?;
        Some((*self.aliases.get(alias)?, path))
    }

    /// A path on the FHIR side, checked against the definitions; `[tag]` is the item with the
    /// constants of that item rule.
    pub(super) fn steps(
        &mut self,
        rule: usize,
        path: &str,
        shown: &str,
        mark: Mark,
    ) -> Option<Vec<Step>> {
        let mark = self.report.within(mark, shown);
        let parsed = self.fhir_path(path, mark)?;
        let mut steps = Vec::new();
        let mut at = At::resource(&self.rules[rule].kind);
        let mut object: Option<Object> = Some(self.rules[rule].body.clone());
        for step in parsed {
            let (list, inner) = self.element(&step.name, mark, &at)?;
            at = inner;
            steps.push(Step::Key(step.name.clone()));
            let field = object.as_ref().and_then(|o| o.fields.iter().find(|f| f.name == step.name));
            let mut value = field.map(|f| f.value.clone());
            if list {
                let tag = step.tag.clone().unwrap_or_default();
                let item = match &value {
                    Some(Value::List(items)) => items.iter().find(|item| item.tag == tag).cloned(),
                    _ => None,
                };
                let marks = item.as_ref().map(|i| i.marks.clone()).unwrap_or_default();
                steps.push(match tag.parse() {
                    Ok(number) => Step::At(number),
                    Err(_) if !marks.is_empty() => Step::Marked(marks),
                    Err(_) if tag.is_empty() || item.is_some() => Step::At(0),
                    Err(_) => {
                        let what = format!("there is no {}[{tag}]", step.name);
                        self.report.error("M001", self.report.within(mark, &tag), what);
                        return None;
                    }
                });
                value = item.map(|i| i.value);
            }
            object = match value {
                Some(Value::Object(object)) => Some(object),
                _ => None,
            };
        }
        Some(steps)
    }
}

fn math(op: &str, left: Expr, right: Expr) -> Expr {
    Expr::Math(op.chars().next().unwrap_or('+'), Box::new(left), Box::new(right))
}

fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix('-').unwrap_or(word);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && digits.bytes().filter(|b| *b == b'.').count() <= 1
}

fn shown(token: Token<'_>) -> &str {
    match token {
        Token::Open => "(",
        Token::Close => ")",
        Token::Comma => ",",
        Token::Quoted(text) | Token::Word(text) => text,
    }
}

/// Words between blanks; parentheses and commas outside of `[…]` stand alone.
fn cut(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, used) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '"' | '\'' => {
                let end = rest[1..].find(first).map_or(rest.len(), |n| n + 2);
                (Token::Quoted(literal(&rest[..end])), end)
            }
            _ => {
                let end = word_end(rest);
                (Token::Word(&rest[..end]), end)
            }
        };
        tokens.push(token);
        rest = rest[used..].trim_start();
    }
    tokens
}

fn word_end(text: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            c if depth == 0 && (c.is_whitespace() || matches!(c, '(' | ')' | ',')) => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{Token, cut, is_number};

    #[test]
    fn words_keep_their_brackets_and_dots() {
        use Token::{Close, Comma, Open, Word};
        assert_eq!(
            cut("round(w.value / (h[0, a] ^ 2), 1)"),
            [
                Word("round"),
                Open,
                Word("w.value"),
                Word("/"),
                Open,
                Word("h[0, a]"),
                Word("^"),
                Word("2"),
                Close,
                Comma,
                Word("1"),
                Close
            ]
        );
        assert!(is_number("14") && is_number("-0.5") && !is_number("1.2.3") && !is_number("PID-3"));
    }
}
