//! `--set key=value` on a scenario's table.

use splitsim_display::did_you_mean;
use toml::{Table, Value};

use super::{ScenarioError, include};

/// Sets a dotted key. A policy is reached by its name: `policies.gate.threshold=0.9`.
///
/// The value is TOML; what is not (`model=tiny-scenes`) is text as it stands.
pub(super) fn apply(table: &mut Table, setting: &str) -> Result<(), ScenarioError> {
    let form = |reason: String| ScenarioError::setting(setting, ScenarioError::SettingForm(reason));
    let (path, value) = setting
        .split_once('=')
        .ok_or_else(|| form("expected key=value".to_owned()))?;
    if key_is(path, include::KEY) {
        return Err(form("files are included by the file alone".to_owned()));
    }
    set(table, path, parse_value(value.trim())).map_err(form)
}

/// `true` if a dotted path is the key or lies below it.
pub(super) fn key_is(path: &str, key: &str) -> bool {
    let parts = path.split('.').map(str::trim);
    let mut rest = parts;
    key.split('.').all(|part| rest.next() == Some(part))
}

/// Keys of which a scenario has one; who sets it means it instead of the other.
pub(super) const ALTERNATIVES: [[&str; 2]; 5] = [
    ["frames", "images"],
    ["link.up.rate", "link.up.trace"],
    ["link.down.rate", "link.down.trace"],
    ["link.up.loss", "link.up.bursts"],
    ["link.down.loss", "link.down.bursts"],
];

/// Sets a dotted key to a value, in place of its alternative, or says why there is no such place.
pub(super) fn set(table: &mut Table, path: &str, value: Value) -> Result<(), String> {
    let plain: Vec<&str> = path.split('.').map(str::trim).collect();
    let plain = plain.join(".");
    for [one, other] in ALTERNATIVES {
        if plain == one {
            remove(table, other);
        } else if plain == other
            || plain
                .strip_prefix(other)
                .is_some_and(|rest| rest.starts_with('.'))
        {
            remove(table, one);
        }
    }
    set_key(table, path, value)
}

fn remove(table: &mut Table, path: &str) {
    match path.split_once('.') {
        None => drop(table.remove(path)),
        Some((key, below)) => {
            if let Some(Value::Table(inner)) = table.get_mut(key) {
                remove(inner, below);
            }
        }
    }
}

fn set_key(table: &mut Table, path: &str, value: Value) -> Result<(), String> {
    let keys: Vec<&str> = path.split('.').map(str::trim).collect();
    if keys.iter().any(|key| key.is_empty()) {
        return Err("a key is empty".to_owned());
    }
    let Some((last, above)) = keys.split_last() else {
        return Err("expected key=value".to_owned());
    };
    let mut place = Place::Table(table);
    for key in above {
        place = place.descend(key)?;
    }
    match place {
        Place::Table(table) => {
            table.insert((*last).to_owned(), value);
            Ok(())
        }
        Place::Policies(_) => Err(format!("name a key of policy '{last}'")),
    }
}

/// The place in the scenario that a path has reached.
enum Place<'a> {
    Table(&'a mut Table),
    Policies(&'a mut Vec<Value>),
}

impl<'a> Place<'a> {
    /// One key further; a table that is not there is made.
    fn descend(self, key: &str) -> Result<Self, String> {
        match self {
            Self::Policies(policies) => {
                let name = |policy: &Value| {
                    policy
                        .get("name")
                        .and_then(Value::as_str)
                        .map(str::to_owned)
                };
                let names: Vec<String> = policies.iter().filter_map(name).collect();
                policies
                    .iter_mut()
                    .filter_map(Value::as_table_mut)
                    .find(|policy| policy.get("name").and_then(Value::as_str) == Some(key))
                    .map(Self::Table)
                    .ok_or_else(|| {
                        let meant = did_you_mean(key, names.iter().map(String::as_str));
                        format!("there is no policy '{key}'{meant}")
                    })
            }
            Self::Table(table) => {
                let entry = table.entry(key);
                match entry.or_insert_with(|| Value::Table(Table::new())) {
                    Value::Table(inner) => Ok(Self::Table(inner)),
                    Value::Array(policies) if key == "policies" => Ok(Self::Policies(policies)),
                    _ => Err(format!("'{key}' is a value, nothing is below it")),
                }
            }
        }
    }
}

fn parse_value(text: &str) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {text}"));
    let value = parsed.ok().and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| Value::String(text.to_owned()))
}
