//! What follows from the list of objectives: one type for any of them, with and without parameters.

/// One line an objective: `Variant(Type) = "name"`.
macro_rules! objectives {
    ($($(#[$only:meta])* $Variant:ident($Type:ty) = $name:literal,)+) => {
        members! {
            /// What training makes of the terms of `[loss]`: exactly one of these tables
            pub enum AnyObjective, default "elbo" {
                $($(#[$only])* $Variant($Type) = $name,)+
            }
        }

        impl std::ops::Deref for AnyObjective {
            type Target = dyn Description;

            fn deref(&self) -> &Self::Target {
                match self {
                    $($(#[$only])* Self::$Variant(objective) => objective,)+
                }
            }
        }

        /// Any objective with its own parameters, for a network with the latent axis `Z` on device `D`.
        #[derive(Debug)]
        pub enum Prepared<Z: Dim, D: Backend> {
            $(
                $(#[$only])*
                #[doc = concat!("`", $name, "`")]
                $Variant($Type, <$Type as Objective>::State<Z, D>),
            )+
        }

        impl<Z: Dim, D: Backend> Prepared<Z, D> {
            /// Draws the initial values of the objective's own parameters.
            ///
            /// # Errors
            /// The device's.
            pub fn new(
                objective: &AnyObjective,
                device: &D::Device,
                init: &mut Init,
                latent: Z,
            ) -> Result<Self, D::Err> {
                Ok(match objective {
                    $($(#[$only])* AnyObjective::$Variant(own) => {
                        Self::$Variant(own.clone(), own.state::<Z, D>(device, init, latent)?)
                    })+
                })
            }

            /// See [`Objective::outcome`].
            ///
            /// # Errors
            /// The device's.
            pub fn outcome<C: Dim, T: Tape<f32, D::Device>>(
                &self,
                network: &impl Network<C, Z, D>,
                images: Maps<C, D, T>,
                given: &Given<C, Z, D>,
            ) -> Result<Outcome<C, Z, D, T>, D::Err> {
                match self {
                    $($(#[$only])* Self::$Variant(own, state) => {
                        own.outcome(state, network, images, given)
                    })+
                }
            }
        }

        impl<Z: Dim, D: Backend> Parameters<D> for Prepared<Z, D> {
            fn visit<V: Visit<D>>(&self, prefix: &str, visitor: &mut V) -> Result<(), V::Err> {
                match self {
                    $($(#[$only])* Self::$Variant(_, state) => {
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
                    $($(#[$only])* Self::$Variant(_, state) => {
                        Parameters::<D>::visit_mut(state, prefix, visitor)
                    })+
                }
            }
        }
    };
}

pub(super) use objectives;
