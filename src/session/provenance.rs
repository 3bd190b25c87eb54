//! Where a run comes from, for its manifest and its checkpoints: device, data, network, and the digests by which a
//! resume recognises them.

use crate::config::FieldValue as _;
use crate::data::{DataSet, Source};
use crate::experiment::{self, Fingerprint, PerLayer, Spec};
use crate::kernels::{Isa, parallel};
use crate::nn::Device;
use crate::plan::Plan;
use crate::run::{Compute, DataSource, Origin, SourceFile};

/// How a run computes on the caller's threads.
pub fn compute(device: Device) -> Compute {
    Compute {
        device: device.to_string(),
        threads: parallel::count(),
        kernel_path: kernels(device).to_owned(),
    }
}

/// Whose kernels compute on a device.
pub fn kernels(device: Device) -> &'static str {
    match device {
        Device::Cpu => Isa::current().name(),
        Device::CpuDfdx | Device::Cuda(_) => "dfdx",
    }
}

/// What a run is started from: its seed, and digests of the settings and of the data that decide its numbers.
pub fn origin(spec: &Spec, data: &DataSet) -> Origin {
    Origin {
        seed: spec.seed,
        spec_digest: Fingerprint::of_run(spec).digest(),
        data_digest: data.checksum(),
    }
}

/// The files of a data set.
pub fn data_source(data: &DataSet) -> DataSource {
    let source = |source: &Source| SourceFile {
        name: source
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        sha256: source.sha256.clone(),
    };
    DataSource {
        name: data.name.clone(),
        place: data.place.clone(),
        sources: data.sources.iter().map(source).collect(),
        checksum: data.checksum(),
    }
}

/// One size for all layers, or a list.
fn sizes(of: &PerLayer) -> serde_json::Value {
    of.to_value()
        .map_or(serde_json::Value::Null, |it| it.to_json())
}

/// The network and its training in the form of a reference file (see [`super::reference`]).
pub fn describe_model(plan: &Plan) -> serde_json::Value {
    let a = &plan.architecture;
    let spec = &plan.spec;
    let mut described = serde_json::json!({
        "image": [a.image.height, a.image.width, a.image.channels],
        "filters": a.filters,
        "kernel": sizes(&a.kernel),
        "stride": sizes(&a.stride),
        "hidden": a.hidden,
        "latent": a.latent,
        "activation": spec.model.activation.name(),
        "normalization": spec.model.normalization.name(),
        "objective": spec.objective.name(),
        "optimizer": spec.optimizer.name(),
        "learning_rate": spec.optimizer.learning_rate(),
        "recon": spec.loss.reconstruction.name(),
        "kl": spec.loss.kl_reduction.name(),
        "klw": spec.loss.kl_weight,
        // A resume compares it with what is asked for then.
        "spec": experiment::resolved_toml(spec),
        "layout": "images NHWC; conv kernels (kh, kw, in, out); transposed (kh, kw, out, in); dense (in, out)",
    });
    if let (true, Some(model)) = (plan.is_conditional(), described.as_object_mut()) {
        let names = &plan.classes.names;
        model.insert("classes".to_owned(), names.len().into());
        // So that a label can be named where the data is not.
        model.insert("class_names".to_owned(), names.clone().into());
    }
    // As a reference file has them; their defaults are not named there.
    if !spec.prior.is_standard() {
        let components = spec.prior.component_count();
        described["prior"] =
            serde_json::json!({ "kind": spec.prior.name(), "components": components });
    }
    if !plan.has_distribution() {
        described["latent_kind"] = spec.latent.name().into();
    }
    described
}
