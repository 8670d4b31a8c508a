//! Which keys a configuration has and what kind of value each takes, as an example that leaves none out shows them.

use super::ConfigError;
use toml::{Table, Value};

/// Refuses keys that `example` lacks and values of another kind than it has.
pub fn check_table(place: &str, table: &Table, example: &Table) -> Result<(), ConfigError> {
    table.iter().try_for_each(|(key, value)| check(place, std::slice::from_ref(key), value, example))
}

/// The same for one key by its parts: two of `training.epochs`, one of the quoted `"training.epochs"`.
pub fn check(place: &str, path: &[String], value: &Value, example: &Table) -> Result<(), ConfigError> {
    match (find(example, path), value) {
        (None, _) => Err(unknown_key(place, path, value, example)),
        (Some(Value::Table(_)), Value::Table(inner)) => inner
            .iter()
            .try_for_each(|(key, value)| check(place, &[path, std::slice::from_ref(key)].concat(), value, example)),
        (Some(expected), found) if is_kind_of(expected, found) => Ok(()),
        (Some(expected), found) => Err(wrong_kind(place, path, expected, description(found))),
    }
}

/// The first key whose values differ in two tables, and these values.
pub fn first_difference(one: &Table, other: &Table) -> Option<(String, String, String)> {
    let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
    let told = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
    keys.into_iter().find_map(|key| match (one.get(key), other.get(key)) {
        (Some(Value::Table(one)), Some(Value::Table(other))) => {
            first_difference(one, other).map(|(inner, one, other)| (format!("{key}.{inner}"), one, other))
        }
        (one, other) => (one != other).then(|| (key.clone(), told(one), told(other))),
    })
}

fn find<'a>(table: &'a Table, path: &[String]) -> Option<&'a Value> {
    let (last, tables) = path.split_last()?;
    tables.iter().try_fold(table, |table, part| table.get(part)?.as_table())?.get(last)
}

fn unknown_key(place: &str, path: &[String], value: &Value, example: &Table) -> ConfigError {
    // `loss.bce` makes a table of `loss`.
    let value_above = (1..path.len())
        .filter_map(|length| path.get(..length))
        .find_map(|above| Some((above, find(example, above).filter(|expected| !expected.is_table())?)));
    if let Some((above, expected)) = value_above {
        return wrong_kind(place, above, expected, "a table".into());
    }
    let (path, value) = first_leaf(path, value);
    let known = all_keys(example)
        .into_iter()
        .filter(|(known, expected)| !expected.is_table() || (value.is_table() && known.len() == path.len()));
    let nearest = most_alike(known.map(|(known, _)| known), |known| {
        let whole = strsim::jaro_winkler(&path.join("."), &known.join("."));
        // `epochs` is near `training.epochs`.
        let last_parts = path.last().zip(known.last()).map_or(0.0, |(a, b)| strsim::jaro_winkler(a, b));
        whole.max(last_parts)
    });
    let nearest = nearest.map(|known| dotted(&known));
    ConfigError::UnknownKey { place: place.to_owned(), key: dotted(&path), nearest }
}

fn wrong_kind(place: &str, path: &[String], expected: &Value, found: String) -> ConfigError {
    ConfigError::WrongKind { place: place.to_owned(), key: dotted(path), must: kind(expected), found }
}

/// The first key at or below `path` that holds no further keys.
fn first_leaf<'a>(path: &[String], mut value: &'a Value) -> (Vec<String>, &'a Value) {
    let mut path = path.to_owned();
    while let Some((key, inner)) = value.as_table().and_then(|table| table.iter().next()) {
        path.push(key.clone());
        value = inner;
    }
    (path, value)
}

/// Every key of a table and of the tables in it.
fn all_keys(table: &Table) -> Vec<(Vec<String>, &Value)> {
    let mut keys = Vec::new();
    for (key, value) in table {
        keys.push((vec![key.clone()], value));
        let below = value.as_table().map(all_keys).unwrap_or_default();
        keys.extend(below.into_iter().map(|(path, value)| ([vec![key.clone()], path].concat(), value)));
    }
    keys
}

/// The candidate of the greatest likeness (0 to 1), if any resembles at all.
pub fn most_alike<T>(candidates: impl IntoIterator<Item = T>, likeness: impl Fn(&T) -> f64) -> Option<T> {
    let rated = candidates.into_iter().map(|candidate| (likeness(&candidate), candidate));
    let (likeness, best) = rated.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (likeness > 0.75).then_some(best)
}

/// A key as TOML writes it, with quotes around a part that needs them.
fn dotted(path: &[String]) -> String {
    let is_bare = |part: &str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-".contains(letter))
    };
    let written = |part: &String| if is_bare(part) { part.clone() } else { format!("{part:?}") };
    path.iter().map(written).collect::<Vec<_>>().join(".")
}

fn is_kind_of(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        // None of a configuration's whole numbers may be negative.
        (Value::Integer(_), Value::Integer(found)) => *found >= 0,
        _ => expected.same_type(found) || (expected.is_float() && found.is_integer()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Table(_) => "a table",
        Value::Array(_) => "a list",
        Value::String(_) => "a string",
        Value::Integer(_) => "a whole number from 0 on",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
    }
}

fn description(value: &Value) -> String {
    match value {
        Value::Table(_) | Value::Array(_) => kind(value).to_owned(),
        Value::String(text) => format!("the string {text:?}"),
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "
        loss = 'bce'
        [network]
        encoder = [1, 2]
        [optimizer]
        learning_rate = 1e-3
        epsilon = 1e-7
        [training]
        batch_size = 256
        epochs = 10
        check = true
    ";

    fn checked(text: &str) -> Result<(), ConfigError> {
        check_table("own.toml", &text.parse().unwrap(), &EXAMPLE.parse().unwrap())
    }

    #[test]
    fn known_keys_with_values_of_their_kind_pass() {
        assert_eq!(checked(EXAMPLE), Ok(()));
        assert_eq!(checked("[training]"), Ok(()));
        assert_eq!(checked("optimizer.learning_rate = 1"), Ok(()));
    }

    #[test]
    fn an_unknown_key_is_met_with_the_nearest() {
        for (text, key, nearest) in [
            ("training.epoks = 3", "training.epoks", Some("training.epochs")),
            ("batch_size = 3", "batch_size", Some("training.batch_size")),
            ("'training.epochs' = 3", "\"training.epochs\"", Some("training.epochs")),
            ("[training]\n\"epo\\nchs\" = 3", "training.\"epo\\nchs\"", Some("training.epochs")),
            ("'' = 3", "\"\"", None),
            ("xyz = 3", "xyz", None),
            ("[optimizer.epsilom]", "optimizer.epsilom", Some("optimizer.epsilon")),
            ("optimzer.epsilon = {}", "optimzer.epsilon", Some("optimizer.epsilon")),
            ("[optimzer]", "optimzer", Some("optimizer")),
            ("los = {}", "los", Some("loss")),
        ] {
            let expected = ConfigError::UnknownKey {
                place: "own.toml".to_owned(),
                key: key.to_owned(),
                nearest: nearest.map(str::to_owned),
            };
            assert_eq!(checked(text), Err(expected), "{text}");
        }
        for text in ["[optimizer.foo]", "optimzer.foo = {}"] {
            let message = checked(text).unwrap_err().to_string();
            assert!(message.contains(".foo': did you mean 'optimizer."), "{message}");
        }
    }

    #[test]
    fn a_value_of_another_kind_is_told_plainly() {
        for (text, told) in [
            ("network.encoder = { units = 3 }", "network.encoder must be a list, not a table"),
            ("network.encoder.units = 3", "network.encoder must be a list, not a table"),
            ("[[training]]", "training must be a table, not a list"),
            ("training = 1", "training must be a table, not 1"),
            ("loss = {}", "loss must be a string, not a table"),
            ("loss = ['bce']", "loss must be a string, not a list"),
            (
                "training.epochs = \"a\\nb\"",
                "training.epochs must be a whole number from 0 on, not the string \"a\\nb\"",
            ),
            ("training.epochs = 1.5", "training.epochs must be a whole number from 0 on, not 1.5"),
            ("training.epochs = -1", "training.epochs must be a whole number from 0 on, not -1"),
            ("optimizer.epsilon = true", "optimizer.epsilon must be a number, not true"),
            ("training.check = 1979-05-27", "training.check must be true or false, not 1979-05-27"),
        ] {
            assert_eq!(checked(text).unwrap_err().to_string(), format!("own.toml: {told}"));
        }
        let path = ["loss", "bce", "x"].map(str::to_owned);
        let error = check("--set", &path, &Value::Integer(3), &EXAMPLE.parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "--set: loss must be a string, not a table");
    }
}
