//! Experiment runner for variational autoencoders: one TOML file in, a trained model and a run folder that
//! explains itself out.
//!
//! # The way through the house
//!
//! ```text
//! text --spec--> Spec --plan--> Plan (layers, sizes, costs)
//! Data --data--> images in memory (u8)
//! session::drive: loop { train::Trainer::advance   memory only, one epoch or until somebody asks to stop
//!                      run::RunFolder::commit    disk only, one checkpoint, the truth
//!                      metrics.parquet, figures  made from it, can be made again }
//! a spec with [sweep] is many: sweep::worker claims one after the other, each runs as a process of its own
//! ```
//!
//! # Floors
//!
//! A file uses lower floors only (`tests/floors.rs` checks it).
//!
//! | floor | part | holds | knows nothing of |
//! | --- | --- | --- | --- |
//! | 0 | [`numeric`] | counter-based randomness, elementary functions, eigenvalues, principal components | I/O |
//! | 0 | [`fs`] | atomic files, locks, claims, digests, room on the disk | the field |
//! | 0 | [`sys`] | clock, signals, exit codes, the machine | the field |
//! | 0 | [`config`] | reading TOML configuration | the field |
//! | 1 | [`metric`], [`progress`] | an epoch's numbers by name; how far a run has come | where they come from |
//! | 1 | [`slurm`] | batch scripts and the queue of a cluster | what the jobs do |
//! | 2 | [`experiment`] | the table of settings, checks, diagnostics, overrides | tensors, run folders |
//! | 2 | [`data`] | IDX, picture folders, sprites, search, download, batches; of specs it knows the `[data]` table | tensors |
//! | 2 | [`kernels`] | the CPU's arithmetic over slices, threads | dfdx (but for one door), specs |
//! | 3 | [`plan`] | a spec resolved against its data: layer table, parameters, operations, memory | files of a run |
//! | 3 | [`optim`] | update rules whose state can be saved | networks |
//! | 4 | [`nn`] | layers on dfdx's tape, generic over axes and over who computes: our kernels, or dfdx's operations (CUDA); devices; parameters by name | specs, files |
//! | 5 | [`vae`] | encoder, decoder, objective, the registry from numbers to types | files, progress bars |
//! | 5 | [`run`] | the run folder: lock, commit, checkpoint, metrics, manifest, view | how training works |
//! | 5 | [`figures`] | pictures from plain arrays | training |
//! | 6 | [`train`] | batches, schedules, steps, evaluation, timing of steps, in memory | folders, progress bars |
//! | 6 | [`report`] | many runs: tables, means, pages | training, networks |
//! | 6 | [`sweep`] | the folder of a sweep: trials, claims, workers, halving | how a trial trains, progress bars |
//! | 7 | [`cmd`], [`cli`] | one file a command; the driver that joins training and run folder; exit codes | - |
//!
//! # Types
//!
//! dfdx keeps shapes in types, a TOML file is known at run time. Layers are generic over
//! [`dfdx::shapes::Dim`], one implementation for `Const<32>` and `usize`. The network's type carries the axes that
//! have a meaning, image channels and the latent axis; inner sizes are `usize`, since carrying them would multiply
//! compiled code and catch nothing that the plan does not decide in one place. [`vae::build`] is the one place
//! where numbers become types, and [`vae::Model`] the one dynamic call, once a step.
//!
//! # The same bits
//!
//! Same spec, same seed, same kernel path: same bits, for any number of threads, and whether or not the run was
//! stopped and resumed on the way. Work is cut by shapes, never by threads ([`kernels::parallel`]); randomness is
//! a function of (seed, purpose, epoch, step) ([`numeric::random`]); everything else that decides what comes next is
//! in the checkpoint ([`run`]).

pub mod cmd;
pub mod config;
pub mod data;
pub mod draw;
pub mod experiment;
pub mod figures;
pub mod fs;
pub mod kernels;
pub mod launch;
pub mod metric;
pub mod nn;
pub mod numeric;
pub mod objective;
pub mod optim;
pub mod plan;
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
