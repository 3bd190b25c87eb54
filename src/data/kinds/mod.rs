//! The kinds of data: one file a kind, and one line of the registry.

pub mod fashion_mnist;
pub mod idx;
pub mod images;
pub mod kmnist;
pub mod mnist;
pub mod sprites;

use super::loader::{Loader, Locate};

macro_rules! kinds {
    ($($name:literal => $module:ident::$kind:ident,)+) => {
        /// A data set by the word that a spec has for its kind, with the settings of that kind.
        #[derive(Clone, Debug, PartialEq)]
        pub enum DataKind {
            $(#[doc = concat!("`", $name, "`")] $kind($module::$kind),)+
        }

        impl DataKind {
            /// The name as a spec writes it.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $name,)+
                }
            }

            pub(super) fn loader(&self) -> &dyn Loader {
                match self {
                    $(Self::$kind(kind) => kind,)+
                }
            }

            /// The kinds whose data is found by their name alone.
            pub(super) fn located() -> impl Iterator<Item = (&'static str, Locate)> {
                [$(($name, <$module::$kind as Loader>::locate()),)+]
                    .into_iter()
                    .filter_map(|(name, locate)| Some((name, locate?)))
            }
        }

        $(impl From<$module::$kind> for DataKind {
            fn from(kind: $module::$kind) -> Self {
                Self::$kind(kind)
            }
        })+
    };
}

kinds! {
    "fashion-mnist" => fashion_mnist::FashionMnist,
    "mnist" => mnist::Mnist,
    "kmnist" => kmnist::Kmnist,
    "sprites" => sprites::Sprites,
    "idx" => idx::Idx,
    "images" => images::ImageFolder,
}
