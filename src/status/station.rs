//! What a station's screen shows.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::language::Language;
use crate::record::{DefectKind, Feedback, FeedbackKind};

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct StationView {
    pub state: &'static str,
    pub equipment: Option<String>,
    pub worker_no: Option<String>,
    pub worker_name: Option<String>,
    /// Everyone who is signed on, the one above first.
    pub crew: Vec<String>,
    /// What the one above has reported today, here and elsewhere.
    pub today: Option<TodayView>,
    pub order_no: Option<String>,
    /// All orders of the run, the one above first.
    pub orders: Vec<String>,
    pub product_code: Option<String>,
    pub product_name: Option<String>,
    pub process_code: Option<String>,
    pub process_name: Option<String>,
    pub order_quantity: Option<Decimal>,
    pub completed_quantity: Option<Decimal>,
    /// Good pieces of the process at hand, by whoever made them, as well as this gateway knows.
    pub process_quantity: Option<Decimal>,
    /// Reported at this station for the job at hand.
    pub qualified_quantity: Decimal,
    pub unqualified_quantity: Decimal,
    pub last_feedback: Option<StampedFeedback>,
    /// What the dialogue expects next, as a sentence.
    pub expects: String,
    /// The inspection that goes on at the job at hand.
    pub inspection: Option<InspectionView>,
    /// What was begun and waits for its other half.
    pub asked: Option<AskedView>,
    /// The scans that would not be refused now.
    pub accepts: Vec<Accepts>,
    /// The reasons that would do, where one is accepted.
    pub reasons: Vec<ReasonView>,
    /// The last scans with their answers, the newest first.
    pub scans: Vec<ScanView>,
    /// Of what the station says.
    pub language: Language,
    pub unverified: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StampedFeedback {
    #[serde(flatten)]
    pub feedback: Feedback,
    pub at: String,
}

/// What was noted so far of the pieces that are being inspected.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct InspectionView {
    /// Absent while an inspector's badge is waited for.
    pub checker_no: Option<String>,
    pub checker_name: Option<String>,
    /// Absent while the number of inspected pieces is waited for.
    pub check_quantity: Option<Decimal>,
    pub unqualified_quantity: Decimal,
    pub faults: Vec<NotedFault>,
}

#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct NotedFault {
    pub reason: String,
    pub quantity: Decimal,
    /// What is done with the pieces; absent while that is not decided.
    pub kind: Option<DefectKind>,
}

/// What one worker has reported on this production day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TodayView {
    pub qualified_quantity: Decimal,
    pub unqualified_quantity: Decimal,
    pub work_hours: Decimal,
}

/// One scan and its answer.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct ScanView {
    /// Without control characters, and not all of a long one.
    pub scanned: String,
    /// Of a page's scan.
    pub scan_id: Option<Uuid>,
    #[serde(flatten)]
    pub answer: StampedFeedback,
}

/// One kind of scan that has its place now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Accepts {
    /// `badge`, `order`, `operation`, `quantity`, `keyed`, `piece`, `reason`, `machine`, or a command by its name: `start`, `done` …
    pub scan: String,
    /// The code of a command or of the station's machine; of others what stands in front of what is keyed in. Pieces have codes
    /// of their own.
    pub code: String,
    /// How it would be answered.
    pub kind: FeedbackKind,
}

/// What was begun and waits for its other half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AskedView {
    /// `quantity`, `reason`, `confirm` or `operation`.
    pub what: &'static str,
    /// What the question is about: `good`, `scrap` and other kinds; `inspected`, `faulty`; `stop`; `switch`, `over`, `short`, `undo`,
    /// `complete`, `discard`.
    pub about: Option<&'static str>,
    /// What was keyed in so far, or what a reason is asked for.
    pub quantity: Option<Decimal>,
    pub order_no: Option<String>,
    /// A supervisor has to scan their badge first.
    pub needs_approval: bool,
    /// Dropped when it is not answered by then.
    pub until: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ReasonView {
    pub code: String,
    pub name: String,
    pub kind: String,
}
