//! Runs of a model that is told the class of an image: what the program says of classes, and what it draws of each.

mod common;

use std::fs;

use common::{Lab, Session, bars, digest, idx, plain, tiny};

const CONDITION: &str = "[model]\ncondition = \"label\"";

fn conditional(spec: &str) -> String {
    assert!(spec.contains("[model]"));
    spec.replace("[model]", CONDITION)
}

#[test]
fn tells_the_classes_and_the_parameters_that_they_add() {
    let lab = Lab::with(&plain());
    let parameters = |args: &[&str]| {
        let ended = lab.runner(&[&["check", "spec.toml"], args].concat());
        let ended = ended.with_code(0);
        let line = |name: &str| {
            let found = ended.stdout.lines().find(|line| line.starts_with(name));
            found.map(str::to_owned)
        };
        let count = line("parameters").unwrap();
        let count: String = count.chars().filter(char::is_ascii_digit).collect();
        (count.parse::<i64>().unwrap(), line("classes"))
    };
    let (without, none) = parameters(&[]);
    let (with, classes) = parameters(&["--set", "model.condition=\"label\""]);
    // Three classes: 3 x 3 x 4 values each of the convolution's kernel, and 3 x 3 x 8 of the dense layer's.
    assert_eq!(with - without, 3 * (36 + 72));
    assert_eq!(none, None);
    let classes = classes.unwrap();
    assert!(
        classes.ends_with(" 3: 0 square, 1 ellipse, 2 heart"),
        "{classes}"
    );
}

#[test]
fn refuses_data_without_classes_and_tells_of_those_without_images() {
    let lab = Lab::new();
    let (images, _) = bars(40, 12, 12);
    lab.write("i", images);
    let data = "dataset = \"idx\"\nimages = \"i\"\nlabels = \"l\"";
    let spec = plain().replace("dataset = \"sprites\"\ncount = 300\nimage_size = 12", data);
    let spec = spec.replace("epochs = 2", "epochs = 1\nbatch_size = 8");
    lab.write("spec.toml", conditional(&spec));
    lab.write("l", idx(&[40], &[0; 40]));
    let before = lab.listing();
    for command in [&["check", "spec.toml"][..], &["spec.toml"]] {
        lab.runner(command)
            .with_code(2)
            .says("spec.toml:7:13")
            .says("all images of the data are of one class, `0`")
            .says("data of 2 to 1000 classes");
    }
    assert_eq!(lab.listing(), before);
    // Labels 0 and 3.
    let labels: Vec<u8> = (0..40).map(|i| i % 2 * 3).collect();
    lab.write("l", idx(&[40], &labels));
    for command in [&["check", "spec.toml"][..], &["spec.toml"]] {
        lab.runner(command)
            .with_code(0)
            .says("warning: no image is trained on of the classes `1`, `2`;");
    }
    lab.runner(&["check", "spec.toml", "--set", "figures.label=\"9\""])
        .with_code(2)
        .says("there is no class `9`")
        .says("one of: 0, 1, 2, 3");
    lab.runner(&["check", "spec.toml", "--set", "figures.label=\"3\""])
        .with_code(0);
}

#[test]
fn goes_on_after_a_kill_to_the_same_bits() {
    let spec = conditional(&plain()) + "[schedule.step]\n";
    let lab = Lab::with(&spec);
    let mut session = Session::spawn(lab.command(&["spec.toml", "--set", "training.epochs=6"]));
    assert!(session.lines(1));
    session.signal("KILL");
    session.end();
    let run = lab.new_run(&[]);
    lab.on(&run, "resume", &["--threads", "1"]).with_code(0);
    let whole = lab.train(&["--set", "training.epochs=6", "--threads", "2"]);
    assert_eq!(digest(&run), digest(&whole));
    lab.on(&run, "doctor", &[]).with_code(0);
    // The condition is one of the settings that decide the numbers.
    let resolved = run.join("resolved.toml");
    let text = fs::read_to_string(&resolved).unwrap();
    let other = text.replace("condition = \"label\"", "condition = \"none\"");
    fs::write(&resolved, other).unwrap();
    lab.on(&run, "resume", &["--epochs", "9"])
        .with_code(2)
        .says("model.condition: \"label\" -> unset");
}

#[test]
fn draws_each_class_without_the_data() {
    let data = "dataset = \"idx\"\nimages = \"i\"\nlabels = \"l\"\nvalidation = 0.25";
    let spec = tiny().replace("dataset = \"sprites\"\ncount = 300\nimage_size = 12", data);
    let spec = spec.replace(
        "epochs = 2",
        "epochs = 2\nbatch_size = 16\n[figures]\nn = 3",
    );
    let lab = Lab::with(&conditional(&spec));
    let (images, labels) = bars(80, 12, 10);
    lab.write("i", images);
    lab.write("l", labels);
    let run = lab.train(&[
        "--set",
        "figures.label=\"2\"",
        "--set",
        "figures.grid=\"quantile\"",
    ]);
    let figure = |name: &str| fs::read_to_string(run.join("figures").join(name)).unwrap();
    assert!(figure("manifold.svg").contains("latent manifold of class 2"));
    let classes = |svg: &str| {
        ["0", "1", "2", "3"].map(|class| {
            svg.contains(&format!(">{class}<")) || svg.contains(&format!("\n{class}\n"))
        })
    };
    assert_eq!(classes(&figure("samples.svg")), [true; 4]);
    lab.on(&run, "rebuild", &[]).with_code(0);

    let name = run.to_str().unwrap();
    lab.runner(&["encode", name, "--out", "z.csv"]).with_code(0);
    lab.runner(&["reconstruct", name]).with_code(0);
    let way = ["interpolate", name, "--from", "0", "--to", "5"];
    lab.runner(&way).with_code(0);
    lab.runner(&[&way[..], &["--label", "3"]].concat())
        .with_code(0);

    fs::remove_file(lab.path().join("i")).unwrap();
    let sample = |more: &[&str]| {
        let args = [&["sample", name, "-n", "8", "--out", "s.svg"], more].concat();
        lab.runner(&args).with_code(0);
        fs::read_to_string(lab.path().join("s.svg")).unwrap()
    };
    assert_eq!(classes(&sample(&[])), [true; 4]);
    let of_class = ["0", "3"].map(|label| sample(&["--label", label]));
    assert!(of_class[1].contains("samples of class 3, epoch 2"));
    assert_ne!(of_class[0].replace("class 0", "class 3"), of_class[1]);
    lab.runner(&["sample", name, "--label", "4"])
        .with_code(2)
        .says("--label 4: there is no such class")
        .says("classes: 0, 1, 2, 3");

    let lab = Lab::with(&plain());
    let run = lab.train(&[]);
    lab.on(&run, "sample", &["--label", "0"])
        .with_code(2)
        .says("the model is not told the class of an image");
}
