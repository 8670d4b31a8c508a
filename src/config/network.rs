//! Which networks a configuration may have: what can be said of them before it is known how many numbers an image has.

use super::residual::validate_residual;
use super::validation::{require, require_share};
use super::{Config, ConfigError, NetworkConfig, unlike};
use crate::model::Layer;
use crate::reference::normalization::FEWEST;
use crate::reference::{CodeSettings, Normalization};
use toml::{Table, Value};

/// The most units of a layer, far above any sense: on a 64-bit host the weights between two layers can always be counted.
/// Whether a network fits an adapter shows when it is lowered.
const MAXIMUM_UNITS: usize = 1 << 20;

/// A layer and how its keys begin, as in `network.encoder[2]`.
pub(super) struct PlacedLayer<'a> {
    pub layer: &'a Layer,
    list: &'static str,
    place: usize,
}

impl PlacedLayer<'_> {
    /// The key of one of its values.
    pub fn key(&self, name: &str) -> String {
        format!("network.{}[{}].{name}", self.list, self.place)
    }
}

/// Refuses a table that holds as a layer what is none, and names that one; the parser would name its list alone.
pub(super) fn check_layers(place: &str, table: &Table) -> Result<(), ConfigError> {
    for list in ["encoder", "decoder"] {
        let layers = table.get("network").and_then(|network| network.get(list)).and_then(Value::as_array);
        for (at, layer) in layers.into_iter().flatten().enumerate() {
            let read: Result<Layer, _> = layer.clone().try_into();
            read.map_err(|error| unlike(format!("{place}: network.{list}[{at}]"), &error))?;
        }
    }
    Ok(())
}

impl NetworkConfig {
    /// The layers of the encoder and then those of the decoder.
    pub(super) fn placed_layers(&self) -> impl Iterator<Item = PlacedLayer<'_>> {
        let lists = [("encoder", &self.encoder), ("decoder", &self.decoder)];
        lists.into_iter().flat_map(|(list, layers)| {
            layers.iter().enumerate().map(move |(place, layer)| PlacedLayer { layer, list, place })
        })
    }

    /// The layer that gives the code.
    fn code_layer(&self) -> Option<PlacedLayer<'_>> {
        let place = self.encoder.len().checked_sub(1)?;
        Some(PlacedLayer { layer: &self.encoder[place], list: "encoder", place })
    }
}

impl Config {
    /// Refuses a network that cannot be, or not with what else is asked.
    pub(super) fn validate_network(&self) -> Result<(), ConfigError> {
        let (network, pretrains) = (&self.network, self.pretraining.epochs > 0);
        require(
            "network.encoder",
            !network.encoder.is_empty(),
            || "a list of at least one layer, the last of which gives the code".into(),
            "empty",
        )?;
        network.placed_layers().try_for_each(|layer| validate_layer(&layer))?;
        validate_residual(network, pretrains)?;
        validate_decoder(network, pretrains)?;
        validate_tied(network, pretrains, self.code.is_variational())?;
        if let Some(layer) = network.code_layer() {
            validate_code_layer(&layer, &self.code)?;
        }
        let outputs: Vec<&str> = self.loss.outputs().iter().map(|output| output.name()).collect();
        require(
            "network.output_activation",
            self.loss.outputs().contains(&network.output_activation),
            || format!("{} for the loss \"{}\"", outputs.join(", "), self.loss),
            network.output_activation.name(),
        )
    }
}

/// What holds for every layer.
fn validate_layer(placed: &PlacedLayer<'_>) -> Result<(), ConfigError> {
    let Layer { units, activation: _, learning_rate_factor, dropout, normalization, residual: _ } = *placed.layer;
    let in_range = (1..=MAXIMUM_UNITS).contains(&units);
    require(placed.key("units"), in_range, || format!("between 1 and {MAXIMUM_UNITS}"), units)?;
    require(
        placed.key("learning_rate_factor"),
        learning_rate_factor >= 0.0 && (learning_rate_factor as f32).is_finite(),
        || "at least 0, and finite".into(),
        format_args!("{learning_rate_factor:?}"),
    )?;
    require_share(placed.key("dropout"), dropout)?;
    require(
        placed.key("units"),
        normalization != Normalization::Layer || units >= FEWEST,
        || format!("at least {FEWEST} with layer normalization"),
        units,
    )
}

/// A layer that is pre-trained has its mirror image in the decoder.
fn validate_decoder(network: &NetworkConfig, pretrains: bool) -> Result<(), ConfigError> {
    let widths: Vec<usize> = network.decoder.iter().map(|layer| layer.units).collect();
    let mirrored = mirrored_widths(network);
    require(
        "network.decoder",
        !pretrains || widths == mirrored,
        || format!("of layers of {mirrored:?} units, the encoder's mirror image, where layers are pre-trained"),
        format_args!("of {widths:?}"),
    )
}

fn validate_tied(network: &NetworkConfig, pretrains: bool, is_variational: bool) -> Result<(), ConfigError> {
    let widths = network.decoder.iter().map(|layer| layer.units);
    let why_not = if pretrains {
        Some("false where layers are pre-trained")
    } else if is_variational {
        Some("false for a variational code, whose layer gives two numbers for each")
    } else if !widths.eq(mirrored_widths(network)) {
        Some("false but where the decoder has the encoder's units backwards, without the code's")
    } else {
        None
    };
    match why_not {
        Some(must) => require("network.tied", !network.tied, || must.into(), network.tied),
        None => Ok(()),
    }
}

/// The units of the decoder's layers where they mirror the encoder's.
fn mirrored_widths(network: &NetworkConfig) -> Vec<usize> {
    network.encoder.iter().rev().skip(1).map(|layer| layer.units).collect()
}

/// What the layer that gives the code cannot have with what is asked of that.
fn validate_code_layer(placed: &PlacedLayer<'_>, code: &CodeSettings) -> Result<(), ConfigError> {
    let layer = placed.layer;
    require(
        placed.key("dropout"),
        layer.dropout == 0.0 || !(code.penalizes() || code.is_variational()),
        || "0 where the code is penalized or drawn".into(),
        format_args!("{:?}", layer.dropout),
    )?;
    require(
        placed.key("normalization"),
        layer.normalization.is_none() || !(code.contractive > 0.0 || code.is_variational()),
        || "\"none\" where the code is contractive or drawn".into(),
        layer.normalization.name(),
    )?;
    require(
        placed.key("residual"),
        !layer.residual || code.is_none(),
        || "false where anything is asked of the code".into(),
        layer.residual,
    )
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn error(assignments: &[&str]) -> Option<String> {
        let assignments: Vec<String> = assignments.iter().map(|&word| word.to_owned()).collect();
        let config = Config::load("dense", &assignments).unwrap();
        config.validate().err().map(|error| error.to_string())
    }

    /// Every value of every layer is told by its list and its place in it.
    #[test]
    fn a_layer_is_named_as_it_was_written() {
        let good = "{units=9, activation=\"relu\"}";
        for (values, told) in [
            ("units=0", "units must be between 1 and 1048576, but is 0"),
            ("units=2, normalization=\"layer\"", "units must be at least 3 with layer normalization, but is 2"),
            ("units=9, learning_rate_factor=-1.5", "learning_rate_factor must be at least 0, and finite, but is -1.5"),
            ("units=9, dropout=1.5", "dropout must be at least 0 and below 1 (in f32, at most 0.99999994), but is 1.5"),
            (
                "units=8, residual=true",
                "residual must be false but behind a layer of as many units, but is true for 8 units behind 9",
            ),
        ] {
            for place in 1..3 {
                let bad = format!("{{activation=\"relu\", {values}}}");
                let layers: Vec<&str> = (0..4).map(|at| if at == place { bad.as_str() } else { good }).collect();
                for list in ["encoder", "decoder"] {
                    let told = format!("network.{list}[{place}].{told}");
                    assert_eq!(error(&[&format!("network.{list}=[{}]", layers.join(", "))]), Some(told));
                }
            }
        }
    }

    #[test]
    fn what_is_no_layer_is_named_too() {
        for (layer, told) in [
            ("{units=1, activation=\"relo\"}", "unknown variant `relo`"),
            ("{activation=\"relu\"}", "missing field `units`"),
            ("{unit=1, activation=\"relu\"}", "unknown field `unit`"),
            ("3", "invalid type: integer `3`"),
        ] {
            for list in ["encoder", "decoder"] {
                let layers = format!("network.{list}=[{{units=9, activation=\"relu\"}}, {layer}]");
                let message = Config::load("dense", &[layers]).unwrap_err().to_string();
                let named = format!("the preset dense with --set: network.{list}[1]: {told}");
                assert!(message.starts_with(&named) && !message.contains('\n'), "{message}");
            }
        }
    }

    #[test]
    fn weights_are_tied_where_they_can_be_and_refused_with_the_first_reason_otherwise() {
        let encoder = "network.encoder=[{units=9, activation=\"relu\"}, {units=5, activation=\"identity\"}]";
        let decoder = |units| format!("network.decoder=[{{units={units}, activation=\"relu\"}}]");
        let tied = "network.tied=true";
        let (fits, other) = (decoder(9), decoder(8));
        assert_eq!(error(&[encoder, &fits, tied]), None);
        assert_eq!(error(&[encoder, &other, "network.tied=false"]), None);
        for (assignments, told) in [
            (
                vec![encoder, &other, tied],
                "but where the decoder has the encoder's units backwards, without the code's",
            ),
            (
                vec![encoder, &fits, tied, "code.variational=1"],
                "for a variational code, whose layer gives two numbers for each",
            ),
            (vec![encoder, &fits, tied, "pretraining.epochs=1"], "where layers are pre-trained"),
        ] {
            assert_eq!(error(&assignments), Some(format!("network.tied must be false {told}, but is true")));
        }
    }
}
