//! A capture that is verified.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A capture whose shares are hashed again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// Name of the capture below the folder of captures, or that of a job's, such as `jobs/3-1/capture.sqlite`.
    pub capture: String,
}
