//! From a list of kinds to the layer of any kind.

/// Defines [`Layer`](super::Layer) and [`LayerConfig`](super::LayerConfig): one line a kind, with its module, which holds
/// its `Config` and a [`Module`](super::layer::Module) of the kind's name.
macro_rules! layers {
    ($($kind:ident: $module:ident,)+) => {
        /// A layer in numbers.
        #[derive(Clone, Debug, PartialEq)]
        pub enum LayerConfig {
            $(#[doc = concat!("[`", stringify!($module), "`]")] $kind($module::Config),)+
        }

        $(impl From<$module::Config> for LayerConfig {
            fn from(config: $module::Config) -> Self {
                Self::$kind(config)
            }
        })+

        impl std::ops::Deref for LayerConfig {
            type Target = dyn layer::Describe;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$kind(config) => config,)+
                }
            }
        }

        /// A layer with its tensors, from `I` channels to `O`.
        #[derive(Clone, Debug)]
        pub enum Layer<I: Dim, O: Dim, D: Backend> {
            $(#[doc = concat!("[`", stringify!($module), "`]")] $kind($module::$kind<I, O, D>),)+
        }

        impl<I: Dim, O: Dim, D: Backend> layer::Module<I, O, D> for Layer<I, O, D> {
            type Config = LayerConfig;

            fn new(
                device: &D::Device,
                init: &mut Init,
                config: &LayerConfig,
                channels: (I, O),
            ) -> Result<Self, D::Err> {
                match config {
                    $(LayerConfig::$kind(config) => {
                        layer::Module::new(device, init, config, channels).map(Self::$kind)
                    })+
                }
            }

            fn forward<T: Tape<f32, D::Device>>(
                &self,
                x: FeatureMaps<I, D, T>,
                mode: Mode<'_, D>,
            ) -> Result<FeatureMaps<O, D, T>, D::Err> {
                match self {
                    $(Self::$kind(layer) => layer.forward(x, mode),)+
                }
            }
        }

        impl<I: Dim, O: Dim, D: Backend> Parameters<D> for Layer<I, O, D> {
            fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
                match self {
                    $(Self::$kind(layer) => layer.visit(prefix, visitor),)+
                }
            }

            fn visit_mut<V: VisitMut<D>>(
                &mut self,
                prefix: &str,
                visitor: &mut V,
            ) -> Result<(), V::Err> {
                match self {
                    $(Self::$kind(layer) => layer.visit_mut(prefix, visitor),)+
                }
            }
        }
    };
}

pub(super) use layers;
