//! What follows from the list of priors: one type for any of them, with and without parameters.

/// One line a prior: `Variant(Type) = "name"`.
macro_rules! priors {
    ($($Variant:ident($Type:ty) = $name:literal,)+) => {
        members! {
            /// The prior p(z), from which q(z | x) is measured and new points are drawn: exactly one of these tables
            pub enum AnyPrior: Copy, default "standard" {
                $($Variant($Type) = $name,)+
            }
        }

        impl std::ops::Deref for AnyPrior {
            type Target = dyn Description;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$Variant(prior) => prior,)+
                }
            }
        }

        /// Any prior with its parameters on device `D`.
        #[derive(Debug)]
        pub enum Prepared<D: Backend> {
            $(
                #[doc = concat!("`", $name, "`")]
                $Variant($Type, <$Type as Prior>::State<D>),
            )+
        }

        impl<D: Backend> Prepared<D> {
            /// Draws the initial values of its parameters.
            ///
            /// # Errors
            /// The device's.
            pub fn new(
                prior: &AnyPrior,
                device: &D::Device,
                init: &mut Init,
                sizes: Sizes,
            ) -> Result<Self, D::Err> {
                Ok(match prior {
                    $(AnyPrior::$Variant(own) => {
                        Self::$Variant(*own, own.state::<D>(device, init, sizes)?)
                    })+
                })
            }

            /// See [`Prior::components`].
            ///
            /// # Errors
            /// The device's.
            pub fn components<T: Tape<f32, D::Device>>(
                &self,
                tape: T,
                encode: Encode<'_, D, T>,
            ) -> Result<(Option<Components<D>>, T), D::Err> {
                match self {
                    $(Self::$Variant(own, state) => own.components(state, tape, encode),)+
                }
            }
        }

        impl<D: Backend> Parameters<D> for Prepared<D> {
            fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
                match self {
                    $(Self::$Variant(_, state) => {
                        Parameters::<D>::visit(state, prefix, visitor)
                    })+
                }
            }

            fn visit_mut<V: VisitMut<D>>(
                &mut self,
                prefix: &str,
                visitor: &mut V,
            ) -> Result<(), V::Err> {
                match self {
                    $(Self::$Variant(_, state) => {
                        Parameters::<D>::visit_mut(state, prefix, visitor)
                    })+
                }
            }
        }
    };
}

pub(super) use priors;
