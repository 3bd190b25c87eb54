//! What a person sees: whole diagnostics of typical mistakes, and the rules between settings.

use std::fs;
use std::path::Path;

use super::{DeviceChoice, Spec, parse};
use crate::config::Members as _;
use crate::data::kinds::sprites::Sprites;
use crate::data::{DataKind, Split, Validation};
use crate::figures::switches;
use crate::optim::Rule;

const GOOD: &str = "name = \"a\"\n[data]\ndataset = \"sprites\"\n";

fn read(text: &str, overrides: &[&str]) -> Result<Spec, String> {
    let overrides: Vec<String> = overrides.iter().map(|it| (*it).to_owned()).collect();
    let base = Path::new("/nonexistent/folder");
    parse(text, "x.toml", base, &overrides).map_err(|it| it.render(false))
}

fn shown(text: &str, overrides: &[&str]) -> String {
    match read(text, overrides) {
        Ok(spec) => panic!("accepted: {spec:?}"),
        Err(shown) => shown,
    }
}

/// The first lines of all diagnostics.
fn titles(text: &str, overrides: &[&str]) -> Vec<String> {
    let shown = shown(text, overrides);
    let titles = shown
        .lines()
        .filter_map(|line| line.strip_prefix("error: "));
    titles.map(str::to_owned).collect()
}

#[test]
fn fills_defaults_of_the_shortest_spec() {
    let spec = read(GOOD, &[]).unwrap();
    assert_eq!(spec.name, "a");
    let sprites = Sprites {
        image_size: 28,
        count: 10_000,
    };
    assert_eq!(spec.data.dataset, DataKind::Sprites(sprites));
    assert_eq!(spec.data.splits, [Split::Train]);
    assert_eq!(spec.data.validation, Validation::None);
    assert_eq!(spec.model.conv_filters, [32, 64]);
    assert_eq!(
        (spec.model.latent_dim, spec.model.hidden.as_slice()),
        (2, [16].as_slice())
    );
    assert_eq!(Some(spec.optimizer), Rule::given("adam", &[]));
    assert_eq!(spec.schedule, None);
    assert_eq!(spec.training.device, DeviceChoice::Auto);
    assert_eq!((spec.training.epochs, spec.training.batch_size), (10, 64));
    assert_eq!(spec.training.early_stopping, None);
    assert!(switches().all(|it| spec.figures.asks_for(it) == it.default));
    assert_eq!((spec.figures.n, spec.figures.scale), (10, 2.0));
    assert!(spec.expect.is_empty());
}

#[test]
fn reports_a_mistyped_key_and_a_wrong_value_together() {
    let text = "name = \"a\"\n[data]\ndataset = \"fashion_mnist\"\n[model]\nlatent_dims = 0\n";
    assert_eq!(
        shown(text, &[]),
        r#"error: unknown value "fashion_mnist" for `data.dataset`
 --> x.toml:3:11
  |
3 | dataset = "fashion_mnist"
  |           ^^^^^^^^^^^^^^^
  |
  = note: expected "fashion-mnist", "mnist", "kmnist", "sprites", "idx", "images", "numpy", "csv", "cifar10" or "dsprites"
  = help: did you mean `"fashion-mnist"`?

error: unknown key `latent_dims` in `[model]`
 --> x.toml:5:1
  |
5 | latent_dims = 0
  | ^^^^^^^^^^^
  |
  = note: expected one of `latent_dim`, `conv_filters`, `kernel_size`, `stride`, `padding`, `residual_blocks`, `hidden`, `activation`, `activation_slope`, `normalization`, `normalization_momentum`, `normalization_epsilon`, `normalization_bias`, `normalization_groups` or `condition`
  = help: did you mean `latent_dim`?

error: `model.latent_dim` is out of range
 --> x.toml:5:15
  |
5 | latent_dims = 0
  |               ^ expected an integer from 1 to 4096 (axes)"#
    );
}

#[test]
fn names_what_an_empty_spec_needs() {
    assert_eq!(
        shown("", &[]),
        r#"error: `name` is missing
--> x.toml
 |
 = note: expected 1 to 64 ASCII letters, digits, `_`, `-` or `.`, in quotes
 = help: add a line such as `name = "my_experiment"` at the top

error: `data.dataset` is missing
--> x.toml
 |
 = note: expected "fashion-mnist", "mnist", "kmnist", "sprites", "idx", "images", "numpy", "csv", "cifar10" or "dsprites"
 = help: add a table `[data]` with `dataset = "fashion-mnist"`"#
    );
}

#[test]
fn shows_an_override_as_typed() {
    assert_eq!(
        shown(
            GOOD,
            &["training.epochs=5", "model.latent_dim=x", "optimizer=sgd"]
        ),
        r#"error: `optimizer` is a string
 |
 | --set optimizer=sgd
 |                 ^^^
 |
 = note: expected `[optimizer.adam]`, `[optimizer.adamw]`, `[optimizer.lion]`, `[optimizer.rmsprop]` or `[optimizer.sgd]`
 = help: write `--set optimizer.sgd={}`

error: `model.latent_dim` is a string
 |
 | --set model.latent_dim=x
 |                        ^ expected an integer from 1 to 4096 (axes)"#
    );
}

#[test]
fn reports_other_errors_beside_a_syntax_error() {
    let text = "name = fmnist vae\nseed = -1\n[data]\ndataset = \"sprites\ncount = 0\n";
    assert_eq!(
        shown(text, &[]),
        r#"error: not valid TOML: a text without quotes
 --> x.toml:1:8
  |
1 | name = fmnist vae
  |        ^^^^^^^^^^ expected `"fmnist vae"`

error: `seed` is out of range
 --> x.toml:2:8
  |
2 | seed = -1
  |        ^^ expected an integer from 0 to 9_223_372_036_854_775_807

error: not valid TOML: a text without its closing quote
 --> x.toml:4:19
  |
4 | dataset = "sprites
  |                   ^ expected `"`

error: `data.count` is out of range
 --> x.toml:5:9
  |
5 | count = 0
  |         ^ expected an integer from 1 to 10_000_000 (images)"#
    );
}

#[test]
fn names_the_place_of_a_missing_folder() {
    let text = "name = \"a\"\n[data]\ndataset = \"images\"\npath = \"cats\"\n";
    assert_eq!(
        shown(text, &[]),
        r#"error: `data.path` names no folder
 --> x.toml:4:8
  |
4 | path = "cats"
  |        ^^^^^^ expected an existing folder
  |
  = help: looked for `/nonexistent/folder/cats`; relative paths start at the spec's folder"#
    );
}

#[test]
fn guesses_nothing_after_a_broken_table_header() {
    let text = "name = \"a\"\nseed = 1.5\n[data\ndataset = \"sprites\"\n[model]\nlatent_dim = 0\n";
    assert_eq!(
        titles(text, &[]),
        ["`seed` is a float", "not valid TOML: unclosed table"]
    );
}

#[test]
fn names_the_table_of_a_misplaced_key() {
    let hints = |text: &str| -> Vec<String> {
        let shown = shown(text, &[]);
        let hints = shown.lines().filter_map(|line| line.split_once("= help: "));
        hints.map(|(_, hint)| hint.to_owned()).collect()
    };
    let text = format!(
        "epochs = 3\n{GOOD}latent_dim = 3\n[training]\nlearning_rate = 0.1\nloss = \"bce\"\n\
         lr = 0.1\nseed = 3\n[optimizer.sgd]\nmomentum = 0.5\nbeta_1 = 0.3\n[schedule]\nwarmup = 1\n"
    );
    assert_eq!(
        hints(&text),
        [
            "`epochs` belongs in `[training]`",
            "`latent_dim` belongs in `[model]`",
            "`learning_rate` belongs in `[optimizer.sgd]`",
            "did you mean `reconstruction` in `[loss]`?",
            "did you mean `learning_rate` in `[optimizer.sgd]`?",
            "`seed` belongs at the top, above the first table",
            "`beta_1` belongs in `[optimizer.adam]`",
            "`warmup_epochs` belongs in `[schedule.cosine]`",
        ]
    );
}

#[test]
fn rejects_non_finite_values() {
    let text = format!(
        "{GOOD}validation = nan\n[model]\nconv_filters = [32, nan, inf]\n[loss]\nkl_weight = inf\n\
         [optimizer.adam]\nlearning_rate = -nan\nclip_norm = inf\n[figures]\nscale = 1e999\n\
         [expect]\nloss = {{ max = nan }}\nkl = {{ min = -inf }}\nelbo = {{ max = 9223372036854775808 }}\n"
    );
    assert_eq!(
        titles(&text, &[]),
        [
            "`data.validation` is not a number",
            "`model.conv_filters` holds a value that is not a number",
            "`model.conv_filters` holds a value that is not finite",
            "`loss.kl_weight` is not finite",
            "`optimizer.adam.learning_rate` is not a number",
            "`optimizer.adam.clip_norm` is not finite",
            "`figures.scale` is not finite",
            "`expect.loss.max` is not a number",
            "`expect.kl.min` is not finite",
            "`expect.elbo.max` is out of range",
        ]
    );
}

#[test]
fn rejects_names_that_are_no_folder_names() {
    for name in [
        "",
        ".",
        "..",
        ".git",
        "-rf",
        "a/b",
        "../a",
        "a\\\\b",
        "a b",
        "ä",
        "a.",
        "a\\u0000",
        "a:b",
        "a\\n",
        "~",
        "$HOME",
        "*",
        &"x".repeat(65),
    ] {
        let text = GOOD.replace("\"a\"", &format!("\"{name}\""));
        assert_eq!(titles(&text, &[]).len(), 1, "{name}");
    }
    for name in ["a", "fmnist_vae", "A-1.b", "1", "_x", &"x".repeat(64)] {
        let text = GOOD.replace("\"a\"", &format!("\"{name}\""));
        assert_eq!(read(&text, &[]).unwrap().name, name);
    }
}

#[test]
fn rejects_two_optimizers_or_schedules() {
    let two =
        format!("{GOOD}[optimizer.sgd]\n[optimizer.adam]\n[schedule.step]\n[schedule.linear]\n");
    assert_eq!(
        titles(&two, &[]),
        [
            "a second optimizer: `sgd` and `adam`",
            "a second schedule: `step` and `linear`"
        ]
    );
    assert_eq!(
        titles(&format!("{GOOD}[optimizer]\n"), &[]),
        ["`[optimizer]` is empty"]
    );
    assert!(read(&format!("{GOOD}[schedule]\n"), &[]).is_ok());
}

#[test]
fn rejects_settings_that_contradict_each_other() {
    let one = |rest: &str| titles(&format!("{GOOD}{rest}"), &[]);
    assert_eq!(
        one("splits = [\"test\"]"),
        ["\"sprites\" has no published test part"]
    );
    assert_eq!(
        one("validation = \"test\""),
        ["\"sprites\" has no published test part"]
    );
    assert_eq!(
        one("color = \"rgb\""),
        ["`data.color` has no meaning for \"sprites\""]
    );
    assert_eq!(
        one("splits = [\"train\", \"train\"]"),
        ["`data.splits` holds \"train\" twice"]
    );
    assert_eq!(one("splits = []"), ["`data.splits` is empty"]);
    assert_eq!(
        one("count = 10_000_000\nimage_size = 1024"),
        ["10_000_000 images of 1024 x 1024 pixels do not fit into 4 GiB"]
    );
    assert_eq!(
        one("[optimizer.sgd]\nnesterov = true"),
        ["`optimizer.sgd.nesterov` without momentum"]
    );
    assert_eq!(
        one("[loss]\nreconstruction_weight = 0\nkl_weight = 0.0"),
        ["both weights are 0: nothing would be learned"]
    );
    assert_eq!(
        one("[loss]\nkl_warmup_epochs = 9.5"),
        ["no epoch of 10 is left with the full KL weight"]
    );
    assert_eq!(
        one("[schedule.linear]\nwarmup_epochs = 10"),
        ["the warm-up takes all of the 10 epochs"]
    );
    assert_eq!(
        one("[loss]\nkl_warmup_epochs = 2\n[kl_schedule.linear]\nepochs = 3\nsteps = 9"),
        [
            "`loss.kl_warmup_epochs` beside `[kl_schedule.linear]`",
            "`kl_schedule.linear` has both `steps` and `epochs`",
        ]
    );
    assert_eq!(
        one("[kl_schedule.cyclical]\ncycles = 11"),
        ["11 cycles of the KL's weight in 10 epochs"]
    );
    assert_eq!(
        one("[loss]\nkl_reduction = \"mean\"\n[objective.capacity]\nepochs = 9.5"),
        [
            "`[objective.capacity]` needs the KL divergence summed over axes",
            "no epoch of 10 is left behind the growth over 9.5",
        ]
    );
    assert_eq!(
        one("[model]\nlatent_dim = 5\n[objective.free_bits]\naxes_per_group = 2"),
        ["groups of 2 do not divide 5 latent axes"]
    );
    assert_eq!(
        one("[objective.mmd]\nscales = [1, -2, inf, \"3\"]"),
        [
            "`objective.mmd.scales` holds a number out of range",
            "`objective.mmd.scales` holds a value that is not finite",
            "`objective.mmd.scales` holds a string",
        ]
    );
    assert_eq!(
        one("[objective.dip]\ntype = \"iii\""),
        ["unknown value \"iii\" for `objective.dip.type`"]
    );
    assert_eq!(
        one("[figures]\npublished_name = \"Keras\""),
        ["`figures.published_name` without `figures.published`"]
    );
    assert_eq!(
        one("[expect]\nval_kl = { max = 3 }"),
        ["`val_kl` needs a validation part"]
    );
    assert_eq!(one("[expect]\nkl = {}"), ["`expect.kl` sets no limit"]);
    assert_eq!(
        one("[expect]\nkl = { min = 2, max = 1 }"),
        ["`expect.kl` has a `min` above its `max`"]
    );
    let mnist = "name = \"a\"\n[data]\ndataset = \"mnist\"\n";
    assert_eq!(
        titles(
            &format!("{mnist}splits = [\"train\", \"test\"]\nvalidation = \"test\"\n"),
            &[]
        ),
        ["the test images would be both trained on and validated on"]
    );
    assert_eq!(
        titles(&format!("{mnist}count = 3\n"), &[]),
        ["`data.count` has no meaning for \"mnist\""]
    );
}

#[test]
fn accepts_settings_just_inside_the_rules() {
    for rest in [
        "validation = 0.1\n[expect]\nval_kl = { max = 3 }",
        "[optimizer.sgd]\nnesterov = true\nmomentum = 0.9",
        "[loss]\nkl_warmup_epochs = 9",
        "[schedule.linear]\nwarmup_epochs = 9.5",
        "[loss]\nkl_weight = 0",
        "[loss]\nkl_weight = 0\n[objective.mmd]\nscales = [0.1, 2]",
        "[loss]\nkl_reduction = \"mean\"\n[objective.dip]\ntype = \"ii\"",
        "[kl_schedule.linear]\nepochs = 9",
        "[kl_schedule.cyclical]\ncycles = 10",
        "[model]\nlatent_dim = 6\n[objective.free_bits]\naxes_per_group = 2",
        "count = 5_000_000",
        "[expect]\nkl = { min = 1, max = 1 }",
        "[training]\nepochs = 1",
    ] {
        assert!(read(&format!("{GOOD}{rest}\n"), &[]).is_ok(), "{rest}");
    }
    let mnist = "name = \"a\"\n[data]\ndataset = \"mnist\"\nvalidation = \"test\"\n";
    assert_eq!(read(mnist, &[]).unwrap().data.validation, Validation::Test);
}

#[test]
fn requires_idx_files_of_the_parts_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let idx = "name = \"a\"\n[data]\ndataset = \"idx\"\n";
    let missing = |text: &str| -> Vec<String> {
        let error = parse(text, "x.toml", folder.path(), &[]).unwrap_err();
        error.iter().map(|it| it.message.clone()).collect()
    };
    let reason = |key: &str, part: &str| {
        format!("`data.{key}` is missing: \"idx\" needs it since the {part} part is used")
    };
    // A VAE needs no labels.
    let train = [reason("images", "training")];
    let test = [reason("test_images", "test")];
    assert_eq!(missing(idx), train);
    assert_eq!(missing(&format!("{idx}splits = [\"test\"]\n")), test);
    let all = [train.as_slice(), test.as_slice()].concat();
    assert_eq!(missing(&format!("{idx}validation = \"test\"\n")), all);

    fs::create_dir(folder.path().join("d")).unwrap();
    fs::write(folder.path().join("d/i"), "").unwrap();
    fs::write(folder.path().join("d/l"), "").unwrap();
    let good = format!("{idx}path = \"d\"\nimages = \"i\"\nlabels = \"l\"\n");
    let spec = parse(&good, "x.toml", folder.path(), &[]).unwrap();
    let DataKind::Idx(files) = spec.data.dataset else {
        panic!("{:?}", spec.data);
    };
    assert_eq!(files.images, Some(folder.path().join("d/i")));
    assert_eq!(
        missing(&good.replace("\"l\"", "\"m\"")),
        ["`data.labels` names no file"]
    );
    assert_eq!(
        missing(&good.replace("\"l\"", "\".\"")),
        ["`data.labels` names a folder"]
    );
    assert_eq!(
        missing(&good.replace("\"d\"", "\"d/i\""))
            .first()
            .map(String::as_str),
        Some("`data.path` names a file")
    );
}

#[test]
fn reads_overrides_like_the_file() {
    let spec = read(
        GOOD,
        &[
            "name=foo",
            "model.latent_dim = 8",
            "model.conv_filters=[8,16,32]",
            "data.validation=0.25",
            "training.device=cuda:1",
            "expect.loss={max=253.5}",
            "expect.loss.min=1",
            "training.epochs=3",
            "training.epochs=4",
        ],
    )
    .unwrap();
    assert_eq!(spec.name, "foo");
    assert_eq!(spec.model.latent_dim, 8);
    assert_eq!(spec.model.conv_filters, [8, 16, 32]);
    assert_eq!(spec.data.validation, Validation::Fraction(0.25));
    assert_eq!(spec.training.device, DeviceChoice::Cuda(1));
    assert_eq!(
        (spec.expect[0].min, spec.expect[0].max),
        (Some(1.0), Some(253.5))
    );
    assert_eq!(spec.training.epochs, 4);
    let mnist = GOOD.replace("sprites", "mnist");
    for quoted in [
        "data.validation=test",
        "data.validation=\"test\"",
        "data.validation='test'",
    ] {
        assert_eq!(
            read(&mnist, &[quoted]).unwrap().data.validation,
            Validation::Test
        );
    }
}

#[test]
fn replaces_the_optimizer_of_the_file_by_an_override() {
    let text = format!("{GOOD}[optimizer.rmsprop]\nrho = 0.5\n[schedule.step]\nfactor = 0.1\n");
    let spec = read(
        &text,
        &["optimizer.sgd.learning_rate=0.1", "schedule.cosine={}"],
    )
    .unwrap();
    assert_eq!(spec.optimizer.name(), "sgd");
    assert_eq!(spec.optimizer.learning_rate(), 0.1);
    assert_eq!(spec.schedule.map(|it| it.name()), Some("cosine"));
    assert_eq!(read(&text, &["schedule={}"]).unwrap().schedule, None);
    let same = read(&text, &["optimizer.rmsprop.learning_rate=0.1"]).unwrap();
    assert!(matches!(same.optimizer, Rule::RmsProp(it) if it.rho == 0.5));
    assert_eq!(
        titles(
            &text,
            &["optimizer.sgd.momentum=0.1", "optimizer.adam.beta_1=0.1"]
        ),
        ["a second optimizer: `sgd` and `adam`"]
    );
}

#[test]
fn quotes_malformed_overrides() {
    for (given, title) in [
        ("foo", "an override without `=`"),
        ("", "an override without `=`"),
        ("=3", "an override without a key"),
        ("name=", "an override without a value"),
        (
            "a=1\nb=2",
            "an override with a line break or another control character",
        ),
        ("model.conv_filters=[1,", "not valid TOML: unclosed array"),
        (
            "model..x=1",
            "not valid TOML: unquoted keys cannot be empty",
        ),
        ("[model]=1", "not valid TOML: "),
        ("name=2024", "`name` is an integer"),
        ("model=3", "`model` is an integer"),
        ("banana=3", "unknown key `banana`"),
        ("model.latent_dim.x=3", "`model.latent_dim` is a table"),
        ("a.b.c.d.e.f.g.h.i.j=3", "a key of more than 8 parts"),
        (
            "figures.published=~/x.csv",
            "`figures.published` names no file",
        ),
    ] {
        let shown = shown(GOOD, &[given]);
        assert!(
            shown.starts_with(&format!("error: {title}")),
            "{given}: {shown}"
        );
        if !given.contains('\n') {
            assert!(
                shown.contains(&format!(" | --set {given}")),
                "{given}: {shown}"
            );
        }
    }
}

#[test]
fn splits_an_override_at_the_first_equals_sign() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a=b.csv"), "").unwrap();
    let given = ["figures.published=a=b.csv".to_owned()];
    let spec = parse(GOOD, "x.toml", folder.path(), &given).unwrap();
    assert_eq!(spec.figures.published, Some(folder.path().join("a=b.csv")));
}

#[test]
fn escapes_terminal_sequences_of_a_file() {
    let text = "name = \"a\\u001b[31m\"\n\"\\u001b[31m\" = 1\n[data]\ndataset = \"\\u001b[2J\"\n";
    for color in [false, true] {
        let raw = format!("{text}\nx = \u{1b}[31mred\n");
        for text in [text, &raw] {
            let error = parse(text, "\u{1b}[31mx.toml", Path::new(""), &[]).unwrap_err();
            let shown = error.render(color);
            assert!(
                !shown.contains("\u{1b}[31m") && !shown.contains("\u{1b}[2J"),
                "{shown:?}"
            );
        }
    }
}

#[test]
fn counts_errors_beyond_the_limit() {
    let keys = |n: usize| -> String { (0..n).map(|i| format!("key_{i} = 1\n")).collect() };
    let few = shown(&format!("{}{GOOD}", keys(60)), &[]);
    assert!(few.ends_with("\n\nand 10 more errors"), "{few}");
    let many = shown(&keys(60_000), &[]);
    assert!(
        many.ends_with("\n\nand more than 950 more errors"),
        "{many}"
    );
    assert!(many.len() < 50_000);
}

#[test]
fn cuts_a_long_line_around_the_marker() {
    let text = format!(
        "name = \"{}\"\n[data]\ndataset = \"sprites\"\n",
        "x".repeat(900_000)
    );
    let shown = shown(&text, &[]);
    assert!(shown.len() < 2_000, "{}", shown.len());
}

#[test]
fn counts_columns_in_characters() {
    let text = "name = \"ä\"\n[data]\ndataset = \"sprites\"\n\t\tcount\t=\t0\n";
    let error = parse(text, "x.toml", Path::new(""), &[]).unwrap_err();
    for it in error.iter() {
        let place = format!(" x.toml:{}:{}\n", it.line, it.column);
        assert!(it.render(false).contains(&place), "{}", it.render(false));
    }
    let columns: Vec<_> = error.iter().map(|it| (it.line, it.column)).collect();
    assert_eq!(columns, [(1, 8), (4, 11)]);
}

#[test]
fn keeps_importance_weights_of_a_likelihood() {
    let with = |overrides: &[&str]| titles(&format!("{GOOD}[objective.iwae]\n"), overrides);
    for (setting, title) in [
        ("loss.reconstruction=mse", "`mse` is none"),
        ("loss.kl_weight=2", "without weights only"),
        ("loss.reconstruction_weight=0.5", "without weights only"),
        ("loss.kl_warmup_epochs=1", "without weights only"),
        ("loss.kl_reduction=mean", "summed over axes"),
    ] {
        let found = with(&[setting]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(title), "{found:?}");
    }
    let plain = read(&format!("{GOOD}[objective.iwae]\n"), &["loss.kl_weight=1"]);
    assert_eq!(plain.unwrap().objective.points(), 5);
}
