//! What is shown of the points of one equipment. Thousands change in a second, so whoever tells of one notes where it is
//! shown, and finds it there the next time.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::views::PointView;
use crate::language::{Words, troubles};
use crate::record::PointDef;

#[derive(Debug, Clone, Default)]
pub struct PointViews(Vec<(Arc<PointDef>, PointView)>);

impl PointViews {
    pub fn make_room(&mut self, points: usize) {
        self.0.reserve_exact(points.saturating_sub(self.0.len()));
    }

    /// What is shown of a point: where it was the last time, or by its name, or from now on.
    pub fn entry(
        &mut self,
        noted: &mut Option<u32>,
        def: &Arc<PointDef>,
        first: impl FnOnce() -> PointView,
    ) -> &mut PointView {
        let is_it = |shown: &(Arc<PointDef>, PointView)| shown.0.name == def.name;
        let place = noted
            .map(|place| place as usize)
            .filter(|place| self.0.get(*place).is_some_and(is_it))
            .or_else(|| self.0.iter().position(is_it))
            .unwrap_or_else(|| {
                self.0.push((Arc::clone(def), first()));
                self.0.len() - 1
            });
        *noted = u32::try_from(place).ok();
        &mut self.0[place].1
    }
}

/// A point as it is looked at.
#[derive(Serialize, utoipa::ToSchema)]
pub struct WordedPoint<'a> {
    #[serde(flatten)]
    #[schema(value_type = PointView)]
    view: &'a PointView,
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_words: Option<Words>,
}

impl<'a> WordedPoint<'a> {
    fn of(def: &'a PointDef, view: &'a PointView) -> Self {
        Self {
            view,
            unit: def.unit.as_deref(),
            reason_words: view.reason.as_deref().map(troubles::worded),
        }
    }
}

/// By name, in the order of the names.
impl Serialize for PointViews {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .map(|(def, view)| (&def.name, WordedPoint::of(def, view)))
            .collect();
        all.sort_unstable_by_key(|(name, _)| *name);
        serializer.collect_map(all)
    }
}
