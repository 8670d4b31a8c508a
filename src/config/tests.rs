use super::*;
use crate::data::{Channels, ImageSize, LoadOptions, Resize};
use proptest::prelude::*;

fn error(preset: &str, assignments: &[&str]) -> String {
    let assignments: Vec<String> = assignments.iter().map(|word| (*word).to_owned()).collect();
    match Config::load(preset, &assignments).and_then(|config| config.validate().map(|()| config)) {
        Ok(config) => panic!("accepted as {config:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_preset_is_valid_and_survives_the_round_trip() {
    for Preset { name, .. } in PRESETS {
        let config = Config::load(name, &[]).unwrap();
        config.validate().unwrap();
        assert_eq!(Config::from_toml("config.toml", &config.to_toml().unwrap()).unwrap(), config);
    }
}

/// The widths that a description names first, as in `784-64-784`, `784 → 64 → 784` or `784-64-9 and back`.
fn named_widths(description: &str) -> String {
    let joined = description.replace(" → ", "-");
    let start = joined.find("784-").unwrap_or_else(|| panic!("no widths: {description}"));
    let (widths, rest) = joined[start..]
        .split_at(joined[start..].find(|character: char| !character.is_ascii_digit() && character != '-').unwrap());
    if !rest.starts_with(" and back") {
        return widths.to_owned();
    }
    let backwards = widths.rsplit('-').skip(1);
    widths.split('-').chain(backwards).collect::<Vec<_>>().join("-")
}

#[test]
fn a_preset_is_described_by_the_widths_of_its_network() {
    for Preset { name, about, text } in PRESETS {
        let comment: Vec<&str> = text.lines().map_while(|line| line.strip_prefix("# ")).collect();
        let network = Config::load(name, &[]).unwrap().network(784).to_string();
        assert_eq!([named_widths(about), named_widths(&comment.join(" "))], [network.as_str(); 2], "{name}");
    }
}

#[test]
fn the_first_preset_has_every_key() {
    let complete = complete_preset().unwrap();
    Config::from_table("the preset dense", complete.clone()).unwrap();
    let written = Config::load("dense", &[]).unwrap().to_toml().unwrap();
    keys::check_table("config.toml", &written.parse().unwrap(), &complete).unwrap();
}

#[test]
fn assignments_replace_values_of_any_kind() {
    let assignments = [
        "training.epochs=3",
        "optimizer.learning_rate=0.01",
        "data.source=my/pictures",
        "network.encoder=[{units=2, activation=\"tanh\"}]",
    ];
    let config = Config::load("dense", &assignments.map(str::to_owned)).unwrap();
    assert_eq!(config.training.epochs, 3);
    assert_eq!(config.optimizer.learning_rate, 0.01);
    assert_eq!(config.data.source, "my/pictures");
    assert_eq!(config.network.encoder, [Layer::new(2, Activation::Tanh)]);
}

#[test]
fn a_run_goes_on_under_its_own_configuration_but_for_how_long_how_fast_and_how_often_it_is_saved() {
    let begun = Config::load("dense", &[]).unwrap();
    let other = |assignment: &str| Config::load("dense", &[assignment.to_owned()]).unwrap().check_resumes(&begun);
    for same in
        ["training.epochs=20", "training.patience=4", "optimizer.learning_rate=1e-4", "checkpoint.keep=9", "loss=bce"]
    {
        other(same).unwrap();
    }
    let message = other("training.batch_size=128").unwrap_err().to_string();
    assert!(message.starts_with("the run to go on with has training.batch_size = 256, not 128"), "{message}");
    for another in ["data.source=mnist", "optimizer.beta1=0.8", "loss=mse", "network.decoder=[]", "training.seed=2"] {
        assert!(matches!(other(another), Err(ConfigError::OtherRun { .. })), "{another}");
    }
}

#[test]
fn a_batch_is_no_larger_than_the_set_and_stays_as_a_run_was_begun() {
    let config = |batch_size: usize| Config::load("dense", &[format!("training.batch_size={batch_size}")]).unwrap();
    let fitted = |batch_size, images, begun: Option<usize>| {
        let fitted = config(batch_size).fitted_to(images, begun.map(config).as_ref()).unwrap();
        let size = fitted.training.batch_size;
        assert_eq!(fitted, config(size));
        size
    };
    assert_eq!([fitted(256, 300, None), fitted(256, 256, None), fitted(256, 100, None)], [256, 256, 100]);
    // More images may have come since, or fewer, at which the run is refused.
    assert_eq!([fitted(256, 300, Some(100)), fitted(256, 80, Some(100)), fitted(256, 80, Some(256))], [256, 100, 256]);
    let normalized = "network.decoder=[{units=5, activation=\"relu\", normalization=\"batch\"}]";
    let error = Config::load("dense", &[normalized.to_owned()]).unwrap().fitted_to(2, None).unwrap_err();
    assert!(error.to_string().starts_with("training.batch_size must be at least 3"), "{error}");
}

#[test]
fn a_mistake_is_met_with_the_nearest_word() {
    assert!(error("dens", &[]).contains("unknown preset 'dens': did you mean 'dense'?"));
    assert!(error("dense", &["training.epoch=3"]).contains("did you mean 'training.epochs'?"));
    assert!(error("dense", &["batch_size=3"]).contains("did you mean 'training.batch_size'?"));
    assert!(error("dense", &["training.seed"]).contains("KEY=VALUE"));
    assert!(error("dense", &["training.=3"]).contains("KEY=VALUE"));
}

#[test]
fn a_run_s_images_may_be_changed_and_nothing_else() {
    let config = Config::load("dense", &["training.epochs=3".to_owned()]).unwrap();
    let assignments = ["data.size=[2,3]", "data.resize=crop", "data.channels=grey", "data.test_share=1"];
    let changed = config.with_data(&assignments.map(str::to_owned)).unwrap();
    changed.validate().unwrap();
    let options = changed.data.load_options(5);
    assert_eq!(options.preparation.size, ImageSize::new(2, 3));
    assert_eq!((options.preparation.resize, options.preparation.channels), (Resize::Crop, Channels::Gray));
    assert_eq!((options.test_share, options.max_memory), (1.0, 5));
    assert_eq!(Config { data: config.data.clone(), ..changed }, config);
    for other in ["training.epochs=4", "source=x", "dat", "augmentation.shift=0.1"] {
        assert!(config.with_data(&[other.to_owned()]).is_err(), "{other}");
    }
    let changed = config.with_data_and_augmentation(&["augmentation.shift=0.1".to_owned()]).unwrap();
    assert_eq!(changed.augmentation, Augmentation { shift: 0.1, ..Augmentation::NONE });
    assert_eq!(Config { augmentation: Augmentation::NONE, ..changed }, config);
    let message = config.with_data_and_augmentation(&["loss=mse".to_owned()]).unwrap_err().to_string();
    assert!(message.contains("the keys of [data] and [augmentation]"), "{message}");
}

#[test]
fn a_run_without_augmentation_is_what_it_was() {
    let config = Config::load("dense", &[]).unwrap();
    assert!(config.augmentation.is_none() && config.additions().is_none());
    let only_background = Config::load("dense", &["augmentation.fill=1".to_owned()]).unwrap();
    assert!(only_background.additions().is_none());
    let shifted = Config::load("dense", &["augmentation.shift=0.1".to_owned()]).unwrap();
    assert_eq!(shifted.additions().augmentation, Some(shifted.augmentation));
}

#[test]
fn without_wishes_a_source_is_read_as_it_is() {
    let options = Config::load("dense", &[]).unwrap().data.load_options(crate::data::DEFAULT_MAX_MEMORY);
    assert_eq!(options, LoadOptions::default());
    assert_eq!(DataConfig::new("glyphs"), Config::load("dense", &[]).unwrap().data);
}

#[test]
fn values_that_cannot_be_are_refused() {
    for (assignment, part) in [
        ("data.size=[28]", "data.size must be [height, width] of at least 1"),
        ("data.size=[0,28]", "but is [0, 28]"),
        ("data.size=[100000,100000]", "at most 5592405 pixels together"),
        ("data.size=28", "data.size must be a list"),
        ("data.resize=squeeze", "data.resize"),
        ("data.channels=rgb", "data.channels"),
        ("data.test_share=0", "data.test_share must be above 0"),
        ("data.test_share=nan", "but is NaN"),
        ("data.test_share=1.1", "at most 1"),
        ("checkpoint.every_minutes=-1", "checkpoint.every_minutes must be a number from 0 on, but is -1.0"),
        ("checkpoint.every_minutes=inf", "but is inf"),
        ("checkpoint.every_steps=-1", "-1"),
        ("checkpoint.keep=0", "checkpoint.keep must be at least 1"),
        ("training.epochs=0", "training.epochs must be at least 1, but is 0"),
        ("training.batch_size=0", "between 1 and 65535, but is 0"),
        ("training.batch_size=-3", "-3"),
        ("optimizer.learning_rate=nan", "a positive number"),
        ("optimizer.beta1=1.0", "below 1"),
        ("optimizer.momentum=1", "below 1"),
        ("optimizer.decay=-0.1", "at least 0"),
        ("optimizer.weight_decay=-1", "at least 0"),
        ("optimizer.weight_decay=1e39", "and finite"),
        ("optimizer.max_gradient_norm=-1", "0, or between 1e-20 and 1e20"),
        ("optimizer.max_gradient_norm=1e-30", "0, or between"),
        ("optimizer.max_gradient_norm=nan", "0, or between"),
        ("optimizer.algorithm=adagrad", "adagrad"),
        ("schedule.shape=sine", "sine"),
        ("schedule.shape=one_cycle", "schedule.warmup must be above 0 for the shape \"one_cycle\""),
        ("schedule.warmup=1", "below 1"),
        ("schedule.final_share=1.5", "between 0 and 1"),
        ("schedule.step_epochs=0", "at least 1"),
        ("schedule.step_factor=0", "above 0"),
        ("schedule.plateau_patience=0", "at least 1"),
        ("pretraining.epochs=2", "of layers of [64] units, the encoder's mirror image"),
        ("pretraining.contractive=-1", "at least 0"),
        ("pretraining={noise=\"masking\",amount=1.5}", "between 0 and 1"),
        ("schedule.plateau_factor=1.5", "at most 1"),
        ("optimizer.epsilon=0.0", "positive"),
        ("network.initialization=zeros", "zeros"),
        ("augmentation.shift=1.5", "augmentation.shift must be between 0 and 1, but is 1.5"),
        ("augmentation.rotate=-1", "augmentation.rotate must be between 0 and 180"),
        ("augmentation.scale=1", "augmentation.scale must be between 0 and 0.9"),
        ("augmentation.shear=90", "augmentation.shear must be between 0 and 60"),
        ("augmentation.elastic=inf", "augmentation.elastic must be between 0 and 1000"),
        ("augmentation.noise=nan", "augmentation.noise must be between 0 and 1, but is NaN"),
        ("augmentation.flip=left", "left"),
        ("augmentation.fill=edge", "augmentation.fill must be a number"),
        ("corruption.noise=snow", "snow"),
        ("corruption.amount=-0.1", "at least 0"),
        ("corruption.amount=nan", "but is NaN"),
        ("corruption={noise=\"masking\", amount=1.5}", "corruption.amount must be between 0 and 1"),
        ("network.encoder=[]", "at least one layer"),
        ("network.encoder=[{units=0, activation=\"relu\"}]", "network.encoder[0].units must be between 1"),
        ("network.encoder=[{units=1, activation=\"relo\"}]", "relo"),
        ("network.encoder=[{unit=1, activation=\"relu\"}]", "unit"),
        (
            "network.encoder=[{units=1, activation=\"relu\", learning_rate_factor=-0.1}]",
            "network.encoder[0].learning_rate_factor must be at least 0, and finite, but is -0.1",
        ),
        ("network.decoder=[{units=1, activation=\"relu\", learning_rate_factor=1e39}]", "but is 1e39"),
        ("network.decoder=[{units=1, activation=\"relu\", learning_rate_factor=\"x\"}]", "learning_rate_factor"),
        (
            "network.encoder=[{units=1, activation=\"relu\", dropout=1}]",
            "network.encoder[0].dropout must be at least 0 and below 1 (in f32, at most 0.99999994), but is 1.0",
        ),
        ("network.decoder=[{units=1, activation=\"relu\", dropout=nan}]", "but is NaN"),
        ("network.decoder=[{units=1, activation=\"relu\", dropouts=0.1}]", "dropouts"),
        ("network.encoder=[{units=1, activation=\"relu\", normalization=\"group\"}]", "unknown variant `group`"),
        (
            "network.encoder=[{units=2, activation=\"relu\", normalization=\"layer\"}]",
            "must be at least 3 with layer normalization, but is 2",
        ),
        ("loss=l2", "unknown loss \"l2\""),
        ("loss=huber:-1", "loss must be huber:DELTA with a delta that is a positive number"),
        ("loss=huber:nan", "but is NaN"),
        ("network.output_activation=relu", "must be sigmoid for the loss \"bce\""),
        ("training.seed=x", "seed"),
        ("training=1", "training"),
    ] {
        let message = error("dense", &[assignment]);
        assert!(message.contains(part) && !message.contains('\n'), "{assignment}: {message}");
    }
}

#[test]
fn numbers_that_f32_cannot_hold_are_refused() {
    for (key, values) in [
        ("optimizer.learning_rate", ["1e39", "1e-46", "1e-39", "-1e-3", "inf"]),
        ("optimizer.epsilon", ["1e39", "1e-46", "1e-39", "-1e-7", "nan"]),
        ("optimizer.beta1", ["0.99999999999", "-1e-50", "inf", "nan", "1"]),
        ("optimizer.beta2", ["0.99999999999", "-1e-50", "inf", "nan", "1"]),
    ] {
        for value in values {
            let message = error("dense", &[&format!("{key}={value}")]);
            assert!(message.starts_with(&format!("{key} must be ")), "{value}: {message}");
        }
    }
    let message = error("dense", &["optimizer.learning_rate=1e39"]);
    assert!(message.ends_with("from 1.1754944e-38 to 3.4028235e38, but is 1e39"), "{message}");
    let message = error("dense", &["optimizer.beta1=0.99999999999"]);
    assert!(
        message.ends_with("at least 0 and below 1 (in f32, at most 0.99999994), but is 0.99999999999"),
        "{message}"
    );
}

#[test]
fn the_seed_is_one_that_toml_can_hold() {
    let mut config = Config::load("dense", &["training.seed=9223372036854775807".to_owned()]).unwrap();
    config.validate().unwrap();
    assert_eq!(Config::from_toml("config.toml", &config.to_toml().unwrap()).unwrap(), config);
    config.training.seed += 1;
    assert_eq!(
        config.validate().unwrap_err().to_string(),
        "training.seed must be at most 9223372036854775807, but is 9223372036854775808"
    );
}

#[test]
fn an_assignment_sets_one_key_only() {
    let (path, value) = parse_assignment("training . seed = 3 # comment").unwrap();
    assert_eq!((path, value), (vec!["training".to_owned(), "seed".to_owned()], Value::Integer(3)));
    for text in ["3\n[x]", "3\nx = 4", "\n[value]"] {
        let (_, value) = parse_assignment(&format!("training.epochs={text}")).unwrap();
        assert_eq!(value, Value::String(text.to_owned()));
    }
    assert_eq!(
        error("dense", &["training.epochs=3\n[x]"]),
        r#"--set: training.epochs must be a whole number from 0 on, not the string "3\n[x]""#
    );
}

#[test]
fn an_error_of_a_value_is_one_line_that_names_the_key() {
    for (assignment, key) in [
        ("training.seed=x", "training.seed"),
        ("training.seed=-1", "training.seed"),
        ("training.epochs=5000000000", "training.epochs"),
        ("loss=[\"bce\"]", "loss"),
        ("loss=\"b\\u001bc\\ne\"", "loss"),
        ("network.decoder=[3]", "network.decoder"),
        ("network.decoder=[{units=-1, activation=\"relu\"}]", "network.decoder[0]"),
    ] {
        let message = error("dense", &[assignment]);
        assert!(message.contains(key) && !message.contains(char::is_control), "{assignment}: {message:?}");
    }
}

#[test]
fn a_key_of_very_many_parts_is_refused() {
    let assignment = format!("{}b=1", "a.".repeat(60_000));
    assert!(error("dense", &[&assignment]).starts_with("--set: unknown key 'a.a."));
    let assignment = format!("training.seed{}=1", ".a".repeat(60_000));
    assert_eq!(error("dense", &[&assignment]), "--set: training.seed must be a whole number from 0 on, not a table");
}

const KEYS: [&str; 12] = [
    "loss",
    "data",
    "data.source",
    "network.encoder",
    "network.output_activation",
    "optimizer",
    "optimizer.learning_rate",
    "optimizer.beta2",
    "training",
    "training.batch_size",
    "training.seed",
    "training.x",
];

proptest! {
    #[test]
    fn an_assignment_gives_a_configuration_that_can_be_read_again_or_one_line(
        key in prop_oneof![prop::sample::select(&KEYS[..]).prop_map(str::to_owned), any::<String>()],
        value in prop_oneof![
            any::<String>(),
            any::<i64>().prop_map(|number| number.to_string()),
            any::<f64>().prop_map(|number| format!("{number:?}")),
            any::<String>().prop_map(|text| Value::String(text).to_string()),
            "[\\[{][a-z0-9={} \n\"]{0,12}[\\]}]",
        ],
    ) {
        let loaded = Config::load("dense", &[format!("{key}={value}")]);
        match loaded.and_then(|config| config.validate().map(|()| config)) {
            Ok(config) => {
                let text = config.to_toml().unwrap();
                prop_assert_eq!(Config::from_toml("config.toml", &text), Ok(config), "{}", text);
            }
            Err(error) => prop_assert!(!error.to_string().contains(char::is_control), "{:?}", error.to_string()),
        }
    }
}

#[test]
fn a_file_is_read_over_the_preset_and_its_mistakes_have_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.toml");
    let own = path.to_str().unwrap();
    std::fs::write(&path, "[training]\nepochs = 2\n").unwrap();
    assert_eq!(Config::load(own, &[]).unwrap().training.epochs, 2);
    std::fs::write(&path, "[training]\nepochs = = 2\n").unwrap();
    assert!(error(own, &[]).contains("own.toml:2:10"));
    std::fs::write(&path, "[training]\nepoks = 2\n").unwrap();
    assert!(error(own, &[]).contains("did you mean 'training.epochs'?"));
    assert!(error("missing.toml", &[]).contains("cannot read missing.toml"));
}

#[test]
fn a_code_s_penalties_go_with_its_activation() {
    for (assignment, told) in [
        ("code.kl=1", "code.kl must be 0 but for a sigmoid code, but is 1.0 for relu"),
        ("code.l1=-1", "code.l1 must be at least 0, and finite, but is -1.0"),
        ("code.target_activity=0", "code.target_activity must be above 0 and below 1, but is 0.0"),
        ("code.active=33", "code.active must be at most the 32 units of the code, but is 33"),
    ] {
        assert_eq!(error("dense", &[assignment]), told);
    }
    let dropping = "network.encoder=[{units=2, activation=\"relu\", dropout=0.5}]";
    let told = "network.encoder[0].dropout must be 0 where the code is penalized or drawn, but is 0.5";
    assert_eq!(error("dense", &[dropping, "code.l1=1"]), told);
    let told =
        "pretraining.contractive must be 0 where layers of the encoder have dropout or normalization, but is 1.0";
    assert_eq!(error("dense", &[dropping, "pretraining.contractive=1"]), told);
    let normalized = "network.encoder=[{units=3, activation=\"relu\", normalization=\"layer\"}]";
    let told = "network.encoder[0].normalization must be \"none\" where the code is contractive or drawn, but is layer";
    assert_eq!(error("dense", &[normalized, "code.contractive=1"]), told);
    let normalized = "network.decoder=[{units=1, activation=\"relu\", normalization=\"batch\"}]";
    let told = "training.batch_size must be at least 3 where layers have batch normalization, but is 2";
    assert_eq!(error("dense", &[normalized, "training.batch_size=2"]), told);
    let identity = "network.encoder=[{units=2, activation=\"identity\"}]";
    let told =
        "code.variational must be 0 but for an identity code of which nothing else is asked, but is 1.0 for identity";
    assert_eq!(error("dense", &[identity, "code.variational=1", "code.l1=1"]), told);
    assert!(error("dense", &["code.variational=1"]).ends_with("but is 1.0 for relu"));
    let gelu = "network.encoder=[{units=2, activation=\"gelu\"}]";
    let told = "code.contractive must be 0 but for a code of sigmoid, tanh or relu, but is 0.1 for gelu";
    assert_eq!(error("dense", &[gelu, "code.contractive=0.1"]), told);
}

#[test]
fn a_layer_s_key_is_written_where_it_asks_for_something() {
    let usual = "network.decoder=[{units=5, activation=\"relu\", learning_rate_factor=1}]";
    let slow = "network.encoder=[{units=5, activation=\"relu\", learning_rate_factor=0.25, dropout=0.5}]";
    let config = Config::load("dense", &[usual, slow].map(str::to_owned)).unwrap();
    config.validate().unwrap();
    assert_eq!(config.network.decoder, [Layer::new(5, Activation::Relu)]);
    let text = config.to_toml().unwrap();
    for key in ["learning_rate_factor", "dropout"] {
        assert_eq!(text.matches(key).count(), 1, "{text}");
    }
    assert_eq!(Config::from_toml("config.toml", &text).unwrap(), config);
    let network = config.network(9);
    let first = &network.layers()[0];
    assert_eq!((first.learning_rate_factor, first.dropout), (0.25, 0.5));
}

/// What runs wrote before there was anything of `[code]`, `[pretraining]`, and some keys.
#[test]
fn a_run_of_before_there_was_a_key_is_as_if_it_were_not_there() {
    let now = Config::load("dense", &["training.seed=7", "training.epochs=3"].map(str::to_owned)).unwrap();
    let mut old: Table = now.to_toml().unwrap().parse().unwrap();
    for table in ["code", "pretraining"] {
        old.remove(table).unwrap();
    }
    for (table, key) in [
        ("data", "only"),
        ("data", "weights"),
        ("network", "tied"),
        ("optimizer", "max_gradient_norm"),
        ("schedule", "plateau_patience"),
        ("schedule", "plateau_factor"),
        ("training", "patience"),
    ] {
        old.get_mut(table).unwrap().as_table_mut().unwrap().remove(key).unwrap();
    }
    assert_eq!(Config::from_toml("config.toml", &toml::to_string(&old).unwrap()), Ok(now));
}
