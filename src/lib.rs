//! Experiment runner for variational autoencoders: one TOML file in, a trained model and a self-contained run folder out.
//!
//! # Map
//!
//! ```text
//! text --config--> values --experiment--> Spec --plan--> Plan (layers, sizes, costs)
//! files --data--> images in memory (u8), labels, factors
//! session: loop { train::Trainer::advance   memory only, one epoch or until a stop is asked for
//!                 run::RunFolder::commit    disk only, one checkpoint, the truth
//!                 metrics, figures          derived from it, can be made again }
//! a spec with [sweep] is many: sweep::worker claims one trial after the other, each runs as a process of its own
//! run folders --report--> tables, figures, HTML
//! ```
//!
//! # Folders
//!
//! Files use lower files only, without circles, and folders stand in this order (`tests/structure.rs` checks both).
//! In the folders marked * each kind of thing is one file (description, settings, implementation, tests) and one line of
//! a registry in the folder's `mod.rs`; specs, checks, JSON Schema, handbook, reports and checkpoints are derived from it.
//!
//! | folder | holds | knows nothing of |
//! | --- | --- | --- |
//! | [`numeric`] | random streams, elementary functions, eigenvalues, principal components | I/O |
//! | [`sys`] | clock, stop signals, exit codes, the machine | files of the program |
//! | [`fs`] | atomic files, locks, claims, digests, room on the disk | the field |
//! | [`config`] | the TOML front end: syntax, overrides, checks against a table of settings, diagnostics, suggestions | what the settings are |
//! | [`metric`] * | what is measured in an epoch: names, meanings, units, and the row of an epoch | where the numbers come from |
//! | [`progress`] | counters and sums of a run, part of a checkpoint | what they count |
//! | [`slurm`] | batch scripts and the queue of a cluster | what the jobs do |
//! | [`draw`] | shapes, text, axes, curves and images on a page, as PNG and SVG | figures |
//! | [`kernels`] | the CPU's arithmetic over slices, threads | specs; dfdx but for [`kernels::tensor`] |
//! | [`optim`] * | update rules with their settings and state | networks |
//! | [`data`] * | images, labels and factors in memory: kinds of data sets, search, download | tensors |
//! | [`nn`] * | layers on dfdx's tape, generic over axes and backend: our kernels, or dfdx's operations (CUDA) | specs, files |
//! | [`likelihood`] * | the reconstruction term of a loss, p(x given z) of pixels | objectives, files |
//! | [`prior`] * | what latent points are drawn from, with its parameters | decoders, files |
//! | [`latent`] * | what the decoder is given: a point of a distribution, the mean alone, codes of a codebook | decoders, files |
//! | [`objective`] * | what training lowers: terms, random numbers, parameters of its own | files |
//! | [`figures`] * | one figure a file | folders |
//! | [`experiment`] | the typed spec: one file a table; fingerprint, sweep, handbook, schema | tensors, run folders |
//! | [`plan`] | a spec resolved against its data: list of layers, parameters, operations, memory | files of a run |
//! | [`vae`] | encoder, decoder, network, the registry from numbers to types | files, progress bars |
//! | [`run`] | the run folder: lock, checkpoint, metrics, manifest, reader | how training works |
//! | [`train`] | batches, schedules, steps, evaluation, timing of steps, in memory | folders, progress bars |
//! | [`report`] | many runs: tables, means, pages | training, networks |
//! | [`sweep`] | the folder of a sweep: trials, claims, workers, halving | how a trial trains, progress bars |
//! | [`terminal`] | printing, errors, progress, arguments that commands share | - |
//! | [`session`] | joins training and run folder: start, drive, resume, figures | - |
//! | [`launch`] | the trials of a sweep on this machine or on Slurm | - |
//! | [`cmd`] * | one command a file with its arguments | - |
//!
//! # Types
//!
//! dfdx keeps shapes in types, a TOML file is known at run time. Layers are generic over
//! [`dfdx::shapes::Dim`], one implementation for `Const<32>` and `usize`. The network's type carries the axes that
//! have a meaning, image channels and the latent axis: an encoder and a decoder of different latent sizes do not
//! compile, nor does the two-dimensional manifold of a network with three axes. Inner sizes are `usize`, since carrying
//! them would multiply compiled code and catch nothing that the plan does not decide in one place. [`vae::build`] is the
//! one place where numbers become types, and [`vae::Model`] the one dynamic call, once a step.
//!
//! Convolutions are our own, since dfdx has none on stable Rust: register blocks over NHWC, without multiplications with
//! inserted zeros ([`kernels`]).
//!
//! # The same bits
//!
//! Same spec, same seed, same kernel path: same bits, for any number of threads, and whether or not the run was
//! stopped and resumed on the way. Work is cut by shapes, never by threads ([`kernels::parallel`]), and sums are taken in
//! a fixed order; randomness is a function of (seed, purpose, epoch, step) ([`numeric::random`]); everything else that
//! decides what comes next is in the checkpoint ([`run`]).

pub mod cmd;
pub mod config;
pub mod data;
pub mod draw;
pub mod experiment;
pub mod figures;
pub mod fs;
pub mod kernels;
pub mod latent;
pub mod launch;
pub mod likelihood;
pub mod metric;
pub mod nn;
pub mod numeric;
pub mod objective;
pub mod optim;
pub mod plan;
pub mod prior;
pub mod progress;
pub mod report;
pub mod run;
pub mod session;
pub mod slurm;
pub mod sweep;
pub mod sys;
pub mod terminal;
pub mod train;
pub mod vae;
