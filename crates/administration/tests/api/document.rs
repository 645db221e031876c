//! The document says what the code does.

const DOCUMENT: &str = include_str!("../../../../docs/administration-api.md");

#[test]
fn every_endpoint_is_in_the_document_with_its_rights_and_none_besides() {
    let rows = DOCUMENT.lines().filter_map(|line| {
        let row = line.strip_prefix("| `")?;
        let (endpoint, rest) = row.split_once("` | ")?;
        let (method, path) = endpoint.split_once(' ')?;
        let rights = rest.split(" |").next()?;
        path.starts_with('/')
            .then(|| format!("{method} {path} {rights}"))
    });
    let mut written: Vec<String> = rows.collect();
    let mut real: Vec<String> = administration::endpoints()
        .map(|(method, path, rights)| format!("{} {path} {rights}", method.as_str()))
        .collect();
    written.sort();
    real.sort();
    assert_eq!(written, real);
}

#[test]
fn every_code_is_in_the_document() {
    let source = include_str!("../../src/refused.rs");
    let codes = source.lines().filter_map(|line| {
        let (_, rest) = line.split_once("=> (\"")?;
        let (code, _) = rest.split_once('"')?;
        Some(code)
    });
    let codes: Vec<&str> = codes.chain(["failed", "unavailable"]).collect();
    assert!(codes.len() > 25);
    for code in codes {
        assert!(DOCUMENT.contains(&format!("`{code}`")), "{code}");
    }
}
