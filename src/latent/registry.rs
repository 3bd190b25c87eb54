//! What follows from the list of latents: one type for any of them, with and without parameters.

/// One line a kind: `Variant(Type) = "name"`.
macro_rules! latents {
    ($($Variant:ident($Type:ty) = $name:literal,)+) => {
        members! {
            /// What the decoder is given for an image: exactly one of these tables
            pub enum AnyLatent: Copy, default "gaussian" {
                $($Variant($Type) = $name,)+
            }
        }

        impl std::ops::Deref for AnyLatent {
            type Target = dyn Description;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$Variant(kind) => kind,)+
                }
            }
        }

        /// Any kind with its values on device `D`.
        #[derive(Debug)]
        pub enum Prepared<D: Backend> {
            $(
                #[doc = concat!("`", $name, "`")]
                $Variant($Type, <$Type as Latents>::State<D>),
            )+
        }

        impl<D: Backend> Prepared<D> {
            /// Makes its initial values.
            ///
            /// # Errors
            /// The device's.
            pub fn new(
                kind: &AnyLatent,
                device: &D::Device,
                init: &mut Init,
                axes: usize,
            ) -> Result<Self, D::Err> {
                Ok(match kind {
                    $(AnyLatent::$Variant(own) => {
                        Self::$Variant(*own, own.state::<D>(device, init, axes)?)
                    })+
                })
            }

            /// See [`Latents::encode`].
            ///
            /// # Errors
            /// The device's.
            pub fn encode<T: Tape<f32, D::Device>>(
                &self,
                points: Rows<usize, D, T>,
                mode: Mode<'_, D>,
            ) -> Result<(Encoded<D>, T), D::Err> {
                match self {
                    $(Self::$Variant(own, state) => own.encode(state, points, mode),)+
                }
            }

            /// What is known of it without tensors.
            pub fn description(&self) -> &dyn Description {
                match self {
                    $(Self::$Variant(own, _) => own,)+
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

pub(super) use latents;
