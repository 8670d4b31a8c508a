//! Which layers may add what they take to what they give.

use super::validation::require;
use super::{ConfigError, NetworkConfig};

/// Whether layers that add what they take to what they give can: how many numbers an image has, no configuration says.
pub(super) fn validate_residual(network: &NetworkConfig, pretrains: bool) -> Result<(), ConfigError> {
    let mut before: Option<usize> = None;
    for placed in network.placed_layers() {
        let (layer, units) = (placed.layer, placed.layer.units);
        require(
            placed.key("residual"),
            !layer.residual || before == Some(units),
            || "false but behind a layer of as many units".into(),
            match before {
                Some(before) => format!("true for {units} units behind {before}"),
                None => "true for the first layer".to_owned(),
            },
        )?;
        // A shortcut alone would give back what such a layer takes.
        require(
            placed.key("residual"),
            !(layer.residual && pretrains),
            || "false where layers are pre-trained".into(),
            layer.residual,
        )?;
        before = Some(units);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn error(assignments: &[&str]) -> String {
        let assignments: Vec<String> = assignments.iter().map(|&word| word.to_owned()).collect();
        Config::load("dense", &assignments).and_then(|config| config.validate()).unwrap_err().to_string()
    }

    #[test]
    fn a_shortcut_needs_as_many_numbers_on_both_sides_and_a_code_of_which_nothing_is_asked() {
        let residual = |units: usize| format!("{{units={units}, activation=\"tanh\", residual=true}}");
        let layer = |units: usize| residual(units).replace("true", "false");
        let encoder = |layers: &[String]| format!("network.encoder=[{}]", layers.join(", "));
        let decoder = |layers: &[String]| format!("network.decoder=[{}]", layers.join(", "));
        let fitting = [encoder(&[layer(7), residual(7), residual(7)]), decoder(&[residual(7), layer(9), residual(9)])];
        let config = Config::load("dense", &fitting).unwrap();
        config.validate().unwrap();
        let residual_layers: Vec<bool> = config.network(7).layers().iter().map(|layer| layer.is_residual).collect();
        assert_eq!(residual_layers, [false, true, true, true, false, true, false]);
        assert!(config.additions().adds_shortcuts && !config.additions().is_none());
        let text = config.to_toml().unwrap();
        assert_eq!(text.matches("residual").count(), 4, "{text}");
        assert_eq!(Config::from_toml("config.toml", &text).unwrap(), config);
        for (assignments, told) in [
            (
                vec![encoder(&[residual(7)])],
                "encoder[0].residual must be false but behind a layer of as many units, but is true for the first layer",
            ),
            (
                vec![encoder(&[layer(7)]), decoder(&[residual(8)])],
                "decoder[0].residual must be false but behind a layer of as many units, but is true for 8 units behind 7",
            ),
            (
                vec![encoder(&[layer(7), residual(7)]), decoder(&[layer(7)]), "pretraining.epochs=1".to_owned()],
                "encoder[1].residual must be false where layers are pre-trained, but is true",
            ),
            (
                vec![encoder(&[layer(7), residual(7)]), "code.l1=0.1".to_owned()],
                "encoder[1].residual must be false where anything is asked of the code, but is true",
            ),
            (
                vec![encoder(&[layer(7), residual(7)]), "code.active=3".to_owned()],
                "encoder[1].residual must be false where anything is asked of the code, but is true",
            ),
        ] {
            let assignments: Vec<&str> = assignments.iter().map(String::as_str).collect();
            assert_eq!(error(&assignments), format!("network.{told}"));
        }
        assert!(error(&["network.encoder=[{units=1, activation=\"relu\", residual=1}]"]).contains("boolean"));
    }
}
