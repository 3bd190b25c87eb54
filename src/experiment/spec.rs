//! The whole spec: which tables there are, and the struct that they become.

use std::sync::LazyLock;

use super::decoder::Decoder;
use super::expect::Expectation;
use super::figures::Figures;
use super::fits;
use super::launcher::Launcher;
use super::loss::Loss;
use super::model::Model;
use super::training::Training;
use crate::config::document::document;
use crate::config::{Form, Kind, RuledTable, Schema, Table, TableRule, Value, write};
use crate::data::Data;
use crate::latent::AnyLatent;
use crate::objective::{AnyObjective, KlSchedule};
use crate::optim::schedule::Position;
use crate::optim::{Rule, Schedule};
use crate::prior::AnyPrior;

document! {
    /// An experiment: every default filled in, every value checked, every path absolute. [`load`](super::load) and
    /// [`parse`](super::parse) make it.
    pub struct Spec, top AboveTables {
        /// Name of the experiment; its run folders carry it. It neither starts with `.` or `-` nor ends with `.`
        pub name: String, Kind::Name, changes_no_result();
        /// Seed of everything random: the same spec and seed give the same bits
        pub seed: u64 = 0, Kind::Count { min: 0, max: i64::MAX as u64 }, also(&["random_seed", "random_state"]);
    }
    tables {
        data: Data,
        model: Model,
        decoder: Decoder,
        latent: AnyLatent,
        prior: AnyPrior,
        loss: Loss,
        kl_schedule: Option<KlSchedule>,
        objective: AnyObjective,
        optimizer: Rule,
        schedule: Option<Schedule>,
        training: Training,
        figures: Figures [changes_no_result],
        expect: Vec<Expectation> [changes_no_result],
        launcher: Option<Launcher> [changes_no_result],
    }
}

impl Spec {
    /// The weight of the KL at a step.
    pub fn kl_weight_at(&self, at: Position) -> f64 {
        match &self.kl_schedule {
            Some(schedule) => self.loss.kl_weight * schedule.share(at),
            None => self.loss.kl_weight_at(at),
        }
    }

    /// Whether what training lowers at a step is what it lowers at the end: the KL has its whole weight, and the objective
    /// its final form. The best epoch is one at whose last step this holds.
    pub fn is_final(&self, at: Position) -> bool {
        self.kl_weight_at(at) >= self.loss.kl_weight && self.objective.is_final(at)
    }

    /// Whether a step depends on how many epochs the whole run has.
    pub fn depends_on_epochs(&self) -> bool {
        self.schedule.is_some_and(|it| it.depends_on_epochs())
            || self.kl_schedule.is_some_and(|it| it.depends_on_epochs())
    }
}

/// Everything that a spec may say.
///
/// The upper ends of the ranges are not advice. They are far above what is sensible, and keep a typo or a hostile file
/// from asking for absurd amounts of memory.
pub fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
        let mut tables: Vec<Table> = Spec::tables().into_iter().map(|it| it.0).collect();
        let doc = "Many runs from one file: `runner SPEC.toml` then runs a trial for each of them";
        tables.push(Table::new("sweep", doc, Form::Apart));
        Schema { tables }
    });
    &SCHEMA
}

/// What ties settings together, each rule with its table.
pub(super) fn rules() -> &'static [(String, TableRule)] {
    static RULES: LazyLock<Vec<(String, TableRule)>> = LazyLock::new(|| {
        let of_table = |(table, rules): RuledTable| {
            let named = move |rule| (table.name.clone(), rule);
            rules.into_iter().map(named)
        };
        let of_document: [crate::config::Rule; 4] = [
            fits::objective_latent_and_prior_fit,
            fits::a_kl_is_there_to_be_weighed,
            fits::labels_are_told_where_they_can_be,
            fits::codes_have_no_dense_layers,
        ];
        let of_document = of_document.map(|rule| (String::new(), rule.into()));
        let of_tables = Spec::tables().into_iter().flat_map(of_table);
        of_tables.chain(of_document).collect()
    });
    &RULES
}

/// The spec as TOML, ready to be run again as it is.
///
/// Reading it back gives exactly the spec. Paths are absolute. The text ends with a line break.
pub fn resolved_toml(spec: &Spec) -> String {
    let head = "# What ran: every default and override filled in. Runnable again as it is.\n";
    head.to_owned() + &write::to_toml(schema(), &spec.write())
}

/// The settings that are set and have a meaning, by dotted key.
pub fn settings_of(spec: &Spec) -> Vec<(String, Value)> {
    write::settings(schema(), &spec.write())
}
