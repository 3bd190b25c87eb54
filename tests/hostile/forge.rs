//! Checkpoints that were changed by somebody who knows how their digests are made.

use std::collections::BTreeMap;
use std::path::Path;

use runner::numeric::named_tensor::NamedTensor;
use runner::run::{read_tensors, write_tensors};
use sha2::{Digest, Sha256};

/// A checkpoint taken apart.
#[derive(Clone)]
pub struct Forgery {
    pub metadata: BTreeMap<String, String>,
    pub tensors: Vec<NamedTensor>,
}

impl Forgery {
    /// Takes a sound one apart. Its digests are compared with those that the documentation describes.
    pub fn of(path: &Path) -> Self {
        let (metadata, tensors) = read_tensors(path).unwrap();
        assert_eq!(metadata["tensors"], tensors_digest(&tensors));
        assert_eq!(metadata["sha256"], metadata_digest(&metadata));
        Self { metadata, tensors }
    }

    /// Replaces a piece of a text, which has to be there.
    #[track_caller]
    pub fn set(&mut self, key: &str, from: &str, to: &str) {
        let value = self.metadata.get_mut(key).unwrap();
        assert!(value.contains(from), "no {from} in {value:.400}");
        *value = value.replacen(from, to, 1);
    }

    /// Writes it with right digests. False where the container cannot hold it.
    pub fn write(mut self, path: &Path) -> bool {
        let digest = tensors_digest(&self.tensors);
        self.metadata
            .entry("tensors".to_owned())
            .and_modify(|old| *old = digest);
        let digest = metadata_digest(&self.metadata);
        self.metadata.insert("sha256".to_owned(), digest);
        write_tensors(path, &self.metadata, &self.tensors).is_ok()
    }
}

fn text(digest: &mut Sha256, text: &str) {
    digest.update((text.len() as u64).to_le_bytes());
    digest.update(text);
}

fn hex(digest: Sha256) -> String {
    let bytes = digest.finalize();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn tensors_digest(tensors: &[NamedTensor]) -> String {
    let mut sorted: Vec<_> = tensors.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut digest = Sha256::new();
    for tensor in sorted {
        text(&mut digest, &tensor.name);
        digest.update((tensor.shape.len() as u64).to_le_bytes());
        for size in &tensor.shape {
            digest.update((*size as u64).to_le_bytes());
        }
        digest.update((tensor.data.len() as u64 * 4).to_le_bytes());
        for value in &tensor.data {
            digest.update(value.to_le_bytes());
        }
    }
    hex(digest)
}

fn metadata_digest(metadata: &BTreeMap<String, String>) -> String {
    let mut digest = Sha256::new();
    for (key, value) in metadata.iter().filter(|(key, _)| *key != "sha256") {
        text(&mut digest, key);
        text(&mut digest, value);
    }
    hex(digest)
}
