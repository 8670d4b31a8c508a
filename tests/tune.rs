//! Plans that are found by measuring, on a real adapter.

mod support;

use diabolo::config::Config;
use diabolo::data;
use diabolo::program::Plan;
use diabolo::tune::{Cache, Finding, Tuner};
use support::gpu;

fn config(batch_size: usize) -> Config {
    Config::load("dense", &[format!("training.batch_size={batch_size}")]).unwrap()
}

#[test]
fn what_is_found_is_right_no_slower_than_the_usual_and_kept() {
    let gpu = gpu();
    let images = data::load("glyphs").unwrap().train().first(256);
    let config = config(32);
    let network = config.network(images.shape().pixels());
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::in_folder(folder.path().to_owned());
    let tuner = Tuner::new(&gpu, &config, &images).unwrap();
    assert_eq!(tuner.known(&cache), None);

    let mut tried = Vec::new();
    let tuning = tuner.measure(&cache, |_, _, plan| tried.push(plan.to_owned())).unwrap();
    let available = Plan::available(&gpu, &network, 32, &config.additions());
    assert_eq!(tried.len(), available.len());
    assert_eq!(tuning.candidates.len(), available.len());
    assert!(available.contains(&tuning.plan));
    // The usual plan stands first, and has been measured whatever the time.
    assert_eq!(tuning.candidates[0].plan, Plan::usual(&gpu, &network, 32, &config.additions()).name());
    let Finding::StepSeconds(usual) = tuning.candidates[0].finding else { panic!("{:?}", tuning.candidates) };
    assert!(tuning.step_seconds().unwrap() <= usual);
    assert!(tuning.candidates.iter().all(|candidate| !matches!(candidate.finding, Finding::Unfit(_))));

    assert_eq!(tuner.known(&cache), Some(tuning.clone()));
    let again = tuner.for_training(&cache, 1, |_, _, plan| panic!("{plan} is tried again")).unwrap();
    assert_eq!(again, tuning);
    // Of another training nothing is known.
    let other = self::config(48);
    assert_eq!(Tuner::new(&gpu, &other, &images).unwrap().known(&cache), None);
}

#[test]
fn a_short_training_is_not_tuned() {
    let gpu = gpu();
    let images = data::load("glyphs").unwrap().train().first(128);
    let config = config(16);
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::in_folder(folder.path().to_owned());
    let tuner = Tuner::new(&gpu, &config, &images).unwrap();
    let tuning = tuner.for_training(&cache, 499, |_, _, plan| panic!("{plan} is tried")).unwrap();
    let network = config.network(images.shape().pixels());
    assert_eq!(tuning.plan, Plan::usual(&gpu, &network, 16, &config.additions()));
    assert_eq!((tuning.candidates, tuner.known(&cache)), (vec![], None));
}

/// A machine that is busier later would find the same training worth tuning, and the model would come out otherwise.
#[test]
fn a_training_that_was_too_short_to_be_tuned_stays_so_until_it_is_asked_for() {
    let gpu = gpu();
    let images = data::load("glyphs").unwrap().train().first(64);
    let config = config(8);
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::in_folder(folder.path().to_owned());
    let tuner = Tuner::new(&gpu, &config, &images).unwrap();
    let usual = tuner.for_training(&cache, 499, |_, _, plan| panic!("{plan} is tried")).unwrap();
    // A longer one finds out what is fastest.
    let longer = tuner.for_training(&cache, 1 << 40, |_, _, _| ()).unwrap();
    assert_eq!(tuner.known(&cache), Some(longer.clone()));
    assert_eq!(tuner.for_training(&cache, 1 << 40, |_, _, plan| panic!("{plan} is tried again")).unwrap(), longer);
    assert_eq!(tuner.for_training(&cache, 499, |_, _, plan| panic!("{plan} is tried")).unwrap(), usual);

    let asked_for = tuner.measure(&cache, |_, _, _| ()).unwrap();
    assert_eq!(tuner.for_training(&cache, 499, |_, _, plan| panic!("{plan} is tried")).unwrap(), asked_for);
}

/// What no plan can do says nothing of plans.
#[test]
fn nothing_is_kept_of_trainings_that_no_plan_can_do() {
    let gpu = gpu();
    let images = data::load("glyphs").unwrap().train().first(27);
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::in_folder(folder.path().join("plans"));
    let config = config(28);
    let tuner = Tuner::new(&gpu, &config, &images).unwrap();
    for error in [tuner.measure(&cache, |_, _, _| ()), tuner.for_training(&cache, 1 << 40, |_, _, _| ())] {
        let error = error.unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("only 27 training images"), "{error}");
    }
    let rates = ["training.batch_size=27", "optimizer.learning_rate=1e38"].map(str::to_owned);
    let diverging = Config::load("dense", &rates).unwrap();
    let tuner = Tuner::new(&gpu, &diverging, &images).unwrap();
    let tuning = tuner.measure(&cache, |_, _, _| ()).unwrap();
    assert!(matches!(&tuning.candidates[0].finding, Finding::Unfit(words) if words.contains("diverged")));
    assert!(!folder.path().join("plans").exists());
}
