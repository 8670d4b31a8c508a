//! The stages of a run: the layers of the encoder one after the other where they are pre-trained (Bengio et al. 2007; with noise, Vincent et
//! al. 2010), then the whole network.

use crate::config::{Config, PretrainingConfig, TrainingConfig};
use crate::model::Network;
use crate::reference::code::CONTRACTIBLE;
use crate::reference::{Activation, CodeSettings, Loss, Schedule};
use std::ops::Range;

/// A part of a run: some epochs of a part of the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// The layer of the encoder that is pre-trained; none where the whole network is trained.
    pub name: Option<String>,
    /// As the stage trains: its loss, its noise, its rate, the seed of its order and noise, and how often.
    pub config: Config,
    /// What is trained.
    pub network: Network,
    /// The layers before, which stay as they are; what they give is to be given back.
    pub frozen: Network,
    /// The network as far as it has been trained by the end of the stage.
    pub outer: Network,
    /// Epochs of the run before it.
    pub before: u32,
}

impl Stage {
    /// All stages of a run, in their order; the last is that of the whole network.
    pub fn all(config: &Config, network: &Network) -> Vec<Self> {
        let pretraining = config.pretraining;
        let layers = if pretraining.epochs > 0 { config.network.encoder.len() } else { 0 };
        let of_layer = |layer: usize| {
            let (part, frozen) = (network.autoencoder_of(layer)?, network.first_layers(layer));
            let config = Config {
                loss: loss_of(config.loss, layer, &frozen, &part),
                corruption: pretraining.corruption(),
                code: CodeSettings { contractive: contraction_of(&pretraining, &part), ..CodeSettings::NONE },
                schedule: Schedule::CONSTANT,
                training: TrainingConfig {
                    epochs: pretraining.epochs,
                    // Each stage has an order and a noise of its own.
                    seed: config.training.seed ^ ((layer as u64 + 1) << 48),
                    ..config.training
                },
                ..config.clone()
            };
            let name = part.layers().first().map(|layer| layer.name.clone());
            let before = layer as u32 * pretraining.epochs;
            Some(Self { name, config, network: part, frozen, outer: network.outer_layers(layer + 1), before })
        };
        let whole = Self {
            name: None,
            config: config.clone(),
            network: network.clone(),
            frozen: Network::default(),
            outer: network.clone(),
            before: layers as u32 * pretraining.epochs,
        };
        (0..layers).filter_map(of_layer).chain([whole]).collect()
    }

    /// Its epochs among those of the run.
    pub fn epochs(&self) -> Range<u32> {
        self.before..self.before.saturating_add(self.config.training.epochs)
    }
}

/// The weight of the contractive penalty on what a layer gives: none where its activation's second derivative is not known from the first.
fn contraction_of(pretraining: &PretrainingConfig, part: &Network) -> f64 {
    let can_contract = part.encoder().layers().iter().all(|layer| CONTRACTIBLE.contains(&layer.activation));
    if can_contract { pretraining.contractive } else { 0.0 }
}

/// The loss of a layer that is pre-trained: the run's, but for the cross-entropy of codes that are no shares.
fn loss_of(loss: Loss, layer: usize, frozen: &Network, part: &Network) -> Loss {
    let are_shares = layer == 0 || frozen.output_activation() == Activation::Sigmoid;
    let is_defined = are_shares && loss.outputs().contains(&part.output_activation());
    match loss {
        Loss::BinaryCrossEntropy if !is_defined => Loss::MeanSquaredError,
        loss => loss,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stages(words: &[&str]) -> Vec<Stage> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let config = Config::load("dense", &words).unwrap();
        let network = config.network(100);
        Stage::all(&config, &network)
    }

    const MIRRORED: &str = "network.decoder=[{units=64,activation=\"sigmoid\"}]";

    #[test]
    fn a_run_without_pre_training_has_one_stage() {
        let [whole] = &stages(&[])[..] else { panic!() };
        assert_eq!((whole.epochs(), &whole.name, whole.frozen.layers().len()), (0..10, &None, 0));
        assert_eq!(whole.network, whole.outer);
    }

    #[test]
    fn each_layer_is_trained_behind_those_before_it_and_then_the_whole() {
        let stages = stages(&[MIRRORED, "pretraining.epochs=3", "pretraining.noise=masking", "schedule.shape=cosine"]);
        let told = |stage: &Stage| format!("{} | {} | {}", stage.frozen, stage.network, stage.outer);
        let told: Vec<String> = stages.iter().map(told).collect();
        assert_eq!(told[0], "0 | 100-64-100 | 100-64-100");
        assert_eq!(told[1..], ["100-64 | 64-32-64 | 100-64-32-64-100", "0 | 100-64-32-64-100 | 100-64-32-64-100"]);
        let names: Vec<_> = stages.iter().map(|stage| stage.name.as_deref()).collect();
        assert_eq!(names, [Some("encoder.0"), Some("encoder.1"), None]);
        let epochs: Vec<_> = stages.iter().map(Stage::epochs).collect();
        assert_eq!(epochs, [0..3, 3..6, 6..16]);
        let seeds: Vec<u64> = stages.iter().map(|stage| stage.config.training.seed).collect();
        assert!(seeds[0] != seeds[1] && seeds[1] != seeds[2] && seeds[2] == 1);
        assert_eq!(stages[1].config.schedule, Schedule::CONSTANT);
        assert!(stages[2].config.corruption.is_none() && !stages[1].config.corruption.is_none());
    }

    #[test]
    fn layers_contract_where_their_activation_can() {
        let encoder = "network.encoder=[{units=64,activation=\"sigmoid\"},{units=32,activation=\"identity\"}]";
        let stages = stages(&[MIRRORED, encoder, "pretraining.epochs=1", "pretraining.contractive=0.1"]);
        let weights: Vec<f64> = stages.iter().map(|stage| stage.config.code.contractive).collect();
        assert_eq!(weights, [0.1, 0.0, 0.0]);
    }

    #[test]
    fn codes_that_are_no_shares_are_given_back_by_their_squared_error() {
        let losses = |encoder: &str, loss: &str| -> Vec<Loss> {
            let encoder =
                format!("network.encoder=[{{units=64,activation=\"{encoder}\"}},{{units=32,activation=\"relu\"}}]");
            let words = [MIRRORED, "pretraining.epochs=1", &encoder, loss];
            stages(&words).iter().map(|stage| stage.config.loss).collect()
        };
        let (bce, mse) = (Loss::BinaryCrossEntropy, Loss::MeanSquaredError);
        assert_eq!(losses("relu", "loss=bce"), [bce, mse, bce]);
        assert_eq!(losses("sigmoid", "loss=bce"), [bce, bce, bce]);
        assert_eq!(losses("sigmoid", "loss=mae"), [Loss::MeanAbsoluteError; 3]);
    }
}
