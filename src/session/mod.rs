//! Training in a run folder: what joins [`crate::train`] and [`crate::run`].
//!
//! | file | holds |
//! | --- | --- |
//! | [`drive`] | from a plan and its data to a trained model in a run folder |
//! | [`device`] | which device a run takes |
//! | [`figures`] | the figures of a run |
//! | [`reporter`] | progress of a run on the terminal |
//! | [`trained`] | a trained model by its run folder |

pub mod device;
pub mod drive;
pub mod figures;
pub mod reporter;
pub mod trained;
