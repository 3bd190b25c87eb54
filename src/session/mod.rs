//! Training in a run folder: what joins [`crate::train`] and [`crate::run`].
//!
//! | file | holds |
//! | --- | --- |
//! | [`start`] | a new run |
//! | [`resume`], [`resume_checks`] | goes on with a run; what makes sure that its bits stay the same |
//! | [`drive`] | trains a run to its end, or until a stop is asked for |
//! | [`inputs`] | what a run reads: images, a published curve |
//! | [`checks`] | what is checked once the data is known |
//! | [`process`] | threads and signals |
//! | [`device`] | which device a run takes |
//! | [`provenance`] | what manifest and checkpoints say of where a run comes from |
//! | [`figures`] | the figures of a run |
//! | [`reporter`] | progress of a run on the terminal |
//! | [`trained`] | a trained model by its run folder |
//! | [`mod@reference`] | a model against values that another framework computed |
//! | [`speed`] | what training steps cost |

pub mod checks;
pub mod device;
pub mod drive;
pub mod figures;
pub mod inputs;
pub mod process;
pub mod provenance;
pub mod reference;
pub mod reporter;
pub mod resume;
pub mod resume_checks;
pub mod speed;
pub mod start;
pub mod trained;
