//! The kinds of data: one file a kind, and one line of the registry.

pub mod cifar10;
pub mod csv;
pub mod dsprites;
pub mod fashion_mnist;
pub mod idx;
pub mod images;
pub mod kmnist;
pub mod mnist;
pub mod numpy;
pub mod sprites;

use crate::config::members::members;

use super::loader::{Loader, Locate};

macro_rules! kinds {
    ($($kind:ident($module:ident::$section:ident) = $name:literal,)+) => {
        members! {
            /// A kind of data set, with its own settings
            pub enum DataKind {
                $($kind($module::$section) = $name,)+
            }
        }

        impl DataKind {
            pub(super) fn loader(&self) -> &dyn Loader {
                match self {
                    $(Self::$kind(kind) => kind,)+
                }
            }

            /// Whether data of the kind of this name may have a test part.
            pub(super) fn has_test_part(name: &str) -> bool {
                match name {
                    $($name => $module::$section::has_test_part(),)+
                    _ => true,
                }
            }

            /// The kinds whose data is found by their name alone.
            pub(super) fn located() -> impl Iterator<Item = (&'static str, Locate)> {
                [$(($name, $module::$section::locate()),)+]
                    .into_iter()
                    .filter_map(|(name, locate)| Some((name, locate?)))
            }
        }

        $(impl From<$module::$section> for DataKind {
            fn from(kind: $module::$section) -> Self {
                Self::$kind(kind)
            }
        })+
    };
}

kinds! {
    FashionMnist(fashion_mnist::FashionMnist) = "fashion-mnist",
    Mnist(mnist::Mnist) = "mnist",
    Kmnist(kmnist::Kmnist) = "kmnist",
    Sprites(sprites::Sprites) = "sprites",
    Idx(idx::Idx) = "idx",
    Images(images::ImageFolder) = "images",
    Numpy(numpy::Numpy) = "numpy",
    Csv(csv::Csv) = "csv",
    Cifar10(cifar10::Cifar10) = "cifar10",
    Dsprites(dsprites::Dsprites) = "dsprites",
}
